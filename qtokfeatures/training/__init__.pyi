from .corpus import prepare_corpus as prepare_corpus
from .noise_tuning import tune_to_noise as tune_to_noise
from .recipe import Recipe as Recipe
from .run import train_mini as train_mini
from .trainer import Trainer as Trainer
from .tuning import Tuning as Tuning
from .tuning import tune_mini as tune_mini
