"""Short random pieces for several instruments under simple rules of harmony."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from qtokfeatures.rendering import midi
from qtokfeatures.rendering.clips import Rendered, ScoreBatch, at_level
from qtokfeatures.rendering.drums import KITS, write_groove
from qtokfeatures.rendering.instruments import pitch_range
from qtokfeatures.rendering.midi import DRUM_CHANNEL, Score
from qtokfeatures.rendering.tools import installed_soundfonts

LICENCE: Final = "Apache-2.0 (score, this project), {soundfont}"

_PIECES_PER_BATCH: Final = 8
_MEAN_S: Final = 15.0
_LEAD, _CHORDS, _BASS, _PAD = 0, 1, 2, 3

_SCALES: Final = (
    (0, 2, 4, 5, 7, 9, 11),
    (0, 2, 4, 5, 7, 9, 11),
    (0, 2, 3, 5, 7, 8, 10),
    (0, 2, 3, 5, 7, 8, 11),
    (0, 2, 3, 5, 7, 9, 10),
    (0, 2, 4, 5, 7, 9, 10),
)
_PROGRESSIONS: Final = (
    (0, 3, 4, 0),
    (0, 5, 3, 4),
    (5, 3, 0, 4),
    (1, 4, 0, 5),
    (0, 6, 5, 4),
    (0, 2, 3, 4),
    (0, 4, 5, 2, 3, 0, 3, 4),
    (0, 0, 3, 4),
)


@dataclass(frozen=True)
class Ensemble:
    """Programs to choose from for each part; an empty part is omitted."""

    lead: tuple[int, ...]
    chords: tuple[int, ...]
    bass: tuple[int, ...] = ()
    pad: tuple[int, ...] = ()
    kits: tuple[int, ...] = ()


# Used in turn.
ENSEMBLES: Final = (
    Ensemble((0, 1, 2, 3, 6), (0,)),
    Ensemble((24, 25, 26), (24, 25)),
    Ensemble((27, 28, 29, 30, 62), (4, 5, 25, 27), (33, 34, 35, 36), (), (0, 8, 16)),
    Ensemble((40, 41, 42, 68, 71, 73), (48, 45, 46), (43, 32), (49, 48)),
    Ensemble((56, 57, 61, 65, 66, 67), (0, 4, 26), (32,), (), (32, 40)),
    Ensemble((80, 81, 82, 84, 86, 87), (50, 51, 62, 63, 90), (38, 39, 87), (88, 91), (24, 25)),
    Ensemble((52, 53, 54), (16, 19, 48), (43,), (91, 52)),
    Ensemble((11, 12, 13, 108, 114), (24, 46), (32,), (), (0, 40)),
    Ensemble((21, 22, 23, 109, 110), (25, 105, 21), (32, 33), (), (0,)),
    Ensemble((104, 105, 106, 107, 111, 77), (15, 46, 104), (), (95,), (48,)),
    Ensemble((60, 56, 69, 70, 75), (48, 61), (43, 58), (49,), (48,)),
    Ensemble((9, 10, 14, 98, 112), (46, 8), (), (89, 94)),
)


@dataclass(frozen=True)
class _Setting:
    """Harmony and metre of a piece."""

    tonic: int
    scale: tuple[int, ...]
    roots: tuple[int, ...]
    beats: int
    beat_s: float

    @property
    def bar_s(self) -> float:
        return self.beats * self.beat_s

    def pitch(self, degree: int, low: int) -> int:
        """Lowest pitch of a scale degree that is not below ``low``."""
        octave, index = divmod(degree, len(self.scale))
        pitch = self.tonic + 12 * octave + self.scale[index]
        return pitch + 12 * -(-(low - pitch) // 12)


def render_pieces(
    *, minutes: float, seed: int = 0, part: tuple[int, int] = (0, 1)
) -> Iterator[Rendered]:
    """Render pieces of about 15 s: melody, chords, bass, pad and drums."""
    n_pieces = max(1, round(minutes * 60 / _MEAN_S))
    starts = range(0, n_pieces, _PIECES_PER_BATCH)
    soundfonts = installed_soundfonts()
    for number, start in list(enumerate(starts))[part[0] :: part[1]]:
        rng = np.random.default_rng((seed, 3, number))
        soundfont = soundfonts[rng.integers(len(soundfonts))]
        batch = ScoreBatch(reverb_room=float(rng.uniform(0.1, 0.8)), soundfont=soundfont)
        for piece in range(start, min(n_pieces, start + _PIECES_PER_BATCH)):
            ensemble = ENSEMBLES[piece % len(ENSEMBLES)]
            batch.add(
                f"{soundfont.name}_piece_{piece:03d}",
                partial(write_piece, ensemble=ensemble, rng=rng),
            )
        licence = LICENCE.format(soundfont=soundfont.licence)
        for name, y in batch.clips():
            yield Rendered(name, "music", at_level(y, rng), licence, soundfont.source)


def write_piece(
    score: Score, start_s: float, *, ensemble: Ensemble, rng: np.random.Generator
) -> float:
    """Write one piece onto a score; return its duration in s."""
    setting = _setting(rng)
    _set_up(score, start_s, ensemble, rng)
    levels = rng.uniform(0.55, 1.0, 4)
    for bar, root in enumerate(setting.roots):
        at_s = start_s + bar * setting.bar_s
        if ensemble.bass:
            _write_bass(score, at_s, setting, root, levels[_BASS], rng)
        if ensemble.pad:
            _write_pad(score, at_s, setting, root, levels[_PAD])
    _write_chords(score, start_s, setting, levels[_CHORDS], rng)
    _write_melody(score, start_s, setting, ensemble, levels[_LEAD], rng)
    if ensemble.kits and rng.random() < 0.85:
        write_groove(
            score,
            start_s,
            n_bars=len(setting.roots),
            sixteenth_s=setting.beat_s / 4,
            steps_per_bar=4 * setting.beats,
            loudness=float(rng.uniform(0.5, 1.0)),
            rng=rng,
        )
    return len(setting.roots) * setting.bar_s + 0.6


def _setting(rng: np.random.Generator) -> _Setting:
    beats = int(rng.choice([4, 4, 4, 3]))
    beat_s = 60 / rng.uniform(66, 168)
    n_bars = max(2, round(rng.uniform(10, 19) / (beats * beat_s)))
    progression = _PROGRESSIONS[rng.integers(len(_PROGRESSIONS))]
    roots = (*(progression[bar % len(progression)] for bar in range(n_bars - 1)), 0)
    scale = _SCALES[rng.integers(len(_SCALES))]
    return _Setting(int(rng.integers(24, 36)), scale, roots, beats, beat_s)


def _set_up(score: Score, start_s: float, ensemble: Ensemble, rng: np.random.Generator) -> None:
    before_s = start_s - 0.05
    send = 0 if rng.random() < 0.3 else int(rng.integers(20, 100))
    parts = (ensemble.lead, ensemble.chords, ensemble.bass, ensemble.pad)
    for channel, programs in enumerate(parts):
        if programs:
            score.program(before_s, channel=channel, program=int(rng.choice(programs)))
    if ensemble.kits:
        kit = int(rng.choice([kit for kit in ensemble.kits if kit in KITS]))
        score.program(before_s, channel=DRUM_CHANNEL, program=kit)
    for channel in (*range(len(parts)), DRUM_CHANNEL):
        score.control(before_s, channel=channel, controller=midi.REVERB_SEND, value=send)
        score.control(before_s, channel=channel, controller=midi.VOLUME, value=100)


def _write_bass(
    score: Score, at_s: float, setting: _Setting, root: int, level: float, rng: np.random.Generator
) -> None:
    steps = ((root,), (root, root + 4), (root, root + 2, root + 4, root + 6), (root,) * 8)
    degrees = steps[rng.integers(len(steps))]
    length_s = setting.bar_s / len(degrees)
    for i, degree in enumerate(degrees):
        score.note(
            at_s + i * length_s,
            length_s * 0.9,
            channel=_BASS,
            pitch=setting.pitch(degree, 31),
            velocity=round(level * rng.uniform(85, 112)),
        )


def _write_pad(score: Score, at_s: float, setting: _Setting, root: int, level: float) -> None:
    for degree in (root, root + 2, root + 4):
        pitch = setting.pitch(degree, 55)
        score.note(at_s, setting.bar_s, channel=_PAD, pitch=pitch, velocity=round(level * 75))


def _write_chords(
    score: Score, start_s: float, setting: _Setting, level: float, rng: np.random.Generator
) -> None:
    style = rng.choice(["block", "arpeggio", "stabs", "strum"])
    steps_per_beat = int(rng.choice([1, 2, 2, 3]))
    for bar, root in enumerate(setting.roots):
        bar_s = start_s + bar * setting.bar_s
        pitches = [setting.pitch(degree, 50) for degree in (root, root + 2, root + 4)]
        if rng.random() < 0.3:
            pitches.append(setting.pitch(root + 6, 50))
        velocity = round(level * rng.uniform(70, 100))
        if style == "block":
            onsets = [(0.0, setting.bar_s * 0.95, pitches)]
        else:
            onsets = _figure(style, pitches, setting, steps_per_beat)
        for offset_s, length_s, sounding in onsets:
            for i, pitch in enumerate(sounding):
                late_s = 0.012 * i if style == "strum" else 0.0
                score.note(
                    bar_s + offset_s + late_s,
                    length_s,
                    channel=_CHORDS,
                    pitch=pitch,
                    velocity=velocity + int(rng.integers(-6, 7)),
                )


def _figure(
    style: str, pitches: list[int], setting: _Setting, steps_per_beat: int
) -> list[tuple[float, float, list[int]]]:
    step_s = setting.beat_s / steps_per_beat
    n_steps = setting.beats * steps_per_beat
    if style == "arpeggio":
        return [(i * step_s, step_s * 1.5, [pitches[i % len(pitches)]]) for i in range(n_steps)]
    if style == "stabs":
        offbeat_s = setting.beat_s / 2
        return [(i * setting.beat_s + offbeat_s, 0.12, pitches) for i in range(setting.beats)]
    return [(i * setting.beat_s, setting.beat_s * 0.9, pitches) for i in range(setting.beats)]


def _write_melody(
    score: Score,
    start_s: float,
    setting: _Setting,
    ensemble: Ensemble,
    level: float,
    rng: np.random.Generator,
) -> None:
    lowest, highest = pitch_range(ensemble.lead[0])
    floor = int(np.clip(62, lowest, highest - 12))
    held = rng.choice([0.5, 0.9, 1.05])
    units = rng.choice([0.25, 0.5, 0.5, 1.0])
    total_beats = len(setting.roots) * setting.beats
    beat, degree = 0.0, 0
    while beat < total_beats:
        length = min(float(units * rng.choice([1, 1, 2, 2, 3])), total_beats - beat)
        root = setting.roots[int(beat // setting.beats)]
        if beat % setting.beats == 0:
            degree = root + int(rng.choice([0, 2, 4]))
        if rng.random() > 0.12:
            score.note(
                start_s + beat * setting.beat_s + abs(rng.normal(0, 0.006)),
                length * setting.beat_s * held,
                channel=_LEAD,
                pitch=setting.pitch(degree, floor - 12) + 12 * (degree >= 3),
                velocity=round(level * rng.uniform(88, 120)),
            )
        degree = int(np.clip(degree + rng.choice([-2, -1, -1, 1, 1, 2, 3]), -2, 9))
        beat += length
