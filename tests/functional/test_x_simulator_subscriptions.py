"""The simulator's subscriptions: made, listed in pages, moved, ended, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from tests.fakes.x_simulator_world import APP, HOOK, World, world

PATH = "/2/activity/subscriptions"
MENTIONS = {"event_type": "post.mention.create", "filter": {"user_id": "900"}}


def subscribe(x: World, **more: Any) -> dict[str, Any]:
    response = x.client.post(PATH, json={**MENTIONS, **more}, headers=APP)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()["data"]["subscription"]
    return found


def test_a_life(tmp_path: Path) -> None:
    with world(tmp_path) as x:
        first, second = x.register_webhook(), x.register_webhook(HOOK.replace("4566", "4567"))
        made = subscribe(x, webhook_id=first["id"], tag="cart")
        assert x.client.get(PATH, headers=APP).json() == {"data": [made], "meta": {"result_count": 1}}
        one = f"{PATH}/{made['subscription_id']}"
        moved = x.client.put(one, json={"webhook_id": second["id"]}, headers=APP).json()["data"]["subscription"]
        assert (moved["webhook_id"], moved["tag"], moved["created_at"]) == (second["id"], "cart", made["created_at"])
        tagged = x.client.put(one, json={"tag": "basket"}, headers=APP).json()["data"]["subscription"]
        assert (tagged["webhook_id"], tagged["tag"]) == (second["id"], "basket")
        gone = {"data": {"deleted": True}, "meta": {"total_subscriptions": 0}}
        assert x.client.delete(one, headers=APP).json() == gone
        assert x.client.delete(one, headers=APP).status_code == 404
        assert x.client.get(PATH, headers=APP).json() == {"meta": {"result_count": 0}}


def test_pages_and_a_restart(tmp_path: Path) -> None:
    with world(tmp_path) as x:
        made = [subscribe(x, filter={"user_id": user})["subscription_id"] for user in ("900", "111", "222")]
    with world(tmp_path) as x:
        first = x.client.get(PATH, params={"max_results": "2"}, headers=APP).json()
        parameters = {"max_results": "2", "pagination_token": first["meta"]["next_token"]}
        last = x.client.get(PATH, params=parameters, headers=APP).json()
    assert [found["subscription_id"] for found in first["data"] + last["data"]] == made
    assert "next_token" not in last["meta"]


def test_the_bots_own_token_subscribes_too(tmp_path: Path) -> None:
    with world(tmp_path) as x:
        assert x.client.post(PATH, json=MENTIONS, headers=x.user()).status_code == 200
        assert x.client.get(PATH, headers=x.user()).status_code == 403


@pytest.mark.parametrize(
    "more",
    [
        {"more": 1},
        {"event_type": "like.create"},
        {"filter": {}},
        {"filter": {"user_id": 900}},
        {"filter": {"user_id": "12345"}},
        {"filter": {"user_id": "444"}},
        {"webhook_id": "1"},
        {"tag": ""},
        {"tag": "x" * 201},
        {"filter": {"user_id": "111"}},
    ],
)
def test_what_is_not_subscribed(tmp_path: Path, more: dict[str, Any]) -> None:
    with world(tmp_path) as x:
        subscribe(x, filter={"user_id": "111"})
        assert x.client.post(PATH, json={**MENTIONS, **more}, headers=APP).status_code == 400


@pytest.mark.parametrize("parameters", [{"max_results": "0"}, {"max_results": "x"}, {"pagination_token": "1"}])
def test_pages_that_there_are_not(tmp_path: Path, parameters: dict[str, str]) -> None:
    with world(tmp_path) as x:
        assert x.client.get(PATH, params=parameters, headers=APP).status_code == 400


def test_the_app_has_no_more_than_its_limit(tmp_path: Path) -> None:
    with world(tmp_path) as x:
        x.client.patch("/simulator/settings", json={"subscription_limit": 1})
        subscribe(x, filter={"user_id": "111"})
        refused = x.client.post(PATH, json=MENTIONS, headers=APP)
    assert (refused.status_code, "maximum number" in refused.text) == (400, True)


def test_many_are_ended_at_once(tmp_path: Path) -> None:
    with world(tmp_path) as x:
        made = [subscribe(x, filter={"user_id": user})["subscription_id"] for user in ("900", "111", "222")]
        ended = x.client.delete(PATH, params={"ids": ",".join([*made[:2], "1"])}, headers=APP).json()
        left = x.client.get("/simulator/subscriptions").json()["subscriptions"]
        nothing = x.client.delete(PATH, params={"ids": "1"}, headers=APP).json()
    assert ended == {"data": {"deleted": True}, "meta": {"total_subscriptions": 1}}
    assert [found["subscription_id"] for found in left] == made[2:]
    assert nothing["data"] == {"deleted": False}


@pytest.mark.parametrize("ids", ["", "x", ",".join(["1"] * 101)])
def test_ids_that_are_none(tmp_path: Path, ids: str) -> None:
    with world(tmp_path) as x:
        assert x.client.delete(PATH, params={"ids": ids}, headers=APP).status_code == 400


@pytest.mark.parametrize("ids", ["", "x", ",".join(["1"] * 101)])
def test_accounts_are_asked_for_by_ids(tmp_path: Path, ids: str) -> None:
    with world(tmp_path) as x:
        assert x.client.get("/2/users", params={"ids": ids}, headers=APP).status_code == 400
