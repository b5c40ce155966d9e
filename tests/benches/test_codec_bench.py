from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from rich.console import Console

from qtokfeatures.benches import BenchClip
from qtokfeatures.benches.codec.bench import bench_codec
from qtokfeatures.benches.codec.ranking import rank_clips
from qtokfeatures.evaluation.scores import FLOOR, LAG, LOG_MEL, PESQ_WB, SI_SDR, STOI
from qtokfeatures.exceptions import InputError, MissingExtraError

SR = 24_000


@dataclass(frozen=True)
class LateCopy:
    """A peer that changes nothing but comes late."""

    lag: int = 37
    reason: str = ""
    name: str = "late copy"
    note: str = "adds nothing but a delay"
    delays: bool = True

    def missing(self) -> str:
        return self.reason

    def encode(self, y, sr):
        return y.astype("<f4").tobytes()

    def decode(self, payload, sr):
        return np.pad(np.frombuffer(payload, "<f4"), (self.lag, 0))

    def n_bits(self, payload):
        return 8 * len(payload)


@pytest.fixture(scope="module")
def result(codec, clips):
    peers = [LateCopy(), replace(LateCopy(), name="absent", reason="no such tool")]
    return bench_codec(codec, clips=clips, n_codebooks=(1, 16, 99), peers=peers, timed_s=0.5)


def test_prefixes_come_from_most_to_fewest_and_peers_after_them(result):
    assert [system.name for system in result.systems] == [
        "mini-random, 16 codebooks",
        "mini-random, 1 codebook",
        "late copy",
    ]
    assert [system.kbit_s for system in result.systems] == pytest.approx([2.2, 0.1375, 768])


def test_every_clip_is_scored_by_every_system(result, clips):
    for system in (*result.systems, result.quiet):
        assert [score.clip for score in system.scores] == [clip.name for clip in clips]
    assert result.kinds == {"speech": 2, "environment": 1}
    assert result.duration_s == pytest.approx(4.2)


def test_a_peers_delay_is_taken_out(result):
    copy = result.system("late copy")
    assert copy.lag == 37
    assert copy.summary(LOG_MEL) == 0
    assert copy.summary(PESQ_WB, "speech") == pytest.approx(4.64, abs=0.01)


def test_speech_metrics_belong_to_speech(result):
    system = result.systems[0]
    assert len(system.values(STOI, "speech")) == 2
    assert not np.isnan(system.values(STOI, "speech")).any()
    assert math.isnan(system.summary(STOI, "environment"))


def test_a_summary_is_the_mean_over_clips_and_lies_in_its_interval(result):
    system = result.systems[0]
    values = system.values(LOG_MEL, "speech")
    assert system.summary(LOG_MEL, "speech") == pytest.approx(np.mean(values))
    low, high = system.interval(LOG_MEL, "speech")
    assert low <= np.mean(values) <= high
    assert system.summary(SI_SDR) == pytest.approx(np.median(system.values(SI_SDR)))


def test_the_distance_is_that_of_the_decoded_prefix(result, codec, clips):
    codes = codec.encode(clips[0].y, sr=SR)
    y_hat, _ = codec.decode(codes[:1], length=len(clips[0].y))
    (ranked,) = rank_clips(codec, clips[:1], n_codebooks=1)
    np.testing.assert_array_equal(ranked.y_hat, y_hat)
    assert ranked.score == result.systems[1].scores[0].values["log_mel"]


def test_codes_are_counted_over_all_clips(result, codec, clips):
    frames = sum(codec.encode(clip.y, sr=SR).shape[1] for clip in clips)
    assert result.code_use.n_frames == frames
    assert len(result.code_use.codes_used) == 16


def test_the_quiet_input_is_scaled_back_before_measuring(codec, clips):
    result = bench_codec(
        codec, clips=clips[2:], n_codebooks=[16], peers=[], quiet_db=0.0, timed_s=0.1, threads=(1,)
    )
    assert result.quiet_ratio(LOG_MEL) == pytest.approx(1.0)
    for quiet, loud in zip(result.quiet.scores, result.systems[0].scores, strict=True):
        for key in ("log_mel", "log_stft", "si_sdr"):
            assert quiet.values[key] == loud.values[key]


def test_speed_is_positive_and_of_codec_and_peers(result):
    assert [speed.name for speed in result.speeds] == [
        "mini-random, 1 thread",
        "mini-random, 2 threads",
        "late copy",
    ]
    assert all(speed.encode > 0 and speed.decode > 0 for speed in result.speeds)


def test_a_missing_peer_is_named_with_its_reason(result):
    assert result.skipped == {"absent": "no such tool"}
    assert "- absent was left out: no such tool." in result.to_markdown()


def test_json_holds_everything_and_no_nan(result):
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    speech = plain["systems"][0]["summary"]["speech"]
    assert speech["log_mel"]["mean"] == result.systems[0].summary(LOG_MEL, "speech")
    assert len(speech["stoi"]["interval_95"]) == 2
    assert "stoi" not in plain["systems"][0]["summary"]["environment"]
    assert plain["systems"][2]["summary"]["environment"]["log_mel"]["interval_95"] == [None, None]
    assert plain["quiet"]["level_db"] == -40
    assert len(plain["systems"][0]["clips"]) == 3


def test_markdown_holds_every_table_the_command_and_the_delay(result):
    page = replace(result, clips="Some clips.").to_markdown("qtok bench codec")
    assert "| log-mel | kbit/s | speech | environment | STOI | PESQ-WB |" in page
    assert "| mini-random, 16 codebooks | 2.20 |" in page
    assert "| late copy | 768.00 | 0.000 | 0.000 | 1.000 | 4.64 |" in page
    assert "Input at −40 dB" in page
    assert "Made by `qtok bench codec`." in page
    assert "Some clips. 3 clips (2 speech, 1 environment), 4 s together." in page
    assert "adds nothing but a delay; 1.54 ms of delay taken out" in page
    assert "fingerprint `" in page


def test_intervals_are_shown_on_request(result):
    assert " ±" not in result.to_markdown().split("SI-SDR")[0].split("Delay")[0]
    page = result.published().to_markdown()
    assert "| late copy | 768.00 | 0.000 ±0.000 | 0.000 |" in page  # of one clip there is none
    assert "half the width of the 95 % bootstrap interval" in page


def test_speech_has_its_own_use_of_codes(result, codec, clips):
    frames = sum(codec.encode(clip.y, sr=SR).shape[1] for clip in clips[:2])
    assert result.speech_code_use.n_frames == frames
    assert "| codebook | codes used | perplexity | perplexity on speech |" in result.to_markdown()


def test_lag_and_noise_floor_of_codec_and_peers(result):
    copy = result.system("late copy")
    assert copy.values(LAG) == pytest.approx([0, 0, 0], abs=1)
    # Nothing changed but the last samples, which came too late.
    assert copy.values(FLOOR)[:2] == pytest.approx([0, 0], abs=0.01)
    page = result.to_markdown()
    assert "| late copy | 0 ±0 | 0 | 3 | 0 | 0.0" in page
    table = page.split("**Delay, and noise in silent stretches**")[1].split("**")[0]
    assert "mini-random, 16 codebooks" in table
    assert "mini-random, 1 codebook" not in table


def test_four_codebooks_are_set_against_sixteen(codec, clips):
    noises = [clips[2], BenchClip("four", "environment", clips[2].y[::-1].copy(), SR)]
    result = bench_codec(
        codec, clips=noises, n_codebooks=(16, 4), peers=[], timed_s=0.1, threads=(1,)
    )
    ratio, (low, high) = result.prefix_ratio(4, LOG_MEL, "environment")
    means = [system.summary(LOG_MEL, "environment") for system in result.systems]
    assert ratio == pytest.approx(means[1] / means[0])
    assert low <= ratio <= high
    assert math.isnan(result.prefix_ratio(8, LOG_MEL)[0])
    page = result.published().to_markdown()
    assert "**Distance with 4 codebooks as a multiple of that with 16**" in page
    assert f"| log-mel | {ratio:.2f} ±" in page


def test_refined_codes_have_a_row_and_a_speed_of_their_own(codec, clips):
    result = bench_codec(
        codec, clips=clips[2:], n_codebooks=(16, 1), refine=2, peers=[], timed_s=0.2, threads=(1,)
    )
    name = "mini-random, 16 codebooks, refine=2"
    assert [system.name for system in result.systems][2:] == [name]
    plain, refined = (result.systems[i].summary(LOG_MEL, "environment") for i in (0, 2))
    assert refined <= plain
    assert result.systems[2].kbit_s == result.systems[0].kbit_s
    assert "mini-random, refine=2, 1 thread" in [speed.name for speed in result.speeds]
    page = result.to_markdown()
    table = page.split("**Delay, and noise in silent stretches**")[1].split("**")[0]
    assert name in table


@pytest.mark.parametrize("refine", [-3, 0.5])
def test_a_bad_number_of_steps_costs_no_time(codec, clips, refine):
    seen = []
    with pytest.raises(InputError, match="refine must be a whole number"):
        bench_codec(codec, clips=clips, refine=refine, on_progress=lambda *told: seen.append(told))
    assert seen == []


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_shows_whole_numbers_at_any_width(result, width):
    screen = io.StringIO()
    result.print(Console(file=screen, width=width))
    shown = screen.getvalue()
    assert "…" not in shown
    assert "768.00" in shown
    assert "Speed" in shown


def test_sounds_without_speech_need_no_speech_metrics(codec, clips, monkeypatch):
    for package in ("pystoi", "pesq"):
        monkeypatch.setitem(__import__("sys").modules, package, None)
    result = bench_codec(
        codec, clips=clips[2:], n_codebooks=[2], peers=[], timed_s=0.1, threads=(1,)
    )
    assert "STOI |" not in result.to_markdown()
    with pytest.raises(MissingExtraError, match="STOI on speech needs pystoi"):
        bench_codec(codec, clips=clips, peers=[])


def test_progress_runs_from_zero_to_all(codec, clips):
    seen = []
    bench_codec(
        codec, clips=clips[2:], n_codebooks=[1], peers=[LateCopy()], timed_s=0.1, threads=(1,),
        on_progress=lambda stage, done, total: seen.append((stage, done, total)),
    )  # fmt: skip
    stages = dict.fromkeys(stage for stage, _, _ in seen)
    assert list(stages) == [
        "encode",
        "mini-random, 1 codebook",
        "mini-random at -40 dB",
        "late copy",
        "score late copy",
    ]
    for stage in stages:
        assert [(done, total) for name, done, total in seen if name == stage] == [(0, 1), (1, 1)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clips": []}, "expected clips to measure on, got none"),
        ({"n_codebooks": [0, 17]}, r"from 1 to 16, got \[17, 0\]"),
    ],
)
def test_nothing_to_measure_is_refused(codec, clips, change, message):
    with pytest.raises(InputError, match=message):
        bench_codec(codec, **{"clips": clips, "peers": [], **change})


def test_clips_of_one_name_or_several_rates_are_refused(codec, clips):
    with pytest.raises(InputError, match="different names, got 'one' 2 times"):
        bench_codec(codec, clips=[clips[0], clips[0]], peers=[])
    slow = BenchClip("slow", "music", clips[2].y, 16_000)
    with pytest.raises(InputError, match=r"one rate, got \[16000, 24000\] Hz"):
        bench_codec(codec, clips=[clips[0], slow], peers=[])


def test_an_unknown_system_is_refused_with_those_there_are(result):
    with pytest.raises(InputError, match=r"no system 'mini'.*'late copy'"):
        result.system("mini")


def test_clips_are_ranked_from_best_to_worst(codec, clips):
    by_distance = rank_clips(codec, clips)
    assert [each.score for each in by_distance] == sorted(each.score for each in by_distance)
    by_stoi = rank_clips(codec, clips, metric=STOI)
    assert {each.clip.name for each in by_stoi} == {"one", "two"}
    assert by_stoi[0].score >= by_stoi[1].score
    with pytest.raises(InputError, match="1 … 16, got 0"):
        rank_clips(codec, clips, n_codebooks=0)
