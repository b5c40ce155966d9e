"""Sounds made by this project for training: instruments, drums, pieces, voices, textures.

Everything is drawn from a seed. The same seed, tools and soundfonts give the same files. FluidSynth
with FluidR3 GM (MIT), espeak-ng and flite do the playing and speaking: Debian and Ubuntu have them
as ``fluidsynth fluid-soundfont-gm espeak-ng flite``. Where MuseScore General (MIT) is installed, as
``musescore-general-soundfont``, half of what FluidSynth plays is played with it.

Three hundred minutes, in about ten minutes on two cores::

    python -m qtokfeatures.rendering FOLDER --jobs 2
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
