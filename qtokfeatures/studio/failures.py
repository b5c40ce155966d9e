"""Failed inputs of a job, and requests that it refuses."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from qtokfeatures.exceptions import InputError


@dataclass(frozen=True)
class Failure:
    """An input that a job could not use.

    Parameters
    ----------
    source : str
        The file, URL or row of a table.
    error : str
        The reason, in one line.

    Examples
    --------
    >>> Failure("a.wav", "a.wav: no such file or folder").line()
    'a.wav: no such file or folder'
    """

    source: str
    error: str

    @classmethod
    def of(cls, source: object, error: object) -> Failure:
        """Build a failure from an exception.

        Parameters
        ----------
        source : object
            The file, URL or row of a table.
        error : object
            The exception, or its text.

        Returns
        -------
        Failure
            With the text of `error` in one line.
        """
        return cls(str(source), " ".join(str(error).split()))

    def line(self) -> str:
        """Return source and reason, the source once."""
        named = self.error.startswith(" ".join(self.source.split()))
        return self.error if named else f"{self.source}: {self.error}"


class RequestError(InputError):
    """A parameter of a job has a value that the job cannot work with.

    Parameters
    ----------
    message : str
        What was expected, what came, and what to do.
    parameter : str
        Name of the parameter.
    """

    def __init__(self, message: str, parameter: str = "") -> None:
        super().__init__(message)
        self.parameter = parameter


class NoUsableInputError(InputError):
    """None of the inputs of a job could be used.

    Parameters
    ----------
    message : str
        The reason.
    failures : sequence of Failure
        The reason for each input; empty when there was no input.
    """

    def __init__(self, message: str, failures: Sequence[Failure] = ()) -> None:
        super().__init__(message)
        self.failures = list(failures)


def check_usable(found: object, failures: Sequence[Failure]) -> None:
    """Raise NoUsableInputError if `found` is empty."""
    if not found:
        reasons = "; ".join(failure.line() for failure in failures[:3]) or "there are none"
        reasons += f"; and {len(failures) - 3} more" if len(failures) > 3 else ""
        raise NoUsableInputError(f"no input can be used: {reasons}", failures)


def check_choice(value: str, choices: Collection[str], parameter: str) -> None:
    """Raise RequestError if `value` is not one of `choices`."""
    if value not in choices:
        raise RequestError(f"{value!r} is not one of {', '.join(choices)}", parameter)
