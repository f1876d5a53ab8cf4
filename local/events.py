"""The files of `events/`, dated now: a post of last year would be refused for its age."""

import json
import re
from pathlib import Path
from typing import Any

from hashcart.domain.posts import SNOWFLAKE_SEQUENCE_BITS, X_EPOCH_MS
from hashcart.social.x.signature import is_signed, sign
from local.settings import CONSUMER_SECRET, PROJECT_ROOT

EVENTS = PROJECT_ROOT / "events"

SIGNATURE_HEADER = "x-twitter-webhooks-signature"

# The posts of the event files are those of one moment: their snowflakes all begin like this.
_EVENT_POST_ID = re.compile(r"\b2092\d{15}\b")
_EVENTS_MADE_AT = 2_092_000_000_000_000_000 >> SNOWFLAKE_SEQUENCE_BITS


def fresh_event(path: Path, now_ms: int) -> dict[str, Any]:
    """The event with its posts made now; a signature that was right before is right again."""
    text = path.read_text()
    event: dict[str, Any] = json.loads(_dated(text, now_ms))
    signature = event.get("headers", {}).get(SIGNATURE_HEADER, "")
    original_body: str = json.loads(text).get("body", "")
    if is_signed(original_body.encode(), signature, [CONSUMER_SECRET]):
        event["headers"][SIGNATURE_HEADER] = sign(CONSUMER_SECRET, event["body"].encode())
    return event


def _dated(text: str, now_ms: int) -> str:
    shift = (now_ms - X_EPOCH_MS - _EVENTS_MADE_AT) << SNOWFLAKE_SEQUENCE_BITS
    return _EVENT_POST_ID.sub(lambda match: str(int(match[0]) + shift), text)
