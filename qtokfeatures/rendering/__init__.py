"""Synthetic training material: instruments, drums, pieces, voices and textures, from a seed.

Needs the Debian packages ``fluidsynth fluid-soundfont-gm espeak-ng flite`` and uses
``musescore-general-soundfont`` if installed. ``python -m qtokfeatures.rendering FOLDER --jobs 2``
renders 300 minutes in about ten minutes on two cores.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
