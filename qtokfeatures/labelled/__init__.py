"""Labelled codes: the Dataset, its schema, accessor, stores and cache."""

from __future__ import annotations

from qtokfeatures.labelled import schema
from qtokfeatures.labelled.build import build_codes
from qtokfeatures.labelled.sequence import CodeSequence, as_code_sequence
from qtokfeatures.labelled.spec import CodecSpec

__all__ = ["CodeSequence", "CodecSpec", "as_code_sequence", "build_codes", "schema"]
