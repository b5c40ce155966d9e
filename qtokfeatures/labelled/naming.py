"""Short unique clip ids."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

_NUMBERED = re.compile(r"\w+ \d+")  # what load_many calls a clip that has no name
_WINDOWS = re.compile(r"[A-Za-z]:\\|\\\\")  # elsewhere, a backslash may be part of a name


def clip_ids_from_sources(sources: Sequence[str]) -> list[str]:
    """Return for each path or URL its shortest tail that no other source ends in, made unique."""
    names = [_placeholder(source, index) for index, source in enumerate(sources)]
    tails = _shortest_tails(set(names))
    return unique_ids(tails[name] for name in names)


def unique_ids(ids: Iterable[str]) -> list[str]:
    """Append ``#2``, ``#3``, … to repeated ids; the first of each stays as it is."""
    wanted = list(ids)
    taken = set(wanted)
    seen: set[str] = set()
    repeats: defaultdict[str, int] = defaultdict(lambda: 1)
    named = []
    for name in wanted:
        fresh = name
        while fresh in seen or (fresh != name and fresh in taken):
            repeats[name] += 1
            fresh = f"{name}#{repeats[name]}"
        seen.add(fresh)
        named.append(fresh)
    return named


def _placeholder(source: str, index: int) -> str:
    bare = source.strip("<>").strip()
    if source.startswith("<") and _NUMBERED.fullmatch(bare):
        return bare.replace(" ", "-")
    if source.startswith("<") or not bare:
        return f"{bare or 'clip'}-{index}"
    return source


def _shortest_tails(sources: set[str]) -> dict[str, str]:
    """Lengthen the tails of those sources that still share one, until none does."""
    parts = {source: path_parts(source) for source in sources}
    tails: dict[str, str] = {}
    shared, depth = list(sources), 1
    while shared:
        candidates = ["/".join(parts[source][-depth:]) or source for source in shared]
        counts = Counter(candidates)
        still_shared = []
        for source, tail in zip(shared, candidates, strict=True):
            if counts[tail] > 1 and len(parts[source]) > depth:
                still_shared.append(source)
            else:
                tails[source] = tail
        shared, depth = still_shared, depth + 1
    return tails


def path_parts(source: str) -> tuple[str, ...]:
    """Return the names that a path or URL consists of; backslashes separate those of Windows."""
    is_windows = os.name == "nt" or _WINDOWS.match(source) is not None
    return tuple(filter(None, (source.replace("\\", "/") if is_windows else source).split("/")))
