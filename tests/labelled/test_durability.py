"""A full disk or a kill at any moment leaves the old codes or the new ones, whole."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import sys
import threading
import time
import traceback

import numpy as np
import pytest

from qtokfeatures.exceptions import QtokError, WriteError
from qtokfeatures.files import atomic_write, recover
from qtokfeatures.labelled import FolderCache, append_codes, load_codes, save_codes, stores

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

KEY = "ab" * 32
TRIALS = [*range(3), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 20))]


def in_child(work, *, before=lambda: None):
    """Run `work` in a forked process, and return its exit code: minus the signal that ended it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 0
    try:
        before()
        work()
    except WriteError:
        code = 3
    except BaseException:  # noqa: BLE001 - the child must end here
        traceback.print_exc()
        code = 4
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        os._exit(code)


def kill_at(call):
    """Return a function that has this process killed at the given call of a built-in function."""
    calls = iter(range(call))

    def profile(frame, event, argument):
        if event == "c_call" and next(calls, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    def start():
        threading.setprofile(profile)
        sys.setprofile(profile)

    return start


def count_calls(work):
    """Return how many built-in functions `work` calls."""
    n_calls = 0

    def profile(frame, event, argument):
        nonlocal n_calls
        n_calls += event == "c_call"

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return n_calls


def full_at(size):
    """Return a function that lets no file of this process grow beyond `size` bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.fixture
def parts(make_codes):
    old = make_codes([2000, 1, 5], labels={"x": ["s", "t", "u"]})
    new = make_codes([3000, 2], sources=["n0", "n1"], labels={"x": ["longer " * 9, ""]})
    return old, new


WRITERS = {
    "save netCDF": ("codes.nc", save_codes, lambda old, new: new),
    "save Zarr": ("codes.zarr", save_codes, lambda old, new: new),
    "append to netCDF": ("codes.nc", append_codes, lambda old, new: old.qtok.concat(new)),
    "append to Zarr": ("codes.zarr", append_codes, lambda old, new: old.qtok.concat(new)),
}
each_writer = pytest.mark.parametrize(("name", "write", "expected"), WRITERS.values(), ids=WRITERS)


def files_of(folder):
    return sorted(entry.name for entry in folder.iterdir() if entry.suffix != ".lock")


@pytest.mark.parametrize("seed", TRIALS)
@each_writer
def test_killed_at_a_random_call(parts, tmp_path, name, write, expected, seed):
    old, new = parts
    path = save_codes(old, tmp_path / "counted" / name)
    n_calls = count_calls(lambda: write(new, path))
    path = save_codes(old, tmp_path / "killed" / name)
    call = random.Random(seed).randrange(n_calls)
    code = in_child(lambda: write(new, path), before=kill_at(call))
    assert code in (0, -signal.SIGKILL)
    there = load_codes(path)
    assert there.identical(old) or there.identical(expected(old, new))
    if there.identical(old):
        write(new, path)
    assert load_codes(path).identical(expected(old, new))
    assert files_of(path.parent) == [name]


@pytest.mark.parametrize("seed", TRIALS)
@each_writer
def test_disk_full_at_a_random_byte(parts, tmp_path, name, write, expected, seed):
    old, new = parts
    path = save_codes(old, tmp_path / name)
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    largest = max(file.stat().st_size for file in files)
    size = random.Random(seed).randrange(largest)
    assert in_child(lambda: write(new, path), before=full_at(size)) == 3
    assert load_codes(path).identical(old)
    write(new, path)
    assert load_codes(path).identical(expected(old, new))
    assert files_of(tmp_path) == [name]


@pytest.mark.parametrize("name", ["codes.nc", "codes.zarr"])
def test_a_full_disk_is_named_and_the_process_lives(parts, tmp_path, name):
    def save_and_collect():
        import gc

        with pytest.raises(WriteError, match=f"{name} cannot be written: File too large") as caught:
            save_codes(parts[1], tmp_path / name)
        assert caught.value.errno == errno.EFBIG
        assert isinstance(caught.value, QtokError)
        assert isinstance(caught.value, OSError)
        gc.collect()

    assert in_child(save_and_collect, before=full_at(100)) == 0
    assert files_of(tmp_path) == []


def test_a_folder_without_permission_is_named(parts, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=r"codes.nc cannot be written: (File|Not)"):
        save_codes(parts[0], tmp_path / "file" / "codes.nc")


@pytest.mark.parametrize("seed", TRIALS)
def test_a_cache_on_a_full_disk_keeps_nothing_and_goes_on(tmp_path, seed):
    codes = np.arange(4000, dtype=np.int16).reshape(4, 1000)
    cache = FolderCache(tmp_path)

    def put():
        with pytest.warns(UserWarning, match="cannot be written to the cache folder"):
            cache.put(KEY, codes)
        assert cache.get(KEY) is None

    assert in_child(put, before=full_at(random.Random(seed).randrange(8000))) == 0
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


@pytest.mark.parametrize("seed", TRIALS)
def test_a_cache_killed_at_a_random_call(tmp_path, seed):
    codes = np.arange(4000, dtype=np.int16).reshape(4, 1000)
    n_calls = count_calls(lambda: FolderCache(tmp_path / "counted").put(KEY, codes))
    cache = FolderCache(tmp_path / "killed")
    in_child(lambda: cache.put(KEY, codes), before=kill_at(random.Random(seed).randrange(n_calls)))
    found = cache.get(KEY)
    assert found is None or np.array_equal(found, codes)
    cache.put(KEY, codes)
    np.testing.assert_array_equal(cache.get(KEY), codes)
    cache.clear()
    assert not [file for file in (tmp_path / "killed").rglob("*") if file.is_file()]


def write_file(path, text):
    with atomic_write(path) as fresh:
        fresh.write_text(text)


def write_folder(path, text):
    with atomic_write(path) as fresh:
        fresh.mkdir()
        for index in range(3):
            (fresh / str(index)).write_text(text)


def read(path):
    return {file.read_text() for file in path.iterdir()} if path.is_dir() else {path.read_text()}


@pytest.mark.parametrize("exchange", [True, False], ids=["exchange", "two renames"])
@pytest.mark.parametrize("write", [write_file, write_folder])
def test_a_kill_at_every_call_leaves_old_or_new(tmp_path, write, exchange, monkeypatch):
    if not exchange:
        monkeypatch.setattr("qtokfeatures.files._exchange", lambda one, other: False)
    path = tmp_path / "here"
    write(path, "old")
    n_calls = count_calls(lambda: write(path, "old"))
    for call in range(0, n_calls, 3):
        write(path, "old")
        in_child(lambda: write(path, "new"), before=kill_at(call))
        recover(path)
        assert read(path) in ({"old"}, {"new"})
        assert files_of(tmp_path) == ["here"]


def test_what_a_living_process_writes_is_left_alone(tmp_path):
    with atomic_write(tmp_path / "here") as fresh:
        fresh.write_text("new")
        write_file(tmp_path / "here", "meanwhile")
        recover(tmp_path / "here")
        assert fresh.exists()
    assert read(tmp_path / "here") == {"new"}


def test_names_with_the_letters_of_patterns(tmp_path):
    path = tmp_path / "a[1]*?.nc"
    write_file(path, "old")
    in_child(lambda: write_file(path, "new"), before=kill_at(60))
    write_file(path, "new")
    assert files_of(tmp_path) == [path.name]


@pytest.mark.parametrize("name", ["codes.nc", "codes.zarr"])
def test_processes_that_append_at_once_lose_nothing(make_codes, tmp_path, name):
    path = tmp_path / name
    children = []
    for writer in range(4):
        child = os.fork()
        if not child:
            code = 1
            try:
                for turn in range(3):
                    part = make_codes([1 + writer], clip_ids=[f"{writer}-{turn}"])
                    append_codes(part, path)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    there = load_codes(path)
    expected = sorted(f"{writer}-{turn}" for writer in range(4) for turn in range(3))
    assert sorted(there.qtok.clip_ids) == expected
    there.qtok.validate()


def test_a_writer_that_waits_too_long_says_so(codes, tmp_path, monkeypatch):
    from qtokfeatures.labelled import stores

    path = save_codes(codes, tmp_path / "codes.zarr")
    monkeypatch.setattr(stores, "_PATIENCE_S", 0.1)
    started, done = threading.Event(), threading.Event()

    def hold():
        with stores._store_lock(path):
            started.set()
            done.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    started.wait()
    begun = time.monotonic()
    with pytest.raises(WriteError, match="has been written by another process"):
        append_codes(codes, path, on_duplicate="rename")
    assert time.monotonic() - begun < 30
    done.set()
    holder.join()


@pytest.mark.parametrize("name", ["codes.nc", "codes.zarr"])
def test_lazy_codes_of_a_replaced_store_are_refused(codes, make_codes, tmp_path, name):
    path = save_codes(codes, tmp_path / name)
    lazy = load_codes(path, lazy=True)
    np.testing.assert_array_equal(lazy.qtok.clip(2), codes.qtok.clip(2))
    save_codes(make_codes([4, 4, 4, 1, 2]), path)
    for use in (
        lambda: lazy["codes"].values,
        lambda: lazy.load(),
        lambda: lazy.qtok.clip(0),
        lambda: lazy["codes"][:, 3:5].values,
        lambda: save_codes(lazy, tmp_path / "other.zarr"),
    ):
        with pytest.raises(QtokError, match=f"{name} was replaced or removed"):
            use()


def test_lazy_codes_of_a_removed_store_are_refused(codes, tmp_path):
    import shutil

    path = save_codes(codes, tmp_path / "codes.zarr")
    lazy = load_codes(path, lazy=True)
    shutil.rmtree(path)
    with pytest.raises(QtokError, match=r"codes.zarr was replaced or removed"):
        lazy.load()


def test_lazy_codes_stay_valid_when_clips_are_appended(codes, tmp_path):
    path = save_codes(codes, tmp_path / "codes.zarr")
    lazy = load_codes(path, lazy=True)
    append_codes(codes.qtok.sel_clips([2]).assign_coords(clip=["later"]), path)
    assert lazy.load().identical(codes)
    assert load_codes(path).qtok.n_clips == 6


def test_the_home_folder_is_expanded(codes, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("~/codes.nc", "~/codes.zarr"):
        assert save_codes(codes, name) == tmp_path / name[2:]
        append_codes(codes, name, on_duplicate="rename")
        assert load_codes(name).qtok.n_clips == 10


def test_a_store_replaced_while_it_is_read_is_read_again(make_codes, tmp_path, monkeypatch):
    old, new = make_codes([3, 4]), make_codes([3, 4])
    new["codes"][:] = 7
    path = save_codes(old, tmp_path / "codes.zarr")
    open_store = stores._open

    def open_and_replace(*args):
        opened = open_store(*args)
        monkeypatch.setattr(stores, "_open", open_store)
        save_codes(new, path)
        return opened

    monkeypatch.setattr(stores, "_open", open_and_replace)
    assert load_codes(path).identical(new)
