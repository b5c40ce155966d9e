"""Base of bench results: what was measured with what, its JSON, tables and notes."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from importlib import metadata
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    TypeAlias,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np

from qtokfeatures.evaluation.bootstrap import Interval
from qtokfeatures.evaluation.tables import TextTable, format_number, print_tables, to_markdown
from qtokfeatures.exceptions import InputError

if TYPE_CHECKING:
    import rich.console

    from qtokfeatures.codecs import Codec

    AnyCodec: TypeAlias = Codec[Any, Any]

SHOWN: Final = {"measured": False}  # metadata of fields that only change tables and notes
_Result = TypeVar("_Result", bound="Measured")


@dataclass(frozen=True, eq=False, kw_only=True)
class Measured(ABC):
    """Result of a bench.

    Two results are equal if everything measured is, NaN being equal to NaN.

    Parameters
    ----------
    codec : mapping of str to str
        Name, revision and fingerprint of the codec.
    versions : mapping of str to str
        Versions of the packages that measured.
    clips : str, default ""
        How the clips were chosen, for the notes; not part of what was measured.
    """

    bench: ClassVar[str]

    codec: Mapping[str, str]
    versions: Mapping[str, str]
    clips: str = field(default="", metadata=SHOWN)

    @abstractmethod
    def tables(self) -> tuple[TextTable, ...]:
        """Lay out everything measured."""

    @abstractmethod
    def findings(self) -> Iterable[str]:
        """List the notes that explain the tables; empty ones are left out."""

    def notes(self, command: str = "") -> tuple[str, ...]:
        """Return the notes below the tables.

        Parameters
        ----------
        command : str, default ""
            Command that made the tables, named in the first note.

        Returns
        -------
        tuple of str
        """
        made = f"Made by `{command}`." if command else ""
        return tuple(note for note in (made, *self.findings()) if note)

    def identity(self) -> str:
        """Return one sentence that names the codec and the packages."""
        packages = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        codec = self.codec
        return (
            f"Codec `{codec['name']}`, revision {codec['revision']}, fingerprint "
            f"`{codec['fingerprint']}`; {packages}."
        )

    def published(self: _Result) -> _Result:
        """Return the result as model cards show it."""
        return self

    def to_markdown(self, command: str = "") -> str:
        """Return tables and notes as Markdown.

        Parameters
        ----------
        command : str, default ""
            Command that made the tables, named in the first note.

        Returns
        -------
        str
        """
        return to_markdown(self.tables(), self.notes(command))

    def print(self, console: rich.console.Console) -> None:
        """Print tables and notes.

        Parameters
        ----------
        console : rich.console.Console
            Where to print.
        """
        print_tables(self.tables(), self.notes(), console)

    def to_dict(self) -> dict[str, Any]:
        """Return everything measured as JSON types; NaN and infinities are None.

        Returns
        -------
        dict
        """
        measured: dict[str, Any] = plain(self)
        versions = measured.pop("versions")
        return {**measured, "versions": versions}

    @classmethod
    def from_dict(cls: type[_Result], values: Mapping[str, Any]) -> _Result:
        """Restore a result from its JSON.

        Parameters
        ----------
        values : mapping
            What :meth:`to_dict` returned.

        Returns
        -------
        Measured
            Of this class.

        Raises
        ------
        InputError
            If `values` is not the JSON of this bench, or its JSON is only a summary.
        """
        if cls.to_dict is not Measured.to_dict:
            raise InputError(f"the JSON of `qtok bench {cls.bench}` is a summary: run it again")
        try:
            restored: _Result = _restored(cls, values)
            restored.identity()
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"expected what `qtok bench {cls.bench} --json` printed, got other JSON: "
                f"{type(error).__name__}: {error}"
            ) from error
        return restored

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and plain(self, repr) == plain(other, repr)

    __hash__ = None  # type: ignore[assignment]  # mappings and arrays have none either


def identify(codec: AnyCodec, packages: Iterable[str]) -> dict[str, Any]:
    """The fields of :class:`Measured`: identity of a codec, versions of installed packages."""
    versions = {}
    for name in packages:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    spec = codec.spec
    identity = {"name": spec.name, "revision": spec.revision, "fingerprint": spec.fingerprint}
    return {"codec": identity, "versions": versions}


def plain(value: Any, nonfinite: Callable[[float], str | None] = lambda value: None) -> Any:
    """JSON types of a dataclass, mapping, sequence, array or scalar; NaN by default as None."""
    if is_dataclass(value):
        value = {name: getattr(value, name) for name in _measured_fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(each, nonfinite) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each, nonfinite) for each in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist(), nonfinite)
    return nonfinite(value) if isinstance(value, float) and not math.isfinite(value) else value


def _measured_fields(record: Any) -> list[str]:
    return [each.name for each in fields(record) if each.metadata.get("measured", True)]


def _restored(kind: Any, value: Any) -> Any:
    """The value of type `kind` whose JSON types are `value`; None is NaN where floats are."""
    origin, args = get_origin(kind), get_args(kind)
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        optional = {each.name for each in fields(kind) if each.default_factory is not MISSING}
        names = [name for name in _measured_fields(kind) if name in value or name not in optional]
        return kind(**{name: _restored(hints[name], value[name]) for name in names})
    if origin is tuple and args[-1] is Ellipsis:
        return tuple(_restored(args[0], each) for each in value)
    if origin is tuple:
        return tuple(_restored(*each) for each in zip(args, value, strict=True))
    if origin is Mapping:
        return {args[0](key): _restored(args[1], each) for key, each in value.items()}
    if origin is UnionType:
        return None if value is None else _restored(args[0], value)
    if kind is float:
        return math.nan if value is None else float(value)
    if not isinstance(value, kind):
        raise TypeError(f"expected {kind.__name__}, got {value!r}")
    return value


def percent(share: float, digits: int = 0) -> str:
    """A share as a number in per cent."""
    return format_number(100 * share, digits)


def brackets(interval: Interval, write: Callable[[float], str]) -> str:
    """An interval as ``[low, high]``, its ends written by `write`."""
    return f"[{write(interval[0])}, {write(interval[1])}]"
