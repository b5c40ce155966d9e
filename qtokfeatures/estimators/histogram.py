"""Histograms of tokens, or of groups of similar tokens."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse
from sklearn.feature_extraction.text import TfidfTransformer

from qtokfeatures.estimators.base import ClipFeatures, with_short_indices
from qtokfeatures.exceptions import InputError
from qtokfeatures.features import WEIGHTINGS, count_tokens, join_ngrams, merge_codes, weight_counts
from qtokfeatures.features.counts import TokenCounts, join_weights
from qtokfeatures.labelled import CodeSequence
from qtokfeatures.parameters import one_of, optional, whole

if TYPE_CHECKING:
    from qtokfeatures.codecs import Codec
    from qtokfeatures.labelled import CodecSpec

_TFIDF = "tfidf"
_ALL_WEIGHTINGS = (*WEIGHTINGS, _TFIDF)

_MOST_DENSE_FEATURES = 2**20  # 4 MB per clip
_MOST_SPARSE_FEATURES = 2**31 - 1  # indices of 32 bits, as scikit-learn requires

_bins_of_codec: dict[tuple[str, int, int], npt.NDArray[np.int16]] = {}


class TokenHistogram(ClipFeatures):
    """Count the tokens of each clip, codebook by codebook.

    The histograms of the codebooks are joined side by side. With all 2048 codes kept apart, two
    clips of some seconds share hardly any token, so all clips are nearly equally distant from each
    other; `bins` merges the codes of a codebook that stand for similar vectors. The order of frames
    counts only with `ngram` above 1.

    Parameters
    ----------
    codec : str, path or Codec, default=None
        Codec whose vectors define which codes are similar. None means the one that the codes name.
    codebooks : int or sequence of int, default=None
        Codebooks to count, 0 being the coarsest: the first so many, or a list of indices. None
        means all.
    bins : int or None, default=128
        Number of bins that the codes of each codebook are merged into, by k-means over
        ``codec.codebook_vectors`` with a fixed seed. None keeps every code apart.
    ngram : int, default=1
        Number of successive tokens of a codebook that are counted as one: 2 counts pairs. There
        are ``bins ** ngram`` features per codebook.
    weighting : {"hellinger", "relative", "count", "tfidf"}, default="hellinger"
        Value of a token: the square root of its share of the clip's frames, the share, or the count
        (see :func:`qtokfeatures.features.weight_counts`). ``"tfidf"`` multiplies the count by a
        weight that grows the fewer clips of :meth:`fit` have the token, and scales each row to
        length 1, as scikit-learn's ``TfidfTransformer`` does.
    sparse_output : bool, default=False
        Return a SciPy CSR array instead of a labelled array, which is dense.
    weights : str, default=None
        Name of a variable (codebook, frame) of the codes that holds the probability that a token
        changes, as :func:`qtokfeatures.token_stability` returns it. Each token then counts one
        minus that probability. None counts all tokens alike.

    Attributes
    ----------
    spec_ : CodecSpec
        The codec whose codes it was fitted on.
    codebooks_ : list of int
        Indices of the codebooks in use.
    n_tokens_ : int
        Number of bins, or of codes, of each codebook.
    bin_of_code_ : ndarray of int16, shape (codebook, code), or None
        Bin of each code, one row for each of `codebooks_`. None without `bins`.
    tfidf_ : TfidfTransformer or None
        With ``weighting="tfidf"``, scikit-learn's transformer, fitted on the counts.

    See Also
    --------
    CodeEmbedding : Statistics of the vectors that the codes stand for.
    QTokenizer : From audio to features.

    Examples
    --------
    >>> import qtokfeatures as qt
    >>> import numpy as np
    >>> codec = qt.load_codec("mini")
    >>> noise = np.random.default_rng(0).normal(0, 0.1, size=(3, 24000)).astype("float32")
    >>> codes = codec.encode_many(list(noise), sr=24000)
    >>> features = TokenHistogram(codebooks=2, bins=8).fit_transform(codes)
    >>> features.dims, features.shape
    (('clip', 'feature'), (3, 16))
    >>> features.feature.values[:2].tolist()
    ['codebook0_bin0', 'codebook0_bin1']
    """

    def __init__(
        self,
        *,
        codec: Any = None,
        codebooks: int | Sequence[int] | None = None,
        bins: int | None = 128,
        ngram: int = 1,
        weighting: str = "hellinger",
        sparse_output: bool = False,
        weights: str | None = None,
    ) -> None:
        self.codec = codec
        self.codebooks = codebooks
        self.bins = bins
        self.ngram = ngram
        self.weighting = weighting
        self.sparse_output = sparse_output
        self.weights = weights

    def _feature_names(self) -> list[str]:
        word = self._token_word()
        runs = itertools.product(range(self.n_tokens_), repeat=self.ngram)
        endings = ["".join(f"_{word}{token}" for token in run) for run in runs]
        return [f"codebook{k}{ending}" for k in self.codebooks_ for ending in endings]

    def _learn(self, sequence: CodeSequence, spec: CodecSpec) -> None:
        self._check_parameters()
        self._token_weights(sequence, 0)
        self.n_tokens_ = spec.codebook_size if self.bins is None else int(self.bins)
        self._check_size()
        self.bin_of_code_ = None
        if self.bins is not None:
            codec = self._find_codec(spec)
            self.bin_of_code_ = np.stack([bins_of(codec, k, self.bins) for k in self.codebooks_])
        self.tfidf_: Any = None
        if self.weighting == _TFIDF:
            self.tfidf_ = TfidfTransformer().fit(self._sparse(sequence))

    def _features(self, sequence: CodeSequence) -> Any:
        if not self.sparse_output:
            return super()._features(sequence)
        find = self._sparse if self.tfidf_ is None else self._tfidf
        return with_short_indices(find(sequence))

    def _values(self, sequence: CodeSequence) -> npt.NDArray[np.float32]:
        return self._dense(sequence) if self.tfidf_ is None else self._tfidf(sequence).toarray()

    def _count(self, sequence: CodeSequence, row: int) -> TokenCounts:
        """Count the tokens or runs of one codebook."""
        ds = sequence.dataset
        tokens = ds["codes"].values[self.codebooks_[row]]
        if self.bin_of_code_ is not None:
            tokens = self.bin_of_code_[row][tokens]
        frame_count = ds["frame_count"].values
        runs, run_count = join_ngrams(
            tokens, frame_count, n_tokens=self.n_tokens_, ngram=self.ngram
        )
        weights = self._token_weights(sequence, row)
        if weights is not None:
            weights = join_weights(weights, frame_count, ngram=self.ngram)
        n_runs = self.n_tokens_**self.ngram
        return count_tokens(runs, run_count, n_tokens=n_runs, weights=weights)

    def _token_weights(self, sequence: CodeSequence, row: int) -> npt.NDArray[np.float64] | None:
        """Return the weight of each token of one codebook, or None if all count alike."""
        if self.weights is None:
            return None
        ds = sequence.dataset
        if self.weights not in ds or ds[self.weights].dims != ds["codes"].dims:
            raise InputError(
                f"the codes have no variable {self.weights!r} with dimensions (codebook, frame): "
                f"ds[{self.weights!r}] = qtokfeatures.token_stability(codec, items) adds one"
            )
        changes = ds[self.weights].values[self.codebooks_[row]].astype(np.float64)
        if not ((changes >= 0) & (changes <= 1)).all():
            raise InputError(f"variable {self.weights!r} must hold probabilities, 0 … 1")
        return np.asarray(1 - changes)

    def _dense(self, sequence: CodeSequence) -> npt.NDArray[np.float32]:
        """Weight the counts of all codebooks, filling one array block by block."""
        n_rows, width = len(self.codebooks_), self.n_tokens_**self.ngram
        values = np.empty((len(sequence), n_rows * width), dtype=np.float32)
        for row in range(n_rows):
            counts = self._count(sequence, row)
            block = weight_counts(counts.dense(), counts.totals[:, None], self.weighting)
            values[:, row * width : (row + 1) * width] = block
        return values

    def _sparse(self, sequence: CodeSequence) -> scipy.sparse.csr_array:
        blocks = []
        for row in range(len(self.codebooks_)):
            counts = self._count(sequence, row)
            totals = counts.totals[counts.clip]
            weighted = weight_counts(counts.count, totals, self._of_one_clip())
            shape = (len(counts.totals), counts.n_tokens)
            entries = (weighted, (counts.clip, counts.token))
            blocks.append(scipy.sparse.csr_array(entries, shape=shape))
        return scipy.sparse.hstack(blocks, format="csr")

    def _of_one_clip(self) -> str:
        """Return the part of the weighting that depends on one clip alone."""
        return "count" if self.weighting == _TFIDF else self.weighting

    def _tfidf(self, sequence: CodeSequence) -> scipy.sparse.csr_array:
        found = scipy.sparse.csr_array(self.tfidf_.transform(self._sparse(sequence)))
        return found.astype(np.float32)

    def _feature_coords(self) -> dict[str, npt.NDArray[Any]]:
        n_runs = self.n_tokens_**self.ngram
        digits = np.unravel_index(np.arange(n_runs), (self.n_tokens_,) * self.ngram)
        word = self._token_word()
        words = [word] if self.ngram == 1 else [f"{word}_{i + 1}" for i in range(self.ngram)]
        coords = {"codebook": np.repeat(self.codebooks_, n_runs)}
        for name, digit in zip(words, digits, strict=True):
            coords[name] = np.tile(digit, len(self.codebooks_))
        return coords

    def _token_word(self) -> str:
        return "token" if self.bin_of_code_ is None else "bin"

    def _check_parameters(self) -> None:
        optional(whole, "bins", self.bins, at_least=1)
        whole("ngram", self.ngram, at_least=1)
        one_of("weighting", self.weighting, _ALL_WEIGHTINGS)
        if not (self.weights is None or isinstance(self.weights, str)):
            raise InputError(
                "weights must name a variable of the codes, such as 'change_probability', got "
                f"{type(self.weights).__name__}"
            )

    def _check_size(self) -> None:
        n_features = len(self.codebooks_) * self.n_tokens_ ** int(self.ngram)
        most = _MOST_SPARSE_FEATURES if self.sparse_output else _MOST_DENSE_FEATURES
        if n_features > most:
            raise InputError(
                f"{len(self.codebooks_)} codebooks of {self.n_tokens_} tokens with ngram="
                f"{self.ngram} give {n_features} features, more than {most}; use fewer bins or "
                "codebooks, or a smaller ngram"
                + ("" if self.sparse_output else ", or sparse_output=True")
            )


def bins_of(codec: Codec, codebook: int, bins: int) -> npt.NDArray[np.int16]:
    """Return the bin of each code of a codebook, (code,), computed once per process."""
    key = (codec.spec.fingerprint, codebook, int(bins))
    if key not in _bins_of_codec:
        merged = merge_codes(codec.codebook_vectors(codebook), int(bins)).astype(np.int16)
        merged.flags.writeable = False
        _bins_of_codec[key] = merged
    return _bins_of_codec[key]
