"""Whether what is deployed is what the working tree says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

SOURCES = (
    "template.yaml",
    "samconfig.toml",
    "functions",
    "layers",
    "local/stack",
    "local/seed.py",
    "local/settings.py",
)


def fingerprint(root: Path, extra: Iterable[str], sources: Iterable[str] = SOURCES) -> str:
    """A digest of the sources' names and contents, and of extra texts (versions, addresses)."""
    digest = hashlib.sha256()
    for text in extra:
        digest.update(text.encode() + b"\0")
    for path in _files(root, sources):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(root).as_posix()}\0{content}\0".encode())
    return digest.hexdigest()


def _files(root: Path, sources: Iterable[str]) -> list[Path]:
    found: list[Path] = []
    for source in sources:
        path = root / source
        found += [path] if path.is_file() else [file for file in path.rglob("*") if _is_source(file)]
    return sorted(found)


def _is_source(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts
