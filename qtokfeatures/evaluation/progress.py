"""Telling whoever watches how far a bench is."""

from __future__ import annotations

from qtokfeatures.codecs.progress import Progress, ignore_progress, watched

__all__ = ["Progress", "ignore_progress", "watched"]
