"""Digests before their time, for who does not want to wait until the afternoon."""

import json
from pathlib import Path

import boto3

from hashcart.domain.posts import DAY_MS
from hashcart.messages.digests import DigestDue
from hashcart.messages.posts import to_json
from hashcart.storage.pending import Pending, PendingItem, PendingKind
from local.inbox.feedback import QUICK, REGION

LIMIT = 100


def hasten(pending: Pending, now_ms: int) -> int:
    """Let every digest end at this moment and be due, so that the next minute's schedule sends it; says how many."""
    items = list(pending.due(PendingKind.DIGEST, now_ms + 2 * DAY_MS, LIMIT))
    for item in items:
        waiting = json.loads(item.message)
        due = DigestDue(waiting["shopper_id"], waiting["x_user_id"], now_ms)
        pending.put(PendingItem(PendingKind.DIGEST, item.post_id, now_ms, to_json(due)))
        pending.remove(item)
    return len(items)


def pending_of(outputs_file: Path, endpoint_url: str) -> Pending:
    """The table of the stack that the outputs name. Raises OSError, ValueError or KeyError where there is none."""
    client = boto3.client(
        "dynamodb",
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106
        config=QUICK,
    )
    return Pending(client, json.loads(outputs_file.read_text())["PendingTableName"])
