"""On schedule: cart requests that the store could not take go back to their queue, those whose parent post could not be
read to that of the posts, unconfirmed lines to the store; and what an erased shopper may have left goes for good.
"""

import json
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from hashcart.aws import CLIENT_CONFIG, late_client
from hashcart.messages.cart_requests import X_UNAVAILABLE
from hashcart.messages.erasures import read_erasure
from hashcart.observability import clock_ms, logger, report_metric
from hashcart.queues import send_or_raise
from hashcart.settings import text
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.activity import Activity
from hashcart.storage.carts import Carts
from hashcart.storage.offers import Offers
from hashcart.storage.pending import Pending, PendingItem, PendingKind
from hashcart.storage.sessions import Sessions
from hashcart.stores.registry import CART_STORES, open_store
from hashcart.use_cases.leave import FinishErasure, ShopperTables
from hashcart.use_cases.synchronise_cart import reconcile_carts, synchroniser
from hashcart.use_cases.wake_pending import wake_pending

# Longer than a store that answers neither to reading nor to writing.
TIME_TO_FINISH_MS = 20_000

sqs = late_client("sqs")
dynamodb = boto3.client("dynamodb", config=CLIENT_CONFIG)
cart_requests_queue_url = text("CART_REQUESTS_QUEUE_URL")
posts_queue_url = text("POSTS_QUEUE_URL")
pending = Pending(dynamodb, text("PENDING_TABLE"))
store_name = text("STORE")
has_store_cart = store_name in CART_STORES
carts = Carts(dynamodb, text("CARTS_TABLE"), has_store_cart=has_store_cart)
account_links = AccountLinks(dynamodb, text("ACCOUNT_LINKS_TABLE"))
# A store without carts that HashCart may fill is not asked anything here, so it is not even loaded.
synchronise = synchroniser(open_store(store_name), carts, account_links, clock_ms) if has_store_cart else None
finish_erasure = FinishErasure(
    ShopperTables(
        links=account_links,
        carts=carts,
        activity=Activity(dynamodb, text("ACTIVITY_TABLE")),
        sessions=Sessions(dynamodb, text("SESSIONS_TABLE")),
        offers=Offers(dynamodb, text("SESSIONS_TABLE")),
        pending=pending,
    )
)


def request_again(item: PendingItem) -> None:
    """Put a cart request back into its queue, or have its parent post read first."""
    is_unread = json.loads(item.message).get("reason") == X_UNAVAILABLE
    send_or_raise(sqs, posts_queue_url if is_unread else cart_requests_queue_url, item.message)


def erase_again(item: PendingItem) -> None:
    """Remove what was written while a shopper was being erased."""
    finish_erasure(read_erasure(item.message))


@logger.inject_lambda_context
def lambda_handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Request again what is due, finish erasures, and ask the store about the lines that it has not confirmed."""

    def has_time() -> bool:
        return context.get_remaining_time_in_millis() > TIME_TO_FINISH_MS

    now_ms = clock_ms()
    woken = wake_pending(pending, PendingKind.CART_REQUEST, request_again, now_ms=now_ms, has_time=has_time)
    erased = wake_pending(pending, PendingKind.ERASURE, erase_again, now_ms=now_ms, has_time=has_time)
    synchronised = 0
    if synchronise is not None:
        reconciled = reconcile_carts(carts, synchronise, now_ms=now_ms, has_time=has_time)
        synchronised = reconciled.carts
        if reconciled.stuck_lines:
            report_metric(context.function_name, "StuckCartLines", reconciled.stuck_lines)
    return {"woken": woken, "erased": erased, "synchronised": synchronised}
