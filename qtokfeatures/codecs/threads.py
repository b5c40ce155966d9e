"""Number of threads that a network uses on a CPU, also in processes that were forked."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import torch
from threadpoolctl import ThreadpoolController

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_chosen = threading.local()
_is_forked = False
_SKLEARN_OPENMP = "sklearn.utils._openmp_helpers"  # loaded with the OpenMP of scikit-learn


@contextmanager
def use_threads(count: int | None) -> Iterator[None]:
    """Run networks in the block, in this thread only, on `count` threads; None changes nothing."""
    if count is None:
        yield
        return
    before, _chosen.count = getattr(_chosen, "count", None), count
    try:
        with _limited(count):
            yield
    finally:
        _chosen.count = before


@contextmanager
def default_threads(count: int | None) -> Iterator[None]:
    """Run the block on `count` threads, unless :func:`use_threads` says otherwise."""
    if count is None or getattr(_chosen, "count", None) is not None:
        yield
        return
    with _limited(count):
        yield


def unclaimed_threads() -> int:
    """Return torch's number of threads, or 1 where :func:`use_threads` or a fork decides."""
    if _is_forked or getattr(_chosen, "count", None) is not None:
        return 1
    return torch.get_num_threads()


def map_in_threads(
    run: Callable[[_Item], _Result], items: Sequence[_Item], *, workers: int
) -> Iterator[_Result]:
    """Yield the results of `items` in order, computed in up to `workers` Python threads."""
    if min(workers, len(items)) < 2:
        yield from map(run, items)
        return
    pool = ThreadPoolExecutor(min(workers, len(items)))
    try:
        yield from pool.map(run, items)
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _limited(count: int) -> Iterator[None]:
    """Set the number of threads of this thread alone, which `torch.set_num_threads` cannot.

    That function also sets the number with which threads begin that are started meanwhile.
    """
    if _is_forked:
        yield
        return
    torch.get_num_threads()  # at its first use in a thread, torch sets the thread's number
    settings = [(setter, setter(count)) for setter in _setters()]
    try:
        yield
    finally:
        for setter, before in settings:
            setter(before)


@lru_cache(maxsize=1)
def _setters() -> list[Callable[[int], int]]:
    """Functions that set this thread's number of threads and return the one before."""
    libraries = ThreadpoolController().select(user_api="openmp").lib_controllers
    setters = [_setter_of(library) for library in libraries]
    for path in Path(torch.__file__).parent.glob("lib/*torch_cpu*"):
        # After a call of `torch.set_num_threads`, MKL has a number of its own; 0 means none.
        mkl = getattr(ctypes.CDLL(str(path)), "MKL_Set_Num_Threads_Local", None)
        setters += [mkl] if mkl is not None else []
    return setters


def _setter_of(library: object) -> Callable[[int], int]:
    def set_threads(count: int) -> int:
        before: int = library.get_num_threads()  # type: ignore[attr-defined]
        library.set_num_threads(count)  # type: ignore[attr-defined]
        return before

    return set_threads


@lru_cache(maxsize=1)
def survive_forks() -> None:
    """Let processes that are forked from now on compute, on one thread.

    GNU OpenMP waits for the threads of the parent, which a forked process does not have.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before_fork, after_in_child=_after_fork)


def _before_fork() -> None:
    _openmp_libraries(has_sklearn=_SKLEARN_OPENMP in sys.modules)


def _after_fork() -> None:
    global _is_forked
    _is_forked = True
    torch.set_num_threads(1)
    # scikit-learn brings an OpenMP of its own, on which k-means would wait in the same way.
    for library in _openmp_libraries(has_sklearn=_SKLEARN_OPENMP in sys.modules):
        library.set_num_threads(1)


@lru_cache(maxsize=2)
def _openmp_libraries(*, has_sklearn: bool) -> list[Any]:
    """OpenMP libraries of this process, found again once scikit-learn is imported."""
    found: list[Any] = ThreadpoolController().select(user_api="openmp").lib_controllers
    return found
