"""Whatever colour a store has, its buttons and links can be read."""

from hypothesis import given
from hypothesis import strategies as st

from hashcart.pages.kit.colours import DARK_GROUND, LEAST_CONTRAST, LIGHT_GROUND, accent, contrast, parsed

COLOURS = st.tuples(*[st.integers(0, 255)] * 3).map(lambda parts: "#{:02x}{:02x}{:02x}".format(*parts))


@given(COLOURS)
def test_text_and_ground_differ_enough(colour: str) -> None:
    made = accent(colour)
    assert made.ground == colour
    assert contrast(parsed(made.ground), parsed(made.text_on_it)) >= LEAST_CONTRAST
    assert contrast(parsed(made.on_light), LIGHT_GROUND) >= LEAST_CONTRAST
    assert contrast(parsed(made.on_dark), DARK_GROUND) >= LEAST_CONTRAST


def test_a_colour_that_can_be_read_stays() -> None:
    assert accent("#84572C").on_light == "#84572c"
