"""Recognisers on tokens beside recognisers on MFCC and log-mel spectra, in noise."""

from __future__ import annotations
