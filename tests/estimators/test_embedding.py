from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from qtokfeatures.estimators import CodeEmbedding, FrameFeatures
from qtokfeatures.exceptions import CodecMismatchError, InputError, NotFittedError
from qtokfeatures.features import pool_frames
from qtokfeatures.labelled import CodeSequence


def embedded(codes, band_codec) -> list[np.ndarray]:
    return [band_codec.embed(clip) for clip in CodeSequence(codes)]


def test_mean_and_std_of_the_frames(codes, band_codec) -> None:
    features = CodeEmbedding().fit_transform(codes)
    expected = [
        np.concatenate([frames.mean(axis=0), frames.std(axis=0)])
        for frames in embedded(codes, band_codec)
    ]
    np.testing.assert_allclose(features.values, expected, atol=1e-6)
    assert features.dtype == np.float32


def test_features_say_where_they_come_from(codes) -> None:
    features = CodeEmbedding(pooling=["max", "delta"]).fit_transform(codes)
    assert features.statistic.values.tolist() == ["max"] * 8 + ["delta"] * 8
    assert features.dimension.values.tolist() == [*range(8), *range(8)]
    assert features.feature.values[[0, 15]].tolist() == ["max_0", "delta_7"]
    assert features.kind.values.tolist() == ["tone", "noise"] * 4


def test_segments_keep_the_order_of_sounds(codes, band_codec) -> None:
    features = CodeEmbedding(segments=3).fit_transform(codes)
    expected = [pool_frames(frames, segments=3) for frames in embedded(codes, band_codec)]
    np.testing.assert_array_equal(features.values, expected)
    assert features.statistic.values.tolist() == ["mean"] * 24 + ["std"] * 8
    assert features.segment.values[::8].tolist() == [0, 1, 2, -1]
    assert features.feature.values[[0, 23, 31]].tolist() == [
        "mean_segment0_0",
        "mean_segment2_7",
        "std_7",
    ]


def test_a_wrong_number_of_segments_is_refused_by_fit(codes) -> None:
    with pytest.raises(InputError, match=r"segments must be a whole number.*got 0"):
        CodeEmbedding(segments=0).fit(codes)


def test_only_some_codebooks(codes, band_codec) -> None:
    features = CodeEmbedding(codebooks=[1], pooling="mean").fit_transform(codes)
    expected = [band_codec.embed(clip, codebooks=[1]).mean(axis=0) for clip in CodeSequence(codes)]
    np.testing.assert_allclose(features.values, expected, atol=1e-6)


def test_each_codebook_by_itself(codes) -> None:
    apart = CodeEmbedding(codebooks=[0, 2], combine="concatenate", segments=2)
    features = apart.fit_transform(codes)
    parts = [CodeEmbedding(codebooks=[k], segments=2).fit_transform(codes) for k in (0, 2)]
    np.testing.assert_array_equal(features.values, np.concatenate(parts, axis=1))
    assert features.codebook.values.tolist() == [0] * 24 + [2] * 24
    assert features.segment.values.tolist() == 2 * parts[0].segment.values.tolist()
    assert features.feature.values[[0, 47]].tolist() == [
        "codebook0_mean_segment0_0",
        "codebook2_std_7",
    ]


def test_means_of_the_codebooks_sum_to_the_mean_of_the_sum(codes) -> None:
    apart = CodeEmbedding(pooling="mean", combine="concatenate").fit_transform(codes)
    summed = CodeEmbedding(pooling="mean").fit_transform(codes)
    total = apart.values.reshape(8, 3, 8).sum(axis=1)
    np.testing.assert_allclose(total, summed.values, atol=1e-5)


def test_quantiles_say_where_they_come_from(codes, band_codec) -> None:
    features = CodeEmbedding(pooling=["q10", "q90"]).fit_transform(codes)
    expected = np.quantile(embedded(codes, band_codec)[3], 0.9, axis=0)
    np.testing.assert_allclose(features.values[3, 8:], expected, atol=1e-6)
    assert features.statistic.values[[0, 8]].tolist() == ["q10", "q90"]


def test_loud_statistics_use_the_levels_in_the_codes(codes, band_codec) -> None:
    features = CodeEmbedding(pooling=("mean", "loudest")).fit_transform(codes)
    first = band_codec.embed(next(iter(CodeSequence(codes))))
    loudest = first[np.argmax(first.mean(axis=1))]
    np.testing.assert_allclose(features[0].sel(feature=features.statistic == "loudest"), loudest)


def test_another_way_to_combine_is_refused_by_fit(codes) -> None:
    with pytest.raises(InputError, match="combine must be 'sum' or 'concatenate', got 'stack'"):
        CodeEmbedding(combine="stack").fit(codes)


def test_rows_do_not_depend_on_the_other_clips(codes) -> None:
    embedding = CodeEmbedding().fit(codes)
    some = embedding.transform(CodeSequence(codes)[[5, 1]])
    np.testing.assert_array_equal(some.values, embedding.transform(codes).values[[5, 1]])


def test_a_wrong_statistic_is_refused(codes) -> None:
    with pytest.raises(InputError, match=r"names of mean, std.*got 'sum'"):
        CodeEmbedding(pooling="sum").fit(codes)


def test_transform_before_fit(codes) -> None:
    with pytest.raises(NotFittedError, match="CodeEmbedding is not fitted"):
        CodeEmbedding().transform(codes)


def test_codes_of_another_codec_are_refused(codes, make_band_codec) -> None:
    other = make_band_codec("bands-2")
    with pytest.raises(CodecMismatchError, match="bands-2"):
        CodeEmbedding(codec=other).fit(codes)


def test_a_pickle_finds_the_codec_again(codes, band_codec) -> None:
    embedding = CodeEmbedding(codec=band_codec).fit(codes)
    stored = pickle.dumps(embedding)
    assert len(stored) < 2_000
    assert pickle.loads(stored).transform(codes).identical(embedding.transform(codes))
    assert clone(embedding).codec is band_codec


def test_frames_one_after_another(codes, band_codec) -> None:
    frames = FrameFeatures().fit_transform(codes)
    assert frames.dims == ("frame", "feature")
    np.testing.assert_array_equal(frames.values, np.concatenate(embedded(codes, band_codec)))
    np.testing.assert_array_equal(frames.clip_index, codes.clip_index)
    np.testing.assert_array_equal(frames.time, codes.time)
    assert frames["clip"].values[-1] == codes["clip"].values[-1]


def test_frames_padded_to_the_longest_clip(codes, band_codec) -> None:
    padded = FrameFeatures(padded=True).fit_transform(codes)
    assert padded.dims == ("clip", "frame", "feature")
    for clip, frames in zip(padded, embedded(codes, band_codec), strict=True):
        np.testing.assert_array_equal(clip.values[: len(frames)], frames)
        assert np.isnan(clip.values[len(frames) :]).all()
    assert padded.kind.values.tolist() == ["tone", "noise"] * 4


def test_names_of_frame_features(codes) -> None:
    features = FrameFeatures().fit(codes)
    assert features.get_feature_names_out()[[0, 7]].tolist() == ["embedding_0", "embedding_7"]
    assert features.transform(codes).feature.values[7] == "embedding_7"
