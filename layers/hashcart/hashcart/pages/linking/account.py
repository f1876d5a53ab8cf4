"""`/account`: settings, pauses, unlinking, the export and the erasure of everything; and `/sign-out`."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, Field, StringConstraints, field_validator

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
)
from hashcart.domain.languages import LANGUAGES
from hashcart.domain.post_events import PostEventsWish, Progress
from hashcart.pages.kit.errors import PageError
from hashcart.pages.kit.limits import LOOKUPS
from hashcart.pages.kit.responses import Response
from hashcart.pages.kit.resuming import hold
from hashcart.pages.kit.routes import Route, get, post
from hashcart.pages.kit.visitor import Visitor
from hashcart.pages.linking.countries import named_countries
from hashcart.pages.linking.journey import Journey
from hashcart.pages.linking.sign_in import POLICY_VERSION, Regions
from hashcart.storage.account_links import LinkGoneError, ShopperGoneError
from hashcart.use_cases.leave import Leave
from hashcart.use_cases.link_accounts import AddressMissingError, LinkAccounts

MAX_CATEGORIES = 20
MAX_CATEGORY = 40

WHY_PAUSED = {
    REVOKED: "account.paused_revoked",
    PROTECTED: "account.paused_protected",
    SUSPENDED: "account.paused_suspended",
}
"""Texts about pauses that the shopper did not ask for."""

Ticked = Literal["yes"] | None


class SettingsForm(BaseModel):
    """All settings; a box that is not ticked is not sent. `sensitive_categories` are names with commas between them.

    `deletes_shown` and `post_events_shown` say that the page had the box: it may show others by the time it is sent.
    """

    public_replies: Ticked = None
    quiet: Ticked = None
    deletes_shown: Ticked = None
    undo_on_delete: Ticked = None
    post_events_shown: Ticked = None
    post_events: Ticked = None
    hide_sensitive: Ticked = None
    email: EmailChoice
    country: Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")]
    marketplace: Annotated[str, Field(max_length=253)]
    language: Literal["en", "fr", "es", "de", "ja"]
    sensitive_categories: Annotated[str, Field(max_length=1000)] = ""

    @field_validator("sensitive_categories")
    @classmethod
    def _are_few_and_short(cls, text: str) -> str:
        names = _names(text)
        if len(names) > MAX_CATEGORIES or any(len(name) > MAX_CATEGORY for name in names):
            raise ValueError("too many categories, or too long ones")
        return text


class Confirmation(BaseModel):
    """A button that cannot be pressed by mistake: its box has to be ticked."""

    sure: Ticked = None


class Wishes(Protocol):
    """Of which shoppers X tells us at once."""

    def of_profile(self, x_user_id: str) -> PostEventsWish | None:
        """What is wanted of a profile, and how far that has come."""


@dataclass(frozen=True, slots=True)
class AccountPages:
    """The pages of somebody who is signed in.

    `store_origin` is where the store's sign-in is, which is asked again for an address that e-mail can go to.
    `deletes_arrive` says whether X tells us of everybody's deleted replies; `post_events` of whose posts and deletions
    X tells, or None where that is not offered; `log_days` how long logs are kept.
    """

    accounts: LinkAccounts
    leave: Leave
    regions: Regions
    store_origin: Callable[[Visitor], tuple[str, ...]]
    deletes_arrive: bool
    post_events: Wishes | None
    log_days: int
    clock_ms: Callable[[], int]

    def routes(self) -> list[Route]:
        """Their routes."""
        return [
            get("/account", self.show),
            post("/account/settings", self.change, holds="account.about_to_change"),
            post("/account/pause", self.pause, holds="account.about_to_pause"),
            post("/account/resume", self.resume, holds="account.about_to_resume"),
            post("/account/adds", self.vouch, holds="adds.about_to_vouch"),
            post("/account/email/resume", self.resume_email, holds="account.about_to_resume_email"),
            get("/account/unlink", self.ask_to_unlink),
            post("/account/unlink", self.unlink),
            get("/account/export", self.offer_export),
            post("/account/export", self.download, limit=LOOKUPS),
            get("/account/erase", self.ask_to_erase),
            post("/account/erase", self.forget),
            get("/link/erased", self.show_erased, public=True),
            post("/sign-out", self.sign_out, public=True),
        ]

    def show(self, visitor: Visitor) -> Response:
        """The account with its settings."""
        shopper = self._shopper(visitor)
        link = self.accounts.link_of(shopper.shopper_id)
        if link is None:
            return visitor.render("account/not_linked.html", shopper=shopper)
        return visitor.render("account/settings.html", **self._settings(visitor, shopper, link))

    def change(self, visitor: Visitor) -> Response:
        """Change the settings."""
        form = visitor.form(SettingsForm)
        shopper = self._shopper(visitor)
        link = self._link(visitor)
        offered = form.country in (*self.regions.countries, link.country)
        if not offered or form.marketplace not in (*self.regions.marketplaces, link.marketplace):
            raise PageError(HTTPStatus.BAD_REQUEST, "common.bad_form", reason="a choice that was not offered")
        settings = LinkSettings(
            public_replies=form.public_replies is not None,
            quiet=form.quiet is not None,
            undo_on_delete=form.undo_on_delete is not None if form.deletes_shown else link.undo_on_delete,
            email=form.email,
            marketplace=form.marketplace,
            country=form.country,
            language=form.language,
            sensitive_categories=_names(form.sensitive_categories),
            hide_sensitive=form.hide_sensitive is not None,
            **self._post_events_of(form, link),
        )
        journey = Journey(visitor.browser, self.clock_ms())
        try:
            self.accounts.change_settings(shopper.shopper_id, settings, verified_email=journey.address)
        except AddressMissingError:
            hold(visitor, "account.about_to_change")
            targets = self.store_origin(visitor)
            return visitor.render("account/address.html", status=HTTPStatus.CONFLICT, form_targets=targets)
        except LinkGoneError:
            return visitor.redirect("/account")
        journey.end()
        visitor.browser.speak(form.language)
        return visitor.redirect("/account", notice="account.changed")

    def pause(self, visitor: Visitor) -> Response:
        """Act on no reply until further notice."""
        self.accounts.pause(visitor.shopper_id)
        return visitor.redirect("/account", notice="account.is_paused")

    def resume(self, visitor: Visitor) -> Response:
        """Act on replies again."""
        resumed = self.accounts.resume(visitor.shopper_id)
        return visitor.redirect("/account", notice="account.is_resumed" if resumed else None)

    def vouch(self, visitor: Visitor) -> Response:
        """Too many adds, but meant: act on replies again, and offer those that came meanwhile."""
        if not self.accounts.vouch(visitor.shopper_id):
            return visitor.redirect("/account")
        return visitor.redirect("/cart", notice="adds.vouched")

    def resume_email(self, visitor: Visitor) -> Response:
        """Send e-mail again."""
        resumed = self.accounts.resume_email(visitor.shopper_id)
        return visitor.redirect("/account", notice="account.email_is_resumed" if resumed else None)

    def ask_to_unlink(self, visitor: Visitor) -> Response:
        """What ends, and what stays."""
        link = self.accounts.link_of(visitor.shopper_id)
        return (
            visitor.redirect("/account") if link is None else visitor.render("account/unlink.html", account_link=link)
        )

    def unlink(self, visitor: Visitor) -> Response:
        """End the link."""
        unlinked = self.accounts.unlink(visitor.shopper_id)
        return visitor.redirect("/account", notice="account.is_unlinked" if unlinked else None)

    def offer_export(self, visitor: Visitor) -> Response:
        """What the file holds."""
        return visitor.render("account/export.html")

    def download(self, visitor: Visitor) -> Response:
        """Everything stored, as a file."""
        try:
            document = json.dumps(self.leave.export(visitor.shopper_id), ensure_ascii=False, indent=2, sort_keys=True)
        except ShopperGoneError:
            raise self._gone(visitor) from None
        headers = {"content-disposition": 'attachment; filename="hashcart-export.json"'}
        return Response(body=document, content_type="application/json; charset=utf-8", headers=headers)

    def ask_to_erase(self, visitor: Visitor) -> Response:
        """What goes at once, and what ages out elsewhere."""
        return visitor.render("account/erase.html", unsure=False, log_days=self.log_days)

    def forget(self, visitor: Visitor) -> Response:
        """Erase everything, and sign out."""
        if visitor.form(Confirmation).sure is None:
            status = HTTPStatus.BAD_REQUEST
            return visitor.render("account/erase.html", status=status, unsure=True, log_days=self.log_days)
        # Gone already, as by the same form sent twice, is what was wanted.
        with suppress(ShopperGoneError):
            self.leave.erase(visitor.shopper_id)
        visitor.browser.sign_out()
        return visitor.redirect("/link/erased")

    def show_erased(self, visitor: Visitor) -> Response:
        """It is done; and what is still to age out."""
        return visitor.render("account/erased.html", log_days=self.log_days)

    def sign_out(self, visitor: Visitor) -> Response:
        """End the session here."""
        visitor.browser.sign_out()
        return visitor.redirect("/", notice="account.signed_out")

    def _post_events_of(self, form: SettingsForm, link: AccountLink) -> dict[str, Any]:
        """The consent that X tells of the shopper's posts: the moment and the policy of the first tick stay."""
        consented = form.post_events if form.post_events_shown else link.post_events_since_ms
        if consented is None:
            return {}
        if link.post_events_since_ms is not None:
            return {"post_events_since_ms": link.post_events_since_ms, "post_events_policy": link.post_events_policy}
        return {"post_events_since_ms": self.clock_ms(), "post_events_policy": POLICY_VERSION}

    def _progress(self, link: AccountLink) -> str | None:
        """How far it has come that X tells of the shopper's posts; None where nobody asked for that."""
        if self.post_events is None or link.post_events_since_ms is None:
            return None
        if link.state is LinkState.PAUSED:
            return LinkState.PAUSED
        wish = self.post_events.of_profile(link.x_user_id)
        return wish.progress if wish is not None else Progress.TODO

    def _settings(self, visitor: Visitor, shopper: Shopper, link: AccountLink) -> dict[str, Any]:
        progress = self._progress(link)
        return {
            "shopper": shopper,
            "account_link": link,
            "is_paused": link.state is LinkState.PAUSED,
            "needs_x": link.state_reason == REVOKED,
            "too_many": link.state_reason == TOO_MANY,
            "why_paused": WHY_PAUSED.get(link.state_reason or "", "account.paused_text"),
            "deletes_arrive": self.deletes_arrive or progress == Progress.MADE,
            "offers_post_events": self.post_events is not None,
            "progress": progress,
            "address": Journey(visitor.browser, self.clock_ms()).address or shopper.email_address,
            "countries": named_countries(visitor.texts, {*self.regions.countries, link.country}),
            "marketplaces": tuple(dict.fromkeys((*self.regions.marketplaces, link.marketplace))),
            "names_of_languages": LANGUAGES,
        }

    def _shopper(self, visitor: Visitor) -> Shopper:
        shopper = self.accounts.shopper(visitor.shopper_id)
        if shopper is None:
            raise self._gone(visitor)
        return shopper

    def _gone(self, visitor: Visitor) -> PageError:
        """The account was erased in another window, or forgotten as it never linked: nobody is signed in any more."""
        visitor.browser.sign_out()
        return PageError(HTTPStatus.GONE, "account.gone")

    def _link(self, visitor: Visitor) -> AccountLink:
        link = self.accounts.link_of(visitor.shopper_id)
        if link is None:
            raise PageError(HTTPStatus.CONFLICT, "account.no_link")
        return link


def _names(text: str) -> tuple[str, ...]:
    """Names with commas between them, in any of the scripts that have a comma."""
    separated = text.replace("、", ",").replace("，", ",")
    return tuple(dict.fromkeys(name.strip() for name in separated.split(",") if name.strip()))
