"""Names of the files that commands make."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from qtokfeatures.exceptions import InputError

_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]+')
_LONGEST_BYTES = 120


def file_stems(clip_ids: Iterable[str], *, suffixes: Iterable[str]) -> list[str]:
    """Return one file name per clip, without suffix, all different on any file system.

    Parameters
    ----------
    clip_ids : iterable of str
        Names of clips; they may hold slashes.
    suffixes : iterable of str
        Endings that are dropped, such as ``".wav"``.

    Returns
    -------
    list of str
        Names of at most 120 bytes, apart from a number that tells equal ones apart.

    Examples
    --------
    >>> file_stems(["a/1.wav", "b/1.wav", "1.flac", "1.WAV"], suffixes=[".wav", ".flac"])
    ['a_1', 'b_1', '1', '1-2']
    """
    known = {suffix.lower() for suffix in suffixes}
    taken: set[str] = set()
    return [_unused(_stem(clip_id, known), taken) for clip_id in clip_ids]


def refuse_to_overwrite(targets: Iterable[Path], inputs: Iterable[str | Path]) -> None:
    """Stop before a file that was read is written over.

    Parameters
    ----------
    targets : iterable of Path
        Files about to be written.
    inputs : iterable of str or Path
        Files that were, or will be, read.

    Raises
    ------
    InputError
        If a target is one of the inputs.
    """
    read = {Path(source).resolve() for source in inputs if _may_be_a_file(str(source))}
    for target in targets:
        if target.resolve() in read:
            raise InputError(f"{target} is an input and is not overwritten; choose another -o")


def _stem(clip_id: str, known_suffixes: set[str]) -> str:
    suffix = Path(clip_id).suffix
    name = clip_id[: -len(suffix)] if suffix.lower() in known_suffixes else clip_id
    clean = _NOT_IN_NAMES.sub("_", unicodedata.normalize("NFC", name)).strip(" ._")
    short = clean.encode("utf-8", "replace")[:_LONGEST_BYTES].decode("utf-8", "ignore")
    return short.strip() or "clip"


def _unused(stem: str, taken: set[str]) -> str:
    name, number = stem, 1
    while name.casefold() in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name.casefold())
    return name


def _may_be_a_file(source: str) -> bool:
    return "\x00" not in source and "://" not in source and not source.startswith(("<", "data:"))
