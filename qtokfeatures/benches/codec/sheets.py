"""TODO."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qtokfeatures.benches import RankedClip
    from qtokfeatures.viz import SheetPair

_SHOWN = 10


def draw_sheets(ranked: Sequence[RankedClip], folder: Path, name: str) -> tuple[Path, Path]:
    """Draw the ten best and the ten worst clips, the worst of them first.

    Parameters
    ----------
    ranked : sequence of RankedClip
        Clips by their log-mel distance, the best first.
    folder : Path
        Where ``NAME-best.png`` and ``NAME-worst.png`` go; made if absent.
    name : str
        The codec's name.

    Returns
    -------
    best : Path
        The picture of the best.
    worst : Path
        The picture of the worst.
    """
    from qtokfeatures.viz import contact_sheet, save_sheet

    folder.mkdir(parents=True, exist_ok=True)
    stem = Path(name).stem.replace("/", "-")
    best = contact_sheet([_pair(each) for each in ranked[:_SHOWN]], title=_title(name, "best"))
    worst = contact_sheet(
        [_pair(each) for each in ranked[::-1][:_SHOWN]], title=_title(name, "worst")
    )
    return save_sheet(best, folder / f"{stem}-best.png"), save_sheet(
        worst, folder / f"{stem}-worst.png"
    )


def _title(name: str, which: str) -> str:
    return f"{name}: the {which} clips by log-mel distance, original above reconstruction"


def _pair(ranked: RankedClip) -> SheetPair:
    from qtokfeatures.viz import SheetPair

    clip = ranked.clip
    path = Path(clip.name)
    title = f"{ranked.score:.3f}  {path.parent.name}/{path.stem}"
    return SheetPair(title, clip.y, ranked.y_hat, clip.sr)
