"""The control API, the guard around a local tool, and what a restart keeps."""

from pathlib import Path
from typing import Any

import pytest

from local.settings import from_environment
from local.x_simulator.accounts import Accounts
from local.x_simulator.entities import Preview, find_hashtags, find_mentions, render
from local.x_simulator.snowflakes import SnowflakeClock, snowflake, time_ms
from local.x_simulator.watcher import NullWatcher
from tests.fakes.x_simulator_world import Clock, world


class TestControl:
    def test_health_tells_of_webhooks(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.register_webhook()
            document = x.client.get("/simulator/health").json()
        assert document["status"] == "ok"
        assert document["webhooks"][0]["valid"] is True

    def test_the_seed_has_a_post_for_each_case(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            posts = x.client.get("/simulator/posts").json()["posts"]
        assert len(posts) == 11
        assert [int(post["id"]) for post in posts] == sorted((int(post["id"]) for post in posts), reverse=True)
        assert sum("http" not in post["text"] for post in posts) == 1
        assert sum(post["text"].count("http") == 2 for post in posts) == 1

    def test_replies_to_any_version_are_listed(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            first = x.post("222", "#AmazonCart")["id"]
            answer = x.post("333", "to the first", in_reply_to=first)["id"]
            newest = x.client.put(f"/simulator/posts/{first}", json={"text": "edited"}).json()["id"]
            found = x.client.get("/simulator/posts", params={"in_reply_to": newest}).json()["posts"]
        assert [post["id"] for post in found] == [answer]

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("POST", "posts", {"author": "222"}),
            ("POST", "posts", {"author": "222", "text": "a", "surprise": 1}),
            ("POST", "posts", {"author": "222", "text": "a", "names": "odd"}),
            ("POST", "posts", {"author": "222", "text": "a", "in_reply_to": "x"}),
            ("POST", "posts", {"author": "222", "text": "a", "clock_ahead": "1"}),
            ("POST", "posts", {"author": "222", "text": "a", "clock_ahead": 90_000}),
            ("POST", "posts", [1]),
            ("PATCH", "settings", {"names": "odd"}),
            ("PATCH", "settings", {"surprise": True}),
            ("PATCH", "settings", {"parent_in_mention": 1}),
            ("PATCH", "settings", {"post_create_for": "nobody"}),
            ("PATCH", "settings", {"subscription_limit": -1}),
            ("PATCH", "settings", {"subscription_limit": True}),
            ("POST", "accounts/222/show", {"hidden": True}),
            ("POST", "faults", {"method": "GET"}),
            ("POST", "faults", {"method": "GET", "path": "/", "status": 999}),
            ("POST", "faults", {"method": "get", "path": "/", "status": 500}),
            ("POST", "faults", {"method": "GET", "path": "/", "status": 500, "count": 0}),
            ("POST", "faults", {"method": "GET", "path": "/", "status": 500, "delay": "long"}),
        ],
    )
    def test_bad_requests_are_told(self, tmp_path: Path, method: str, path: str, body: Any) -> None:
        with world(tmp_path) as x:
            assert x.client.request(method, f"/simulator/{path}", json=body).status_code == 400

    def test_unknown_accounts_and_posts(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            statuses = [
                x.client.post("/simulator/posts", json={"author": "nobody", "text": "a"}).status_code,
                x.client.post("/simulator/posts", json={"author": "222", "text": "a", "in_reply_to": "1"}).status_code,
                x.client.delete("/simulator/posts/1").status_code,
            ]
        assert statuses == [404, 404, 404]


class TestGuard:
    @pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "[", ""])
    def test_other_host_names_are_refused(self, tmp_path: Path, host: str) -> None:
        with world(tmp_path) as x:
            assert x.client.get("/simulator/posts", headers={"host": host}).status_code == 421

    @pytest.mark.parametrize("host", ["127.0.0.1:8400", "localhost:8400", "x.localhost:8400"])
    def test_own_names_are_served(self, tmp_path: Path, host: str) -> None:
        with world(tmp_path) as x:
            response = x.client.get("/", headers={"host": host})
        assert response.status_code == 200
        assert "script-src 'self'" in response.headers["content-security-policy"]
        assert response.headers["referrer-policy"] == "same-origin"

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"origin": "http://evil.example"}, 403),
            ({"origin": "null"}, 403),
            ({"origin": "http://store.localhost:8401"}, 403),
            ({"sec-fetch-site": "cross-site"}, 403),
            ({"sec-fetch-site": "same-site"}, 403),
            ({"origin": "http://127.0.0.1:8400", "sec-fetch-site": "same-origin"}, 200),
            ({}, 200),
        ],
    )
    def test_other_sites_pages_cannot_write(self, tmp_path: Path, headers: dict[str, str], status: int) -> None:
        body = {"author": "222", "text": "#AmazonCart"}
        with world(tmp_path) as x:
            assert x.client.post("/simulator/posts", json=body, headers=headers).status_code == status


class TestState:
    def test_posts_and_webhooks_survive_a_restart_and_ids_grow_on(self, tmp_path: Path) -> None:
        clock = Clock()
        with world(tmp_path / "new", now=clock) as x:
            x.register_webhook()
            before = x.post("222", "before")
        clock.now -= 3600
        with world(tmp_path / "new", now=clock) as x:
            posts = x.client.get("/simulator/posts").json()["posts"]
            after = x.post("222", "after")
            assert len(x.simulator.webhooks.all()) == 1
        assert posts[0] == before
        assert int(after["id"]) > int(before["id"])

    def test_snowflakes_carry_the_real_time(self) -> None:
        ids = SnowflakeClock(lambda: 1_795_435_200.5)
        first, second = ids.next_id(), ids.next_id()
        assert time_ms(first) == time_ms(second) == 1_795_435_200_500
        assert second == first + 1
        assert snowflake(1_795_435_200_500) == first

    def test_a_machine_may_have_another_time(self, tmp_path: Path) -> None:
        clock = Clock()
        with world(tmp_path, now=clock) as x:
            astray = [int(x.post("222", "a", clock_ahead=seconds)["id"]) for seconds in (300, -120.5, 300)]
            usual = int(x.post("222", "a")["id"])
        assert [time_ms(post) - int(clock() * 1000) for post in (*astray, usual)] == [300_000, -120_500, 300_000, 0]
        assert len({*astray, usual}) == 4

    def test_settings_come_from_the_environment(self, tmp_path: Path) -> None:
        settings = from_environment({})
        changed = from_environment(
            {
                "HASHCART_X_PORT": "1",
                "HASHCART_STATE_DIR": str(tmp_path),
                "HASHCART_X_CLIENT_ID": "id",
                "HASHCART_X_REDIRECT_URIS": "http://a.test/,http://b.test/",
            }
        )
        assert (settings.x_url, settings.store_base_url) == ("http://x.localhost:8400/", "http://127.0.0.1:8401")
        assert (settings.x_api_base_url, settings.aws_endpoint_url) == (
            "http://127.0.0.1:8400",
            "http://127.0.0.1:4566",
        )
        assert (changed.x_port, changed.client_id, changed.state_dir) == (1, "id", tmp_path)
        assert changed.redirect_uris == ("http://a.test/", "http://b.test/")
        assert changed.outputs_file == tmp_path / "outputs.json"

    def test_nothing_is_seen_without_a_stack(self) -> None:
        watcher = NullWatcher()
        assert (watcher.is_linked("1"), watcher.outcome_of("1", "2"), watcher.cart_of("1")) == (None, None, None)


class TestEntities:
    @pytest.mark.parametrize(
        ("text", "tags"),
        [
            ("#AmazonCart", ["AmazonCart"]),
            ("＃アマゾンポチ です", ["アマゾンポチ"]),
            ("a#b &#c _#d", []),
            ("#1 #1a #", ["1a"]),
            ("#a#b", []),
            ("#a://b", []),
            ("(#café)", ["café"]),
        ],
    )
    def test_hashtags(self, text: str, tags: list[str]) -> None:
        assert [tag for tag, _, _ in find_hashtags(text)] == tags

    def test_mentions(self) -> None:
        text = "@shopbot mail@shopbot.example @shopbot@other @waytoolongforausername .@ada_shops"
        assert [name for name, _, _ in find_mentions(text)] == ["shopbot", "ada_shops"]

    def test_nothing_is_found_inside_urls(self) -> None:
        source = "See http://a.test/@shopbot#AmazonCart, @nobody @ADA_shops"
        rendered = render(1, source, Accounts().user_ids, lambda _: Preview("A", "B", unwound_url="http://b.test/"))
        assert set(rendered.entities) == {"urls", "mentions"}
        assert rendered.entities["urls"][0]["unwound_url"] == "http://b.test/"
        mention = rendered.entities["mentions"][0]
        assert (mention["username"], mention["id"]) == ("ADA_shops", "222")
        assert rendered.text[mention["start"] : mention["end"]] == "@ADA_shops"
