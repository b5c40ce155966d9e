"""Music of four periods, rendered from scores. SYNTHETIC: every note is played by one piano sound.

The scores are those that music21 brings along (extra ``scores``), where their files allow it
(see :func:`score_licence`). They are read and played when asked for; nothing
of them is part of this package. Each excerpt is stretched to the same number of onsets a second
and played with the same sound and loudness, so that neither orchestration, tempo nor the habit of
writing long notes tells the period: what is left is pitch, harmony and texture.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.exceptions import InputError, MissingExtraError
from qtokfeatures.rendering.clips import ScoreBatch
from qtokfeatures.rendering.midi import Score
from qtokfeatures.rendering.tools import SAMPLE_RATE

PERIODS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "before 1600": {
        "Ciconia": ("ciconia/quod_jactatur.xml",),
        "Josquin": (
            "josquin/milleRegrets.abc", "josquin/adieuMesAmours.abc",
            "josquin/laPlusDesPlus.abc",
        ),
        "Luca": ("luca/gloria.xml",),
        "Lusitano": ("lusitano/allor_che_ignuda.mxl",),
    },
    "Baroque": {
        "Bach": ("bach/bwv66.6.mxl", "bach/bwv846.mxl"),
        "Corelli": ("corelli/opus3no1/1grave.xml",),
        "Handel": ("handel/rinaldo/Lascia_chio_pianga.mxl",),
    },
    "Classical": {
        "C. P. E. Bach": ("cpebach/h186.mxl",),
        "Haydn": ("haydn/opus1no1/movement2.mxl", "haydn/opus74no1/movement3.mxl"),
        "Mozart": ("mozart/k545/movement1_exposition.mxl", "mozart/k80/movement3.mxl"),
        "Beethoven": ("beethoven/opus18no1/movement3.mxl",),
    },
    "Romantic": {
        "Chopin": ("chopin/mazurka06-2.krn",),
        "C. Schumann": ("schumann_clara/polonaise_op1n4.mxl", "schumann_clara/polonaise_op1n1.mxl"),
        "R. Schumann": ("schumann_robert/opus48no2.mxl", "schumann_robert/opus41no1/movement2.mxl"),
        "Verdi": ("verdi/laDonnaEMobile.mxl",),
    },
}  # fmt: skip

NO_NOTICE: Final = "no notice of its own; distributed with music21, see its corpus/license.txt"

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
"""Scores of music21's corpus by period and composer; all composers died before 1911."""

_ONSETS_PER_S: Final = 4.0
_VELOCITY: Final = 80
_RELEASE_S: Final = 0.3

Note = tuple[float, float, int]
"""Onset and length in quarter notes, and pitch."""


@dataclass(frozen=True, eq=False)
class PeriodClip:
    """A rendered excerpt of a score.

    Parameters
    ----------
    name : str
        Unique.
    period, composer, work, licence : str
        What it is, and under which licence the score's file is.
    y : ndarray of float32, shape (sample,)
        The sound, 24 kHz.
    sr : int
        Its rate, in Hz.
    """

    name: str
    period: str
    composer: str
    work: str
    licence: str
    y: npt.NDArray[np.float32]
    sr: int = SAMPLE_RATE


def render_periods(
    *, excerpts: int = 6, excerpt_s: float = 5.0, periods: dict[str, Any] | None = None
) -> list[PeriodClip]:
    """Render excerpts of scores of several periods.

    Parameters
    ----------
    excerpts : int, default=6
        Of each composer, at the most; spread over the scores.
    excerpt_s : float, default=5.0
        Length of each, in seconds.
    periods : dict, default=None
        Scores by period and composer; :data:`PERIODS` by default.

    Returns
    -------
    list of PeriodClip
        Scores whose files grant nothing are left out, with a warning that names them.

    Raises
    ------
    MissingExtraError
        If music21 is not installed.
    ToolMissingError
        If FluidSynth or FluidR3 GM is not installed.
    """
    corpus = _corpus_folder()
    batch = ScoreBatch()
    about: list[dict[str, Any]] = []
    for period, composers in (PERIODS if periods is None else periods).items():
        for composer, works in composers.items():
            each = -(-excerpts // len(works))
            takes = [take for work in works for take in _takes(corpus, work, each, excerpt_s)]
            for number, (work, licence, notes) in enumerate(takes[:excerpts]):
                name = f"{composer}_{number}"
                batch.add(name, partial(_play, notes=notes, excerpt_s=excerpt_s))
                about.append(
                    {
                        "name": name,
                        "period": period,
                        "composer": composer,
                        "work": work,
                        "licence": licence,
                    }
                )
    sounds = [y for _, y in batch.clips()]
    return [PeriodClip(**what, y=y) for what, y in zip(about, sounds, strict=True)]


def cut_excerpts(notes: list[Note], *, n_excerpts: int, n_onsets: int) -> list[list[Note]]:
    """Cut a score into excerpts with the same number of onsets.

    Parameters
    ----------
    notes : list of (float, float, int)
        Onset and length in any unit, and pitch.
    n_excerpts : int
        At the most; they do not overlap, and are spread over the score.
    n_onsets : int
        Different onset times in each.

    Returns
    -------
    list of list of (float, float, int)
        Notes of each excerpt, whose times run from 0 to 1.

    Examples
    --------
    >>> scale = [(float(beat), 1.0, 60 + beat) for beat in range(8)]
    >>> [[note[2] for note in part] for part in cut_excerpts(scale, n_excerpts=2, n_onsets=4)]
    [[60, 61, 62, 63], [64, 65, 66, 67]]
    """
    onsets = sorted({onset for onset, _, _ in notes})
    whole = len(onsets) // n_onsets
    if whole == 0:
        return []
    ends = [*onsets[1:], max(onset + length for onset, length, _ in notes)]
    chosen = np.unique(np.linspace(0, whole - 1, min(n_excerpts, whole)).round().astype(int))
    parts = []
    for index in chosen:
        first, last = index * n_onsets, (index + 1) * n_onsets - 1
        start, span = onsets[first], ends[last] - onsets[first]
        parts.append(
            [
                ((onset - start) / span, min(length, ends[last] - onset) / span, pitch)
                for onset, length, pitch in notes
                if start <= onset <= onsets[last]
            ]
        )
    return parts


def _takes(
    corpus: Path, work: str, n_excerpts: int, excerpt_s: float
) -> Iterator[tuple[str, str, list[Note]]]:
    path = corpus / work
    if not path.is_file():
        raise InputError(f"music21's corpus has no {work}; this music21 may come without it")
    licence = score_licence(path)
    if licence is None:
        warnings.warn(f"{work}: its file reserves rights; it is left out", stacklevel=3)
        return
    n_onsets = max(1, round(_ONSETS_PER_S * excerpt_s))
    for part in cut_excerpts(_notes(path), n_excerpts=n_excerpts, n_onsets=n_onsets):
        yield work, licence, part


def _notes(path: Path) -> list[Note]:
    from music21 import converter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # music21 mends measures that are too long, and says so
        parsed = converter.parse(path)
        score = parsed.scores[0] if hasattr(parsed, "scores") else parsed
        found = [
            (float(element.offset), float(element.quarterLength), int(pitch.midi))
            for element in score.flatten().notes
            if element.quarterLength > 0
            for pitch in element.pitches
        ]
    return sorted(found)


def _play(score: Score, start_s: float, *, notes: list[Note], excerpt_s: float) -> float:
    score.program(start_s - 0.05, channel=0, program=0)
    for onset, length, pitch in notes:
        at_s, length_s = start_s + onset * excerpt_s, length * excerpt_s
        score.note(at_s, length_s, channel=0, pitch=pitch, velocity=_VELOCITY)
    return excerpt_s + _RELEASE_S


def _corpus_folder() -> Path:
    try:
        import music21
    except ImportError as error:
        raise MissingExtraError("music21", extra="scores", purpose="Music from scores") from error
    return Path(music21.__file__).parent / "corpus"


"""For files that carry no statement. music21 says that the corpus is "distributed with the
permission of the encoders", restrictions being "embedded in individual compositions"."""


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
