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
    """Whether `name` has the form ``owner/repository``."""
    return _REPOSITORY.fullmatch(name) is not None and not name.endswith(".safetensors")


def fetch_checkpoint(
    repository: str, *, revision: str | None = None, kinds: Collection[str]
) -> tuple[Path, str]:
    """Return the folder of config and weights, downloaded if not cached, and the commit."""
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
    """Return an intact file, cached or downloaded; None if the repository does not have it."""
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
        f"{name} of {repository} has the hash {found}, but the hub states {stated}: it was damaged "
        "in transit or on disk, and has been removed; try again"
    )


def _fetched_again(repository: str, name: str, revision: str | None) -> Path | None:
    try:
        return _cached(repository, name, revision)
    except CodecError as error:
        raise CodecError(
            f"{name} of {repository} was damaged on disk and has been removed: {error}"
        ) from error


def _cached(repository: str, name: str, revision: str | None) -> Path | None:
    """Return a file, cached or downloaded; None if the repository does not have it."""
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
    """Raise a CodecError for every error of the hub, except those about a missing file."""
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
        raise CodecError(f"{repository} is not accessible to you: {_refusal(error)}") from error
    except RepositoryNotFoundError as error:
        raise CodecError(
            f"no codec {repository!r}: no such folder, and no repository on the hub that is "
            f"accessible to you ({_first_line(error)}); if it is private, {_SIGN_IN}"
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
    """Reason and remedy, if the hub refused; otherwise None."""
    responses = (getattr(e, "response", None) for e in (error, error.__cause__))
    status = next((r.status_code for r in responses if r is not None), None)
    if status in (401, 403):
        return f"the hub refuses it (HTTP {status}): it may be gated or private; {_SIGN_IN}"
    if status == 429:
        return "the hub received too many requests from here (HTTP 429): wait some minutes"
    if status is not None and status >= 500:
        return f"the hub reports an error of its own (HTTP {status}): try again later"
    return None


def _check_header(path: Path, repository: str, name: str) -> None:
    """Remove a downloaded file that is not safetensors, and raise."""
    wrong = header_error(path)
    if wrong is not None:
        remove(path)
        raise CodecError(
            f"the download of {name} of {repository} is not a readable safetensors file "
            f"({wrong}), and has been removed: check the repository and HF_ENDPOINT"
        )


def _commit_of(path: Path) -> str:
    """…/snapshots/<commit>/config.json → commit."""
    parts = path.parts
    return parts[len(parts) - 1 - parts[::-1].index("snapshots") + 1]


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def stated_hash(path: Path) -> str | None:
    """Hash that names the blob of a cached file: SHA-256, or Git's SHA-1 of small files."""
    if not path.is_symlink():
        return None
    name = path.readlink().name
    return name if _SHA256.fullmatch(name) or _GIT_SHA1.fullmatch(name) else None


def is_git_hash(stated: str) -> bool:
    """Whether a hash is Git's, as small files have."""
    return _GIT_SHA1.fullmatch(stated) is not None


def actual_hash(path: Path, stated: str) -> str:
    """Hash of a file's content, of the same kind as `stated`."""
    total = hashlib.sha256()
    if is_git_hash(stated):
        total = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(2**22):
            total.update(block)
    return total.hexdigest()


def remove(path: Path) -> None:
    """Remove a file and its link targets from the cache, so that it is downloaded again."""
    links = [path]
    while links[-1].is_symlink():
        links.append(links[-1].parent / links[-1].readlink())
    for link in links:
        link.unlink(missing_ok=True)


def header_error(path: Path) -> str | None:
    """Reason why a file is not safetensors, from its header; None if it is."""
    try:
        with safe_open(path, framework="np"):
            return None
    except (SafetensorError, OSError) as error:
        with path.open("rb") as file:
            return f"{error}; it begins with {file.read(16)!r}"
