"""Sign-in by OpenID Connect, against an issuer that lies in every way that matters."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlsplit

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util import parse_url

from hashcart.domain.account_links import StoreAccount
from hashcart.domain.sign_in import SignInRefusedError
from hashcart.http import MAX_ANSWER_BYTES, HttpClient
from hashcart.identity.oidc import ISSUER_LIFE_MS, KEYS_REREAD_MS, OpenIdSignIn
from hashcart.identity.protocol import SignInUnavailableError
from hashcart.identity.registry import open_sign_in
from hashcart.settings import SettingError
from tests.fakes.clock import NOW_MS, Clock
from tests.fakes.internet import Internet
from tests.fakes.issuer import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, ISSUER, NONCE, Issuer, ec_key, half_hash, sign
from tests.fakes.secrets import secret

BACK = "https://cart.shop.test/link/store/back"
NOW_S = NOW_MS // 1000
ADA = StoreAccount(ISSUER, "ada", "Ada Bright", "ada@example.com")


class World:
    def __init__(self, issuer: str = ISSUER) -> None:
        self.internet = Internet()
        self.issuer = Issuer(self.internet)
        self.clock = Clock()
        credentials = secret(json.dumps({"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}))
        self.sign_in = OpenIdSignIn(HttpClient(self.internet), issuer, credentials, self.clock)  # type: ignore[arg-type]

    def complete(self) -> StoreAccount:
        return self.sign_in.complete(code="code", code_verifier="verifier", nonce=NONCE, redirect_uri=BACK)

    def authorization_url(self) -> str:
        return self.sign_in.authorization_url(
            state="st ate", nonce=NONCE, code_challenge="challenge", redirect_uri=BACK, language="de"
        )

    def refusal(self) -> str:
        with pytest.raises(SignInRefusedError) as refused:
            self.complete()
        return refused.value.reason

    def unavailability(self) -> str:
        with pytest.raises(SignInUnavailableError) as unavailable:
            self.complete()
        return str(unavailable.value)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def rsa() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "rsa"})


def test_the_browser_is_sent_to_the_issuer_with_all_that_protects_the_sign_in(world: World) -> None:
    parts = urlsplit(world.authorization_url())
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{ISSUER}/authorize"
    assert parse_qs(parts.query) == {
        "response_type": ["code"],
        "client_id": [CLIENT_ID],
        "redirect_uri": [BACK],
        "scope": ["openid email profile"],
        "state": ["st ate"],
        "nonce": [NONCE],
        "code_challenge": ["challenge"],
        "code_challenge_method": ["S256"],
        "ui_locales": ["de"],
    }
    world.issuer.discover(authorization_endpoint=f"{ISSUER}/authorize?tenant=1")
    world.clock.now_ms += ISSUER_LIFE_MS
    assert world.authorization_url().startswith(f"{ISSUER}/authorize?tenant=1&response_type=code")


def test_a_good_token_names_the_customer(world: World) -> None:
    assert world.complete() == ADA
    [exchange] = [request for request in world.internet.requests if request.method == "POST"]
    assert dict(parse_qsl(exchange.body.decode())) == {
        "grant_type": "authorization_code",
        "code": "code",
        "redirect_uri": BACK,
        "code_verifier": "verifier",
    }
    authorization = parse_url_credentials(exchange.headers["authorization"])
    assert [unquote_plus(part) for part in authorization.split(":")] == [CLIENT_ID, CLIENT_SECRET]


def parse_url_credentials(header: str) -> str:
    return base64.b64decode(header.removeprefix("Basic ")).decode()


def test_the_client_is_named_in_the_form_where_the_issuer_wants_it_there(world: World) -> None:
    world.issuer.discover(token_endpoint_auth_methods_supported=["private_key_jwt", "client_secret_post"])
    assert world.complete() == ADA
    [exchange] = [request for request in world.internet.requests if request.method == "POST"]
    form = dict(parse_qsl(exchange.body.decode()))
    assert (form["client_id"], form["client_secret"]) == (CLIENT_ID, CLIENT_SECRET)
    assert "authorization" not in exchange.headers


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://other.test"}, "issuer"),
        ({"iss": ISSUER + "/"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"aud": "another client"}, "audience"),
        ({"aud": None}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": {"hash cart": 1}}, "audience"),
        ({"aud": [CLIENT_ID, "another client"]}, "audience"),
        ({"aud": [CLIENT_ID, "another client"], "azp": "another client"}, "audience"),
        ({"azp": "another client"}, "audience"),
        ({"exp": NOW_S - 61}, "expired"),
        ({"exp": None}, "expired"),
        ({"exp": True}, "expired"),
        ({"exp": "9999999999"}, "expired"),
        ({"exp": 10**400}, "expired"),
        ({"iat": NOW_S + 61}, "issued_in_the_future"),
        ({"iat": None}, "issued_in_the_future"),
        ({"nbf": NOW_S + 61}, "not_yet_valid"),
        ({"nbf": "soon"}, "not_yet_valid"),
        ({"nonce": "another sign-in's"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"nonce": "é"}, "nonce"),
        ({"at_hash": half_hash("another token")}, "at_hash"),
        ({"at_hash": 7}, "at_hash"),
        ({"sub": None}, "subject"),
        ({"sub": ""}, "subject"),
        ({"sub": 7}, "subject"),
        ({"sub": "a" * 256}, "subject"),
        ({"sub": "ада"}, "subject"),
    ],
)
def test_a_token_that_says_otherwise_is_refused(world: World, changes: dict[str, Any], reason: str) -> None:
    world.issuer.hand_out(world.issuer.id_token(**changes))
    assert world.refusal() == f"id_token_{reason}"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": [CLIENT_ID]},
        {"aud": [CLIENT_ID, "another client"], "azp": CLIENT_ID},
        {"azp": CLIENT_ID},
        {"exp": NOW_S - 59},
        {"exp": NOW_S + 0.5},
        {"iat": NOW_S + 59},
        {"nbf": NOW_S + 59},
        {"at_hash": half_hash(ACCESS_TOKEN)},
    ],
)
def test_what_is_within_the_rules_is_taken(world: World, changes: dict[str, Any]) -> None:
    world.issuer.hand_out(world.issuer.id_token(**changes))
    assert world.complete() == ADA


def unsigned(issuer: Issuer) -> str:
    _, payload, _ = issuer.id_token().split(".")
    return f"{encode({'alg': 'none'})}.{payload}."


def encode(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def signed_with_the_public_key(issuer: Issuer) -> str:
    """The attack on libraries that take any key for any algorithm."""
    key = issuer.keys[0]
    assert isinstance(key, ECKey)
    signed = f"{encode({'alg': 'HS256', 'kid': 'first'})}.{encode(issuer.claims())}"
    mac = hmac.digest(key.as_pem(private=False), signed.encode(), hashlib.sha256)
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def tampered(issuer: Issuer) -> str:
    header, _, signature = issuer.id_token().split(".")
    return f"{header}.{encode(issuer.claims(sub='ben'))}.{signature}"


def nested(_issuer: Issuer) -> str:
    payload = base64.urlsafe_b64encode(b'{"a":' * 2000 + b"1" + b"}" * 2000).rstrip(b"=").decode()
    return f"{encode({'alg': 'ES256', 'kid': 'first'})}.{payload}.AAAA"


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (unsigned, "algorithm"),
        (signed_with_the_public_key, "algorithm"),
        (lambda issuer: sign(issuer.claims(), OctKey.generate_key(256, {"kid": "first"}), "HS256"), "algorithm"),
        (lambda issuer: f"{encode({'alg': 7})}.e30.AAAA", "algorithm"),
        (tampered, "signature"),
        (nested, "signature"),
        (lambda issuer: sign(issuer.claims(), ec_key("first")), "signature"),
        (lambda issuer: sign(issuer.claims(), issuer.keys[0], crit=["exp"], exp=1), "signature"),
        (lambda issuer: sign(issuer.claims(), ec_key("unknown")), "key"),
        (lambda issuer: "a" * 16_384 + ".b.c", "too_long"),
        (lambda issuer: "a.b", "not_a_token"),
        (lambda issuer: "a" * 16_000, "not_a_token"),
    ],
)
def test_a_forged_token_is_refused(world: World, forge: Callable[[Issuer], str], reason: str) -> None:
    world.issuer.hand_out(forge(world.issuer))
    assert world.refusal() == f"id_token_{reason}"


def test_rsa_keys_are_taken_if_they_are_long_enough(world: World, rsa: RSAKey) -> None:
    world.issuer.keys = [rsa]
    world.issuer.publish_keys()
    for algorithm in ("RS256", "PS512"):
        world.issuer.hand_out(sign(world.issuer.claims(), rsa, algorithm, x_vendor="extra"))
        assert world.complete() == ADA


def test_a_key_is_used_only_for_what_it_is_published_for(world: World, rsa: RSAKey) -> None:
    public = {**rsa.as_dict(private=False), "kid": "first"}
    world.issuer.keys = []
    token = sign(world.issuer.claims(), RSAKey.import_key({**rsa.as_dict(private=True), "kid": "first"}), "RS256")
    world.issuer.hand_out(token)
    for entry in ({**public, "use": "enc"}, {**public, "alg": "PS256"}, {**public, "n": "AQAB"}, {"kty": "oct"}):
        world.issuer.publish_keys(entry)
        world.clock.now_ms += KEYS_REREAD_MS
        assert world.refusal() == "id_token_key"


@pytest.mark.parametrize(
    "entry",
    [{"kty": "AKP"}, {}, {"kty": "EC", "crv": "P-9"}, {"kty": "RSA", "n": 5}, {"kty": "RSA", "n": "!", "e": "!"}],
)
def test_a_key_that_cannot_be_read_does_not_hide_the_others(world: World, entry: dict[str, Any]) -> None:
    world.issuer.publish_keys(entry)
    assert world.complete() == ADA


def test_a_token_names_its_key_unless_there_is_no_choice(world: World) -> None:
    world.issuer.hand_out(sign(world.issuer.claims(), world.issuer.keys[0], kid=None))
    assert world.complete() == ADA
    world.issuer.keys.append(ec_key("second"))
    world.issuer.publish_keys()
    world.clock.now_ms += ISSUER_LIFE_MS
    assert world.refusal() == "id_token_key"


def test_new_keys_are_read_when_a_token_names_one(world: World) -> None:
    assert world.complete() == ADA
    world.issuer.keys.insert(0, ec_key("second"))
    world.issuer.publish_keys()
    world.issuer.hand_out(world.issuer.id_token())
    world.clock.now_ms += KEYS_REREAD_MS
    assert world.complete() == ADA
    assert world.issuer.asked_for("/keys") == 2
    assert world.complete() == ADA
    assert world.issuer.asked_for("/keys") == 2


def test_unknown_keys_do_not_make_us_ask_without_end(world: World) -> None:
    world.issuer.hand_out(sign(world.issuer.claims(), ec_key("unknown")))
    for _ in range(5):
        assert world.refusal() == "id_token_key"
    assert world.issuer.asked_for("/keys") == 1
    world.clock.now_ms += KEYS_REREAD_MS
    assert world.refusal() == "id_token_key"
    assert world.refusal() == "id_token_key"
    assert world.issuer.asked_for("/keys") == 2


def test_the_issuers_document_is_kept_for_an_hour(world: World) -> None:
    for _ in range(3):
        world.authorization_url()
    world.clock.now_ms += ISSUER_LIFE_MS - 1
    world.authorization_url()
    assert world.issuer.asked_for("/.well-known/openid-configuration") == 1
    world.clock.now_ms += 1
    world.authorization_url()
    assert world.issuer.asked_for("/.well-known/openid-configuration") == 2


@pytest.mark.parametrize(
    ("changes", "email"),
    [
        ({"email_verified": False}, None),
        ({"email_verified": None}, None),
        ({"email_verified": 1}, None),
        ({"email_verified": "true"}, "ada@example.com"),
        ({"email_verified": "false"}, None),
        ({"email": 7}, None),
        ({"email": "ada"}, None),
        ({"email": "ada@"}, None),
        ({"email": "a@b\r\nbcc: c@d"}, None),
        ({"email": "a@" + "b" * 300}, None),
    ],
)
def test_an_address_is_taken_if_the_store_has_verified_it(
    world: World, changes: dict[str, Any], email: str | None
) -> None:
    world.issuer.hand_out(world.issuer.id_token(**changes))
    assert world.complete().email == email


@pytest.mark.parametrize(
    ("name", "shown"), [(None, None), ("  ", None), (7, None), ("A\nda", "Ada"), ("A" * 999, "A" * 200)]
)
def test_a_name_is_shown_if_it_can_be(world: World, name: object, shown: str | None) -> None:
    world.issuer.hand_out(world.issuer.id_token(name=name))
    assert world.complete().name == shown


def test_userinfo_is_asked_only_for_what_the_token_leaves_out(world: World) -> None:
    world.complete()
    assert world.issuer.asked_for("/me") == 0
    world.issuer.hand_out(world.issuer.id_token(email=None, email_verified=None))
    assert world.complete().email == "u@example.com"
    asked = world.internet.requests[-1]
    assert (asked.path, asked.headers["authorization"]) == ("/me", f"Bearer {ACCESS_TOKEN}")
    world.internet.answer(f"GET {ISSUER}/me", (200, {"sub": "ben", "email": "b@example.com", "email_verified": True}))
    assert world.refusal() == "userinfo_subject"
    world.internet.answer(f"GET {ISSUER}/me", (403, {}))
    assert world.complete().email is None
    # What the token says of an address that it leaves out is not said of another.
    world.issuer.hand_out(world.issuer.id_token(email=None, email_verified=True))
    world.internet.answer(f"GET {ISSUER}/me", (200, {"sub": "ada", "email": "u@example.com"}))
    assert world.complete().email is None
    world.issuer.hand_out(world.issuer.id_token(email=None), access_token="broken\ntoken")
    assert world.complete().email is None
    world.issuer.discover(userinfo_endpoint=None)
    world.clock.now_ms += ISSUER_LIFE_MS
    world.issuer.hand_out(world.issuer.id_token(email=None, exp=NOW_S + 7200))
    assert world.complete().email is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((400, {"error": "invalid_grant"}), "code_refused"),
        ((400, b"<html>"), "code_refused"),
        ((404, []), "code_refused"),
    ],
)
def test_a_code_that_is_no_good_is_final(world: World, answer: Any, reason: str) -> None:
    world.internet.answer(f"POST {ISSUER}/token", answer)
    assert world.refusal() == reason


TIMEOUT = ReadTimeoutError(None, "/token", "late")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((401, {"error": "invalid_client"}), "the store does not accept the client"),
        ((400, {"error": "unauthorized_client"}), "the store does not accept the client"),
        ((500, {}), "status 500"),
        ((429, {}), "status 429"),
        ((302, {}, {"location": "https://evil.test/"}), "status 302"),
        (TIMEOUT, "ReadTimeoutError"),
        ((200, b"<html>"), "the answer is not JSON"),
        ((200, [1]), "the answer is not a JSON object"),
        ((200, b" " * (MAX_ANSWER_BYTES + 1)), "the answer is too long or too slow"),
        ((200, {}), "the answer holds no ID token"),
        ((200, {"id_token": 7}), "the answer holds no ID token"),
        ((200, {"id_token": "a" * 33_000}), "the answer holds no ID token"),
    ],
)
def test_a_token_endpoint_in_trouble_may_be_tried_again(world: World, answer: Any, reason: str) -> None:
    world.internet.answer(f"POST {ISSUER}/token", answer)
    assert world.unavailability() == reason


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://other.test"},
        {"issuer": None},
        {"token_endpoint": "http://login.shop.test/token"},
        {"token_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://user@login.shop.test/authorize"},
        {"authorization_endpoint": "https://["},
        {"jwks_uri": "file:///etc/passwd"},
        {"userinfo_endpoint": "ftp://login.shop.test/me"},
        {"token_endpoint_auth_methods_supported": ["private_key_jwt"]},
        {"token_endpoint_auth_methods_supported": "client_secret_basic"},
    ],
)
def test_a_document_that_cannot_be_trusted_ends_the_sign_in(world: World, changes: dict[str, Any]) -> None:
    world.issuer.discover(**changes)
    with pytest.raises(SignInUnavailableError):
        world.authorization_url()
    assert world.issuer.asked_for("/token") == 0


@pytest.mark.parametrize("answer", [(404, {}), (503, {}), (200, b"<html>"), HTTPError("no route")])
def test_an_issuer_that_does_not_answer_may_be_tried_again(world: World, answer: Any) -> None:
    world.internet.answer(f"GET {ISSUER}/.well-known/openid-configuration", answer)
    with pytest.raises(SignInUnavailableError):
        world.authorization_url()
    world.issuer.discover()
    assert world.authorization_url()


def test_http_is_for_this_machine_alone() -> None:
    with pytest.raises(SignInUnavailableError, match="not https"):
        World("http://login.shop.test").authorization_url()
    local = World("http://127.0.0.1:8401")
    address = "http://127.0.0.1:8401"
    local.internet.answer(
        f"GET {address}/.well-known/openid-configuration",
        (
            200,
            {
                "issuer": address,
                "authorization_endpoint": "http://store.localhost:8401/authorize",
                "token_endpoint": f"{address}/token",
                "jwks_uri": f"{address}/keys",
            },
        ),
    )
    local.internet.answer(f"GET {address}/keys", (200, {"keys": "none"}))
    assert parse_url(local.authorization_url()).host == "store.localhost"


def test_settings_choose_the_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    http, credentials = HttpClient(), secret("{}")
    monkeypatch.setenv("SIGN_IN_ISSUER", ISSUER)
    oidc = open_sign_in("oidc", credentials, http=http, clock_ms=Clock())
    assert isinstance(oidc, OpenIdSignIn)
    assert oidc.issuer == ISSUER
    amazon = open_sign_in("amazon", credentials, http=http, clock_ms=Clock())
    assert type(amazon).__name__ == "LoginWithAmazon"
    with pytest.raises(SettingError):
        open_sign_in("saml", credentials, http=http, clock_ms=Clock())
