"""Tables, notes and JSON of every bench, as they were published."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from qtokfeatures.benches import Measured
from qtokfeatures.exceptions import InputError
from tests.benches import results

GOLDEN = Path(__file__).parent / "golden"
CODEC = replace(results.codec_result(), clips="Some clips.")
ROBUSTNESS = replace(results.robustness_result(), clips="Some clips.")
MUTE = replace(results.robustness_result(name="older", phones=False), clips="Some clips.")

PAGES: dict[str, Measured] = {
    "codec": CODEC,
    "codec-intervals": CODEC.published(),
    "digits": results.digit_result(),
    "stability": results.weighting_result(),
    "robustness": ROBUSTNESS,
    "robustness-before": replace(ROBUSTNESS, before=MUTE),
    "robustness-mute": replace(MUTE, before=ROBUSTNESS),
    "tasks": results.task_result(),
    "inverse": replace(results.inverse_result(), clips="Some clips."),
    "asr": results.asr_result(),
    "speed": results.speed_result(),
}
SUMMARIES = ("codec", "digits", "stability")
RESTORABLE = ("robustness", "robustness-mute", "tasks", "inverse", "speed")


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_the_published_one(name: str) -> None:
    golden = GOLDEN / f"{name}.md"
    assert PAGES[name].to_markdown("qtok bench") == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*SUMMARIES, "robustness", "tasks", "inverse", "speed"])
def test_json_is_the_published_one(name: str) -> None:
    golden = (GOLDEN / f"{name}.json").read_text(encoding="utf-8")
    stored = json.dumps(PAGES[name].to_dict(), allow_nan=False)
    assert json.loads(stored) == json.loads(golden)
    assert list(json.loads(stored)) == list(json.loads(golden))


@pytest.mark.parametrize("name", RESTORABLE)
def test_a_result_is_restored_from_its_json(name: str) -> None:
    result = PAGES[name]
    restored = type(result).from_dict(json.loads(json.dumps(result.to_dict(), allow_nan=False)))
    assert restored == result
    # Results set beside each other and descriptions of clips are not stored.
    shown = {key: getattr(result, key) for key in ("before", "clips") if hasattr(result, key)}
    assert replace(restored, **shown).to_markdown() == result.to_markdown()


@pytest.mark.parametrize("name", [*SUMMARIES, "asr"])
def test_a_summary_is_not_restored(name: str) -> None:
    result = PAGES[name]
    with pytest.raises(InputError, match=f"`qtok bench {result.bench}` is a summary"):
        type(result).from_dict(result.to_dict())


@pytest.mark.parametrize(
    "change",
    [
        {"flips": 3},
        {"chance": 1},
        {"n_clips": "many"},
        {"codec": {}},
        {"phones": [{"condition": "clean"}]},
        {"perplexity": [[]]},
    ],
)
def test_other_json_is_refused(change: dict) -> None:
    values = {**ROBUSTNESS.to_dict(), **change}
    with pytest.raises(InputError, match="expected what `qtok bench robustness --json` printed"):
        type(ROBUSTNESS).from_dict(values)


@pytest.mark.parametrize("values", [{}, [], "text", None])
def test_no_json_of_a_bench_is_refused(values: object) -> None:
    with pytest.raises(InputError, match="expected what `qtok bench speed --json` printed"):
        type(PAGES["speed"]).from_dict(values)


def test_results_with_nan_are_equal_only_where_the_rest_is() -> None:
    again = results.robustness_result(name="older", phones=False)
    assert math.isnan(again.phone_entropy)
    assert again == MUTE
    assert replace(again, n_clips=5) != MUTE
    assert replace(again, phone_entropy=1.0) != MUTE
    assert replace(again, phone_entropy=math.inf) != MUTE
    assert results.digit_result() == PAGES["digits"]
    assert PAGES["digits"] != PAGES["speed"]
