"""Checkpoints from a hub that speaks Hugging Face's protocol, kept in its usual cache."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from qtokfeatures.codecs.folders import CONFIG, INDEX, SUBFOLDERS, WEIGHTS, model_type, read_index
from qtokfeatures.exceptions import CodecError

_REPOSITORY = re.compile(r"[A-Za-z0-9_-][\w.-]*/[\w.-]+")
_SIGN_IN = "give a token that may see it: `hf auth login`, or the variable HF_TOKEN"

_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_SHA1 = re.compile(r"[0-9a-f]{40}")


def is_repository_name(name: str) -> bool:
    """Tell whether `name` looks like ``owner/repository``."""
    return _REPOSITORY.fullmatch(name) is not None and not name.endswith(".safetensors")


def fetch_checkpoint(
    repository: str, *, revision: str | None = None, kinds: Collection[str]
) -> tuple[Path, str]:
    """Return a folder with ``config.json`` and weights, downloading what the cache lacks.

    ``HF_HOME``, ``HF_ENDPOINT``, ``HF_HUB_OFFLINE`` and ``HF_TOKEN`` are honoured. A connection
    that breaks is taken up where it stopped while this call lasts; a file whose download was given
    up or killed is begun anew, as `huggingface_hub` has it. Each time they are to be loaded, files
    are compared with the hash that the hub names them by. A small file that differs is fetched
    once more.

    Parameters
    ----------
    repository : str
        ``owner/repository``.
    revision : str, optional
        Branch, tag or commit; the default branch when None.
    kinds : collection of str
        Values of ``model_type`` that can be loaded. When the repository itself is another kind,
        as a checkpoint for speech synthesis is, its folder ``speech_tokenizer/`` is looked at.

    Returns
    -------
    folder : Path
        In the cache; holds all files that are needed, complete.
    commit : str
        The commit they are from.

    Raises
    ------
    CodecError
        No such repository, revision or file; no network; a hub that refuses; a download that
        stays incomplete, does not have the hash that the hub states, or is no safetensors file.
    """
    config = _required(repository, CONFIG, revision)
    commit = _commit_of(config)
    kind = model_type(config)
    for subfolder in SUBFOLDERS:
        if kind in kinds:
            break
        inner = _file(repository, f"{subfolder}/{CONFIG}", commit)
        if inner is not None:
            config, kind = inner, model_type(inner)
    if kind not in kinds:
        raise CodecError(
            f"{repository} holds a model of type {kind!r}: expected one of {sorted(kinds)}"
        )
    inside = "" if config.parent.name == commit else f"{config.parent.name}/"
    _fetch_weights(repository, inside, commit)
    return config.parent, commit


def _fetch_weights(repository: str, inside: str, commit: str) -> None:
    whole = _file(repository, inside + WEIGHTS, commit)
    if whole is not None:
        _check_header(whole, repository, inside + WEIGHTS)
        return
    index = _file(repository, inside + INDEX, commit)
    if index is None:
        raise CodecError(f"{repository} has no weights: expected {inside}{WEIGHTS} or {INDEX}")
    for name in sorted(set(read_index(index).values())):
        _check_header(_required(repository, inside + name, commit), repository, inside + name)


def _required(repository: str, name: str, revision: str | None) -> Path:
    found = _file(repository, name, revision)
    if found is None:
        raise CodecError(f"{repository} has no file {name} at revision {revision or 'main'}")
    return found


def _file(repository: str, name: str, revision: str | None) -> Path | None:
    """Find one intact file in the cache or download it; None where the repository has none."""
    path = _cached(repository, name, revision)
    stated = stated_hash(path) if path is not None else None
    if path is None or stated is None:
        return path
    found = actual_hash(path, stated)
    if found == stated:
        return path
    remove(path)
    if is_git_hash(stated):
        again = _fetched_again(repository, name, revision)
        if again is None or actual_hash(again, stated) == stated:
            return again
        remove(again)
    raise CodecError(
        f"{name} of {repository} has the hash {found}, but the hub says {stated}: it was damaged "
        "on the way or on the disk, and has been removed; try again"
    )


def _fetched_again(repository: str, name: str, revision: str | None) -> Path | None:
    try:
        return _cached(repository, name, revision)
    except CodecError as error:
        raise CodecError(
            f"{name} of {repository} was damaged on the disk and has been removed: {error}"
        ) from error


def _cached(repository: str, name: str, revision: str | None) -> Path | None:
    """Find one file in the cache or download it; None where the repository does not have it."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    def download() -> Path:
        endpoint = os.environ.get("HF_ENDPOINT") or None
        return Path(hf_hub_download(repository, name, revision=revision, endpoint=endpoint))

    try:
        return _explained(download, repository, name, revision)
    except LocalEntryNotFoundError as error:
        why = _refusal(error) or f"the hub cannot be reached ({_first_line(error)}): connect"
        raise CodecError(
            f"{name} of {repository} is not in the cache and {why}, or give the path of a folder "
            "that holds it"
        ) from error
    except EntryNotFoundError:
        return None


def _explained(
    download: Callable[[], Path], repository: str, name: str, revision: str | None
) -> Path:
    """Turn the hub's many errors into ours; the ones about a missing file are left."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    # The first base is the general error of whichever HTTP library the hub's client uses.
    failures: tuple[Any, ...] = (OSError, HfHubHTTPError.__bases__[0])
    try:
        return download()
    except GatedRepoError as error:
        raise CodecError(f"{repository} is not open to you: {_refusal(error)}") from error
    except RepositoryNotFoundError as error:
        raise CodecError(
            f"no codec {repository!r}: no folder here, and no repository on the hub that is open "
            f"to you ({_first_line(error)}); if it is private, {_SIGN_IN}"
        ) from error
    except RevisionNotFoundError as error:
        raise CodecError(f"{repository} has no revision {revision!r}") from error
    except HFValidationError as error:
        raise CodecError(f"no codec {repository!r}: {_first_line(error)}") from error
    except EntryNotFoundError:
        raise
    except failures as error:
        why = _refusal(error) or f"{_first_line(error)}; try again"
        raise CodecError(f"{name} of {repository} could not be downloaded: {why}") from error


def _refusal(error: BaseException) -> str | None:
    """Say what the hub answered and what to do; None if it did not answer with a refusal."""
    responses = (getattr(e, "response", None) for e in (error, error.__cause__))
    status = next((r.status_code for r in responses if r is not None), None)
    if status in (401, 403):
        return f"the hub refuses it (HTTP {status}): it may be gated or private; {_SIGN_IN}"
    if status == 429:
        return "the hub has had too many requests from here (HTTP 429): wait some minutes"
    if status is not None and status >= 500:
        return f"the hub is in trouble (HTTP {status}): try later"
    return None


def _check_header(path: Path, repository: str, name: str) -> None:
    """Refuse and remove what was served as weights and is something else."""
    wrong = header_error(path)
    if wrong is not None:
        remove(path)
        raise CodecError(
            f"what the hub gave for {name} of {repository} is not a readable safetensors file "
            f"({wrong}), and has been removed: look at the repository, or at HF_ENDPOINT"
        )


def _commit_of(path: Path) -> str:
    """…/snapshots/<commit>/config.json → commit."""
    parts = path.parts
    return parts[len(parts) - 1 - parts[::-1].index("snapshots") + 1]


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def stated_hash(path: Path) -> str | None:
    """Return the name of the blob behind a file of a snapshot, if that is a hash.

    The hub names large files by their SHA-256 and small ones by their Git blob's SHA-1. Where the
    cache cannot link (some Windows machines), there is no such name.

    Parameters
    ----------
    path : Path
        ``…/snapshots/<commit>/<file>``.

    Returns
    -------
    str or None
        64 or 40 hexadecimal digits.
    """
    if not path.is_symlink():
        return None
    name = path.readlink().name
    return name if _SHA256.fullmatch(name) or _GIT_SHA1.fullmatch(name) else None


def is_git_hash(stated: str) -> bool:
    """Tell whether a stated hash is a small file's."""
    return _GIT_SHA1.fullmatch(stated) is not None


def actual_hash(path: Path, stated: str) -> str:
    """Return the hash of the kind that is stated, of what the file holds.

    Parameters
    ----------
    path : Path
        A file.
    stated : str
        What :func:`stated_hash` returned for it.

    Returns
    -------
    str
        Hexadecimal digits.
    """
    total = hashlib.sha256()
    if is_git_hash(stated):
        total = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(2**22):
            total.update(block)
    return total.hexdigest()


def remove(path: Path) -> None:
    """Take a file out of the cache, and whatever it links to, so that it is fetched anew."""
    links = [path]
    while links[-1].is_symlink():
        links.append(links[-1].parent / links[-1].readlink())
    for link in links:
        link.unlink(missing_ok=True)


def header_error(path: Path) -> str | None:
    """Say why a file is no complete safetensors file; None if it is one. Reads its header only."""
    try:
        with safe_open(path, framework="np"):
            return None
    except (SafetensorError, OSError) as error:
        with path.open("rb") as file:
            return f"{error}; it begins with {file.read(16)!r}"
