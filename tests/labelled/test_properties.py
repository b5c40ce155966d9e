from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from qtokfeatures.labelled import (
    CodecSpec,
    CodeSequence,
    build_codes,
    concat_codes,
    load_codes,
    unpad_codes,
)
from qtokfeatures.labelled.labels import clip_ids_from_sources

SPEC = CodecSpec("toy", "r1", 24000, 12.5, 1920, 3, 8, "f00d", 8)

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
label_values = {
    "text": texts,
    "whole": st.integers(-(2**63), 2**63 - 1),
    "real": st.floats(allow_nan=True, width=64),
    "truth": st.booleans(),
    "date": st.datetimes(datetime(1700, 1, 1), datetime(2262, 1, 1)),
}


@st.composite
def datasets(draw, max_clips=6):
    counts = draw(st.lists(st.integers(1, 7), max_size=max_clips))
    n_clips = len(counts)
    random = np.random.default_rng(draw(st.integers(0, 99)))

    def several(values):
        return draw(st.lists(values, min_size=n_clips, max_size=n_clips))

    kinds = draw(st.lists(st.sampled_from(sorted(label_values)), unique=True))
    return build_codes(
        [random.integers(0, 8, (3, n)) for n in counts],
        spec=SPEC,
        n_samples=[draw(st.integers(1, 1920 * n)) for n in counts],
        sample_rates=several(st.integers(24_000, 400_000)),
        sources=several(texts),
        labels={f"label {kind}": several(label_values[kind]) for kind in kinds},
    )


def same(left, right):
    assert left.identical(right)
    for name in left.variables:
        assert left[name].dtype == right[name].dtype
        if left[name].dtype.kind in "iufM":
            assert left[name].values.tobytes() == right[name].values.tobytes()


@settings(max_examples=10, deadline=None)
@given(datasets(), st.sampled_from(["codes.nc", "codes.zarr"]))
def test_saving_and_loading_changes_nothing(ds, name):
    with tempfile.TemporaryDirectory() as folder:
        same(load_codes(ds.qtok.save(Path(folder) / name)), ds)


@settings(max_examples=40, deadline=None)
@given(datasets(), st.data())
def test_concatenation_undoes_selection(ds, data):
    edges = sorted(data.draw(st.lists(st.integers(0, ds.qtok.n_clips), max_size=3)))
    bounds = zip([0, *edges], [*edges, ds.qtok.n_clips], strict=True)
    same(concat_codes([ds.qtok.sel_clips(slice(*bound)) for bound in bounds]), ds)


@settings(max_examples=40, deadline=None)
@given(datasets(), st.data())
def test_permuting_twice_restores(ds, data):
    order = np.array(data.draw(st.permutations(range(ds.qtok.n_clips))), dtype=int)
    same(ds.qtok.sel_clips(order).qtok.sel_clips(np.argsort(order)), ds)


@settings(max_examples=40, deadline=None)
@given(datasets())
def test_padding_loses_nothing(ds):
    same(unpad_codes(ds.qtok.padded()), ds)


@settings(max_examples=40, deadline=None)
@given(datasets())
def test_counts_add_up_to_frames_times_codebooks(ds):
    counts = ds.qtok.counts()
    assert int(counts.sum()) == ds.sizes["frame"] * ds.sizes["codebook"]
    assert (counts.sum("code") == ds["frame_count"]).all()


@settings(max_examples=40, deadline=None)
@given(datasets(), st.data())
def test_indexing_a_sequence_is_indexing_a_list(ds, data):
    sequence = CodeSequence(ds)
    clips = list(sequence)
    if clips:
        chosen = data.draw(st.lists(st.integers(-len(clips), len(clips) - 1), max_size=8))
        for one, index in zip(sequence[chosen], chosen, strict=True):
            np.testing.assert_array_equal(one, clips[index])
            np.testing.assert_array_equal(sequence[index], clips[index])
    bounds = st.none() | st.integers(-8, 8)
    part = slice(data.draw(bounds), data.draw(bounds), data.draw(st.sampled_from([None, 1, 2, -1])))
    for one, other in zip(sequence[part], clips[part], strict=True):
        np.testing.assert_array_equal(one, other)


@given(st.lists(st.text("ab/<#2", max_size=6), max_size=12))
def test_ids_are_unique_tails(sources):
    ids = clip_ids_from_sources(sources)
    assert len(set(ids)) == len(ids) == len(sources)
    assert all(ids)
