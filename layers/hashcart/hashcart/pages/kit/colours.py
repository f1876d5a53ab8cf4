"""The store's colour, made readable: WCAG 2.2 asks for a contrast of 4.5 between text and its ground."""

from dataclasses import dataclass

LEAST_CONTRAST = 4.5
STEPS = 20
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
LIGHT_GROUND, DARK_GROUND = (243, 241, 237), (40, 43, 49)
"""The darkest ground that the light theme puts text on, and the lightest of the dark one."""

type Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Accent:
    """The colour as it is (for buttons), what is legible on it, and its readable shades as text, all `#rrggbb`."""

    ground: str
    text_on_it: str
    on_light: str
    on_dark: str


def accent(colour: str) -> Accent:
    """From `#rrggbb`."""
    ground = parsed(colour)
    on_it = WHITE if contrast(ground, WHITE) >= LEAST_CONTRAST else BLACK
    return Accent(
        colour.lower(),
        _written(on_it),
        _written(_readable(ground, LIGHT_GROUND, towards=BLACK)),
        _written(_readable(ground, DARK_GROUND, towards=WHITE)),
    )


def contrast(one: Colour, other: Colour) -> float:
    """The ratio of two colours' luminance (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def parsed(colour: str) -> Colour:
    """The parts of `#rrggbb`."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _readable(colour: Colour, ground: Colour, *, towards: Colour) -> Colour:
    """The nearest shade that is legible on the ground."""
    shades = (_mixed(colour, towards, step / STEPS) for step in range(STEPS + 1))
    return next(shade for shade in shades if contrast(shade, ground) >= LEAST_CONTRAST)


def _mixed(colour: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(mine + (theirs - mine) * share) for mine, theirs in zip(colour, other, strict=True))
    return red, green, blue


def _luminance(colour: Colour) -> float:
    red, green, blue = (
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - WCAG's
        for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _written(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
