"""Tables, notes and JSON of every bench, as they were published."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qtokfeatures.benches.asr.tables import asr_notes, asr_tables
from qtokfeatures.benches.codec.tables import bench_markdown
from qtokfeatures.benches.digits.tables import digit_notes, digit_tables
from qtokfeatures.benches.digits.weighting import weighting_notes, weighting_tables
from qtokfeatures.benches.inverse import inverse_notes, inverse_tables
from qtokfeatures.benches.robustness.tables import robustness_notes, robustness_tables
from qtokfeatures.benches.speed.tables import folder_notes, folder_tables
from qtokfeatures.benches.tasks.tables import task_notes, task_tables
from qtokfeatures.evaluation.tables import to_markdown
from tests.benches import results

GOLDEN = Path(__file__).parent / "golden"
BY = {"command": "qtok bench"}
CLIPS = {"clips": "Some clips."}


def robustness_page(result: Any, before: Any = None) -> str:
    tables = robustness_tables(result, before=before)
    return to_markdown(tables, robustness_notes(result, before=before, **CLIPS, **BY))


def pages() -> dict[str, Callable[[], str]]:
    codec, robust = results.codec_result(), results.robustness_result()
    mute = results.robustness_result(name="older", phones=False)
    digits, weighting = results.digit_result(), results.weighting_result()
    tasks, inverse = results.task_result(), results.inverse_result()
    asr, speed = results.asr_result(), results.speed_result()
    return {
        "codec": lambda: bench_markdown(codec, **CLIPS, **BY),
        "codec-intervals": lambda: bench_markdown(codec, intervals=True, **CLIPS, **BY),
        "digits": lambda: to_markdown(digit_tables(digits), digit_notes(digits, **BY)),
        "stability": lambda: to_markdown(
            weighting_tables(weighting), weighting_notes(weighting, **BY)
        ),
        "robustness": lambda: robustness_page(robust),
        "robustness-before": lambda: robustness_page(robust, mute),
        "robustness-mute": lambda: robustness_page(mute, robust),
        "tasks": lambda: to_markdown(task_tables(tasks), task_notes(tasks, **BY)),
        "inverse": lambda: to_markdown(
            inverse_tables(inverse), inverse_notes(inverse, **CLIPS, **BY)
        ),
        "asr": lambda: to_markdown(asr_tables(asr), asr_notes(asr, **BY)),
        "speed": lambda: to_markdown(folder_tables(speed), folder_notes(speed, **BY)),
    }


STORED = {
    "codec": results.codec_result,
    "digits": results.digit_result,
    "stability": results.weighting_result,
    "robustness": results.robustness_result,
    "tasks": results.task_result,
    "inverse": results.inverse_result,
    "speed": results.speed_result,
}


@pytest.mark.parametrize("name", pages())
def test_the_page_is_the_published_one(name: str) -> None:
    golden = GOLDEN / f"{name}.md"
    assert pages()[name]() == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", STORED)
def test_json_is_the_published_one(name: str) -> None:
    golden = (GOLDEN / f"{name}.json").read_text(encoding="utf-8")
    # Through JSON: keys become text, tuples lists.
    assert json.loads(json.dumps(STORED[name]().to_dict())) == json.loads(golden)
