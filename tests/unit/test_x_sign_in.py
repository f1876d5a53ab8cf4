"""Sign in with X."""

import json
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from urllib3.exceptions import ReadTimeoutError
from urllib3.util import make_headers

from hashcart.domain.account_links import XProfile
from hashcart.domain.sign_in import SignInRefusedError
from hashcart.http import HttpClient
from hashcart.social.x.client import XUnavailableError
from hashcart.social.x.sign_in import XSignIn
from tests.fakes.internet import Internet
from tests.fakes.secrets import secret

SITE, API = "https://x.test", "https://api.x.test"
BACK = "https://cart.shop.test/link/x/back"
TOKENS = {"token_type": "bearer", "expires_in": 7200, "access_token": "token", "scope": "tweet.read users.read"}
AVATAR = "https://pbs.twimg.com/profile_images/1/ada_normal.png"
ME = {"id": "222", "username": "ada_shops", "name": "Ada\u202e Bright", "profile_image_url": AVATAR, "protected": True}
TOKEN_ROUTE, ME_ROUTE = f"POST {API}/2/oauth2/token", f"GET {API}/2/users/me"
TIMEOUT = ReadTimeoutError(None, "/", "late")  # type: ignore[arg-type]


@pytest.fixture
def internet() -> Internet:
    internet = Internet()
    internet.answer(TOKEN_ROUTE, (200, TOKENS))
    internet.answer(ME_ROUTE, (200, {"data": ME}))
    return internet


def sign_in(internet: Internet) -> XSignIn:
    credentials = secret(json.dumps({"client_id": "client", "client_secret": "shh"}))
    return XSignIn(HttpClient(internet), SITE, API, credentials)  # type: ignore[arg-type]


def complete(internet: Internet) -> XProfile:
    return sign_in(internet).complete(code="code", code_verifier="verifier", redirect_uri=BACK)


def test_the_browser_is_sent_to_x(internet: Internet) -> None:
    url = sign_in(internet).authorization_url(state="state", code_challenge="challenge", redirect_uri=BACK)
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{SITE}/i/oauth2/authorize"
    assert parse_qs(parts.query) == {
        "response_type": ["code"],
        "client_id": ["client"],
        "redirect_uri": [BACK],
        "scope": ["tweet.read users.read"],
        "state": ["state"],
        "code_challenge": ["challenge"],
        "code_challenge_method": ["S256"],
    }


def test_the_profile_is_identified_and_the_token_dropped(internet: Internet) -> None:
    assert complete(internet) == XProfile("222", "ada_shops", "Ada Bright", AVATAR, protected=True)
    exchange, me = internet.requests
    assert exchange.headers["authorization"] == make_headers(basic_auth="client:shh")["authorization"]
    assert dict(parse_qsl(exchange.body.decode())) == {
        "grant_type": "authorization_code",
        "code": "code",
        "redirect_uri": BACK,
        "code_verifier": "verifier",
    }
    assert (me.headers["authorization"], me.query) == (
        "Bearer token",
        {"user.fields": "name,profile_image_url,protected,username"},
    )


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        (AVATAR, True),
        (f"{SITE}/pictures/ada.svg", True),
        (None, False),
        (7, False),
        ("http://pbs.twimg.com/a.png", False),
        ("https://pbs.twimg.com.evil.test/a.png", False),
        ("https://pbs.twimg.com:8443/a.png", False),
        ("https://user@pbs.twimg.com/a.png", False),
        ("https://x.test.evil.test/a.png", False),
        ("https://evil.test/?https://pbs.twimg.com/", False),
        ("https://[", False),
        ("https://pbs.twimg.com/a b.png", False),
        ("https://pbs.twimg.com/" + "a" * 2048, False),
    ],
)
def test_only_xs_own_pictures_are_shown(internet: Internet, url: object, kept: bool) -> None:
    internet.answer(ME_ROUTE, (200, {"data": {**ME, "profile_image_url": url}}))
    assert complete(internet).avatar_url == (url if kept else None)


def test_a_profile_may_lack_what_is_not_needed(internet: Internet) -> None:
    internet.answer(ME_ROUTE, (200, {"data": {"id": "222", "username": "ada_shops"}}))
    assert complete(internet) == XProfile("222", "ada_shops")


@pytest.mark.parametrize(
    ("route", "answer"),
    [
        (TOKEN_ROUTE, (400, {"error": "invalid_request", "error_description": "Value passed was invalid."})),
        (TOKEN_ROUTE, (403, b"")),
        (ME_ROUTE, (401, {"title": "Unauthorized"})),
        (ME_ROUTE, (403, {"title": "Forbidden"})),
    ],
)
def test_what_x_refuses_is_final(internet: Internet, route: str, answer: Any) -> None:
    internet.answer(route, answer)
    with pytest.raises(SignInRefusedError) as refused:
        complete(internet)
    assert refused.value.reason in ("code_refused", "profile_refused")


@pytest.mark.parametrize(
    ("route", "answer"),
    [
        (TOKEN_ROUTE, (401, {"error": "unauthorized_client"})),
        (TOKEN_ROUTE, (429, {"errors": [{"code": 88}]})),
        (TOKEN_ROUTE, (503, b"<html>")),
        (TOKEN_ROUTE, TIMEOUT),
        (TOKEN_ROUTE, (200, b"<html>")),
        (TOKEN_ROUTE, (200, [])),
        (TOKEN_ROUTE, (200, {"access_token": "a\nb"})),
        (TOKEN_ROUTE, (200, {"access_token": 7})),
        (ME_ROUTE, (429, {})),
        (ME_ROUTE, (500, {})),
        (ME_ROUTE, TIMEOUT),
        (ME_ROUTE, (200, {})),
        (ME_ROUTE, (200, {"data": []})),
        (ME_ROUTE, (200, {"data": {**ME, "id": 222}})),
        (ME_ROUTE, (200, {"data": {**ME, "id": "２２２"}})),
        (ME_ROUTE, (200, {"data": {**ME, "id": "2" * 20}})),
        (ME_ROUTE, (200, {"data": {**ME, "username": ""}})),
        (ME_ROUTE, (200, {"data": {**ME, "username": "<b>" + " "}})),
        (ME_ROUTE, (200, {"data": {**ME, "username": None}})),
    ],
)
def test_what_x_does_not_answer_may_be_tried_again(internet: Internet, route: str, answer: Any) -> None:
    internet.answer(route, answer)
    with pytest.raises(XUnavailableError):
        complete(internet)
