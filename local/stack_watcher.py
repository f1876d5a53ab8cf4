"""The live panel's view of the deployed stack: its tables, read as the cart page will read them."""

import json
import time
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from hashcart.domain.account_links import AccountLink
from hashcart.domain.cart_lines import CartLine as StoredLine
from hashcart.domain.outcomes import REPLACEABLE, Code, in_cart
from hashcart.domain.outcomes import Outcome as StoredOutcome
from hashcart.domain.posts import order_key
from hashcart.domain.product_links import ProductReference
from hashcart.observability import clock_ms
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.activity import Activity
from hashcart.storage.carts import Carts
from local.x_simulator.watcher import Cart, CartLine, Outcome, WatcherUnavailableError

REGION = "us-east-1"
QUICK = Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 1})

SENTENCES = {
    Code.ADDED: "In the cart: {quantity}.",
    Code.QUANTITY_SET: "The quantity is now {quantity}.",
    Code.ALREADY_IN_CART: "It was in the cart already; nothing has changed.",
    Code.LIMIT_APPLIED: "{maximum} is the most; {quantity} are in the cart.",
    Code.CHOOSE_OPTIONS: "A size or colour has to be chosen; the line waits for it.",
    Code.OUT_OF_STOCK: "Out of stock: kept as a wish, apart from the cart.",
    Code.NOT_AVAILABLE_HERE: "Not available to this shopper.",
    Code.NO_PRODUCT: "No product of this store found.",
    Code.PAUSED: "The account link is paused.",
    Code.STORE_UNAVAILABLE: "The store does not answer; HashCart keeps trying.",
    Code.UNDONE: "Taken back.",
    Code.OVERTAKEN: "A later post or click decides the quantity.",
}
REASONS = {
    "digital": "Digital goods cannot be sent to a cart.",
    "country": "The store does not serve the shopper's country.",
    "marketplace": "It is sold in another marketplace only.",
    "product_gone": "The store no longer has the product.",
    "not_this_store": "The links lead elsewhere.",
    "no_link": "The post has no link.",
    "parent_gone": "The post replied to is gone.",
    "parent_protected": "The post replied to is protected.",
    "edited": "An edit dropped the hashtag.",
    "revoked": "The app's access was revoked.",
    "short_link_unavailable": "A short link could not be followed.",
    "x_unavailable": "X could not be asked about the post replied to.",
}


class StackWatcher:
    """Reads the tables that the stack's outputs name."""

    def __init__(self, outputs_file: Path, endpoint_url: str) -> None:
        self._outputs_file = outputs_file
        self._dynamodb = boto3.client(
            "dynamodb",
            endpoint_url=endpoint_url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106
            config=QUICK,
        )

    def is_linked(self, author_id: str) -> bool | None:
        """Whether the account is linked with the store."""
        return self._link(author_id) is not None

    def outcome_of(self, author_id: str, post_id: str) -> Outcome | None:
        """What became of the post, as soon as its row says so."""
        link = self._link(author_id)
        if link is None:
            return None
        try:
            row = Activity(self._dynamodb, self._table("ActivityTableName")).row(link.shopper_id, order_key(post_id))
        except (BotoCoreError, ClientError) as error:
            raise WatcherUnavailableError from error
        if row is None:
            return None
        newest = row.newest
        line = self._line(link, newest.line_id) if newest is not None and newest.line_id is not None else None
        outcome = row.told(line, clock_ms())
        if outcome is None:
            return None
        return Outcome(
            code=outcome.code,
            text=sentence(outcome),
            version_id=str(outcome.version),
            line_title=_title(line) if line is not None else None,
            quantity=outcome.quantity,
            final=outcome.code not in REPLACEABLE,
        )

    def cart_of(self, author_id: str) -> Cart | None:
        """The account's cart."""
        link = self._link(author_id)
        if link is None:
            return None
        shown = [cart_line for line in self._lines(link) if (cart_line := _cart_line(line)) is not None]
        return Cart(tuple(sorted(shown, key=lambda cart_line: (cart_line.state, cart_line.title))))

    def is_confirmed(self, author_id: str) -> bool:
        """Whether the store has confirmed every line of the account."""
        link = self._link(author_id)
        return link is not None and not any(line.unconfirmed for line in self._lines(link))

    def _line(self, link: AccountLink, line_id: str) -> StoredLine | None:
        return next((line for line in self._lines(link) if line.line_id == line_id), None)

    def _lines(self, link: AccountLink) -> list[StoredLine]:
        try:
            return Carts(self._dynamodb, self._table("CartsTableName")).lines(link.shopper_id)
        except (BotoCoreError, ClientError) as error:
            raise WatcherUnavailableError from error

    def _link(self, author_id: str) -> AccountLink | None:
        try:
            return AccountLinks(self._dynamodb, self._table("AccountLinksTableName")).of_profile(author_id)
        except (BotoCoreError, ClientError) as error:
            raise WatcherUnavailableError from error

    def _table(self, output: str) -> str:
        try:
            name: str = json.loads(self._outputs_file.read_text())[output]
        except (OSError, ValueError, KeyError) as error:
            raise WatcherUnavailableError from error
        return name


def sentence(outcome: StoredOutcome) -> str:
    """What a person reads of an outcome."""
    text = SENTENCES.get(outcome.code, outcome.code.value).format(quantity=outcome.quantity, maximum=outcome.maximum)
    reason = REASONS.get(outcome.reason or "")
    return f"{text} {reason}" if reason else text


def _cart_line(line: StoredLine) -> CartLine | None:
    state = line.state(time.time_ns() // 1_000_000)
    if state.is_empty:
        return None
    name, asked = (
        ("in_cart", state.quantity)
        if state.quantity
        else ("waiting", state.waiting)
        if state.waiting
        else ("wished", state.wished)
    )
    price = f"{line.snapshot.price} {line.snapshot.currency}" if line.snapshot.price else None
    return CartLine(
        title=_title(line),
        quantity=in_cart(asked, line.snapshot.max_quantity),
        state=name,
        price=price,
        image_url=line.snapshot.image_url,
    )


def _title(line: StoredLine) -> str:
    return line.snapshot.title or ProductReference.from_line_id(line.line_id).product_id
