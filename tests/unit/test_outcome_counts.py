"""What `cart_insertion` counts: outcomes by few names, and each reply once."""

from dataclasses import replace

import pytest

from hashcart.domain.outcomes import REASONS, Code, Outcome, PostRow
from hashcart.domain.parents import Availability
from hashcart.domain.posts import order_key
from hashcart.messages.cart_requests import SHORT_LINK_UNAVAILABLE, X_UNAVAILABLE, UndoRequested
from tests.fakes.clock import post_id
from tests.unit.test_insert_lines import ADD, LINK, POST, Insertion

KEPT = Outcome(Code.CHOOSE_OPTIONS, 5)


def logged(caplog: pytest.LogCaptureFixture, insertion: Insertion) -> dict[str, object]:
    """What a batch counted: outcomes by code and reason, and the rest by name."""
    caplog.clear()
    insertion.insert_lines.tally.log()
    found: dict[str, object] = {}
    for record in map(vars, caplog.records):
        if "Outcomes" in record:
            found[f"{record['Outcome']} {record['Reason']}"] = record["Outcomes"]
        else:
            names = [metric["Name"] for metric in record["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
            found |= {name: record[name] for name in names}
    return found


def test_a_reply_counts_on_each_step_that_it_reaches(caplog: pytest.LogCaptureFixture) -> None:
    insertion = Insertion()
    insertion(ADD)
    counted = {"Replies": 1, "LinkedReplies": 1, "RepliesInCart": 1, "ReplyToCartMilliseconds": [1000]}
    assert logged(caplog, insertion) == counted | {"ADDED none": 1}
    insertion(replace(ADD, post_id=post_id(500), first_id=post_id(500), product=None, reason="no_link"))
    counted = {"Replies": 1, "LinkedReplies": 1, "RepliesInCart": 0}
    assert logged(caplog, insertion) == counted | {"NO_PRODUCT no_link": 1}


def test_what_a_sweep_finds_again_counts_once(caplog: pytest.LogCaptureFixture) -> None:
    insertion = Insertion()
    reached = insertion(ADD)
    assert reached
    logged(caplog, insertion)
    insertion.rows.store_outcome(LINK.shopper_id, order_key(POST), reached.outcome, now_ms=insertion.clock())
    insertion(ADD)
    assert logged(caplog, insertion) == {}


def test_people_who_have_not_linked_count_as_replies_alone(caplog: pytest.LogCaptureFixture) -> None:
    insertion = Insertion()
    insertion(replace(ADD, author_id="555"))
    assert logged(caplog, insertion) == {"Replies": 1, "LinkedReplies": 0, "RepliesInCart": 0, "NOT_LINKED none": 1}


def test_a_reply_that_waits_for_the_store_counts_when_it_is_there(caplog: pytest.LogCaptureFixture) -> None:
    insertion = Insertion()
    insertion.store_is_down = True
    insertion(ADD, is_last=True)
    assert logged(caplog, insertion) == {"STORE_UNAVAILABLE store": 1, "PostponedRequests": 1}
    insertion.store_is_down = False
    insertion(ADD)
    assert logged(caplog, insertion)["Replies"] == 1


def test_clicks_and_undos_are_no_replies(caplog: pytest.LogCaptureFixture) -> None:
    insertion = Insertion()
    insertion(replace(ADD, network="private"))
    insertion(UndoRequested(post_id(500), post_id(500), "222", target_id=POST))
    assert logged(caplog, insertion) == {"ADDED none": 1, "UNDONE undo": 1}


@pytest.mark.parametrize("code", Code)
def test_every_code_is_counted_under_its_name(caplog: pytest.LogCaptureFixture, code: Code) -> None:
    insertion = Insertion()
    insertion.insert_lines.tally.count("Outcomes", Outcome=code.value, Reason=Outcome(code, 1).counted_reason)
    assert logged(caplog, insertion) == {f"{code} none": 1}


def test_reasons_are_few() -> None:
    known = {*Availability, "no_link", "not_this_store", X_UNAVAILABLE, SHORT_LINK_UNAVAILABLE} - {"readable"}
    assert known <= REASONS
    assert {Outcome(Code.NO_PRODUCT, 1, reason).counted_reason for reason in known} == known
    assert Outcome(Code.NO_PRODUCT, 1, "said by a stranger").counted_reason == "other"


@pytest.mark.parametrize(
    ("kept", "outcome", "expected"),
    [
        (None, KEPT, True),
        (KEPT, KEPT, False),
        (KEPT, replace(KEPT, version=6), True),
        (KEPT, replace(KEPT, version=4), False),
        (KEPT, replace(KEPT, code=Code.ADDED), True),
        (replace(KEPT, code=Code.ADDED), replace(KEPT, code=Code.OVERTAKEN), False),
    ],
)
def test_an_outcome_is_news_once(kept: Outcome | None, outcome: Outcome, expected: bool) -> None:
    assert PostRow("key", outcome=kept).is_news(outcome) is expected
