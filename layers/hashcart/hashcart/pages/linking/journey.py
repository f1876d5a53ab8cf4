"""What a sign-in keeps in the session until it goes on: what was sent along, who came back, what was agreed to."""

from dataclasses import asdict
from typing import Any

from hashcart.domain.account_links import EmailChoice, XProfile
from hashcart.domain.sign_in import random_token
from hashcart.pages.kit.browser import Browser
from hashcart.pages.kit.routes import is_return_path
from hashcart.use_cases.link_accounts import Consent

SIGN_IN, PROFILE, CONSENT, ADDRESS = "sign_in", "profile", "consent", "address"
SIGN_IN_LIFE_MS = 10 * 60 * 1000
"""How long somebody may take at the store or at X."""

PROFILE_LIFE_MS = 30 * 60 * 1000
"""How long a sign-in with X counts as the proof that somebody owns the profile."""

STORE, X = "store", "x"


class Journey:
    """A browser's way through sign-ins. Everything here ends with the session, most of it within minutes."""

    def __init__(self, browser: Browser, now_ms: int) -> None:
        self._browser = browser
        self._now_ms = now_ms

    def begin(self, step: str, return_path: str) -> dict[str, str]:
        """Keep a new state, nonce and code verifier for a sign-in at the store or at X; an earlier one is void."""
        begun = {"step": step, "state": random_token(), "nonce": random_token(), "verifier": random_token()}
        self._browser.keep(SIGN_IN, {**begun, "return": return_path, "at_ms": self._now_ms})
        return begun

    def come_back(self, step: str, state: str) -> dict[str, Any] | None:
        """What was kept for the sign-in of this state, once; None if it was used, is not this browser's, or is old."""
        kept = self._browser.value(SIGN_IN)
        if kept is None or kept["step"] != step or not state:
            return None
        taken = self._browser.take(SIGN_IN, field="state", expected=state)
        return dict(taken) if taken is not None and self._is_fresh(taken, SIGN_IN_LIFE_MS) else None

    @property
    def return_path(self) -> str:
        """Where somebody wanted to go before all this."""
        kept = self._browser.value(SIGN_IN) or self._browser.value(PROFILE)
        return local_path(str(kept["return"])) if kept is not None else "/cart"

    def keep_profile(self, profile: XProfile, return_path: str) -> None:
        """Keep whom X has named, until the shopper agrees."""
        self._browser.keep(PROFILE, {**asdict(profile), "return": return_path, "at_ms": self._now_ms})

    @property
    def profile(self) -> XProfile | None:
        """Whom X has named, if that is not too long ago."""
        kept = self._browser.value(PROFILE)
        if kept is None or not self._is_fresh(kept, PROFILE_LIFE_MS):
            return None
        return XProfile(**{name: kept[name] for name in ("user_id", "handle", "name", "avatar_url", "protected")})

    def keep_address(self, address: str | None) -> None:
        """Keep the verified address that the store has named, until it is known whether it is wanted."""
        if address is not None:
            self._browser.keep(ADDRESS, {"email": address, "at_ms": self._now_ms})

    @property
    def address(self) -> str | None:
        """The verified address of this sign-in, while it may still be wanted."""
        kept = self._browser.value(ADDRESS)
        return str(kept["email"]) if kept is not None and self._is_fresh(kept, PROFILE_LIFE_MS) else None

    def keep_consent(self, consent: Consent, owner: str) -> None:
        """Keep what was agreed to, until it is confirmed that the profile leaves its owner."""
        self._browser.keep(CONSENT, {**asdict(consent), "owner": owner, "at_ms": self._now_ms})

    @property
    def consent(self) -> tuple[Consent, str] | None:
        """What was agreed to, and whom the profile would leave."""
        kept = self._browser.value(CONSENT)
        if kept is None or not self._is_fresh(kept, PROFILE_LIFE_MS):
            return None
        fields = {name: value for name, value in kept.items() if name not in ("owner", "at_ms", "email")}
        return Consent(**fields, email=EmailChoice(kept["email"])), str(kept["owner"])

    def end(self) -> None:
        """Forget it all."""
        for name in (SIGN_IN, PROFILE, CONSENT, ADDRESS):
            self._browser.drop(name)

    def _is_fresh(self, kept: Any, life_ms: int) -> bool:
        return 0 <= self._now_ms - int(kept["at_ms"]) < life_ms


def local_path(path: str) -> str:
    """A path to return to, or the cart if it is none of ours."""
    return path if is_return_path(path) else "/cart"
