"""`mini` as a codec."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from qtokfeatures.codecs.checks import as_codes
from qtokfeatures.codecs.mini.config import HOP_LENGTH, SAMPLE_RATE, TINY
from qtokfeatures.codecs.mini.model import DecoderState, EncoderState, MiniModel, SearchBooks
from qtokfeatures.codecs.mini.refining import RefineState, refined_codes
from qtokfeatures.codecs.mini.weights import load_weights
from qtokfeatures.codecs.nn.precision import building
from qtokfeatures.codecs.stored import LoadOptions, SharedNetwork, StoredCodec, loaded
from qtokfeatures.labelled import CodecSpec

SEMANTICS = "mini-encoder-2"  # to change with the code, whenever codes of some audio change
# In float64, sums over another batch, chunk or number of threads differ by so little that the
# nearest entry hardly ever changes.
ENCODE_DTYPE = "float64"


class MiniCodec(StoredCodec[EncoderState, DecoderState, MiniModel]):
    """The bundled codec; see ``docs/mini.md``."""

    levels_in_codes = True

    @classmethod
    def read(cls, path: Path, options: LoadOptions) -> tuple[MiniModel, CodecSpec]:
        with torch.inference_mode(mode=False):  # gradients of refining pass through the weights
            model, digest = load_weights(path)
            if not options.encoder:
                del model.encoder.semantic, model.encoder.shape
            if not options.decoder:
                del model.decoder
            model.encoder.double()
            model.to(options.device)
        name = options.name or ("mini" if path == bundled_weights() else str(path))
        return model, mini_spec(model, name=name, digest=digest, revision=options.revision)

    @property
    def _search_books(self) -> SearchBooks:
        books: SearchBooks = self.computed("search", lambda: self.model.search_books(torch.float64))
        return books

    def start_encoding(self) -> EncoderState:
        loaded(getattr(self.model.encoder, "shape", None), "encoder")
        return EncoderState()

    def latent_chunk(self, y: Tensor, state: EncoderState) -> Tensor:
        latent: Tensor = self.model.encoder(y.double(), state)
        return latent

    def code_chunk(self, latent: Tensor) -> Tensor:
        codes = self.model.quantize(latent.flatten(0, 1).double(), self._search_books)
        return codes.reshape(*latent.shape[:2], -1).transpose(1, 2)

    def start_decoding(self) -> DecoderState:
        loaded(getattr(self.model, "decoder", None), "decoder")
        return DecoderState()

    def decode_chunk(self, codes: Tensor, state: DecoderState) -> Tensor:
        rows = codes.transpose(1, 2).flatten(0, 1)
        embedding = self.model.embed(rows).reshape(codes.shape[0], codes.shape[2], -1)
        y: Tensor = self.model.decoder(embedding, state)
        return y

    def start_refining(self) -> RefineState:
        return RefineState.at_start(self.start_decoding(), self.device)

    def refine_chunk(
        self, y: Tensor, latent: Tensor, codes: Tensor, state: RefineState, *, steps: int
    ) -> Tensor:
        rows = refined_codes(self.model, y, latent[0].float(), codes[0].T, state, steps=steps)
        return rows.T[None]

    @property
    def semantic_dims(self) -> slice:
        return slice(0, self.model.config.semantic_dim)

    def levels(self, codes: npt.ArrayLike) -> npt.NDArray[np.float32]:
        first = as_codes(codes, self.spec)[:2].T.astype(np.int64)
        with self.running():
            rows = torch.from_numpy(np.ascontiguousarray(first)).to(self.device)
            return self.model.ln_levels(rows).float().cpu().numpy()

    def entries(self, k: int) -> Tensor:
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


def mini_spec(
    model: MiniModel, *, name: str, digest: str, revision: str | None = None
) -> CodecSpec:
    """Return the spec of weights with the SHA-256 `digest`."""
    facts = f"{SEMANTICS}:{ENCODE_DTYPE}:{digest}"
    return CodecSpec(
        name=name,
        revision=revision or digest[:12],
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
    """Return an untrained codec of the same format, small and fast, for tests.

    Parameters
    ----------
    seed : int, default=0
        Seed of the weights: equal seeds give equal codecs.

    Returns
    -------
    MiniCodec
        Codec on the CPU. It has no file of weights, so it cannot be unpickled.
    """
    with torch.random.fork_rng(devices=[]), building(torch.device("cpu")):
        torch.manual_seed(seed)
        model = MiniModel(TINY).eval()
        model.encoder.double()
    spec = mini_spec(model, name="mini-random", digest=f"random-{seed}")
    return MiniCodec(SharedNetwork(model, spec), spec, torch.device("cpu"))
