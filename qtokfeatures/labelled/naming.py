"""Short unique names for clips."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

_NUMBERED = re.compile(r"\w+ \d+")  # what load_many calls a clip that has no name


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
    r"""Return the names that a path or URL is made of, whichever way its slashes lean.

    Parameters
    ----------
    source : str
        Path or URL.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> path_parts("/data/a/1.wav"), path_parts(r"C:\a\1.wav")
    (('data', 'a', '1.wav'), ('C:', 'a', '1.wav'))
    """
    return tuple(filter(None, source.replace("\\", "/").split("/")))
