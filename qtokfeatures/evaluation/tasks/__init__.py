"""What features are worth for telling instruments and environments apart, beside MFCC."""

from __future__ import annotations

from qtokfeatures.evaluation.tasks.bench import bench_tasks
from qtokfeatures.evaluation.tasks.result import Compared, TaskResult
from qtokfeatures.evaluation.tasks.sounds import (
    Sounds,
    Task,
    across_soundfonts,
    family_clusters,
    load_environments,
    load_instruments,
    note_sounds,
)
from qtokfeatures.evaluation.tasks.tables import task_notes, task_tables

__all__ = [
    "Compared",
    "Sounds",
    "Task",
    "TaskResult",
    "across_soundfonts",
    "bench_tasks",
    "family_clusters",
    "load_environments",
    "load_instruments",
    "note_sounds",
    "task_notes",
    "task_tables",
]
