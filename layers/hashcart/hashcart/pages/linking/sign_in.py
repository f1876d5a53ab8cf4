"""`/link`: from what linking means, by the store's and X's own sign-in, to the consent."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, StringConstraints

from hashcart.domain.account_links import EmailChoice, XProfile
from hashcart.domain.languages import LANGUAGES
from hashcart.domain.marketplaces import likely_country, likely_marketplace
from hashcart.domain.sign_in import STORE_CALLBACK_PATH, X_CALLBACK_PATH, SignInRefusedError, code_challenge
from hashcart.domain.x_spending import Purpose
from hashcart.identity.protocol import SignInUnavailableError, StoreSignIn
from hashcart.observability import logger
from hashcart.pages.kit.errors import PageError
from hashcart.pages.kit.limits import SIGN_INS
from hashcart.pages.kit.responses import Response
from hashcart.pages.kit.resuming import HELD
from hashcart.pages.kit.routes import Route, get, post
from hashcart.pages.kit.visitor import Visitor
from hashcart.pages.linking.countries import named_countries
from hashcart.pages.linking.journey import STORE, Journey, X, local_path
from hashcart.secrets import SecretUnavailableError
from hashcart.social.x.client import XUnavailableError
from hashcart.social.x.sign_in import XSignIn
from hashcart.storage.account_links import (
    ContendedError,
    OtherProfileLinkedError,
    ProfileTakenError,
    ShopperGoneError,
)
from hashcart.use_cases.link_accounts import Consent, LinkAccounts
from hashcart.use_cases.x_budget import XMeter

POLICY_VERSION = "2026-11"
"""Changes whenever the consent page asks for something else."""

ASKS_FOR_ADDRESS = ("/account", "/resume")
"""Pages that may want the verified address, which is else not kept."""

Code = Annotated[str, StringConstraints(max_length=2048)]


class ReturnForm(BaseModel):
    """Where to go after the sign-in."""

    back: Annotated[str, Field(max_length=500)] = "/cart"


class ReturnQuery(BaseModel):
    """The same, in an address."""

    back: Annotated[str, Field(alias="return", max_length=500)] = "/cart"


class Callback(BaseModel):
    """What a sign-in sends the browser back with (RFC 6749, sections 4.1.2 and 4.1.2.1)."""

    state: Code = ""
    code: Code = ""
    error: Code = ""


class ConsentForm(BaseModel):
    """The consent page. A box that is not ticked is not sent; neither e-mail nor an unknown country has a default."""

    ties_profile: Literal["yes"] | None = None
    public_replies: Literal["yes"] | None = None
    email: EmailChoice | None = None
    country: Annotated[str, StringConstraints(pattern="^([A-Z]{2})?$")]
    marketplace: Annotated[str, Field(max_length=253)]
    language: Literal["en", "fr", "es", "de", "ja"]


@dataclass(frozen=True, slots=True)
class Regions:
    """What a shopper can choose among."""

    marketplaces: tuple[str, ...]
    countries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SignInPages:
    """The pages up to the link."""

    store: StoreSignIn
    x: XSignIn
    accounts: LinkAccounts
    regions: Regions
    meter: XMeter
    clock_ms: Callable[[], int]

    def routes(self) -> list[Route]:
        """Their routes."""
        return [
            get("/link", self.explain, public=True),
            get("/link/sign-in", self.ask_to_sign_in, public=True),
            post("/link/start", self.go_to_store, public=True, limit=SIGN_INS),
            get(STORE_CALLBACK_PATH, self.come_from_store, public=True),
            get("/link/x", self.ask_for_x),
            post("/link/x/start", self.go_to_x, limit=SIGN_INS),
            get(X_CALLBACK_PATH, self.come_from_x, public=True),
            get("/link/consent", self.ask_for_consent),
            post("/link/consent", self.link, limit=SIGN_INS),
            get("/link/move", self.ask_to_move),
            post("/link/move", self.move, limit=SIGN_INS),
        ]

    def explain(self, visitor: Visitor) -> Response:
        """What linking means, before anything is asked."""
        link = self.accounts.link_of(visitor.shopper_id) if visitor.is_signed_in else None
        back = local_path(visitor.query(ReturnQuery).back)
        return visitor.render(
            "linking/explain.html", form_targets=self.store_origin(visitor), back=back, account_link=link
        )

    def ask_to_sign_in(self, visitor: Visitor) -> Response:
        """For those who have linked before, and for whoever wanted a page that is not for strangers."""
        back = local_path(visitor.query(ReturnQuery).back)
        if visitor.is_signed_in:
            return visitor.redirect(back)
        return visitor.render("linking/sign_in.html", form_targets=self.store_origin(visitor), back=back)

    def go_to_store(self, visitor: Visitor) -> Response:
        """Off to the store's own sign-in."""
        begun = self._journey(visitor).begin(STORE, local_path(visitor.form(ReturnForm).back))
        try:
            url = self.store.authorization_url(
                state=begun["state"],
                nonce=begun["nonce"],
                code_challenge=code_challenge(begun["verifier"]),
                redirect_uri=visitor.public_url + STORE_CALLBACK_PATH,
                language=visitor.language,
            )
        except (SignInUnavailableError, SecretUnavailableError) as error:
            return self._trouble(visitor, "store_down", HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        return visitor.leave(url)

    def come_from_store(self, visitor: Visitor) -> Response:
        """The store has said who it is, or has not."""
        answer = visitor.query(Callback)
        kept = self._journey(visitor).come_back(STORE, answer.state)
        if kept is None:
            return self._lost(visitor, "store callback without a sign-in")
        if answer.error or not answer.code:
            return self._trouble(visitor, "store_denied", HTTPStatus.FORBIDDEN, answer.error, back=kept["return"])
        try:
            account = self.store.complete(
                code=answer.code,
                code_verifier=kept["verifier"],
                nonce=kept["nonce"],
                redirect_uri=visitor.public_url + STORE_CALLBACK_PATH,
            )
            shopper = self.accounts.sign_in(account)
        except SignInRefusedError as error:
            return self._trouble(visitor, "store_refused", HTTPStatus.BAD_REQUEST, error.reason, back=kept["return"])
        except (SignInUnavailableError, SecretUnavailableError, ContendedError) as error:
            reason = f"{type(error).__name__}: {error}"
            return self._trouble(visitor, "store_down", HTTPStatus.SERVICE_UNAVAILABLE, reason, back=kept["return"])
        link = self.accounts.link_of(shopper.shopper_id)
        language = visitor.language if link is None else link.language
        visitor.browser.sign_in(shopper.shopper_id, language, carry=(HELD,))
        if link is None or kept["return"].startswith(ASKS_FOR_ADDRESS):
            self._journey(visitor).keep_address(account.email)
        if link is None:
            return visitor.redirect("/link/x")
        return visitor.redirect(kept["return"])

    def ask_for_x(self, visitor: Visitor) -> Response:
        """Signed in at the store; the X profile is missing."""
        shopper = self.accounts.shopper(visitor.shopper_id)
        if shopper is None:
            return self._gone(visitor)
        return visitor.render(
            "linking/ask_for_x.html", name=shopper.name, account_link=self.accounts.link_of(shopper.shopper_id)
        )

    def go_to_x(self, visitor: Visitor) -> Response:
        """Off to X's own sign-in."""
        begun = self._journey(visitor).begin(X, "/cart")
        try:
            url = self.x.authorization_url(
                state=begun["state"],
                code_challenge=code_challenge(begun["verifier"]),
                redirect_uri=visitor.public_url + X_CALLBACK_PATH,
            )
        except SecretUnavailableError as error:
            return self._trouble(visitor, "x_down", HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        return visitor.leave(url)

    def come_from_x(self, visitor: Visitor) -> Response:
        """X has named the profile, or has not. The code lives 30 seconds, so it is used before anything else."""
        answer = visitor.query(Callback)
        kept = self._journey(visitor).come_back(X, answer.state) if visitor.is_signed_in else None
        if kept is None:
            return self._lost(visitor, "X callback without a sign-in")
        if answer.error or not answer.code:
            return self._trouble(visitor, "x_denied", HTTPStatus.FORBIDDEN, answer.error)
        try:
            profile = self.x.complete(
                code=answer.code, code_verifier=kept["verifier"], redirect_uri=visitor.public_url + X_CALLBACK_PATH
            )
        except SignInRefusedError as error:
            return self._trouble(visitor, "x_refused", HTTPStatus.BAD_REQUEST, error.reason)
        except (XUnavailableError, SecretUnavailableError) as error:
            return self._trouble(visitor, "x_down", HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        self.meter.count(Purpose.SIGN_INS, 1)
        self._journey(visitor).keep_profile(profile, kept["return"])
        return visitor.redirect("/link/consent")

    def ask_for_consent(self, visitor: Visitor) -> Response:
        """The consent page."""
        return self._consent_page(visitor)

    def link(self, visitor: Visitor) -> Response:
        """Agreed: link, or say what is missing."""
        form = visitor.form(ConsentForm)
        journey = self._journey(visitor)
        profile = journey.profile
        if profile is None:
            return visitor.redirect("/link/x", notice="linking.profile_too_old")
        missing = _missing(form)
        if missing or form.email is None:
            return self._consent_page(visitor, form, missing)
        consent = Consent(
            ties_profile=True,
            public_replies=form.public_replies is not None,
            email=form.email,
            country=self._one_of(form.country, self.regions.countries),
            marketplace=self._one_of(form.marketplace, self.regions.marketplaces),
            language=form.language,
            policy_version=POLICY_VERSION,
            verified_email=None if form.email is EmailChoice.NOTHING else journey.address,
        )
        if consent.email is not EmailChoice.NOTHING and consent.verified_email is None:
            return self._consent_page(visitor, form, ["linking.address_missing"])
        return self._agreed(visitor, profile, consent, owner=None)

    def ask_to_move(self, visitor: Visitor) -> Response:
        """The profile is another account's: what would happen to that one."""
        profile, agreed = self._journey(visitor).profile, self._journey(visitor).consent
        if profile is None or agreed is None:
            return visitor.redirect("/link/x", notice="linking.profile_too_old")
        return visitor.render("linking/move.html", profile=profile)

    def move(self, visitor: Visitor) -> Response:
        """Confirmed: the profile leaves the other account."""
        profile, agreed = self._journey(visitor).profile, self._journey(visitor).consent
        if profile is None or agreed is None:
            return visitor.redirect("/link/x", notice="linking.profile_too_old")
        consent, owner = agreed
        return self._agreed(visitor, profile, consent, owner=owner)

    def _agreed(self, visitor: Visitor, profile: XProfile, consent: Consent, *, owner: str | None) -> Response:
        """Link the profile, or take it from its `owner`; whose it is may have changed since the page was shown."""
        try:
            if owner is None:
                self.accounts.link(visitor.shopper_id, profile, consent)
            else:
                self.accounts.move(visitor.shopper_id, profile, consent, from_shopper_id=owner)
        except ProfileTakenError as error:
            self._journey(visitor).keep_consent(consent, error.shopper_id)
            return visitor.redirect("/link/move")
        except OtherProfileLinkedError:
            handle = f"@{profile.handle}"
            return visitor.redirect("/account/unlink", notice="linking.other_profile_linked", handle=handle)
        except ShopperGoneError:
            return self._gone(visitor)
        self._journey(visitor).end()
        visitor.browser.speak(consent.language)
        return visitor.redirect("/cart/linked")

    def _gone(self, visitor: Visitor) -> Response:
        """The account was erased in another window, or forgotten as it never linked."""
        visitor.browser.sign_out()
        return self._trouble(visitor, "gone", HTTPStatus.GONE, "shopper gone")

    def _consent_page(
        self, visitor: Visitor, form: ConsentForm | None = None, problems: list[str] | None = None
    ) -> Response:
        journey = self._journey(visitor)
        profile = journey.profile
        if profile is None:
            return visitor.redirect("/link/x", notice="linking.profile_too_old")
        country = likely_country(visitor.request.headers.get("accept-language", ""), self.regions.countries)
        return visitor.render(
            "linking/consent.html",
            status=HTTPStatus.BAD_REQUEST if problems else HTTPStatus.OK,
            profile=profile,
            form=form,
            problems=problems or [],
            address=journey.address,
            countries=named_countries(visitor.texts, self.regions.countries),
            marketplaces=self.regions.marketplaces,
            country=country if form is None else form.country,
            marketplace=likely_marketplace(country, self.regions.marketplaces) if form is None else form.marketplace,
            spoken=visitor.language if form is None else form.language,
            names_of_languages=LANGUAGES,
        )

    def _lost(self, visitor: Visitor, reason: str) -> Response:
        """Used already, too slow, from another window, or without its cookie."""
        return self._trouble(visitor, "lost", HTTPStatus.BAD_REQUEST, reason)

    def _trouble(
        self, visitor: Visitor, what: str, status: HTTPStatus, reason: str, *, back: str = "/cart"
    ) -> Response:
        """A page that says what happened, with one button to go on."""
        logger.info("sign-in failed", extra={"what": what, "reason": reason[:200]})
        return visitor.render(
            "linking/trouble.html",
            status=status,
            form_targets=self.store_origin(visitor),
            what=what,
            back=local_path(back),
            linked=visitor.is_signed_in and self.accounts.link_of(visitor.shopper_id) is not None,
        )

    def store_origin(self, visitor: Visitor) -> tuple[str, ...]:
        """The origin of the store's sign-in, for the policy of a page whose form leads there; none while it is down."""
        try:
            url = self.store.authorization_url(
                state="", nonce="", code_challenge="", redirect_uri=visitor.public_url, language=visitor.language
            )
        except (SignInUnavailableError, SecretUnavailableError):
            return ()
        parts = urlsplit(url)
        return (f"{parts.scheme}://{parts.netloc}",)

    def _one_of(self, value: str, offered: tuple[str, ...]) -> str:
        if value not in offered:
            raise PageError(HTTPStatus.BAD_REQUEST, "common.bad_form", reason="a choice that was not offered")
        return value

    def _journey(self, visitor: Visitor) -> Journey:
        return Journey(visitor.browser, self.clock_ms())


def _missing(form: ConsentForm) -> list[str]:
    """The texts of what has still to be chosen."""
    return [
        text
        for is_missing, text in (
            (form.ties_profile is None, "linking.tie_missing"),
            (form.email is None, "linking.email_missing"),
            (not form.country, "linking.country_missing"),
        )
        if is_missing
    ]
