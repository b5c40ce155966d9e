"""Numbers of threads, and codecs in processes of every kind."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

import qtokfeatures as qt
from qtokfeatures.codecs.batching import encode_waves
from qtokfeatures.codecs.mini.config import TINY
from qtokfeatures.codecs.mini.model import MiniModel
from qtokfeatures.codecs.mini.weights import save_weights
from qtokfeatures.codecs.threads import map_in_threads, use_threads
from qtokfeatures.exceptions import InputError

SR = 24_000

PROCESSES = """
import json, multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
import numpy as np
import qtokfeatures as qt

Y = (0.1 * np.random.default_rng(0).standard_normal(3 * 24_000)).astype(np.float32)

def digest(codec=None):
    codec = codec or qt.load_codec("mini", device="cpu")
    codes = codec.encode(Y, sr=24_000)
    y, _ = codec.decode(codes)
    ds = codec.encode_many([Y, Y[:20_000]] * 3, sr=24_000)
    return [int(codes.astype(np.int64).sum()), ds.sizes["frame"], round(float(np.abs(y).sum()))]

def run(start):
    if start == "loky":
        from joblib.externals.loky import ProcessPoolExecutor as Loky
        with Loky(1) as pool:
            return list(pool.map(digest, [None, qt.load_codec("mini", device="cpu")]))
    if start == "joblib":
        from joblib import Parallel, delayed
        return Parallel(n_jobs=2, backend="multiprocessing")(delayed(digest)() for _ in range(2))
    context = multiprocessing.get_context(start)
    codecs = [None, qt.load_codec("mini", device="cpu")]
    if start == "fork":
        with context.Pool(2) as pool:
            assert pool.map(digest, codecs) == [digest()] * 2
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return list(pool.map(digest, codecs))

if __name__ == "__main__":
    print(json.dumps([digest(), *run(sys.argv[1])]))
"""


@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver", "loky", "joblib"])
def test_processes_of_every_kind_compute_after_their_parent(tmp_path, start):
    if start not in ("loky", "joblib") and start not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system cannot {start}")
    script = tmp_path / "script.py"
    script.write_text(PROCESSES, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, str(script), start], capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    parent, *children = json.loads(ran.stdout.splitlines()[-1])
    assert children == [parent, parent]


CLUSTERING = """
import multiprocessing
import numpy as np
import qtokfeatures as qt
from sklearn.cluster import KMeans

Y = [(0.1 * np.random.default_rng(i).standard_normal(12_000)).astype(np.float32) for i in range(4)]

def clusters(_):
    k_means = KMeans(2, n_init=1, random_state=0)
    steps = [qt.QTokenizer(sr=24_000, device="cpu", cache=None), k_means]
    return qt.Pipeline(steps).fit_predict(Y).tolist()

if __name__ == "__main__":
    expected = clusters(0)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.map_async(clusters, [0]).get(timeout=200) == [expected]
"""


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork"
)
def test_a_pipeline_fits_in_a_forked_process(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(CLUSTERING, encoding="utf-8")
    command = [sys.executable, str(script)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr


def test_python_threads_share_a_codec(mini):
    y = noise(3)
    expected = mini.encode(y, sr=SR)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: mini.encode(y, sr=SR), range(8)))
        decoded = list(pool.map(lambda codes: mini.decode(codes)[0], found))
    assert all((codes == expected).all() for codes in found)
    assert all((wave == decoded[0]).all() for wave in decoded)


@pytest.fixture
def seen(mini, monkeypatch):
    """Return the numbers of threads with which the network of `mini` encodes."""
    numbers = []
    latent_chunk = type(mini).latent_chunk

    def noted(self, y, state):
        numbers.append(torch.get_num_threads())
        return latent_chunk(self, y, state)

    monkeypatch.setattr(type(mini), "latent_chunk", noted)
    return numbers


@pytest.fixture
def two_threads():
    """Let torch use two threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def noise(seconds):
    return (0.1 * np.random.default_rng(0).standard_normal(int(seconds * SR))).astype(np.float32)


@pytest.mark.parametrize(
    "job",
    [
        lambda codec: codec.encode(noise(7), sr=SR),
        lambda codec: codec.encode_many([noise(6)] * 3, sr=SR),
        lambda codec: codec.latents(noise(11), sr=SR),
        lambda codec: codec.stream_encoder().push(noise(0.5)),
    ],
    ids=["clip", "clips", "latents", "stream"],
)
def test_a_small_network_runs_on_one_thread(seen, two_threads, mini, job):
    job(mini)
    assert set(seen) == {1}
    assert torch.get_num_threads() == 2


def test_a_large_network_runs_on_the_threads_of_torch(two_threads, monkeypatch):
    folder = Path(__file__).parent / "golden" / "qwen3-tiny"
    numbers = []
    latent_chunk = qt.Qwen3TTSTokenizer.latent_chunk

    def noted(self, y, state):
        numbers.append(torch.get_num_threads())
        return latent_chunk(self, y, state)

    monkeypatch.setattr(qt.Qwen3TTSTokenizer, "latent_chunk", noted)
    qt.load_codec(folder, device="cpu").encode(noise(1), sr=SR)
    qt.load_codec(folder, device="cpu", threads=1).encode(noise(1), sr=SR)
    assert (numbers[0], numbers[-1]) == (2, 1)


def test_the_argument_sets_the_number(seen, two_threads):
    codec = qt.load_codec("mini", device="cpu", threads=2)
    codec.encode(noise(1), sr=SR)
    one = qt.load_codec("mini", device="cpu", threads=1)
    one.latents(noise(11), sr=SR)
    assert (set(seen[:-1]), seen[-1]) == ({2}, 1)
    assert one.model is codec.model


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "2"])
def test_a_wrong_number_is_refused(wrong):
    with pytest.raises(InputError, match="threads must be None or a whole number of at least 1"):
        qt.load_codec("mini", device="cpu", threads=wrong)


def test_other_threads_keep_their_number(two_threads):
    numbers = []
    with use_threads(1):
        assert torch.get_num_threads() == 1
        fresh = threading.Thread(target=lambda: numbers.append(torch.get_num_threads()))
        fresh.start()
        fresh.join()
    assert numbers == [2]
    assert torch.get_num_threads() == 2


def test_the_number_returns_after_an_error(two_threads, mini):
    with mini.stream_encoder() as stream, pytest.raises(ValueError, match="NaN"):
        stream.push(np.full(5000, np.nan, dtype=np.float32))
    with pytest.raises(RuntimeError), use_threads(1):
        raise RuntimeError
    assert torch.get_num_threads() == 2


def test_all_codecs_of_a_file_share_its_weights():
    codecs = [qt.load_codec("mini", device="cpu") for _ in range(3)]
    assert len({id(codec.model) for codec in codecs}) == 1
    assert codecs[0].codebook_vectors(1) is codecs[2].codebook_vectors(1)
    half = qt.load_codec("mini", device="cpu", decoder=False)
    assert half.model is not codecs[0].model


def test_a_changed_file_is_read_again(tmp_path):
    path = tmp_path / "mini.safetensors"
    save_weights(MiniModel(TINY), path)
    before = qt.load_codec(path, device="cpu")
    save_weights(MiniModel(TINY), path)
    after = qt.load_codec(path, device="cpu")
    assert after.spec.fingerprint != before.spec.fingerprint
    assert after.model is not before.model


def test_batches_share_the_processor_with_the_same_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a chosen number of threads, batches run side by side, one thread each."""
    rng = np.random.default_rng(0)
    waves = [(0.1 * rng.normal(size=24_000 * 3)).astype(np.float32) for _ in range(8)]
    alone, shared = qt.load_codec("mini", threads=1), qt.load_codec("mini")
    monkeypatch.setattr("torch.get_num_threads", lambda: 3)
    assert (alone.workers, shared.workers) == (1, 3)
    for a, b in zip(encode_waves(alone, waves), encode_waves(shared, waves), strict=True):
        np.testing.assert_array_equal(a, b)
    with use_threads(2):
        assert shared.workers == 1


def test_an_error_of_one_batch_ends_the_others() -> None:
    done: list[int] = []

    def run(item: int) -> int:
        if item == 1:
            raise ValueError("one")
        done.append(item)
        return item

    with pytest.raises(ValueError, match="one"):
        list(map_in_threads(run, range(1000), workers=2))
    assert len(done) < 999
    assert list(map_in_threads(lambda item: item + 1, range(5), workers=3)) == [1, 2, 3, 4, 5]
