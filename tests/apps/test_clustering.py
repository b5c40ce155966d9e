"""features, cluster and demo: sounds to tables, groups and pages."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import xarray as xr


@pytest.fixture(autouse=True)
def _no_umap(monkeypatch: pytest.MonkeyPatch) -> None:
    """UMAP takes ten seconds to compile; tests/viz has its own tests of it."""
    monkeypatch.setattr("qtokfeatures.viz.projection._umap_fits", lambda table: False)


# ---------------------------------------------------------------------------- features


@pytest.mark.parametrize("kind", ["histogram", "embedding", "both"])
def test_a_table_has_a_row_per_clip_and_names_its_columns(qtok, sounds: Path, kind: str) -> None:
    ran = qtok("features", sounds, "-o", "f.csv", "--features", kind, "--json")
    assert ran.code == 0
    table = pd.read_csv("f.csv")
    assert table.columns[0] == "clip"
    assert sorted(table["clip"]) == ["a.wav", "b ü.flac", "c's <d>.wav", "e.wav", "小.wav"]
    assert {"source", "duration", "sample_rate"} <= set(table.columns)
    assert table.shape[1] > ran.json["features"] > 10
    assert not table.isna().any(axis=None)


def test_codes_and_audio_give_the_same_features(qtok, sounds: Path) -> None:
    assert qtok("encode", sounds, "-o", "codes.zarr").code == 0
    assert qtok("features", "codes.zarr", "-o", "a.nc").code == 0
    assert qtok("features", sounds, "-o", "b.nc").code == 0
    with xr.open_dataset("a.nc") as one, xr.open_dataset("b.nc") as other:
        xr.testing.assert_allclose(one["features"], other["features"])


def test_fewer_codebooks_are_fewer_features(qtok, sounds: Path) -> None:
    every = qtok("features", sounds, "-o", "a.csv", "--json").json["features"]
    one = qtok("features", sounds, "-o", "b.csv", "--codebooks", "1", "--json").json["features"]
    assert one < every


def test_features_as_parquet(qtok, sounds: Path, monkeypatch) -> None:
    polars = pytest.importorskip("polars")
    assert qtok("features", sounds, "-o", "f.parquet").code == 0
    assert qtok("features", sounds, "-o", "f.csv").code == 0
    table, text = polars.read_parquet("f.parquet"), pd.read_csv("f.csv")
    assert table.columns == text.columns.tolist()
    assert table["clip"].to_list() == text["clip"].tolist()
    np.testing.assert_allclose(table[table.columns[-1]].to_numpy(), text.iloc[:, -1], rtol=1e-6)
    monkeypatch.setattr("qtokfeatures.studio.coding.find_spec", lambda name: None)
    ran = qtok("features", sounds / "missing.wav", "-o", "f.parquet")
    assert ran.code == 1
    assert "pip install 'qtokfeatures[parquet]'" in ran.err


@pytest.mark.parametrize("arguments", [["-o", "f.xlsx"], ["-o", "f.csv", "--features", "mfcc"]])
def test_wrong_options_of_features_are_usage(qtok, sounds: Path, arguments: list[str]) -> None:
    assert qtok("features", sounds, *arguments).code == 2


# ----------------------------------------------------------------------------- cluster


def test_cluster_writes_table_map_and_page(qtok, sounds: Path) -> None:
    ran = qtok("cluster", sounds, "-k", "2", "-o", "out", "--json")
    assert ran.code == 0
    assert {path.name for path in Path("out").iterdir()} == {
        "labels.csv",
        "labels.nc",
        "map.png",
        "clusters.html",
        "prototype_0.wav",
        "prototype_1.wav",
    }
    table = pd.read_csv("out/labels.csv")
    assert set(table["cluster"]) == {0, 1}
    assert np.isfinite(table[["x", "y"]]).all(axis=None)
    assert dict(zip(table["clip"], table["cluster"], strict=True)) == ran.json["labels"]
    assert ran.json["map"] == "PCA"
    html = Path("out/clusters.html").read_text(encoding="utf-8")
    assert html.count('class="spot"') == 5
    assert html.count("<audio") == 5 + 2
    assert html.count("What cluster") == 2 * html.count("decoded from the tokens of")
    assert "c&#x27;s &lt;d&gt;" in html


def test_the_labelled_array_says_what_the_table_says(qtok, sounds: Path) -> None:
    assert qtok("cluster", sounds, "-k", "2", "-o", "out").code == 0
    table = pd.read_csv("out/labels.csv")
    with xr.open_dataset("out/labels.nc") as ds:
        assert ds["cluster"].dims == ("clip",)
        assert ds["clip"].values.tolist() == table["clip"].tolist()
        assert ds["cluster"].values.tolist() == table["cluster"].tolist()
        assert ds["source"].values.tolist() == table["source"].tolist()
        np.testing.assert_allclose(ds["x"], table["x"], rtol=1e-4, atol=1e-6)


def test_prototypes_are_decoded_tokens_of_a_member(qtok, small_codec, sounds: Path) -> None:
    ran = qtok("cluster", sounds, "-k", "2", "-o", "out", "--json")
    y, sr = sf.read(ran.json["prototypes"][1], dtype="float32")
    members = [clip for clip, cluster in ran.json["labels"].items() if cluster == 1]
    paths = {path.name: path for path in sounds.rglob("*.*")}
    decoded = [small_codec.decode(small_codec.encode(paths[clip]))[0] for clip in members]
    assert sr == 24000
    whole = [np.clip(one, -1, 1) for one in decoded]  # random weights go beyond full scale
    assert any(len(one) == len(y) and np.allclose(one, y, atol=1e-3) for one in whole)


def test_prototypes_can_be_made_for_the_centres(qtok, sounds: Path) -> None:
    ran = qtok("cluster", sounds, "-k", "2", "--prototype", "centre", "-o", "out", "--json")
    heard = [sf.read(path)[0] for path in ran.json["prototypes"]]
    assert len(heard) == 2
    assert all(len(y) and np.isfinite(y).all() for y in heard)
    html = Path("out/clusters.html").read_text(encoding="utf-8")
    assert html.count("made for the centre, of frames of") == 2


def test_hdbscan_may_leave_all_clips_alone(qtok, sounds: Path) -> None:
    ran = qtok("cluster", sounds, "--method", "hdbscan", "-o", "out", "--json")
    assert ran.code == 0
    assert (ran.json["clusters"], ran.json["in no cluster"]) == (0, 5)
    assert set(pd.read_csv("out/labels.csv")["cluster"]) == {-1}
    assert "No cluster: 5 clips" in Path("out/clusters.html").read_text(encoding="utf-8")


def test_features_can_be_reduced_before(qtok, sounds: Path) -> None:
    assert qtok("cluster", sounds, "-k", "2", "--reduce", "svd", "-o", "out").code == 0
    assert set(pd.read_csv("out/labels.csv")["cluster"]) == {0, 1}


@pytest.mark.parametrize(
    "options",
    [
        ["--method", "gmm"],
        ["--reduce", "tsne"],
        ["--prototype", "mean"],
        ["--method", "hdbscan", "-k", "2"],
    ],
)
def test_unknown_ways_of_clustering_are_usage(qtok, sounds: Path, options: list[str]) -> None:
    assert qtok("cluster", sounds, "-o", "out", *options).code == 2


def test_the_same_seed_gives_the_same_files(qtok, sounds: Path) -> None:
    for folder in ("one", "two"):
        assert qtok("cluster", sounds, "-o", folder).code == 0
    for name in ("labels.csv", "map.png", "clusters.html"):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()


def test_codes_are_heard_when_the_recordings_are_gone(qtok, sounds: Path) -> None:
    assert qtok("encode", sounds, "-o", "codes.nc").code == 0
    shutil.rmtree(sounds)
    assert qtok("cluster", "codes.nc", "-k", "2", "-o", "out").code == 0
    assert Path("out/clusters.html").read_text(encoding="utf-8").count("data:audio") == 5 + 2


def test_audio_and_codes_together(qtok, sounds: Path) -> None:
    assert qtok("encode", sounds / "low", "-o", "codes.nc").code == 0
    ran = qtok("cluster", "codes.nc", sounds / "*.wav", "-o", "out", "--json")
    assert ran.json["clips"] == 4


def test_colours_by_folder_or_label(qtok, sounds: Path) -> None:
    assert qtok("cluster", sounds, "-o", "out", "--color-by", "folder").code == 0
    assert "my söunds" in Path("out/clusters.html").read_text(encoding="utf-8")
    ran = qtok("cluster", sounds, "-o", "out", "--color-by", "instrument")
    assert ran.code == 2
    assert "not one of cluster, folder" in " ".join(ran.err.replace("│", " ").split())


def test_more_clusters_than_clips_is_usage(qtok, sounds: Path) -> None:
    ran = qtok("cluster", sounds, "-k", "6", "-o", "out")
    assert ran.code == 2
    assert "5 clips" in ran.err


@pytest.fixture
def _unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a file was read")

    monkeypatch.setattr("qtokfeatures.audio.sources.open_audio", refuse)
    monkeypatch.setattr("qtokfeatures.codecs.load_codec", refuse)


@pytest.mark.usefixtures("_unreadable")
@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["cluster", "-k", 40], "40 clusters cannot be made of 5 clips; ask for 5 or fewer"),
        (["cluster", "--method", "hdbscan", "--min-size", 6], "ask for smaller ones"),
        (["cluster", "--color-by", "speaker"], "not one of cluster, folder"),
        (["demo", "-k", 40, "--data"], "40 clusters cannot be made of 5 clips"),
    ],
)
def test_what_cannot_be_clustered_is_refused_unread(qtok, sounds: Path, command, said) -> None:
    ran = qtok(*command, sounds, "-o", "out")
    assert ran.code == 2
    assert said in " ".join(ran.err.replace("│", " ").split())


def test_an_input_is_not_overwritten_by_a_prototype(qtok, sounds: Path) -> None:
    (sounds / "a.wav").rename(sounds / "prototype_3.wav")
    ran = qtok("cluster", sounds, "-k", 1, "-o", sounds)
    assert ran.code == 1
    assert "prototype_3.wav is an input" in ran.err


def test_cluster_goes_on_after_bad_files(qtok, sounds: Path, broken: Path) -> None:
    ran = qtok("cluster", sounds, broken, "missing.nc", "-k", "2", "-o", "out")
    assert ran.code == 1
    assert "2 inputs failed" in ran.err
    assert len(pd.read_csv("out/labels.csv")) == 5


def test_nothing_to_cluster(qtok, broken: Path) -> None:
    assert qtok("cluster", broken, "-o", "out").code == 1
    assert list(Path("out").iterdir()) == []


# -------------------------------------------------------------------------------- demo


def test_the_demo_on_the_bundled_sounds(qtok) -> None:
    ran = qtok("demo")
    assert (ran.code, ran.err) == (0, "")
    names = {path.name for path in Path("demo").iterdir()}
    assert names == {
        "codes.nc",
        "guitar_phrase_decoded.wav",
        "labels.csv",
        "map.png",
        "report.html",
    }
    assert [name for name in names if str(Path("demo", name)) not in ran.out] == []
    labels = pd.read_csv("demo/labels.csv")
    assert len(labels) >= 36
    assert {"cluster", "label", "kind", "pitch"} <= set(labels.columns)
    assert labels["cluster"].nunique() == labels["label"].nunique() == 12
    html = Path("demo/report.html").read_text(encoding="utf-8")
    assert html.count("<audio") == len(labels) + 2
    assert "Decoded from tokens: guitar_phrase" in html
    assert "of them are of the most frequent kind of their cluster" in html


@pytest.mark.usefixtures("quick_pictures")
@pytest.mark.parametrize("names", [["a.wav"], ["a.wav", "e.wav"]])
def test_the_demo_on_few_recordings(qtok, sounds: Path, tmp_path: Path, names) -> None:
    data = tmp_path / "few"
    data.mkdir()
    for name in names:
        shutil.copy(sounds / name, data)
    ran = qtok("demo", "--data", data, "-o", "out", "--json")
    assert ran.code == 0
    assert ran.json["clips"] == len(names)
    assert ran.json["decoded"]


@pytest.mark.usefixtures("quick_pictures")
def test_the_demo_takes_no_output_for_input(qtok, sounds: Path) -> None:
    for _ in range(2):
        ran = qtok("demo", "--data", sounds / "low", "-o", sounds / "low" / "demo", "--json")
        assert ran.code == 0
        assert ran.json["clips"] == 2


def test_the_demo_on_a_folder_without_audio(qtok, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ran = qtok("demo", "--data", "empty", "-o", "out")
    assert ran.code == 1
    assert "no audio" in ran.err
    assert qtok("demo", "--data", "missing", "-o", "out").code == 2


@pytest.mark.usefixtures("quick_pictures")
def test_the_demo_lists_bad_files(qtok, sounds: Path, broken: Path) -> None:
    shutil.copy(broken, sounds / "low")
    ran = qtok("demo", "--data", sounds / "low", "-o", "out")
    assert ran.code == 1
    assert "broken.wav" in ran.err
    assert Path("out/report.html").exists()
