"""What the file of a score says about its use."""

from __future__ import annotations

import re
import zipfile
from os import PathLike
from pathlib import Path
from typing import Final

NO_NOTICE: Final = "no notice of its own; distributed with music21, see its corpus/license.txt"
"""For files that carry no statement. music21 says that the corpus is "distributed with the
permission of the encoders", restrictions being "embedded in individual compositions"."""

_NOTICES: Final = re.compile(
    r"<rights[^>]*>(.*?)</rights>|^(!!!YE?[CMN]+:[^\n]*)$|^(%[^\n]*(?:Copyright|License)[^\n]*)$"
    r"|<credit-words[^>]*>([^<]*(?:Copyright|©|\(c\)|licen[cs]e|Public Domain)[^<]*)<",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
_GRANTS: Final = (
    (re.compile(r"CC-?0\b", re.IGNORECASE), "CC0"),
    (re.compile(r"public domain", re.IGNORECASE), "public domain"),
    (re.compile(r"CC[- ]?(BY[- ]?SA|SA[- ]?BY)", re.IGNORECASE), "CC BY-SA"),
    (re.compile(r"CC[- ]?BY(?![- ]?N)", re.IGNORECASE), "CC BY"),
    (re.compile(r"GNU General Public License", re.IGNORECASE), "GPL"),
)


def score_licence(path: str | PathLike[str]) -> str | None:
    """Return the licence under which a score's file may be rendered.

    Parameters
    ----------
    path : str or path
        MusicXML, also compressed, Humdrum or ABC.

    Returns
    -------
    str or None
        CC0, public domain, CC BY, CC BY-SA, GPL, or :data:`NO_NOTICE`. None where the file
        claims a copyright or reserves rights, and grants nothing: then leave it alone.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("a.krn").write_text("!!!YEM: Rights to all derivatives reserved.")
    >>> score_licence("a.krn") is None
    True
    >>> _ = Path("b.xml").write_text("<rights>released under CC-BY-SA 3.0</rights>")
    >>> score_licence("b.xml")
    'CC BY-SA'
    """
    notices = [" ".join(filter(None, found)).strip() for found in _NOTICES.findall(_text(path))]
    said = " ".join(filter(None, notices))
    granted = next((name for pattern, name in _GRANTS if pattern.search(said)), None)
    return granted if granted or said else NO_NOTICE


def _text(path: str | PathLike[str]) -> str:
    if not zipfile.is_zipfile(path):
        return Path(path).read_text(encoding="utf-8", errors="replace")
    with zipfile.ZipFile(path) as packed:
        inside = [name for name in packed.namelist() if not name.startswith("META-INF")]
        scores = [name for name in inside if name.lower().endswith(("xml", "krn", "abc"))]
        return "\n".join(packed.read(name).decode("utf-8", "replace") for name in scores)
