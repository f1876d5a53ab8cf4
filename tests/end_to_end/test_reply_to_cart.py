"""A reply ends as a cart line: X's simulator, and the functions, queues and tables of template.yaml behind it."""

import json
import statistics
import time

import httpx
import pytest

from hashcart.social.x.signature import sign
from tests.end_to_end.conftest import A_RETRY_SECONDS, ADA, BEN, CLEO, DIETER, QUINN, World, eventually

MEASURED_REPLIES = 50
MEDIAN_SECONDS = 1.0


@pytest.mark.parametrize(
    ("product", "text", "code", "line", "state"),
    [
        ("stoneware-mug", "#AmazonCart", "ADDED", "Stoneware mug, speckled", ("in_cart", 1)),
        ("night-drive-lp", "#AmazonCart x9", "LIMIT_APPLIED", "Night Drive, LP", ("in_cart", 3)),
        ("organic-tee", "#AmazonCart x2", "CHOOSE_OPTIONS", "Organic cotton tee, moss", ("waiting", 2)),
        ("organic-tee", "#AmazonCart size L x3", "LIMIT_APPLIED", "Organic cotton tee, moss, L", ("in_cart", 2)),
        ("organic-tee", "Größe XL bitte #AmazonCart", "OUT_OF_STOCK", "Organic cotton tee, moss, XL", ("wished", 1)),
        ("arc-lamp", "＃アマゾンポチ", "OUT_OF_STOCK", "Arc floor lamp, brass", ("wished", 1)),
        ("quiet-migraine", "#amazonbasket", "ADDED", "The Quiet Migraine", ("in_cart", 1)),
        ("linen-throw", "#AmazonCart", "ADDED", "Washed linen throw", ("in_cart", 1)),
        ("copper-kettle", "#AmazonCart", "NOT_AVAILABLE_HERE", None, None),
        ("coast-field-guide", "#AmazonCart", "NOT_AVAILABLE_HERE", None, None),
        ("walnut-radio", "#AmazonCart", "NO_PRODUCT", None, None),
    ],
)
def test_every_kind_of_product(  # noqa: PLR0917 - one row a product
    world: World, product: str, text: str, code: str, line: str | None, state: tuple[str, int] | None
) -> None:
    post = world.reply(ADA, text, world.product_post(product))
    outcome = world.outcome(ADA, post)
    assert (outcome.code, outcome.line_title) == (code, line)
    if line is not None:
        assert world.cart(ADA)[line] == state
    assert world.answers(post) == []


@pytest.mark.parametrize("words", ["How to mend a chair", "Nothing to sell today"])
def test_posts_without_a_product_of_the_store(world: World, words: str) -> None:
    post = world.reply(ADA, "#AmazonCart", world.post_saying(words))
    assert world.outcome(ADA, post).code == "NO_PRODUCT"


def test_a_summoned_answer_comes_in_the_shoppers_language(world: World) -> None:
    post = world.reply(DIETER, "@shopbot #AmazonCart x2", world.product_post("stoneware-mug"))
    (answer,) = eventually(lambda: world.answers(post), "answer")
    assert answer.startswith("Gemerkt (2).")
    assert "http" not in answer


def test_nothing_is_said_of_sensitive_products_nor_to_those_who_did_not_opt_in(world: World) -> None:
    sensitive = world.reply(DIETER, "@shopbot #AmazonCart", world.product_post("quiet-migraine"))
    quiet = world.reply(QUINN, "@shopbot #AmazonCart", world.product_post("stoneware-mug"))
    assert world.outcome(DIETER, sensitive).code == "ADDED"
    assert world.outcome(QUINN, quiet).code == "ADDED"
    world.rest()
    assert (world.answers(sensitive), world.answers(quiet)) == ([], [])


def test_who_has_not_linked_or_is_protected_has_no_cart(world: World) -> None:
    unlinked = world.reply(BEN, "@shopbot #AmazonCart", world.product_post("stoneware-mug"))
    protected = world.reply(CLEO, "#AmazonCart", world.product_post("stoneware-mug"))
    attempts = eventually(
        lambda: [attempt for delivery in world.deliveries(unlinked) for attempt in delivery["attempts"]], "delivery"
    )
    assert {attempt["status"] for attempt in attempts} == {200}
    world.rest()
    assert world.deliveries(protected) == []
    assert world.watcher.outcome_of(CLEO, protected) is None
    assert world.watcher.cart_of(BEN) is None
    assert world.answers(unlinked) == []


def test_undo_delete_and_edit(world: World) -> None:
    planter, title = world.post_saying("Sunday corner"), "Washed linen throw"
    post = world.reply(QUINN, "#AmazonCart x2", planter)
    world.outcome(QUINN, post)
    assert world.cart(QUINN)[title] == ("in_cart", 2)
    edited = world.x.put(f"/simulator/posts/{post}", json={"text": "#AmazonCart x3"}).raise_for_status()
    eventually(lambda: world.cart(QUINN).get(title) == ("in_cart", 3), "edited quantity")
    undo = world.reply(QUINN, "#undo", str(edited.json()["id"]))
    assert world.outcome(QUINN, undo).code == "UNDONE"
    assert title not in world.cart(QUINN)
    again = world.reply(QUINN, "#AmazonCart", planter)
    world.outcome(QUINN, again)
    assert world.cart(QUINN)[title] == ("in_cart", 1)
    world.delete(again)
    eventually(lambda: title not in world.cart(QUINN), "cart without the deleted reply's product")


def test_repeated_deliveries_change_nothing(world: World) -> None:
    post = world.reply(DIETER, "@shopbot #AmazonCart x2", world.product_post("linen-throw"))
    eventually(lambda: world.answers(post), "answer")
    for delivery in world.deliveries(post) * 3:
        world.x.post(f"/simulator/deliveries/{delivery['id']}/redeliver").raise_for_status()
    world.rest()
    assert world.cart(DIETER)["Washed linen throw"] == ("in_cart", 2)
    assert len(world.answers(post)) == 1


def test_trouble_at_x_only_delays(world: World) -> None:
    world.x.post(
        "/simulator/faults", json={"method": "GET", "path": "/2/tweets", "status": 503, "count": 2}
    ).raise_for_status()
    new_post = world.post("111", f"New: {world.product_url('linen-throw')}")
    post = world.reply(ADA, "#AmazonCart", new_post, parent_in_post_create=False)
    assert world.outcome(ADA, post, A_RETRY_SECONDS).code == "ADDED"


def test_a_store_that_comes_back_gets_its_line(world: World) -> None:
    world.take_store_down()
    post = world.reply(DIETER, "#AmazonCart", world.product_post("linen-throw"))
    eventually(world.stored.waits_for_insertion, "request that waits")
    assert world.watcher.outcome_of(DIETER, post) is None
    world.bring_store_back()
    assert world.outcome(DIETER, post, A_RETRY_SECONDS).code == "ADDED"


def test_an_answer_that_x_postpones_comes_later(world: World) -> None:
    fault = {"method": "POST", "path": "/2/tweets", "status": 429, "count": 1, "reset_in": 2}
    world.x.post("/simulator/faults", json=fault).raise_for_status()
    post = world.reply(DIETER, "@shopbot #AmazonCart x4", world.product_post("stoneware-mug"))
    assert world.outcome(DIETER, post).code == "ADDED"
    eventually(lambda: world.x.get("/simulator/faults").json() == {"faults": []}, "refused answer")
    (answer,) = eventually(lambda: world.answers(post), "postponed answer", A_RETRY_SECONDS)
    assert answer.startswith("Gemerkt (4).")


class Webhook:
    """What somebody else can send to the deployed webhook."""

    def __init__(self, world: World) -> None:
        self._secret = world.settings.consumer_secret
        self._url = world.webhook_url

    def post(self, body: bytes, signature: str | None = None) -> int:
        signed = sign(self._secret, body) if signature is None else signature
        return httpx.post(
            self._url, content=body, headers={"x-twitter-webhooks-signature": signed}, timeout=30
        ).status_code

    def get(self, crc_token: str) -> httpx.Response:
        return httpx.get(self._url, params={"crc_token": crc_token}, timeout=30)


@pytest.mark.parametrize(
    ("body", "signature", "status"),
    [
        (b'{"data":{}}', "sha256=AAAA", 401),
        (b'{"data":', None, 400),
        (b'{"data":"\xff"}', None, 400),
        (b"[" * 50_000, None, 400),
        (b"x" * (1024 * 1024 + 1), None, 413),
        (json.dumps({"data": {"event_type": "like.create", "payload": {"id": "1"}}}).encode(), None, 200),
    ],
    ids=["forged", "truncated", "not UTF-8", "deeply nested", "over 1 MiB", "unknown event"],
)
def test_bad_input_gets_a_clear_answer(world: World, body: bytes, signature: str | None, status: int) -> None:
    assert Webhook(world).post(body, signature) == status


def test_the_challenge_is_answered_but_signs_no_body(world: World) -> None:
    webhook = Webhook(world)
    answer = webhook.get("YzNjODkwYjUtM2E3Yy00")
    assert answer.json() == {"response_token": sign(world.settings.consumer_secret, b"YzNjODkwYjUtM2E3Yy00")}
    assert webhook.get('{"data":{"event_type":"oauth.revoke"}}').status_code == 400


def test_a_reply_is_in_the_cart_within_a_second(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    mug = world.product_post("stoneware-mug")
    seconds = []
    for number in range(MEASURED_REPLIES):
        began = time.monotonic()
        post = world.reply(QUINN, f"#AmazonCart x{number % 9 + 1}", mug)
        eventually(lambda post=post: world.watcher.outcome_of(QUINN, post), "outcome")  # type: ignore[misc]
        seconds.append(time.monotonic() - began)
    median, worst = statistics.median(seconds), max(seconds)
    with capsys.disabled():
        print(f"\nreply to cart line: median {median:.2f} s, worst {worst:.2f} s of {MEASURED_REPLIES}")
    assert median <= MEDIAN_SECONDS
