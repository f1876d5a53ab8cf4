"""What an e-mail says, before it has a form. A sensitive product is never named, and no subject names any."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hashcart.domain.outcomes import Code, Outcome
from hashcart.emails.texts import texts_in
from hashcart.messages.notices import AccountNotice, NoticeKind

MAX_TITLE = 120
MAX_ENTRIES = 30

CART, ACTIVITY, ACCOUNT = "/cart", "/activity", "/account"
_PAGE_OF_PROBLEM = {
    Code.OUT_OF_STOCK: CART,
    Code.CHOOSE_OPTIONS: CART,
    Code.LIMIT_APPLIED: CART,
    Code.PAUSED: ACCOUNT,
}
_LABEL_OF_PAGE = {CART: "open_cart", ACTIVITY: "open_activity", ACCOUNT: "open_account"}
_NOT_SHOWN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """A product by its title, with a note on what became of it."""

    title: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one post of a digest; `title` is the product's where it is known."""

    outcome: Outcome
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """One e-mail's content, in one language; `page` is the path of ours that it leads to, under `label`."""

    language: str
    subject: str
    heading: str
    opening: tuple[str, ...]
    entries: tuple[Entry, ...]
    closing: tuple[str, ...]
    page: str
    label: str
    why: str
    unsubscribe: str


def problem_letter(outcome: Outcome, title: str | None, *, language: str, store: str) -> Letter:
    """What a shopper reads at once of an outcome that is a problem."""
    spoken, texts = texts_in(language)
    subject = texts[f"subject.{outcome.code}"]
    problem = texts[f"problem.{outcome.code}"].format(
        store=store, quantity=outcome.quantity or 0, maximum=outcome.maximum or 0
    )
    reason = texts.get(f"reason.{outcome.reason}")
    named = [Entry(shown_title(title))] if title and not outcome.sensitive else []
    page = _PAGE_OF_PROBLEM.get(outcome.code, ACTIVITY)
    return Letter(
        language=spoken,
        subject=subject,
        heading=subject,
        opening=(problem, reason) if reason else (problem,),
        entries=tuple(named),
        closing=(texts[f"next.{outcome.code}"],),
        page=page,
        label=texts[_LABEL_OF_PAGE[page]],
        why=texts["footer.problem"].format(store=store),
        unsubscribe=texts["unsubscribe"],
    )


def digest_letter(done: Sequence[Done], *, language: str, store: str) -> Letter:
    """What a shopper reads once a day of the replies that went well."""
    spoken, texts = texts_in(language)
    entries = []
    for one in done[:MAX_ENTRIES]:
        is_named = one.title and not one.outcome.sensitive
        note = texts[f"digest.{one.outcome.code}"].format(quantity=one.outcome.quantity or 0)
        entries.append(Entry(shown_title(one.title) if one.title and is_named else texts["a_product"], note))
    unnamed = len(done) - len(entries)
    closing = [texts["digest.more"].format(count=unnamed)] if unnamed else []
    return Letter(
        language=spoken,
        subject=texts["subject.digest"],
        heading=texts["digest.heading"],
        opening=(texts["digest.intro"],),
        entries=tuple(entries),
        closing=(*closing, texts["digest.next"].format(store=store)),
        page=CART,
        label=texts["open_cart"],
        why=texts["footer.digest"].format(store=store),
        unsubscribe=texts["unsubscribe"],
    )


def notice_letter(notice: AccountNotice, *, store: str) -> Letter:
    """What a shopper reads about the account itself."""
    spoken, texts = texts_in(notice.language)
    choice = texts.get(f"choice.{notice.choice}", "") if notice.notice is NoticeKind.EMAIL_CHANGED else ""
    news = texts[f"notice.{notice.notice}"].format(handle=notice.handle, store=store, choice=choice)
    return Letter(
        language=spoken,
        subject=texts[f"subject.{notice.notice}"],
        heading=texts[f"subject.{notice.notice}"],
        opening=(news,),
        entries=(),
        closing=(texts[f"notice.{notice.notice}.next"].format(handle=notice.handle),),
        page=ACCOUNT,
        label=texts["open_account"],
        why=texts["footer.notice"].format(store=store),
        unsubscribe=texts["unsubscribe"],
    )


def shown_title(title: str) -> str:
    """A title on one line, without characters that hide or reorder text."""
    plain = _NOT_SHOWN.sub(" ", title).strip()
    return plain if len(plain) <= MAX_TITLE else plain[: MAX_TITLE - 1].rstrip() + "…"
