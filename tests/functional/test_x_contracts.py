"""The simulator's answers and the requests that it takes, against X's OpenAPI description: old names and new ones.

Two known differences of X from its own description are followed: an `event_uuid` may be negative, and answers of 401
and 429 have the type `about:blank`, which 2.167 does not list.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from hashcart.http import HttpClient
from hashcart.observability import clock_ms
from hashcart.social.x.client import Profile, XApi
from hashcart.social.x.sign_in import PROFILE_FIELDS
from local.settings import APP_BEARER_TOKEN
from local.x_operations.api import XAdministration
from local.x_simulator import api
from tests.fakes.internet import Internet
from tests.fakes.x_simulator_pool import SimulatorPool
from tests.fakes.x_simulator_world import APP, BASE, World, eventually, world

if TYPE_CHECKING:
    from urllib3 import PoolManager

CONTRACTS = Path(__file__).resolve().parents[2].parent / "shared" / "contracts"
ALL_FIELDS_2_167 = "created_at,entities,conversation_id,note_post,display_text_range,lang,possibly_sensitive,text,id"
EXPANSIONS_2_167 = "author_id,in_reply_to_user_id,referenced_posts,edit_history_post_ids,username"


class Contract:
    """One version of the description."""

    def __init__(self, version: str) -> None:
        path = CONTRACTS / f"x-api-{version}.openapi.json"
        if not path.is_file():
            pytest.skip(f"X's OpenAPI description {version} is not beside the project ({path.name})")
        self.document: dict[str, Any] = json.loads(path.read_text())

    def check(self, schema: str, instance: object) -> None:
        """Fail unless the instance is valid."""
        root = {"$ref": f"#/components/schemas/{schema}", "components": self.document["components"]}
        Draft202012Validator(root, format_checker=FormatChecker()).validate(instance)

    def allowed(self, parameter: str) -> list[str]:
        """The values that a list parameter may have."""
        values: list[str] = self.document["components"]["parameters"][parameter]["schema"]["items"]["enum"]
        return values

    def payload_schema(self, event_type: str) -> str:
        """The schema of an Activity event's payload."""
        mapping = self.document["components"]["schemas"]["ActivityStreamingResponsePayload"]["discriminator"]["mapping"]
        return str(mapping[event_type]).rsplit("/", 1)[1]

    def properties(self, schema: str) -> set[str]:
        """The names that an object may have."""
        return set(self.document["components"]["schemas"][schema]["properties"])


@pytest.fixture
def old() -> Contract:
    return Contract("2.166")


@pytest.fixture
def new() -> Contract:
    return Contract("2.167")


def some_ids(x: World) -> str:
    """Posts of every kind: with links, long, replies, quotes, edited, deleted, protected, unknown."""
    mug = x.seed_post("mug")
    reply = x.post("222", "@shopbot #AmazonCart", in_reply_to=mug)["id"]
    edited = x.client.put(f"/simulator/posts/{reply}", json={"text": "@shopbot #AmazonCart x2"}).json()["id"]
    gone = x.post("222", "soon gone")["id"]
    x.client.delete(f"/simulator/posts/{gone}")
    long = x.post("111", "word " * 70 + "http://store.localhost:8401/products/stoneware-mug")["id"]
    others = [x.post("444", "friends only")["id"], x.post("333", "see", quote=mug)["id"], x.seed_post("walnut"), "1"]
    return ",".join([mug, reply, edited, gone, long, *others])


def deliver_all(x: World, names: str) -> list[dict[str, Any]]:
    x.client.patch("/simulator/settings", json={"names": names, "parent_in_mention": True})
    x.register_webhook()
    x.subscribe("post.delete", "222")
    post = x.post("222", "@shopbot #AmazonCart http://store.localhost:8401/", in_reply_to=x.seed_post("mug"))
    x.client.delete(f"/simulator/posts/{post['id']}")
    eventually(lambda: len(x.endpoint.deliveries) == 3)
    return [event["data"] for event in x.endpoint.events]


def check_events(contract: Contract, events: list[dict[str, Any]]) -> None:
    assert {event["event_type"] for event in events} == {"post.create", "post.mention.create", "post.delete"}
    for event in events:
        contract.check(contract.payload_schema(event["event_type"]), event["payload"])
        contract.check("Expansions", {name: found for name, found in event.get("includes", {}).items() if found})
        contract.check("ActivityEventId", event["event_uuid"].removeprefix("-"))


def replay_request(webhook_id: str) -> dict[str, str]:
    """What HashCart asks for, as its client sends it."""
    sent = Internet()
    sent.answer("POST http://x.test/2/webhooks/replay", (200, {}))
    api = XApi(HttpClient(sent), "http://x.test", clock_ms)  # type: ignore[arg-type]
    api.replay(webhook_id, "app", from_ms=clock_ms() - 60_000, to_ms=clock_ms())
    body: dict[str, str] = sent.requests[0].json()
    return body


def subscribe_and_all_else(x: World) -> tuple[list[Any], list[Any]]:
    """What make x-setup and make x-teardown ask about subscriptions (with a body), and all answers to it."""
    pool = SimulatorPool(x)
    http = HttpClient(cast("PoolManager", pool))
    administration = XAdministration(http, BASE, APP_BEARER_TOKEN, lambda: 0)
    webhook_id = x.register_webhook()["id"]
    path = "/2/activity/subscriptions"
    answers = [x.client.get(path, headers=APP).json()]
    administration.subscribe("900", webhook_id, "")
    [subscription] = administration.subscriptions()
    administration.move(subscription, webhook_id)
    administration.unsubscribe([subscription])
    own_client = XApi(http, BASE, clock_ms)
    own_client.subscribe("post.create", "222", webhook_id, APP_BEARER_TOKEN)
    [made] = own_client.subscriptions(APP_BEARER_TOKEN, None).subscriptions
    own_client.move_subscription(made.id, webhook_id, APP_BEARER_TOKEN)
    own_client.unsubscribe((made.id,), APP_BEARER_TOKEN)
    asked = pool.bodies
    created = x.client.post(path, json=asked[0], headers=APP).json()
    one = f"{path}/{created['data']['subscription']['subscription_id']}"
    answers += [created, x.client.get(path, headers=APP).json()]
    answers += [x.client.put(one, json=asked[1], headers=APP).json(), x.client.delete(one, headers=APP).json()]
    for names in ("old", "new"):
        x.client.patch("/simulator/settings", json={"names": names})
        made = x.subscribe("post.create", "555")["subscription_id"]
        answers.append(x.client.delete(path, params={"ids": f"{made},2"}, headers=APP).json())
    return asked, answers


def people(x: World) -> dict[str, Any]:
    """What X says of a public, a protected, a suspended and an unknown account, asked as HashCart asks."""
    pool = SimulatorPool(x)
    x.client.post("/simulator/accounts/ben_browses/show", json={"suspended": True})
    ids = ["222", "444", "333", "12345"]
    found = XApi(HttpClient(cast("PoolManager", pool)), BASE, clock_ms).profiles(ids, APP_BEARER_TOKEN)
    assert found == {
        "222": Profile.PUBLIC,
        "444": Profile.PROTECTED,
        "333": Profile.SUSPENDED,
        "12345": Profile.GONE,
    }
    document: dict[str, Any] = x.client.get(
        "/2/users", params={"ids": ",".join(ids), "user.fields": "protected"}, headers=APP
    ).json()
    return document


class TestOldNames:
    def test_posts(self, old: Contract, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            parameters = {
                "ids": some_ids(x),
                "tweet.fields": ",".join(old.allowed("TweetFieldsParameter")),
                "expansions": ",".join(old.allowed("TweetExpansionsParameter")),
            }
            response = x.client.get("/2/tweets", params=parameters, headers=APP)
        assert response.status_code == 200
        old.check("Get2TweetsResponse", response.json())
        for error in response.json()["errors"]:
            kind = error["type"].rsplit("/", 1)[1]
            schema = "ResourceNotFoundProblem" if kind == "resource-not-found" else "ResourceUnauthorizedProblem"
            old.check(schema, error)

    def test_timelines_and_accounts(self, old: Contract, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            some_ids(x)
            fields = {"tweet.fields": "created_at,entities,referenced_tweets,author_id"}
            for account in ("222", "444", "12345"):
                document = x.client.get(f"/2/users/{account}/tweets", params=fields, headers=APP).json()
                old.check("Get2UsersIdTweetsResponse", document)
            me = x.client.get("/2/users/me", params={"user.fields": PROFILE_FIELDS}, headers=x.user()).json()
        old.check("Get2UsersMeResponse", me)

    def test_mentions_and_search(self, old: Contract, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.post("222", "@shopbot #AmazonCart", in_reply_to=x.seed_post("mug"))
            fields = {"tweet.fields": "created_at,entities,referenced_tweets,author_id", "max_results": "10"}
            for account in ("900", "12345"):
                document = x.client.get(f"/2/users/{account}/mentions", params=fields, headers=APP).json()
                old.check("Get2UsersIdMentionsResponse", document)
            for query in ("(#AmazonCart) is:reply -is:retweet", "from:nobody"):
                document = x.client.get("/2/tweets/search/recent", params=fields | {"query": query}, headers=APP).json()
                old.check("Get2TweetsSearchRecentResponse", document)

    def test_people(self, old: Contract, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            old.check("Get2UsersResponse", people(x))

    def test_new_posts(self, old: Contract, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            asked = x.post("222", "@shopbot #AmazonCart", in_reply_to=x.seed_post("mug"))["id"]
            body = {"text": "In your cart.", "reply": {"in_reply_to_tweet_id": asked}}
            old.check("TweetCreateRequest", body)
            created = x.client.post("/2/tweets", json=body, headers=x.user())
            refused = x.client.post("/2/tweets", json=body, headers=x.user())
        assert (created.status_code, refused.status_code) == (201, 403)
        old.check("TweetCreateResponse", created.json())
        old.check("DisallowedResourceProblem", refused.json())
        assert old.properties("TweetCreateRequest") >= api.CREATE_FIELDS

    def test_webhooks(self, old: Contract, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            webhook = x.register_webhook()
            old.check("WebhookConfigCreateResponse", webhook)
            old.check("Get2WebhooksResponse", x.client.get("/2/webhooks", headers=APP).json())
            path = f"/2/webhooks/{webhook['id']}"
            old.check("WebhookConfigPutResponse", x.client.put(path, headers=APP).json())
            replay = replay_request(webhook["id"])
            old.check("WebhookReplayCreateRequest", replay)
            job = x.client.post("/2/webhooks/replay", json=replay, headers=APP).json()
            old.check("ReplayJobCreateResponse", job)
            old.check("WebhookConfigDeleteResponse", x.client.delete(path, headers=APP).json())
            old.check("Get2WebhooksResponse", x.client.get("/2/webhooks", headers=APP).json())

    def test_subscriptions(self, old: Contract, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            asked, answers = subscribe_and_all_else(x)
        for schema, body in zip(("CreateRequest", "UpdateRequest") * 2, asked, strict=True):
            old.check(f"ActivitySubscription{schema}", body)
        schemas = ("GetResponse", "CreateResponse", "GetResponse", "UpdateResponse", *["DeleteResponse"] * 2)
        for schema, document in zip(schemas, answers[:-1], strict=True):
            old.check(f"ActivitySubscription{schema}", document)

    def test_errors(self, old: Contract, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            unauthorized = x.client.get("/2/tweets", params={"ids": "1"})
            invalid = x.client.get("/2/tweets", params={"ids": "x"}, headers=APP)
            unsupported = x.client.get("/2/users/me", headers=APP)
        old.check("Problem", unauthorized.json())
        old.check("InvalidRequestProblem", invalid.json())
        old.check("Problem", unsupported.json())

    def test_events(self, old: Contract, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            events = deliver_all(x, "old")
        check_events(old, events)
        for event in events:
            old.check("ActivitySubscriptionFilter", event["filter"])
        created = next(event for event in events if event["event_type"] == "post.create")
        assert set(created["payload"]) - {"in_reply_to_tweet_id"} <= old.properties("Tweet")
        assert set(created["includes"]) <= old.properties("Expansions")


class TestNewNames:
    def test_posts(self, new: Contract, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            parameters = {
                "ids": some_ids(x),
                "post.fields": ",".join(new.allowed("PostFieldsParameter")),
                "expansions": ",".join(new.allowed("PostExpansionsParameter")),
            }
            response = x.client.get("/2/tweets", params=parameters, headers=APP)
        document = response.json()
        assert response.status_code == 200
        new.check("GetPostsByIdsResponse", document)
        for post in document["data"] + document["includes"]["posts"]:
            assert set(post) - {"in_reply_to_post_id"} <= new.properties("Post")
        assert set(document["includes"]) <= new.properties("Expansions")

    def test_timelines_and_accounts(self, new: Contract, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            some_ids(x)
            for account in ("222", "444", "12345"):
                fields = {"post.fields": ALL_FIELDS_2_167, "expansions": EXPANSIONS_2_167}
                document = x.client.get(f"/2/users/{account}/tweets", params=fields, headers=APP).json()
                new.check("GetUsersPostsResponse", document)
            new.check("GetUsersMeResponse", x.client.get("/2/users/me", headers=x.user()).json())

    def test_mentions_and_search(self, new: Contract, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.post("222", "@shopbot #AmazonCart", in_reply_to=x.seed_post("mug"))
            fields = {"post.fields": ALL_FIELDS_2_167, "max_results": "10"}
            for account in ("900", "12345"):
                document = x.client.get(f"/2/users/{account}/mentions", params=fields, headers=APP).json()
                new.check("GetUsersMentionsResponse", document)
            for query in ("(#AmazonCart) is:reply -is:retweet", "from:nobody"):
                document = x.client.get("/2/tweets/search/recent", params=fields | {"query": query}, headers=APP).json()
                new.check("SearchPostsRecentResponse", document)

    def test_new_posts(self, new: Contract, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            asked = x.post("222", "@shopbot #AmazonCart", in_reply_to=x.seed_post("mug"))["id"]
            body = {"text": "In your cart.", "reply": {"in_reply_to_tweet_id": asked}}
            new.check("CreatePostsRequest", body)
            created = x.client.post("/2/tweets", json=body, headers=x.user())
            refused = x.client.post("/2/tweets", json=body, headers=x.user())
        new.check("CreatePostsResponse", created.json())
        new.check("Problem", refused.json())
        assert new.properties("CreatePostsRequest") >= api.CREATE_FIELDS
        assert new.properties("CreatePostsReply") >= api.REPLY_FIELDS

    def test_webhooks(self, new: Contract, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            x.client.patch("/simulator/settings", json={"names": "new"})
            webhook = x.register_webhook()
            new.check("CreateWebhooksResponse", webhook)
            new.check("GetWebhooksResponse", x.client.get("/2/webhooks", headers=APP).json())
            path = f"/2/webhooks/{webhook['data']['id']}"
            new.check("ValidateWebhooksResponse", x.client.put(path, headers=APP).json())
            replay = replay_request(webhook["data"]["id"])
            new.check("CreateWebhookReplayJobRequest", replay)
            job = x.client.post("/2/webhooks/replay", json=replay, headers=APP).json()
            new.check("CreateWebhookReplayJobResponse", job)
            new.check("DeleteWebhooksResponse", x.client.delete(path, headers=APP).json())
            new.check("ResourceNotFoundProblem", x.client.delete(path, headers=APP).json())

    def test_subscriptions(self, new: Contract, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            asked, answers = subscribe_and_all_else(x)
        for name, body in zip(("Create", "Update") * 2, asked, strict=True):
            new.check(f"{name}ActivitySubscriptionRequest", body)
        new.check("GetActivitySubscriptionsResponse", answers[0])
        new.check("CreateActivitySubscriptionResponse", answers[1])
        new.check("GetActivitySubscriptionsResponse", answers[2])
        new.check("UpdateActivitySubscriptionResponse", answers[3])
        new.check("DeleteActivitySubscriptionResponse", answers[4])
        new.check("DeleteActivitySubscriptionsByIdsResponse", answers[6])

    def test_people(self, new: Contract, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            new.check("GetUsersByIdsResponse", people(x))

    def test_errors(self, new: Contract, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            new.check("InvalidRequestProblem", x.client.get("/2/tweets", params={"ids": "x"}, headers=APP).json())

    def test_events(self, new: Contract, tmp_path: Path) -> None:
        with world(tmp_path) as x:
            events = deliver_all(x, "new")
        check_events(new, events)
        created = next(event for event in events if event["event_type"] == "post.create")
        assert set(created["payload"]) - {"in_reply_to_post_id"} <= new.properties("Post")
        assert set(created["includes"]) <= new.properties("Expansions")
