"""Spoken digits recognised from codes, in noise, and after decoding."""

from __future__ import annotations
