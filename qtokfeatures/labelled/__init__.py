"""Labelled codes: the Dataset, its schema, accessor, stores and cache.

Importing this room registers the accessor ``Dataset.qtok``.
"""

from __future__ import annotations

from qtokfeatures.labelled import schema
from qtokfeatures.labelled.accessor import CodesAccessor
from qtokfeatures.labelled.build import build_codes
from qtokfeatures.labelled.cache import CodeCache, FolderCache, MemoryCache, NoCache, resolve_cache
from qtokfeatures.labelled.concat import concat_codes
from qtokfeatures.labelled.features import feature_array
from qtokfeatures.labelled.sequence import CodeSequence, as_code_sequence
from qtokfeatures.labelled.spec import CodecSpec
from qtokfeatures.labelled.stores import append_codes, load_codes, save_codes
from qtokfeatures.labelled.views import unpad_codes

__all__ = [
    "CodeCache",
    "CodeSequence",
    "CodecSpec",
    "CodesAccessor",
    "FolderCache",
    "MemoryCache",
    "NoCache",
    "append_codes",
    "as_code_sequence",
    "build_codes",
    "concat_codes",
    "feature_array",
    "load_codes",
    "resolve_cache",
    "save_codes",
    "schema",
    "unpad_codes",
]
