"""Table Sessions: browsers' sessions under the hash of their secret, which of them are a shopper's, and the counters of
the pages' limits.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hashcart.domain.sessions import ABSOLUTE_MS, Session
from hashcart.storage.table import ConditionFailedError, Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# A session that is used at its last moment must not vanish while it is.
GRACE_SECONDS = 60


class Sessions:
    """Sessions (`session#<hash>`), the list of a shopper's (`shopper#<shopper_id>`) and counters (`limit#…`).

    Sessions are always read consistently.
    """

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._table = Table(client, table_name)

    def read(self, key: str, *, now_ms: int) -> Session | None:
        """The session, unless it is over."""
        item = self._table.get(_key(key), consistent=True)
        if item is None:
            return None
        session = Session(
            key=key,
            created_at_ms=item["created_at_ms"],
            seen_at_ms=item["seen_at_ms"],
            shopper_id=item.get("shopper_id"),
            language=item.get("spoken"),
            values=item["kept"],
        )
        return None if session.is_over(now_ms) else session

    def save(self, session: Session) -> None:
        """Write a session as a whole, for one that begins."""
        if session.shopper_id is not None:
            # First the list, so that no session of a shopper is without.
            self._table.update(
                _list_key(session.shopper_id),
                "ADD session_keys :key SET expires_at = :expires",
                values={":key": {session.key}, ":expires": (session.created_at_ms + ABSOLUTE_MS) // 1000},
            )
        self._table.put(
            _key(session.key)
            | {
                "created_at_ms": session.created_at_ms,
                "seen_at_ms": session.seen_at_ms,
                "shopper_id": session.shopper_id,
                "spoken": session.language,
                "kept": dict(session.values),
                "expires_at": _expires_at(session),
            }
        )

    def touch(self, session: Session) -> None:
        """Note that the session was used at its `seen_at_ms`, unless it was ended meanwhile."""
        self._change(
            session.key,
            "SET seen_at_ms = :seen, expires_at = :expires",
            {":seen": session.seen_at_ms, ":expires": _expires_at(session)},
        )

    def speak(self, key: str, language: str) -> None:
        """Remember the shopper's language, unless the session was ended meanwhile."""
        self._change(key, "SET spoken = :language", {":language": language})

    def keep(self, key: str, name: str, value: Mapping[str, object]) -> bool:
        """Keep a value under a name, in place of an earlier one. False if there is no such session any more."""
        return self._change(key, "SET kept.#name = :value", {":value": dict(value)}, {"#name": name})

    def take(self, key: str, name: str, *, field: str, expected: str) -> bool:
        """Remove a value whose `field` is `expected`; of several callers one is told True."""
        return self._change(
            key,
            "REMOVE kept.#name",
            {":expected": expected},
            {"#name": name, "#field": field},
            condition="kept.#name.#field = :expected",
        )

    def drop(self, key: str, name: str) -> None:
        """Remove a value, if it is there."""
        self._change(key, "REMOVE kept.#name", None, {"#name": name})

    def delete(self, key: str) -> None:
        """End a session."""
        self._table.delete(_key(key))

    def items_of(self, shopper_id: str) -> list[dict[str, Any]]:
        """The sessions of a shopper in all browsers, as they are stored."""
        stored = (self._table.get(_key(key), consistent=True) for key in self._keys_of(shopper_id))
        return [item for item in stored if item is not None and item.get("shopper_id") == shopper_id]

    def erase(self, shopper_id: str) -> None:
        """End the sessions of a shopper in all browsers, and forget which they were."""
        keys = [_key(key) for key in self._keys_of(shopper_id)]
        self._table.delete_batch([*keys, _list_key(shopper_id)])

    def count(self, counter: str, *, limit: int, expires_at: int) -> bool:
        """Count one more, `limit` at most. False if it would be more; `expires_at` is in seconds of the epoch."""
        try:
            self._table.update(
                {"id": f"limit#{counter}"},
                "ADD hits :one SET expires_at = :expires",
                condition="attribute_not_exists(hits) OR hits < :limit",
                values={":one": 1, ":limit": limit, ":expires": expires_at},
            )
        except ConditionFailedError:
            return False
        return True

    def _keys_of(self, shopper_id: str) -> list[str]:
        item = self._table.get(_list_key(shopper_id), consistent=True)
        return [] if item is None else sorted(item["session_keys"])

    def _change(
        self,
        key: str,
        expression: str,
        values: Mapping[str, object] | None,
        names: Mapping[str, str] | None = None,
        *,
        condition: str = "attribute_exists(created_at_ms)",
    ) -> bool:
        try:
            self._table.update(_key(key), expression, condition=condition, names=names, values=values)
        except ConditionFailedError:
            return False
        return True


def _key(key: str) -> dict[str, str]:
    return {"id": f"session#{key}"}


def _list_key(shopper_id: str) -> dict[str, str]:
    return {"id": f"shopper#{shopper_id}"}


def _expires_at(session: Session) -> int:
    return session.ends_at_ms // 1000 + GRACE_SECONDS
