"""Forms of X, and the errors for anything else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import xarray as xr

from qtokfeatures.audio import Excerpt, load_audio, write_audio
from qtokfeatures.estimators import OutOfDomainDetector, QTokenizer, TokenHistogram
from qtokfeatures.exceptions import AudioError, InputError
from qtokfeatures.labelled import CodeSequence

N_FEATURES = 3 * 8


@pytest.fixture
def tokenizer(band_codec) -> QTokenizer:
    return QTokenizer(band_codec, sr=24000, features=TokenHistogram(bins=8), cache=None)


class TestWhatXMayBe:
    def same_rows(self, tokenizer: QTokenizer, X, expected) -> None:
        np.testing.assert_array_equal(tokenizer.transform(X).values, expected.values)

    def test_every_kind_gives_the_same_rows(self, tokenizer, files, clips) -> None:
        expected = tokenizer.fit_transform(files)
        assert expected.shape == (8, N_FEATURES)
        kinds = {
            "paths": [Path(file) for file in files],
            "tuple": tuple(files),
            "generator": (file for file in files),
            "array": np.array(files),
            "objects": np.array(files, dtype=object),
            "column": np.array(files)[:, None],
            "series": pd.Series(files, index=range(10, 18)),
            "string series": pd.Series(files, dtype="string"),
            "index": pd.Index(files),
            "table": pd.DataFrame({"path": files}),
            "labelled": xr.DataArray(files, dims="clip"),
            "arrays": clips,
            "pairs": [(y, 24000) for y in clips],
            "bytes": [Path(file).read_bytes() for file in files],
            "clips": [load_audio(file) for file in files],
            "mixed": [files[0], (clips[1], 24000), *clips[2:]],
        }
        for X in kinds.values():
            self.same_rows(tokenizer, X, expected)

    def test_a_labelled_array_keeps_its_labels(self, tokenizer, clips) -> None:
        X = xr.DataArray(
            [y[:8000] for y in clips[:3]],
            dims=("take", "sample"),
            coords={
                "take": ["a", "b", "c"],
                "player": ("take", ["Ann", "Bo", "Ann"]),
                "source": ("take", ["x", "y", "z"]),
                "time": ("sample", np.arange(8000) / 24000),
            },
        )
        features = tokenizer.fit_transform(X)
        assert features["clip"].values.tolist() == ["a", "b", "c"]
        assert features["player"].values.tolist() == ["Ann", "Bo", "Ann"]
        assert "take" not in features.coords
        assert features["source"].values.tolist() != ["x", "y", "z"]
        numbered = tokenizer.transform(X.assign_coords(take=[7, 8, 9]))
        assert numbered["take"].values.tolist() == [7, 8, 9]
        drawn = tokenizer.transform(X[[0, 0, 2]])
        assert len(set(drawn["clip"].values.tolist())) == 3
        assert drawn["player"].values.tolist() == ["Ann", "Ann", "Ann"]
        silent = X.copy()
        silent[1] = np.nan
        with pytest.warns(UserWarning, match="'b'"):
            rest = tokenizer.set_params(on_error="nan").fit_transform(silent)
        assert rest["clip"].values.tolist() == ["a", "b", "c"]
        assert rest["player"].values.tolist() == ["Ann", "", "Ann"]

    def test_excerpts_and_channels_are_clips(self, tokenizer, tmp_path) -> None:
        rng = np.random.default_rng(0)
        stereo = rng.normal(0, 0.1, (48000, 2)) * [1, 0.01]
        path = str(write_audio(tmp_path / "stereo.wav", stereo.T, 24000, subtype="FLOAT"))
        X = [(path, 0.5, 1.0), Excerpt(path, 1.5), Excerpt(path, channel=1), (path, 0.5, 1.0)]
        features = tokenizer.fit_transform(X)
        np.testing.assert_allclose(features.duration, [0.5, 0.5, 2.0, 0.5])
        assert features["clip"].values.tolist() == [
            "stereo.wav#t=0.5,1",
            "stereo.wav#t=1.5",
            "stereo.wav#channel=1",
            "stereo.wav#t=0.5,1#2",
        ]
        mix = stereo.mean(axis=1).astype(np.float32)
        pairs = [(mix[12000:24000], 24000), (mix[36000:], 24000)]
        pairs += [(stereo[:, 1].astype(np.float32), 24000)]
        self.same_rows(tokenizer, pairs, features[:3])

    def test_a_text_index_names_the_clips(self, tokenizer, files) -> None:
        series = pd.Series(files[:2], index=["first", "second"])
        for X in (series, series.to_frame()):
            assert tokenizer.encode(X)["clip"].values.tolist() == ["first", "second"]
        repeated = series.iloc[[0, 1, 0]]
        assert tokenizer.encode(repeated)["clip"].values.tolist() == ["first", "second", "first#2"]
        numbered = pd.Series(files[:2], index=[7, 8])
        assert tokenizer.encode(numbered)["clip"].values.tolist() == ["clip0.wav", "clip1.wav"]

    def test_codes_pass_straight_through(self, tokenizer, codes, band_codec) -> None:
        features = tokenizer.fit_transform(codes)
        assert band_codec.n_encoded == 8
        assert features.kind.values.tolist() == ["tone", "noise"] * 4
        assert tokenizer.transform(CodeSequence(codes)[2:4]).identical(features[2:4])
        assert tokenizer.encode(codes) is codes

    def test_a_table_of_numbers_is_clips_of_equal_length(self, band_codec, clips) -> None:
        rows = np.stack([y[:8000] for y in clips])
        tokenizer = QTokenizer(band_codec, sr=16000, features=TokenHistogram(bins=8))
        features = tokenizer.fit_transform(rows)
        self.same_rows(tokenizer, rows.tolist(), features)
        self.same_rows(tokenizer, [(y, 16000) for y in rows], features)
        np.testing.assert_allclose(features.duration, 0.5)

    @pytest.mark.parametrize("kind", ["arrays", "table", "lists", "tensor", "labelled", "mixed"])
    def test_bare_arrays_need_a_rate(self, band_codec, clips, files, kind) -> None:
        torch = pytest.importorskip("torch")
        rows = np.stack([y[:8000] for y in clips])
        X = {
            "arrays": clips,
            "table": rows,
            "lists": rows[:2].tolist(),
            "tensor": torch.as_tensor(rows),
            "labelled": xr.DataArray(rows, dims=("clip", "sample")),
            "mixed": [files[0], clips[1]],
        }[kind]
        for estimator in (
            QTokenizer(band_codec, features=TokenHistogram(bins=8)),
            OutOfDomainDetector(reference="clips"),
        ):
            with pytest.raises(AudioError, match="does not say its sampling rate; pass sr="):
                estimator.fit(X)

    def test_torch_tensors(self, tokenizer, clips) -> None:
        torch = pytest.importorskip("torch")
        rows = torch.as_tensor(np.stack([y[:8000] for y in clips]))
        expected = tokenizer.fit_transform(rows.numpy())
        self.same_rows(tokenizer, rows, expected)
        self.same_rows(tokenizer, list(rows), expected)

    def test_a_table_of_objects_that_are_numbers(self, tokenizer, clips) -> None:
        rows = np.stack([y[:8000] for y in clips])
        expected = tokenizer.fit_transform(rows)
        self.same_rows(tokenizer, rows.astype(object), expected)

    def test_polars(self, tokenizer, files) -> None:
        polars = pytest.importorskip("polars")
        expected = tokenizer.fit_transform(files)
        table = polars.DataFrame({"path": files})
        self.same_rows(tokenizer, table, expected)
        self.same_rows(tokenizer, table["path"], expected)
        with pytest.raises(InputError, match=r"2 columns \(path, kind\)"):
            tokenizer.fit(table.with_columns(kind=polars.lit("noise")))

    def test_a_wrong_cell_is_a_type_error_too(self, tokenizer) -> None:
        with pytest.raises(TypeError, match=r"X\[0, 1\] is a set"):
            tokenizer.fit(np.array([[None, {1}]], dtype=object))

    def test_the_width_of_a_table_is_known_and_not_held_to(self, tokenizer, clips) -> None:
        rows = np.stack([y[:8000] for y in clips])
        assert tokenizer.fit(rows).n_features_in_ == 8000
        assert tokenizer.transform(rows[:, :4000]).shape == (8, N_FEATURES)
        assert not hasattr(tokenizer.fit(clips), "n_features_in_")

    @pytest.mark.parametrize(
        ("X", "message"),
        [
            ("a.wav", "put it in a list"),
            (Path("a.wav"), "put it in a list"),
            (b"RIFF", "put it in a list"),
            (np.zeros(24000), "one clip"),
            ((np.zeros(24000), 24000), "put it in a list"),
            (None, "got NoneType"),
            (3, "got int"),
            ([], "X holds no clips"),
            (
                pd.DataFrame({"path": ["a"], "kind": ["b"]}),
                r"2 columns \(path, kind\).*X\['path'\]",
            ),
            (pd.DataFrame(), "without columns"),
            (scipy.sparse.csr_array((2, 3)), "sparse matrix"),
            (np.array([["a", "b"]]), r"table of shape \(1, 2\)"),
            (np.array([["a", "b"]], dtype=object), r"table of shape \(1, 2\)"),
            (np.zeros(24000), "Reshape your data"),
            (np.zeros((2, 800), dtype=complex), "Complex data not supported"),
            (np.zeros((2, 0)), r"0 feature\(s\) \(shape=\(2, 0\)\).*a clip has one sample"),
            (np.array([[0.1, 0.2], [0.3, {}]], dtype=object), r"X\[1, 1\] is a dict: float"),
        ],
    )
    def test_what_is_no_list_of_clips_is_refused(self, tokenizer, X, message: str) -> None:
        with pytest.raises(InputError, match=message):
            tokenizer.fit(X)

    def test_the_input_is_left_alone(self, tokenizer, clips) -> None:
        before = [y.copy() for y in clips]
        tokenizer.fit_transform(clips)
        for one, other in zip(before, clips, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("n", [4, 16])
def test_labels_are_as_many_as_clips(band_codec, clips, n: int) -> None:
    with pytest.raises(InputError, match=f"y must have an entry for each of 8 clips, got {n}"):
        QTokenizer(band_codec, sr=24000).fit(clips, ["a"] * n)


def test_no_codes_are_no_clips(band_codec, clips) -> None:
    tokenizer = QTokenizer(band_codec, sr=24000, features="embedding")
    with pytest.raises(InputError, match="X holds no clips"):
        tokenizer.fit(CodeSequence(tokenizer.encode(clips))[[]])


def test_a_wide_table_is_not_listed_in_full(band_codec) -> None:
    table = pd.DataFrame(np.zeros((2, 400)), columns=[f"x{i}" for i in range(400)])
    with pytest.raises(InputError, match=r"table of 400 columns \(x0, .*, x9, …\)"):
        QTokenizer(band_codec, sr=24000).fit(table)


def test_a_list_of_samples_is_one_clip(band_codec) -> None:
    with pytest.raises(InputError, match=r"array of 3 numbers, which is one clip: pass \[X\]"):
        QTokenizer(band_codec, sr=24000).fit([0.0, 0.5, 0.1])
