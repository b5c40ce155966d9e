"""What a run was started with, so that it goes on as that or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import pandas as pd

from qtokfeatures.codecs.checkpoint import read_state
from qtokfeatures.exceptions import InputError
from qtokfeatures.files import atomic_write

CHECKPOINT: Final = "checkpoint.safetensors"
WEIGHTS: Final = "mini.safetensors"
_RECORD: Final = "made_from.json"
_TELLING: Final = {"train": "stage", "tune": "stale"}
_NAMED: Final = 3

Task = Literal["train", "tune"]


def stored_state(folder: Path, task: Task) -> dict[str, Any] | None:
    """Return the state of the run in a folder, None where a new one may begin.

    Raises
    ------
    InputError
        What is in the folder is of another kind of run, or weights that no run wrote there.
    CodecError
        The checkpoint is damaged.
    """
    checkpoint = folder / CHECKPOINT
    if not checkpoint.exists():
        if (folder / WEIGHTS).exists():
            raise InputError(
                f"{folder / WEIGHTS} was not written by a run in that folder and is not "
                "overwritten: name another folder"
            )
        return None
    state = read_state(checkpoint)
    if _TELLING[task] not in state:
        others = [other for other, key in _TELLING.items() if key in state]
        found = f"a run that is to {others[0]} a codec" if others else "something else"
        raise InputError(
            f"{checkpoint} is of {found}, this one is to {task} a codec: name another folder"
        )
    return state


def refuse_changes(place: Path, stored: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Compare settings; what is None or missing on one side is not compared.

    Parameters
    ----------
    place : Path
        What the settings made.
    stored, given : mapping
        Settings then and now, such as JSON holds.

    Raises
    ------
    InputError
        Something differs: named, with what to do.
    """
    then, now = (json.loads(json.dumps(settings)) for settings in (stored, given))
    found = _differences(then, now)
    if found:
        raise InputError(
            f"{place} was begun with other settings than these: {'; '.join(found)}. Go on with "
            f"those, name another folder, or delete {place}"
        )


def list_files(listings: Sequence[pd.DataFrame]) -> dict[str, list[Any]] | None:
    """Say which recordings listings hold: kind, bytes and time of change by path; None for none."""
    found = {
        str(row.path): [str(row.kind), *_stamp(Path(str(row.path)))]
        for listing in listings
        for row in listing.itertuples()
    }
    return found or None


def read_record(corpus: Path) -> dict[str, Any] | None:
    """Return what a corpus was made from; None where that is not known.

    Raises
    ------
    InputError
        The record is damaged.
    """
    path = corpus / _RECORD
    if not path.is_file():
        return None
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}): delete {corpus} to make it anew") from error
    return record


def write_record(corpus: Path, record: Mapping[str, Any]) -> None:
    """Write down what a corpus, now complete, was made from."""
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
