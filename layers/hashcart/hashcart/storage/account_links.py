"""Table AccountLinks: which X profile belongs to which store account.

Four kinds of items: `x#<profile>` is the account link, `shopper#<shopper_id>` the shopper, `account#<hash>` leads from
a store account to its shopper, `post_events#<profile>` says what X has to tell of a profile (`storage/post_events.py`).
Whatever concerns more than one of them is one transaction, whose conditions name the state that it starts from: of two
that race, the second finds out and changes nothing.

A `shopper_id` is random and never used again. An erase leaves a marker in the shopper's place, without anything of the
person, so that a page or a task that still knows the id is told.

The table Departures notes in the same transactions who was erased or unlinked, and when. It knows shoppers by their
random ids only. A table that is restored from a backup has to be told: what was true then may have been taken back.
"""

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from hashcart.domain.account_links import (
    PROTECTED,
    REVOKED,
    SUSPENDED,
    TOO_MANY,
    AccountLink,
    EmailChoice,
    LinkSettings,
    LinkState,
    Shopper,
    StoreAccount,
)
from hashcart.domain.posts import DAY_MS
from hashcart.storage.post_events import wish
from hashcart.storage.table import ConditionFailedError, Table, TransactionRefusedError, Write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# A signed-in customer who never links is forgotten after this time; each sign-in starts it anew.
UNLINKED_LIFE_MS = 30 * DAY_MS

# Longer than a message can live in a queue (4 days), its dead-letter queue (14 days) and Pending (30 days).
MARKER_LIFE_MS = 60 * DAY_MS

# Longer than tables can be restored to a point in time (35 days); older backups are not restored.
DEPARTURE_LIFE_MS = 90 * DAY_MS

ATTEMPTS = 5

_CONSENT = "post_events_since_ms"

_LIVES = "attribute_exists(issuer) AND (attribute_not_exists(expires_at) OR expires_at > :now_s)"


class ProfileTakenError(Exception):
    """The X profile is linked with the account of the shopper `shopper_id`."""

    def __init__(self, shopper_id: str) -> None:
        super().__init__("the profile is linked with another account")
        self.shopper_id = shopper_id


class OtherProfileLinkedError(Exception):
    """The account is linked with another X profile, which has to be unlinked first."""


class ShopperGoneError(Exception):
    """There is no such shopper any more: erased, or forgotten as never linked."""


class LinkGoneError(Exception):
    """The X profile is not linked with this shopper any more."""


class ContendedError(Exception):
    """Others kept changing the same account; nothing was changed, and another attempt may succeed."""


def random_id() -> str:
    """A `shopper_id`."""
    return uuid.uuid4().hex


class AccountLinks:
    """Account links, shoppers, and what leads from store accounts to them.

    Whoever ends links or erases shoppers names the table Departures.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        table_name: str,
        *,
        departures_table: str = "",
        new_id: Callable[[], str] = random_id,
    ) -> None:
        self._table = Table(client, table_name)
        self._departures_table = departures_table
        self._new_id = new_id

    def of_profile(self, x_user_id: str) -> AccountLink | None:
        """The link of an X profile, read eventually consistently: the one read of a plain add."""
        item = self._table.get(_link_key(x_user_id), consistent=False)
        return None if item is None else _link_from_item(item)

    def current_link(self, x_user_id: str) -> AccountLink | None:
        """The link of an X profile, read consistently."""
        item = self._table.get(_link_key(x_user_id), consistent=True)
        return None if item is None else _link_from_item(item)

    def shopper(self, shopper_id: str, *, now_ms: int) -> Shopper | None:
        """The shopper, read consistently; None for one who has been erased or forgotten.

        Whatever writes for a shopper on a click reads this first.
        """
        item = self._table.get(_shopper_key(shopper_id), consistent=True)
        return _shopper_from_item(item) if item is not None and _lives(item, now_ms) else None

    def link_of_shopper(self, shopper_id: str, *, now_ms: int) -> AccountLink | None:
        """The shopper's link, read consistently; None without one."""
        shopper = self.shopper(shopper_id, now_ms=now_ms)
        if shopper is None or shopper.x_user_id is None:
            return None
        link = self.current_link(shopper.x_user_id)
        return link if link is not None and link.shopper_id == shopper_id else None

    def keep_store_cart(self, shopper_id: str, cart_id: str, *, previous: str | None) -> bool:
        """Keep the id of the shopper's cart at the store in place of `previous`. False if another is kept by now."""
        is_kept = "attribute_not_exists(store_cart_id)" if previous is None else "store_cart_id = :previous"
        try:
            self._table.update(
                _shopper_key(shopper_id),
                "SET store_cart_id = :cart_id",
                condition=f"attribute_exists(issuer) AND {is_kept}",
                values={":cart_id": cart_id, ":previous": previous},
            )
        except ConditionFailedError:
            return False
        return True

    def is_erased(self, shopper_id: str) -> bool:
        """Whether the shopper has been erased, read consistently; false also when the marker has gone."""
        item = self._table.get(_shopper_key(shopper_id), consistent=True)
        return item is not None and "erased_at_ms" in item

    def shopper_of(self, account: StoreAccount, *, now_ms: int) -> Shopper:
        """The shopper of a store account, with a new `shopper_id` where there is none. Raises ContendedError."""
        key = account_key(account.issuer, account.subject)
        for _ in range(ATTEMPTS):
            pointer = self._table.get(key, consistent=True)
            known_id = pointer["shopper_id"] if pointer is not None else None
            shopper = self._seen_again(known_id, account, now_ms=now_ms) if known_id is not None else None
            shopper = shopper or self._created(known_id, account, now_ms=now_ms)
            if shopper is not None:
                return shopper
        raise ContendedError

    def link(self, link: AccountLink, *, email_address: str | None = None, now_ms: int) -> None:
        """Tie the profile to the shopper, or renew the consent of this very link, in one transaction.

        Raises ProfileTakenError, OtherProfileLinkedError, ShopperGoneError.
        """
        self._tie(
            link,
            others=(),
            condition="attribute_not_exists(id) OR shopper_id = :owner",
            owner=link.shopper_id,
            email_address=email_address,
            now_ms=now_ms,
        )

    def move(self, link: AccountLink, *, from_shopper_id: str, email_address: str | None = None, now_ms: int) -> None:
        """Tie a profile to the shopper that is tied to another one, and end that link, in one transaction.

        Raises ProfileTakenError if the profile is not that other shopper's any more, OtherProfileLinkedError,
        ShopperGoneError.
        """
        leave = Write(
            "Update",
            key=_shopper_key(from_shopper_id),
            expression="SET moved_handle = :handle, moved_at_ms = :now REMOVE x_user_id",
            condition="x_user_id = :profile",
            values={":profile": link.x_user_id, ":handle": link.handle, ":now": now_ms},
        )
        self._tie(
            link,
            others=(leave, *self._departure(from_shopper_id, "unlinked_at_ms", now_ms)),
            condition="shopper_id = :owner",
            owner=from_shopper_id,
            email_address=email_address,
            now_ms=now_ms,
        )

    def unlink(self, shopper_id: str, x_user_id: str, *, now_ms: int) -> bool:
        """End a link; its e-mail address goes as well. False if it is this shopper's no more, or never was."""

        def change(item: Mapping[str, Any]) -> list[Write]:
            return [
                Write(
                    "Delete",
                    key=_link_key(x_user_id),
                    condition=f"shopper_id = :me AND {_as_seen(item)}",
                    values={":me": shopper_id},
                ),
                Write(
                    "Update",
                    key=_shopper_key(shopper_id),
                    expression="REMOVE x_user_id, email_address, email_paused",
                    condition="x_user_id = :profile",
                    values={":profile": x_user_id},
                ),
                *self._departure(shopper_id, "unlinked_at_ms", now_ms),
                *_wishes(item, None),
            ]

        return self._change_link(x_user_id, change)

    def change_settings(
        self, shopper_id: str, x_user_id: str, settings: LinkSettings, *, email_address: str | None
    ) -> None:
        """Change the settings of a link, and the address that they need. Raises LinkGoneError."""
        stored = _plain(asdict(settings))
        said = {name: value for name, value in stored.items() if value is not None}
        unsaid = [name for name in stored if name not in said]
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in said)
        expression += (" REMOVE " + ", ".join(f"#{name}" for name in unsaid)) if unsaid else ""
        address = "SET email_address = :address" if email_address else "REMOVE email_address"

        def change(item: Mapping[str, Any]) -> list[Write]:
            return [
                Write(
                    "Update",
                    key=_link_key(x_user_id),
                    expression=expression,
                    condition=f"shopper_id = :me AND #state = :seen AND {_as_seen(item)}",
                    names={"#state": "state"} | {f"#{name}": name for name in stored},
                    values={":me": shopper_id, ":seen": item["state"]}
                    | {f":{name}": value for name, value in said.items()},
                ),
                Write(
                    "Update",
                    key=_shopper_key(shopper_id),
                    expression=f"{address}{'' if email_address else ', email_paused'}",
                    condition="x_user_id = :profile",
                    values={":profile": x_user_id} | ({":address": email_address} if email_address else {}),
                ),
                *_wishes(item, {**item, _CONSENT: settings.post_events_since_ms}),
            ]

        if not self._change_link(x_user_id, change):
            raise LinkGoneError

    def pause(self, x_user_id: str, *, reason: str, at_ms: int) -> bool:
        """Pause a link that was made before `at_ms`. False if there is none to pause.

        A withdrawn access is the reason from then on, whatever the link was paused for before, as nothing but a new
        sign-in may end that pause. What X says of the profile itself is noted with the link.
        """
        said = ", protected = :yes" if reason == PROTECTED else ""
        if reason == REVOKED:
            condition = "(#state = :from OR state_reason <> :reason) AND consented_at_ms < :at"
        else:
            condition = "#state = :from AND consented_at_ms < :at"
        return self._set_state(
            x_user_id,
            f"SET #state = :to, state_reason = :reason, state_since_ms = :at{said}",
            condition,
            {":to": LinkState.PAUSED, ":from": LinkState.ACTIVE, ":reason": reason, ":at": at_ms}
            | ({":yes": True} if said else {}),
        )

    def resume_public(self, x_user_id: str, *, seen_ms: int) -> bool:
        """End a pause that began before `seen_ms`, since X shows a post of that moment. False if there is none."""
        return self._set_state(
            x_user_id,
            "SET #state = :to, protected = :no REMOVE state_reason, state_since_ms",
            "#state = :from AND state_reason IN (:protected, :suspended) AND state_since_ms < :seen",
            {
                ":to": LinkState.ACTIVE,
                ":from": LinkState.PAUSED,
                ":protected": PROTECTED,
                ":suspended": SUSPENDED,
                ":seen": seen_ms,
                ":no": False,
            },
        )

    def pause_adding(self, link: AccountLink, *, adds_since_ms: int) -> bool:
        """Pause a link for the adds since a moment. False if it is paused, or another's, or the shopper has vouched for
        what was posted then.
        """
        return self._set_state(
            link.x_user_id,
            "SET #state = :to, state_reason = :reason, adds_since_ms = :since",
            "#state = :from AND shopper_id = :me AND consented_at_ms = :consent"
            " AND (attribute_not_exists(vouched_at_ms) OR vouched_at_ms <= :since)",
            {
                ":to": LinkState.PAUSED,
                ":from": LinkState.ACTIVE,
                ":reason": TOO_MANY,
                ":since": adds_since_ms,
                ":me": link.shopper_id,
                ":consent": link.consented_at_ms,
            },
        )

    def vouch(self, shopper_id: str, x_user_id: str, *, now_ms: int) -> bool:
        """End the pause for too many adds, as the shopper has meant them. False if there is none."""
        return self._set_state(
            x_user_id,
            "SET #state = :to, vouched_at_ms = :now REMOVE state_reason",
            "#state = :from AND state_reason = :reason AND shopper_id = :me",
            {
                ":to": LinkState.ACTIVE,
                ":from": LinkState.PAUSED,
                ":reason": TOO_MANY,
                ":me": shopper_id,
                ":now": now_ms,
            },
        )

    def stop_replies(self, x_user_id: str, *, post_id: str) -> bool:
        """Answer the profile in public no more, as a post of its asks. False if there is no link, or if this post or a
        newer one has done so before: who turned the answers on again since then wants them.
        """
        try:
            self._table.update(
                _link_key(x_user_id),
                "SET public_replies = :off, stopped_by = :post",
                condition="attribute_exists(shopper_id) AND (attribute_not_exists(stopped_by) OR stopped_by < :post)",
                values={":off": False, ":post": int(post_id)},
            )
        except ConditionFailedError:
            return False
        return True

    def pause_own(self, shopper_id: str, x_user_id: str, *, reason: str) -> bool:
        """Pause the shopper's own link. False if there is none that is active."""
        return self._set_state(
            x_user_id,
            "SET #state = :to, state_reason = :reason",
            "#state = :from AND shopper_id = :me",
            {":to": LinkState.PAUSED, ":from": LinkState.ACTIVE, ":reason": reason, ":me": shopper_id},
        )

    def resume(self, shopper_id: str, x_user_id: str, *, reason: str) -> bool:
        """End a pause of the shopper's own link that has this reason. False if there is none."""
        return self._set_state(
            x_user_id,
            f"SET #state = :to{', protected = :no' if reason == PROTECTED else ''} REMOVE state_reason, state_since_ms",
            "#state = :from AND state_reason = :reason AND shopper_id = :me",
            {":to": LinkState.ACTIVE, ":from": LinkState.PAUSED, ":reason": reason, ":me": shopper_id}
            | ({":no": False} if reason == PROTECTED else {}),
        )

    def resume_email(self, shopper_id: str) -> bool:
        """Send e-mail again. False if there is no such shopper, or no address."""
        try:
            self._table.update(
                _shopper_key(shopper_id), "REMOVE email_paused", condition="attribute_exists(email_address)"
            )
        except ConditionFailedError:
            return False
        return True

    def erase(self, shopper_id: str, *, now_ms: int) -> str | None:
        """Retire the shopper's id, and forget the account and its link in one transaction.

        Returns the X profile that was linked, if any. Raises ShopperGoneError, and ContendedError.
        """
        for _ in range(ATTEMPTS):
            item = self._table.get(_shopper_key(shopper_id), consistent=True)
            if item is None or "issuer" not in item:
                raise ShopperGoneError
            shopper = _shopper_from_item(item)
            link = self._link_item(shopper.x_user_id)
            try:
                self._table.transact(
                    *_erasure(shopper, link, now_ms), *self._departure(shopper_id, "erased_at_ms", now_ms)
                )
            except TransactionRefusedError:
                continue
            return shopper.x_user_id
        raise ContendedError

    def items_of(self, shopper_id: str) -> dict[str, Any]:
        """Everything stored about a shopper, as it is stored, by the kind of item; empty for one who has gone."""
        shopper = self._table.get(_shopper_key(shopper_id), consistent=True)
        if shopper is None or "issuer" not in shopper:
            return {}
        found = {"shopper": shopper, "account": self._table.get(_key_of_account(shopper), consistent=True)}
        link = self._table.get(_link_key(shopper["x_user_id"]), consistent=True) if "x_user_id" in shopper else None
        if link is not None and link["shopper_id"] == shopper_id:
            found["link"] = link
            found["post_events"] = self._table.get({"id": f"post_events#{shopper['x_user_id']}"}, consistent=True)
        return {kind: item for kind, item in found.items() if item is not None}

    def _seen_again(self, shopper_id: str, account: StoreAccount, *, now_ms: int) -> Shopper | None:
        """The shopper with the name that the store has for it now; None if it has gone."""
        expires = (now_ms + UNLINKED_LIFE_MS) // 1000
        item = self._table.get(_shopper_key(shopper_id), consistent=True)
        if item is None or not _lives(item, now_ms):
            return None
        pointer = account_key(account.issuer, account.subject)
        try:
            if "expires_at" in item:
                self._table.transact(
                    *(
                        Write(
                            "Update",
                            key=key,
                            expression="SET expires_at = :expires",
                            condition="attribute_exists(expires_at)",
                            values={":expires": expires},
                        )
                        for key in (pointer, _shopper_key(shopper_id))
                    )
                )
            if item.get("name") != account.name:
                item = self._table.update(
                    _shopper_key(shopper_id),
                    "SET #name = :name" if account.name else "REMOVE #name",
                    condition="attribute_exists(issuer)",
                    names={"#name": "name"},
                    values={":name": account.name} if account.name else None,
                )
        except (ConditionFailedError, TransactionRefusedError):
            return None
        return _shopper_from_item(item)

    def _created(self, dead_id: str | None, account: StoreAccount, *, now_ms: int) -> Shopper | None:
        """A new shopper in the place of none, or of the one that has gone; None if somebody else was faster."""
        shopper = Shopper(self._new_id(), account.issuer, account.subject, name=account.name)
        expiry = {"expires_at": (now_ms + UNLINKED_LIFE_MS) // 1000}
        pointer: dict[str, object] = {"shopper_id": shopper.shopper_id}
        writes = [
            Write(
                "Put",
                item=account_key(account.issuer, account.subject) | pointer | expiry,
                condition="attribute_not_exists(id)" if dead_id is None else "shopper_id = :dead",
                values=None if dead_id is None else {":dead": dead_id},
            ),
            Write("Put", item=_shopper_key(shopper.shopper_id) | asdict(shopper) | expiry),
        ]
        if dead_id is not None:
            writes.append(
                Write(
                    "ConditionCheck",
                    key=_shopper_key(dead_id),
                    condition=f"NOT ({_LIVES})",
                    values={":now_s": now_ms // 1000},
                )
            )
        try:
            self._table.transact(*writes)
        except TransactionRefusedError:
            return None
        return shopper

    def _tie(
        self,
        link: AccountLink,
        *,
        others: tuple[Write, ...],
        condition: str,
        owner: str,
        email_address: str | None,
        now_ms: int,
    ) -> None:
        shopper = self._table.get(_shopper_key(link.shopper_id), consistent=True)
        if shopper is None or not _lives(shopper, now_ms):
            raise ShopperGoneError
        assignments = "SET x_user_id = :profile" + (", email_address = :address" if email_address else "")
        removed = ["expires_at", "email_paused", "moved_handle", "moved_at_ms"]
        removed += [] if email_address else ["email_address"]
        tied = _link_key(link.x_user_id) | _plain(asdict(link))
        for _ in range(ATTEMPTS):
            before = self._link_item(link.x_user_id)
            try:
                self._table.transact(
                    Write(
                        "Put",
                        item=tied,
                        condition=f"({condition}) AND {_as_seen(before)}",
                        values={":owner": owner},
                    ),
                    Write(
                        "Update",
                        key=_shopper_key(link.shopper_id),
                        expression=f"{assignments} REMOVE {', '.join(removed)}",
                        condition=f"{_LIVES} AND (attribute_not_exists(x_user_id) OR x_user_id = :profile)",
                        values={":profile": link.x_user_id, ":now_s": now_ms // 1000}
                        | ({":address": email_address} if email_address else {}),
                    ),
                    Write(
                        "Update",
                        key=_key_of_account(shopper),
                        expression="REMOVE expires_at",
                        condition="shopper_id = :me",
                        values={":me": link.shopper_id},
                    ),
                    *_wishes(before, tied),
                    *others,
                )
            except TransactionRefusedError as error:
                if not _has_changed(before, error.failed[0]):
                    return self._explain(error, link, now_ms)
            else:
                return None
        raise ContendedError

    @staticmethod
    def _explain(error: TransactionRefusedError, link: AccountLink, now_ms: int) -> None:
        """Raise what kept a link from being tied; nothing if it is tied already, as by the same form sent twice."""
        existing, shopper, *_ = error.failed
        if existing and existing["shopper_id"] != link.shopper_id:
            raise ProfileTakenError(existing["shopper_id"])
        if shopper is not None:
            raise OtherProfileLinkedError if _lives(shopper, now_ms) else ShopperGoneError
        if not existing:
            raise ContendedError

    def _departure(self, shopper_id: str, what: str, now_ms: int) -> list[Write]:
        """The note that a shopper, or a shopper's link, must not come back from a backup."""
        if not self._departures_table:
            return []
        return [
            Write(
                "Update",
                table=self._departures_table,
                key={"shopper_id": shopper_id},
                expression=f"SET {what} = :now, expires_at = :expires",
                values={":now": now_ms, ":expires": (now_ms + DEPARTURE_LIFE_MS) // 1000},
            )
        ]

    def _set_state(self, x_user_id: str, expression: str, condition: str, values: Mapping[str, object]) -> bool:
        """Change the state of a link if the condition holds, and with it what X has to tell of the profile."""
        to = {"state": values[":to"]}

        def change(item: Mapping[str, Any]) -> list[Write]:
            return [
                Write(
                    "Update",
                    key=_link_key(x_user_id),
                    expression=expression,
                    condition=f"({condition}) AND {_as_seen(item)}",
                    names={"#state": "state"},
                    values=values,
                ),
                *_wishes(item, {**item, **to}),
            ]

        return self._change_link(x_user_id, change)

    def _change_link(self, x_user_id: str, change: Callable[[Mapping[str, Any]], list[Write]]) -> bool:
        """Carry out the writes, of which the first is the link's, that `change` makes of the link as it stands.

        False if there is no link, or a condition does not hold. Raises ContendedError.
        """
        for _ in range(ATTEMPTS):
            item = self._link_item(x_user_id)
            if not item:
                return False
            try:
                self._table.transact(*change(item))
            except TransactionRefusedError as error:
                if not _has_changed(item, error.failed[0]):
                    return False
            else:
                return True
        raise ContendedError

    def _link_item(self, x_user_id: str | None) -> Mapping[str, Any]:
        """The item of a link; empty if there is none."""
        return (self._table.get(_link_key(x_user_id), consistent=True) if x_user_id is not None else None) or {}


def _as_seen(item: Mapping[str, Any]) -> str:
    """The condition that the consent to post events stands as it was seen: it decides which items are written."""
    return f"attribute_exists({_CONSENT})" if _CONSENT in item else f"attribute_not_exists({_CONSENT})"


def _has_changed(seen: Mapping[str, Any], found: Mapping[str, Any] | None) -> bool:
    """Whether a link that refused a write is another one than it was seen to be, as far as its wish goes."""
    if not found:
        return False
    return (_CONSENT in seen, seen.get("state")) != (_CONSENT in found, found["state"])


def _wishes(before: Mapping[str, Any], after: Mapping[str, Any] | None) -> list[Write]:
    """What X has to tell of the profile once the link `before` has become `after`; nothing if it never had to."""
    since_ms = after.get(_CONSENT) if after is not None else None
    if _CONSENT not in before and since_ms is None:
        return []
    x_user_id = before["x_user_id"] if after is None else after["x_user_id"]
    is_active = after is not None and after["state"] == LinkState.ACTIVE
    return [wish(x_user_id, since_ms if is_active else None)]


def _erasure(shopper: Shopper, link: Mapping[str, Any], now_ms: int) -> list[Write]:
    marker: dict[str, object] = {"erased_at_ms": now_ms, "expires_at": (now_ms + MARKER_LIFE_MS) // 1000}
    linked = shopper.x_user_id is not None
    writes = [
        Write(
            "Put",
            item=_shopper_key(shopper.shopper_id) | marker,
            condition="attribute_exists(issuer) AND "
            + ("x_user_id = :profile" if linked else "attribute_not_exists(x_user_id)"),
            values={":profile": shopper.x_user_id} if linked else None,
        ),
        Write(
            "Delete",
            key=account_key(shopper.issuer, shopper.store_subject),
            condition="attribute_not_exists(id) OR shopper_id = :me",
            values={":me": shopper.shopper_id},
        ),
    ]
    if shopper.x_user_id is not None:
        writes.append(
            Write(
                "Delete",
                key=_link_key(shopper.x_user_id),
                condition=f"shopper_id = :me AND {_as_seen(link)}",
                values={":me": shopper.shopper_id},
            )
        )
        writes += _wishes(link, None)
    return writes


def _link_key(x_user_id: str) -> dict[str, str]:
    return {"id": f"x#{x_user_id}"}


def _shopper_key(shopper_id: str) -> dict[str, str]:
    return {"id": f"shopper#{shopper_id}"}


def account_key(issuer: str, subject: str) -> dict[str, str]:
    """The key of what leads from a store account to its shopper."""
    # A list in JSON, so that no issuer and subject can be read as others.
    digest = hashlib.sha256(json.dumps([issuer, subject]).encode()).hexdigest()
    return {"id": f"account#{digest}"}


def _key_of_account(shopper: Mapping[str, Any]) -> dict[str, str]:
    return account_key(shopper["issuer"], shopper["store_subject"])


def _lives(item: Mapping[str, Any], now_ms: int) -> bool:
    return "issuer" in item and ("expires_at" not in item or item["expires_at"] * 1000 > now_ms)


def _plain(stored: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in stored.items()}


def _shopper_from_item(item: Mapping[str, Any]) -> Shopper:
    known = {field.name for field in fields(Shopper)}
    return Shopper(**{name: value for name, value in item.items() if name in known})


def _link_from_item(item: Mapping[str, Any]) -> AccountLink:
    known = {field.name for field in fields(AccountLink)}
    return AccountLink(
        **(
            {name: value for name, value in item.items() if name in known}
            | {
                "state": LinkState(item["state"]),
                "email": EmailChoice(item.get("email", EmailChoice.NOTHING)),
                "sensitive_categories": tuple(item.get("sensitive_categories", ())),
            }
        )
    )
