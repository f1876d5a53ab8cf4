"""Our own messages, read back as strictly as `to_json` wrote them.

pydantic reads what others write. What our own functions wrote for each other needs so little of it that a fifth of a
cold start is too much for that; a test holds both to the same verdict on any document.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import partial
from types import NoneType, UnionType
from typing import Any, Literal, Never, TypeAliasType, cast, get_args, get_origin

type Read = Callable[[Any, str], Any]
"""Reads a JSON value at a place of the document, which errors name."""


class MalformedMessageError(Exception):
    """A body that is no message of its queue; the text says where and what is wrong, never a value."""


def reader_of[T](message_type: type[T] | TypeAliasType) -> Callable[[str], T]:
    """What reads the messages of a dataclass, or of a union of dataclasses, which are told apart by their `kind`.

    Fields that are not known are passed over. What it returns raises MalformedMessageError.
    """
    read = _reader(message_type)

    def read_message(body: str) -> T:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            raise MalformedMessageError("not JSON") from None
        return cast("T", read(document, "message"))

    return read_message


def _reader(form: Any) -> Read:
    members = tuple(_members(form))
    if len(members) > 1:
        return _reader_of_union(members)
    if get_origin(form) is Literal:
        return partial(_literal, *get_args(form))
    if get_origin(form) is tuple:
        return partial(_items, _reader(get_args(form)[0]))
    if is_dataclass(members[0]):
        return partial(_record, members[0], {field.name: _reader(field.type) for field in fields(members[0])})
    if form is str:
        return _text
    return partial(_named if issubclass(form, StrEnum) else _plain, form)


def _members(form: Any) -> Iterator[Any]:
    """The alternatives of a union, or of the name of one; any other form is its own."""
    if isinstance(form, TypeAliasType):
        yield from _members(form.__value__)
    elif isinstance(form, UnionType):
        for member in get_args(form):
            yield from _members(member)
    else:
        yield form


def _reader_of_union(members: tuple[Any, ...]) -> Read:
    if NoneType in members:
        (member,) = (member for member in members if member is not NoneType)
        return partial(_optional, _reader(member))
    return partial(_tagged, {_kind(member): _reader(member) for member in members})


def _kind(member: Any) -> str:
    return next(str(field.default) for field in fields(member) if field.name == "kind")


def _optional(read: Read, value: Any, place: str) -> Any:
    return None if value is None else read(value, place)


def _tagged(readers: Mapping[str, Read], value: Any, place: str) -> Any:
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in readers:
        raise MalformedMessageError(f"{place}: no known kind")
    return readers[kind](value, place)


def _record(form: Any, readers: Mapping[str, Read], value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        _refuse(value, place)
    for field in fields(form):
        if field.default is MISSING and field.name not in value:
            raise MalformedMessageError(f"{place}.{field.name}: missing")
    return form(**{name: read(value[name], f"{place}.{name}") for name, read in readers.items() if name in value})


def _items(read: Read, value: Any, place: str) -> Any:
    if not isinstance(value, list):
        _refuse(value, place)
    return tuple(read(item, f"{place}.{position}") for position, item in enumerate(value))


def _literal(own: Any, value: Any, place: str) -> Any:
    return own if type(value) is type(own) and value == own else _refuse(value, place)


def _named(names: type[StrEnum], value: Any, place: str) -> Any:
    try:
        return names(value)
    except ValueError:
        _refuse(value, place)


def _plain(form: type, value: Any, place: str) -> Any:
    return value if type(value) is form else _refuse(value, place)


def _text(value: Any, place: str) -> Any:
    if not isinstance(value, str):
        _refuse(value, place)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise MalformedMessageError(f"{place}: half a surrogate pair") from None
    return value


def _refuse(value: Any, place: str) -> Never:
    raise MalformedMessageError(f"{place}: an unexpected {type(value).__name__}")
