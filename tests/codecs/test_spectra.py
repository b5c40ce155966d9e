"""Physics of the front end and the synthesis of mini."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from qtokfeatures.codecs.mini.config import MiniConfig
from qtokfeatures.codecs.mini.spectra import (
    STEP,
    SYNTHESIS_WINDOW,
    TAIL,
    FrontEnd,
    LevelScale,
    Synthesis,
    by_place,
    mel_bands,
    step_windows,
)

LADDER = LevelScale(MiniConfig())


def test_mel_filters_are_librosas():
    librosa = pytest.importorskip("librosa", reason="librosa (extra `eval`) is not installed")
    expected = librosa.filters.mel(sr=24_000, n_fft=1024, n_mels=80, norm=None).T
    np.testing.assert_allclose(mel_bands(1024, 80).numpy(), expected, atol=1e-5)


def test_spectra_of_a_signal_give_the_signal_back():
    y = torch.randn(1, 5 * 1920 + TAIL)
    padded = torch.nn.functional.pad(y, (0, SYNTHESIS_WINDOW - STEP - TAIL))
    pieces = by_place(padded.unfold(1, SYNTHESIS_WINDOW, STEP), step_windows())
    spectrum = torch.fft.rfft(pieces) * (4 / SYNTHESIS_WINDOW)
    found, _ = Synthesis()(torch.log(spectrum.abs()), torch.angle(spectrum))
    # The first 10 ms miss what a frame before would have reached into them.
    torch.testing.assert_close(found[:, TAIL:], y[:, TAIL : found.shape[1]], atol=1e-4, rtol=0)


def test_no_window_reaches_further_than_10_ms_into_the_next_frame():
    windows = step_windows()
    reach = [STEP * i + int(torch.nonzero(w > 1e-6).max()) for i, w in enumerate(windows)]
    assert max(reach) < 1920 + TAIL
    assert float(windows.max()) == 1.0


@pytest.mark.parametrize("level_db", [-90.0, -40.0, -6.0])
def test_the_level_of_a_frame_is_its_rms(level_db):
    rms = 10 ** (level_db / 20)
    y = torch.full((1, 1920), rms) * torch.where(torch.arange(1920) % 2 == 0, 1, -1)
    assert float(LADDER(y)) == pytest.approx(np.log(rms), abs=np.log(10) / 20 + 1e-4)


def test_silence_and_overload_end_at_the_ladders_ends():
    assert LADDER.index(torch.zeros(1, 1920)).item() == 0
    assert LADDER.index(torch.full((1, 1920), 1e6)).item() == 63


def test_features_do_not_change_with_a_gain_of_whole_steps():
    y = torch.randn(1, 5 * 1920) * 0.1
    quiet = y * 10 ** (-40 / 20)
    front = FrontEnd()
    loud_features, _ = front(y, LADDER(y))
    quiet_features, _ = front(quiet, LADDER(quiet))
    torch.testing.assert_close(loud_features, quiet_features, atol=1e-4, rtol=0)


def test_nothing_ahead_of_a_step_is_heard():
    y = torch.randn(1, 4 * 1920)
    changed = y.clone()
    changed[:, 2 * 1920 + STEP :] += 1.0
    level = LADDER(y)
    front = FrontEnd()
    before, after = front(y, level)[0], front(changed, level)[0]
    assert torch.equal(before[:, :17], after[:, :17])
    assert not torch.equal(before[:, 17], after[:, 17])
