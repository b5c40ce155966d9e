"""A recogniser of speech: frames in, transcripts out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from qtokfeatures.exceptions import MissingExtraError, NotFittedError
from qtokfeatures.speech.alignment import align_symbols, label_spans
from qtokfeatures.speech.decoding import Prefix, WordScorer, log_probs_of, spell
from qtokfeatures.speech.frame_batch import IDENTITY, FrameBatch, as_frame_batch
from qtokfeatures.speech.frame_checks import (
    check_decoding,
    check_lengths,
    check_like_fitted,
    check_parameters,
    check_transcripts,
)
from qtokfeatures.speech.network import NetworkConfig
from qtokfeatures.speech.ngram import NGram
from qtokfeatures.speech.symbols import Alphabet
from qtokfeatures.speech.training import (
    CTCTrainer,
    Schedule,
    Targets,
    choose_held_out,
    seeded_network,
)

if TYPE_CHECKING:
    import xarray as xr
    from typing_extensions import Self


class CTCRecognizer(BaseEstimator):
    """Recognise speech: a small network trained by CTC from frames to transcripts.

    A convolution, a GRU in both directions and a linear layer (Graves et al., "Connectionist
    Temporal Classification", 2006). It learns its alphabet from the transcripts it is fitted on.

    Parameters
    ----------
    unit : {"word", "character", "phone"}, default="word"
        What it spells with. Words are right where there are few of them, such as digits; words
        and phones stand apart by spaces in transcripts.
    hidden : int, default=96
        Width of the network.
    stride : int, default=1
        Frames that become one: 4 suits frames of 10 ms and words, 2 characters.
    dropout : float, default=0.3
        Share of activations dropped in training.
    epochs : int, default=60
        Rounds through the clips, at the most.
    batch_size : int, default=16
        Clips a step.
    learning_rate : float, default=0.003
        Peak of the learning rate of AdamW.
    spec_augment : bool, default=True
        Hide stretches of time and of features in training.
    validation : float, default=0.1
        Share of the groups, or of the clips, that is not trained on but tells when to end.
        0 trains all epochs on everything.
    patience : int, default=15
        Epochs without improvement on what is held out before training ends.
    beam_width : int, default=None
        Prefixes of the beam search. None takes the best path, unless a lexicon or a language
        model is given; then 16.
    lexicon : sequence of str, default=None
        Words that there are. None is any.
    language_model : NGram, default=None
        How likely words follow each other.
    checkpoint : path, default=None
        Folder that keeps the state of training after each epoch. `fit` goes on from there, as if
        it had not been interrupted.
    progress : bool, default=False
        Whether to show a bar.
    seed : int, default=0
        Seed of weights, order, masks and dropout.

    Attributes
    ----------
    alphabet_ : Alphabet
        Its symbols.
    network_ : SpeechNetwork
        What was trained.
    history_ : list of dict of str to float
        Losses of each epoch.
    n_features_in_ : int
        Features of a frame.

    See Also
    --------
    ASRFrontEnd : What frames are made by.
    make_word_classifier : For isolated words, simpler and faster.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> def say(word):  # a word is a direction that frames go in
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
        """Learn to recognise.

        Parameters
        ----------
        X : DataArray, ndarray or sequence of ndarray (frame, feature)
            Frames, as :class:`ASRFrontEnd` gives them in any of its outputs.
        y : sequence of str (clip,)
            What is said in each clip.
        groups : array_like, shape (clip,), default=None
            Speakers, say: some whole ones are held out to tell when to end. None is a group for
            each clip.

        Returns
        -------
        self

        Raises
        ------
        InputError
            If a transcript is empty or longer than its clip allows, or frames are not finite.
            Names the clip. If a parameter is out of range.
        """
        check_parameters(self)
        batch = as_frame_batch(X)
        texts = check_transcripts(y, batch)
        alphabet = Alphabet.learn(texts, self.unit)
        targets = [
            alphabet.encode(t, clip=name) for t, name in zip(texts, batch.names, strict=True)
        ]
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
        """Return what is said.

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
            If the frames are not such as it was fitted on.
        """
        batch = self._checked(X)
        found = [self.alphabet_.decode(symbols) for symbols in self._decoded(batch)]
        return np.array(found, dtype=object)

    def predict_log_proba(self, X: Any) -> list[npt.NDArray[np.float32]]:
        """Return the log-probabilities of symbols, step by step.

        Parameters
        ----------
        X : DataArray, ndarray or sequence of ndarray (frame, feature)
            Frames, as in :meth:`fit`.

        Returns
        -------
        list of ndarray of float32 (step, symbol)
            One a clip; symbol 0 is CTC's blank, the others are those of ``alphabet_``.
        """
        return log_probs_of(self.network_, self._checked(X))

    def predict_alignment(self, X: Any, y: Any = None) -> xr.Dataset:
        """Tell when each symbol is said.

        Parameters
        ----------
        X : DataArray, ndarray or sequence of ndarray (frame, feature)
            Frames, as in :meth:`fit`.
        y : sequence of str (clip,), default=None
            What is said; what :meth:`predict` tells by default.

        Returns
        -------
        xarray.Dataset
            ``start`` and ``end`` (symbol): seconds from the start of the clip, or frames where the
            frames do not say how many there are in a second; coordinates ``symbol``,
            ``clip`` and ``clip_index`` (symbol). CTC tells where a symbol was noticed, which may be
            a little later or shorter than it was said.
        """
        batch = self._checked(X)
        if y is None:
            targets: Targets = [np.array(each, dtype=np.int64) for each in self._decoded(batch)]
        else:
            texts = zip(check_transcripts(y, batch), batch.names, strict=True)
            targets = [self.alphabet_.encode(text, clip=name) for text, name in texts]
            check_lengths(batch, targets, unit=self.unit, stride=self.network_.config.stride)
        pairs = zip(log_probs_of(self.network_, batch), targets, strict=True)
        return label_spans(
            [align_symbols(probs, symbols) for probs, symbols in pairs],
            [[self.alphabet_.symbols[k - 1] for k in target] for target in targets],
            clips=batch.names,
            stride=self.network_.config.stride,
            frame_rate=batch.frame_rate,
        )

    def score(self, X: Any, y: Any) -> float:
        """Return one minus the word error rate.

        Parameters
        ----------
        X : DataArray, ndarray or sequence of ndarray (frame, feature)
            Frames, as in :meth:`fit`.
        y : sequence of str (clip,)
            What is said.

        Returns
        -------
        float
            1 is perfect; below 0 where more words are inserted than were said. Spelling with
            characters, words are what stands between spaces.

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
        return 1.0 - float(jiwer.wer(check_transcripts(y, batch), said))

    def save(self, folder: str | Path) -> Path:
        """Store the fitted recogniser as safetensors and JSON.

        Parameters
        ----------
        folder : str or Path
            Is made where it is missing; what was stored there before is replaced.

        Returns
        -------
        Path
            The folder.
        """
        from qtokfeatures.speech.stored import save_recognizer

        self._check_fitted()
        return save_recognizer(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> CTCRecognizer:
        """Load what :meth:`save` stored.

        Parameters
        ----------
        folder : str or Path
            The folder.

        Returns
        -------
        CTCRecognizer

        Raises
        ------
        InputError
            If there is no recogniser, or a damaged one. Names the file.
        """
        from qtokfeatures.speech.stored import load_recognizer

        return load_recognizer(Path(folder))

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
        check_decoding(self)
        check_like_fitted(self, batch)
        return batch

    def _decoded(self, batch: FrameBatch) -> list[Prefix]:
        """The symbols of each clip."""
        scorer = None
        if self.lexicon is not None or self.language_model is not None:
            scorer = WordScorer(
                self.alphabet_, lexicon=self.lexicon, language_model=self.language_model
            )
        log_probs = log_probs_of(self.network_, batch)
        return spell(log_probs, beam_width=self.beam_width, scorer=scorer)
