"""Encoding time of a folder of short clips beside MFCC."""

from __future__ import annotations
