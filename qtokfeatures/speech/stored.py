"""Recognisers as files: weights as safetensors, everything else as JSON."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from qtokfeatures.exceptions import InputError, UnsupportedVersionError
from qtokfeatures.files import atomic_write
from qtokfeatures.speech.network import NetworkConfig, SpeechNetwork
from qtokfeatures.speech.ngram import NGram
from qtokfeatures.speech.symbols import UNITS, Alphabet

if TYPE_CHECKING:
    from qtokfeatures.speech.recognizer import CTCRecognizer

WEIGHTS: Final = "recognizer.safetensors"
DESCRIPTION: Final = "recognizer.json"
FORMAT: Final = "qtokfeatures-ctc-1"

#: Parameters of training that mean nothing elsewhere.
_LEFT_OUT: Final = ("checkpoint", "progress")


def save_recognizer(model: CTCRecognizer, folder: Path) -> Path:
    """Write a fitted recogniser."""
    parameters = {k: v for k, v in model.get_params(deep=False).items() if k not in _LEFT_OUT}
    if model.language_model is not None:
        parameters["language_model"] = model.language_model.to_dict()
    if model.lexicon is not None:
        parameters["lexicon"] = list(model.lexicon)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.contiguous() for name, value in model.network_.state_dict().items()}
    with atomic_write(folder / WEIGHTS) as fresh:
        save_file(weights, fresh)
    described = {
        "format": FORMAT,
        "parameters": parameters,
        "network": model.network_.config.to_dict(),
        "symbols": list(model.alphabet_.symbols),
        "frames": model.frames_attrs_,
        "history": model.history_,
        "weights_sha256": _digest(folder / WEIGHTS),
    }
    with atomic_write(folder / DESCRIPTION) as fresh:
        fresh.write_text(json.dumps(described, indent=1, default=_plain), encoding="utf-8")
    return folder


def load_recognizer(folder: Path) -> CTCRecognizer:
    """Read what :func:`save_recognizer` wrote."""
    from qtokfeatures.speech.recognizer import CTCRecognizer

    path = folder / DESCRIPTION
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected a stored recogniser ({error})") from error
    if not isinstance(described, dict) or described.get("format") != FORMAT:
        found = described.get("format") if isinstance(described, dict) else None
        raise UnsupportedVersionError(f"{path}: expected the format {FORMAT}, got {found!r}")
    try:
        return _restored(CTCRecognizer, described, folder / WEIGHTS)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: the stored recogniser is damaged ({error})") from error


def _restored(kind: type[CTCRecognizer], described: dict[str, Any], weights: Path) -> CTCRecognizer:
    parameters = dict(described["parameters"])
    if parameters.get("language_model") is not None:
        parameters["language_model"] = NGram.from_dict(parameters["language_model"])
    model = kind(**parameters)
    network = SpeechNetwork(NetworkConfig(**described["network"]))
    _check(described, network.config)
    try:
        network.load_state_dict(load_file(weights))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise InputError(f"{weights}: expected the weights of the recogniser ({error})") from error
    if _digest(weights) != described["weights_sha256"]:
        raise InputError(f"{weights}: not the weights that {DESCRIPTION} beside it belongs to")
    model.network_ = network.eval()
    model.alphabet_ = Alphabet(model.unit, tuple(described["symbols"]))
    model.frames_attrs_ = described["frames"]
    model.history_ = described["history"]
    model.n_features_in_ = network.config.n_inputs
    return model


def _check(described: dict[str, Any], config: NetworkConfig) -> None:
    unit, symbols = described["parameters"]["unit"], described["symbols"]
    if unit not in UNITS:
        raise ValueError(f"unit {unit!r}")
    if len(symbols) + 1 != config.n_symbols:
        raise ValueError(f"{len(symbols)} symbols for a network of {config.n_symbols}")
    if not isinstance(described["frames"], dict):
        raise TypeError(f"frames {described['frames']!r}")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _plain(value: Any) -> Any:
    """Turn NumPy's numbers into Python's."""
    return value.item()
