"""What the forms of the cart's pages send."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from hashcart.domain.product_links import MAX_LINE_ID_BYTES, ProductReference
from hashcart.use_cases.click_cart import Action, Click
from hashcart.use_cases.hand_over import ShownLine
from hashcart.use_cases.offer_replies import MAX_SHOWN
from hashcart.use_cases.show_cart import MAX_LINES_AT_ONCE

MAX_REVISION = 10**9
MAX_PIECES = 999
MAX_KEY = 60

type FormId = Annotated[str, StringConstraints(pattern="^[A-Za-z0-9_-]{8,40}$")]


def _line_id(text: str) -> str:
    ProductReference.from_line_id(text)
    return text


type LineId = Annotated[str, Field(min_length=1, max_length=MAX_LINE_ID_BYTES), AfterValidator(_line_id)]


class ClickForm(BaseModel):
    """One button beside a line."""

    form: FormId
    line: LineId
    revision: int = Field(ge=0, le=MAX_REVISION)
    action: Action
    quantity: int = Field(default=1, ge=0, le=MAX_PIECES)
    variant: str = Field(default="", max_length=500)

    @property
    def click(self) -> Click:
        """What is asked for; a quantity of none removes."""
        removes = self.action is Action.SET_QUANTITY and self.quantity == 0
        action = Action.REMOVE if removes else self.action
        return Click(action, self.line, self.revision, self.form, self.quantity, self.variant)


class CheckForm(BaseModel):
    """The question whether a wish is there again."""

    line: LineId


def _shown_line(text: str) -> str:
    _line_id(text.partition(" ")[2])
    return text


type ShownLineText = Annotated[
    str, StringConstraints(pattern="^[0-9]{1,9} .", max_length=MAX_LINE_ID_BYTES + 10), AfterValidator(_shown_line)
]


class HandOffForm(BaseModel):
    """The lines that the button takes to the store, as they were shown: the revision, a space, the id of each."""

    form: FormId
    line: tuple[ShownLineText, ...] = Field(min_length=1, max_length=MAX_LINES_AT_ONCE)

    @property
    def shown(self) -> list[ShownLine]:
        """The lines."""
        parts = (text.partition(" ") for text in self.line)
        return [ShownLine(line_id, int(revision)) for revision, _, line_id in parts]


class AddForm(BaseModel):
    """A link to add privately; an empty quantity is none."""

    link: str = Field(max_length=5000)
    quantity: str = Field(default="", pattern="^[0-9]{0,3}$")
    options: str = Field(default="", max_length=200)
    found_in: str = Field(default="", pattern="^[0-9]{0,19}$")

    @property
    def pieces(self) -> int | None:
        """How many, where it was said."""
        return int(self.quantity or 0) or None


class AskForm(BaseModel):
    """The link of a reply."""

    link: str = Field(max_length=5000)


type ReplyId = Annotated[str, StringConstraints(pattern="^[0-9]{1,19}$")]


class OfferForm(BaseModel):
    """Offered replies by their first ids: those that are ticked, and whether they are wanted."""

    reply: tuple[ReplyId, ...] = Field(default=(), max_length=MAX_SHOWN)
    answer: Literal["add", "decline"]


class CartQuery(BaseModel):
    """What a redirect to the cart says: the key of what was just added, the line that was just removed."""

    added: str = Field(default="", max_length=MAX_KEY)
    removed: str = Field(default="", max_length=MAX_LINE_ID_BYTES)


class ActivityQuery(BaseModel):
    """Where a page of the history begins."""

    before: str = Field(default="", pattern="^([0-9]{13}#[a-z]{1,10}#[0-9]{1,19})?$")
