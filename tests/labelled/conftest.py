"""A codec's spec, and codes made up for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import xarray as xr

from qtokfeatures.labelled import CodecSpec, build_codes


@pytest.fixture(scope="session")
def spec() -> CodecSpec:
    return CodecSpec("toy", "r1", 24000, 12.5, 1920, 4, 32, "f00d", 8)


@pytest.fixture(scope="session")
def make_codes(spec: CodecSpec) -> Callable[..., xr.Dataset]:
    """Return a maker of codes with clips of the given lengths."""

    def make(frames: Sequence[int] = (3, 1, 5), **options: Any) -> xr.Dataset:
        random = np.random.default_rng(sum(frames))
        clips = [
            random.integers(0, spec.codebook_size, (spec.n_codebooks, n), dtype=np.int16)
            for n in frames
        ]
        given = {
            "spec": spec,
            "n_samples": [1920 * n for n in frames],
            "sample_rates": [24000] * len(frames),
            "sources": [f"sounds/clip{index}.wav" for index in range(len(frames))],
            **options,
        }
        return build_codes(clips, **given)

    return make


@pytest.fixture
def codes(make_codes: Callable[..., xr.Dataset]) -> xr.Dataset:
    """Five clips with a label of every kind."""
    return make_codes(
        (3, 1, 5, 2, 4),
        labels={
            "instrument": ["flute", "", "oboe", "Flöte 笛", "flute"],
            "year": [1786, 1791, 1786, 2001, 0],
            "pitch": [440.0, np.nan, 261.6, 1e-300, -0.0],
            "live": [True, False, True, True, False],
            "recorded": np.array(
                ["2020-01-01", "NaT", "1999-12-31T23:59:59.123456789", "1700-01-01", "2262-01-01"],
                dtype="datetime64[ns]",
            ),
            "size (cm)": [1, 2, 3, 4, 5],
        },
    )


@pytest.fixture(scope="session")
def assert_same() -> Callable[[xr.Dataset, xr.Dataset], None]:
    """Return a check that two Datasets are the same bit for bit."""

    def types(attrs: dict[Any, Any]) -> dict[Any, type]:
        return {name: type(value) for name, value in attrs.items()}

    def check(left: xr.Dataset, right: xr.Dataset) -> None:
        xr.testing.assert_identical(left, right)
        assert set(left.coords) == set(right.coords)
        assert types(left.attrs) == types(right.attrs)
        for name in left.variables:
            one, other = left[name], right[name]
            assert one.dtype == other.dtype, name
            assert types(one.attrs) == types(other.attrs), name
            if one.dtype.kind in "iufM":
                assert one.values.tobytes() == other.values.tobytes(), name

    return check
