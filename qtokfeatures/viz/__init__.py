"""Figures and pages: maps of clips, waveforms, spectrograms, tokens, and HTML reports.

Every figure comes twice: ``draw_…(ax, …)`` draws into an Axes of yours, ``…_figure(…)`` makes a
figure of its own. Nothing here touches ``pyplot``. Names are loaded when they are first used;
matplotlib comes with ``pip install 'qtokfeatures[viz]'``.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
