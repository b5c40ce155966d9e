"""scikit-learn's own checks of estimators, on clips of equal length."""

from __future__ import annotations

import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks

from qtokfeatures.estimators import CodeEmbedding, FrameFeatures, QTokenizer, TokenHistogram

CLIPS_MAY_DIFFER_IN_LENGTH = "clips may be longer or shorter than those of fit"
ANOTHER_MESSAGE = "refused, with a message that speaks of audio"
EXPECTED_TO_FAIL = {
    "check_n_features_in": CLIPS_MAY_DIFFER_IN_LENGTH,
    "check_n_features_in_after_fitting": CLIPS_MAY_DIFFER_IN_LENGTH,
    "check_transformer_general": CLIPS_MAY_DIFFER_IN_LENGTH,
    "check_estimators_dtypes": "int64 has no full scale, so it is no audio",
    "check_complex_data": ANOTHER_MESSAGE,
    "check_dtype_object": ANOTHER_MESSAGE,
    "check_estimators_empty_data_messages": ANOTHER_MESSAGE,
    "check_fit2d_predict1d": ANOTHER_MESSAGE,
}


@pytest.mark.filterwarnings("ignore")
def test_tokenizer(band_codec, monkeypatch) -> None:
    # A check compares parameters by joblib.hash, which pickles them.
    monkeypatch.setattr(type(band_codec), "__reduce__", lambda codec: (str, (codec.spec.name,)))
    if not hasattr(estimator_checks, "estimator_checks_generator"):
        pytest.skip("scikit-learn < 1.6 knows no expected failures")
    estimator_checks.check_estimator(
        QTokenizer(band_codec, features=TokenHistogram(bins=4)),
        expected_failed_checks=EXPECTED_TO_FAIL,
        on_skip=None,
    )


@pytest.mark.parametrize("transformer", [TokenHistogram(), CodeEmbedding(), FrameFeatures()])
def test_transformers_of_codes(transformer) -> None:
    name = type(transformer).__name__
    estimator_checks.check_no_attributes_set_in_init(name, transformer)
    estimator_checks.check_parameters_default_constructible(name, transformer)
    estimator_checks.check_get_params_invariance(name, transformer)
    estimator_checks.check_set_params(name, transformer)
    assert type(clone(transformer)) is type(transformer)
    assert repr(transformer) == f"{name}()"
