"""How the operator's tools tell what they did: step by step, with what to mend."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """How a step ended: well, with something that works but could be better, or not at all."""

    GOOD = "✓"
    NOTE = "!"
    BAD = "✗"


@dataclass(frozen=True)
class Finding:
    """What a step did, and what to mend."""

    mark: Mark
    step: str
    did: str
    mend: str | None = None

    def __str__(self) -> str:
        """Two lines at most."""
        return f"{self.mark} {self.step}: {self.did}" + (f"\n    → {self.mend}" if self.mend else "")


class CheckFailedError(Exception):
    """A step failed, and those after it make no sense."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


def good(step: str, did: str) -> Finding:
    """A step that went well."""
    return Finding(Mark.GOOD, step, did)


def failed(step: str, did: str, mend: str) -> CheckFailedError:
    """A step that did not, and what its operator has to do."""
    return CheckFailedError(Finding(Mark.BAD, step, did, mend))
