"""Checkpoints from a hub that speaks Hugging Face's protocol, kept in its usual cache."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, BinaryIO

from qtokfeatures.codecs.folders import CONFIG, INDEX, SUBFOLDERS, WEIGHTS, model_type, read_index
from qtokfeatures.exceptions import CodecError

_REPOSITORY = re.compile(r"[A-Za-z0-9_-][\w.-]*/[\w.-]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_repository_name(name: str) -> bool:
    """Tell whether `name` looks like ``owner/repository``."""
    return _REPOSITORY.fullmatch(name) is not None and not name.endswith(".safetensors")


def fetch_checkpoint(
    repository: str, *, revision: str | None = None, kinds: Collection[str]
) -> tuple[Path, str]:
    """Return a folder with ``config.json`` and weights, downloading what the cache lacks.

    ``HF_HOME``, ``HF_ENDPOINT``, ``HF_HUB_OFFLINE`` and ``HF_TOKEN`` are honoured. When the
    connection breaks, the download goes on where it stopped. A file that the hub names a SHA-256
    for is compared with it, each time it is to be loaded.

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
        No such repository, revision or file; no network; a download that stays incomplete or
        does not have the hash that the hub states.
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
    if _file(repository, inside + WEIGHTS, commit) is not None:
        return
    index = _file(repository, inside + INDEX, commit)
    if index is None:
        raise CodecError(f"{repository} has no weights: expected {inside}{WEIGHTS} or {INDEX}")
    for name in sorted(set(read_index(index).values())):
        _required(repository, inside + name, commit)


def _required(repository: str, name: str, revision: str | None) -> Path:
    found = _file(repository, name, revision)
    if found is None:
        raise CodecError(f"{repository} has no file {name} at revision {revision or 'main'}")
    return found


def _file(repository: str, name: str, revision: str | None) -> Path | None:
    """Download one file or find it in the cache; None where the repository does not have it."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    def download() -> Path:
        endpoint = os.environ.get("HF_ENDPOINT") or None
        return Path(hf_hub_download(repository, name, revision=revision, endpoint=endpoint))

    try:
        path = _explained(download, repository, name, revision)
    except LocalEntryNotFoundError as error:
        raise CodecError(
            f"{name} of {repository} is not in the cache and the hub cannot be reached "
            f"({_first_line(error)}): connect, or give the path of a folder that holds it"
        ) from error
    except EntryNotFoundError:
        return None
    _check_hash(path, repository, name)
    return path


def _explained(
    download: Callable[[], Path], repository: str, name: str, revision: str | None
) -> Path:
    """Turn the hub's many errors into ours; the ones about a missing file are left."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    # The first base is the general error of whichever HTTP library the hub's client uses.
    failures: tuple[Any, ...] = (OSError, HfHubHTTPError.__bases__[0])
    try:
        return download()
    except RepositoryNotFoundError as error:
        raise CodecError(
            f"no codec {repository!r}: no folder here, and no repository on the hub that is open "
            f"to you ({_first_line(error)})"
        ) from error
    except RevisionNotFoundError as error:
        raise CodecError(f"{repository} has no revision {revision!r}") from error
    except HFValidationError as error:
        raise CodecError(f"no codec {repository!r}: {_first_line(error)}") from error
    except EntryNotFoundError:
        raise
    except failures as error:
        raise CodecError(
            f"{name} of {repository} could not be downloaded completely ({_first_line(error)}): "
            "try again; nothing incomplete was kept"
        ) from error


def _check_hash(path: Path, repository: str, name: str) -> None:
    """Compare a file with the SHA-256 that the cache names its blob by; remove it if it differs.

    Where the cache cannot link (some Windows machines), there is no such name.
    """
    if not path.is_symlink():
        return
    blob = path.parent / path.readlink()
    if not _SHA256.fullmatch(blob.name):
        return
    with blob.open("rb") as file:
        found = _sha256(file)
    if found != blob.name:
        blob.unlink()
        path.unlink(missing_ok=True)
        raise CodecError(
            f"{name} of {repository} has the SHA-256 {found}, but the hub says {blob.name}: it "
            "was damaged on the way or on the disk, and has been removed; try again"
        )


def _sha256(file: BinaryIO) -> str:
    total = hashlib.sha256()
    while block := file.read(2**22):
        total.update(block)
    return total.hexdigest()


def _commit_of(path: Path) -> str:
    """…/snapshots/<commit>/config.json → commit."""
    parts = path.parts
    return parts[len(parts) - 1 - parts[::-1].index("snapshots") + 1]


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
