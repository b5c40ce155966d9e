"""Short unique names for clips."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

_SEPARATOR = re.compile(r"[/\\]+")


def clip_ids_from_sources(sources: Sequence[str]) -> list[str]:
    """Name each clip by the shortest tail of its source that no other source ends in.

    Parameters
    ----------
    sources : sequence of str
        Paths or URLs. A description in angle brackets, such as ``"<array>"``, becomes the bare
        word and the clip's position.

    Returns
    -------
    list of str
        Unique ids in the order of `sources`. Clips of the very same source are told apart by
        ``#2``, ``#3``, ….

    Examples
    --------
    >>> clip_ids_from_sources(["/data/a/1.wav", "/data/b/1.wav", "/data/b/2.wav"])
    ['a/1.wav', 'b/1.wav', '2.wav']
    >>> clip_ids_from_sources(["a.wav", "a.wav", "<array>"])
    ['a.wav', 'a.wav#2', 'array-2']
    """
    names = [_placeholder(source, index) for index, source in enumerate(sources)]
    tails = _shortest_tails(set(names))
    return unique_ids(tails[name] for name in names)


def unique_ids(ids: Iterable[str]) -> list[str]:
    """Tell repeated ids apart by ``#2``, ``#3``, …, leaving the first of each as it is.

    Parameters
    ----------
    ids : iterable of str
        Ids that may repeat.

    Returns
    -------
    list of str

    Examples
    --------
    >>> unique_ids(["a", "b", "a", "a"])
    ['a', 'b', 'a#2', 'a#3']
    """
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
    if source.startswith("<") or not bare:
        return f"{bare or 'clip'}-{index}"
    return source


def _shortest_tails(sources: set[str]) -> dict[str, str]:
    """Lengthen the tails of those sources that still share one, until none does."""
    parts = {source: [part for part in _SEPARATOR.split(source) if part] for source in sources}
    tails: dict[str, str] = {}
    open_sources, depth = sources, 1
    while open_sources:
        groups: defaultdict[str, list[str]] = defaultdict(list)
        for source in open_sources:
            groups["/".join(parts[source][-depth:]) or source].append(source)
        open_sources = set()
        for tail, members in groups.items():
            finished = [m for m in members if len(members) == 1 or len(parts[m]) <= depth]
            tails.update(dict.fromkeys(finished, tail))
            open_sources |= set(members) - set(finished)
        depth += 1
    return tails
