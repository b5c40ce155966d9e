"""Commands of benches: the same names, options and defaults as from Python."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from qtokfeatures.apps import cli_bench
from qtokfeatures.benches import run_bench
from qtokfeatures.benches.runs import BENCHES
from qtokfeatures.exceptions import InputError

COMMANDS = {command.name: command.callback for command in cli_bench.app.registered_commands}
SHARED = {"data", "card", "codec", "device", "as_json"}


def test_every_bench_has_a_command() -> None:
    assert list(COMMANDS) == list(BENCHES)


@pytest.mark.parametrize("name", BENCHES)
def test_a_command_has_the_options_and_defaults_of_its_bench(name: str) -> None:
    of_command = inspect.signature(COMMANDS[name]).parameters
    assert set(of_command) >= SHARED
    given = {key: each.default for key, each in of_command.items() if key not in SHARED}
    of_bench = inspect.signature(BENCHES[name]).parameters
    own = {
        key: each.default
        for key, each in of_bench.items()
        if key not in {"codec", "data", "on_progress"}
    }
    if "peers" in own:  # a switch on the command line
        assert (given.pop("peers"), own.pop("peers")) == (True, None)
    if "work" in own:
        given["work"] = str(given["work"])
    assert given == own


@pytest.mark.parametrize("name", BENCHES)
def test_help_names_the_options(qtok, name: str) -> None:
    shown = qtok("bench", name, "--help").out
    assert all(option in shown for option in ("--data", "--card", "--codec", "--json"))


def test_an_unknown_bench_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"no bench 'digit'; there are codec, asr, digits"):
        run_bench("digit", None)


def test_an_unknown_option_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="'stability' has no option seeds; there are per_digit"):
        run_bench("stability", None, seeds=3)


def test_an_earlier_result_is_read_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.json: cannot be read"):
        run_bench("robustness", None, before=tmp_path / "nowhere.json")
