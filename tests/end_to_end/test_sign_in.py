"""Both sign-ins over real connections: the demo store's OpenID provider, and the simulator of X."""

import json
import time
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from hashcart.domain.account_links import StoreAccount
from hashcart.domain.sign_in import (
    STORE_CALLBACK_PATH,
    X_CALLBACK_PATH,
    SignInRefusedError,
    code_challenge,
    random_token,
)
from hashcart.http import HttpClient
from hashcart.identity.oidc import KEYS_REREAD_MS, OpenIdSignIn
from hashcart.social.x.sign_in import XSignIn
from local.settings import LOGIN_CLIENT_ID, LOGIN_CLIENT_SECRET, STORE_CLIENT_ID, STORE_CLIENT_SECRET
from tests.end_to_end.conftest import CLEO, World
from tests.fakes.secrets import secret


def approve(url: str, choice: dict[str, str]) -> dict[str, str]:
    """Open the page, choose, and return what the browser would come back with."""
    # A browser resolves every name below localhost to this machine; httpx does not.
    parts = urlsplit(url)
    here = f"http://127.0.0.1:{parts.port}{parts.path}"
    page = httpx.get(f"{here}?{parts.query}", trust_env=False)
    assert page.status_code == 200
    form = {**dict(parse_qsl(parts.query)), **choice, "decision": "approve"}
    answer = httpx.post(here, data=form, trust_env=False)
    assert answer.status_code == 302
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


class Clock:
    """The machine's clock, a little ahead where a test says so."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms


def test_a_customer_signs_in_at_the_demo_store(world: World) -> None:
    issuer = world.settings.store_base_url
    back = world.settings.cart_site_url + STORE_CALLBACK_PATH
    credentials = secret(json.dumps({"client_id": STORE_CLIENT_ID, "client_secret": STORE_CLIENT_SECRET}))
    clock = Clock()
    sign_in = OpenIdSignIn(HttpClient(), issuer, credentials, clock)

    def sign_in_as(customer: str) -> StoreAccount:
        state, nonce, verifier = random_token(), random_token(), random_token()
        url = sign_in.authorization_url(
            state=state, nonce=nonce, code_challenge=code_challenge(verifier), redirect_uri=back, language="en"
        )
        answer = approve(url, {"customer": customer})
        assert answer["state"] == state
        account = sign_in.complete(code=answer["code"], code_verifier=verifier, nonce=nonce, redirect_uri=back)
        with pytest.raises(SignInRefusedError, match="code_refused"):
            sign_in.complete(code=answer["code"], code_verifier=verifier, nonce=nonce, redirect_uri=back)
        return account

    assert sign_in_as("ada") == StoreAccount(issuer, "ada", "Ada Bright", "ada@example.com")
    httpx.post(f"{issuer}/simulator/rotate-keys", trust_env=False).raise_for_status()
    clock.ahead_ms = KEYS_REREAD_MS
    assert sign_in_as("noor") == StoreAccount(issuer, "noor", "Noor Aziz")


def test_a_shopper_signs_in_with_x(world: World) -> None:
    back = world.settings.cart_site_url + X_CALLBACK_PATH
    credentials = secret(json.dumps({"client_id": LOGIN_CLIENT_ID, "client_secret": LOGIN_CLIENT_SECRET}))
    sign_in = XSignIn(HttpClient(), world.settings.x_url.rstrip("/"), world.settings.x_api_base_url, credentials)
    verifier = random_token()
    url = sign_in.authorization_url(state="state", code_challenge=code_challenge(verifier), redirect_uri=back)
    code = approve(url, {"account": CLEO})["code"]
    profile = sign_in.complete(code=code, code_verifier=verifier, redirect_uri=back)
    assert (profile.user_id, profile.handle, profile.protected) == (CLEO, "cleo_private", True)
    assert profile.avatar_url == f"{world.settings.x_url}avatars/{CLEO}.svg"
    with pytest.raises(SignInRefusedError, match="code_refused"):
        sign_in.complete(code=code, code_verifier=verifier, redirect_uri=back)
