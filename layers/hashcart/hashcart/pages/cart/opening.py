"""Builds the cart's pages from what the template tells the function."""

import secrets
import time
from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hashcart.domain.cart_hashtags import CartHashtags
from hashcart.domain.posts import SNOWFLAKE_SEQUENCE_BITS
from hashcart.domain.product_links import StoreLinks
from hashcart.domain.summons import Bot
from hashcart.domain.x_prices import DOLLAR
from hashcart.http import HttpClient
from hashcart.observability import clock_ms
from hashcart.pages.cart.activity import ActivityPages
from hashcart.pages.cart.adds import AddsPages
from hashcart.pages.cart.offers import OfferPages
from hashcart.pages.cart.pages import CartPages
from hashcart.pages.kit.routes import Route
from hashcart.public_web import PublicWeb
from hashcart.queues import send_or_raise
from hashcart.secrets import Secret
from hashcart.settings import base_url, names, text, whole_number
from hashcart.short_links import ShortLinks
from hashcart.social.x.app_token import with_app_token
from hashcart.social.x.client import PostPage, Stretch, XApi
from hashcart.social.x.search_queries import replies_with
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.activity import Activity
from hashcart.storage.carts import Carts
from hashcart.storage.checkpoints import Checkpoints
from hashcart.storage.leased_cache import LeasedCache
from hashcart.storage.offers import Offers
from hashcart.storage.sessions import Sessions
from hashcart.stores.protocol import CartStore
from hashcart.stores.registry import open_store
from hashcart.use_cases.add_privately import AddPrivately
from hashcart.use_cases.catalogue import Catalogue
from hashcart.use_cases.check_again import CheckAgain
from hashcart.use_cases.click_cart import ClickCart
from hashcart.use_cases.explain_reply import ExplainReply
from hashcart.use_cases.hand_over import HandOver
from hashcart.use_cases.offer_replies import OfferReplies
from hashcart.use_cases.parents import Parents
from hashcart.use_cases.show_activity import ShowActivity
from hashcart.use_cases.show_cart import ShowCart
from hashcart.use_cases.synchronise_cart import synchroniser
from hashcart.use_cases.take_back_adds import TakeBackAdds
from hashcart.use_cases.unwind_links import UnwindLinks
from hashcart.use_cases.x_budget import XBudget, XMeter

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient


def cart_routes(dynamodb: "DynamoDBClient", secrets_manager: "SecretsManagerClient", sqs: "SQSClient") -> list[Route]:
    """The cart, the history and "Why not?"."""
    store, x_site_url = open_store(text("STORE")), base_url("X_SITE_URL")
    links = StoreLinks.of(text("STORE"), names("STORE_HOSTS"), names("SHORT_LINK_HOSTS"))
    hashtags, x_hosts = CartHashtags(names("CART_HASHTAGS")), {urlsplit(x_site_url).netloc}
    shoppers = AccountLinks(dynamodb, text("ACCOUNT_LINKS_TABLE"))
    rows = Activity(dynamodb, text("ACTIVITY_TABLE"))
    carts = Carts(dynamodb, text("CARTS_TABLE"), has_store_cart=isinstance(store, CartStore))
    catalogue = Catalogue(store, LeasedCache(dynamodb, text("PRODUCTS_TABLE"), "product", clock_ms=clock_ms))
    maximum = whole_number("MAX_QUANTITY")
    cache = LeasedCache(dynamodb, text("POST_PRODUCTS_TABLE"), "post_id", clock_ms=clock_ms)
    unwind = UnwindLinks(ShortLinks(PublicWeb(), links), cache, links)
    checkpoints = Checkpoints(dynamodb, text("CHECKPOINTS_TABLE"))
    budget = XBudget(checkpoints, whole_number("X_DAILY_BUDGET") * DOLLAR, clock_ms)
    meter = XMeter(checkpoints, clock_ms)
    api = XApi(HttpClient(), base_url("X_API_BASE_URL"), clock_ms)
    app_secret = Secret(secrets_manager, text("X_APP_SECRET_ARN"), clock_ms=clock_ms)
    parents = Parents(
        lookup=api,
        app_secret=app_secret,
        cache=cache,
        store=links,
        bot=Bot(text("BOT_USER_ID"), text("BOT_USERNAME")),
        unwind=unwind,
        meter=meter,
    )
    show_activity = ShowActivity(rows, carts, parents.known, clock_ms)
    counters = Sessions(dynamodb, text("SESSIONS_TABLE"))
    sequence = partial(secrets.randbits, SNOWFLAKE_SEQUENCE_BITS)
    offer_replies = OfferReplies(
        book=Offers(dynamodb, text("SESSIONS_TABLE")),
        rows=rows,
        posts=parents,
        search=partial(_search, api, app_secret, names("CART_HASHTAGS")),
        counters=counters,
        hashtags=hashtags,
        store=links,
        unwind=unwind,
        send=partial(send_or_raise, sqs, text("POSTS_QUEUE_URL")),
        sequence=sequence,
        clock_ms=clock_ms,
        sleep=time.sleep,
        budget=budget,
        meter=meter,
    )
    cart = CartPages(
        shoppers=shoppers,
        rows=rows,
        store=store,
        show_cart=ShowCart(carts, store, catalogue.product, maximum, names("SENSITIVE_CATEGORIES"), clock_ms),
        click_cart=ClickCart(carts, catalogue.product, maximum, clock_ms),
        hand_over=HandOver(carts, shoppers, store, maximum, clock_ms),
        check_again=CheckAgain(catalogue),
        add_privately=AddPrivately(
            send=partial(send_or_raise, sqs, text("POSTS_QUEUE_URL")),
            rows=rows,
            x_hosts=x_hosts,
            sequence=sequence,
            clock_ms=clock_ms,
            sleep=time.sleep,
        ),
        synchronise=synchroniser(store, carts, shoppers, clock_ms),
        show_activity=show_activity,
        offer_replies=offer_replies,
        x_site_url=x_site_url,
        picture_origins=names("IMAGE_ORIGINS"),
        clock_ms=clock_ms,
    )
    explain = ExplainReply(rows, parents, counters, hashtags, links, x_hosts, unwind, clock_ms, budget)
    activity = ActivityPages(shoppers, store, show_activity, explain, x_site_url, clock_ms)
    offers = OfferPages(shoppers, offer_replies, x_site_url, clock_ms)
    take_back = TakeBackAdds(rows, carts, clock_ms)
    adds = AddsPages(shoppers, store, show_activity, take_back, x_site_url, clock_ms)
    return [*cart.routes(), *offers.routes(), *adds.routes(), *activity.routes()]


def _search(api: XApi, app_secret: Secret, hashtags: Collection[str], handle: str, stretch: Stretch) -> PostPage:
    """A page of the replies with one of the hashtags that a profile has made."""
    query = replies_with(hashtags, author=handle)
    if query is None:
        return PostPage((), (), None)
    return with_app_token(app_secret, lambda token: api.search_recent(query, token, stretch))
