"""The demo store's OpenID provider: what it refuses, and that HashCart's sign-in and it understand each other."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from hashcart.domain.account_links import StoreAccount
from hashcart.domain.sign_in import SignInRefusedError, code_challenge
from hashcart.http import HttpClient
from hashcart.identity.oidc import KEYS_REREAD_MS, OpenIdSignIn
from local.demo_store.app import DemoStore
from local.demo_store.openid import CODE_SECONDS, TOKEN_SECONDS
from local.settings import STORE_CLIENT_ID, STORE_CLIENT_SECRET
from tests.fakes.internet import Internet, Request
from tests.fakes.secrets import secret
from tests.fakes.x_simulator_world import Clock as Seconds
from tests.fakes.x_simulator_world import InLoop, LoopThread

BACK = "http://cart.localhost:8402/link/store/back"
ISSUER = "http://127.0.0.1:8401"
VERIFIER = "v" * 43
ASKED = {
    "response_type": "code",
    "client_id": STORE_CLIENT_ID,
    "redirect_uri": BACK,
    "scope": "openid email profile",
    "state": "state",
    "nonce": "nonce",
    "code_challenge": code_challenge(VERIFIER),
    "code_challenge_method": "S256",
}
CLIENT = (STORE_CLIENT_ID, STORE_CLIENT_SECRET)


class Shop:
    """The shop in process, and HashCart's sign-in, whose calls go there."""

    def __init__(self, client: httpx.Client, store: DemoStore) -> None:
        self.client = client
        self.seconds = Seconds()
        store.sign_in._now = self.seconds
        self.internet = Internet()
        for method, path in (
            ("GET", "/.well-known/openid-configuration"),
            ("GET", "/openid/keys"),
            ("GET", "/openid/userinfo"),
            ("POST", "/openid/token"),
        ):
            self.internet.routes[f"{method} {ISSUER}{path}"] = self.forward
        credentials = secret(json.dumps({"client_id": STORE_CLIENT_ID, "client_secret": STORE_CLIENT_SECRET}))
        self.sign_in = OpenIdSignIn(
            HttpClient(self.internet),  # type: ignore[arg-type]
            ISSUER,
            credentials,
            lambda: int(self.seconds.now * 1000),
        )

    def forward(self, request: Request) -> Any:
        headers = {**request.headers, "host": "127.0.0.1:8401"}
        answer = self.client.request(request.method, request.path, headers=headers, content=request.body)
        return answer.status_code, answer.content

    def choose(self, customer: str = "ada", **changes: str) -> dict[str, str]:
        form = {**ASKED, "customer": customer, "decision": "approve", **changes}
        answer = self.client.post("/openid/authorize", data=form)
        assert answer.status_code == 302, answer.text
        assert answer.headers["location"].startswith(BACK + "?")
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    def exchange(self, code: str, auth: Any = CLIENT, **changes: str) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": BACK,
            "code_verifier": VERIFIER,
            **changes,
        }
        return self.client.post("/openid/token", data=form, auth=auth)

    def complete(self, code: str, nonce: str = "nonce") -> StoreAccount:
        return self.sign_in.complete(code=code, code_verifier=VERIFIER, nonce=nonce, redirect_uri=BACK)


@pytest.fixture
def shop() -> Iterator[Shop]:
    loop = LoopThread()
    store = DemoStore(8401)
    with httpx.Client(transport=InLoop(store.app(), loop), base_url="http://store.localhost:8401") as client:
        yield Shop(client, store)
    loop.stop()


def test_hashcart_signs_a_customer_in(shop: Shop) -> None:
    url = shop.sign_in.authorization_url(
        state="state", nonce="nonce", code_challenge=code_challenge(VERIFIER), redirect_uri=BACK, language="en"
    )
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}" == "http://store.localhost:8401"
    page = shop.client.get(f"{parts.path}?{parts.query}")
    assert page.status_code == 200
    assert "Ada Bright" in page.text
    assert "form-action 'self' http://cart.localhost:8402" in page.headers["content-security-policy"]
    form = {name: values[0] for name, values in parse_qs(parts.query).items()}
    back = shop.choose("ada", **form)
    assert back["state"] == "state"
    assert shop.complete(back["code"]) == StoreAccount(ISSUER, "ada", "Ada Bright", "ada@example.com")
    assert shop.complete(shop.choose("noor")["code"]) == StoreAccount(ISSUER, "noor", "Noor Aziz")


def test_a_customer_may_say_no(shop: Shop) -> None:
    assert shop.choose(decision="deny") == {"error": "access_denied", "state": "state"}


def test_rotated_keys_are_followed(shop: Shop) -> None:
    shop.complete(shop.choose()["code"])
    kids = [key["kid"] for key in shop.client.post("/simulator/rotate-keys").json()["keys"]]
    assert len(kids) == 2
    with pytest.raises(SignInRefusedError, match="id_token_key"):
        shop.complete(shop.choose()["code"])
    shop.seconds.now += KEYS_REREAD_MS / 1000
    assert shop.complete(shop.choose()["code"]).subject == "ada"


def test_a_code_works_once_and_for_its_sign_in_alone(shop: Shop) -> None:
    code = shop.choose()["code"]
    shop.complete(code)
    with pytest.raises(SignInRefusedError, match="code_refused"):
        shop.complete(code)
    with pytest.raises(SignInRefusedError, match="id_token_nonce"):
        shop.complete(shop.choose()["code"], nonce="another")


def test_codes_and_tokens_expire(shop: Shop) -> None:
    late = shop.choose()["code"]
    shop.seconds.now += CODE_SECONDS
    assert shop.exchange(late).json() == {"error": "invalid_grant"}
    token = shop.exchange(shop.choose()["code"]).json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    assert shop.client.get("/openid/userinfo", headers=headers).json() == {
        "sub": "ada",
        "name": "Ada Bright",
        "email": "ada@example.com",
        "email_verified": True,
    }
    shop.seconds.now += TOKEN_SECONDS
    assert shop.client.get("/openid/userinfo", headers=headers).status_code == 401
    assert shop.client.get("/openid/userinfo").status_code == 401


@pytest.mark.parametrize(
    "changes", [{"code_verifier": "w" * 43}, {"code_verifier": ""}, {"redirect_uri": BACK + "/"}, {"code": "guessed"}]
)
def test_a_code_is_worth_nothing_without_what_belongs_to_it(shop: Shop, changes: dict[str, str]) -> None:
    code = shop.choose()["code"]
    assert shop.exchange(**{"code": code, **changes}).json() == {"error": "invalid_grant"}


@pytest.mark.parametrize("auth", [None, ("other", STORE_CLIENT_SECRET), (STORE_CLIENT_ID, "wrong")])
def test_only_the_client_gets_tokens(shop: Shop, auth: Any) -> None:
    code = shop.choose()["code"]
    assert shop.exchange(code, auth=auth).status_code == 401
    posted = {"client_id": STORE_CLIENT_ID, "client_secret": STORE_CLIENT_SECRET}
    assert shop.exchange(code, auth=None, **posted).status_code == 200


def test_malformed_credentials_are_nobodys(shop: Shop) -> None:
    for header in ("Basic !", "Basic " + "/w==", "Bearer x"):
        assert shop.client.post("/openid/token", headers={"authorization": header}).status_code == 401


def test_there_is_one_kind_of_grant(shop: Shop) -> None:
    answer = shop.exchange("code", grant_type="password")
    assert (answer.status_code, answer.json()) == (400, {"error": "unsupported_grant_type"})


@pytest.mark.parametrize(
    "changes", [{"client_id": "other"}, {"redirect_uri": "http://evil.test/"}, {"redirect_uri": BACK + "?a"}]
)
def test_nobody_is_sent_to_where_the_client_has_not_registered(shop: Shop, changes: dict[str, str]) -> None:
    asked = {**ASKED, **changes}
    assert shop.client.get("/openid/authorize", params=asked).status_code == 400
    decided = {**asked, "customer": "ada", "decision": "approve"}
    assert shop.client.post("/openid/authorize", data=decided).status_code == 400


def test_nobody_signs_in_as_a_stranger(shop: Shop) -> None:
    answer = shop.client.post("/openid/authorize", data={**ASKED, "customer": "mallory", "decision": "approve"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"response_type": "token"},
        {"scope": "email"},
        {"scope": "openid admin"},
        {"code_challenge_method": "plain"},
        {"code_challenge": "short"},
        {"state": "s" * 501},
        {"nonce": "n" * 501},
    ],
)
def test_other_mistakes_are_told_to_the_client(shop: Shop, changes: dict[str, str]) -> None:
    asked = {**ASKED, **changes}
    shown = shop.client.get("/openid/authorize", params=asked)
    assert shown.status_code == 302
    assert "error=invalid_request" in shown.headers["location"]
    assert shop.choose(**changes)["error"] == "invalid_request"


def test_another_sites_page_cannot_sign_anybody_in(shop: Shop) -> None:
    headers = {"origin": "http://evil.test"}
    form = {**ASKED, "customer": "ada", "decision": "approve"}
    assert shop.client.post("/openid/authorize", data=form, headers=headers).status_code == 403
