"""The place in a model card that a bench fills."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from qtokfeatures.exceptions import InputError

BEGIN: Final = "<!-- bench:begin -->"
END: Final = "<!-- bench:end -->"


def section_markers(section: str = "") -> tuple[str, str]:
    """Return the two lines between which a bench puts its figures.

    Parameters
    ----------
    section : str, default ""
        Which of a card's sections; the bench of the codec itself has no name.

    Returns
    -------
    begin : str
        The line before the figures.
    end : str
        The line after them.

    Examples
    --------
    >>> section_markers("digits")
    ('<!-- bench-digits:begin -->', '<!-- bench-digits:end -->')
    """
    if not section:
        return BEGIN, END
    return BEGIN.replace("bench:", f"bench-{section}:"), END.replace("bench:", f"bench-{section}:")


def update_card(path: str | Path, markdown: str, *, section: str = "") -> None:
    """Replace what stands between the two markers of a model card, or of one of its sections.

    Parameters
    ----------
    path : str or Path
        A Markdown file with ``<!-- bench:begin -->`` and, after it, ``<!-- bench:end -->``, once
        each. It is replaced whole or not at all.
    markdown : str
        What to put there.
    section : str, default ""
        The section; ``"digits"`` has ``<!-- bench-digits:begin -->`` and its end as markers.

    Raises
    ------
    InputError
        If the file cannot be read, or it or `markdown` has the markers in another way.
    """
    path = Path(path)
    _replace_file(path, fill_card(_read(path), markdown, name=str(path), section=section))


def check_card(path: str | Path, *, section: str = "") -> None:
    """Make sure that :func:`update_card` will find what it replaces.

    Parameters
    ----------
    path : str or Path
        The Markdown file.
    section : str, default ""
        The section.

    Raises
    ------
    InputError
        If the file cannot be read, or has the markers in another way.
    """
    fill_card(_read(Path(path)), "", name=str(path), section=section)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: the model card cannot be read: {error}") from error


def fill_card(page: str, markdown: str, *, name: str = "the page", section: str = "") -> str:
    """Return a page with what stands between its two markers replaced.

    Parameters
    ----------
    page : str
        The page.
    markdown : str
        What to put between the markers.
    name : str, default "the page"
        What to call the page in an error.
    section : str, default ""
        The section; see :func:`section_markers`.

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
    begin, end = section_markers(section)
    if begin in markdown or end in markdown:
        raise InputError(f"what is put between {begin} and {end} must not hold them itself")
    before, found_begin, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end) or end in before or begin in rest or end in after:
        raise InputError(f"{name}: expected {begin} and, after it, {end}, once each")
    return f"{before}{begin}\n\n{markdown.strip()}\n\n{end}{after}"


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
