"""Figures of clips, waveforms, spectrograms and tokens, drawn without pyplot.

``draw_…(ax, …)`` draws into given Axes, ``…_figure(…)`` returns a figure of its own.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
