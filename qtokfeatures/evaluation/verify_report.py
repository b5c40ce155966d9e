"""Report of a verification: differing codes, near-ties, differing audio."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from qtokfeatures.evaluation.signals import FloatArray
from qtokfeatures.evaluation.tables import TextTable, to_markdown, to_rich
from qtokfeatures.exceptions import InputError

if TYPE_CHECKING:
    import rich.console

    from qtokfeatures.codecs import Codec

# One frame in so many may differ by a near-tie: at least 99.99 % are identical.
FRAMES_PER_TIE: Final = 10_000
# Relative distance gap below which float arithmetic may choose either of two entries.
NEAR_TIE: Final = 1e-5
SAME_AUDIO: Final = 1e-4  # largest difference of equal samples; full scale is 1

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FrameDifference:
    """First codebook in which a frame of two encodings differs.

    Later codebooks of that frame quantise another residual and are not compared.
    """

    frame: int
    codebook: int
    expected: int
    got: int
    gap: float  # of the distances to the two entries, relative to the larger; inf if unknown

    @property
    def is_near_tie(self) -> bool:
        """True if float arithmetic may choose either entry."""
        return self.gap < NEAR_TIE


@dataclass(frozen=True)
class CodesCheck:
    """Codes encoded in one way, compared with those of every clip alone."""

    name: str
    n_frames: int
    differences: tuple[FrameDifference, ...]
    problem: str = ""

    @property
    def identical(self) -> float:
        """Share of identical frames, 0 to 1."""
        return 1 - len(self.differences) / self.n_frames if self.n_frames else 0.0

    @property
    def ok(self) -> bool:
        """True if enough frames are identical and near-ties explain the others."""
        # Fewer than FRAMES_PER_TIE frames cannot measure such a rate; one near-tie passes there.
        allowed = max(1, self.n_frames // FRAMES_PER_TIE)
        explained = all(each.is_near_tie for each in self.differences)
        return not self.problem and len(self.differences) <= allowed and explained

    def describe(self) -> str:
        """Summary in a few words."""
        if self.problem or not self.differences:
            return self.problem or f"{self.n_frames} frames identical"
        count, ties = len(self.differences), sum(each.is_near_tie for each in self.differences)
        worst = max(self.differences, key=lambda each: each.gap)
        return (
            f"{count} of {self.n_frames} frames differ{'s' * (count == 1)}, {ties} by a near-tie; "
            f"widest: codebook {worst.codebook}, {worst.got} for {worst.expected}, "
            f"gap {worst.gap:.1e}"
        )


@dataclass(frozen=True)
class AudioCheck:
    """Audio decoded in one way, compared with that of every clip alone."""

    name: str
    largest: float
    problem: str = ""

    @property
    def ok(self) -> bool:
        """True if the audio counts as equal."""
        return not self.problem and self.largest <= SAME_AUDIO

    def describe(self) -> str:
        """Summary in a few words."""
        return self.problem or f"largest difference {self.largest:.1e}"


@dataclass(frozen=True)
class VerifyReport:
    """Result of :func:`~qtokfeatures.verify`.

    Parameters
    ----------
    codec : str
        Name of the codec.
    fingerprint : str
        Fingerprint of the codec.
    n_clips : int
        Number of clips.
    duration_s : float
        Total duration of the clips, in seconds.
    codes : tuple of CodesCheck
        One check per way of encoding.
    audio : tuple of AudioCheck
        One check per way of decoding.
    """

    codec: str
    fingerprint: str
    n_clips: int
    duration_s: float
    codes: tuple[CodesCheck, ...]
    audio: tuple[AudioCheck, ...]

    @property
    def ok(self) -> bool:
        """True if every check passed."""
        return all(check.ok for check in self.codes) and all(check.ok for check in self.audio)

    @property
    def status(self) -> int:
        """Exit status: 0 if every check passed, otherwise 1."""
        return 0 if self.ok else 1

    def table(self) -> TextTable:
        """Return the checks as a table, one row per check."""
        title = f"{self.codec}: {self.n_clips} clips, {self.duration_s:.1f} s, against each alone"
        codes = tuple(_row("codes", check) for check in self.codes)
        audio = tuple(_row("audio", check) for check in self.audio)
        return TextTable(title, ("what", "made by", "result", "found"), codes + audio, n_text=4)

    def rule(self) -> str:
        """Return the definition of equality, as a sentence."""
        return (
            f"Equal: at most one frame in {FRAMES_PER_TIE:,} differs (one at all in fewer), and "
            f"each first difference in a frame is a near-tie (gap below {NEAR_TIE:g}); decoded "
            f"audio within {SAME_AUDIO:g}."
        )

    def to_markdown(self) -> str:
        """Return the checks as Markdown."""
        return to_markdown([self.table()], [self.rule()])

    def print(self, console: rich.console.Console) -> None:
        """Print the checks in the terminal."""
        console.print(to_rich(self.table()))
        console.print(self.rule(), markup=False, highlight=False)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON types; numbers that are not finite are None."""
        return {
            "codec": self.codec,
            "fingerprint": self.fingerprint,
            "n_clips": self.n_clips,
            "duration_s": self.duration_s,
            "ok": self.ok,
            "codes": [_codes_dict(check) for check in self.codes],
            "audio": [
                {**asdict(check), "largest": _finite(check.largest), "ok": check.ok}
                for check in self.audio
            ],
        }


def _row(what: str, check: CodesCheck | AudioCheck) -> tuple[str, str, str, str]:
    return what, check.name, "ok" if check.ok else "DIFFERENT", check.describe()


def _codes_dict(check: CodesCheck) -> dict[str, Any]:
    differences = [{**asdict(each), "gap": _finite(each.gap)} for each in check.differences]
    return {**asdict(check), "differences": differences, "ok": check.ok}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def compare_codes(
    codec: Codec[Any, Any], latents: FloatArray, expected: npt.ArrayLike, got: npt.ArrayLike
) -> list[FrameDifference]:
    """Frames in which two encodings (codebook, frame) differ; `latents` are (frame, dim)."""
    expected = np.asarray(expected, dtype=np.int64)
    got = np.asarray(got, dtype=np.int64)
    if expected.shape != got.shape:
        raise InputError(f"codes must have shape {expected.shape}, got {got.shape}")
    frames = np.flatnonzero((expected != got).any(axis=0))
    return [_difference(codec, latents, expected, got, int(frame)) for frame in frames]


def _difference(
    codec: Codec[Any, Any], latents: FloatArray, expected: IntArray, got: IntArray, frame: int
) -> FrameDifference:
    codebook = int(np.argmax(expected[:, frame] != got[:, frame]))
    gap = _gap(codec, latents[frame], expected[: codebook + 1, frame], int(got[codebook, frame]))
    return FrameDifference(
        frame, codebook, int(expected[codebook, frame]), int(got[codebook, frame]), gap
    )


def _gap(codec: Codec[Any, Any], latent: FloatArray, expected: IntArray, got: int) -> float:
    vectors = [codec.codebook_vectors(k) for k in range(len(expected))]
    if any(book.shape[1] != latent.shape[0] for book in vectors):
        return float("inf")
    residual = latent.astype(np.float64)
    for book, code in zip(vectors[:-1], expected[:-1], strict=True):
        residual = residual - book[code]
    quantised = vectors[-1].any(axis=0)  # dimensions that this codebook quantises
    near, far = sorted(
        float(np.linalg.norm((residual - vectors[-1][code])[quantised]))
        for code in (expected[-1], got)
    )
    return (far - near) / far if far else 0.0
