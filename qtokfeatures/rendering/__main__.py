"""``python -m qtokfeatures.rendering FOLDER``: render the training material."""

from __future__ import annotations

import argparse
import logging
import sys

from qtokfeatures.exceptions import QtokError
from qtokfeatures.rendering import MINUTES, render_corpus

_log = logging.getLogger("qtokfeatures.rendering")


def main() -> int:
    """Parse the command line and render."""
    parser = argparse.ArgumentParser(description="Render sounds to train a codec on.")
    parser.add_argument("folder", help="output folder: one folder per renderer, and listing.csv")
    parser.add_argument("--share", type=float, default=1.0, help="of the default minutes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    minutes = {name: options.share * value for name, value in MINUTES.items()}
    try:
        listing = render_corpus(
            options.folder, minutes=minutes, seed=options.seed, jobs=options.jobs
        )
    except QtokError as error:
        _log.error("%s", error)
        return 1
    _log.info("%d clips in %s", len(listing), options.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
