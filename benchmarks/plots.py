"""Bars and curves as SVG, for a browser; nothing is needed to draw them."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, BAR, LABEL, RIGHT = 900, 22, 290, 120
FONT = 'font-family="system-ui, sans-serif" font-size="13"'
FILL, LIMIT = "#3b4cc0", "#b3261e"


def bars(title: str, values: Mapping[str, float], *, unit: str, limits: Mapping[str, float] | None = None) -> str:
    """A horizontal bar for each value; a bar that has a limit has a mark there."""
    limits = limits or {}
    most = max([*values.values(), *limits.values(), 1e-9])
    scale = (WIDTH - LABEL - RIGHT) / most
    parts = []
    for number, (name, value) in enumerate(values.items()):
        top = 40 + number * BAR
        parts.append(_text(LABEL - 8, top + 14, name, anchor="end"))
        parts.append(f'<rect x="{LABEL}" y="{top}" width="{value * scale:.1f}" height="{BAR - 6}" fill="{FILL}"/>')
        parts.append(_text(LABEL + value * scale + 6, top + 14, f"{value:.3g} {unit}"))
        if name in limits:
            at = LABEL + limits[name] * scale
            parts.append(f'<path d="M{at:.1f} {top - 2}v{BAR - 2}" stroke="{LIMIT}" stroke-width="2"/>')
    return _svg(title, parts, 50 + len(values) * BAR)


def curve(title: str, points: Sequence[tuple[float, float]], *, across: str, up: str) -> str:
    """A line through points, with its values written at them."""
    height = 260
    widest, highest = max(x for x, _ in points) or 1, max(y for _, y in points) or 1
    places = [(60 + x / widest * (WIDTH - 160), height - 40 - y / highest * (height - 90)) for x, y in points]
    parts = [f'<polyline fill="none" stroke="{FILL}" stroke-width="2" points="{_joined(places)}"/>']
    for (left, top), (x, y) in zip(places, points, strict=True):
        parts.append(f'<circle cx="{left:.1f}" cy="{top:.1f}" r="3" fill="{FILL}"/>')
        parts.append(_text(left + 5, top - 7, f"{x:g}: {y:.3g}"))
    parts.append(_text(60, height - 10, f"across: {across}; up: {up}"))
    return _svg(title, parts, height)


def _joined(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{left:.1f},{top:.1f}" for left, top in places)


def _text(left: float, top: float, text: str, *, anchor: str = "start") -> str:
    return f'<text x="{left:.1f}" y="{top:.1f}" text-anchor="{anchor}" {FONT}>{escape(text)}</text>'


def _svg(title: str, parts: Sequence[str], height: int) -> str:
    heading = f'<text x="10" y="22" {FONT} font-weight="bold">{escape(title)}</text>'
    background = f'<rect width="{WIDTH}" height="{height}" fill="white"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
        f"{background}{heading}{''.join(parts)}</svg>"
    )
