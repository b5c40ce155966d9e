from __future__ import annotations

import multiprocessing
import os
import pickle
import threading

import numpy as np
import pytest

from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import CodeCache, FolderCache, MemoryCache, NoCache, resolve_cache
from qtokfeatures.labelled.cache import serialise_entry

KEY = CodeCache.key(np.zeros(4, np.float32), 24000, "f00d")


def codes_of(value, n_frames=3):
    return np.full((4, n_frames), value, dtype=np.int16)


def put_twice(cache):
    cache.put(KEY, codes_of(3))
    cache.put(KEY, codes_of(3))


@pytest.fixture(params=["memory", "folder"])
def cache(request, tmp_path):
    return MemoryCache() if request.param == "memory" else FolderCache(tmp_path / "cache")


def test_key_depends_on_samples_rate_and_fingerprint():
    y = np.linspace(-1, 1, 50, dtype=np.float32)
    keys = {
        CodeCache.key(y, 24000, "f00d"),
        CodeCache.key(y[:-1], 24000, "f00d"),
        CodeCache.key(y, 16000, "f00d"),
        CodeCache.key(y, 24000, "beef"),
        CodeCache.key(y * np.float32(0.5), 24000, "f00d"),
        CodeCache.key(y[:0], 24000, "f00d"),
    }
    assert len(keys) == 6


def test_key_does_not_depend_on_layout_or_precision():
    y = np.linspace(-1, 1, 50, dtype=np.float32)
    expected = CodeCache.key(y, 24000, "f00d")
    for same in (y.astype(float), y.astype(">f4"), np.repeat(y, 2)[::2]):
        assert CodeCache.key(same, np.int64(24000), "f00d") == expected


def test_key_is_stable_between_versions():
    assert KEY == "3012181bc9142b2f447ec7f5b1031968ae60f4a8d02d17ec3510a3e6db659920"


def test_put_and_get(cache):
    assert cache.get(KEY) is None
    cache.put(KEY, codes_of(7))
    np.testing.assert_array_equal(cache.get(KEY), codes_of(7))
    assert cache.get(KEY).dtype == np.int16
    cache.put(KEY, codes_of(8, 1))
    np.testing.assert_array_equal(cache.get(KEY), codes_of(8, 1))


def test_what_is_kept_cannot_be_changed_from_outside(cache):
    codes = codes_of(7)
    cache.put(KEY, codes)
    codes[:] = 1
    cache.get(KEY)[:] = 2
    np.testing.assert_array_equal(cache.get(KEY), codes_of(7))


def test_clear(cache):
    cache.put(KEY, codes_of(1))
    cache.clear()
    assert cache.get(KEY) is None


def test_least_recently_used_goes_first():
    cache = MemoryCache(max_bytes=3 * codes_of(0).nbytes)
    for key in "abc":
        cache.put(key, codes_of(ord(key)))
    cache.get("a")
    cache.put("d", codes_of(0))
    assert [key for key in "abcd" if cache.get(key) is not None] == ["a", "c", "d"]
    cache.put("e", codes_of(0, 6))
    assert [key for key in "acde" if cache.get(key) is not None] == ["d", "e"]


def test_bytes_are_counted_right_when_entries_are_replaced():
    cache = MemoryCache(max_bytes=2 * codes_of(0).nbytes)
    for _ in range(10):
        cache.put("a", codes_of(0))
    cache.put("b", codes_of(0))
    assert len(cache) == 2


def test_too_large_for_the_cache_is_not_kept_and_drops_nothing():
    cache = MemoryCache(max_bytes=codes_of(0).nbytes)
    cache.put("a", codes_of(0))
    cache.put("b", codes_of(0, 100))
    assert cache.get("b") is None
    assert cache.get("a") is not None


def test_an_empty_cache_is_still_a_cache():
    assert bool(MemoryCache())


def test_many_threads():
    cache = MemoryCache(max_bytes=20 * codes_of(0).nbytes)
    wrong = []

    def work(seed):
        random = np.random.default_rng(seed)
        for key in random.integers(0, 50, 500).tolist():
            cache.put(str(key), codes_of(key))
            found = cache.get(str(random.integers(0, 50)))
            if found is not None and not (found == found[0, 0]).all():
                wrong.append(key)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(cache) == 20


def test_pickling_gives_an_empty_cache_of_the_same_size():
    cache = MemoryCache(max_bytes=99)
    cache.put("a", codes_of(0))
    again = pickle.loads(pickle.dumps(cache))
    assert again.max_bytes == 99
    assert len(again) == 0


def _entry(cache):
    (file,) = cache.path.rglob("*.codes")
    return file


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[:40],
        lambda content: b"",
        lambda content: b"\n",
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: content.replace(b"qtok", b"qtox"),
        lambda content: os.urandom(500),
    ],
)
def test_damaged_entries_count_as_absent_and_are_redone(tmp_path, damage):
    cache = FolderCache(tmp_path)
    cache.put(KEY, codes_of(3))
    file = _entry(cache)
    file.write_bytes(damage(file.read_bytes()))
    assert cache.get(KEY) is None
    cache.put(KEY, codes_of(3))
    np.testing.assert_array_equal(cache.get(KEY), codes_of(3))


def test_entries_hold_no_pickle(tmp_path):
    cache = FolderCache(tmp_path)
    cache.put(KEY, codes_of(3))
    head, _, body = _entry(cache).read_bytes().partition(b"\n")
    assert head.startswith(b"qtok-codes-2 ")
    assert body.startswith(b"\x93NUMPY")


def test_a_valid_entry_of_something_else_is_refused(tmp_path):
    cache = FolderCache(tmp_path)
    cache.put(KEY, codes_of(3))
    _entry(cache).write_bytes(serialise_entry(KEY, np.zeros(3)))
    assert cache.get(KEY) is None


@pytest.mark.parametrize("other", [np.zeros((2, 3)), np.zeros((2, 3), np.int32)])
def test_numbers_of_another_type_are_refused(tmp_path, other):
    cache = FolderCache(tmp_path)
    cache.put(KEY, codes_of(3))
    _entry(cache).write_bytes(serialise_entry(KEY, other))
    assert cache.get(KEY) is None


@pytest.mark.parametrize("n_frames", [0, 1, 7])
def test_any_layout_is_kept_as_codes(tmp_path, n_frames):
    cache = FolderCache(tmp_path)
    codes = np.arange(4 * n_frames, dtype=np.int16).reshape(n_frames, 4).T
    cache.put(KEY, codes)
    np.testing.assert_array_equal(cache.get(KEY), codes)
    assert cache.get(KEY).flags.writeable


def test_folder_is_made_when_needed_and_leaves_no_temporary_files(tmp_path):
    cache = FolderCache(tmp_path / "a" / "b")
    assert cache.get(KEY) is None
    assert not (tmp_path / "a").exists()
    cache.put(KEY, codes_of(3))
    assert [file.name for file in cache.path.rglob("*") if file.is_file()] == [f"{KEY}.codes"]


def test_folder_that_cannot_be_written_warns_once(tmp_path):
    cache = FolderCache(tmp_path / "cache")
    (tmp_path / "cache").write_text("in the way")
    with pytest.warns(UserWarning, match="cannot be written to the cache folder") as caught:
        put_twice(cache)
    assert len(caught) == 1
    assert cache.get(KEY) is None


def _write_and_read(path, seed, wrong):
    cache = FolderCache(path)
    for turn in range(60):
        key = CodeCache.key(np.full(3, turn % 5), 24000, "f00d")
        cache.put(key, codes_of(turn % 5, 500))
        for other in range(5):
            found = cache.get(CodeCache.key(np.full(3, other), 24000, "f00d"))
            if found is not None and not np.array_equal(found, codes_of(other, 500)):
                wrong.put((seed, turn))


def test_many_processes(tmp_path):
    context = multiprocessing.get_context("fork")
    wrong = context.Queue()
    workers = [
        context.Process(target=_write_and_read, args=(tmp_path, seed, wrong)) for seed in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert wrong.empty()
    assert not list(tmp_path.rglob("*.tmp"))


def test_resolving(tmp_path):
    memory = MemoryCache()
    assert isinstance(resolve_cache(None), NoCache)
    assert resolve_cache("memory") is resolve_cache("memory")
    assert resolve_cache(memory) is memory
    assert resolve_cache(str(tmp_path)).path == resolve_cache(tmp_path).path == tmp_path
    assert "~" not in str(resolve_cache("~/codes").path)


def test_no_cache_keeps_nothing():
    cache = NoCache()
    cache.put(KEY, codes_of(1))
    assert cache.get(KEY) is None


@pytest.mark.parametrize("value", ["", 3, True, {}])
def test_what_is_no_cache(value):
    with pytest.raises(InputError, match="cache must be 'memory', a folder's path or None"):
        resolve_cache(value)


def test_a_file_is_no_cache(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"must be a folder, .*file is a file"):
        resolve_cache(tmp_path / "file")


def test_a_forked_process_has_its_own_memory():
    resolve_cache("memory").put(KEY, codes_of(5))
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=lambda: answers.put(resolve_cache("memory").get(KEY) is None))
    child.start()
    assert answers.get(timeout=30) is True
    child.join()
    resolve_cache("memory").clear()


def test_an_entry_of_another_clip_is_refused(tmp_path):
    cache = FolderCache(tmp_path)
    cache.put(KEY, codes_of(3))
    mine = _entry(cache).read_bytes()
    _entry(cache).write_bytes(serialise_entry("another", codes_of(3)))
    assert cache.get(KEY) is None
    _entry(cache).write_bytes(mine)
    assert cache.get(KEY) is not None
