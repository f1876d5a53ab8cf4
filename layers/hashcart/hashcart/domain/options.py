"""Which variant of a product the words beside a hashtag choose.

Nothing is guessed: a sentence counts if every word of it is understood, or where it names an option together with its
value ("size L"); and there must be one variant that all of it fits, and nothing that speaks against it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from hashcart.domain.option_vocabulary import COURTESIES, DOUBTS, ENDINGS, LINKING, NAMES, UNTOLD_NAMES, VALUES
from hashcart.domain.option_words import END, MARKS, QUESTION, words_of
from hashcart.domain.products import Variant
from hashcart.domain.quantities import MAX_DIGITS

LONGEST_PHRASE = 6
"""Words that a value, a name or a courtesy may consist of."""

UNTOLD = "?"
"""What the names of options begin with of which the store does not tell what they are."""

type Pair = tuple[str, tuple[str, ...]]
"""What an option is called, and the words of one of its values."""

type Phrase = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the words say: the one variant that they choose, if they do, and how many of it are wanted, if they tell.

    `is_silent` if they say nothing of any option.
    """

    variant: Variant | None = None
    quantity: int | None = None
    is_silent: bool = False


def read_options(
    words: Sequence[str], variants: Sequence[Variant], quantity: int | None = None, *, linked_id: str = ""
) -> Reading:
    """Read `words` (of `option_words`) for a product with `variants`, where `quantity` was read beside the hashtag.

    A number that can be a quantity and an option's value is neither. `linked_id` is the variant that the link names
    already: it has the say on the options that the words leave open.
    """
    offer = _Offer(variants)
    sentences = [_Sentence(offer, phrase, quantity) for phrase in _sentences(words)]
    quantities = {number for sentence in sentences for number in sentence.quantities}
    if any(sentence.is_ambiguous for sentence in sentences) or len(quantities | ({quantity} - {None})) > 1:
        return Reading()
    wanted = [pairs for sentence in sentences for pairs in sentence.wanted]
    if any(sentence.is_doubtful for sentence in sentences):
        return Reading(quantity=quantity)
    if not wanted:
        return Reading(quantity=quantity, is_silent=True)
    variant = offer.only_variant([*wanted, *offer.left_open(wanted, linked_id)])
    if variant is not None and not all(sentence.is_understood for sentence in sentences):
        variant = variant if linked_id or offer.all_options_are_among(wanted) else None
    aside = [pairs for sentence in sentences for pairs in sentence.aside]
    if variant is not None and not all(offer.fits(variant, pairs) for pairs in aside):
        variant = None
    return Reading(variant, quantity or next(iter(quantities), None))


def _sentences(words: Sequence[str]) -> Iterator[Phrase]:
    sentence: list[str] = []
    for word in words:
        if word == END:
            yield tuple(sentence)
            sentence = []
        elif word == QUESTION:
            yield (*sentence, QUESTION)
            sentence = []
        else:
            sentence.append(word)
    yield tuple(sentence)


class _Offer:
    """The options that a product's variants offer, and the words for them."""

    def __init__(self, variants: Sequence[Variant]) -> None:
        self._pairs = {variant: frozenset(_pairs(variant)) for variant in variants}
        self._exact: dict[Phrase, set[Pair]] = {}
        self._joined: dict[str, set[Pair]] = {}
        self._meaning: dict[str, set[Pair]] = {}
        self.names: dict[str, str] = {}
        for pair in frozenset().union(*self._pairs.values()):
            name, value = pair
            joined = "".join(value)
            self._exact.setdefault(value, set()).add(pair)
            self._joined.setdefault(joined, set()).add(pair)
            self._meaning.setdefault(VALUES.get(joined, joined), set()).add(pair)
            if not name.startswith(UNTOLD):
                self.names[name] = name

    def pairs(self, phrase: Phrase) -> frozenset[Pair]:
        """The options that a phrase can mean: the store's own words first, then any that mean the same."""
        if exact := self._exact.get(phrase):
            return frozenset(exact)
        if "x" in phrase:  # rather a number of pieces than half of XL
            return frozenset()
        joined = "".join(phrase)
        found = self._joined.get(joined) or self._meaning.get(VALUES.get(joined, ""))
        return frozenset(found or ())

    def only_variant(self, wanted: Iterable[frozenset[Pair]]) -> Variant | None:
        """The variant that fits all that is wanted, if it is the only one."""
        fitting = [variant for variant in self._pairs if all(self.fits(variant, pairs) for pairs in wanted)]
        return fitting[0] if len(fitting) == 1 else None

    def left_open(self, wanted: Iterable[frozenset[Pair]], variant_id: str) -> Iterator[frozenset[Pair]]:
        """The options of the variant called `variant_id` that are not named in `wanted`."""
        named = {name for pairs in wanted for name, _ in pairs}
        options = (pairs for variant, pairs in self._pairs.items() if variant.id == variant_id)
        return (frozenset({pair}) for pairs in options for pair in pairs if pair[0] not in named)

    def fits(self, variant: Variant, pairs: frozenset[Pair]) -> bool:
        """Whether a variant has one of `pairs`."""
        return not pairs.isdisjoint(self._pairs[variant])

    def all_options_are_among(self, wanted: Iterable[frozenset[Pair]]) -> bool:
        """Whether each option that leaves a choice is named."""
        named = {name for pairs in wanted for name, _ in pairs}
        values: dict[str, set[Phrase]] = {}
        for name, value in frozenset().union(*self._pairs.values()):
            values.setdefault(name, set()).add(value)
        return all(name in named for name, of_name in values.items() if len(of_name) > 1)


def _pairs(variant: Variant) -> Iterator[Pair]:
    """A variant's options; where the store has but a title such as "Blue / L", the parts of it."""
    for name, value in variant.options or (("", variant.title or ""),):
        meaning = _meaning_of_name(name)
        is_untold = meaning.rstrip("0123456789") in UNTOLD_NAMES
        for number, part in enumerate(value.split(" / ") if is_untold else [value]):
            if words := tuple(word for word in words_of(part) if word not in MARKS):
                yield (f"{UNTOLD}{meaning}{number}" if is_untold else meaning, words)


def _meaning_of_name(name: str) -> str:
    joined = "".join(word for word in words_of(name.replace("_", " ")) if word not in MARKS and word != "name")
    return NAMES.get(joined, joined)


class _Kind(Enum):
    VALUE = auto()
    NAME = auto()
    QUANTITY = auto()
    NUMBER = auto()
    COURTESY = auto()
    ENDING = auto()
    DOUBT = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class _Item:
    """One phrase of a sentence. `is_named`: the name of its option stands beside it."""

    kind: _Kind
    phrase: Phrase
    pairs: frozenset[Pair] = frozenset()
    name: str = ""
    number: int = 0
    is_named: bool = False


@dataclass(slots=True)
class _Sentence:
    """One sentence, read word by word.

    `wanted` are the options that it asks for, `aside` those that it merely mentions.
    """

    offer: _Offer
    phrase: Phrase
    quantity: int | None
    wanted: list[frozenset[Pair]] = field(default_factory=list)
    aside: list[frozenset[Pair]] = field(default_factory=list)
    quantities: set[int] = field(default_factory=set)
    is_understood: bool = False
    is_doubtful: bool = False
    is_ambiguous: bool = False

    def __post_init__(self) -> None:
        items = list(self._items(self._without_slashes()))
        asking, explaining = _divided(_with_names(items))
        values = [item for item in asking if item.kind is _Kind.VALUE]
        kinds = {item.kind for item in asking}
        self.is_understood = kinds <= {_Kind.VALUE, _Kind.NAME, _Kind.QUANTITY, _Kind.COURTESY}
        counted = [item for item in values if self.is_understood or item.is_named]
        self.wanted = [item.pairs for item in counted]
        self.aside = [item.pairs for item in (*values, *explaining) if item.kind is _Kind.VALUE]
        pieces = {item.number for item in asking if item.kind is _Kind.QUANTITY}
        self.quantities = pieces if self.is_understood and self.wanted else set()
        self.is_ambiguous = any(self._is_number_as_well(item) for item in counted)
        self.is_doubtful = (
            (bool(values) and _Kind.DOUBT in kinds)
            or (bool(counted) and (_Kind.NUMBER in kinds or not pieces <= self.quantities | {self.quantity}))
            or _has_name_without_value(asking)
        )

    def _without_slashes(self) -> Phrase:
        """`blue/L` are two words, unless the store has a value `S/M`."""
        words: list[str] = []
        for word in self.phrase:
            is_value = "/" not in word or self.offer.pairs((word,))
            words += [word] if is_value else word.split("/")
        return tuple(words)

    def _items(self, words: Phrase) -> Iterator[_Item]:
        position = 0
        while position < len(words):
            longest = words[position : position + LONGEST_PHRASE]
            phrases = (longest[:length] for length in range(len(longest), 0, -1))
            item = next(filter(None, map(self._item, phrases)), None) or _Item(_Kind.UNKNOWN, longest[:1])
            yield item
            position += len(item.phrase)

    def _item(self, phrase: Phrase) -> _Item | None:
        """What a phrase is, if it is anything."""
        if pairs := self.offer.pairs(phrase):
            return _Item(_Kind.VALUE, phrase, pairs)
        if (pieces := _pieces(phrase)) is not None:
            return _Item(_Kind.QUANTITY, phrase, number=pieces)
        if len(phrase) == 1 and phrase[0].isdecimal():
            is_quantity = phrase[0].lstrip("0") == str(self.quantity)
            return (
                _Item(_Kind.QUANTITY, phrase, number=self.quantity or 0) if is_quantity else _Item(_Kind.NUMBER, phrase)
            )
        joined = "".join(phrase)
        is_word = len(phrase) == 1 or not joined.isascii()  # Japanese has no spaces
        name = self.offer.names.get(joined) or (NAMES.get(joined) if is_word else None)
        if name is not None:
            return _Item(_Kind.NAME, phrase, name=name)
        kind = _everyday(joined) if is_word else None
        return _Item(kind, phrase) if kind else None

    def _is_number_as_well(self, item: _Item) -> bool:
        """Whether an unnamed value could as well be the number of pieces."""
        if item.is_named:
            return False
        return _pieces(item.phrase) is not None or "".join(item.phrase).lstrip("0") == str(self.quantity)


def _everyday(word: str) -> _Kind | None:
    """What a word is that no store has made an option of."""
    if word in ENDINGS:
        return _Kind.ENDING
    if word in DOUBTS or word == QUESTION:
        return _Kind.DOUBT
    return _Kind.COURTESY if word in COURTESIES else None


def _pieces(phrase: Phrase) -> int | None:
    """The number of `x2`, `2x`, `x 2` or `2 x`."""
    match phrase:
        case ("x", digits) | (digits, "x"):
            pass
        case (word,):
            digits = word.removeprefix("x") if word.startswith("x") else word.removesuffix("x")
            if digits == word:
                return None
        case _:
            return None
    return int(digits) or None if digits.isdecimal() and len(digits) <= MAX_DIGITS else None


def _with_names(items: Sequence[_Item]) -> list[_Item]:
    """The items with each name bound to the value that follows it, or else to that before it."""
    bound = list(items)
    for position, item in enumerate(items):
        if item.kind is not _Kind.NAME:
            continue
        after = position + 1
        if after < len(items) and "".join(items[after].phrase) in LINKING:
            bound[after] = replace(items[after], kind=_Kind.COURTESY)
            after += 1
        for other in (after, position - 1):
            if 0 <= other < len(items) and (pairs := _of_name(bound[other], item.name)):
                bound[other] = replace(bound[other], pairs=pairs, is_named=True)
                bound[position] = replace(item, is_named=True)
                break
    return [_weakened(item, alone=len(items) == 1) for item in bound]


def _of_name(item: _Item, name: str) -> frozenset[Pair]:
    """The options called `name` that a value can mean."""
    return frozenset(pair for pair in item.pairs if pair[0] == name or pair[0].startswith(UNTOLD))


def _weakened(item: _Item, *, alone: bool) -> _Item:
    """A value that is an everyday word, such as `a`, counts only alone or with its name."""
    kind = None if item.kind is not _Kind.VALUE or item.is_named or alone else _everyday("".join(item.phrase))
    return _Item(kind, item.phrase) if kind else item


def _divided(items: Sequence[_Item]) -> tuple[Sequence[_Item], Sequence[_Item]]:
    """What is asked for, and for whom or why."""
    seen = False
    for position, item in enumerate(items):
        if item.kind is _Kind.ENDING and seen:
            return items[:position], items[position + 1 :]
        seen = seen or item.kind is _Kind.VALUE
    return items, ()


def _has_name_without_value(items: Sequence[_Item]) -> bool:
    """Whether an option is named with something that it does not offer: `size 44`, `colour teal`."""
    for position, item in enumerate(items):
        if item.kind is _Kind.NAME and not item.is_named:
            follows = any(other.kind is not _Kind.COURTESY for other in items[position + 1 :])
            before = items[position - 1].kind if position else _Kind.COURTESY
            if follows or before in (_Kind.VALUE, _Kind.NUMBER):
                return True
    return False
