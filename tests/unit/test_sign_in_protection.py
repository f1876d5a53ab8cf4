"""State, nonce and proof key."""

from hashcart.domain.sign_in import code_challenge, random_token


def test_the_challenge_is_that_of_rfc_7636() -> None:
    challenge = code_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_tokens_are_unlike_and_fit_for_a_verifier() -> None:
    tokens = {random_token() for _ in range(50)}
    assert len(tokens) == 50
    assert {len(token) for token in tokens} == {43}
