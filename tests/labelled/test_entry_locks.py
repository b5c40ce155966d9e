from __future__ import annotations

import os
import threading
import time

import pytest

from qtokfeatures.labelled import FolderCache, MemoryCache, NoCache
from qtokfeatures.labelled.cache import FolderLocks

KEY, OTHER = "ab" * 32, "cd" * 32


def test_an_entry_is_claimed_once(tmp_path):
    first, second = FolderLocks(tmp_path), FolderLocks(tmp_path)
    assert first.acquire(KEY)
    assert not second.acquire(KEY)
    assert second.acquire(OTHER)
    first.release(KEY)
    assert second.acquire(KEY)


def test_claims_end_with_their_context_and_leave_no_files(tmp_path):
    with FolderLocks(tmp_path) as claims:
        assert claims.acquire(KEY)
        assert claims.acquire(OTHER)
    assert FolderLocks(tmp_path).acquire(KEY)


def test_claims_end_with_an_error(tmp_path):
    def fail_while_claimed():
        with FolderLocks(tmp_path) as claims:
            claims.acquire(OTHER)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_while_claimed()
    assert FolderLocks(tmp_path).acquire(OTHER)


def test_files_of_dropped_claims_are_removed(tmp_path):
    claims = FolderLocks(tmp_path)
    claims.acquire(KEY)
    assert [file for file in tmp_path.rglob("*") if file.is_file()]
    claims.release(KEY)
    claims.release(KEY)
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_waiting_ends_when_the_claim_does(tmp_path):
    first, second = FolderLocks(tmp_path), FolderLocks(tmp_path)
    taken, dropped = threading.Event(), threading.Event()

    def hold():
        first.acquire(KEY)
        taken.set()
        time.sleep(0.2)
        dropped.set()
        first.release(KEY)

    holder = threading.Thread(target=hold)
    holder.start()
    taken.wait()
    second.wait(KEY)
    assert dropped.is_set()
    holder.join()
    assert not FolderLocks(tmp_path).acquire(KEY)


def test_waiting_has_an_end(tmp_path):
    holder = FolderLocks(tmp_path)
    assert holder.acquire(KEY)
    waiting = FolderLocks(tmp_path, patience_s=0.05)
    waiting.wait(KEY)
    waiting.release(KEY)
    assert not FolderLocks(tmp_path).acquire(KEY)


def test_a_process_that_ends_claims_nothing(tmp_path):
    child = os.fork()
    if child == 0:
        FolderLocks(tmp_path).acquire(KEY)
        os._exit(0)
    os.waitpid(child, 0)
    assert FolderLocks(tmp_path).acquire(KEY)


def test_a_folder_that_cannot_be_written_to_grants_everything(tmp_path):
    (tmp_path / "in the way").touch()
    claims = FolderLocks(tmp_path / "in the way")
    assert claims.acquire(KEY)
    assert FolderLocks(tmp_path / "in the way").acquire(KEY)
    claims.release_all()


def test_only_folders_are_shared(tmp_path):
    assert isinstance(FolderCache(tmp_path).locks(), FolderLocks)
    for cache in (MemoryCache(), NoCache()):
        first, second = cache.locks(), cache.locks()
        assert first.acquire(KEY)
        assert second.acquire(KEY)
