"""What `account_linking` does: sign-in, linking with consent, moving a profile, settings, unlinking."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from hashcart.domain.account_links import (
    PAUSED_BY_SHOPPER,
    PROTECTED,
    REVOKED,
    TOO_MANY,
    AccountLink,
    EmailChoice,
    LinkSettings,
    LinkState,
    Shopper,
    StoreAccount,
    XProfile,
)
from hashcart.messages.notices import AccountNotice, NoticeKind
from hashcart.messages.posts import to_json
from hashcart.storage.account_links import (
    ContendedError,
    LinkGoneError,
    OtherProfileLinkedError,
    ProfileTakenError,
    ShopperGoneError,
)
from hashcart.storage.pending import PendingItem, PendingKind

# A notice waits this long, so that it is only sent once what it tells of has happened or failed.
NOTICE_DELAY_MS = 60 * 1000


class ConsentMissingError(Exception):
    """The shopper has not agreed to tie the profile to the account, without which nothing is linked."""


class AddressMissingError(Exception):
    """E-mail is wanted, but the store names no verified address, or the sign-in that named it is over."""


class AccountLinkStore(Protocol):
    """Who is who. The errors are those of `storage.account_links`."""

    def current_link(self, x_user_id: str) -> AccountLink | None:
        """The link of an X profile, read consistently."""

    def shopper(self, shopper_id: str, *, now_ms: int) -> Shopper | None:
        """The shopper; None for one who has gone."""

    def link_of_shopper(self, shopper_id: str, *, now_ms: int) -> AccountLink | None:
        """The shopper's link."""

    def shopper_of(self, account: StoreAccount, *, now_ms: int) -> Shopper:
        """The shopper of a store account."""

    def link(self, link: AccountLink, *, email_address: str | None = None, now_ms: int) -> None:
        """Tie the profile to the shopper."""

    def move(self, link: AccountLink, *, from_shopper_id: str, email_address: str | None = None, now_ms: int) -> None:
        """Tie a profile that is tied to another shopper."""

    def unlink(self, shopper_id: str, x_user_id: str, *, now_ms: int) -> bool:
        """End a link."""

    def change_settings(
        self, shopper_id: str, x_user_id: str, settings: LinkSettings, *, email_address: str | None
    ) -> None:
        """Change the settings of a link."""

    def pause_own(self, shopper_id: str, x_user_id: str, *, reason: str) -> bool:
        """Pause the shopper's own link."""

    def resume(self, shopper_id: str, x_user_id: str, *, reason: str) -> bool:
        """End a pause."""

    def vouch(self, shopper_id: str, x_user_id: str, *, now_ms: int) -> bool:
        """End the pause for too many adds."""

    def resume_email(self, shopper_id: str) -> bool:
        """Send e-mail again."""


class PendingStore(Protocol):
    """What waits."""

    def put(self, item: PendingItem) -> None:
        """Keep a message until it is due."""

    def remove(self, item: PendingItem) -> None:
        """Forget a message."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What the shopper has agreed to on the page of `policy_version`. The page presets neither of the first two.

    `email` is the one required choice. `verified_email` is the address that the store named at this sign-in.
    """

    ties_profile: bool
    public_replies: bool
    email: EmailChoice
    country: str
    marketplace: str
    language: str
    policy_version: str
    verified_email: str | None = None


@dataclass(frozen=True, slots=True)
class LinkAccounts:
    """Everything that a signed-in shopper does with the link. Each step is one transaction, and may be repeated."""

    links: AccountLinkStore
    pending: PendingStore
    clock_ms: Callable[[], int]

    def sign_in(self, account: StoreAccount) -> Shopper:
        """The shopper who has signed in at the store. Raises ContendedError."""
        return self.links.shopper_of(account, now_ms=self.clock_ms())

    def shopper(self, shopper_id: str) -> Shopper | None:
        """What is kept of a shopper; None for one who has gone."""
        return self.links.shopper(shopper_id, now_ms=self.clock_ms())

    def link_of(self, shopper_id: str) -> AccountLink | None:
        """The shopper's link, if there is one."""
        return self.links.link_of_shopper(shopper_id, now_ms=self.clock_ms())

    def owner_of(self, profile: XProfile) -> str | None:
        """The shopper that an X profile is linked with, if any: another one's has to be moved, with confirmation."""
        link = self.links.current_link(profile.user_id)
        return None if link is None else link.shopper_id

    def link(self, shopper_id: str, profile: XProfile, consent: Consent) -> AccountLink:
        """Link a profile whose owner has just signed in with it; posts from now on count.

        Raises ConsentMissingError, AddressMissingError; ProfileTakenError if it needs `move` (then ask),
        OtherProfileLinkedError, ShopperGoneError, ContendedError.
        """
        link, address = self._agreed(shopper_id, profile, consent)
        is_new = self.owner_of(profile) is None
        self.links.link(link, email_address=address, now_ms=link.consented_at_ms)
        if is_new and address is not None:
            self._tell(NoticeKind.LINKED, link, link.consented_at_ms)
        return link

    def move(self, shopper_id: str, profile: XProfile, consent: Consent, *, from_shopper_id: str) -> AccountLink:
        """Link a profile that is another account's, after the shopper has confirmed that.

        The other account's link ends and it is told; no cart line moves. Raises as `link` does: ProfileTakenError if
        the profile is not that account's any more.
        """
        link, address = self._agreed(shopper_id, profile, consent)
        notice = self._moved_away(link, from_shopper_id)
        # First the notice, as a crash after the move would lose it.
        self.pending.put(notice)
        try:
            self.links.move(link, from_shopper_id=from_shopper_id, email_address=address, now_ms=link.consented_at_ms)
        except (ProfileTakenError, OtherProfileLinkedError, ShopperGoneError, ContendedError):
            self.pending.remove(notice)
            raise
        return link

    def unlink(self, shopper_id: str) -> bool:
        """End the shopper's link. False if there was none. Cart and history stay until they expire or are erased."""
        link = self.links.link_of_shopper(shopper_id, now_ms=self.clock_ms())
        return link is not None and self.links.unlink(shopper_id, link.x_user_id, now_ms=self.clock_ms())

    def change_settings(self, shopper_id: str, settings: LinkSettings, *, verified_email: str | None) -> None:
        """Change what the shopper may change. `verified_email` is of this sign-in; without it the kept one stays.

        Raises LinkGoneError, AddressMissingError.
        """
        now_ms = self.clock_ms()
        shopper = self.links.shopper(shopper_id, now_ms=now_ms)
        if shopper is None or shopper.x_user_id is None:
            raise LinkGoneError
        address = _address(settings.email, verified_email or shopper.email_address)
        before = self.links.current_link(shopper.x_user_id)
        self.links.change_settings(shopper_id, shopper.x_user_id, settings, email_address=address)
        if address is not None and before is not None and before.email is not settings.email:
            changed = replace(before, email=settings.email, language=settings.language)
            self._tell(NoticeKind.EMAIL_CHANGED, changed, now_ms)

    def pause(self, shopper_id: str) -> bool:
        """Act on no post until the shopper resumes. False if there is no active link."""
        link = self.links.link_of_shopper(shopper_id, now_ms=self.clock_ms())
        return link is not None and self.links.pause_own(shopper_id, link.x_user_id, reason=PAUSED_BY_SHOPPER)

    def resume(self, shopper_id: str) -> bool:
        """Act on posts again. False if nothing is paused, or X's access was revoked: then only linking anew helps.

        A pause for too many adds ends by `vouch`.
        """
        link = self.links.link_of_shopper(shopper_id, now_ms=self.clock_ms())
        if link is None or link.state is not LinkState.PAUSED or link.state_reason in (None, REVOKED, TOO_MANY):
            return False
        return self.links.resume(shopper_id, link.x_user_id, reason=link.state_reason)

    def vouch(self, shopper_id: str) -> bool:
        """Act on posts again after too many adds, which the shopper has meant. False if that is not asked."""
        now_ms = self.clock_ms()
        link = self.links.link_of_shopper(shopper_id, now_ms=now_ms)
        return link is not None and self.links.vouch(shopper_id, link.x_user_id, now_ms=now_ms)

    def resume_email(self, shopper_id: str) -> bool:
        """Send e-mail again after a bounce, a complaint or an unsubscription."""
        return self.links.resume_email(shopper_id)

    def _agreed(self, shopper_id: str, profile: XProfile, consent: Consent) -> tuple[AccountLink, str | None]:
        if not consent.ties_profile:
            raise ConsentMissingError
        link = AccountLink(
            shopper_id=shopper_id,
            x_user_id=profile.user_id,
            handle=profile.handle,
            marketplace=consent.marketplace,
            country=consent.country,
            language=consent.language,
            consented_at_ms=self.clock_ms(),
            policy_version=consent.policy_version,
            public_replies=consent.public_replies,
            state=LinkState.PAUSED if profile.protected else LinkState.ACTIVE,
            state_reason=PROTECTED if profile.protected else None,
            state_since_ms=self.clock_ms() if profile.protected else None,
            avatar_url=profile.avatar_url,
            protected=profile.protected,
            email=consent.email,
        )
        return self._with_settings_of_before(link), _address(consent.email, consent.verified_email)

    def _with_settings_of_before(self, link: AccountLink) -> AccountLink:
        """A renewed consent keeps what the shopper has set elsewhere than on the consent page."""
        before = self.links.current_link(link.x_user_id)
        if before is None or before.shopper_id != link.shopper_id:
            return link
        return replace(
            link,
            quiet=before.quiet,
            undo_on_delete=before.undo_on_delete,
            sensitive_categories=before.sensitive_categories,
            hide_sensitive=before.hide_sensitive,
            post_events_since_ms=before.post_events_since_ms,
            post_events_policy=before.post_events_policy,
        )

    def _tell(self, kind: NoticeKind, link: AccountLink, now_ms: int) -> None:
        """Have the shopper told by e-mail; a crash before this loses news that the shopper knows of anyway."""
        notice = AccountNotice(kind, link.shopper_id, link.handle, link.language, now_ms, choice=link.email)
        name = f"{link.shopper_id}#{kind}#{now_ms}"
        self.pending.put(PendingItem(PendingKind.NOTICE, name, now_ms, to_json(notice)))

    def _moved_away(self, link: AccountLink, from_shopper_id: str) -> PendingItem:
        before = self.links.current_link(link.x_user_id)
        notice = AccountNotice(
            NoticeKind.MOVED_AWAY,
            from_shopper_id,
            link.handle,
            before.language if before is not None else link.language,
            link.consented_at_ms,
        )
        name = f"{from_shopper_id}#{NoticeKind.MOVED_AWAY}#{link.consented_at_ms}"
        return PendingItem(PendingKind.NOTICE, name, link.consented_at_ms + NOTICE_DELAY_MS, to_json(notice))


def _address(choice: EmailChoice, verified: str | None) -> str | None:
    """The address to keep: none if no e-mail is wanted."""
    if choice is EmailChoice.NOTHING:
        return None
    if verified is None:
        raise AddressMissingError
    return verified
