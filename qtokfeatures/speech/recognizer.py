"""Speech recogniser from frames to transcripts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from qtokfeatures.exceptions import InputError, MissingExtraError, NotFittedError
from qtokfeatures.parameters import number, optional, share, whole
from qtokfeatures.speech.alignment import Targets, check_lengths, label_spans, symbol_spans
from qtokfeatures.speech.decoding import LogProbs, Prefix, WordScorer, log_probs_of, spell
from qtokfeatures.speech.frame_batch import IDENTITY, FrameBatch, as_frame_batch
from qtokfeatures.speech.network import NetworkConfig
from qtokfeatures.speech.ngram import NGram
from qtokfeatures.speech.stored import StoredRecognizer
from qtokfeatures.speech.symbols import Alphabet, check_transcripts
from qtokfeatures.speech.training import CTCTrainer, Schedule, choose_held_out, seeded_network

if TYPE_CHECKING:
    import xarray as xr
    from typing_extensions import Self

_COUNTS: Final = ("hidden", "stride", "epochs", "batch_size", "patience")
_NOT_STORED: Final = ("checkpoint", "progress")  # parameters of one training run


class CTCRecognizer(BaseEstimator):
    """Recognise speech with a small CTC network from frames to transcripts.

    The network is a convolution, a bidirectional GRU and a linear layer, trained by connectionist
    temporal classification (CTC; Graves et al., 2006). Its symbols are those of the transcripts
    that it is fitted on.

    Parameters
    ----------
    unit : {"word", "character", "phone"}, default="word"
        Symbols of the transcripts. Words suit small vocabularies such as digits. Words and phones
        are separated by spaces in transcripts.
    hidden : int, default=96
        Width of the network.
    stride : int, default=1
        Frames per step of the output. With frames of 10 ms, 4 suits words and 2 characters.
    dropout : float, default=0.3
        Fraction of activations dropped in training, 0 to below 1.
    epochs : int, default=60
        Largest number of passes through the clips.
    batch_size : int, default=16
        Clips per optimisation step.
    learning_rate : float, default=0.003
        Peak learning rate of AdamW.
    spec_augment : bool, default=True
        Mask spans of frames and of features in training (Park et al., "SpecAugment", 2019).
    validation : float, default=0.1
        Fraction of the groups that is held out for early stopping, 0 to below 1. 0 trains all
        epochs on all clips.
    patience : int, default=15
        Epochs without a lower loss on the held-out clips before training stops.
    beam_width : int, default=None
        Number of prefixes in the beam search. None decodes the best path, or uses 16 prefixes with
        a lexicon or language model.
    lexicon : sequence of str, default=None
        Words allowed in transcripts. None allows any word.
    language_model : NGram, default=None
        Probabilities of word sequences.
    checkpoint : path, default=None
        Folder for the state of training, written after each epoch. :meth:`fit` resumes from it
        with the same result as an uninterrupted run.
    progress : bool, default=False
        If True, show a progress bar.
    seed : int, default=0
        Seed of weights, order, masks and dropout.

    Attributes
    ----------
    alphabet_ : Alphabet
        Symbols of the transcripts.
    network_ : SpeechNetwork
        Trained network.
    history_ : list of dict of str to float
        Losses of each epoch.
    n_features_in_ : int
        Features per frame.

    See Also
    --------
    ASRFrontEnd : Frames of speech.
    make_word_classifier : Classifier of isolated words, simpler and faster.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> def say(word):  # each word raises another feature
    ...     frames = rng.normal(0, 0.1, (12, 2)).astype("float32")
    ...     frames[4:8, {"yes": 0, "no": 1}[word]] += 3
    ...     return frames
    >>> said = ["yes", "no"] * 20
    >>> model = CTCRecognizer(hidden=16, epochs=60, learning_rate=0.02, validation=0)
    >>> model = model.fit([say(word) for word in said], said)
    >>> model.predict([say("no"), say("yes")]).tolist()
    ['no', 'yes']
    """

    def __init__(
        self,
        *,
        unit: str = "word",
        hidden: int = 96,
        stride: int = 1,
        dropout: float = 0.3,
        epochs: int = 60,
        batch_size: int = 16,
        learning_rate: float = 0.003,
        spec_augment: bool = True,
        validation: float = 0.1,
        patience: int = 15,
        beam_width: int | None = None,
        lexicon: Any = None,
        language_model: NGram | None = None,
        checkpoint: Any = None,
        progress: bool = False,
        seed: int = 0,
    ) -> None:
        self.unit = unit
        self.hidden = hidden
        self.stride = stride
        self.dropout = dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.spec_augment = spec_augment
        self.validation = validation
        self.patience = patience
        self.beam_width = beam_width
        self.lexicon = lexicon
        self.language_model = language_model
        self.checkpoint = checkpoint
        self.progress = progress
        self.seed = seed

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Train the recogniser.

        Parameters
        ----------
        X : DataArray, ndarray or sequence of ndarray (frame, feature)
            Frames, as any output of :class:`ASRFrontEnd`.
        y : sequence of str (clip,)
            Transcript of each clip.
        groups : array_like, shape (clip,), default=None
            Group of each clip, such as its speaker. Whole groups are held out for early stopping.
            None treats each clip as a group of its own.

        Returns
        -------
        self

        Raises
        ------
        InputError
            If a parameter is out of range, frames are not finite, or a transcript is empty or too
            long for its clip. Names the parameter or clip.
        """
        self._check_parameters()
        batch = as_frame_batch(X)
        texts = check_transcripts(y, batch.names)
        alphabet = Alphabet.learn(texts, self.unit)
        targets = _encoded(alphabet, texts, batch)
        check_lengths(batch, targets, unit=self.unit, stride=self.stride)
        network = seeded_network(self._network_config(batch, alphabet), self.seed)
        held_out = choose_held_out(len(batch), groups, self.validation, self.seed)
        if not batch.are_tokens:
            kept = [f for f, out in zip(batch.frames, held_out, strict=True) if not out]
            network.standardise(np.concatenate(kept))
        schedule = Schedule(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            spec_augment=self.spec_augment,
            patience=self.patience,
            seed=self.seed,
        )
        folder = None if self.checkpoint is None else Path(os.fspath(self.checkpoint))
        trainer = CTCTrainer(network, batch, targets, held_out, schedule, folder, alphabet)
        self.history_ = trainer.run(progress=self.progress)
        self.network_, self.alphabet_ = network, alphabet
        self.n_features_in_ = batch.n_features
        self.frames_attrs_ = {key: batch.attrs[key] for key in IDENTITY if key in batch.attrs}
        return self

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the transcript of each clip.

        Parameters
        ----------
        X : DataArray, ndarray or sequence of ndarray (frame, feature)
            Frames, as in :meth:`fit`.

        Returns
        -------
        ndarray of str (object), shape (clip,)

        Raises
        ------
        NotFittedError
            If :meth:`fit` was not called.
        InputError
            If the frames differ from those of :meth:`fit` in kind, number of features or rate.
        """
        batch = self._checked(X)
        spelled = self._decoded(log_probs_of(self.network_, batch))
        return np.array([self.alphabet_.decode(symbols) for symbols in spelled], dtype=object)

    def predict_log_proba(self, X: Any) -> list[npt.NDArray[np.float32]]:
        """Return the log-probabilities of the symbols in each step.

        Parameters
        ----------
        X : DataArray, ndarray or sequence of ndarray (frame, feature)
            Frames, as in :meth:`fit`.

        Returns
        -------
        list of ndarray of float32 (step, symbol)
            One array per clip. Symbol 0 is the blank of CTC; symbols 1, 2, … are those of
            ``alphabet_``.
        """
        return log_probs_of(self.network_, self._checked(X))

    def predict_alignment(self, X: Any, y: Any = None) -> xr.Dataset:
        """Return the time of each symbol.

        Parameters
        ----------
        X : DataArray, ndarray or sequence of ndarray (frame, feature)
            Frames, as in :meth:`fit`.
        y : sequence of str (clip,), default=None
            Transcript of each clip. None aligns the result of :meth:`predict`.

        Returns
        -------
        xarray.Dataset
            ``start`` and ``end`` (symbol) in seconds from the start of the clip, or in frames if
            the frame rate is unknown; coordinates ``symbol``, ``clip`` and ``clip_index`` (symbol).
            A symbol extends over the frames that its probability depends on. Edges of words
            deviate by 0.1 to 0.2 s (``docs/robustness.md``).
        """
        batch = self._checked(X)
        stride = self.network_.config.stride
        log_probs = log_probs_of(self.network_, batch)
        if y is None:
            targets: Targets = [np.array(s, dtype=np.int64) for s in self._decoded(log_probs)]
        else:
            targets = _encoded(self.alphabet_, check_transcripts(y, batch.names), batch)
            check_lengths(batch, targets, unit=self.unit, stride=stride)
        return label_spans(
            symbol_spans(self.network_, batch, log_probs, targets),
            [[self.alphabet_.symbols[k - 1] for k in target] for target in targets],
            clips=batch.names,
            frame_rate=batch.frame_rate,
        )

    def score(self, X: Any, y: Any) -> float:
        """Return one minus the word error rate.

        Parameters
        ----------
        X : DataArray, ndarray or sequence of ndarray (frame, feature)
            Frames, as in :meth:`fit`.
        y : sequence of str (clip,)
            Transcript of each clip.

        Returns
        -------
        float
            1 for perfect transcripts; negative if there are more errors than words. Words are
            separated by spaces for all units.

        Raises
        ------
        MissingExtraError
            If jiwer is not installed (extra ``asr``).
        """
        try:
            import jiwer
        except ImportError as error:
            raise MissingExtraError("jiwer", extra="asr", purpose="word error rates") from error
        batch = self._checked(X)
        said = self.predict(X).tolist()
        return 1.0 - float(jiwer.wer(check_transcripts(y, batch.names), said))

    def save(self, folder: str | Path) -> Path:
        """Store the fitted recogniser as safetensors and JSON.

        Parameters
        ----------
        folder : str or Path
            Folder to write. It is created if it does not exist; a recogniser in it is replaced.

        Returns
        -------
        Path
            The folder.
        """
        self._check_fitted()
        parameters = self.get_params(deep=False)
        return StoredRecognizer(
            {name: value for name, value in parameters.items() if name not in _NOT_STORED},
            self.network_,
            self.alphabet_,
            self.frames_attrs_,
            self.history_,
        ).save(Path(folder).expanduser())

    @classmethod
    def load(cls, folder: str | Path) -> CTCRecognizer:
        """Load a recogniser stored by :meth:`save`.

        Parameters
        ----------
        folder : str or Path
            Folder of the recogniser.

        Returns
        -------
        CTCRecognizer
            Fitted recogniser.

        Raises
        ------
        InputError
            If a file is missing or damaged. Names the file.
        UnsupportedVersionError
            If the recogniser is stored in another format.
        """
        stored = StoredRecognizer.load(Path(folder).expanduser(), cls._get_param_names())
        model = cls(**stored.parameters)
        model._check_parameters()
        model.network_, model.alphabet_ = stored.network, stored.alphabet
        model.frames_attrs_, model.history_ = stored.frames_attrs, stored.history
        model.n_features_in_ = stored.network.config.n_inputs
        return model

    def _check_parameters(self) -> None:
        for name in _COUNTS:
            whole(name, getattr(self, name), at_least=1)
        for name in ("validation", "dropout"):
            share(name, getattr(self, name), at_least=0, below=1)
        number("learning_rate", self.learning_rate, above=0)
        whole("seed", self.seed, at_least=0)
        self._check_decoding()

    def _check_decoding(self) -> None:
        optional(whole, "beam_width", self.beam_width, at_least=1)
        lexicon = self.lexicon
        is_words = isinstance(lexicon, Iterable) and all(isinstance(w, str) for w in lexicon)
        if lexicon is not None and (isinstance(lexicon, str) or not is_words):
            raise InputError(f"lexicon must be a list of words, got {lexicon!r:.100}")
        model = self.language_model
        if model is not None and not isinstance(model, NGram):
            raise InputError(f"language_model must be an NGram, got {model!r}")
        if model is not None and not model.counts:
            raise InputError("language_model is not fitted yet; call NGram().fit(transcripts)")

    def _network_config(self, batch: FrameBatch, alphabet: Alphabet) -> NetworkConfig:
        token_count = 0
        if batch.are_tokens:
            highest = max(int(frames.max()) for frames in batch.frames)
            token_count = int(batch.attrs.get("codebook_size", highest + 1))
        return NetworkConfig(
            n_inputs=batch.n_features,
            n_symbols=alphabet.size,
            token_count=token_count,
            hidden=int(self.hidden),
            stride=int(self.stride),
            dropout=float(self.dropout),
        )

    def _check_fitted(self) -> None:
        if not hasattr(self, "network_"):
            raise NotFittedError("this CTCRecognizer is not fitted yet; call fit first")

    def _checked(self, X: Any) -> FrameBatch:
        self._check_fitted()
        batch = as_frame_batch(X)
        self._check_decoding()
        batch.check_matches(
            self.frames_attrs_, self.n_features_in_, self.network_.config.token_count
        )
        return batch

    def _decoded(self, log_probs: Sequence[LogProbs]) -> list[Prefix]:
        scorer = None
        if self.lexicon is not None or self.language_model is not None:
            scorer = WordScorer(
                self.alphabet_, lexicon=self.lexicon, language_model=self.language_model
            )
        return spell(log_probs, beam_width=self.beam_width, scorer=scorer)


def _encoded(alphabet: Alphabet, texts: Sequence[str], batch: FrameBatch) -> Targets:
    pairs = zip(texts, batch.names, strict=True)
    return [alphabet.encode(text, clip=name) for text, name in pairs]
