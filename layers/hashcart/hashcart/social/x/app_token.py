"""Calls with the app's own token, which is read again when X does not take it."""

from collections.abc import Callable

from hashcart.secrets import Secret
from hashcart.social.x.client import TokenRejectedError


def with_app_token[T](app_secret: Secret, call: Callable[[str], T]) -> T:
    """What `call` makes of the app's bearer token. Raises what it raises, and SecretUnavailableError."""
    try:
        return call(app_secret.text("bearer_token"))
    except TokenRejectedError:
        if app_secret.reread() is None:
            raise
        return call(app_secret.text("bearer_token"))
