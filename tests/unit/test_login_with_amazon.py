"""Login with Amazon, against answers as Amazon's guide shows them, and against all others."""

import json
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from urllib3.exceptions import ReadTimeoutError

from hashcart.domain.account_links import StoreAccount
from hashcart.domain.sign_in import SignInRefusedError
from hashcart.http import HttpClient
from hashcart.identity.login_with_amazon import ISSUER, PROFILE_URL, TOKEN_URL, LoginWithAmazon
from hashcart.identity.protocol import SignInUnavailableError
from tests.fakes.internet import Internet
from tests.fakes.secrets import secret

BACK = "https://cart.shop.test/link/store/back"
TOKENS = {"access_token": "Atza|token", "token_type": "bearer", "expires_in": 3600, "refresh_token": "Atzr|x"}
PROFILE = {"user_id": "amzn1.account.K2LI23KL2LK2", "email": "john@example.com", "name": "John Doe"}
TIMEOUT = ReadTimeoutError(None, "/", "late")  # type: ignore[arg-type]


@pytest.fixture
def internet() -> Internet:
    internet = Internet()
    internet.answer(f"POST {TOKEN_URL}", (200, TOKENS))
    internet.answer(f"GET {PROFILE_URL}", (200, PROFILE))
    return internet


def sign_in(internet: Internet) -> LoginWithAmazon:
    credentials = secret(json.dumps({"client_id": "amzn1.app", "client_secret": "shh"}))
    return LoginWithAmazon(HttpClient(internet), credentials)  # type: ignore[arg-type]


def complete(internet: Internet) -> StoreAccount:
    return sign_in(internet).complete(code="code", code_verifier="verifier", nonce="", redirect_uri=BACK)


def test_the_browser_is_sent_to_amazon(internet: Internet) -> None:
    url = sign_in(internet).authorization_url(
        state="state", nonce="nonce", code_challenge="challenge", redirect_uri=BACK, language="fr"
    )
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://www.amazon.com/ap/oa"
    assert parse_qs(parts.query) == {
        "response_type": ["code"],
        "client_id": ["amzn1.app"],
        "redirect_uri": [BACK],
        "scope": ["profile"],
        "state": ["state"],
        "code_challenge": ["challenge"],
        "code_challenge_method": ["S256"],
    }


def test_the_profile_names_the_account_without_an_address_that_nobody_has_verified(internet: Internet) -> None:
    assert complete(internet) == StoreAccount(ISSUER, "amzn1.account.K2LI23KL2LK2", "John Doe", None)
    exchange, profile = internet.requests
    assert dict(parse_qsl(exchange.body.decode())) == {
        "grant_type": "authorization_code",
        "code": "code",
        "redirect_uri": BACK,
        "code_verifier": "verifier",
        "client_id": "amzn1.app",
        "client_secret": "shh",
    }
    assert profile.headers["authorization"] == "Bearer Atza|token"


@pytest.mark.parametrize(
    ("route", "answer"),
    [
        (f"POST {TOKEN_URL}", (400, {"error": "invalid_grant", "error_description": "…"})),
        (f"POST {TOKEN_URL}", (400, b"")),
        (f"GET {PROFILE_URL}", (400, {"error": "invalid_token"})),
        (f"GET {PROFILE_URL}", (401, {"error": "insufficient_scope"})),
    ],
)
def test_what_amazon_refuses_is_final(internet: Internet, route: str, answer: Any) -> None:
    internet.answer(route, answer)
    with pytest.raises(SignInRefusedError):
        complete(internet)


@pytest.mark.parametrize(
    ("route", "answer"),
    [
        (f"POST {TOKEN_URL}", (401, {"error": "invalid_client"})),
        (f"POST {TOKEN_URL}", (500, {"error": "ServerError"})),
        (f"POST {TOKEN_URL}", (503, b"<html>")),
        (f"POST {TOKEN_URL}", TIMEOUT),
        (f"POST {TOKEN_URL}", (200, {"access_token": ""})),
        (f"POST {TOKEN_URL}", (200, {"access_token": "a\r\nb"})),
        (f"GET {PROFILE_URL}", (500, {})),
        (f"GET {PROFILE_URL}", (429, {})),
        (f"GET {PROFILE_URL}", TIMEOUT),
        (f"GET {PROFILE_URL}", (302, {}, {"location": "https://evil.test"})),
        (f"GET {PROFILE_URL}", (200, [])),
        (f"GET {PROFILE_URL}", (200, {"name": "John"})),
        (f"GET {PROFILE_URL}", (200, {"user_id": "x" * 256})),
        (f"GET {PROFILE_URL}", (200, {"user_id": "джон"})),
    ],
)
def test_what_amazon_does_not_answer_may_be_tried_again(internet: Internet, route: str, answer: Any) -> None:
    internet.answer(route, answer)
    with pytest.raises(SignInUnavailableError):
        complete(internet)
