"""The place in a model card that a bench fills."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from qtokfeatures.exceptions import InputError

BEGIN: Final = "<!-- bench:begin -->"
END: Final = "<!-- bench:end -->"


def update_card(path: str | Path, markdown: str) -> None:
    """Replace what stands between the two markers of a model card.

    Parameters
    ----------
    path : str or Path
        A Markdown file with ``<!-- bench:begin -->`` and, after it, ``<!-- bench:end -->``, once
        each. It is replaced whole or not at all.
    markdown : str
        What to put there.

    Raises
    ------
    InputError
        If the file cannot be read, or it or `markdown` has the markers in another way.
    """
    path = Path(path)
    try:
        page = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: the model card cannot be read: {error}") from error
    _replace_file(path, fill_card(page, markdown, name=str(path)))


def fill_card(page: str, markdown: str, *, name: str = "the page") -> str:
    """Return a page with what stands between its two markers replaced.

    Parameters
    ----------
    page : str
        The page.
    markdown : str
        What to put between the markers.
    name : str, default "the page"
        What to call the page in an error.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If the markers are not there once each, in order, or `markdown` has one.

    Examples
    --------
    >>> print(fill_card("A <!-- bench:begin --> old <!-- bench:end --> Z", "new"))
    A <!-- bench:begin -->
    <BLANKLINE>
    new
    <BLANKLINE>
    <!-- bench:end --> Z
    """
    if BEGIN in markdown or END in markdown:
        raise InputError(f"what is put between {BEGIN} and {END} must not hold them itself")
    before, found_begin, rest = page.partition(BEGIN)
    _, found_end, after = rest.partition(END)
    if not (found_begin and found_end) or END in before or BEGIN in rest or END in after:
        raise InputError(f"{name}: expected {BEGIN} and, after it, {END}, once each")
    return f"{before}{BEGIN}\n\n{markdown.strip()}\n\n{END}{after}"


def _replace_file(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(name).chmod(path.stat().st_mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
