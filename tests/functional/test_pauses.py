"""`make pause-source` and `make resume-source`, and what the sweep makes of a pause."""

from dataclasses import replace

import pytest

from hashcart.domain.bot_tokens import BotToken
from hashcart.domain.posts import DAY_MS
from hashcart.domain.sweeps import SweepPosition
from hashcart.observability import clock_ms
from hashcart.storage.activity import Activity
from hashcart.storage.bot_tokens import BotTokens
from hashcart.storage.checkpoints import Checkpoints
from hashcart.storage.pending import Pending, PendingKind
from local.events import EVENTS, fresh_event
from local.operations.__main__ import run
from local.operations.pauses import Pauses
from local.operations.stack import Stack, find_stack
from tests.fakes.account_links import ADA, tie
from tests.fakes.aws import Aws
from tests.fakes.clock import NOW_MS, post_id
from tests.fakes.deployed import Deployed, Mappings, refused
from tests.fakes.handlers import X_API, Bundle
from tests.fakes.internet import Internet
from tests.functional.test_mention_sweep import MENTIONS, SEARCH, WEBHOOKS, now_id, page, raw, sweep


@pytest.fixture
def checkpoints(aws: Aws) -> Checkpoints:
    return Checkpoints(aws.dynamodb, "CheckpointsTable")


def told(operate: Deployed) -> list[str]:
    stack: Stack = find_stack(operate.name, operate.client)
    return [str(finding) for finding in Pauses(stack, operate.clock, operate.clock.sleep).told()]


def test_a_paused_sweep_rests_and_goes_on_from_where_it_was(
    aws: Aws, checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    internet = Internet()
    internet.answer(WEBHOOKS, (200, {"data": []}))
    internet.answer(SEARCH, page())
    internet.answer(MENTIONS, page())
    bundle = Bundle(aws, internet, monkeypatch)
    operate = Deployed(aws, clock_ms())
    sweep(bundle)
    assert operate("pause-source", "--source", "mentions")[0] == 0
    missed = raw(now_id(1000))
    internet.answer(MENTIONS, page(missed))
    asked = len(internet.requests)
    assert sweep(bundle) == 0
    assert [request for request in internet.requests[asked:] if "mentions" in request.path] == []
    before = checkpoints.position("mentions")
    assert operate("resume-source", "--source", "mentions")[0] == 0
    assert sweep(bundle) == 1
    assert before is not None
    assert [body["post"]["id"] for body in aws.received("PostsQueue")] == [missed["id"]]


def test_paused_replies_keep_the_bot_silent_while_outcomes_are_kept(
    aws: Aws, checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    tie(aws.dynamodb, replace(ADA, consented_at_ms=clock_ms() - DAY_MS))
    BotTokens(aws.dynamodb, "BotTokensTable").save(BotToken("bot", "refresh", clock_ms() + DAY_MS))
    internet = Internet()
    internet.answer(f"POST {X_API}/2/tweets", (201, {"data": {"id": "2092000000000000009", "text": "…"}}))
    bundle = Bundle(aws, internet, monkeypatch)
    operate = Deployed(aws, clock_ms())
    status, said = operate("pause-source", "--source", "replies")
    assert (status, "paused until it is resumed, from this moment on: the bot answers nobody" in said) == (0, True)
    outcome = fresh_event(EVENTS / "outcome_delivery__good.json", clock_ms())
    assert bundle.invoke("outcome_delivery", outcome) == {"batchItemFailures": []}
    assert internet.requests == []
    (row,) = Activity(aws.dynamodb, "ActivityTable").recent(ADA.shopper_id, before_key=None, limit=2)
    assert (row.outcome is not None, row.reply) == (True, None)
    assert operate("resume-source", "--source", "replies")[0] == 0
    assert checkpoints.paused_until_ms("replies", now_ms=clock_ms()) is None
    pending = Pending(aws.dynamodb, "PendingTable")
    (waiting,) = pending.due(PendingKind.OUTCOME, clock_ms() + DAY_MS, 2)
    pending.put(replace(waiting, due_ms=clock_ms()))
    pending.remove(waiting)
    bundle.restart()
    bundle.invoke("outcome_delivery", fresh_event(EVENTS / "outcome_delivery__schedule.json", clock_ms()))
    assert [request.method for request in internet.requests] == ["POST"]


def test_replies_may_be_paused_for_a_while(operate: Deployed, checkpoints: Checkpoints) -> None:
    assert "paused until 2026-11-19" in operate("pause-source", "--source", "replies", "--for", "1d")[1]
    assert checkpoints.paused_until_ms("replies", now_ms=NOW_MS) == NOW_MS + DAY_MS
    (replies,) = told(operate)
    assert "replies until 2026-11-19" in replies
    operate("pause-source", "--source", "replies")
    (replies,) = told(operate)
    assert "replies until it is resumed; the bot answers nobody in public" in replies
    operate("resume-source", "--source", "replies")
    assert told(operate) == []


def test_a_pause_ends_by_itself_before_x_forgets(operate: Deployed, checkpoints: Checkpoints) -> None:
    operate("pause-source", "--source", "search", "--for", "30d")
    assert checkpoints.paused_until_ms("search", now_ms=NOW_MS) == NOW_MS + 6 * DAY_MS
    assert checkpoints.paused_until_ms("search", now_ms=NOW_MS + 6 * DAY_MS) is None


@pytest.mark.parametrize(("text", "milliseconds"), [("90m", 5_400_000), ("12h", 43_200_000), ("3d", 3 * DAY_MS)])
def test_a_pause_may_be_shorter(text: str, milliseconds: int, operate: Deployed, checkpoints: Checkpoints) -> None:
    status, said = operate("pause-source", "--source", "mentions", "--for", text)
    assert (status, "when it goes on by itself" in said) == (0, True)
    assert checkpoints.paused_until_ms("mentions", now_ms=NOW_MS) == NOW_MS + milliseconds


@pytest.mark.parametrize("text", ["3", "h", "3w", "0d", "-3d"])
def test_a_malformed_duration_is_refused(text: str) -> None:
    with pytest.raises(SystemExit):
        run(["pause-source", "--source", "mentions", f"--for={text}"], print)


def test_the_position_is_told(operate: Deployed, checkpoints: Checkpoints) -> None:
    assert "has not read anything yet" in operate("pause-source", "--source", "mentions")[1]
    checkpoints.save("mentions", SweepPosition(newest_id=post_id(60_000)))
    assert f"up to post {post_id(60_000)} of 2026-11-18" in operate("resume-source", "--source", "mentions")[1]


def test_a_paused_queue_keeps_what_arrives(aws: Aws, operate: Deployed) -> None:
    aws.sqs.set_queue_attributes(
        QueueUrl=aws.queue_urls["PostsQueue"], Attributes={"MessageRetentionPeriod": str(4 * 86_400)}
    )
    status, said = operate("pause-source", "--source", "webhook")
    assert status == 0
    assert "wait in the Posts queue" in said
    assert "messages live 4 days: resume before 2026-11-22" in said
    assert operate.mappings.changes == [("PostsQueue", False)]
    operate("pause-source", "--source", "webhook")
    assert operate.mappings.changes == [("PostsQueue", False)]
    status, said = operate("resume-source", "--source", "webhook")
    assert (status, "what waited is worked off" in said) == (0, True)
    assert operate.mappings.changes == [("PostsQueue", False), ("PostsQueue", True)]


def test_a_queue_cannot_resume_by_itself(operate: Deployed) -> None:
    status, said = operate("pause-source", "--source", "outcomes", "--for", "2h")
    assert (status, "Leave FOR out" in said) == (1, True)
    assert operate.mappings.changes == []


def test_a_mapping_that_stays_as_it_is_is_told(operate: Deployed) -> None:
    operate.mappings = Mappings(looks_until_changed=1000)
    status, said = operate("pause-source", "--source", "cart-requests")
    assert (status, "AWS says Disabling, not yet Disabled" in said) == (1, True)
    assert sum(operate.clock.slept) == 90


def test_a_queue_that_nobody_reads_is_told(operate: Deployed) -> None:
    operate.mappings.missing.add("PostsQueue")
    status, said = operate("pause-source", "--source", "webhook")
    assert (status, "no function reads its queue" in said) == (1, True)


def test_what_aws_refuses_is_told(operate: Deployed) -> None:
    operate.fail("lambda", "update_event_source_mapping", refused("AccessDeniedException"))
    status, said = operate("pause-source", "--source", "webhook")
    assert (status, "lacks a permission" in said) == (1, True)


def test_the_status_tells_what_is_paused(operate: Deployed) -> None:
    assert told(operate) == []
    operate("pause-source", "--source", "search")
    operate("pause-source", "--source", "outcomes")
    search, outcomes = told(operate)
    assert "search until 2026-11-24" in search
    assert "outcomes (Disabled): outcomes wait in the Outcomes queue" in outcomes
    operate("resume-source", "--source", "search")
    operate("resume-source", "--source", "outcomes")
    assert told(operate) == []


def test_an_older_stack_has_nothing_to_tell(operate: Deployed) -> None:
    for name in ("CheckpointsTableName", "PostsQueueUrl", "CartRequestsQueueUrl", "OutcomesQueueUrl"):
        del operate.outputs[name]
    assert told(operate) == []
