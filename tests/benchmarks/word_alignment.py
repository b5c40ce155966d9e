"""Error of predict_alignment on synthesised digits: the table of ``docs/robustness.md``.

    python tests/benchmarks/word_alignment.py [--clips 300] [--epochs 40]

Sequences of one to four digits by Flite and eSpeak NG, whose words have known times; the voices
of the 60 test clips are not among those of training. SYNTHETIC: it says nothing of real speech.
"""

from __future__ import annotations

import argparse

import numpy as np

import qtokfeatures as qt
from qtokfeatures.rendering.speech import padded, say_espeak, say_flite
from qtokfeatures.speech.alignment import align_symbols

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
FLITE = {False: ("slt", "rms"), True: ("awb",)}
ESPEAK = {False: ("m1", "f2", "m3", "f4"), True: ("m7", "f1")}


def spoken(number: int, rng: np.random.Generator, *, tested: bool):
    """Return a clip, its transcript and the start and end of each word in seconds."""
    text = " ".join(rng.choice(DIGITS, int(rng.integers(1, 5))))
    if number % 3 == 0:
        voice = str(rng.choice(FLITE[tested]))
        stretch, pitch = rng.uniform((0.8, 0.8), (1.4, 1.3)).tolist()
        said = say_flite(text, voice=voice, stretch=stretch, pitch_factor=pitch)
    else:
        said = say_espeak(
            text, voice=f"en-us+{rng.choice(ESPEAK[tested])}", pitch_range=40,
            words_per_minute=int(rng.integers(110, 220)), pitch=int(rng.integers(20, 80)),
            word_gap=int(rng.choice([0, 0, 3, 8])),
        )  # fmt: skip
    before, after = (rng.uniform(0, 0.4, 2) * 24000).astype(int).tolist()
    said = padded(said, before=before, after=after)
    y = (said.y + rng.normal(0, 0.002, len(said.y))).astype(np.float32)
    return (y, 24000), text, np.array([(word.start, word.end) for word in said.words]) / 24000


def row(name: str, found: np.ndarray, true: np.ndarray) -> str:
    shared = np.minimum(found[:, 1], true[:, 1]) - np.maximum(found[:, 0], true[:, 0])
    joint = np.maximum(found[:, 1], true[:, 1]) - np.minimum(found[:, 0], true[:, 0])
    middle = found.mean(axis=1)
    inside = (true[:, 0] <= middle) & (middle <= true[:, 1])
    start, end = np.abs(found - true).mean(axis=0)
    overlap = np.mean(np.maximum(shared, 0) / joint)
    return f"| {name} | {start:.2f} | {end:.2f} | {overlap:.2f} | {inside.mean():.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=40)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    clips, texts, _ = zip(
        *(spoken(i, rng, tested=False) for i in range(options.clips)), strict=True
    )
    tested, said, spans = zip(*(spoken(i, rng, tested=True) for i in range(60)), strict=True)
    true = np.concatenate(spans)
    print("| features, method | start, s | end, s | overlap | centre inside |\n|" + " --- |" * 5)
    for features in ("semantic", "mfcc"):
        pipe = qt.make_speech_recognizer(
            features=features, epochs=options.epochs, validation=0
        ).fit(list(clips), list(texts))
        frames, model = pipe[:-1].transform(list(tested)), pipe[-1]
        step_s = model.network_.config.stride / frames.attrs["frame_rate"]
        steps = [
            align_symbols(probs, model.alphabet_.encode(text, clip=""))
            for probs, text in zip(model.predict_log_proba(frames), said, strict=True)
        ]
        times = model.predict_alignment(frames, said)
        found = np.stack([times["start"].values, times["end"].values], axis=1)
        print(row(f"{features}, most probable CTC path", np.concatenate(steps) * step_s, true))
        print(row(f"{features}, `predict_alignment`", found, true))


if __name__ == "__main__":
    main()
