"""The simulator's part of X's API."""

import re
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Scope

from tests.fakes.x_simulator_world import APP, Clock, World, world


def get_posts(x: World, ids: str, headers: dict[str, str] = APP, /, **parameters: str) -> Any:
    return x.client.get("/2/tweets", params={"ids": ids, **parameters}, headers=headers)


def reply(x: World, text: str, parent_id: str, headers: dict[str, str]) -> Any:
    body = {"text": text, "reply": {"in_reply_to_tweet_id": parent_id}}
    return x.client.post("/2/tweets", json=body, headers=headers)


class TestReadingPosts:
    def test_only_asked_for_fields_come(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            mug = x.seed_post("mug")
            assert set(get_posts(x, mug).json()["data"][0]) == {"id", "text", "edit_history_tweet_ids"}
            post = get_posts(x, mug, **{"tweet.fields": "author_id,entities,created_at,lang"}).json()["data"][0]
        assert post["author_id"] == "111"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", post["created_at"])

    def test_urls_are_published_as_short_links_with_what_is_behind_them(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            post = get_posts(x, x.seed_post("mug"), **{"tweet.fields": "entities"}).json()["data"][0]
            dead = get_posts(x, x.seed_post("walnut"), **{"tweet.fields": "entities"}).json()["data"][0]
        url = post["entities"]["urls"][0]
        assert url["url"].startswith("https://t.co/")
        assert post["text"][url["start"] : url["end"]] == url["url"]
        assert url["expanded_url"] == url["unwound_url"] == "http://store.localhost:8401/products/stoneware-mug"
        assert (url["title"], url["status"]) == ("Stoneware mug, speckled", 200)
        assert dead["entities"]["urls"][0]["status"] == 404

    def test_hidden_urls_have_no_preview(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            post = x.post("111", "Look: https://unknown.example/a/very/long/path/that/never/ends, or https://x.example")
            urls = get_posts(x, post["id"], **{"tweet.fields": "entities"}).json()["data"][0]["entities"]["urls"]
        assert "status" not in urls[0]
        assert urls[0]["display_url"].endswith("…")
        assert urls[0]["expanded_url"] == "https://unknown.example/a/very/long/path/that/never/ends"

    def test_new_names_answer_a_request_with_new_names(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            mug = x.seed_post("mug")
            answer = x.post("222", "#AmazonCart", in_reply_to=mug)
            old = get_posts(
                x, answer["id"], **{"tweet.fields": "referenced_tweets", "expansions": "referenced_tweets.id"}
            ).json()
            by_fields = get_posts(x, answer["id"], **{"post.fields": "created_at"}).json()
            by_expansion = get_posts(x, answer["id"], expansions="referenced_posts").json()
        assert old["data"][0]["referenced_tweets"] == [{"type": "replied_to", "id": mug}]
        assert [post["id"] for post in old["includes"]["tweets"]] == [mug]
        assert by_fields["data"][0]["edit_history_post_ids"] == [answer["id"]]
        assert by_expansion["data"][0]["referenced_posts"] == [{"type": "replied_to", "id": mug}]
        assert [post["id"] for post in by_expansion["includes"]["posts"]] == [mug]

    def test_accounts_are_included_on_request(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            answer = x.post("222", "#AmazonCart", in_reply_to=x.seed_post("mug"))
            expansions = "author_id,in_reply_to_user_id,referenced_tweets.id.author_id"
            users = get_posts(x, answer["id"], expansions=expansions).json()["includes"]["users"]
        assert [user["username"] for user in users] == ["ada_shops", "northwind_home"]

    def test_gone_and_protected_posts_are_partial_errors(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            gone = x.post("222", "soon gone")["id"]
            x.client.delete(f"/simulator/posts/{gone}")
            private = x.post("444", "only for friends")["id"]
            document = get_posts(x, f"{gone},{private},1,{x.seed_post('mug')}").json()
            own = get_posts(x, private, x.user("444"))
        kinds = [error["type"].rsplit("/", 1)[1] for error in document["errors"]]
        assert kinds == ["resource-not-found", "not-authorized-for-resource", "resource-not-found"]
        assert len(document["data"]) == 1
        assert own.json()["data"][0]["id"] == private

    def test_a_long_post_is_cut_and_has_a_note(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            long = x.post("111", "word " * 70 + "http://store.localhost:8401/products/stoneware-mug #late")
            fields = {"tweet.fields": "note_tweet,entities,display_text_range"}
            post = get_posts(x, long["id"], **fields).json()["data"][0]
        assert len(post["text"]) == 280
        assert post["text"].endswith("…")
        assert "entities" not in post
        assert post["note_tweet"]["entities"]["urls"][0]["title"] == "Stoneware mug, speckled"

    def test_quotes_are_referenced(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            mug = x.seed_post("mug")
            quote = x.post("222", "Look at this", quote=mug)
            post = get_posts(x, quote["id"], **{"tweet.fields": "referenced_tweets"}).json()["data"][0]
        assert post["referenced_tweets"] == [{"type": "quoted", "id": mug}]

    @pytest.mark.parametrize(
        "parameters",
        [
            {"ids": ""},
            {"ids": "abc"},
            {"ids": ",".join(str(number) for number in range(1, 102))},
            {"ids": "1", "tweet.fields": "nonsense"},
            {"ids": "1", "expansions": "nonsense"},
        ],
    )
    def test_bad_parameters_are_refused(self, tmp_path: Path, parameters: dict[str, str]) -> None:
        with world(tmp_path) as x:
            response = x.client.get("/2/tweets", params=parameters, headers=APP)
        assert response.status_code == 400
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["type"] == "https://api.x.com/2/problems/invalid-request"


class TestAuthentication:
    @pytest.mark.parametrize("authorization", ["", "Basic abc", "Bearer unknown"])
    def test_without_a_valid_token(self, tmp_path: Path, authorization: str) -> None:
        with world(tmp_path) as x:
            response = get_posts(x, "1", {"authorization": authorization})
        assert (response.status_code, response.json()["title"]) == (401, "Unauthorized")

    def test_tokens_of_the_wrong_kind(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            reader = x.user(scope="tweet.read users.read")
            refused = [
                x.client.post("/2/tweets", json={"text": "hello"}, headers=APP),
                x.client.post("/2/tweets", json={"text": "hello"}, headers=reader),
                x.client.get("/2/webhooks", headers=reader),
                x.client.get("/2/users/me", headers=APP),
            ]
        assert [response.status_code for response in refused] == [403] * 4
        assert all(response.json()["type"].endswith("unsupported-authentication") for response in refused)

    def test_who_is_signed_in(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            me = x.client.get(
                "/2/users/me", params={"user.fields": "protected,location"}, headers=x.user("444")
            ).json()["data"]
        assert me == {"id": "444", "name": "Cleo Marsh", "username": "cleo_private", "protected": True}


class TestRateLimits:
    def test_a_window_of_calls_is_counted_down_and_begins_anew(self, tmp_path: Path) -> None:
        clock = Clock()
        with world(tmp_path, now=clock) as x:
            headers = x.user("222")
            answers = [x.client.get("/2/users/me", headers=headers) for _ in range(76)]
            assert [answers[0].headers[f"x-rate-limit-{name}"] for name in ("limit", "remaining")] == ["75", "74"]
            assert answers[74].headers["x-rate-limit-remaining"] == "0"
            assert int(answers[0].headers["x-rate-limit-reset"]) == int(clock.now) + 900
            assert [answer.status_code for answer in answers[74:]] == [200, 429]
            assert answers[75].json()["title"] == "Too Many Requests"
            clock.now += 901
            assert x.client.get("/2/users/me", headers=headers).status_code == 200


class TestTimelines:
    def test_newest_first_in_pages(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            ids = [x.post("222", f"post {number}")["id"] for number in range(7)]
            url = "/2/users/222/tweets"
            first = x.client.get(url, params={"max_results": 5}, headers=APP).json()
            rest = x.client.get(
                url, params={"max_results": 5, "pagination_token": first["meta"]["next_token"]}, headers=APP
            ).json()
            since = x.client.get(url, params={"since_id": ids[4], "until_id": ids[6]}, headers=APP).json()
        assert [post["id"] for post in first["data"] + rest["data"]] == ids[::-1]
        assert first["meta"]["result_count"] == 5
        assert first["meta"]["newest_id"] == ids[6]
        assert "next_token" not in rest["meta"]
        assert [post["id"] for post in since["data"]] == [ids[5]]

    def test_replies_can_be_left_out(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.post("222", "#AmazonCart", in_reply_to=x.seed_post("mug"))
            document = x.client.get("/2/users/222/tweets", params={"exclude": "replies"}, headers=APP).json()
        assert document == {"meta": {"result_count": 0}}

    def test_unknown_and_protected_accounts(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.post("444", "only for friends")
            answers = [x.client.get(f"/2/users/{user}/tweets", headers=APP).json() for user in ("12", "444")]
            own = x.client.get("/2/users/444/tweets", headers=x.user("444")).json()
            bad = x.client.get("/2/users/222/tweets", params={"max_results": "4"}, headers=APP)
        assert [answer["errors"][0]["title"] for answer in answers] == ["Not Found Error", "Authorization Error"]
        assert own["meta"]["result_count"] == 1
        assert bad.status_code == 400


class TestPosting:
    def test_a_summons_is_answered(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            asked = x.post("222", "@ShopBot #AmazonCart", in_reply_to=x.seed_post("mug"))
            response = reply(x, "It is in your cart.", asked["id"], x.user())
            assert response.status_code == 201
            assert set(response.json()["data"]) >= {"id", "text"}
            answers = x.client.get("/simulator/posts", params={"in_reply_to": asked["id"]}).json()["posts"]
        assert [(answer["author_id"], answer["text"]) for answer in answers] == [("900", "It is in your cart.")]

    def test_without_a_summons_there_is_no_answer(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            asked = x.post("222", "#AmazonCart", in_reply_to=x.seed_post("mug"))
            response = reply(x, "It is in your cart.", asked["id"], x.user())
        assert response.status_code == 403
        assert "have not been mentioned or otherwise engaged by the author" in response.json()["detail"]

    def test_a_mention_that_a_reply_carried_along_is_no_summons(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            bot = x.user()
            asked = x.post("222", "@shopbot #AmazonCart", in_reply_to=x.seed_post("mug"))
            answer = reply(x, "Done.", asked["id"], bot).json()["data"]["id"]
            thanks = x.post("222", "thanks", in_reply_to=answer, implicit_mentions=True)
            assert thanks["text"] == "@shopbot thanks"
            assert reply(x, "You are welcome.", thanks["id"], bot).status_code == 403
            again = x.post("222", "@shopbot thanks", in_reply_to=answer, implicit_mentions=True)
            assert again["text"] == "@shopbot @shopbot thanks"
            assert reply(x, "You are welcome.", again["id"], bot).status_code == 201

    def test_quoting_the_bot_is_a_summons_and_own_posts_can_be_answered(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            bot = x.user()
            own = x.client.post("/2/tweets", json={"text": "I am the bot."}, headers=bot).json()["data"]["id"]
            quoting = x.post("222", "Look at this", quote=own)
            assert reply(x, "Hello.", quoting["id"], bot).status_code == 201
            assert reply(x, "And more.", own, bot).status_code == 201

    def test_quoting_without_a_summons_is_refused(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            body = {"text": "Nice.", "quote_tweet_id": x.seed_post("mug")}
            response = x.client.post("/2/tweets", json=body, headers=x.user())
        assert (response.status_code, "are mentioned or are the author" in response.json()["detail"]) == (403, True)

    def test_the_same_answer_twice_is_a_duplicate(self, tmp_path: Path) -> None:
        clock = Clock()
        with world(tmp_path, now=clock) as x:
            bot = x.user()
            asked = x.post("222", "@shopbot #AmazonCart", in_reply_to=x.seed_post("mug"))
            other = x.post("222", "@shopbot #AmazonCart", in_reply_to=x.seed_post("tee"))
            assert reply(x, "Done.", asked["id"], bot).status_code == 201
            duplicate = reply(x, " done. ", asked["id"], bot)
            assert (duplicate.status_code, "duplicate" in duplicate.json()["detail"]) == (403, True)
            assert reply(x, "Done.", other["id"], bot).status_code == 201
            clock.now += 25 * 3600
            assert reply(x, "Done.", asked["id"], x.user()).status_code == 201

    def test_what_is_gone_or_protected_cannot_be_answered(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            bot = x.user()
            private = x.post("444", "@shopbot #AmazonCart")["id"]
            gone = x.post("222", "@shopbot #AmazonCart")["id"]
            x.client.delete(f"/simulator/posts/{gone}")
            statuses = [reply(x, "Done.", post_id, bot).status_code for post_id in (private, gone, "1")]
        assert statuses == [403, 403, 403]

    def test_urls_count_as_their_short_links(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            bot = x.user()
            fits = x.client.post("/2/tweets", json={"text": "https://example.com/" + "a" * 400}, headers=bot)
            too_long = x.client.post("/2/tweets", json={"text": "a" * 281}, headers=bot)
        assert (fits.status_code, too_long.status_code) == (201, 403)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"{" * 50_000,
            b'{"text": "' + b"a" * 70_000 + b'"}',
            b"{}",
            b'{"text": " "}',
            b'{"text": "a", "surprise": 1}',
            b'{"text": "a", "reply": {}}',
            b'{"text": "a", "reply": 1}',
            b'{"text": "a", "reply": {"in_reply_to_tweet_id": 12}}',
            b'{"text": "a", "quote_tweet_id": "x"}',
        ],
    )
    def test_bad_bodies_are_refused(self, tmp_path: Path, body: bytes) -> None:
        with world(tmp_path) as x:
            response = x.client.post("/2/tweets", content=body, headers=x.user())
        assert response.status_code == 400
        assert response.json()["type"].endswith("invalid-request")


class TestFaults:
    def test_the_next_calls_fail_as_ordered(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            fault = {"method": "GET", "path": "/2/tweets", "status": 429, "count": 2, "reset_in": 5}
            assert x.client.post("/simulator/faults", json=fault).status_code == 200
            assert len(x.client.get("/simulator/faults").json()["faults"]) == 1
            answers = [get_posts(x, x.seed_post("mug")) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [429, 429, 200]
        assert answers[0].json()["errors"][0]["code"] == 88
        assert answers[0].headers["x-rate-limit-remaining"] == "0"

    def test_a_limit_may_come_without_headers(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            fault = {"method": "GET", "path": "/2/tweets", "status": 429, "reset_in": None}
            x.client.post("/simulator/faults", json=fault).raise_for_status()
            answer = get_posts(x, x.seed_post("mug"))
        assert answer.status_code == 429
        assert not [name for name in answer.headers if name.startswith("x-rate-limit")]

    def test_a_connection_can_be_cut_in_the_middle_of_an_answer(self, tmp_path: Path) -> None:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request", "body": b'{"text": "hello"}', "more_body": False}

        with world(tmp_path) as x:
            fault = {"method": "POST", "path": "/2/tweets", "status": 201, "after_effect": True, "cut": True}
            x.client.post("/simulator/faults", json=fault).raise_for_status()
            headers = [(b"host", b"x.localhost"), (b"authorization", x.user()["authorization"].encode())]
            scope: Scope = {
                "type": "http",
                "method": "POST",
                "path": "/2/tweets",
                "query_string": b"",
                "headers": headers,
            }
            x.loop.run(x.simulator(scope, receive, send))
            posts = x.client.get("/simulator/posts", params={"author": "shopbot"}).json()["posts"]
        start, body = sent
        assert (start["status"], body["more_body"]) == (201, True)
        assert int(dict(start["headers"])[b"content-length"]) > len(body["body"])
        assert [post["text"] for post in posts] == ["hello"]

    def test_access_tokens_can_end_before_their_time(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            bot = x.user()
            x.client.post("/simulator/accounts/900/end-access-tokens").raise_for_status()
            assert x.client.get("/2/users/me", headers=bot).status_code == 401
            assert x.client.get("/2/users/me", headers=x.user()).status_code == 200

    def test_an_answer_can_get_lost_after_its_call_took_effect(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            bot = x.user()
            x.client.post(
                "/simulator/faults",
                json={"method": "POST", "path": "/2/tweets", "status": 503, "after_effect": True, "delay": 0.01},
            )
            response = x.client.post("/2/tweets", json={"text": "hello"}, headers=bot)
            posts = x.client.get("/simulator/posts", params={"author": "shopbot"}).json()["posts"]
        assert response.status_code == 503
        assert [post["text"] for post in posts] == ["hello"]

    def test_tokens_can_fail_too_and_faults_can_be_called_off(self, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.client.post("/simulator/faults", json={"method": "POST", "path": "/2/oauth2/token", "status": 500})
            assert x.client.post("/2/oauth2/token").status_code == 500
            x.client.post("/simulator/faults", json={"method": "POST", "path": "/2/oauth2/token", "status": 500})
            assert x.client.delete("/simulator/faults").json() == {"faults": []}
            assert x.client.post("/2/oauth2/token").status_code == 401


def test_unknown_paths_are_problems(tmp_path: Path) -> None:
    with world(tmp_path) as x:
        response = x.client.get("/2/nowhere")
        method = x.client.put("/2/tweets")
    assert (response.status_code, response.json()["type"].endswith("resource-not-found")) == (404, True)
    assert method.status_code == 405
