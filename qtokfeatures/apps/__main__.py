"""``python -m qtokfeatures.apps`` is the command ``qtok``."""

from __future__ import annotations

from qtokfeatures.apps.cli import main

if __name__ == "__main__":
    main()
