"""What the template tells a function through its environment, read when its handler is loaded."""

import os


class SettingError(Exception):
    """An environment variable is missing or malformed; the message names it, never its value."""


def text(name: str) -> str:
    """A variable that must be there."""
    value = os.environ.get(name, "").strip()
    if not value:
        raise SettingError(f"the environment variable {name} is not set")
    return value


def optional_text(name: str) -> str:
    """A variable that may be missing or empty."""
    return os.environ.get(name, "").strip()


def names(name: str) -> tuple[str, ...]:
    """A comma-separated list; empty where the variable is."""
    return tuple(entry.strip() for entry in os.environ.get(name, "").split(",") if entry.strip())


def flag(name: str) -> bool:
    """A variable that is `true` or `false`."""
    value = text(name).lower()
    if value not in ("true", "false"):
        raise SettingError(f"the environment variable {name} must be true or false")
    return value == "true"


def whole_number(name: str) -> int:
    """A variable that holds a positive whole number."""
    value = text(name)
    if not value.isascii() or not value.isdigit() or int(value) == 0:
        raise SettingError(f"the environment variable {name} must be a positive whole number")
    return int(value)


def base_url(name: str) -> str:
    """A variable that holds the address of a service, without a slash at its end."""
    value = text(name)
    if not value.startswith(("https://", "http://")):
        raise SettingError(f"the environment variable {name} must be an http or https address")
    return value.rstrip("/")
