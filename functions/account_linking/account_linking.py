"""`/link…`, `/account…`, `/sign-out` and `/unsubscribe`: sign-ins, consent, settings, unlinking, export and erasure."""

from typing import Any

import boto3

from hashcart.aws import CLIENT_CONFIG
from hashcart.domain.marketplaces import countries_of, marketplaces_of
from hashcart.domain.regions import allowed_countries
from hashcart.http import HttpClient
from hashcart.identity.registry import open_sign_in
from hashcart.observability import clock_ms, logger
from hashcart.pages.kit.opening import open_site
from hashcart.pages.linking.account import AccountPages
from hashcart.pages.linking.sign_in import Regions, SignInPages
from hashcart.pages.unsubscribe.pages import UnsubscribePages
from hashcart.secrets import Secret, token_keys
from hashcart.settings import base_url, flag, names, text, whole_number
from hashcart.social.x.sign_in import XSignIn
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.activity import Activity
from hashcart.storage.carts import Carts
from hashcart.storage.checkpoints import Checkpoints
from hashcart.storage.offers import Offers
from hashcart.storage.pending import Pending
from hashcart.storage.post_events import PostEvents
from hashcart.storage.recipients import Recipients
from hashcart.storage.sessions import Sessions
from hashcart.use_cases.leave import Leave, ShopperTables
from hashcart.use_cases.link_accounts import LinkAccounts
from hashcart.use_cases.unsubscribe import Unsubscribe
from hashcart.use_cases.x_budget import XMeter

dynamodb = boto3.client("dynamodb", config=CLIENT_CONFIG)
secrets = boto3.client("secretsmanager", config=CLIENT_CONFIG)
http = HttpClient()

links = AccountLinks(dynamodb, text("ACCOUNT_LINKS_TABLE"), departures_table=text("DEPARTURES_TABLE"))
pending = Pending(dynamodb, text("PENDING_TABLE"))
accounts = LinkAccounts(links, pending, clock_ms)
regions = Regions(
    marketplaces_of(text("STORE"), names("STORE_HOSTS")),
    countries_of(allowed_countries(names("ALLOWED_COUNTRIES"), text("STORE"))),
)
sign_in_pages = SignInPages(
    store=open_sign_in(
        text("SIGN_IN_KIND"),
        Secret(secrets, text("STORE_SIGN_IN_SECRET_ARN"), clock_ms=clock_ms),
        http=http,
        clock_ms=clock_ms,
    ),
    x=XSignIn(
        http,
        base_url("X_SITE_URL"),
        base_url("X_API_BASE_URL"),
        Secret(secrets, text("X_LOGIN_CLIENT_SECRET_ARN"), clock_ms=clock_ms),
    ),
    accounts=accounts,
    regions=regions,
    meter=XMeter(Checkpoints(dynamodb, text("CHECKPOINTS_TABLE")), clock_ms),
    clock_ms=clock_ms,
)
account_pages = AccountPages(
    accounts=accounts,
    leave=Leave(
        ShopperTables(
            links=links,
            carts=Carts(dynamodb, text("CARTS_TABLE")),
            activity=Activity(dynamodb, text("ACTIVITY_TABLE")),
            sessions=Sessions(dynamodb, text("SESSIONS_TABLE")),
            offers=Offers(dynamodb, text("SESSIONS_TABLE")),
            pending=pending,
        ),
        clock_ms,
    ),
    regions=regions,
    store_origin=sign_in_pages.store_origin,
    deletes_arrive=flag("DELETES_ARRIVE"),
    post_events=PostEvents(dynamodb, text("ACCOUNT_LINKS_TABLE")) if flag("X_SUBSCRIPTIONS") else None,
    log_days=whole_number("LOG_RETENTION_DAYS"),
    clock_ms=clock_ms,
)
pages_secret = Secret(secrets, text("PAGES_SECRET_ARN"), clock_ms=clock_ms)
unsubscribe_pages = UnsubscribePages(
    Unsubscribe(Recipients(dynamodb, text("ACCOUNT_LINKS_TABLE")), lambda: token_keys(pages_secret.read()))
)
site = open_site(
    dynamodb, secrets, routes=[*sign_in_pages.routes(), *account_pages.routes(), *unsubscribe_pages.routes()]
)


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one request of API Gateway."""
    return site(event)
