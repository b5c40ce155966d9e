"""What a bench asks of a codec that it compares with."""

from __future__ import annotations

from typing import Any, Protocol

from qtokfeatures.evaluation.pairs import FloatArray


class Peer(Protocol):
    """A codec to compare with.

    Where a peer needs a tool or package that is not there, :meth:`missing` says so and a bench
    leaves it out, with the reason.
    """

    @property
    def name(self) -> str:
        """What to call it in tables."""

    @property
    def note(self) -> str:
        """Version and parameters, for the reader of the tables."""

    @property
    def delays(self) -> bool:
        """Whether its output may come late, so that its delay has to be found and taken out."""

    def missing(self) -> str:
        """Say why it cannot run here; empty where it can."""

    def encode(self, y: FloatArray, sr: int) -> Any:
        """Turn mono samples into whatever the peer transmits."""

    def decode(self, payload: Any, sr: int) -> FloatArray:
        """Turn it back into samples at rate `sr`; they may come late and differ in length."""

    def n_bits(self, payload: Any) -> int | None:
        """Count the bits transmitted; None where nothing is quantised."""
