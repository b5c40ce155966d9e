"""Instruments and environments classified by token features beside acoustic ones."""

from __future__ import annotations
