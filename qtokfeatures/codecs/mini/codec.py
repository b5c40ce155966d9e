"""`mini` under the codec protocol."""

from __future__ import annotations

import hashlib
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from qtokfeatures.codecs.checks import as_codes
from qtokfeatures.codecs.mini.config import HOP_LENGTH, SAMPLE_RATE, TINY
from qtokfeatures.codecs.mini.model import DecoderState, EncoderState, MiniModel, SearchBooks
from qtokfeatures.codecs.mini.refining import RefineState, refined_codes
from qtokfeatures.codecs.mini.weights import load_weights
from qtokfeatures.codecs.nn.precision import inference
from qtokfeatures.codecs.stored import StoredCodec, loaded
from qtokfeatures.labelled import CodecSpec

SEMANTICS = "mini-encoder-2"
"""Changes with anything but the weights that changes the codes of some audio."""
ENCODE_DTYPE = "float64"
"""What the encoder computes in: sums that are grouped in another way, for another batch, chunk or
number of threads, then differ by so little that hardly ever another entry is the nearest."""


class MiniCodec(StoredCodec[EncoderState, DecoderState, MiniModel]):
    """The bundled codec; see ``docs/mini.md``."""

    @classmethod
    def load(
        cls, path: Path, *, device: torch.device, encoder: bool = True, decoder: bool = True
    ) -> MiniCodec:
        """Load weights; see :func:`~qtokfeatures.codecs.load_codec`."""
        with torch.inference_mode(mode=False):  # or gradients would never pass the weights
            model, digest = load_weights(path)
            if not encoder:
                del model.encoder.semantic, model.encoder.shape
            if not decoder:
                del model.decoder
            model.encoder.double()
            model.to(device)
        name = "mini" if path == bundled_weights() else str(path)
        origin = {"path": path, "device": device, "encoder": encoder, "decoder": decoder}
        spec = mini_spec(model, name=name, digest=digest)
        return cls(model, spec, device, origin=origin)

    @cached_property
    def _search_books(self) -> SearchBooks:
        return self.model.search_books(torch.float64)

    def start_encoding(self) -> EncoderState:
        """Return the encoder's state before the first sample."""
        loaded(getattr(self.model.encoder, "shape", None), "encoder")
        return EncoderState()

    def latent_chunk(self, y: Tensor, state: EncoderState) -> Tensor:
        """Encode whole frames; see :class:`~qtokfeatures.codecs.Codec`."""
        latent: Tensor = self.model.encoder(y.double(), state)
        return latent

    def code_chunk(self, latent: Tensor) -> Tensor:
        """Quantise; see :class:`~qtokfeatures.codecs.Codec`."""
        codes = self.model.quantize(latent.flatten(0, 1).double(), self._search_books)
        return codes.reshape(*latent.shape[:2], -1).transpose(1, 2)

    def start_decoding(self) -> DecoderState:
        """Return the decoder's state before the first frame."""
        loaded(getattr(self.model, "decoder", None), "decoder")
        return DecoderState()

    def decode_chunk(self, codes: Tensor, state: DecoderState) -> Tensor:
        """Decode; see :class:`~qtokfeatures.codecs.Codec`."""
        rows = codes.transpose(1, 2).flatten(0, 1)
        embedding = self.model.embed(rows).reshape(codes.shape[0], codes.shape[2], -1)
        y: Tensor = self.model.decoder(embedding, state)
        return y

    def start_refining(self) -> RefineState:
        """Return what refining remembers, before the first sample."""
        return RefineState.at_start(self.start_decoding(), self.device)

    def refine_chunk(
        self, y: Tensor, latent: Tensor, codes: Tensor, state: RefineState, *, steps: int
    ) -> Tensor:
        """Fit codes to what they decode to; see :class:`~qtokfeatures.codecs.Codec`."""
        rows = refined_codes(self.model, y, latent[0].float(), codes[0].T, state, steps=steps)
        return rows.T[None]

    @property
    def semantic_dims(self) -> slice:
        """Which dimensions of latents codebook 0 quantises: the semantic."""
        return slice(0, self.model.config.semantic_dim)

    levels_in_codes = True

    def levels(self, codes: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Read how loud each frame is off codebook 1; see :class:`~qtokfeatures.codecs.Codec`.

        One codebook alone tells how loud its entries are on average.
        """
        first = as_codes(codes, self.spec)[:2].T.astype(np.int64)
        with inference(self.device):
            rows = torch.from_numpy(np.ascontiguousarray(first)).to(self.device)
            return self.model.ln_levels(rows).float().cpu().numpy()

    def entries(self, k: int) -> Tensor:
        """Entries of codebook `k`, (code, embedding_dim): semantic, shape, and the log level.

        Only codebook 0 has a semantic part and only codebook 1 has levels; unused entries of
        codebook 0 repeat the first.
        """
        config, model = self.model.config, self.model
        index = torch.arange(config.codebook_size, device=self.device)
        semantic = model.semantic_entries.new_zeros(config.codebook_size, config.semantic_dim)
        ln_level = semantic[:, :1]
        if k == 0:
            index = torch.where(index < config.semantic_count, index, 0)
            semantic = model.semantic_entries[index]
        elif k == 1:
            ladder = model.encoder.levels.ln_levels.float()
            ln_level = ladder[index // config.shape_count][:, None]
            index = index % config.shape_count
        return torch.cat([semantic, model.codebooks[k][index], ln_level], dim=1)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made of the weights."""
        kept = super().__getstate__()
        kept.pop("_search_books", None)
        return kept


def mini_spec(model: MiniModel, *, name: str, digest: str) -> CodecSpec:
    """Return the spec of weights with the SHA-256 `digest`."""
    facts = f"{SEMANTICS}:{ENCODE_DTYPE}:{digest}"
    return CodecSpec(
        name=name,
        revision=digest[:12],
        sample_rate=SAMPLE_RATE,
        frame_rate=SAMPLE_RATE / HOP_LENGTH,
        hop_length=HOP_LENGTH,
        n_codebooks=model.config.n_codebooks,
        codebook_size=model.config.codebook_size,
        fingerprint=hashlib.sha256(facts.encode()).hexdigest()[:16],
        embedding_dim=model.config.embedding_dim,
    )


@lru_cache(maxsize=1)
def bundled_weights() -> Path:
    """Return the path of the weights inside the package."""
    return Path(str(files("qtokfeatures.codecs.mini") / "mini.safetensors"))


def random_mini(seed: int = 0) -> MiniCodec:
    """Return an untrained codec of the same format, small and quick, for tests.

    Parameters
    ----------
    seed : int, default=0
        Codecs of one seed are equal, of two seeds differ.

    Returns
    -------
    MiniCodec
        On the CPU. It does not survive pickling.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = MiniModel(TINY).eval()
        model.encoder.double()
    spec = mini_spec(model, name="mini-random", digest=f"random-{seed}")
    return MiniCodec(model, spec, torch.device("cpu"))
