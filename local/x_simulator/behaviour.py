"""How the simulated network behaves, changeable while it runs."""

from dataclasses import dataclass, fields
from typing import Any

EVERYBODY = "everybody"


@dataclass
class Behaviour:
    """What webhooks carry, and for whom.

    `names`: "old" or "new" field names in events (an API answer follows the names that its request used).
    `post_create_for`: ids of accounts with a `post.create` subscription, or "everybody", by which every public account
    but the bot has one, as a filtered stream would deliver them; so an unlinked shopper's reply arrives too.
    Accounts with a subscription made at X's API are told of besides. Deletions are told by subscriptions, or of those
    listed, alone: a filtered stream tells of none.
    `subscription_limit`: how many subscriptions X gives the app.
    `parent_in_post_create`, `parent_in_mention`: whether `includes` has the post that was replied to. X promises
    neither; by default one has it and the other has not, so that both ways are used.
    `mentions_need_oauth1`: whether a subscription to mentions is made only with the account's keys for OAuth 1.0a.
    """

    names: str = "old"
    post_create_for: str | list[str] = EVERYBODY
    subscription_limit: int = 1500
    parent_in_post_create: bool = True
    parent_in_mention: bool = False
    mentions_need_oauth1: bool = False

    def update(self, changes: dict[str, Any]) -> None:
        """Change what is named. Raises ValueError for anything unknown."""
        known = {entry.name for entry in fields(self)}
        for name, value in changes.items():
            if name not in known or not _is_acceptable(name, value):
                raise ValueError(f"{name}: not a setting, or not a value for it")
            setattr(self, name, value)


def _is_acceptable(name: str, value: object) -> bool:
    if name == "names":
        return value in ("old", "new")
    if name == "post_create_for":
        is_list_of_ids = isinstance(value, list) and all(isinstance(entry, str) for entry in value)
        return value == EVERYBODY or is_list_of_ids
    if name == "subscription_limit":
        return type(value) is int and value >= 0
    return isinstance(value, bool)
