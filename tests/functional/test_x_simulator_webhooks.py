"""Registration, challenges, signed deliveries and their retries."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.settings import CONSUMER_SECRET
from local.x_simulator.webhooks import loopback_target, sign
from tests.fakes.x_simulator_world import APP, HOOK, World, eventually, world


def delivered(x: World, count: int) -> list[dict[str, Any]]:
    eventually(lambda: len(x.endpoint.deliveries) >= count)
    return x.endpoint.events


def by_type(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {event["data"]["event_type"]: event["data"] for event in events}


class TestRegistration:
    def test_an_endpoint_that_answers_the_challenge_is_registered(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            webhook = x.register_webhook()
            assert webhook["valid"] is True
            challenge = x.endpoint.requests[0]
            assert str(challenge.url).startswith("http://127.0.0.1:4566/webhooks/x?crc_token=")
            assert challenge.headers["host"] == "abc123.execute-api.localhost:4566"
            listed = x.client.get("/2/webhooks", headers=APP).json()
            assert listed == {"data": [webhook], "meta": {"result_count": 1}}

    def test_registering_again_enables_it_again(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            assert x.register_webhook()["id"] == x.register_webhook()["id"]

    def test_version_2_167_wraps_its_answers(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.client.patch("/simulator/settings", json={"names": "new"})
            webhook = x.register_webhook()["data"]
            validated = x.client.put(f"/2/webhooks/{webhook['id']}", headers=APP).json()
        assert validated == {"data": {"valid": True}}

    def test_challenges_again_and_deletes(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            webhook_id = x.register_webhook()["id"]
            x.endpoint.crc = lambda _: httpx.Response(500, json={})
            assert x.client.put(f"/2/webhooks/{webhook_id}", headers=APP).json() == {"data": {"attempted": True}}
            assert x.client.get("/2/webhooks", headers=APP).json()["data"][0]["valid"] is False
            assert x.client.delete(f"/2/webhooks/{webhook_id}", headers=APP).json() == {"data": {"deleted": True}}
            assert x.client.get("/2/webhooks", headers=APP).json() == {"meta": {"result_count": 0}}
            gone = x.client.put(f"/2/webhooks/{webhook_id}", headers=APP)
        assert (gone.status_code, gone.json()["type"].endswith("resource-not-found")) == (404, True)

    @pytest.mark.parametrize(
        "answer",
        [
            httpx.Response(200, json={"response_token": "sha256=wrong"}),
            httpx.Response(200, json=["no", "object"]),
            httpx.Response(200, text="no JSON"),
            httpx.Response(404, json={"response_token": "sha256=x"}),
        ],
    )
    def test_a_failed_challenge_is_no_registration(self, tmp_path: Path, answer: httpx.Response) -> None:
        with world(tmp_path) as x:
            x.endpoint.crc = lambda _: answer
            response = x.client.post("/2/webhooks", json={"url": HOOK}, headers=APP)
            assert response.status_code == 400
            assert "CrcValidationFailed" in response.json()["errors"][0]["message"]
            assert x.simulator.webhooks.all() == []

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"url": 1},
            {"url": "https://hashcart.example/webhooks/x"},
            {"url": "ftp://127.0.0.1/"},
            {"url": "http://localhost.evil.example/"},
            {"url": "http://127.0.0.1/" + "a" * 200},
        ],
    )
    def test_only_loopback_urls_are_reached(self, tmp_path: Path, body: dict[str, Any]) -> None:
        with world(tmp_path) as x:
            response = x.client.post("/2/webhooks", json=body, headers=APP)
            assert response.status_code == 400
            assert x.endpoint.requests == []

    def test_targets_keep_path_and_query(self) -> None:
        assert loopback_target("http://localhost") == ("http://127.0.0.1/", "localhost")
        assert loopback_target("http://127.0.0.1:4566/a/$default/x?b=1#c") == (
            "http://127.0.0.1:4566/a/$default/x?b=1",
            "127.0.0.1:4566",
        )


class TestDeliveries:
    def test_the_signature_covers_the_raw_bytes(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            x.post("222", "ポチ #アマゾンポチ", in_reply_to=x.seed_post("mug"))
            delivered(x, 1)
            request = x.endpoint.deliveries[0]
        assert request.headers["x-twitter-webhooks-signature"] == sign(CONSUMER_SECRET, request.content)
        assert request.headers["host"] == "abc123.execute-api.localhost:4566"
        assert "アマゾンポチ".encode() in request.content

    def test_an_event_has_the_shape_that_was_captured(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            mug = x.seed_post("mug")
            post = x.post("222", "@shopbot #AmazonCart", in_reply_to=mug)
            events = by_type(delivered(x, 2))
        mention = events["post.mention.create"]
        assert set(mention) == {"event_uuid", "filter", "event_type", "tag", "payload", "includes"}
        assert mention["filter"] == {"user_id": "900"}
        assert mention["payload"] | {"created_at": ""} == {
            "id": post["id"],
            "text": "@shopbot #AmazonCart",
            "author_id": "222",
            "conversation_id": mug,
            "in_reply_to_tweet_id": mug,
            "in_reply_to_user_id": "111",
            "referenced_tweets": [{"type": "replied_to", "id": mug}],
            "entities": {
                "hashtags": [{"start": 9, "end": 20, "tag": "AmazonCart"}],
                "mentions": [{"start": 0, "end": 8, "username": "shopbot", "id": "900"}],
            },
            "edit_history_tweet_ids": [post["id"]],
            "created_at": "",
        }
        assert mention["includes"] == {
            "users": [{"id": "222", "name": "Ada Bright", "username": "ada_shops", "protected": False}],
            "tweets": [],
        }

    def test_a_mention_by_a_subscribed_account_comes_twice(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            x.post("222", "@shopbot #AmazonCart", in_reply_to=x.seed_post("mug"))
            events = by_type(delivered(x, 2))
        create, mention = events["post.create"], events["post.mention.create"]
        assert create["payload"] == mention["payload"]
        assert create["event_uuid"] != mention["event_uuid"]
        assert create["filter"] == {"user_id": "222"}
        assert [post["author_id"] for post in create["includes"]["tweets"]] == ["111"]

    def test_event_ids_are_negative_now_and_then(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            for number in range(24):
                x.post("222", f"post {number}")
            signs = {event["data"]["event_uuid"].startswith("-") for event in delivered(x, 24)}
        assert signs == {True, False}

    def test_new_names_and_parents_are_a_matter_of_settings(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            mug = x.seed_post("mug")
            overrides = {"names": "new", "parent_in_post_create": False, "parent_in_mention": True}
            x.post("222", "@shopbot #AmazonCart", in_reply_to=mug, **overrides)
            events = by_type(delivered(x, 2))
            assert events["post.create"]["payload"]["referenced_posts"] == [{"type": "replied_to", "id": mug}]
            assert events["post.create"]["includes"]["posts"] == []
            assert [post["id"] for post in events["post.mention.create"]["includes"]["posts"]] == [mug]
            assert x.client.get("/simulator/settings").json()["names"] == "old"

    def test_protected_accounts_and_the_bot_are_never_delivered(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            private = x.post("444", "@shopbot #AmazonCart", in_reply_to=x.seed_post("mug"))
            x.client.delete(f"/simulator/posts/{private['id']}")
            x.post("900", "I am the bot.")
            x.post("333", "#AmazonCart", in_reply_to=x.seed_post("mug"))
            events = delivered(x, 1)
        assert [event["data"]["payload"]["author_id"] for event in events] == ["333"]

    def test_subscriptions_can_be_limited(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            x.client.patch("/simulator/settings", json={"post_create_for": ["222"]})
            x.post("333", "#AmazonCart", in_reply_to=x.seed_post("mug"))
            x.post("222", "#AmazonCart", in_reply_to=x.seed_post("mug"))
            events = delivered(x, 1)
            assert [event["data"]["payload"]["author_id"] for event in events] == ["222"]
            assert "no subscription for @ben_browses" in x.attempts()

    def test_an_edit_is_a_new_id_with_a_longer_history(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            first = x.post("222", "#AmazonCart", in_reply_to=x.seed_post("mug"))["id"]
            edited = x.client.put(f"/simulator/posts/{first}", json={"text": "#AmazonCart x2"}).json()
            delivered(x, 2)
            payloads = {event["data"]["payload"]["id"]: event["data"]["payload"] for event in x.endpoint.events}
        assert int(edited["id"]) > int(first)
        assert payloads[edited["id"]]["edit_history_tweet_ids"] == [first, edited["id"]]
        assert payloads[edited["id"]]["text"] == "#AmazonCart x2"

    def test_a_deletion_is_told_of_where_it_is_subscribed_to(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            x.subscribe("post.delete", "222")
            for author in ("333", "222"):
                post = x.post(author, "#AmazonCart", in_reply_to=x.seed_post("mug"))
                x.client.delete(f"/simulator/posts/{post['id']}")
            events = by_type(delivered(x, 3))
            assert "no subscription to what @ben_browses deletes" in x.attempts()
        assert events["post.delete"]["payload"]["author_id"] == "222"

    def test_a_subscription_of_its_own_is_enough(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            x.client.patch("/simulator/settings", json={"post_create_for": []})
            x.subscribe("post.create", "333")
            for author in ("222", "333"):
                x.post(author, "#AmazonCart", in_reply_to=x.seed_post("mug"))
            [event] = delivered(x, 1)
        assert event["data"]["payload"]["author_id"] == "333"

    @pytest.mark.parametrize("how", ["protected", "suspended"])
    def test_an_account_that_is_not_public_is_told_of_no_more(self, tmp_path: Path, how: str) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            x.subscribe("post.create", "222")
            before = x.post("222", "#AmazonCart", in_reply_to=x.seed_post("mug"))["id"]
            delivered(x, 1)
            hidden = x.client.post("/simulator/accounts/222/show", json={how: True}).json()
            x.post("222", "@shopbot #AmazonCart", in_reply_to=x.seed_post("mug"))
            assert x.client.get("/simulator/subscriptions").json() == {"subscriptions": []}
            assert "data" not in x.client.get("/2/tweets", params={"ids": before}, headers=APP).json()
            assert how in x.attempts()
            shown = x.client.post("/simulator/accounts/222/show", json={}).json()
            x.post("222", "#AmazonCart", in_reply_to=x.seed_post("mug"))
            assert len(delivered(x, 2)) == 2
        assert (hidden, shown) == ({"public": False}, {"public": True})

    def test_a_deletion_names_the_newest_version(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            x.subscribe("post.delete", "222")
            first = x.post("222", "#AmazonCart", in_reply_to=x.seed_post("mug"))["id"]
            newest = x.client.put(f"/simulator/posts/{first}", json={"text": "no more"}).json()["id"]
            assert x.client.delete(f"/simulator/posts/{first}").json() == {"deleted": True}
            deletion = by_type(delivered(x, 3))["post.delete"]
            assert x.client.put(f"/simulator/posts/{first}", json={"text": "again"}).status_code == 404
        assert deletion["payload"] == {"id": newest, "author_id": "222"}

    def test_a_revocation_ends_tokens_and_is_told(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            headers = x.user("222")
            assert x.client.post("/simulator/accounts/ada_shops/revoke").json() == {"revoked": True}
            data = delivered(x, 1)[0]["data"]
            assert x.client.get("/2/users/me", headers=headers).status_code == 401
        assert (data["event_type"], data["filter"]) == ("oauth.revoke", {})
        assert set(data["payload"]) == {"date_time", "user_id", "app_id"}


class TestRetries:
    def test_until_the_endpoint_accepts(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            x.endpoint.statuses = [503, None]
            post = x.post("222", "#AmazonCart", in_reply_to=x.seed_post("mug"))
            query = {"post_id": post["id"]}
            url = "/simulator/deliveries"
            eventually(lambda: x.client.get(url, params=query).json()["deliveries"][0]["state"] == "delivered")
            delivery = x.client.get(url, params=query).json()["deliveries"][0]
        assert [(attempt["status"], attempt["error"]) for attempt in delivery["attempts"]] == [
            (503, None),
            (None, "ReadTimeout"),
            (200, None),
        ]
        assert {request.content for request in x.endpoint.deliveries} == {x.endpoint.deliveries[0].content}

    def test_not_for_ever(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            x.endpoint.statuses = [500, 500, 500]
            x.post("222", "#AmazonCart", in_reply_to=x.seed_post("mug"))
            eventually(lambda: x.client.get("/simulator/deliveries").json()["deliveries"][0]["state"] == "failed")
            eventually(lambda: "attempt 3" in x.attempts())

    def test_a_redirect_disables_the_webhook_at_once(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            x.endpoint.statuses = [302]
            x.post("222", "#AmazonCart", in_reply_to=x.seed_post("mug"))
            eventually(lambda: not x.simulator.webhooks.all()[0].valid)
            x.post("222", "#AmazonCart again", in_reply_to=x.seed_post("mug"))
            assert "no valid webhook is registered" in x.attempts()

    def test_what_a_deleted_webhook_still_had_to_get_is_dropped(self, tmp_path: Path) -> None:
        with world(tmp_path, retry_delays=(0.05,)) as x:
            webhook_id = x.register_webhook()["id"]
            x.endpoint.statuses = [500]
            x.post("222", "#AmazonCart", in_reply_to=x.seed_post("mug"))
            eventually(lambda: x.endpoint.deliveries)
            x.client.delete(f"/2/webhooks/{webhook_id}", headers=APP)
            eventually(lambda: x.client.get("/simulator/deliveries").json()["deliveries"][0]["state"] == "failed")

    def test_a_restart_goes_on_with_what_is_pending(self, tmp_path: Path) -> None:
        with world(tmp_path, retry_delays=(60.0,)) as x:
            x.register_webhook()
            x.endpoint.statuses = [500]
            x.post("222", "#AmazonCart", in_reply_to=x.seed_post("mug"))
            eventually(lambda: x.simulator.webhooks.deliveries()[0].attempts)
        with world(tmp_path) as x:
            eventually(lambda: x.simulator.webhooks.deliveries()[0].state == "delivered")

    def test_a_delivery_can_be_repeated(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            x.post("222", "#AmazonCart", in_reply_to=x.seed_post("mug"))
            delivered(x, 1)
            delivery_id = x.client.get("/simulator/deliveries").json()["deliveries"][0]["id"]
            assert x.client.post(f"/simulator/deliveries/{delivery_id}/redeliver").status_code == 200
            delivered(x, 2)
            assert x.endpoint.deliveries[0].content == x.endpoint.deliveries[1].content
            assert x.client.post("/simulator/deliveries/9999/redeliver").status_code == 404


class TestADeadWebhook:
    def test_it_gets_nothing_until_it_is_enabled_and_then_a_replay(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            webhook_id = x.register_webhook()["id"]
            x.client.post(f"/simulator/webhooks/{webhook_id}/disable").raise_for_status()
            assert x.client.get("/2/webhooks", headers=APP).json()["data"][0]["valid"] is False
            post = x.post("222", "@shopbot #AmazonCart", in_reply_to=x.seed_post("mug"))["id"]
            assert x.client.get("/simulator/deliveries", params={"post_id": post}).json()["deliveries"] == []
            x.client.put(f"/2/webhooks/{webhook_id}", headers=APP)
            now = datetime.now(UTC)
            body = {
                "webhook_id": webhook_id,
                "from_date": f"{now - timedelta(minutes=1):%Y%m%d%H%M}",
                "to_date": f"{now:%Y%m%d%H%M}",
            }
            job = x.client.post("/2/webhooks/replay", json=body, headers=APP)
            events = delivered(x, 2)
        assert job.status_code == 200
        assert {event["data"]["payload"]["id"] for event in events if event["data"]["payload"]["id"] == post} == {post}

    @pytest.mark.parametrize("change", [{"from_date": "x"}, {"from_date": "200001010000"}, {"to_date": "200001010000"}])
    def test_a_replay_is_of_the_last_day(self, tmp_path: Path, change: dict[str, str]) -> None:
        with world(tmp_path) as x:
            minute = f"{datetime.now(UTC):%Y%m%d%H%M}"
            body = {"webhook_id": x.register_webhook()["id"], "from_date": minute, "to_date": minute} | change
            assert x.client.post("/2/webhooks/replay", json=body, headers=APP).status_code == 400

    def test_what_is_not_there_is_not_found(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            assert x.client.post("/simulator/webhooks/1/disable").status_code == 404
            assert x.client.post("/2/webhooks/replay", json={"webhook_id": "1"}, headers=APP).status_code == 404
