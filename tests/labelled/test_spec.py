from __future__ import annotations

import json
import pickle
from dataclasses import FrozenInstanceError, replace

import pytest

from qtokfeatures.exceptions import CodecMismatchError, InputError, SchemaError
from qtokfeatures.labelled import CodecSpec


def test_attrs_round_trip_through_json(spec):
    assert CodecSpec.from_attrs(json.loads(json.dumps(spec.to_attrs()))) == spec


def test_spec_is_frozen_hashable_and_picklable(spec):
    with pytest.raises(FrozenInstanceError):
        spec.name = "other"
    assert hash(pickle.loads(pickle.dumps(spec))) == hash(spec)


def test_attrs_use_the_names_of_the_schema(spec):
    names = {"codec_name", "revision", "fingerprint", "frame_rate", "codebook_size"}
    assert names <= set(spec.to_attrs())


def test_same_fingerprint_matches_whatever_the_name_says(spec):
    spec.check_matches(replace(spec, name="/home/me/weights", revision="main"))
    spec.check_matches(spec.to_attrs())


@pytest.mark.parametrize("as_attrs", [True, False])
def test_mismatch_names_both_codecs(spec, as_attrs):
    other = replace(spec, name="Qwen/other", revision="r9", fingerprint="beef")
    with pytest.raises(CodecMismatchError, match=r"toy.*r1.*f00d.*Qwen/other.*r9.*beef") as caught:
        spec.check_matches(other.to_attrs() if as_attrs else other)
    assert isinstance(caught.value, ValueError)


def test_missing_attribute_is_named(spec):
    attrs = spec.to_attrs()
    del attrs["fingerprint"]
    with pytest.raises(SchemaError, match="'fingerprint' is missing"):
        CodecSpec.from_attrs(attrs)


def test_attribute_of_wrong_type_is_named(spec):
    with pytest.raises(SchemaError, match="'frame_rate' must be float, got 'fast'"):
        CodecSpec.from_attrs({**spec.to_attrs(), "frame_rate": "fast"})


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("n_codebooks", 0, "n_codebooks of codec 'toy' must be above 0"),
        ("frame_rate", -1.0, "frame_rate"),
        ("codebook_size", 40000, "int16 codes allow at most 32768"),
        ("fingerprint", "", "needs a fingerprint"),
        ("name", "", "needs a name"),
    ],
)
def test_impossible_values_are_refused(spec, field, value, message):
    with pytest.raises(InputError, match=message):
        replace(spec, **{field: value})


@pytest.mark.parametrize("name", ["sample_rate", "frame_rate", "hop_length", "codebook_size"])
def test_a_fingerprint_with_other_rates_is_refused(spec, name):
    forged = replace(spec, **{name: 2 * getattr(spec, name)})
    with pytest.raises(CodecMismatchError, match=f"{name} of toy .* the same fingerprint claim"):
        spec.check_matches(forged.to_attrs())
    spec.check_matches(replace(spec, revision="local"))
