"""The simulator's mentions and recent search, and HashCart's own client against them."""

from pathlib import Path

import pytest

from local.x_simulator.api import SEARCHED_SECONDS
from local.x_simulator.snowflakes import snowflake
from tests.fakes.x_simulator_world import APP, Clock, World, world

MENTIONS, SEARCH = "/2/users/900/mentions", "/2/tweets/search/recent"
QUERY = "(#AmazonCart OR #アマゾンポチ) is:reply -is:retweet"


def ids(x: World, path: str, **parameters: str) -> list[str]:
    answer = x.client.get(path, params=parameters, headers=APP)
    assert answer.status_code == 200, answer.text
    return [post["id"] for post in answer.json().get("data", [])]


def test_mentions_are_those_of_everybody_but_the_protected(tmp_path: Path) -> None:
    with world(tmp_path) as x:
        mug = x.seed_post("mug")
        first = x.post("222", "@shopbot #AmazonCart", in_reply_to=mug)["id"]
        x.post("444", "@shopbot #AmazonCart", in_reply_to=mug)
        x.post("222", "#AmazonCart", in_reply_to=mug)
        second = x.post("333", "hello @ShopBot")["id"]
        assert ids(x, MENTIONS) == [second, first]
        assert ids(x, MENTIONS, since_id=first) == [second]
        assert ids(x, MENTIONS, until_id=second) == [first]
        unknown = x.client.get("/2/users/12345/mentions", headers=APP).json()
    assert unknown["errors"][0]["title"] == "Not Found Error"


def test_pages_follow_each_other(tmp_path: Path) -> None:
    with world(tmp_path) as x:
        posted = [x.post("222", f"@shopbot {number}")["id"] for number in range(7)][::-1]
        first = x.client.get(MENTIONS, params={"max_results": "5"}, headers=APP).json()
        token = first["meta"]["next_token"]
        second = x.client.get(MENTIONS, params={"max_results": "5", "pagination_token": token}, headers=APP).json()
    assert [post["id"] for post in first["data"] + second["data"]] == posted
    assert "next_token" not in second["meta"]


def test_search_finds_public_replies_with_a_hashtag_in_their_newest_version(tmp_path: Path) -> None:
    with world(tmp_path) as x:
        mug = x.seed_post("mug")
        found = x.post("333", "yes #amazoncart", in_reply_to=mug)["id"]
        japanese = x.post("222", "#アマゾンポチ", in_reply_to=mug)["id"]
        x.post("222", "#AmazonCart but no reply")
        x.post("222", "AmazonCart without the sign", in_reply_to=mug)
        x.post("444", "#AmazonCart", in_reply_to=mug)
        edited = x.post("222", "#AmazonCrat", in_reply_to=mug)["id"]
        newest = x.client.put(f"/simulator/posts/{edited}", json={"text": "#AmazonCart"}).json()["id"]
        assert ids(x, SEARCH, query=QUERY) == [newest, japanese, found]
        assert ids(x, SEARCH, query="from:ada_shops #AmazonCart is:reply") == [newest]


def test_search_looks_back_seven_days(tmp_path: Path) -> None:
    clock = Clock()
    with world(tmp_path, now=clock) as x:
        old = x.post("222", "#AmazonCart", in_reply_to=x.seed_post("mug"))["id"]
        clock.now += SEARCHED_SECONDS + 1
        assert ids(x, SEARCH, query=QUERY) == []
        too_old = x.client.get(SEARCH, params={"query": QUERY, "since_id": old}, headers=APP)
        edge = str(snowflake(int((clock.now - SEARCHED_SECONDS + 60) * 1000)))
        assert ids(x, SEARCH, query=QUERY, since_id=edge) == []
    assert too_old.status_code == 400


@pytest.mark.parametrize("query", ["", "x" * 513, "lang:en", "(#a OR #b", "plain words"])
def test_a_query_that_is_not_understood_is_refused(tmp_path: Path, query: str) -> None:
    with world(tmp_path) as x:
        assert x.client.get(SEARCH, params={"query": query}, headers=APP).status_code == 400


@pytest.mark.parametrize(("path", "limit"), [(MENTIONS, 450), (SEARCH, 450)])
def test_both_have_xs_limits(tmp_path: Path, path: str, limit: int) -> None:
    with world(tmp_path) as x:
        headers = x.client.get(path, params={"query": QUERY}, headers=APP).headers
    assert (headers["x-rate-limit-limit"], headers["x-rate-limit-remaining"]) == (str(limit), str(limit - 1))
