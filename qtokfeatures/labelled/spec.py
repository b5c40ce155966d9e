"""Description of a codec, and the check that codes belong to it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from qtokfeatures.exceptions import CodecMismatchError, InputError, SchemaError

# Field of CodecSpec -> attribute of a codes Dataset. ``sample_rate`` is prefixed there because
# the coordinate of that name holds the rate of the original recordings.
SPEC_ATTRS: dict[str, str] = {
    "name": "codec_name",
    "revision": "revision",
    "fingerprint": "fingerprint",
    "frame_rate": "frame_rate",
    "codebook_size": "codebook_size",
    "n_codebooks": "n_codebooks",
    "sample_rate": "codec_sample_rate",
    "hop_length": "hop_length",
    "embedding_dim": "embedding_dim",
}

_INT16_CODES = 2**15


@dataclass(frozen=True)
class CodecSpec:
    """Properties of a codec that its codes depend on.

    Parameters
    ----------
    name : str
        The name that ``load_codec`` takes.
    revision : str
        Version of the weights.
    sample_rate : int
        Sample rate of the codec, in Hz.
    frame_rate : float
        Frames per second.
    hop_length : int
        Samples per frame at ``sample_rate``.
    n_codebooks : int
        Residual codebooks.
    codebook_size : int
        Codes per codebook, at most 32768 so that every code fits in int16.
    fingerprint : str
        Hash over the weights, the version of the encoder's semantics and the encode dtype. Codes
        are comparable when, and only when, their fingerprints are equal.
    embedding_dim : int
        Length of the vector that ``codec.embed`` returns per frame.

    Raises
    ------
    InputError
        If a number is not positive, or the name or fingerprint is empty.

    Examples
    --------
    >>> spec = CodecSpec(
    ...     name="mini", revision="1", sample_rate=24000, frame_rate=12.5, hop_length=1920,
    ...     n_codebooks=16, codebook_size=2048, fingerprint="0f3a", embedding_dim=64,
    ... )
    >>> spec.to_attrs()["codec_name"]
    'mini'
    >>> CodecSpec.from_attrs(spec.to_attrs()) == spec
    True
    """

    name: str
    revision: str
    sample_rate: int
    frame_rate: float
    hop_length: int
    n_codebooks: int
    codebook_size: int
    fingerprint: str
    embedding_dim: int

    def __post_init__(self) -> None:
        """Raise InputError for impossible values."""
        for name in ("name", "fingerprint"):
            if not getattr(self, name):
                raise InputError(f"a codec needs a {name}, got {getattr(self, name)!r}")
        for name in ("sample_rate", "frame_rate", "hop_length", "n_codebooks", "codebook_size"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(
                    f"{name} of codec {self.name!r} must be above 0, got {getattr(self, name)!r}"
                )
        if self.codebook_size > _INT16_CODES:
            raise InputError(
                f"codebook_size of codec {self.name!r} is {self.codebook_size}; "
                f"int16 codes allow at most {_INT16_CODES}"
            )

    def to_attrs(self) -> dict[str, str | int | float]:
        """Return the attributes that identify the codec in a codes Dataset.

        Returns
        -------
        dict
            Values of str, int and float, which JSON, netCDF and Zarr keep.
        """
        values = asdict(self)
        return {attr: values[field] for field, attr in SPEC_ATTRS.items()}

    @classmethod
    def from_attrs(cls, attrs: Mapping[str, Any]) -> CodecSpec:
        """Read the codec back from the attributes of a codes Dataset.

        Parameters
        ----------
        attrs : Mapping
            ``Dataset.attrs``, as :meth:`to_attrs` made them or a store returned them.

        Returns
        -------
        CodecSpec

        Raises
        ------
        SchemaError
            If an attribute is missing or is of another type.
        """
        read = {field.name: _read(attrs, field.name, field.type) for field in fields(cls)}
        try:
            return cls(**read)
        except InputError as error:
            raise SchemaError(f"the attributes describe no codec: {error}") from error

    def check_matches(self, other: CodecSpec | Mapping[str, Any]) -> None:
        """Raise CodecMismatchError for another codec or another version of this one.

        The fingerprints are compared, which cover everything that codes depend on, and what
        equal fingerprints imply: rates, samples per frame and size of the codebooks.

        Parameters
        ----------
        other : CodecSpec or Mapping
            Another codec, or the attributes of a Dataset.

        Raises
        ------
        CodecMismatchError
            If the fingerprints differ. Names both codecs, revisions and fingerprints.

        Examples
        --------
        >>> from dataclasses import replace
        >>> spec = CodecSpec("mini", "1", 24000, 12.5, 1920, 16, 2048, "0f3a", 64)
        >>> spec.check_matches(replace(spec, fingerprint="77aa"))
        Traceback (most recent call last):
          ...
        qtokfeatures.exceptions.CodecMismatchError: codes of different codecs cannot be mixed: ...
        """
        if not isinstance(other, CodecSpec):
            other = CodecSpec.from_attrs(other)
        if self.fingerprint != other.fingerprint:
            raise CodecMismatchError(
                f"codes of different codecs cannot be mixed: {self.describe()} and "
                f"{other.describe()}; encode the audio again with one of them"
            )
        for name in ("sample_rate", "frame_rate", "hop_length", "codebook_size"):
            if getattr(self, name) != getattr(other, name):
                raise CodecMismatchError(
                    f"{name} of {self.describe()} is {getattr(self, name)}, but codes of the same "
                    f"fingerprint claim {getattr(other, name)}: encode the audio again"
                )

    def describe(self) -> str:
        """Return name, revision and fingerprint in one phrase, for messages.

        Returns
        -------
        str
        """
        return f"{self.name} (revision {self.revision}, fingerprint {self.fingerprint})"


def _read(attrs: Mapping[str, Any], field: str, kind: Any) -> Any:
    attr = SPEC_ATTRS[field]
    if attr not in attrs:
        raise SchemaError(
            f"attribute {attr!r} is missing: it names the codec that made the codes "
            "(a Dataset from codec.encode_many has it)"
        )
    try:
        return {"str": str, "int": int, "float": float}[kind](attrs[attr])
    except (TypeError, ValueError, OverflowError) as error:
        raise SchemaError(f"attribute {attr!r} must be {kind}, got {attrs[attr]!r}") from error
