"""Record of the settings and recordings of a run, compared when it is resumed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import pandas as pd

from qtokfeatures.codecs.checkpoint import read_state
from qtokfeatures.codecs.mini.config import name_of_stored
from qtokfeatures.exceptions import InputError
from qtokfeatures.files import atomic_write

CHECKPOINT: Final = "checkpoint.safetensors"
WEIGHTS: Final = "mini.safetensors"
_RECORD: Final = "made_from.json"
_OWN_KEY: Final = {"train": "stage", "tune": "stale"}  # in the state of one kind of run only
_NAMED: Final = 3  # files named in an error

Task = Literal["train", "tune"]


def stored_state(folder: Path, task: Task) -> dict[str, Any] | None:
    """State of the run of kind `task` in a folder; None if a new one may start there."""
    checkpoint = folder / CHECKPOINT
    if not checkpoint.exists():
        if (folder / WEIGHTS).exists():
            raise InputError(
                f"{folder / WEIGHTS} was not written by a run in that folder and is not "
                "overwritten: choose another folder"
            )
        return None
    state = read_state(checkpoint)
    if _OWN_KEY[task] not in state:
        found = next((other for other, key in _OWN_KEY.items() if key in state), "unknown")
        raise InputError(
            f"expected a checkpoint of kind {task!r}, got {checkpoint} of kind {found!r}: choose "
            "another folder"
        )
    return state


def current_name(stored: str) -> str:
    """Present name of a checkpoint's tensor; the semantic part had other names at first."""
    prefix, _, name = stored.partition(".")
    if prefix == "model":
        return f"model.{name_of_stored(name)}"
    return re.sub(r"^objectives\.(codebooks\.)?meanings?\.", r"objectives.\1semantic.", stored)


def refuse_changes(place: Path, stored: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raise if settings differ; None and missing ones are not compared."""
    then, now = (json.loads(json.dumps(settings)) for settings in (stored, given))
    found = _differences(then, now)
    if found:
        raise InputError(
            f"{place} was started with other settings: {'; '.join(found)}. Resume with the stored "
            f"settings, choose another folder, or delete {place}"
        )


def list_files(listings: Sequence[pd.DataFrame]) -> dict[str, list[Any]] | None:
    """Kind, size and modification time of the listed files by path; None for none."""
    found = {
        str(row.path): [str(row.kind), *_stamp(Path(str(row.path)))]
        for listing in listings
        for row in listing.itertuples()
    }
    return found or None


def read_record(corpus: Path) -> dict[str, Any] | None:
    """Record of a corpus; None without one."""
    path = corpus / _RECORD
    if not path.is_file():
        return None
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(
            f"{path} is damaged ({error}): delete {corpus} to regenerate it"
        ) from error
    return record


def write_record(corpus: Path, record: Mapping[str, Any]) -> None:
    """Write the record of a complete corpus."""
    with atomic_write(corpus / _RECORD) as fresh:
        fresh.write_text(json.dumps(record), encoding="utf-8")


def _differences(stored: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    found = []
    for name, now in given.items():
        then = stored.get(name)
        if now is None or then is None or now == then:
            continue
        if name == "recordings":
            found.append(_moved_files(then, now))
        elif isinstance(then, dict) and isinstance(now, dict):
            keys = sorted(key for key in then.keys() | now.keys() if then.get(key) != now.get(key))
            found += [f"{key} of the {name} {then.get(key)}, now {now.get(key)}" for key in keys]
        else:
            found.append(f"{name} {_short(then)}, now {_short(now)}")
    return found


def _moved_files(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    groups = {
        "new": sorted(now.keys() - then.keys()),
        "gone": sorted(then.keys() - now.keys()),
        "changed": sorted(path for path in then.keys() & now.keys() if then[path] != now[path]),
    }
    parts = [f"{len(paths)} {how} ({_some(paths)})" for how, paths in groups.items() if paths]
    return "recordings: " + ", ".join(parts)


def _some(paths: Sequence[str]) -> str:
    return ", ".join([*paths[:_NAMED], *(["…"] if len(paths) > _NAMED else [])])


def _short(value: Any) -> str:
    return value[:12] if isinstance(value, str) else str(value)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns
