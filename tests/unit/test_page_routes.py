"""Where a sign-in may lead back to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashcart.pages.kit.routes import is_return_path


@pytest.mark.parametrize(
    "path", ["/", "/cart", "/cart?of=a%20b&x=1", "/activity/2", "/why-not", "/account/export", "/resume"]
)
def test_pages_of_ours(path: str) -> None:
    assert is_return_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "", "cart", "//evil.example", "/\\evil.example", "/cart//x", "/cartoon", "https://evil.example/cart", "/link",
        "/cart\r\nset-cookie: a=b", "/cart#x", "/@evil.example", "/cart@evil", "/sign-out", "/cart?" + "x" * 500,
        "/cart\n",
    ],
)  # fmt: skip
def test_nothing_else(path: str) -> None:
    assert not is_return_path(path)


@given(st.text(max_size=40))
def test_never_another_site(text: str) -> None:
    assert not is_return_path("//" + text)
    assert not is_return_path("/\\" + text)
