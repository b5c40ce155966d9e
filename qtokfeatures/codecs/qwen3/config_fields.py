"""Fields of a ``config.json``, each read as what it must be, with an error that names it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtokfeatures.exceptions import CodecError


@dataclass(frozen=True)
class ConfigFields:
    """A table of a ``config.json``.

    Parameters
    ----------
    path : Path
        The file, for errors.
    values : Mapping
        The table.
    name : str, default=""
        What the table is called in the file; "" for all of it.
    """

    path: Path
    values: Mapping[str, Any]
    name: str = ""

    @classmethod
    def read(cls, path: Path) -> ConfigFields:
        """Read a file.

        Raises
        ------
        CodecError
            It cannot be read, or is not a table of JSON.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise CodecError(f"{path} is not a readable JSON file: {error}") from error
        if not isinstance(values, dict):
            raise CodecError(f"{path}: expected a table, got {type(values).__name__}")
        return cls(path, values)

    def table(self, name: str) -> ConfigFields:
        """Return the table under `name`."""
        value = self._held(name)
        if not isinstance(value, dict):
            raise self.wrong(name, "a table")
        return ConfigFields(self.path, value, name)

    def size(self, name: str, *, least: int = 1, default: int | None = None) -> int:
        """Return a whole number of at least `least`; null or nothing is the default."""
        if default is not None and self.values.get(name) is None:
            return default
        value = self._held(name)
        if not _is_whole(value, least):
            raise self.wrong(name, f"a whole number of at least {least}")
        return int(value)

    def sizes(self, name: str, *, fewest: int = 1) -> tuple[int, ...]:
        """Return a list of whole numbers above 0."""
        value = self._held(name)
        if not isinstance(value, list) or len(value) < fewest or not all(map(_is_whole, value)):
            raise self.wrong(name, f"a list of {fewest} or more whole numbers above 0")
        return tuple(value)

    def positive(self, name: str) -> float:
        """Return a finite number above 0."""
        value = self._held(name)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not 0 < value < math.inf:
            raise self.wrong(name, "a number above 0")
        return float(value)

    def option(self, name: str, default: Any) -> Any:
        """Return a value of any kind, or the default where there is none."""
        return self.values.get(name, default)

    def wrong(self, name: str, expected: str) -> CodecError:
        """Return the error that says what the field `name` must be."""
        got = repr(self.values.get(name))
        got = got if len(got) <= 80 else f"{got[:80]}…"
        return CodecError(f"{self.path}: {self._place(name)} must be {expected}, got {got}")

    def _held(self, name: str) -> Any:
        if name not in self.values:
            raise CodecError(f"{self.path} lacks {self._place(name)}")
        return self.values[name]

    def _place(self, name: str) -> str:
        return f"{self.name}.{name}" if self.name else name


def _is_whole(value: Any, least: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
