"""Take the inputs of a folder into the corpus, minimised: `python -m tests.fuzz.keep TARGET FOLDER`."""

import logging
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.fuzz.corpus import minimised, write_corpus
from tests.fuzz.targets import OPENERS


def main() -> None:
    """Say how many inputs are kept."""
    target, folder = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    with ExitStack() as stack:
        found = [path.read_bytes() for path in Path(folder).iterdir()]
        kept = write_corpus(target, minimised(OPENERS[target](stack), found))
    print(f"{target}: {kept} of {len(found)} inputs are kept")


if __name__ == "__main__":
    main()
