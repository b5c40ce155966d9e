"""One call from recordings to weights: the corpus, then the training run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path

from qtokfeatures.codecs.devices import resolve_device
from qtokfeatures.codecs.mini.config import MiniConfig
from qtokfeatures.training.corpus import prepare_corpus
from qtokfeatures.training.recipe import Recipe
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
) -> Path:
    """Train a codec of `mini`'s format, or go on with a run that was interrupted.

    Parameters
    ----------
    recordings : sequence of paths
        Folders of recordings; see :func:`~qtokfeatures.training.corpus.prepare_corpus`. Not read
        again when the corpus is there already.
    folder : path
        Gets ``corpus/``, ``checkpoint.safetensors``, ``log.jsonl`` and ``mini.safetensors``. What
        an earlier call left there is continued.
    rendered_minutes : mapping of str to float, optional
        Minutes of rendered sounds to add, by renderer.
    recipe : Recipe, optional
        Settings of the run.
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

    Returns
    -------
    Path
        The weights, which :func:`~qtokfeatures.codecs.load_codec` takes.

    Raises
    ------
    InputError
        There is nothing to train on.

    Notes
    -----
    An interrupted run (Ctrl-C) finishes its step and writes a checkpoint before it ends; while a
    stage begins, the checkpoint is that of the stage before. A second Ctrl-C does not wait.
    Batches and random choices follow from the seed and the number of the step, so a continued run
    does what an unbroken one would have done, up to the rounding of parallel sums.
    """
    folder = Path(folder)
    corpus = folder / "corpus"
    recipe = recipe or Recipe()
    if not (corpus / "corpus.csv").exists():
        report(f"making the corpus in {corpus}")
        prepare_corpus(
            corpus, recordings, rendered_minutes=rendered_minutes, seed=recipe.seed, jobs=jobs
        )
    trainer = Trainer(
        corpus,
        folder,
        recipe=recipe,
        config=config,
        device=str(resolve_device(device)),
        start=None if start is None else Path(start),
    )
    report(f"step {trainer.step} of {trainer.total_steps} on {trainer.device}")
    try:
        return trainer.run(report=report)
    except (KeyboardInterrupt, SystemExit):
        trainer.save()
        raise
