"""Features that QTokenizer knows by name."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from qtokfeatures.estimators.base import ClipFeatures, CodeTransformer
from qtokfeatures.estimators.embedding import CodeEmbedding
from qtokfeatures.estimators.feature_table import join_columns
from qtokfeatures.estimators.histogram import TokenHistogram
from qtokfeatures.exceptions import InputError
from qtokfeatures.features import BY_LOUDNESS
from qtokfeatures.labelled import CodeSequence

if TYPE_CHECKING:
    from qtokfeatures.labelled import CodecSpec

PRESETS = ("histogram", "embedding", "both")
_PRESET_NAMES = ", ".join(map(repr, PRESETS))

COARSE_CODEBOOKS = 2  # of the histogram of a preset, as docs/feature-defaults.md explains


class HistogramAndEmbedding(ClipFeatures):
    """:class:`TokenHistogram` of `codebooks` and :class:`CodeEmbedding` of all, side by side."""

    def __init__(
        self,
        *,
        codec: Any = None,
        codebooks: Any = None,
        pooling: str | Sequence[str] = ("mean", "std"),
    ) -> None:
        self.codec = codec
        self.codebooks = codebooks
        self.pooling = pooling

    def _feature_names(self) -> list[str]:
        return [name for part in self.parts_ for name in part._feature_names()]  # noqa: SLF001

    def _learn(self, sequence: CodeSequence, spec: CodecSpec) -> None:
        self.parts_ = [
            part.fit(sequence)
            for part in (
                TokenHistogram(codec=self.codec, codebooks=self.codebooks),
                CodeEmbedding(codec=self.codec, pooling=self.pooling),
            )
        ]
        self.codebooks_ = sorted({k for part in self.parts_ for k in part.codebooks_})

    def _values(self, sequence: CodeSequence) -> npt.NDArray[np.float32]:
        return np.concatenate([part._values(sequence) for part in self.parts_], axis=1)  # noqa: SLF001

    def _feature_coords(self) -> dict[str, npt.NDArray[Any]]:
        coords = [part._feature_coords() for part in self.parts_]  # noqa: SLF001
        return join_columns(coords, [len(next(iter(found.values()))) for found in coords])


def feature_transformer(features: Any, codec: Any, n_codebooks: int) -> Any:
    """Return an unfitted transformer of codes, with `codec` wherever it names none itself."""
    if isinstance(features, str):
        transformer = _preset(features, min(COARSE_CODEBOOKS, n_codebooks), preset_pooling(codec))
    elif hasattr(features, "transform") and not inspect.isclass(features):
        transformer = clone(features)
    else:
        raise InputError(
            f"features must be one of {_PRESET_NAMES} or a transformer such as TokenHistogram(), "
            f"got {features!r}"
        )
    unnamed = [
        name
        for name, value in transformer.get_params().items()
        if name.rpartition("__")[2] == "codec" and value is None
    ]
    return transformer.set_params(**dict.fromkeys(unnamed, codec))


def preset_pooling(codec: Any) -> tuple[str, ...]:
    """Return the statistics of a preset: by loudness, unless levels require decoding."""
    return BY_LOUDNESS if codec.levels_in_codes else ("mean", "std")


def _preset(name: str, codebooks: int, pooling: tuple[str, ...]) -> CodeTransformer:
    if name == "histogram":
        return TokenHistogram(codebooks=codebooks)
    if name == "embedding":
        return CodeEmbedding(pooling=pooling)
    if name == "both":
        return HistogramAndEmbedding(codebooks=codebooks, pooling=pooling)
    raise InputError(f"features must be one of {_PRESET_NAMES} or a transformer, got {name!r}")
