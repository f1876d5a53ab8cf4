"""The people of the local world: linked shoppers, the bot's tokens, X's secrets."""

import json
import time
from collections.abc import Mapping
from contextlib import suppress

import boto3

from hashcart.domain.account_links import AccountLink, EmailChoice, StoreAccount
from hashcart.domain.bot_tokens import BotToken
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.bot_tokens import BotTokens
from local.demo_store.customers import CUSTOMERS
from local.settings import (
    APP_BEARER_TOKEN,
    BOT_CLIENT_ID,
    BOT_CLIENT_SECRET,
    CONSUMER_SECRET,
    EMAIL_SENDER,
    LOGIN_CLIENT_ID,
    LOGIN_CLIENT_SECRET,
    OSCAR_KEY,
    STORE_CLIENT_ID,
    STORE_CLIENT_SECRET,
)
from local.x_simulator.accounts import Accounts
from local.x_simulator.bot_sign_in import sign_bot_in

REGION = "us-east-1"
POLICY_VERSION = "2026-11"
ACCOUNTS = Accounts()


def seed(
    outputs: Mapping[str, str], endpoint_url: str, store_issuer: str, marketplace: str = "store.localhost"
) -> None:
    """Fill the deployed stack, whose outputs name its tables and secrets. Safe to repeat.

    `store_issuer` is the issuer of the demo store's sign-in, whose customers the shoppers are;
    `marketplace` the host of the shop that they buy at.
    """
    session = _session()
    secrets = session.client("secretsmanager", endpoint_url=endpoint_url)
    for output, value in (
        ("XWebhookSecretArn", {"consumer_secrets": [CONSUMER_SECRET]}),
        ("XAppSecretArn", {"bearer_token": APP_BEARER_TOKEN}),
        ("XBotClientSecretArn", {"client_id": BOT_CLIENT_ID, "client_secret": BOT_CLIENT_SECRET}),
        ("XLoginClientSecretArn", {"client_id": LOGIN_CLIENT_ID, "client_secret": LOGIN_CLIENT_SECRET}),
        ("StoreApiSecretArn", {"key": OSCAR_KEY}),
        ("StoreSignInSecretArn", {"client_id": STORE_CLIENT_ID, "client_secret": STORE_CLIENT_SECRET}),
    ):
        secrets.put_secret_value(SecretId=outputs[output], SecretString=json.dumps(value))
    ses = session.client("sesv2", endpoint_url=endpoint_url)
    with suppress(ses.exceptions.AlreadyExistsException):
        ses.create_email_identity(EmailIdentity=EMAIL_SENDER)
    account_links = AccountLinks(
        session.client("dynamodb", endpoint_url=endpoint_url), outputs["AccountLinksTableName"]
    )
    link_shoppers(account_links, store_issuer, _now_ms(), marketplace)


def sign_bot_in_once(outputs: Mapping[str, str], endpoint_url: str, x_api_base_url: str) -> None:
    """Give the bot its tokens, unless it has signed in before."""
    dynamodb = _session().client("dynamodb", endpoint_url=endpoint_url)
    tokens = BotTokens(dynamodb, outputs["BotTokensTableName"])
    if tokens.read() is None:
        answer = sign_bot_in(x_api_base_url)
        expires_at_ms = _now_ms() + answer["expires_in"] * 1000
        tokens.save(BotToken(answer["access_token"], answer["refresh_token"], expires_at_ms))


def link_shoppers(
    account_links: AccountLinks, store_issuer: str, now_ms: int, marketplace: str = "store.localhost"
) -> None:
    """Link profiles with customers of the demo store, unless a profile is linked already.

    Two have public answers, one has none, and the posts of one are protected. One wants no e-mail. X tells at once of
    the posts of all but the one whom it does not show.
    """
    people = (
        ("222", "ada_shops", "ada", "en", True, EmailChoice.EVERYTHING),
        ("555", "dieter_kauft", "dieter", "de", True, EmailChoice.PROBLEMS),
        ("666", "quiet_quinn", "quinn", "en", False, EmailChoice.NOTHING),
        ("444", "cleo_private", "cleo", "en", True, EmailChoice.PROBLEMS),
    )
    for x_user_id, handle, subject, language, public_replies, email in people:
        if account_links.current_link(x_user_id) is None:
            account = StoreAccount(store_issuer, subject, CUSTOMERS[subject].name)
            link = AccountLink(
                shopper_id=account_links.shopper_of(account, now_ms=now_ms).shopper_id,
                x_user_id=x_user_id,
                handle=handle,
                marketplace=marketplace,
                country="US",
                language=language,
                consented_at_ms=now_ms,
                policy_version=POLICY_VERSION,
                public_replies=public_replies,
                undo_on_delete=True,
                post_events_since_ms=None if ACCOUNTS[x_user_id].protected else now_ms,
                post_events_policy=None if ACCOUNTS[x_user_id].protected else POLICY_VERSION,
                protected=ACCOUNTS[x_user_id].protected,
                email=email,
            )
            address = None if email is EmailChoice.NOTHING else CUSTOMERS[subject].email
            account_links.link(link, email_address=address, now_ms=now_ms)


def _session() -> boto3.Session:
    return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)  # noqa: S106


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
