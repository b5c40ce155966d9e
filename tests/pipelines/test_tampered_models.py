"""Stored classifiers that were tampered with: InputError, and nothing larger than the file."""

from __future__ import annotations

import io
import json
import random
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import skops.io
from sklearn.linear_model import LogisticRegression

from qtokfeatures.estimators import TokenHistogram
from qtokfeatures.exceptions import InputError
from qtokfeatures.pipelines import (
    StoredClassifier,
    load_classifier,
    make_label_classifier,
    save_classifier,
)
from qtokfeatures.pipelines.stored_models import FORMAT

Members = dict[str, bytes]

KINDS: dict[str, dict[str, Any]] = {
    "svc of embeddings": {},
    "svc of sparse histograms": {"features": TokenHistogram(sparse_output=True)},
    "logistic of both": {"features": "both", "classifier": LogisticRegression()},
}
SPARSE = ("scipy.sparse._csr.csr_array", "scipy.sparse._csr.csr_matrix")
WRONG = (None, True, -1, 10**30, 0.5, "", "x", [], {}, [[]], {"__class__": "int"})


def unpacked(content: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def packed(members: Members, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container of a JSON tree with each of its keys."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree))
    for key in keys:
        yield tree, key
        if isinstance(tree[key], (dict, list)):
            yield from places(tree[key])


def with_schema(members: Members, change: Callable[[list[Any]], None]) -> Members:
    schema = json.loads(members["schema.json"])
    change(list(places(schema)))
    return {**members, "schema.json": json.dumps(schema).encode()}


def delete(rng: random.Random, members: Members) -> bytes:
    def change(found: list[Any]) -> None:
        container, key = rng.choice(found)
        del container[key]

    return packed(with_schema(members, change))


def replace(rng: random.Random, members: Members) -> bytes:
    def change(found: list[Any]) -> None:
        container, key = rng.choice(found)
        container[key] = rng.choice(WRONG)

    return packed(with_schema(members, change))


def exchange(rng: random.Random, members: Members) -> bytes:
    def change(found: list[Any]) -> None:
        (one, a), (other, b) = rng.sample(found, 2)
        one[a], other[b] = json.loads(json.dumps(other[b])), json.loads(json.dumps(one[a]))

    return packed(with_schema(members, change))


def other_array(rng: random.Random, members: Members) -> bytes:
    name = rng.choice([name for name in members if name.endswith(".npy")])
    array = np.atleast_1d(np.load(io.BytesIO(members[name])))
    changes: list[Callable[[], Any]] = [
        lambda: array[:0],
        lambda: array[..., None],
        lambda: np.concatenate([array.ravel()] * 2),
        lambda: array.astype("S3"),
        lambda: array.ravel()[:1],
        lambda: np.full(array.shape, 2**40),
        lambda: np.full(array.shape, np.nan),
        lambda: np.zeros_like(array, dtype=np.complex64),
        lambda: array.T,
        lambda: array[::-1],
    ]
    changed = rng.choice(changes)
    buffer = io.BytesIO()
    np.save(buffer, changed())
    return packed({**members, name: buffer.getvalue()})


def other_bytes(rng: random.Random, members: Members) -> bytes:
    content = bytearray(packed(members))
    for _ in range(rng.randint(1, 5)):
        content[rng.randrange(len(content))] = rng.randrange(256)
    return bytes(content[: rng.choice([len(content), rng.randrange(len(content))])])


def other_members(rng: random.Random, members: Members) -> bytes:
    name, other = rng.sample(sorted(members), 2)
    without = {key: data for key, data in members.items() if key != name}
    return packed(rng.choice([without, {**members, name: members[other]}]))


TAMPERINGS = (delete, replace, exchange, other_array, other_bytes, other_members)


@pytest.fixture(params=KINDS)
def content(request, paper, codes, labels, groups, tmp_path: Path) -> bytes:
    pipe = make_label_classifier(paper, **KINDS[request.param])
    pipe.fit(codes, labels, classifier__groups=groups)
    path = tmp_path / "whole.skops"
    save_classifier(StoredClassifier(pipe, "kind"), path, trusted=SPARSE)
    return path.read_bytes()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
def test_tampered_files_raise_nothing_but_input_errors(
    content: bytes, codes, tmp_path: Path, tamper: Callable[..., bytes]
) -> None:
    members, path, refused = unpacked(content), tmp_path / "m.skops", 0
    for seed in range(12):
        path.write_bytes(tamper(random.Random(seed), members))
        try:
            load_classifier(path, trusted=SPARSE).pipeline.predict_proba(codes)
        except InputError:
            refused += 1
    assert refused


def test_a_deep_description_is_refused(content: bytes, tmp_path: Path) -> None:
    members = {**unpacked(content), "schema.json": b"[" * 10**6 + b"]" * 10**6}
    (tmp_path / "m.skops").write_bytes(packed(members))
    with pytest.raises(InputError, match=r"m\.skops: expected a classifier"):
        load_classifier(tmp_path / "m.skops")


def bomb(name: str) -> bytes:
    """Return a small archive that unpacks to 256 MB: within itself, or in a sparse array."""
    zeros = bytes(2**28)
    if name == "member":
        return packed({"schema.json": b"{}", "0.npy": zeros}, compression=zipfile.ZIP_DEFLATED)
    buffer = io.BytesIO()
    scipy.sparse.save_npz(buffer, scipy.sparse.csr_array(np.ones((1, 1))))
    inner = {**unpacked(buffer.getvalue()), "data.npy": zeros}
    return packed({"0.npz": packed(inner, compression=zipfile.ZIP_DEFLATED)})


@pytest.mark.parametrize("name", ["member", "sparse array"])
def test_an_archive_that_unpacks_to_more_than_its_size_is_refused(
    tmp_path: Path, name: str
) -> None:
    content = bomb(name)
    (tmp_path / "m.skops").write_bytes(content)
    tracemalloc.start()
    with pytest.raises(InputError, match=r"larger than the file|many times its size"):
        load_classifier(tmp_path / "m.skops")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10 * len(content) + 2**20


def test_a_small_array_of_a_large_shape_is_refused(content: bytes, tmp_path: Path) -> None:
    members = unpacked(content)
    name = next(name for name in members if name.endswith(".npy"))
    header = io.BytesIO()
    described = {"descr": "<f8", "fortran_order": False, "shape": (10**13,)}
    np.lib.format.write_array_header_1_0(header, described)
    (tmp_path / "m.skops").write_bytes(packed({**members, name: header.getvalue()}))
    with pytest.raises(InputError, match=r"m\.skops: expected a classifier"):
        load_classifier(tmp_path / "m.skops", trusted=SPARSE)


@pytest.mark.parametrize(
    "card",
    [{"label": 3}, {"group": None}, {"n_clips": -1}, {"balanced_accuracy": 2.0}, {"more": 1}, {}],
    ids=str,
)
def test_a_wrong_description_is_refused(model_card, tmp_path: Path, card: dict[str, Any]) -> None:
    path = tmp_path / "m.skops"
    path.write_bytes(skops.io.dumps({**model_card, **card} if card else {"format": FORMAT}))
    with pytest.raises(InputError, match=r"m\.skops: expected a classifier"):
        load_classifier(path)


def test_a_file_sets_neither_cache_nor_memory(model_card, tmp_path: Path) -> None:
    pipe = model_card["pipeline"]
    pipe.set_params(qtokenizer__cache="/elsewhere", qtokenizer__device="cuda", memory="/elsewhere")
    (tmp_path / "m.skops").write_bytes(skops.io.dumps(model_card))
    back = load_classifier(tmp_path / "m.skops").pipeline
    assert (back[0].cache, back[0].device, back.memory) == ("memory", "auto", None)


@pytest.fixture
def model_card(paper, codes, labels) -> dict[str, Any]:
    """Return what a file holds."""
    pipe = make_label_classifier(paper).fit(codes, labels)
    pipe.set_params(qtokenizer__codec="paper")
    card = {"format": FORMAT, "label": "kind", "group": "", "n_clips": 36}
    return {**card, "balanced_accuracy": None, "pipeline": pipe, "probed": True}
