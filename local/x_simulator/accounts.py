"""The accounts of the simulated network. Nobody signs in: whoever opens the timeline chooses whom to post as."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from local.settings import BOT_USER_ID, BOT_USERNAME


@dataclass(frozen=True)
class Account:
    """An account, with what the timeline says about it; `hue` colours its picture."""

    id: str
    username: str
    name: str
    description: str
    hue: int
    protected: bool = False
    automated: bool = False
    can_post: bool = False
    note: str = ""
    suspended: bool = False

    @property
    def is_public(self) -> bool:
        """Whether X shows the account's posts to an app."""
        return not (self.protected or self.suspended)

    @property
    def initials(self) -> str:
        """What stands in the account's picture."""
        return "".join(word[0] for word in self.name.split()[:2]).upper()


BOT = Account(
    BOT_USER_ID, BOT_USERNAME, "Shop Bot", "Automated by Northwind. Puts what you reply to in your cart.", 7,
    automated=True,
)  # fmt: skip

SHOPPERS = (
    Account("222", "ada_shops", "Ada Bright", "Mugs, mostly.", 1, can_post=True, note="Linked, public answers on"),
    Account("555", "dieter_kauft", "Dieter Krause", "Kauft ein.", 2, can_post=True, note="Linked, answers in German"),
    Account("666", "quiet_quinn", "Quinn Hale", "Here to read.", 3, can_post=True, note="Linked, no public answers"),
    Account("333", "ben_browses", "Ben Okafor", "Only looking.", 4, can_post=True, note="Not linked"),
    Account(
        "444", "cleo_private", "Cleo Marsh", "Friends only.", 5,
        protected=True, can_post=True, note="Linked, posts are protected",
    ),
)  # fmt: skip

SELLERS = (
    Account("111", "northwind_home", "Northwind Home", "Things that last, from northwind.example.", 6),
    Account("112", "groove_cellar", "Groove Cellar", "Records for people who sit down to listen.", 8),
    Account("113", "slow_pages", "Slow Pages", "Books, read and recommended.", 9),
    Account("114", "camden_kettles", "Camden Kettles", "Copper, whistles, tea. London.", 10),
    Account("115", "mara_makes", "Mara Lindqvist", "Slow interiors and small repairs.", 11),
    Account("116", "last_call_deals", "Last Call Deals", "Yesterday's bargains, today.", 12),
)


class Accounts:
    """All accounts, by id and by user name."""

    def __init__(self, accounts: Iterable[Account] = (BOT, *SHOPPERS, *SELLERS)) -> None:
        self._by_id = {account.id: account for account in accounts}
        self.user_ids = {account.username.lower(): account.id for account in self._by_id.values()}

    def get(self, account_id: str) -> Account | None:
        """The account of that id."""
        return self._by_id.get(account_id)

    def __getitem__(self, account_id: str) -> Account:
        return self._by_id[account_id]

    def change(self, account: Account, *, protected: bool, suspended: bool) -> Account:
        """Show the account's posts to everybody, to followers only, or to nobody, until the simulator starts anew."""
        self._by_id[account.id] = replace(account, protected=protected, suspended=suspended)
        return self._by_id[account.id]

    def find(self, name: str) -> Account | None:
        """The account of that id or user name, with or without `@`."""
        return self._by_id.get(name) or self._by_id.get(self.user_ids.get(name.removeprefix("@").lower(), ""))

    @property
    def posting(self) -> list[Account]:
        """The accounts that the timeline lets one post as."""
        return [account for account in self._by_id.values() if account.can_post]
