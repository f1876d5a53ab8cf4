"""OAuth 1.0a, by the example of X's own pages ("Creating a signature")."""

import pytest

from local.oauth1 import UserKeys
from tests.fakes.clock import NOW_MS

URL = "https://api.twitter.com/1.1/statuses/update.json?include_entities=true"
EXAMPLE = UserKeys(
    "xvz1evFS4wEEPTGEFPHBog",
    "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
    "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
    "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
)


def test_the_example_of_xs_pages() -> None:
    parameters = {
        "status": "Hello Ladies + Gentlemen, a signed OAuth request!",
        "oauth_consumer_key": EXAMPLE.consumer_key,
        "oauth_nonce": "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg",
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": "1318622958",
        "oauth_token": EXAMPLE.token,
        "oauth_version": "1.0",
    }
    assert EXAMPLE.signature("POST", URL, parameters) == "hCtSmYh+iHYCEqBWrE7C7hYmtUk="


def test_a_header_is_taken_only_for_the_call_that_it_signs() -> None:
    header = EXAMPLE.authorization("POST", URL, NOW_MS)
    assert EXAMPLE.has_signed(header, "POST", URL)
    assert not EXAMPLE.has_signed(header, "PUT", URL)
    assert not EXAMPLE.has_signed(header, "POST", URL + "&x=1")
    assert header != EXAMPLE.authorization("POST", URL, NOW_MS)


@pytest.mark.parametrize("other", ["a-key", "b-secret", "c-token", "d-token-secret"])
def test_each_key_counts(other: str) -> None:
    keys = ["a", "b", "c", "d"]
    signed = UserKeys(*keys).authorization("POST", URL, NOW_MS)
    keys["abcd".index(other[0])] = other
    assert not UserKeys(*keys).has_signed(signed, "POST", URL)


@pytest.mark.parametrize("header", ["", "OAuth ", "OAuth x", 'OAuth oauth_signature="é"', "Bearer token"])
def test_what_is_no_signature_is_refused(header: str) -> None:
    assert not EXAMPLE.has_signed(header, "POST", URL)


def test_no_secret_is_shown() -> None:
    assert EXAMPLE.consumer_secret not in repr(EXAMPLE)
    assert EXAMPLE.token_secret not in repr(EXAMPLE)
