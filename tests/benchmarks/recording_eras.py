"""Simulated recording eras classified by several features: the table of ``docs/pipelines.md``.

    python tests/benchmarks/recording_eras.py [--codec mini]

The bundled sounds go through every chain of ``RECORDING_CHAINS``; all versions of a sound are left
out together. Results on real recordings may differ.
"""

from __future__ import annotations

import argparse

import qtokfeatures as qt
from qtokfeatures.evaluation.recording_chains import RECORDING_CHAINS
from qtokfeatures.pipelines import validate_groups


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--codec", default="mini")
    codec = qt.load_codec(parser.parse_args().codec)
    clips, eras, tracks = [], [], []
    for path in qt.example_files():
        clip = qt.load_audio(path)
        for chain in RECORDING_CHAINS:
            clips.append((chain.apply(clip.y, clip.sr, key=path.stem), clip.sr))
            eras.append(chain.name)
            tracks.append(path.stem)
    codes = qt.CodeSequence(qt.QTokenizer(codec).encode(clips))
    settings = {
        "histogram": "histogram",
        "embedding, mean and standard deviation": qt.CodeEmbedding(),
        "embedding": "embedding",
        "both": "both",
    }
    print(f"Codec: {codec.spec.describe()}; {len(set(tracks))} tracks, {len(clips)} clips")
    print("\n| features | balanced accuracy |\n| --- | --- |")
    for name, features in settings.items():
        pipe = qt.make_era_classifier(codec, features=features)
        found = validate_groups(pipe, codes, eras, tracks)
        print(f"| {name} | {found.balanced_accuracy:.2f} |", flush=True)


if __name__ == "__main__":
    main()
