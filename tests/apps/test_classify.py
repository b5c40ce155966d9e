"""classify: labelled recordings to a model and its report, recordings to labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from qtokfeatures.codecs.mini import random_mini
from qtokfeatures.estimators import codec_source


@pytest.fixture(autouse=True)
def _only_this_codec(small_codec, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a stored model find the small codec by its name, and no other test's codec."""
    monkeypatch.setattr(codec_source, "_in_use", {})
    monkeypatch.setattr(codec_source, "_load", lambda name, revision, device: small_codec)


def corpus(folder: Path) -> Path:
    """Write tones and noises of three sources each, two clips a source, and their manifest."""
    rows = ["path,sound,instance"]
    for number in range(12):
        kind, source = ("tone", "noise")[number % 2], number // 4
        rng = np.random.default_rng(number)
        y = 0.3 * np.sin(np.arange(9600) * (0.05 + 0.02 * source))
        if kind == "noise":
            y = rng.normal(0, 0.05 * (1 + source), 9600)
        sf.write(folder / f"{kind}_{number}.wav", y + rng.normal(0, 1e-3, 9600), 24000)
        rows.append(f"{kind}_{number}.wav,{kind},{kind} {source}")
    path = folder / "sounds.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    return corpus(folder)


def test_train_then_predict(qtok, manifest: Path) -> None:
    ran = qtok("classify", "train", manifest, "--label", "sound", "-o", "m.skops", "--json")
    assert ran.code == 0, ran.err
    assert (ran.json["clips"], ran.json["classes"]) == (12, ["noise", "tone"])
    assert (ran.json["group"], ran.json["folds"]) == ("instance", 3)
    assert ran.json["balanced_accuracy"] > 0.8
    assert np.sum(ran.json["confusion"]) == 12
    assert {one["class"] for one in ran.json["characteristic"]} == {"noise", "tone"}
    ran = qtok("classify", "predict", "m.skops", manifest.parent, "-o", "p.csv", "--json")
    assert ran.code == 0, ran.err
    table = pd.read_csv("p.csv")
    named = zip(table["clip"], table["sound"], strict=True)
    right = [clip.startswith(label) for clip, label in named]
    assert sum(right) >= 11
    assert [one["sound"] for one in ran.json["clips"]] == table["sound"].tolist()
    np.testing.assert_allclose(table["p(noise)"] + table["p(tone)"], 1, atol=2e-4)
    np.testing.assert_allclose(
        table["probability"], table[["p(noise)", "p(tone)"]].max(axis=1), atol=1e-4
    )


def test_the_report_holds_tables_and_a_page(qtok, manifest: Path) -> None:
    ran = qtok("classify", "train", manifest, "--label", "sound", "-o", "m.skops", "--report", "r")
    assert ran.code == 0, ran.err
    names = {path.name for path in Path("r").iterdir()}
    assert names == {
        "classifier.html", "confusion.csv", "confusion.png", "predictions.csv",
        "characteristic_tokens.csv",
    }  # fmt: skip
    assert [name for name in names if str(Path("r", name)) not in ran.out] == []
    assert len(pd.read_csv("r/predictions.csv")) == 12
    html = Path("r/classifier.html").read_text(encoding="utf-8")
    assert "Most characteristic tokens: tone" in html
    assert "data:audio" in html
    assert "each instance left out whole" in html


def test_codes_are_predicted_like_audio(qtok, manifest: Path) -> None:
    qtok("classify", "train", manifest, "--label", "sound", "-o", "m.skops")
    assert qtok("encode", manifest.parent, "-o", "codes.nc").code == 0
    of_audio = qtok("classify", "predict", "m.skops", manifest.parent, "--json").json["clips"]
    of_codes = qtok("classify", "predict", "m.skops", "codes.nc", "--json").json["clips"]
    assert [one["sound"] for one in of_codes] == [one["sound"] for one in of_audio]


def test_bad_rows_are_named_and_the_rest_is_done(qtok, manifest: Path) -> None:
    (manifest.parent / "broken.wav").write_bytes(b"RIFF, but no more than that")
    with manifest.open("a", encoding="utf-8") as rows:
        rows.write("gone.wav,tone,x\ntone_0.wav,,x\nbroken.wav,tone,x\n")
    ran = qtok("classify", "train", manifest, "--label", "sound", "-o", "m.skops", "--json")
    assert ran.code == 1
    assert ran.json["clips"] == 12
    assert [Path(one["source"]).name for one in ran.json["failed"]] == [
        "sounds.csv, row 14",
        "sounds.csv, row 15",
        "sounds.csv, row 16",
    ]
    assert "no such file: gone.wav" in ran.err
    assert Path("m.skops").exists()
    ran = qtok("classify", "predict", "m.skops", manifest.parent, "--json")
    assert (ran.code, len(ran.json["clips"])) == (1, 12)


def test_a_model_of_other_weights_is_refused(qtok, manifest: Path, monkeypatch) -> None:
    qtok("classify", "train", manifest, "--label", "sound", "-o", "m.skops")
    other = random_mini(seed=1)
    monkeypatch.setattr(codec_source, "_in_use", {})
    monkeypatch.setattr(codec_source, "_load", lambda name, revision, device: other)
    ran = qtok("classify", "predict", "m.skops", manifest.parent)
    assert ran.code == 1
    assert "fingerprint" in ran.err
    assert other.spec.fingerprint in ran.err
    monkeypatch.setattr("qtokfeatures.codecs.load_codec", lambda *args, **kwargs: other)
    ran = qtok("classify", "predict", "m.skops", manifest.parent, "--codec", "mini")
    assert ran.code == 1
    assert "their codes do not compare" in ran.err


def test_a_folder_of_classes_with_groups_in_names(qtok, manifest: Path, tmp_path: Path) -> None:
    for path in sorted(manifest.parent.glob("*.wav")):
        kind, number = path.stem.split("_")
        target = tmp_path / "emotions" / kind / f"{int(number) // 4}_{number}.wav"
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    ran = qtok("classify", "train", "emotions", "-o", "m.skops")
    assert ran.code == 2
    assert "--group none" in " ".join(ran.err.replace("│", " ").split())
    ran = qtok(
        "classify", "train", "emotions", "-o", "m.skops", "--label", "emotion",
        "--group-pattern", r"^(\d+)_", "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert (ran.json["label"], ran.json["clips"], ran.json["folds"]) == ("emotion", 12, 3)
    ran = qtok("classify", "train", "emotions", "-o", "m.skops", "--group", "none")
    assert ran.code == 0
    assert "flattering" in ran.out


def test_a_folder_of_links_is_a_folder_of_classes(qtok, manifest: Path, tmp_path: Path) -> None:
    for path in sorted(manifest.parent.glob("*.wav")):
        kind, number = path.stem.split("_")
        link = tmp_path / "snapshot" / kind / str(int(number) // 4) / path.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    (tmp_path / "alias").symlink_to(tmp_path / "snapshot", target_is_directory=True)
    for folder in ("snapshot", "alias"):
        ran = qtok("classify", "train", folder, "-o", "m.skops", "--json")
        assert ran.code == 0, ran.err
        assert (ran.json["clips"], ran.json["classes"]) == (12, ["noise", "tone"])


def test_the_report_does_not_overwrite_the_manifest(qtok, manifest: Path) -> None:
    table = manifest.rename(manifest.with_name("predictions.csv"))
    content = table.read_bytes()
    ran = qtok(
        "classify", "train", table, "--label", "sound", "-o", "m.skops", "--report", table.parent
    )  # fmt: skip
    assert ran.code == 1
    assert "is an input and is not overwritten" in ran.err
    assert table.read_bytes() == content


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--label", "colour"], "no column 'colour'"),
        (["--label", "sound", "--group", "speaker"], "no column 'speaker'"),
        (["--label", "sound", "--features", "mfcc"], "not one of histogram"),
        (["--label", "sound", "--group-pattern", "(x)"], "is for folders"),
    ],
)
def test_wrong_options_are_usage(qtok, manifest: Path, options: list[str], said: str) -> None:
    ran = qtok("classify", "train", manifest, "-o", "m.skops", *options)
    assert ran.code == 2
    assert said in " ".join(ran.err.replace("│", " ").split())
    assert not Path("m.skops").exists()


def test_groups_must_be_named_or_refused(qtok, manifest: Path) -> None:
    manifest.write_text(manifest.read_text().replace("instance", "what"), encoding="utf-8")
    ran = qtok("classify", "train", manifest, "--label", "sound", "-o", "m.skops")
    assert ran.code == 2
    assert "give --group none" in " ".join(ran.err.replace("│", " ").split())


def test_a_class_of_one_source_is_refused_before_a_file_is_read(qtok, manifest: Path) -> None:
    for path in manifest.parent.glob("*.wav"):
        path.write_bytes(b"no sound")
    text = manifest.read_text()
    for source in (1, 2):
        text = text.replace(f"tone {source}", "tone 0")
    manifest.write_text(text, encoding="utf-8")
    ran = qtok("classify", "train", manifest, "--label", "sound", "-o", "m.skops")
    assert ran.code == 2
    said = " ".join(ran.err.replace("│", " ").split())
    assert "1 of 2 classes have one: tone" in said
    assert "--group none" in said
    assert not Path("m.skops").exists()


def test_other_suffixes_and_files_are_refused(qtok, manifest: Path) -> None:
    assert qtok("classify", "train", manifest, "--label", "sound", "-o", "m.pkl").code == 2
    ran = qtok("classify", "predict", manifest, manifest.parent)
    assert ran.code == 1
    assert "expected a classifier" in ran.err


def test_nothing_to_train_on(qtok, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,label,group\ngone.wav,a,b\n", encoding="utf-8")
    ran = qtok("classify", "train", "m.csv", "-o", "m.skops", "--json")
    assert (ran.code, ran.json["clips"]) == (1, 0)
    assert not Path("m.skops").exists()
