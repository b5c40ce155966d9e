"""Factories of ordinary scikit-learn pipelines: clustering, timbre, era, any label, speech.

Beside them: validation and splits that keep groups whole, the tokens that tell classes apart,
sounds that stand for a group, manifests, and classifiers as files.
"""

from __future__ import annotations

from qtokfeatures.pipelines.asr import (
    ASRFrontEnd,
    CTCRecognizer,
    NGram,
    make_speech_recognizer,
    make_word_classifier,
)
from qtokfeatures.pipelines.calibrated import GroupCalibratedClassifier
from qtokfeatures.pipelines.classifiers import (
    make_era_classifier,
    make_label_classifier,
    make_timbre_classifier,
)
from qtokfeatures.pipelines.clustering import (
    Clustering,
    find_clusters,
    make_clustering_pipeline,
    rank_clusters,
)
from qtokfeatures.pipelines.manifest import (
    Manifest,
    Recording,
    default_group,
    folder_manifest,
    read_manifest,
)
from qtokfeatures.pipelines.prototypes import Prototype, hear_medoid
from qtokfeatures.pipelines.silhouette import SilhouetteKMeans
from qtokfeatures.pipelines.splits import group_splits
from qtokfeatures.pipelines.stored_models import (
    StoredClassifier,
    load_classifier,
    save_classifier,
)
from qtokfeatures.pipelines.telling import (
    Occurrence,
    TellingToken,
    telling_table,
    telling_tokens,
)
from qtokfeatures.pipelines.validation import Validation, validate_groups

__all__ = [
    "ASRFrontEnd",
    "CTCRecognizer",
    "Clustering",
    "GroupCalibratedClassifier",
    "Manifest",
    "NGram",
    "Occurrence",
    "Prototype",
    "Recording",
    "SilhouetteKMeans",
    "StoredClassifier",
    "TellingToken",
    "Validation",
    "default_group",
    "find_clusters",
    "folder_manifest",
    "group_splits",
    "hear_medoid",
    "load_classifier",
    "make_clustering_pipeline",
    "make_era_classifier",
    "make_label_classifier",
    "make_speech_recognizer",
    "make_timbre_classifier",
    "make_word_classifier",
    "rank_clusters",
    "read_manifest",
    "save_classifier",
    "telling_table",
    "telling_tokens",
    "validate_groups",
]
