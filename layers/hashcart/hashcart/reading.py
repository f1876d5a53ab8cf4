"""JSON that a worker takes in, read into dataclasses: messages of our own, events of SES, answers of stores.

A type is what JSON says that it is: neither "5" nor true is a 5. pydantic reads so in its strict mode, and a test holds
both to the same verdict on any document; but loading it takes a fifth of a worker's cold start.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from functools import partial
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Never, TypeAliasType, Union, cast, get_args, get_origin

type Read = Callable[[Any, str], Any]
"""Reads a JSON value at a place of the document, which errors name."""

type KeyOf = Callable[[str], str]
"""What a document calls a field."""

SCALARS = frozenset({str, int, float, bool})


class MalformedError(Exception):
    """A document that is not of its form; the text says where and what is wrong, never a value."""


class Bounds(NamedTuple):
    """What a value has to keep to beside its type, as in `Annotated[str, Bounds(longest=500)]`.

    `shortest` and `longest` are lengths of a text or a list, `least` is a number; the whole text matches `pattern`.
    """

    shortest: int = 0
    longest: int | None = None
    least: int | None = None
    pattern: str | None = None


class Part(NamedTuple):
    """A field of a dataclass, and its key in the document."""

    name: str
    key: str
    is_required: bool
    read: Read


def camel_case(name: str) -> str:
    """`user_errors` as many documents write it: `userErrors`."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def reader_of[T](
    form: type[T] | TypeAliasType, *, root: str = "message", key_of: KeyOf = str
) -> Callable[[str | bytes], T]:
    """What reads JSON documents of a dataclass, or of a union of dataclasses, which are told apart by their `kind`.

    Fields that are not known are passed over, and what has a default may be missing. `root` is what errors call the
    document. What it returns raises MalformedError.
    """
    read = value_reader_of(form, root=root, key_of=key_of)

    def read_document(body: str | bytes) -> T:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            raise MalformedError("not JSON") from None
        return read(document)

    return read_document


def value_reader_of[T](form: type[T] | TypeAliasType, *, root: str, key_of: KeyOf = str) -> Callable[[object], T]:
    """Like `reader_of`, for a part of a document that is parsed already."""
    read = _reader(form, key_of)
    return lambda value: cast("T", read(value, root))


def _reader(form: Any, key_of: KeyOf) -> Read:
    members = tuple(_members(form))
    if len(members) > 1:
        return _reader_of_union(members, key_of)
    (member,) = members
    if is_dataclass(member):
        return partial(_record, member, tuple(_part(field, key_of) for field in fields(member)))
    if arguments := get_args(member):
        return _reader_of_generic(get_origin(member), arguments, key_of)
    if member is str:
        return _text
    return partial(_named if issubclass(member, StrEnum) else _plain, member)


def _reader_of_generic(origin: Any, arguments: tuple[Any, ...], key_of: KeyOf) -> Read:
    if origin is Annotated:
        bounds: Bounds = arguments[1]
        pattern = None if bounds.pattern is None else re.compile(bounds.pattern)
        return partial(_bounded, bounds, pattern, _reader(arguments[0], key_of))
    if origin is Literal:
        return partial(_literal, *arguments)
    if origin is tuple:
        return partial(_items, _reader(arguments[0], key_of))
    return partial(_entries, _reader(arguments[1], key_of))


def _members(form: Any) -> Iterator[Any]:
    """The alternatives of a union, or of the name of one; any other form is its own."""
    if isinstance(form, TypeAliasType):
        yield from _members(form.__value__)
    elif get_origin(form) in (Union, UnionType):
        for member in get_args(form):
            yield from _members(member)
    else:
        yield form


def _reader_of_union(members: tuple[Any, ...], key_of: KeyOf) -> Read:
    if NoneType in members:
        (member,) = (member for member in members if member is not NoneType)
        return partial(_optional, _reader(member, key_of))
    if SCALARS.issuperset(members):
        return partial(_scalar, members)
    return partial(_tagged, {_kind(member): _reader(member, key_of) for member in members})


def _kind(member: Any) -> str:
    return next(str(field.default) for field in fields(member) if field.name == "kind")


def _part(field: Field[Any], key_of: KeyOf) -> Part:
    is_required = field.default is MISSING and field.default_factory is MISSING
    return Part(field.name, key_of(field.name), is_required, _reader(field.type, key_of))


def _optional(read: Read, value: Any, place: str) -> Any:
    return None if value is None else read(value, place)


def _tagged(readers: Mapping[str, Read], value: Any, place: str) -> Any:
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in readers:
        raise MalformedError(f"{place}: no known kind")
    return readers[kind](value, place)


def _record(form: Any, parts: Sequence[Part], value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        _refuse(value, place)
    found = {}
    for name, key, is_required, read in parts:
        if key in value:
            found[name] = read(value[key], f"{place}.{key}")
        elif is_required:
            raise MalformedError(f"{place}.{key}: missing")
    return form(**found)


def _items(read: Read, value: Any, place: str) -> Any:
    if not isinstance(value, list):
        _refuse(value, place)
    return tuple(read(item, f"{place}.{position}") for position, item in enumerate(value))


def _entries(read: Read, value: Any, place: str) -> Any:
    """A mapping; errors name the position of an entry, as its key is a value too."""
    if not isinstance(value, dict):
        _refuse(value, place)
    places = [f"{place}.{position}" for position in range(len(value))]
    return {_text(key, at): read(item, at) for at, (key, item) in zip(places, value.items(), strict=True)}


def _bounded(bounds: Bounds, pattern: re.Pattern[str] | None, read: Read, value: Any, place: str) -> Any:
    found = read(value, place)
    if bounds.longest is not None and len(found) > bounds.longest:
        raise MalformedError(f"{place}: too long")
    if bounds.shortest and len(found) < bounds.shortest:
        raise MalformedError(f"{place}: too short")
    if bounds.least is not None and found < bounds.least:
        raise MalformedError(f"{place}: too small")
    if pattern is not None and not pattern.fullmatch(found):
        raise MalformedError(f"{place}: another pattern")
    return found


def _literal(own: Any, value: Any, place: str) -> Any:
    return own if type(value) is type(own) and value == own else _refuse(value, place)


def _named(names: type[StrEnum], value: Any, place: str) -> Any:
    try:
        return names(value)
    except ValueError:
        _refuse(value, place)


def _scalar(types: Sequence[type], value: Any, place: str) -> Any:
    if type(value) not in types:
        _refuse(value, place)
    return _text(value, place) if isinstance(value, str) else value


def _plain(form: type, value: Any, place: str) -> Any:
    return value if type(value) is form else _refuse(value, place)


def _text(value: Any, place: str) -> Any:
    if not isinstance(value, str):
        _refuse(value, place)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise MalformedError(f"{place}: half a surrogate pair") from None
    return value


def _refuse(value: Any, place: str) -> Never:
    raise MalformedError(f"{place}: an unexpected {type(value).__name__}")
