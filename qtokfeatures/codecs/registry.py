"""Names and paths → codecs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from qtokfeatures.codecs.base import Codec
from qtokfeatures.codecs.devices import resolve_device
from qtokfeatures.codecs.folders import CONFIG, WEIGHTS, find_checkpoint, model_type
from qtokfeatures.codecs.hub import fetch_checkpoint, is_repository_name
from qtokfeatures.codecs.mini.codec import MiniCodec, bundled_weights
from qtokfeatures.codecs.mini.weights import is_mini_file
from qtokfeatures.codecs.qwen3.checkpoint import Checkpoint
from qtokfeatures.codecs.qwen3.codec import Qwen3TTSTokenizer
from qtokfeatures.codecs.qwen3.config import MODEL_TYPE as QWEN3_TYPE
from qtokfeatures.codecs.qwen3.config import NAME as QWEN3
from qtokfeatures.exceptions import CodecError, InputError
from qtokfeatures.parameters import optional, whole

DECODE_DTYPES = ("float32", "fast")


def _load_mimi(folder: Path, **options: Any) -> Codec:
    from qtokfeatures.codecs.mimi import MimiCodec

    return MimiCodec.load(folder, **options)


# model_type of a folder's config.json → loader
CHECKPOINTS: dict[str, Callable[..., Codec]] = {
    QWEN3_TYPE: Qwen3TTSTokenizer.load,
    "mimi": _load_mimi,
}
NAMES = {"mini": "mini", QWEN3: QWEN3, "qwen-tts-tokenizer-12hz": QWEN3}  # with aliases


def list_codecs() -> list[str]:
    """Return the names that :func:`load_codec` knows without a path.

    Returns
    -------
    list of str
        Names.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> qt.list_codecs()
    ['mini', 'Qwen/Qwen3-TTS-Tokenizer-12Hz']
    """
    return list(dict.fromkeys(NAMES.values()))


def load_codec(
    name_or_path: str | Path = "mini",
    *,
    device: str | torch.device = "auto",
    dtype: str = "float32",
    decode_dtype: str = "float32",
    revision: str | None = None,
    encoder: bool = True,
    decoder: bool = True,
    threads: int | None = None,
) -> Codec:
    """Load a codec.

    Codecs of the same files share one set of weights, as long as one of them is in use.

    Parameters
    ----------
    name_or_path : str or Path, default="mini"
        - ``"mini"``: the bundled codec. Weights of your own: their ``.safetensors`` file, or the
          folder that holds ``mini.safetensors``.
        - ``"Qwen/Qwen3-TTS-Tokenizer-12Hz"``: downloaded once. Also a folder with that checkpoint,
          its ``model.safetensors``, or a folder or hub name of a checkpoint for speech synthesis
          with a ``speech_tokenizer/`` folder.
        - ``"kyutai/mimi"``, or a folder with such a checkpoint; needs the extra ``hf``.
    device : str or torch.device, default="auto"
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``, …; "auto" is a CUDA device if there is one.
    dtype : {"float32"}, default="float32"
        Least precision of the encoder. Lower ones change codes and are not offered; `mini`
        computes in float64, so that batch, chunk and number of threads do not change its codes.
    decode_dtype : {"float32", "fast"}, default="float32"
        Precision of the decoder; "fast" is lower where that is faster on this processor. `mini`
        ignores it.
    revision : str, optional
        Expected revision, as in ``codec.spec.revision``: another one raises. For a hub name, the
        branch, tag or commit to load.
    encoder, decoder : bool, default=True
        Halves to load; without one, its methods raise.
    threads : int, optional
        Threads of the network on a CPU, without effect on other uses of torch. By default one
        for `mini`, many times as fast as two on a busy machine, and ``torch.get_num_threads()``
        for the large codecs (Qwen, Mimi). Always one in a forked process.

    Returns
    -------
    Codec
        The codec.

    Raises
    ------
    CodecError
        If there is no such codec or revision, the weights are damaged, or the device is not
        available.
    InputError
        If an option has a wrong value.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> qt.load_codec("mini").spec.frame_rate
    12.5
    """
    if dtype != "float32":
        raise InputError(f'dtype must be "float32" (lower ones change codes), got {dtype!r}')
    if decode_dtype not in DECODE_DTYPES:
        raise InputError(f"decode_dtype must be one of {DECODE_DTYPES}, got {decode_dtype!r}")
    if not (encoder or decoder):
        raise InputError("nothing to load: encoder and decoder are both False")
    name = NAMES.get(str(name_or_path), str(name_or_path))
    options: dict[str, Any] = {
        "device": resolve_device(device),
        "encoder": encoder,
        "decoder": decoder,
        "threads": optional(whole, "threads", threads, at_least=1),
    }
    mini = find_mini_weights(name)
    if mini is not None:
        return _of_revision(MiniCodec.load(mini, **options), revision)
    options["decode_dtype"] = decode_dtype
    folder = find_checkpoint(_local(name), CHECKPOINTS)
    if folder is not None:
        return _of_revision(_load_checkpoint(folder, **options), revision)
    if _local(name).exists() or not is_repository_name(name):
        raise CodecError(_one_of_several(_local(name)) or _unknown(name))
    folder, commit = fetch_checkpoint(name, revision=revision, kinds=CHECKPOINTS)
    return _load_checkpoint(folder, name=name, revision=commit, **options)


def pull_codec(name: str, *, revision: str | None = None) -> tuple[Path, str]:
    """Download a codec's weights and check them; return their folder and commit."""
    name = NAMES.get(name, name)
    if not is_repository_name(name):
        raise CodecError(f"nothing to download for {name!r}: expected a name on the hub")
    folder, commit = fetch_checkpoint(name, revision=revision, kinds=CHECKPOINTS)
    Checkpoint(folder, torch.device("cpu"))  # opens every file and compares it with the index
    return folder, commit


def find_mini_weights(name: str) -> Path | None:
    """Return the file of mini weights that a name, file or folder stands for, if any."""
    if name == "mini":
        return bundled_weights()
    path = _local(name)
    if path.is_dir() and (path / "mini.safetensors").is_file():
        return path / "mini.safetensors"
    if not path.is_file():
        return None
    return path if is_mini_file(path) or find_checkpoint(path.parent, CHECKPOINTS) is None else None


def _local(name: str) -> Path:
    """Absolute path of a name, which stays valid when the working directory changes."""
    return Path(name).expanduser().absolute()


def _load_checkpoint(folder: Path, **options: Any) -> Codec:
    return CHECKPOINTS[str(model_type(folder / CONFIG))](folder, **options)


def _of_revision(codec: Codec, revision: str | None) -> Codec:
    if revision not in (None, codec.spec.revision):
        raise CodecError(
            f"{codec.spec.name!r} has revision {codec.spec.revision!r}, expected {revision!r}"
        )
    return codec


def _one_of_several(path: Path) -> str | None:
    """Message about a file that is only a part of a checkpoint; None for other paths."""
    folder = find_checkpoint(path.parent, CHECKPOINTS) if path.is_file() else None
    if folder is None:
        return None
    weights = folder / WEIGHTS
    whole = f", or {str(weights)!r}" if weights.is_file() else ""
    return (
        f"{str(path)!r} is only a part of a checkpoint of {model_type(folder / CONFIG)}: expected "
        f"the folder {str(path.parent)!r}{whole}"
    )


def _unknown(name: str) -> str:
    return (
        f"no codec {name!r}: expected {', '.join(map(repr, list_codecs()))}, a .safetensors file, "
        "a folder that holds mini.safetensors, or a folder that holds config.json and the weights "
        f"of {' or '.join(CHECKPOINTS)}"
    )
