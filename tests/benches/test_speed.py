from __future__ import annotations

import time

import numpy as np
import pytest

from qtokfeatures.benches import BenchClip
from qtokfeatures.benches.speed.timing import Coder, measure_speed, timing_signal
from qtokfeatures.exceptions import InputError


def test_speed_is_the_time_taken_per_second_of_audio():
    slow = Coder(lambda y: time.sleep(0.02), lambda payload: time.sleep(0.04))
    (speed,) = measure_speed({"slow": slow}, np.zeros(200, np.float32), 100, repeats=1)
    assert speed.name == "slow"
    assert speed.encode == pytest.approx(0.01, rel=0.5)
    assert speed.decode == pytest.approx(0.02, rel=0.5)


def test_coders_take_turns_and_the_first_turn_is_not_timed():
    calls: list[str] = []
    coders = {
        name: Coder(lambda y, name=name: calls.append(name), lambda payload: None)
        for name in ("a", "b")
    }
    measure_speed(coders, np.zeros(10, np.float32), 10, repeats=2)
    assert calls == ["a", "b"] * 3


def test_short_clips_are_repeated_to_the_length_wanted():
    clip = BenchClip("c", "music", np.array([1, 2, 3], np.float32), 2)
    assert timing_signal([clip], duration_s=4.0).tolist() == [1, 2, 3, 1, 2, 3, 1, 2]


def test_no_turn_is_refused():
    with pytest.raises(InputError, match="repeats must be 1 or more"):
        measure_speed({}, np.zeros(1, np.float32), 1, repeats=0)
