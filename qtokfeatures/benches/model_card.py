"""Section of a Markdown page that a bench fills."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from qtokfeatures.exceptions import InputError
from qtokfeatures.files import atomic_write

BEGIN: Final = "<!-- bench:begin -->"
END: Final = "<!-- bench:end -->"


def update_card(path: str | Path, markdown: str, *, section: str = "") -> None:
    """Replace the text between the two markers of a section of a Markdown file, atomically."""
    path = Path(path)
    page = fill_card(_read(path), markdown, name=str(path), section=section)
    with atomic_write(path) as fresh:
        fresh.write_text(page, encoding="utf-8", newline="\n")
        fresh.chmod(path.stat().st_mode)


def check_card(path: str | Path, *, section: str = "") -> None:
    """Raise if :func:`update_card` would not find the markers of a section in a file."""
    fill_card(_read(Path(path)), "", name=str(path), section=section)


def fill_card(page: str, markdown: str, *, name: str = "the page", section: str = "") -> str:
    """A page with the text between the two markers of a section replaced."""
    begin, end = (
        marker.replace("bench", f"bench-{section}" if section else "bench")
        for marker in (BEGIN, END)
    )
    if begin in markdown or end in markdown:
        raise InputError(f"the text between {begin} and {end} must not hold them itself")
    before, found_begin, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end) or end in before or begin in rest or end in after:
        raise InputError(f"{name}: expected {begin} and, after it, {end}, once each")
    return f"{before}{begin}\n\n{markdown.strip()}\n\n{end}{after}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: the model card cannot be read: {error}") from error
