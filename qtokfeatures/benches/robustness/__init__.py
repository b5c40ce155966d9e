"""Codes of speech that change under perturbation, and their information on phones."""

from __future__ import annotations
