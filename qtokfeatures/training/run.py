"""Training of a codec from folders of recordings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from qtokfeatures.codecs.devices import resolve_device
from qtokfeatures.codecs.mini.config import MiniConfig
from qtokfeatures.codecs.mini.weights import load_weights
from qtokfeatures.parameters import whole
from qtokfeatures.progress import Progress, ignore_progress
from qtokfeatures.rendering.corpus import check_minutes
from qtokfeatures.rendering.recordings import list_recordings
from qtokfeatures.training.corpus import prepare_corpus
from qtokfeatures.training.recipe import Recipe
from qtokfeatures.training.run_record import (
    list_files,
    read_record,
    refuse_changes,
    stored_state,
    write_record,
)
from qtokfeatures.training.trainer import Trainer


def train_mini(
    recordings: Sequence[str | PathLike[str]],
    folder: str | PathLike[str],
    *,
    rendered_minutes: Mapping[str, float] | None = None,
    recipe: Recipe | None = None,
    config: MiniConfig | None = None,
    start: str | PathLike[str] | None = None,
    device: str = "auto",
    jobs: int = 1,
    report: Callable[[str], None] = print,
    on_progress: Progress = ignore_progress,
) -> Path:
    """Train a codec of mini's format, or resume an interrupted run.

    Parameters
    ----------
    recordings : sequence of paths
        Folders of recordings, as :func:`~qtokfeatures.training.prepare_corpus` takes them. May be
        empty if the corpus exists; otherwise they must be those of the corpus.
    folder : path
        Output folder for ``corpus/``, ``checkpoint.safetensors``, ``log.jsonl`` and
        ``mini.safetensors``. A run in it is resumed.
    rendered_minutes : mapping of str to float, optional
        Minutes of rendered sounds to add, by renderer.
    recipe : Recipe, optional
        Settings of the run; by default those of the resumed run, or of :class:`Recipe`.
    config : MiniConfig, optional
        Sizes of the network of a new run.
    start : path, optional
        Weights that a new run starts from. With ``recipe.onward()``, codebook 0 stays fixed.
    device : str, default="auto"
        Device to train on.
    jobs : int, default=1
        Number of rendering processes.
    report : callable, default=print
        Called with lines of text about the run.
    on_progress : callable, optional
        Called as ``on_progress(stage, done, total)``.

    Returns
    -------
    Path
        The weights file, which :func:`~qtokfeatures.load_codec` takes.

    Raises
    ------
    InputError
        If there is no training material, or the run in `folder` was started with other recordings,
        minutes, recipe, sizes or start, or `jobs` is below 1.
    CodecError
        If `start` or the checkpoint cannot be read, the device does not exist, or the disk is full.

    Notes
    -----
    On Ctrl-C the run finishes its step and writes a checkpoint; a second Ctrl-C ends it at once.
    The initialisation of a stage is not saved and is repeated on resuming. Batches and random draws
    depend on the seed and the number of the step, so that a resumed run equals an uninterrupted one
    up to the rounding of parallel sums.

    Examples
    --------
    >>> from qtokfeatures.training import Recipe, train_mini
    >>> train_mini(["recordings"], "run", recipe=Recipe().shortened(0.1))  # doctest: +SKIP
    """
    jobs = whole("jobs", jobs, at_least=1)
    folder = Path(folder)
    where = str(resolve_device(device))
    resumes = stored_state(folder, "train") is not None
    if start is not None and not resumes:
        load_weights(Path(start))  # fail before the corpus is prepared
    corpus = folder / "corpus"
    seed = None if recipe is None else recipe.seed
    _make_corpus(corpus, recordings, rendered_minutes, seed, jobs, report, on_progress)
    trainer = Trainer(
        corpus,
        folder,
        recipe=recipe,
        config=config,
        device=where,
        start=None if start is None else Path(start),
        report=report,
        on_progress=on_progress,
    )
    report(f"step {trainer.step} of {trainer.total_steps} on {trainer.device}")
    try:
        return trainer.run()
    except (KeyboardInterrupt, SystemExit):
        trainer.save()
        raise


def stored_recipe(folder: Path) -> Recipe | None:
    """Recipe of the run in a folder; None without a run."""
    state = stored_state(folder, "train")
    return None if state is None else Recipe.from_dict(state["recipe"])


def _make_corpus(
    corpus: Path,
    recordings: Sequence[str | PathLike[str]],
    rendered_minutes: Mapping[str, float] | None,
    seed: int | None,
    jobs: int,
    report: Callable[[str], None],
    on_progress: Progress,
) -> None:
    """Write the corpus, or check that the existing one has the same origin."""
    check_minutes(rendered_minutes or {})
    listings = [list_recordings(item) for item in recordings]
    given: dict[str, Any] = {
        "task": "train",
        "recordings": list_files(listings),
        "rendered_minutes": None if rendered_minutes is None else dict(rendered_minutes),
        "seed": seed,
    }
    if (corpus / "corpus.csv").exists():
        record = read_record(corpus)
        if record is None:
            report(f"using {corpus} unchecked: it has no record of its recordings")
        refuse_changes(corpus.parent, record or {}, given)
        return
    report(f"writing the corpus to {corpus}")
    prepare_corpus(
        corpus,
        recordings,
        rendered_minutes=rendered_minutes,
        seed=seed or 0,
        jobs=jobs,
        on_progress=on_progress,
    )
    drawn = {"seed": seed or 0} if rendered_minutes else {"seed": None}
    given |= {"recordings": given["recordings"] or {}, "rendered_minutes": rendered_minutes or {}}
    write_record(corpus, {**given, **drawn})
