from __future__ import annotations

import io
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from qtokfeatures.benches import Codec2, GriffinLim, Opus
from qtokfeatures.benches.peers import packet_sizes, run_tool
from qtokfeatures.evaluation import align, find_lag
from qtokfeatures.evaluation.scores import score_reconstruction
from qtokfeatures.exceptions import CodecError, InputError

SR = 24_000


@pytest.fixture(params=[Opus(), Codec2(), GriffinLim(n_iter=8)], ids=lambda it: type(it).__name__)
def peer(request):
    if reason := request.param.missing():
        pytest.skip(reason)
    return request.param


def test_a_peer_gives_back_sound_like_its_input(peer, speech):
    y_hat = peer.decode(peer.encode(speech, SR), SR)
    assert y_hat.dtype == np.float32
    assert len(y_hat) >= len(speech)
    lag = find_lag(np.abs(speech), np.abs(y_hat)) if peer.delays else 0
    assert 0 <= lag < 1200
    close = score_reconstruction(speech, align(y_hat, lag, len(speech)), SR)
    silent = score_reconstruction(speech, np.zeros_like(speech), SR)
    assert close["log_mel"] < 0.5 * silent["log_mel"]


def test_a_peer_has_a_name_and_a_note(peer):
    assert peer.name
    assert peer.note


def test_opus_bits_are_those_of_the_packets(speech):
    opus = Opus(kbit_s=32)
    if reason := opus.missing():
        pytest.skip(reason)
    payload = opus.encode(np.tile(speech, 3), SR)
    kbit_s = opus.n_bits(payload) / 6 / 1000
    assert kbit_s == pytest.approx(32, rel=0.3)
    assert opus.n_bits(payload) < 8 * len(payload)


def test_codec2_sends_its_nominal_rate(speech):
    codec2 = Codec2()
    if reason := codec2.missing():
        pytest.skip(reason)
    assert codec2.n_bits(codec2.encode(speech, SR)) / 2.0 == 2400


def test_griffin_lim_is_not_quantised(speech):
    peer = GriffinLim(n_iter=1)
    assert peer.n_bits(peer.encode(speech, SR)) is None


@pytest.mark.parametrize(
    ("peer", "package"), [(Opus(), "opus-tools"), (Codec2(), "codec2")], ids=["Opus", "Codec2"]
)
def test_a_missing_tool_is_named_with_its_package(peer, package, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda tool: None)
    assert peer.missing().endswith(f"not found: install {package}")


def test_a_missing_librosa_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "qtokfeatures[eval]" in GriffinLim().missing()


def test_peers_are_values():
    assert replace(Opus(), kbit_s=8.0) == Opus(8.0)
    assert Opus(8.0).name == "Opus, asked for 8 kbit/s"


def test_errors_of_tools_are_reported():
    with pytest.raises(CodecError, match=r"no-such-tool did not run"):
        run_tool(["no-such-tool"])
    with pytest.raises(CodecError, match="failed with 3: broken"):
        run_tool(["sh", "-c", "echo broken >&2; exit 3"])
    with pytest.raises(CodecError, match=r"did not run.*timed out"):
        run_tool(["sleep", "5"], timeout_s=0.1)


def test_ogg_packets_of_another_codec_are_counted_too(speech):
    file = io.BytesIO()
    soundfile.write(file, speech, SR, format="OGG", subtype="VORBIS")
    sizes = packet_sizes(file.getvalue())
    assert sizes[0] == 30  # the identification header of Vorbis
    assert sum(sizes) < len(file.getvalue())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"RIFF" + bytes(40), "no Ogg page at byte 0"),
        (b"OggS", "no Ogg page at byte 0"),
        (b"OggS" + bytes(22) + bytes([1, 9]) + bytes(4), "ends 5 bytes after the data"),
    ],
)
def test_what_is_not_ogg_is_refused(data, message):
    with pytest.raises(InputError, match=message):
        packet_sizes(data)
