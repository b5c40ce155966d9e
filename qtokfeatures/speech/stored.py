"""Fitted recognisers as files: weights as safetensors, everything else as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from qtokfeatures.exceptions import InputError, UnsupportedVersionError
from qtokfeatures.files import atomic_write
from qtokfeatures.parameters import share, whole
from qtokfeatures.speech.network import NetworkConfig, SpeechNetwork
from qtokfeatures.speech.ngram import NGram
from qtokfeatures.speech.symbols import UNITS, Alphabet

WEIGHTS: Final = "recognizer.safetensors"
DESCRIPTION: Final = "recognizer.json"
FORMAT: Final = "qtokfeatures-ctc-1"


@dataclass(frozen=True, eq=False)
class StoredRecognizer:
    """Parameters and fitted state of a recogniser."""

    parameters: dict[str, Any]
    network: SpeechNetwork
    alphabet: Alphabet
    frames_attrs: dict[str, Any]
    history: list[dict[str, float]]

    def save(self, folder: Path) -> Path:
        """Write both files; each appears when it is complete."""
        parameters = dict(self.parameters)
        if parameters["language_model"] is not None:
            parameters["language_model"] = parameters["language_model"].to_dict()
        if parameters["lexicon"] is not None:
            parameters["lexicon"] = list(parameters["lexicon"])
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: value.contiguous() for name, value in self.network.state_dict().items()}
        with atomic_write(folder / WEIGHTS) as fresh:
            save_file(weights, fresh)
        described = {
            "format": FORMAT,
            "parameters": parameters,
            "network": self.network.config.to_dict(),
            "symbols": list(self.alphabet.symbols),
            "frames": self.frames_attrs,
            "history": self.history,
            "weights_sha256": _digest(folder / WEIGHTS),
        }
        with atomic_write(folder / DESCRIPTION) as fresh:
            fresh.write_text(json.dumps(described, indent=1, default=_plain), encoding="utf-8")
        return folder

    @classmethod
    def load(cls, folder: Path, known: Collection[str]) -> StoredRecognizer:
        """Read the files of :meth:`save`, with parameters of known names.

        InputError names a missing or damaged file.
        """
        path = folder / DESCRIPTION
        try:
            described = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"{path}: expected a stored recogniser ({error})") from error
        found = described.get("format") if isinstance(described, dict) else None
        if found != FORMAT:
            raise UnsupportedVersionError(f"{path}: expected the format {FORMAT}, got {found!r}")
        try:
            unknown = sorted(set(described["parameters"]) - set(known))
            if unknown:
                raise ValueError(f"unknown parameters {', '.join(unknown)}")
            return cls._restored(described, folder / WEIGHTS)
        except InputError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise InputError(f"{path}: the stored recogniser is damaged ({error})") from error

    @classmethod
    def _restored(cls, described: dict[str, Any], weights: Path) -> StoredRecognizer:
        parameters = dict(described["parameters"])
        if parameters.get("language_model") is not None:
            parameters["language_model"] = NGram.from_dict(parameters["language_model"])
        config = NetworkConfig(**described["network"])
        _check(described, config)
        with torch.device("meta"):  # no memory for sizes that the weights do not have
            network = SpeechNetwork(config)
        try:
            network.load_state_dict(load_file(weights), assign=True)
        except (OSError, SafetensorError, RuntimeError) as error:
            raise InputError(f"{weights}: expected weights of the recogniser ({error})") from error
        if _digest(weights) != described["weights_sha256"]:
            raise InputError(f"{weights}: not the weights that {DESCRIPTION} describes")
        return cls(
            parameters,
            network.eval(),
            Alphabet(parameters["unit"], tuple(described["symbols"])),
            described["frames"],
            described["history"],
        )


def _check(described: dict[str, Any], config: NetworkConfig) -> None:
    unit, symbols = described["parameters"]["unit"], described["symbols"]
    if unit not in UNITS:
        raise ValueError(f"unit {unit!r}")
    if len(symbols) + 1 != config.n_symbols:
        raise ValueError(f"{len(symbols)} symbols for a network of {config.n_symbols}")
    if not (isinstance(described["frames"], dict) and isinstance(described["history"], list)):
        raise TypeError("frames or history of another type")
    if not all(isinstance(symbol, str) for symbol in symbols):
        raise TypeError(f"symbols {symbols!r}")
    for name in ("n_inputs", "n_symbols", "hidden", "stride"):
        whole(name, getattr(config, name), at_least=1)
    whole("token_count", config.token_count, at_least=0)
    share("dropout", config.dropout)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _plain(value: Any) -> Any:
    """Convert a NumPy number to a Python number."""
    return value.item()
