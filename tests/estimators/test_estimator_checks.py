"""scikit-learn's own checks of estimators that take tables of numbers.

To have another estimator checked, add it to ``ESTIMATORS``; what it cannot do and why goes into
``EXPECTED_FAILURES``, at most three checks each.
"""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from sklearn.utils import estimator_checks

from qtokfeatures.estimators import OutOfDomainDetector, QTokenizer, TokenHistogram

if not hasattr(estimator_checks, "estimator_checks_generator"):
    pytest.skip("scikit-learn < 1.6 knows no expected failures", allow_module_level=True)

#: One of each class. Rows of numbers are clips of equal length to those that take audio.
ESTIMATORS = [
    QTokenizer(sr=24000, features=TokenHistogram(codebooks=1, bins=4)),
    # By mini's own reference all clips of a few random samples are outliers.
    OutOfDomainDetector(sr=24000, reference="clips", contamination=0.1),
]

CLIPS_DIFFER_IN_LENGTH = "transform takes clips that are longer or shorter than those of fit"
INT64_IS_NO_AUDIO = "int64 has no full scale, so it is no audio"
EXPECTED_FAILURES: dict[str, dict[str, str]] = {
    "QTokenizer": {
        "check_n_features_in_after_fitting": CLIPS_DIFFER_IN_LENGTH,
        "check_transformer_general": CLIPS_DIFFER_IN_LENGTH,
        "check_estimators_dtypes": INT64_IS_NO_AUDIO,
    },
    "OutOfDomainDetector": {
        "check_classifier_data_not_an_array": INT64_IS_NO_AUDIO,
        "check_estimators_dtypes": INT64_IS_NO_AUDIO,
    },
}

SLOW_CHECKS = ("check_outliers_train", "check_outliers_fit_predict")

MOST_EXPECTED_FAILURES = 3
FEWEST_CHECKS = 40


def expected_failures(estimator: Any) -> dict[str, str]:
    return EXPECTED_FAILURES.get(type(estimator).__name__, {})


def names_of_checks(estimator: Any) -> list[str]:
    """Name the checks that scikit-learn has for an estimator with its tags."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        checks = estimator_checks.estimator_checks_generator(estimator, legacy=True)
        return [getattr(check, "func", check).__name__ for _, check in checks]


@pytest.mark.filterwarnings("ignore")
@estimator_checks.parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_as_scikit_learn_wants_it(estimator: Any, check: Any, request: Any) -> None:
    name = getattr(check, "func", check).__name__
    if name in SLOW_CHECKS and not request.config.getoption("--slow"):
        pytest.skip(f"slow: {name} decodes 300 clips several times; runs with --slow")
    check(estimator)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_many_checks_are_collected_and_few_may_fail(estimator: Any) -> None:
    collected, expected = names_of_checks(estimator), expected_failures(estimator)
    assert len(collected) >= FEWEST_CHECKS
    assert len(expected) <= MOST_EXPECTED_FAILURES
    assert expected.keys() <= set(collected), "an expected failure that is no check"
    assert all(expected.values()), "an expected failure without a reason"


def test_the_table_names_only_estimators_that_are_checked() -> None:
    assert EXPECTED_FAILURES.keys() <= {type(estimator).__name__ for estimator in ESTIMATORS}
