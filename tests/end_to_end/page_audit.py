"""What holds for every page: axe finds nothing, it fits its screen at any text size, and the keyboard gets anywhere."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Page

from hashcart.domain.languages import LANGUAGES

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"

PHONE, DESK = (390, 844), (1280, 900)
SCREENS = (PHONE, DESK)
SCHEMES = ("light", "dark")
MAX_TABS = 300

# WCAG 2.2 A and AA, and axe's own best practices.
_RUN_AXE = """async () => {
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const {violations} = await axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']});
  return violations.flatMap(v => v.nodes.map(n => `${v.id}: ${n.target.join(' ')} (${n.failureSummary})`));
}"""

_OVERFLOW = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const end = e => e.getBoundingClientRect().right;
  const wide = [...document.body.querySelectorAll('*')].filter(e => end(e) > width + 1);
  return wide.slice(-3).map(e => `${e.tagName.toLowerCase()}.${e.className} ends at ${end(e)}`);
}"""

# One radio button of a group takes the focus; what is not rendered, or disabled, takes none.
_MARK_OPERABLE = """() => {
  const groups = new Set();
  const operable = [...document.querySelectorAll('a[href], button, input, select, textarea, summary')].filter(e => {
    if (e.disabled || e.type === 'hidden' || !e.checkVisibility({visibilityProperty: true})) return false;
    if (e.closest('[aria-hidden=true]')) return false;
    if (e.type !== 'radio') return true;
    const group = `${e.form && [...document.forms].indexOf(e.form)} ${e.name}`;
    return !groups.has(group) && groups.add(group);
  });
  operable.forEach((e, i) => { e.dataset.operable = e.type === 'radio' ? `radio ${e.name}` : `${i}`; });
  const named = e => `${e.tagName.toLowerCase()} ${e.name || ''} ${(e.textContent || '').trim().slice(0, 30)}`;
  return Object.fromEntries(operable.map(e => [e.dataset.operable, named(e)]));
}"""

_FOCUSED = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const radio = e.type === 'radio' ? `radio ${e.name}` : null;
  const outline = getComputedStyle(e).outlineStyle !== 'none';
  return {id: radio || e.dataset.operable || '', outline, name: `${e.tagName} ${e.textContent.trim().slice(0, 30)}`};
}"""


@dataclass
class Audit:
    """Looks at pages and collects what is wrong with them; the screenshots go to `directory`."""

    page: Page
    directory: Path
    problems: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.problems.append(f"{self.page.url}: {error}"))
        self._axe = AXE.read_text(encoding="utf-8")

    def look(self, name: str, *, can_reload: bool = True) -> None:
        """Examine the page that is open. One that answered a POST cannot be loaded again in another language."""
        self.seen.append(name)
        for width, height in SCREENS:
            self.page.set_viewport_size({"width": width, "height": height})
            for scheme in SCHEMES:
                self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                self._run_axe(f"{name} at {width} px, {scheme}")
            self._fit(f"{name} at {width} px")
        self._tab_through(name)
        self._take_pictures(name, can_reload=can_reload)

    def _run_axe(self, where: str) -> None:
        self.page.evaluate(self._axe)
        self.problems += [f"{where}: {violation}" for violation in self.page.evaluate(_RUN_AXE)]

    def _fit(self, where: str) -> None:
        for size in ("100%", "200%"):
            self.page.evaluate("size => { document.documentElement.style.fontSize = size }", size)
            self.problems += [f"{where}, text at {size}: {found}" for found in self.page.evaluate(_OVERFLOW)]
        self.page.evaluate("() => document.documentElement.removeAttribute('style')")

    def _tab_through(self, name: str) -> None:
        missing: dict[str, str] = self.page.evaluate(_MARK_OPERABLE)
        # From the top, wherever a field or the address has put the focus.
        self.page.evaluate("() => { document.body.tabIndex = -1; document.body.focus(); document.body.blur(); }")
        for _ in range(MAX_TABS):
            self.page.keyboard.press("Tab")
            focused = self.page.evaluate(_FOCUSED)
            if focused is None:
                break
            missing.pop(focused["id"], None)
            if not focused["outline"]:
                self.problems.append(f"{name}: the focus does not show on {focused['name']}")
        self.problems += [f"{name}: the keyboard does not reach {element}" for element in missing.values()]

    def _take_pictures(self, name: str, *, can_reload: bool) -> None:
        address = self.page.url
        self.page.emulate_media(color_scheme="light")
        for language in LANGUAGES if can_reload else [""]:
            if language:
                self._open_in(language, address)
                shown = self.page.evaluate("() => document.documentElement.lang")
                if shown != language:
                    self.problems.append(f"{name}: in {shown} instead of {language}")
            for width, height in SCREENS:
                self.page.set_viewport_size({"width": width, "height": height})
                self._fit(f"{name} in {language or 'its language'} at {width} px")
                spoken = language or self.page.evaluate("() => document.documentElement.lang")
                path = self.directory / spoken / f"{name}-{width}.png"
                self.page.screenshot(path=path, full_page=True)
        if can_reload:
            self._open_in("en", address)

    def _open_in(self, language: str, address: str) -> None:
        self.page.goto(f"{address}{'&' if '?' in address else '?'}lang={language}")

    def _on_console(self, message: ConsoleMessage) -> None:
        is_status = re.match(r"Failed to load resource: .* status of [45]", message.text)
        if message.type in ("error", "warning") and not is_status:
            self.problems.append(f"{self.page.url}: {message.text}")

    def report(self) -> str:
        """All that is wrong, a line each."""
        return json.dumps(sorted(set(self.problems)), indent=1, ensure_ascii=False)
