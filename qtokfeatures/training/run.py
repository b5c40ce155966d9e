"""One call from recordings to weights: the corpus, then the training run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from qtokfeatures.codecs.devices import resolve_device
from qtokfeatures.codecs.mini.config import MiniConfig
from qtokfeatures.codecs.mini.weights import load_weights
from qtokfeatures.progress import Progress, ignore_progress
from qtokfeatures.rendering import check_minutes
from qtokfeatures.rendering.listing import list_recordings
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
    """Train a codec of `mini`'s format, or go on with a run that was interrupted.

    Parameters
    ----------
    recordings : sequence of paths
        Folders of recordings; see :func:`~qtokfeatures.training.corpus.prepare_corpus`. Not
        needed when the corpus is there already; those that are given must be what it was made of.
    folder : path
        Gets ``corpus/``, ``checkpoint.safetensors``, ``log.jsonl`` and ``mini.safetensors``. What
        an earlier call left there is continued.
    rendered_minutes : mapping of str to float, optional
        Minutes of rendered sounds to add, by renderer.
    recipe : Recipe, optional
        Settings of the run; by default those that it was begun with.
    config : MiniConfig, optional
        Sizes of the network, when a run begins.
    start : path, optional
        Weights that a new run goes on from; with ``recipe.onward()``, codebook 0 stays as it is.
    device : str, default="auto"
        Where to train.
    jobs : int, default=1
        Processes that render.
    report : callable, default=print
        Gets a line now and then.
    on_progress : callable, optional
        Called with what is being done, how much of it is done, and how much there is.

    Returns
    -------
    Path
        The weights, which :func:`~qtokfeatures.codecs.load_codec` takes.

    Raises
    ------
    InputError
        There is nothing to train on; or the folder's run was begun with something else than what
        is given: recordings, minutes, recipe, sizes or start.
    CodecError
        `start` or the checkpoint cannot be read, the device is not there, or the disk is full.

    Notes
    -----
    An interrupted run (Ctrl-C) finishes its step and writes a checkpoint before it ends; while a
    stage begins, the checkpoint is that of the stage before. A second Ctrl-C does not wait.
    Batches and random choices follow from the seed and the number of the step, so a continued run
    does what an unbroken one would have done, up to the rounding of parallel sums.
    """
    folder = Path(folder)
    where = str(resolve_device(device))
    begun = stored_state(folder, "train") is not None
    if start is not None and not begun:
        load_weights(Path(start))  # what is wrong with it shows before the corpus is made
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
    """Return the recipe of the run in a folder; None where there is none."""
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
    """Make the corpus, or see to it that the one that is there was made of the same."""
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
            report(f"{corpus} is taken as it is: what it was made of is not known")
        refuse_changes(corpus.parent, record or {}, given)
        return
    report(f"making the corpus in {corpus}")
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
