"""Make the reference of ``mini`` that OutOfDomainDetector compares clips with.

To be run whenever the weights change; writes ``qtokfeatures/codecs/mini/mini_domain.safetensors``,
which holds statistics only::

    python scripts/make_domain_reference.py              # the recordings that QTOK_SHARED names
    python scripts/make_domain_reference.py FOLDER       # another folder with manifest.csv
"""

from __future__ import annotations

import sys
from pathlib import Path

from qtokfeatures import load_codec
from qtokfeatures.audio import load_audio
from qtokfeatures.benches import ClipSelection, find_shared_audio, select_clips
from qtokfeatures.estimators.domain_reference import DomainReference, bundled_path
from qtokfeatures.examples_audio import example_file, example_labels

PER_KIND = 150


def main(folder: str | None = None) -> None:
    """Measure recordings of the kinds that mini was trained on, and write the reference."""
    codec = load_codec("mini")
    selection = ClipSelection(split="train", per_kind=PER_KIND, longer_than_s=0.3, without=())
    root = Path(folder) if folder else find_shared_audio()
    found = select_clips(root, selection, sr=codec.spec.sample_rate)
    labels = example_labels()
    spoken = [load_audio(example_file(name)) for name in labels["file"][labels["kind"] == "speech"]]
    clips = [*(load_audio((clip.y, clip.sr)) for clip in found), *spoken]
    # Synthesised speech is a kind of its own: its tokens are not those of people.
    kinds = [clip.kind for clip in found] + ["synthesised speech"] * len(spoken)
    origin = f"{len(found)} recordings. {selection.describe()} And the bundled speech."
    reference = DomainReference.of_clips(clips, codec, origin=origin, kinds=kinds)
    reference.save(bundled_path())
    print(origin, reference.typical, reference.limit)


if __name__ == "__main__":
    main(*sys.argv[1:])
