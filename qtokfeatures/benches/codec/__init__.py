"""Reconstruction quality of a codec beside its peers."""

from __future__ import annotations
