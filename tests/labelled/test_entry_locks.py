from __future__ import annotations

import os
import threading
import time

import pytest

from qtokfeatures.labelled import FolderCache, MemoryCache, NoCache
from qtokfeatures.labelled.entry_locks import FolderClaims

KEY, OTHER = "ab" * 32, "cd" * 32


def test_an_entry_is_claimed_once(tmp_path):
    first, second = FolderClaims(tmp_path), FolderClaims(tmp_path)
    assert first.take(KEY)
    assert not second.take(KEY)
    assert second.take(OTHER)
    first.drop(KEY)
    assert second.take(KEY)


def test_claims_end_with_their_context_and_leave_no_files(tmp_path):
    with FolderClaims(tmp_path) as claims:
        assert claims.take(KEY)
        assert claims.take(OTHER)
    assert FolderClaims(tmp_path).take(KEY)


def test_claims_end_with_an_error(tmp_path):
    def fail_while_claimed():
        with FolderClaims(tmp_path) as claims:
            claims.take(OTHER)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_while_claimed()
    assert FolderClaims(tmp_path).take(OTHER)


def test_files_of_dropped_claims_are_removed(tmp_path):
    claims = FolderClaims(tmp_path)
    claims.take(KEY)
    assert [file for file in tmp_path.rglob("*") if file.is_file()]
    claims.drop(KEY)
    claims.drop(KEY)
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_waiting_ends_when_the_claim_does(tmp_path):
    first, second = FolderClaims(tmp_path), FolderClaims(tmp_path)
    taken, dropped = threading.Event(), threading.Event()

    def hold():
        first.take(KEY)
        taken.set()
        time.sleep(0.2)
        dropped.set()
        first.drop(KEY)

    holder = threading.Thread(target=hold)
    holder.start()
    taken.wait()
    second.wait(KEY)
    assert dropped.is_set()
    holder.join()
    assert not FolderClaims(tmp_path).take(KEY)


def test_waiting_has_an_end(tmp_path):
    holder = FolderClaims(tmp_path)
    assert holder.take(KEY)
    waiting = FolderClaims(tmp_path, patience_s=0.05)
    waiting.wait(KEY)
    waiting.drop(KEY)
    assert not FolderClaims(tmp_path).take(KEY)


def test_a_process_that_ends_claims_nothing(tmp_path):
    child = os.fork()
    if child == 0:
        FolderClaims(tmp_path).take(KEY)
        os._exit(0)
    os.waitpid(child, 0)
    assert FolderClaims(tmp_path).take(KEY)


def test_a_folder_that_cannot_be_written_to_grants_everything(tmp_path):
    (tmp_path / "in the way").touch()
    claims = FolderClaims(tmp_path / "in the way")
    assert claims.take(KEY)
    assert FolderClaims(tmp_path / "in the way").take(KEY)
    claims.drop_all()


def test_only_folders_are_shared(tmp_path):
    assert isinstance(FolderCache(tmp_path).claims(), FolderClaims)
    for cache in (MemoryCache(), NoCache()):
        first, second = cache.claims(), cache.claims()
        assert first.take(KEY)
        assert second.take(KEY)
