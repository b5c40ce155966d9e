"""How the bundled codec is made; usable on the user's own audio."""

from __future__ import annotations

from qtokfeatures.training.recipe import Recipe
from qtokfeatures.training.run import train_mini
from qtokfeatures.training.trainer import Trainer
from qtokfeatures.training.tuning import Tuning, tune_mini

__all__ = ["Recipe", "Trainer", "Tuning", "train_mini", "tune_mini"]
