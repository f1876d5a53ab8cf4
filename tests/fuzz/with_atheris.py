"""One target under libFuzzer, with our own modules instrumented: `python -m tests.fuzz.with_atheris TARGET …`."""

import logging
import sys
from contextlib import ExitStack

import atheris  # type: ignore[import-untyped]

PACKAGES = ["hashcart", "account_linking", "cart_page"]


def main() -> None:
    """Hand over to libFuzzer, which reads the rest of the arguments."""
    target = sys.argv.pop(1)
    logging.disable(logging.CRITICAL)
    with ExitStack() as stack:
        with atheris.instrument_imports(include=PACKAGES):
            from tests.fuzz.targets import OPENERS  # noqa: PLC0415 - only what is imported here is instrumented

            test_one_input = OPENERS[target](stack)
        atheris.Setup(sys.argv, test_one_input, enable_python_coverage=True)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
