"""Cart requests queue → Outcomes queue: the post's row, the cart line, and what became of the post."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from hashcart.aws import CLIENT_CONFIG
from hashcart.consumers import Consumer, Delivery, each, forward
from hashcart.domain.regions import allowed_countries
from hashcart.messages.cart_requests import CartRequest, read_cart_request
from hashcart.messages.posts import to_json
from hashcart.observability import clock_ms, logger
from hashcart.settings import flag, names, text, whole_number
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.activity import Activity
from hashcart.storage.carts import Carts
from hashcart.storage.leased_cache import LeasedCache
from hashcart.storage.pending import Pending
from hashcart.stores.protocol import CartStore
from hashcart.stores.registry import open_store
from hashcart.use_cases.catalogue import Catalogue
from hashcart.use_cases.insert_lines import InsertLines, ShopRules, products_asked_for
from hashcart.use_cases.synchronise_cart import synchroniser

# Longer than a store that answers neither for the product nor for the cart, and the sending of what is finished.
TIME_TO_FINISH_MS = 30_000

sqs = boto3.client("sqs", config=CLIENT_CONFIG)
dynamodb = boto3.client("dynamodb", config=CLIENT_CONFIG)

store_name = text("STORE")
store = open_store(store_name)
outcomes_queue_url = text("OUTCOMES_QUEUE_URL")
catalogue = Catalogue(
    store,
    LeasedCache(dynamodb, text("PRODUCTS_TABLE"), "product", clock_ms=clock_ms),
)
links = AccountLinks(dynamodb, text("ACCOUNT_LINKS_TABLE"))
carts = Carts(dynamodb, text("CARTS_TABLE"), has_store_cart=isinstance(store, CartStore))
insert_lines = InsertLines(
    links=links,
    rows=Activity(dynamodb, text("ACTIVITY_TABLE")),
    carts=carts,
    pending=Pending(dynamodb, text("PENDING_TABLE")),
    product_of=catalogue.product,
    rules=ShopRules(
        allowed_countries=allowed_countries(names("ALLOWED_COUNTRIES"), store_name),
        own_maximum=whole_number("MAX_QUANTITY"),
        reply_to_strangers=flag("REPLY_TO_STRANGERS"),
        sensitive_categories=names("SENSITIVE_CATEGORIES"),
    ),
    clock_ms=clock_ms,
    synchronise=synchroniser(store, carts, links, clock_ms),
)
consumer: Consumer[CartRequest] = Consumer(
    read_cart_request,
    sqs,
    source_queue_url=text("SOURCE_QUEUE_URL"),
    dead_letter_queue_url=text("DEAD_LETTER_QUEUE_URL"),
)


def insert_and_forward(
    deliveries: Sequence[Delivery[CartRequest]], has_time: Callable[[], bool]
) -> Mapping[str, Exception]:
    """Carry out the requests and send their outcomes on; answers with the deliveries that have to come again."""
    catalogue.prefetch(products_asked_for(deliveries))
    outcomes, failures = each(deliveries, insert_lines, has_time=has_time)
    insert_lines.tally.log()
    bodies = {delivery_id: [to_json(outcome) for outcome in own] for delivery_id, own in outcomes.items()}
    return {**failures, **forward(sqs, outcomes_queue_url, bodies)}


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Read one batch of the Cart requests queue."""

    def has_time() -> bool:
        return context.get_remaining_time_in_millis() > TIME_TO_FINISH_MS

    return consumer.process(event, lambda deliveries: insert_and_forward(deliveries, has_time))
