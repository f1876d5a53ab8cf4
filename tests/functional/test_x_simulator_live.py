"""The timeline in the browser and the live panel beside it."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from local.x_simulator.live import Change
from local.x_simulator.watcher import Cart, CartLine, Outcome, WatcherUnavailableError
from tests.fakes.x_simulator_world import World, eventually, world

JSON = {"accept": "application/json"}


def send(x: World, text: str, parent_id: str, account: str = "222", **more: str) -> str:
    data = {"as": account, "in_reply_to": parent_id, "text": text, **more}
    response = x.client.post("/posts", data=data, headers=JSON)
    assert response.status_code == 200, response.text
    return str(response.json()["id"])


def says(x: World, words: str) -> None:
    eventually(lambda: words in x.attempts())


class TestTimeline:
    def test_posts_cards_and_composers_are_shown(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            page = x.client.get("/").text
        assert page.count('class="composer"') == 11
        assert page.count('<textarea id="text-') == page.count(">#AmazonCart </textarea>") == 11
        assert 'src="/pictures/stoneware-mug.svg"' in page
        assert "Page not found" in page
        assert "part of HashCart’s local stack" in page
        assert 'href="/?as=222" aria-current="true"' in page

    def test_one_posts_as_the_chosen_account(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            assert '<input type="hidden" name="as" value="555">' in x.client.get("/?as=dieter_kauft").text
            assert '<input type="hidden" name="as" value="222">' in x.client.get("/?as=900").text

    def test_pictures_styles_and_script_are_served(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            for path in ("/pictures/stoneware-mug.svg", "/static/timeline.css", "/static/timeline.js"):
                assert x.client.get(path).status_code == 200

    def test_text_is_escaped(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            send(x, "<script>alert(1)</script> https://evil.example/\"'><b> #x", x.seed_post("mug"))
            page = x.client.get("/").text
        assert "<script>alert" not in page
        assert "\"'><b>" not in page

    def test_old_posts_tell_their_age(self, tmp_path: Path) -> None:
        with world(tmp_path):
            pass
        with world(tmp_path, now=lambda: time.time() + 3 * 86400) as x:
            assert ">3 d<" in x.client.get("/").text


class TestForms:
    def test_without_a_script_a_form_leads_back_to_the_reply(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            data = {"as": "222", "in_reply_to": x.seed_post("mug"), "text": "#AmazonCart", "mention": "1"}
            response = x.client.post("/posts", data=data)
            post = x.client.get("/simulator/posts", params={"author": "222"}).json()["posts"][0]
        assert (response.status_code, response.headers["location"]) == (303, f"/?as=222#post-{post['id']}")
        assert post["text"] == "@shopbot #AmazonCart"

    def test_a_mention_is_not_doubled(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            send(x, "@Shopbot #AmazonCart", x.seed_post("mug"), mention="1")
            post = x.client.get("/simulator/posts", params={"author": "222"}).json()["posts"][0]
        assert post["text"] == "@Shopbot #AmazonCart"

    def test_own_replies_can_be_edited_and_deleted(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            reply = send(x, "#AmazonCart", x.seed_post("mug"))
            page = x.client.get("/").text
            assert f'action="/posts/{reply}/edit"' in page
            assert f'action="/posts/{reply}/delete"' in page
            assert f'action="/posts/{reply}/edit"' not in x.client.get("/?as=333").text
            edit = x.client.post(f"/posts/{reply}/edit", data={"as": "222", "text": "#AmazonCart x2"}, headers=JSON)
            newest = edit.json()["id"]
            assert "· edited" in x.client.get("/").text
            x.client.post(f"/posts/{newest}/delete", data={"as": "222"})
            assert f'id="post-{newest}"' not in x.client.get("/").text

    @pytest.mark.parametrize(
        ("path", "data"),
        [
            ("/posts", {"as": "900", "text": "a"}),
            ("/posts", {"text": "a"}),
            ("/posts", {"as": "222", "text": " ", "in_reply_to": "{mug}"}),
            ("/posts", {"as": "222", "text": "a" * 4001, "in_reply_to": "{mug}"}),
            ("/posts", {"as": "222", "text": "a", "in_reply_to": "1"}),
            ("/posts", {"as": "222", "text": "a", "in_reply_to": "x"}),
            ("/posts/{mug}/edit", {"as": "222", "text": "a"}),
            ("/posts/{mug}/delete", {"as": "222"}),
        ],
    )
    def test_what_cannot_be_done_is_told(self, tmp_path: Path, path: str, data: dict[str, str]) -> None:
        with world(tmp_path) as x:
            mug = x.seed_post("mug")
            filled = {name: value.replace("{mug}", mug) for name, value in data.items()}
            page = x.client.post(path.replace("{mug}", mug), data=filled)
            document = x.client.post(path.replace("{mug}", mug), data=filled, headers=JSON)
        assert (page.status_code, document.status_code) == (400, 400)
        assert "That did not work" in page.text
        assert document.json()["error"]

    def test_replies_stand_below_what_they_reply_to(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            first = send(x, "first", x.seed_post("mug"))
            second = send(x, "second", x.seed_post("mug"))
            below = send(x, "below the first", first, account="333")
            x.client.post(f"/posts/{first}/edit", data={"as": "222", "text": "first, edited"})
            page = x.client.get("/").text
            assert page.index("first, edited") < page.index(f'id="post-{below}"') < page.index(f'id="post-{second}"')
            assert "depth-1" in page
            x.client.post(f"/posts/{first}/delete", data={"as": "222"})
            assert f'id="post-{below}"' in x.client.get("/").text


class TestLivePanel:
    def test_an_outcome_its_line_and_the_cart(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            x.watcher.carts["222"] = Cart(
                (
                    CartLine("Stoneware mug", 2, "in_cart", "$18.00", "http://store.localhost:8401/images/a.svg", "/p"),
                    CartLine("Lamp", 1, "wished"),
                    CartLine("Tee", 1, "waiting"),
                ),
                url="http://cart.localhost/",
            )
            post = send(x, "#AmazonCart x2", x.seed_post("mug"))
            says(x, "Waiting for the outcome")
            x.watcher.outcomes[post] = Outcome("ADDED", "In the cart: 2.", post, "Stoneware mug", 2)
            says(x, "In the cart: 2.")
            says(x, "200 · ")
            page = x.client.get("/").text
        assert 'data-count="2"' in page
        assert "Wished for, sold out now" in page
        assert "Waiting for a choice" in page
        assert "No public answer: @shopbot was not mentioned" in page
        assert "replied to <em>Stoneware mug, speckled</em>" in page

    def test_the_public_answer_is_shown(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            post = send(x, "@shopbot #AmazonCart", x.seed_post("mug"))
            x.watcher.outcomes[post] = Outcome("ADDED", "In the cart.", post)
            says(x, "No public answer so far")
            body = {"text": "It waits in your cart.", "reply": {"in_reply_to_tweet_id": post}}
            assert x.client.post("/2/tweets", json=body, headers=x.user()).status_code == 201
            assert "It waits in your cart." in x.attempts()

    def test_looking_stops_with_the_outcome(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            post = send(x, "#AmazonCart", x.seed_post("mug"))
            x.watcher.outcomes[post] = Outcome("ADDED", "In the cart.", post)
            says(x, "In the cart.")
            looks = x.watcher.looks
            x.loop.run(asyncio.sleep(0.1))
            assert x.watcher.looks <= looks + 1

    def test_a_better_outcome_may_follow(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            post = send(x, "#AmazonCart", x.seed_post("mug"))
            x.watcher.outcomes[post] = Outcome("STORE_UNAVAILABLE", "We keep trying.", post, final=False)
            says(x, "We keep trying.")
            x.watcher.outcomes[post] = Outcome("ADDED", "In the cart.", post)
            says(x, "In the cart.")

    def test_an_edit_waits_for_its_own_outcome(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            post = send(x, "#AmazonCart", x.seed_post("mug"))
            x.watcher.outcomes[post] = Outcome("ADDED", "In the cart.", post)
            says(x, "In the cart.")
            edit = x.client.post(f"/posts/{post}/edit", data={"as": "222", "text": "#AmazonCart x2"}, headers=JSON)
            says(x, "Waiting for the outcome")
            x.watcher.outcomes[post] = Outcome("QUANTITY_SET", "Now 2.", edit.json()["id"])
            says(x, "Now 2.")

    def test_an_undo_below_the_reply_or_the_answer(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            post = send(x, "@shopbot #AmazonCart", x.seed_post("mug"))
            body = {"text": "Done.", "reply": {"in_reply_to_tweet_id": post}}
            answer = x.client.post("/2/tweets", json=body, headers=x.user()).json()["data"]["id"]
            x.watcher.outcomes[post] = Outcome("ADDED", "In the cart.", post)
            says(x, "In the cart.")
            send(x, "#undo", post)
            send(x, "#Undo please", answer)
            x.watcher.outcomes[post] = Outcome("UNDONE", "Taken back.", post)
            eventually(lambda: x.attempts().count("Taken back.") == 2)
            assert x.attempts().count("asked to undo") == 2

    def test_undo_below_somebody_else_is_a_reply_like_any_other(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            own = x.client.post("/2/tweets", json={"text": "I am the bot."}, headers=x.user()).json()["data"]["id"]
            send(x, "#undo", own)
            send(x, "#undo", x.seed_post("mug"))
            assert x.attempts().count("There is no cart hashtag in it") == 2

    def test_a_deletion_waits_for_the_undoing(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            x.subscribe("post.delete", "222")
            post = send(x, "#AmazonCart", x.seed_post("mug"))
            x.watcher.outcomes[post] = Outcome("ADDED", "In the cart.", post)
            says(x, "In the cart.")
            x.client.post(f"/posts/{post}/delete", data={"as": "222"})
            says(x, "<code>post.delete</code>")
            says(x, "only where the shopper chose that")
            x.watcher.outcomes[post] = Outcome("UNDONE", "Taken back.", post)
            says(x, "Taken back.")

    def test_a_seller_s_deletion_is_nobody_s_attempt(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.client.delete(f"/simulator/posts/{x.seed_post('mug')}")
            assert "deleted" not in x.attempts()

    @pytest.mark.parametrize(
        ("account", "text", "words"),
        [
            ("444", "#AmazonCart", "@cleo_private is protected"),
            ("222", "lovely", "There is no cart hashtag in it"),
        ],
    )
    def test_why_nothing_can_come(self, tmp_path: Path, account: str, text: str, words: str) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            send(x, text, x.seed_post("mug"), account=account)
            assert words in x.attempts()

    def test_a_post_that_is_no_reply(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            x.post("222", "#AmazonCart http://store.localhost:8401/products/stoneware-mug")
            assert "Only replies put something in a cart" in x.attempts()

    @pytest.mark.parametrize(
        ("linked", "words"),
        [
            (True, "has no outcome yet"),
            (False, "Nothing happened: @ada_shops is not linked"),
            (None, "cannot be told from here"),
        ],
    )
    def test_silence_is_explained(self, tmp_path: Path, linked: bool | None, words: str) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            x.watcher.linked = linked
            send(x, "#AmazonCart", x.seed_post("mug"))
            says(x, words)
            if linked is False:
                eventually(lambda: x.simulator.board.attempts[0].ended)

    def test_looking_ends_at_last(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            send(x, "#AmazonCart", x.seed_post("mug"))
            eventually(lambda: x.simulator.board.attempts[0].ended)

    def test_an_endpoint_that_refuses_is_named(self, tmp_path: Path) -> None:
        with world(tmp_path, retry_delays=(60.0,)) as x:
            x.register_webhook()
            x.endpoint.statuses = [503]
            send(x, "#AmazonCart", x.seed_post("mug"))
            says(x, "has not accepted the delivery yet")
            says(x, "503 · ")

    def test_no_webhook_no_delivery(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            send(x, "#AmazonCart", x.seed_post("mug"))
            assert "no valid webhook is registered" in x.attempts()

    @pytest.mark.parametrize("failure", [WatcherUnavailableError(), RuntimeError("a bug")])
    def test_a_stack_that_cannot_be_read_is_tried_again(self, tmp_path: Path, failure: Exception) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            x.watcher.failure = failure
            post = send(x, "#AmazonCart", x.seed_post("mug"))
            says(x, "cannot be read just now")
            x.watcher.failure = None
            x.watcher.outcomes[post] = Outcome("ADDED", "In the cart.", post)
            says(x, "In the cart.")


class TestStream:
    def test_a_page_is_told_what_to_draw_again(self, tmp_path: Path) -> None:
        async def told(x: World) -> list[dict[str, Any]]:
            account = x.simulator.accounts["222"]
            events = x.simulator.pages.events(account)
            found = [await anext(events)]
            mug = x.simulator.timeline.roots()[0]
            x.simulator.network.create(account, "#AmazonCart", in_reply_to=mug)
            hub = x.simulator.board.hub
            for change in (
                Change("cart", "222"),
                Change("cart", "333"),
                Change("thread", "1"),
                Change("attempt", "gone"),
            ):
                hub.publish(change)
            found += [await anext(events) for _ in range(3)]
            hub.close()
            found += [event async for event in events]
            return [
                {"kind": event.split("\n")[0], **json.loads(event.split("data: ", 1)[1].strip())} for event in found
            ]

        with world(tmp_path) as x:
            events = x.loop.run(told(x))
        kinds = [event["kind"] for event in events]
        assert kinds == ["event: panel", "event: thread", "event: attempt", "event: cart"]
        assert events[1]["target"].startswith("thread-")
        assert "#AmazonCart" in events[1]["html"]
        assert events[2]["say"].startswith("@ada_shops: Nothing was delivered")
        assert events[3]["target"] == "cart"

    def test_a_stream_is_served_and_ends_with_the_server(self, tmp_path: Path) -> None:
        async def close_soon(x: World) -> None:
            await asyncio.sleep(0.05)
            x.simulator.board.hub.close()

        with world(tmp_path) as x:
            closing = x.loop.start(close_soon(x))
            response = x.client.get("/live?as=222")
            closing.result(5)
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.text.startswith("event: panel\n")

    def test_a_silent_stream_is_kept_alive(self, tmp_path: Path) -> None:
        async def first_two(x: World) -> list[str]:
            events = x.simulator.pages.events(x.simulator.accounts["222"])
            return [await anext(events), await anext(events)]

        with world(tmp_path, keep_alive=0.01) as x:
            assert x.loop.run(first_two(x))[1] == ": still here\n\n"
