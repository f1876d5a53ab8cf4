"""Requests that end in a page which says what to do."""

from collections.abc import Mapping


class PageError(Exception):
    """Show a page with `status`, the texts `<text>_title` and `<text>_text`; `reason` is for the log alone."""

    def __init__(
        self, status: int, text: str, *, reason: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.reason = reason or text.rpartition(".")[2]
        self.headers = dict(headers or {})
