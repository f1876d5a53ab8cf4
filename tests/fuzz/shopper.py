"""A shopper with a filled cart, whose browser is signed in."""

from hashcart.domain.account_links import AccountLink, EmailChoice, StoreAccount
from hashcart.domain.cart_lines import Kind, Operation, Snapshot
from hashcart.domain.posts import order_key
from hashcart.domain.product_links import ProductReference
from hashcart.observability import clock_ms
from hashcart.pages.kit.browser import SESSION_COOKIE, Browser
from hashcart.storage.account_links import AccountLinks
from hashcart.storage.carts import Carts
from hashcart.storage.sessions import Sessions
from tests.fakes.aws import Aws
from tests.fakes.clock import post_id

MARKETPLACE = "store.localhost"
MUG = ProductReference(MARKETPLACE, "mug").line_id
REQUESTS_OF_A_SESSION = 20
"""Few enough for the limits of the pages, and what one of them ends (the session, the link, the shopper) soon is there
again."""


class SignedIn:
    """The same person at ever new sessions."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._requests = 0
        self.source_address = ""
        self._cookie = self._token = b""

    def filled_in(self, data: bytes) -> bytes:
        """A request with the session's cookie and token in place of what stands for them."""
        if self._requests % REQUESTS_OF_A_SESSION == 0:
            self._begin(self._requests // REQUESTS_OF_A_SESSION)
        self._requests += 1
        return data.replace(b"{signed-in}", self._cookie).replace(b"{token}", self._token)

    def _begin(self, number: int) -> None:
        self._aws.create_tables()
        links = AccountLinks(self._aws.dynamodb, "AccountLinksTable")
        shopper_id = links.shopper_of(
            StoreAccount("https://store.test", "customer-1", "Ada"), now_ms=clock_ms()
        ).shopper_id
        links.link(
            AccountLink(
                shopper_id, "222", "ada_shops", MARKETPLACE, "US", "en", clock_ms(), "1", email=EmailChoice.NOTHING
            ),
            now_ms=clock_ms(),
        )
        Carts(self._aws.dynamodb, "CartsTable").write_operation(
            shopper_id,
            MUG,
            order_key(post_id(60_000, now_ms=clock_ms())),
            Operation(Kind.PLAIN, 1, None, post_id="77"),
            now_ms=clock_ms(),
            snapshot=Snapshot("Stoneware mug", "12.50", "USD", max_quantity=5),
        )
        browser = Browser({}, Sessions(self._aws.dynamodb, "SessionsTable"), clock_ms)
        browser.sign_in(shopper_id, "en")
        cookie = next(cookie for cookie in browser.cookies if cookie.startswith(SESSION_COOKIE))
        self._cookie, self._token = cookie.split(";")[0].encode(), browser.csrf_token.encode()
        self.source_address = f"203.0.113.{number % 250 + 1}"
