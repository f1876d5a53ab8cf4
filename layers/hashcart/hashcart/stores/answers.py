"""What a store answered, read as strictly as our own messages."""

from collections.abc import Callable

from hashcart.reading import MalformedError
from hashcart.stores.protocol import StoreUnavailableError


def read_answer[V, T](read: Callable[[V], T], value: V) -> T:
    """The answer, or the part of one, that `value` is. Raises StoreUnavailableError, which quotes nothing of it."""
    try:
        return read(value)
    except MalformedError as error:
        raise StoreUnavailableError(f"an answer of another form: {error}") from None
