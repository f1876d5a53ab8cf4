"""Signs the bot's account in, as its operator would once in a browser."""

import secrets
from typing import TypedDict
from urllib.parse import parse_qs, urlsplit

import httpx

from local.settings import BOT_CLIENT_ID, BOT_CLIENT_SECRET, BOT_REDIRECT_URI, BOT_USER_ID
from local.x_simulator.tokens import challenge_of

BOT_SCOPE = "tweet.read tweet.write users.read offline.access"


class TokenAnswer(TypedDict):
    """X's answer with tokens; `expires_in` is in seconds."""

    token_type: str
    access_token: str
    refresh_token: str
    expires_in: int
    scope: str


def sign_bot_in(
    base_url: str,
    *,
    client_id: str = BOT_CLIENT_ID,
    client_secret: str = BOT_CLIENT_SECRET,
    redirect_uri: str = BOT_REDIRECT_URI,
    account_id: str = BOT_USER_ID,
    scope: str = BOT_SCOPE,
    client: httpx.Client | None = None,
) -> TokenAnswer:
    """Authorize the app for the account (PKCE) and exchange the code.

    Raises:
        httpx.HTTPError: the simulator does not answer, or refuses.
        RuntimeError: the way back does not carry a code for our state.
    """
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    request = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": scope,
        "state": state,
        "code_challenge": challenge_of(verifier),
        "code_challenge_method": "S256",
    }
    http = client or httpx.Client(trust_env=False)
    approval = http.post(
        f"{base_url}/i/oauth2/authorize",
        data={**request, "account": account_id, "decision": "approve"},
        follow_redirects=False,
    )
    if not approval.has_redirect_location:
        approval.raise_for_status()
    answer = parse_qs(urlsplit(approval.headers["location"]).query)
    if answer.get("state") != [state] or "code" not in answer:
        raise RuntimeError("The simulator's redirect carries no code for the state that was sent.")
    response = http.post(
        f"{base_url}/2/oauth2/token",
        data={
            "grant_type": "authorization_code",
            "code": answer["code"][0],
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        },
        auth=(client_id, client_secret),
    )
    response.raise_for_status()
    tokens: TokenAnswer = response.json()
    return tokens
