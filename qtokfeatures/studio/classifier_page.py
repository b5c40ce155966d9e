"""The page about a classifier: what it confuses, and which tokens tell classes apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qtokfeatures.studio.page import cards, page, picture, player, section, table


@dataclass(frozen=True)
class PlayedToken:
    """A token that tells a class, and where it can be heard.

    Parameters
    ----------
    codebook, bin : int
        Which token it is.
    score : float
        How telling.
    share, share_elsewhere : float
        Share of frames in this class and in the others.
    examples : str
        Where it occurs, to read.
    sounds : mapping of str to str
        Where it occurs, to hear: ``data:`` URLs by name.
    """

    codebook: int
    bin: int
    score: float
    share: float
    share_elsewhere: float
    examples: str
    sounds: Mapping[str, str]


def classifier_report(
    *,
    title: str,
    lead: str,
    confusion_png: bytes,
    caption: str,
    tokens: Mapping[str, Sequence[PlayedToken]],
) -> str:
    """Return a page with the confusion matrix and, class by class, its tokens.

    Parameters
    ----------
    title : str
        The page's heading.
    lead : str
        One paragraph below it.
    confusion_png : bytes
        The picture of the confusion matrix.
    caption : str
        What was measured.
    tokens : mapping of str to sequence of PlayedToken
        Characteristic tokens by class.

    Returns
    -------
    str
        A complete HTML document that needs nothing else.

    Examples
    --------
    >>> html = classifier_report(
    ...     title="Flutes & oboes", lead="", confusion_png=b"", caption="", tokens={"flute": []}
    ... )
    >>> "Flutes &amp; oboes" in html
    True
    """
    matrix = picture(confusion_png, alt="confusion matrix", caption=caption)
    sections = [_class_section(name, found) for name, found in tokens.items()]
    return page(title, [matrix, *sections], lead=lead)


def _class_section(name: str, tokens: Sequence[PlayedToken]) -> object:
    header = ("codebook", "bin", "score", "share of frames", "elsewhere", "for example")
    rows = [
        (t.codebook, t.bin, t.score, f"{t.share:.1%}", f"{t.share_elsewhere:.1%}", t.examples)
        for t in tokens
    ]
    players = [
        player(where, audio, note=f"codebook {t.codebook}, bin {t.bin}")
        for t in tokens
        for where, audio in t.sounds.items()
    ]
    return section(f"Most characteristic tokens: {name}", table(header, rows), cards(players))
