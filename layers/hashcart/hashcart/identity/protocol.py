"""What the pages ask of a sign-in at the store."""

from typing import Protocol

from hashcart.domain.account_links import StoreAccount


class SignInUnavailableError(Exception):
    """The store's sign-in does not work at the moment; the message says why, without a secret."""


class StoreSignIn(Protocol):
    """Sign-in at the store: the browser is sent away, and comes back with a code."""

    def authorization_url(
        self, *, state: str, nonce: str, code_challenge: str, redirect_uri: str, language: str
    ) -> str:
        """Where to send the browser. `language` (such as `de`) is a wish. Raises SignInUnavailableError."""

    def complete(self, *, code: str, code_verifier: str, nonce: str, redirect_uri: str) -> StoreAccount:
        """Who has signed in, for the code that the browser came back with.

        Raises SignInRefusedError and SignInUnavailableError.
        """
