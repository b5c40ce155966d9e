"""Jobs as functions: paths in, dataclasses out, progress to a callable, failures in a list."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from numpydoc.validate import validate

import qtokfeatures as qt
from qtokfeatures import studio
from qtokfeatures.codecs.mini import random_mini

JOBS: dict[str, Callable[..., Any]] = {
    "encode": lambda files, **options: studio.encode_files(files, **options),
    "gather": lambda files, **options: studio.gather_codes(files, **options),
    "features": lambda files, **options: studio.compute_features(files, **options),
    "roundtrip": lambda files, **options: studio.roundtrip_files(files, output="out", **options),
    "cluster": lambda files, **options: studio.cluster_files(files, output="out", **options),
    "demo": lambda files, **options: studio.run_demo(data=files, output="out", **options),
}
each_job = pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither draw roundtrips nor fit UMAP: both have tests of their own."""
    drawn = dict.fromkeys(("waveform", "spectrogram", "tokens"), b"\x89PNG")
    for module in ("roundtrip_page", "demo"):
        monkeypatch.setattr(f"qtokfeatures.studio.{module}.roundtrip_pictures", lambda one: drawn)
    monkeypatch.setattr("qtokfeatures.viz.projection._umap_fits", lambda table: False)


@each_job
def test_unreadable_files_are_failures_of_the_result(job, tones: Path, small_codec) -> None:
    done = job(tones, codec=small_codec)
    assert [Path(failure.source).name for failure in done.failures] == ["broken.wav"]
    assert "\n" not in done.failures[0].error


@each_job
def test_progress_counts_up_to_the_total(job, tones: Path, small_codec) -> None:
    seen: list[tuple[str, int, int]] = []
    job(tones, codec=small_codec, on_progress=lambda *step: seen.append(step))
    assert seen[0][1] == 0
    last = {stage: (done, total) for stage, done, total in seen}
    assert all(done == total for done, total in last.values())


@each_job
def test_nothing_usable_raises_with_the_reasons(job, tones: Path, small_codec) -> None:
    for path in tones.glob("?.wav"):
        path.unlink()
    with pytest.raises(
        studio.NoUsableInputError, match=r"no input can be used: .*broken\.wav"
    ) as got:
        job(tones, codec=small_codec)
    assert [Path(failure.source).name for failure in got.value.failures] == ["broken.wav"]


@each_job
def test_results_are_short_in_a_notebook(job, tones: Path, small_codec) -> None:
    assert len(repr(job(tones / "0.wav", codec=small_codec)).splitlines()) == 1


def test_a_job_may_be_stopped_by_its_progress(tones: Path, small_codec) -> None:
    def stop(stage: str, done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        studio.encode_files(tones, output="codes.nc", codec=small_codec, on_progress=stop)
    assert not Path("codes.nc").exists()


def test_progress_of_a_long_file_is_in_seconds(tones: Path, small_codec, monkeypatch) -> None:
    monkeypatch.setattr("qtokfeatures.codecs.encoding.LONG_S", 1.0)
    sf.write(tones / "long.wav", np.zeros(35 * 8000), 8000)
    seen: list[tuple[str, int, int]] = []
    studio.encode_files(
        tones / "long.wav", codec=small_codec, on_progress=lambda *step: seen.append(step)
    )
    assert {(stage, total) for stage, _, total in seen} == {("encode (seconds)", 35)}
    done = [seconds for _, seconds, _ in seen]
    assert done == sorted(done)
    assert {0, 10, 20, 30, 35} <= set(done)


def test_codes_are_those_of_the_codec(tones: Path, small_codec) -> None:
    done = studio.encode_files([tones / "0.wav", str(tones / "1.wav")], codec=small_codec)
    assert done.codec is small_codec
    np.testing.assert_array_equal(
        done.dataset.qtok.clip("1.wav"), small_codec.encode(tones / "1.wav")
    )


def test_decoded_files_have_rate_and_length_of_the_clips(tones: Path, small_codec) -> None:
    studio.encode_files(tones / "0.wav", output="codes.nc", codec=small_codec)
    (path,) = studio.decode_files("codes.nc", output="out", codec=small_codec)
    assert path == Path("out/0_decoded.wav")
    assert (sf.info(path).samplerate, sf.info(path).frames) == (24000, 9600)


def test_features_of_audio_and_of_its_codes_are_equal(tones: Path, small_codec) -> None:
    encoded = studio.encode_files(tones, output="codes.nc", codec=small_codec)
    of_audio = studio.compute_features(tones, codec=small_codec, features="both")
    of_codes = studio.compute_features("codes.nc", codec=small_codec, features="both")
    assert encoded.dataset.sizes["clip"] == of_audio.table.sizes["clip"] == 4
    np.testing.assert_array_equal(of_audio.table, of_codes.table)


def test_codes_of_two_codecs_are_refused_before_encoding(tones: Path, small_codec, monkeypatch):
    studio.encode_files(tones / "0.wav", output="one.nc", codec=small_codec)
    studio.encode_files(tones / "1.wav", output="two.nc", codec=random_mini(seed=1))
    monkeypatch.setattr(type(small_codec), "encode_many", None)
    with pytest.raises(qt.CodecMismatchError):
        studio.gather_codes(["one.nc", "two.nc", str(tones / "2.wav")], codec=small_codec)


def test_roundtrips_have_numbers_and_files(tones: Path, small_codec) -> None:
    done = studio.roundtrip_files(tones, output="out", codec=small_codec, codebooks=2)
    assert [one.name for one in done.roundtrips] == ["0.wav", "1.wav", "2.wav", "3.wav"]
    assert {one.numbers["codebooks"] for one in done.roundtrips} == {2}
    assert done.page.read_text(encoding="utf-8").count("<h2>") == 4
    assert Path("out/3_original.wav").exists()


def test_clusters_are_a_labelled_array(tones: Path, small_codec) -> None:
    done = studio.cluster_files(tones, output="out", n_clusters=2, codec=small_codec)
    assert done.dataset["cluster"].dims == ("clip",)
    assert set(done.dataset["cluster"].values.tolist()) == {0, 1}
    assert [path for path in done.files if not path.is_file()] == []
    assert done.prototypes == [Path("out/prototype_0.wav"), Path("out/prototype_1.wav")]


def test_a_classifier_is_trained_and_applied(tones: Path, small_codec) -> None:
    for number in (4, 5):
        shutil.copy(tones / f"{number - 2}.wav", tones / f"{number}.wav")
    rows = [(f"tones/{n}.wav", "low" if n < 3 else "high", str(n % 3)) for n in range(6)]
    pd.DataFrame(rows, columns=["path", "label", "group"]).to_csv("list.csv", index=False)
    trained = studio.train_classifier("list.csv", output="m.skops", codec=small_codec)
    assert trained.files == [Path("m.skops")]
    assert trained.validation.confusion().to_numpy().sum() == 6
    found = studio.classify_files("m.skops", tones, codec=small_codec)
    assert len(found.table) == 6
    assert set(found.table[found.label]) <= {"low", "high"}
    assert [Path(failure.source).name for failure in found.failures] == ["broken.wav"]


@pytest.mark.parametrize(
    ("parameter", "call"),
    [
        ("output", lambda files: studio.encode_files(files, output="codes.csv")),
        ("output", lambda files: studio.roundtrip_files(files, output=files / "0.wav")),
        ("features", lambda files: studio.compute_features(files, features="mfcc")),
        ("method", lambda files: studio.cluster_files(files, output="out", method="gmm")),
        ("prototype", lambda files: studio.cluster_files(files, output="out", prototype="mean")),
        ("manifest", lambda files: studio.train_classifier(files / "no.csv", output="m.skops")),
    ],
)
def test_a_refused_value_names_its_parameter(tones: Path, parameter, call) -> None:
    with pytest.raises(studio.RequestError) as refused:
        call(tones)
    assert refused.value.parameter == parameter


def test_errors_survive_pickling() -> None:
    refused = pickle.loads(pickle.dumps(studio.RequestError("no", "codebooks")))
    assert (str(refused), refused.parameter) == ("no", "codebooks")
    failed = studio.NoUsableInputError("none", [studio.Failure("a.wav", "gone")])
    assert pickle.loads(pickle.dumps(failed)).failures == [studio.Failure("a.wav", "gone")]


def test_all_have_one_parent() -> None:
    assert issubclass(studio.RequestError, qt.InputError)
    assert issubclass(studio.NoUsableInputError, qt.InputError)


@pytest.mark.parametrize("name", studio.__all__)
def test_public_names_are_documented(name: str) -> None:
    asked = {"GL08", "PR01", "PR02", "PR03", "PR07", "RT01"}
    found = validate(f"qtokfeatures.studio.{name}")["errors"]
    assert [error for error in found if error[0] in asked] == []
