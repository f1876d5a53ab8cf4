"""JSON documents that are nearly right."""

import json
from typing import Any

from hypothesis import strategies as st

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3)
    | st.sampled_from(["ADDED", "add", "5", "true", "x" * 3000, "https://shop.example/", "EUR"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["kind", "id"]), inner, max_size=2),
    max_leaves=4,
)


def places(document: Any) -> list[tuple[Any, Any]]:
    """Every container of a document with every key or position in it, but for `schema`: pydantic takes true for 1."""
    inside = document.items() if isinstance(document, dict) else enumerate(document)
    found = []
    for key, value in inside:
        if key == "schema":
            continue
        found.append((document, key))
        if isinstance(value, dict | list):
            found += places(value)
    return found


@st.composite
def nearly(draw: st.DrawFn, written: str) -> str:
    """The document `written`, in which one thing is changed, removed or added; never its `kind` removed."""
    document = json.loads(written)
    container, key = draw(st.sampled_from(places(document)))
    match draw(st.sampled_from(("change", "remove", "add"))):
        case "change":
            container[key] = draw(values)
        case "remove" if key != "kind":
            del container[key]
        case _:
            document["a_field_of_tomorrow"] = draw(values)
    return json.dumps(document)
