"""Settings from the environment, and sending to SQS."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from hashcart import settings
from hashcart.queues import MAX_BATCH_BYTES, MessageTooLargeError, NotSentError, send_all, send_or_raise


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (settings.text, " a ", "a"),
        (settings.names, "a, b,,", ("a", "b")),
        (settings.names, "", ()),
        (settings.flag, "True", True),
        (settings.flag, "false", False),
        (settings.whole_number, "10", 10),
        (settings.base_url, "https://api.x.com/", "https://api.x.com"),
    ],
)
def test_settings_are_read(
    read: Callable[[str], object], value: str, expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SETTING", value)
    assert read("SETTING") == expected


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (settings.text, ""),
        (settings.flag, "yes"),
        (settings.whole_number, "0"),
        (settings.whole_number, "-5"),
        (settings.whole_number, "٣"),
        (settings.base_url, "api.x.com"),
        (settings.base_url, "file:///etc/passwd"),
    ],
)
def test_a_wrong_setting_is_named_but_not_shown(
    read: Callable[[str], object], value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SETTING", value)
    with pytest.raises(settings.SettingError, match="SETTING") as error:
        read("SETTING")
    assert not value or value not in str(error.value)


class SqsFake:
    """Takes batches, and refuses what it is told to, the first so many times."""

    def __init__(self, refuse: dict[str, int] | None = None, unreachable: int = 0) -> None:
        self.refuse = refuse or {}
        self.unreachable = unreachable
        self.batches: list[list[str]] = []
        self.taken: list[str] = []

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        self.batches.append([entry["MessageBody"] for entry in Entries])
        if self.unreachable:
            self.unreachable -= 1
            raise EndpointConnectionError(endpoint_url=QueueUrl)
        successful = []
        for entry in Entries:
            if self.refuse.get(entry["MessageBody"], 0):
                self.refuse[entry["MessageBody"]] -= 1
            else:
                successful.append({"Id": entry["Id"]})
                self.taken.append(entry["MessageBody"])
        return {"Successful": successful}


def send(sqs: SqsFake, *bodies: str) -> frozenset[int]:
    return send_all(sqs, "queue", bodies, sleep=lambda _: None)  # type: ignore[arg-type]


def test_batches_hold_ten_messages_and_one_mebibyte() -> None:
    sqs = SqsFake()
    assert send(sqs, *(str(number) for number in range(23))) == frozenset()
    assert [len(batch) for batch in sqs.batches] == [10, 10, 3]
    large = SqsFake()
    send(large, "a" * (MAX_BATCH_BYTES - 1), "b", "c")
    assert [len(batch) for batch in large.batches] == [2, 1]


def test_nothing_is_sent_for_nothing() -> None:
    sqs = SqsFake()
    assert send(sqs) == frozenset()
    assert sqs.batches == []


def test_what_is_refused_is_sent_again_and_what_is_taken_is_not() -> None:
    sqs = SqsFake(refuse={"b": 2, "c": 9})
    assert send(sqs, "a", "b", "c") == {2}
    assert sorted(sqs.taken) == ["a", "b"]
    assert sqs.batches == [["a", "b", "c"], ["b", "c"], ["b", "c"]]


def test_an_unreachable_queue_is_tried_three_times() -> None:
    assert send(SqsFake(unreachable=2), "a") == frozenset()
    assert send(SqsFake(unreachable=3), "a") == {0}
    with pytest.raises(NotSentError):
        send_or_raise(SqsFake(refuse={"a": 9}), "queue", "a")  # type: ignore[arg-type]


def test_a_message_that_sqs_can_never_take_is_an_error_of_its_own() -> None:
    with pytest.raises(MessageTooLargeError):
        send(SqsFake(), "a" * (MAX_BATCH_BYTES + 1))
