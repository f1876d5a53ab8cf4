"""OAuth 2.0 with PKCE, as X does it."""

import base64
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from hashcart.social.x.sign_in import PROFILE_FIELDS, SCOPES
from local.settings import BOT_CLIENT_ID, BOT_CLIENT_SECRET, BOT_REDIRECT_URI, LOGIN_CLIENT_ID, LOGIN_CLIENT_SECRET
from local.x_simulator.bot_sign_in import sign_bot_in
from local.x_simulator.oauth import AuthorizationRequest
from local.x_simulator.tokens import challenge_of
from tests.fakes.x_simulator_world import BASE, Clock, World, world

VERIFIER = "v" * 64
CLIENT = (BOT_CLIENT_ID, BOT_CLIENT_SECRET)
REQUEST = {
    "response_type": "code",
    "client_id": BOT_CLIENT_ID,
    "redirect_uri": BOT_REDIRECT_URI,
    "scope": "tweet.read users.read offline.access",
    "state": "state",
    "code_challenge": challenge_of(VERIFIER),
    "code_challenge_method": "S256",
}


def authorize(x: World, **changes: str) -> dict[str, list[str]]:
    data = {**REQUEST, "account": "900", "decision": "approve", **changes}
    response = x.client.post("/i/oauth2/authorize", data=data)
    assert response.status_code == 302, response.text
    assert response.headers["location"].startswith(BOT_REDIRECT_URI + "?")
    return parse_qs(urlsplit(response.headers["location"]).query)


def exchange(x: World, code: str, **changes: str) -> httpx.Response:
    data = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": BOT_REDIRECT_URI,
        "code_verifier": VERIFIER,
        **changes,
    }
    return x.client.post("/2/oauth2/token", data=data, auth=CLIENT)


def refresh(x: World, token: str) -> httpx.Response:
    return x.client.post("/2/oauth2/token", data={"grant_type": "refresh_token", "refresh_token": token}, auth=CLIENT)


def me(x: World, token: str) -> int:
    return x.client.get("/2/users/me", headers={"authorization": f"Bearer {token}"}).status_code


def test_the_page_offers_accounts_and_tells_what_is_asked(tmp_path: Path) -> None:
    with world(tmp_path) as x:
        page = x.client.get("/i/oauth2/authorize", params={**REQUEST, "account": "ada_shops"})
        default = x.client.get("/i/oauth2/authorize", params=REQUEST)
    assert 'value="222" checked' in page.text
    assert 'value="900" checked' in default.text
    assert "Read posts that you can see" in page.text
    assert "form-action 'self' http://127.0.0.1;" in page.headers["content-security-policy"] + ";"


def test_approval_leads_back_with_a_code_and_denial_without(tmp_path: Path) -> None:
    with world(tmp_path) as x:
        approved = authorize(x)
        denied = authorize(x, decision="deny")
    assert approved["state"] == denied["state"] == ["state"]
    assert "code" in approved
    assert denied["error"] == ["access_denied"]


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "other"},
        {"redirect_uri": BOT_REDIRECT_URI + "/"},
        {"response_type": "token"},
        {"code_challenge_method": "plain"},
        {"code_challenge": "short"},
        {"state": ""},
        {"state": "s" * 501},
        {"scope": ""},
        {"scope": "tweet.read everything"},
    ],
)
def test_a_bad_request_is_never_redirected(tmp_path: Path, changes: dict[str, str]) -> None:
    with world(tmp_path) as x:
        page = x.client.get("/i/oauth2/authorize", params={**REQUEST, **changes})
        decision = x.client.post("/i/oauth2/authorize", data={**REQUEST, **changes, "account": "900"})
    assert (page.status_code, decision.status_code) == (400, 400)
    assert "Something went wrong" in page.text


def test_an_unknown_account_is_refused(tmp_path: Path) -> None:
    with world(tmp_path) as x:
        response = x.client.post("/i/oauth2/authorize", data={**REQUEST, "account": "nobody"})
    assert response.status_code == 400


def test_a_code_works_once(tmp_path: Path) -> None:
    with world(tmp_path) as x:
        code = authorize(x)["code"][0]
        answer = exchange(x, code)
        document = answer.json()
        assert answer.headers["cache-control"] == "no-store"
        assert (document["token_type"], document["expires_in"]) == ("bearer", 7200)
        assert document["scope"] == REQUEST["scope"]
        assert me(x, document["access_token"]) == 200
        again = exchange(x, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_request")


def test_a_code_lives_thirty_seconds(tmp_path: Path) -> None:
    clock = Clock()
    with world(tmp_path, now=clock) as x:
        code = authorize(x)["code"][0]
        clock.now += 31
        assert exchange(x, code).status_code == 400


@pytest.mark.parametrize("changes", [{"redirect_uri": "http://other.test/"}, {"code_verifier": "w" * 64}])
def test_a_code_needs_its_redirect_and_verifier(tmp_path: Path, changes: dict[str, str]) -> None:
    with world(tmp_path) as x:
        assert exchange(x, authorize(x)["code"][0], **changes).status_code == 400


def test_an_access_token_lives_two_hours(tmp_path: Path) -> None:
    clock = Clock()
    with world(tmp_path, now=clock) as x:
        token = exchange(x, authorize(x)["code"][0]).json()["access_token"]
        clock.now += 7199
        assert me(x, token) == 200
        clock.now += 2
        assert me(x, token) == 401


def test_refresh_tokens_rotate_and_using_one_twice_ends_the_family(tmp_path: Path) -> None:
    with world(tmp_path) as x:
        first = exchange(x, authorize(x)["code"][0]).json()
        second = refresh(x, first["refresh_token"]).json()
        assert me(x, second["access_token"]) == 200
        assert refresh(x, first["refresh_token"]).status_code == 400
        assert me(x, second["access_token"]) == 401
        assert refresh(x, second["refresh_token"]).status_code == 400


def test_tokens_survive_a_restart(tmp_path: Path) -> None:
    with world(tmp_path) as x:
        tokens = exchange(x, authorize(x)["code"][0]).json()
    with world(tmp_path) as x:
        assert me(x, tokens["access_token"]) == 200
        assert refresh(x, tokens["refresh_token"]).status_code == 200


def test_without_offline_access_there_is_no_refresh_token(tmp_path: Path) -> None:
    with world(tmp_path) as x:
        document = exchange(x, authorize(x, scope="tweet.read users.read")["code"][0]).json()
    assert "refresh_token" not in document


def test_tokens_can_be_revoked(tmp_path: Path) -> None:
    with world(tmp_path) as x:
        tokens = exchange(x, authorize(x)["code"][0]).json()
        for token in (tokens["refresh_token"], "unknown"):
            assert x.client.post("/2/oauth2/revoke", data={"token": token}, auth=CLIENT).json() == {"revoked": True}
        assert me(x, tokens["access_token"]) == 401
        assert x.client.post("/2/oauth2/revoke", data={"token": "x"}).status_code == 401


@pytest.mark.parametrize(
    "authorization",
    ["", "Basic !", "Basic " + base64.b64encode(b"local-bot-client:wrong").decode(), "Bearer abc"],
)
def test_the_client_must_prove_itself(tmp_path: Path, authorization: str) -> None:
    with world(tmp_path) as x:
        response = x.client.post("/2/oauth2/token", headers={"authorization": authorization})
    assert (response.status_code, response.json()["error"]) == (401, "unauthorized_client")


def test_other_grants_are_not_supported(tmp_path: Path) -> None:
    with world(tmp_path) as x:
        response = x.client.post("/2/oauth2/token", data={"grant_type": "password"}, auth=CLIENT)
    assert response.json()["error"] == "unsupported_grant_type"


def test_a_redirect_keeps_the_query_that_it_has() -> None:
    asked = AuthorizationRequest("https://app.test/back?from=x", "tweet.read", "s", "c")
    assert asked.redirect(code="1") == "https://app.test/back?from=x&code=1&state=s"


class TestSigningTheBotIn:
    def test_it_gets_tokens(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            answer = sign_bot_in(BASE, client=x.client)
        assert answer["expires_in"] == 7200
        assert answer["refresh_token"]

    def test_a_refusal_is_raised(self, tmp_path: Path) -> None:
        with world(tmp_path) as x, pytest.raises(httpx.HTTPStatusError):
            sign_bot_in(BASE, client_id="other", client=x.client)

    def test_an_answer_for_another_state_is_not_trusted(self) -> None:
        def answer(_: httpx.Request) -> httpx.Response:
            return httpx.Response(302, headers={"location": "http://127.0.0.1/?state=other&code=1"})

        client: Any = httpx.Client(transport=httpx.MockTransport(answer))
        with client, pytest.raises(RuntimeError, match="no code"):
            sign_bot_in(BASE, client=client)


def test_shoppers_sign_in_through_a_client_of_their_own(tmp_path: Path) -> None:
    back = "http://cart.localhost:8402/link/x/back"
    login = {"client_id": LOGIN_CLIENT_ID, "redirect_uri": back, "scope": SCOPES, "account": "444"}
    with world(tmp_path) as x:
        shown = x.client.get("/i/oauth2/authorize", params={**REQUEST, **login})
        decided = x.client.post("/i/oauth2/authorize", data={**REQUEST, **login, "decision": "approve"})
        [code] = parse_qs(urlsplit(decided.headers["location"]).query)["code"]
        stolen = exchange(x, code, redirect_uri=back)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": VERIFIER}
        answer = x.client.post("/2/oauth2/token", data=form, auth=(LOGIN_CLIENT_ID, LOGIN_CLIENT_SECRET)).json()
        token = {"authorization": f"Bearer {answer['access_token']}"}
        me = x.client.get("/2/users/me", params={"user.fields": PROFILE_FIELDS}, headers=token).json()["data"]
        picture = x.client.get(urlsplit(me["profile_image_url"]).path)
        nobody = x.client.get("/avatars/1.svg")
    assert "form-action 'self' http://cart.localhost:8402" in shown.headers["content-security-policy"]
    assert stolen.status_code == 400, "a code is worth nothing to another client"
    assert "refresh_token" not in answer
    assert (me["id"], me["username"], me["protected"]) == ("444", "cleo_private", True)
    assert me["profile_image_url"].startswith("http://x.localhost:8400/")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/svg+xml")
    assert picture.headers["cross-origin-resource-policy"] == "cross-origin"
    assert nobody.status_code == 404
