"""Detection of clips unlike those that a codec was trained for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import xarray as xr
from sklearn.base import OutlierMixin

from qtokfeatures.audio import AudioClip, load_many
from qtokfeatures.estimators.codec_source import CodecHolder, find_codec
from qtokfeatures.estimators.domain_reference import MEASURES, DomainReference, reference_of
from qtokfeatures.estimators.inputs import are_codes, clip_items, note_table_width, table_width
from qtokfeatures.exceptions import InputError
from qtokfeatures.labelled import schema
from qtokfeatures.labelled.labels import clip_ids_from_sources
from qtokfeatures.parameters import one_of, optional, share

if TYPE_CHECKING:
    from typing_extensions import Self

    from qtokfeatures.codecs import Codec

Labelled = TypeVar("Labelled", xr.Dataset, xr.DataArray)

REFERENCES: Final = ("auto", "codec", "clips")


class OutOfDomainDetector(OutlierMixin, CodecHolder):
    """Detect clips unlike those that a codec was trained for.

    Tokens of such clips may carry little information, and so may features computed from them. Two
    measures are taken of each clip: the log-mel distance of its decoded audio, and how unusual its
    tokens are (mean bits per token of the four coarsest codebooks, under a reference). Each is
    rescaled so that 0 is typical of the reference and 1 is its limit: the 99th percentile, over the
    kind of clips where that is highest. The score of a clip is minus the larger of the two, as
    scikit-learn's detectors have it.

    Parameters
    ----------
    codec : str, path or Codec, default="mini"
        The codec; see :class:`~qtokfeatures.QTokenizer`.
    sr : int, optional
        Rate of bare arrays, in Hz; without it they are refused.
    device : str, default="auto"
        Device that the codec is loaded onto, as in :func:`qtokfeatures.load_codec`.
    reference : {"auto", "codec", "clips"}, default="auto"
        What clips are compared with: ``"codec"`` is the reference that comes with the codec, as it
        does with ``mini``; ``"clips"`` are the clips of :meth:`fit`; ``"auto"`` is the first if
        there is one, otherwise the second.
    contamination : "auto" or float, default="auto"
        Share of the clips of :meth:`fit` that are outside the domain, above 0 and at most 0.5.
        ``"auto"`` puts clips outside whose score is below -1, that is beyond the limit.

    Attributes
    ----------
    reference_ : DomainReference
        What clips are compared with.
    offset_ : float
        Score below which a clip is outside the domain.
    spec_ : CodecSpec
        The codec it was fitted with.
    n_features_in_ : int
        Samples of each clip, where X was a table of numbers. Later tables must be as wide; clips of
        other lengths are passed as a list.

    See Also
    --------
    QTokenizer : Features of clips.

    Examples
    --------
    >>> import numpy as np
    >>> import qtokfeatures as qt
    >>> detector = OutOfDomainDetector(sr=24000).fit(qt.example_files())
    >>> clicks = np.zeros(24000)
    >>> clicks[::50] = 1.0
    >>> detector.predict([clicks]).tolist(), detector.predict(qt.example_files()[:3]).tolist()
    ([-1], [1, 1, 1])
    """

    def __init__(
        self,
        codec: Any = "mini",
        *,
        sr: int | None = None,
        device: str = "auto",
        reference: str = "auto",
        contamination: Any = "auto",
    ) -> None:
        self.codec = codec
        self.sr = sr
        self.device = device
        self.reference = reference
        self.contamination = contamination

    def fit(self, X: Any, y: Any = None) -> Self:
        """Load the reference of the codec, or measure one on the clips, and set the offset.

        Parameters
        ----------
        X : list of audio or array
            Clips, as for :class:`~qtokfeatures.QTokenizer`, but not codes: the audio itself is
            measured. With the codec's reference and ``contamination="auto"`` the clips are only
            checked.
        y : object, default=None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        AudioError
            If a clip cannot be used. Names it.
        InputError
            If there are no clips, or the codec has no reference and ``reference="codec"``.
        """
        self._check_parameters()
        X = list(X) if isinstance(X, Iterator) else X  # clips are read twice
        note_table_width(self, X)
        codec = find_codec(self.codec, device=self.device)
        self.reference_ = self._reference(codec, X)
        self.spec_ = codec.spec
        self.offset_ = -1.0
        if self.contamination != "auto":
            scores = self.score_samples(X)
            self.offset_ = float(np.percentile(scores, 100.0 * self.contamination))
        return self

    def measure(self, X: Any) -> xr.DataArray:
        """Return the two measures of each clip.

        Parameters
        ----------
        X : list of audio or array
            Clips.

        Returns
        -------
        xarray.DataArray of float64, shape (clip, measure)
            ``"reconstruction_distance"`` in nepers, ``"token_surprise"`` in bits per token.
        """
        self._check_fitted()
        codec = find_codec(self.codec, device=self.device)
        self.spec_.check_matches(codec.spec)
        sources: list[str] = []
        values = self.reference_.measure(_noting(self._clips(X), sources), codec)
        if not sources:
            raise InputError("X holds no clips; at least one is needed")
        coords = {schema.CLIP: clip_ids_from_sources(sources), "measure": list(MEASURES)}
        return xr.DataArray(values, coords, (schema.CLIP, "measure"), name="domain_measures")

    def score_samples(self, X: Any) -> npt.NDArray[np.float64]:
        """Return how typical clips are of the domain; higher is more typical.

        Parameters
        ----------
        X : list of audio or array
            Clips.

        Returns
        -------
        ndarray of float64, shape (clip,)
            0 is typical of the reference, -1 at its limit.
        """
        measured = self.measure(X).values
        return np.asarray(-self.reference_.excess(measured).max(axis=1))

    def decision_function(self, X: Any) -> npt.NDArray[np.float64]:
        """Return :meth:`score_samples` minus `offset_`: negative outside the domain.

        Parameters
        ----------
        X : list of audio or array
            Clips.

        Returns
        -------
        ndarray of float64, shape (clip,)
        """
        return np.asarray(self.score_samples(X) - self.offset_)

    def predict(self, X: Any) -> npt.NDArray[np.int64]:
        """Predict -1 for clips outside the domain, 1 for the others.

        Parameters
        ----------
        X : list of audio or array
            Clips.

        Returns
        -------
        ndarray of int64, shape (clip,)
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def mark(self, labelled: Labelled, X: Any = None) -> Labelled:
        """Add the coordinates ``out_of_domain`` and ``domain_score`` to codes or features.

        Parameters
        ----------
        labelled : xarray.Dataset or DataArray
            Codes, features, or anything else with the dimension ``clip``.
        X : list of audio or array, optional
            The clips, in the same order. By default they are read again from the files that the
            coordinate ``source`` names; a clip whose features are NaN gets the score NaN and is out
            of the domain.

        Returns
        -------
        xarray.Dataset or DataArray
            A copy with both coordinates, along ``clip``.

        Raises
        ------
        InputError
            If there are not as many clips, or they cannot be read again.

        Examples
        --------
        >>> import qtokfeatures as qt
        >>> codes = qt.QTokenizer().encode(qt.example_files()[:2])
        >>> marked = OutOfDomainDetector().fit(qt.example_files()[:2]).mark(codes)
        >>> marked["out_of_domain"].values.tolist()
        [False, False]
        """
        if not isinstance(labelled, (xr.Dataset, xr.DataArray)):
            raise InputError(f"expected labelled codes or features, got {type(labelled).__name__}")
        n_clips = labelled.sizes.get(schema.CLIP, 0)
        clips, used = (X, np.ones(n_clips, dtype=bool)) if X is not None else _origins(labelled)
        decision = np.full(n_clips, np.nan)
        found = self.decision_function(clips) if used.any() else np.empty(0)
        if len(found) != used.sum():
            raise InputError(f"X has {len(found)} clips, but {used.sum()} are to be marked")
        decision[used] = found
        return labelled.assign_coords(
            out_of_domain=(schema.CLIP, ~(decision >= 0)),
            domain_score=(schema.CLIP, decision + self.offset_),
        )

    def _reference(self, codec: Codec, X: Any) -> DomainReference:
        kept = None if self.reference == "clips" else reference_of(codec.spec)
        if kept is not None:
            self._check_clips(X)
            return kept
        if self.reference == "codec":
            raise InputError(
                f"no reference comes with {codec.spec.describe()}: fit on clips within the domain "
                "with reference='clips'"
            )
        return DomainReference.of_clips(self._clips(X), codec, origin="clips of fit")

    def _clips(self, X: Any) -> Iterator[AudioClip]:
        if are_codes(X):
            raise InputError(
                "X are codes, but OutOfDomainDetector compares them with the audio: pass that"
            )
        width, fitted = table_width(X), getattr(self, "n_features_in_", None)
        if width is not None and fitted is not None and width != fitted:
            raise InputError(
                f"X has {width} features, but OutOfDomainDetector is expecting {fitted} features "
                "as input: "
                "a table has clips of the length of those of fit; pass others as a list, list(X)"
            )
        for _, clip in load_many(clip_items(X), sr=self.sr, on_error="raise"):
            if isinstance(clip, AudioClip):  # with on_error="raise" there is nothing else
                yield clip

    def _check_clips(self, X: Any) -> None:
        """Read all clips, so that an unusable one is named now."""
        n_clips = sum(1 for _ in self._clips(X))
        if not n_clips:
            raise InputError("X holds no clips; at least one is needed")

    def _check_parameters(self) -> None:
        one_of("reference", self.reference, REFERENCES)
        limits = {"above": 0, "at_most": 0.5}
        optional(share, "contamination", self.contamination, also="auto", **limits)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        return tags


def _origins(labelled: xr.Dataset | xr.DataArray) -> tuple[list[str], npt.NDArray[np.bool_]]:
    """Return the sources of clips that have features, and which clips these are."""
    if schema.SOURCE not in labelled.coords:
        raise InputError("there is no coordinate 'source' to read the clips from; pass them as X")
    sources = labelled[schema.SOURCE].values.astype(str)
    if any(source.startswith("<") for source in sources):
        raise InputError("the clips came from memory and cannot be read again; pass them as X")
    used = np.ones(len(sources), dtype=bool)
    if isinstance(labelled, xr.DataArray) and np.issubdtype(labelled.dtype, np.floating):
        others = [dim for dim in labelled.dims if dim != schema.CLIP]
        used = labelled.notnull().any(others).values
    return sources[used].tolist(), used


def _noting(clips: Iterator[AudioClip], sources: list[str]) -> Iterator[AudioClip]:
    for clip in clips:
        sources.append(clip.source)
        yield clip
