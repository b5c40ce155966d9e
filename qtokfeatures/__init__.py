"""Neural codec tokens as labelled features, and back to audio.

Public names are loaded on first use, from the modules that ``__init__.pyi`` lists, so that
``import qtokfeatures`` brings in neither torch nor xarray.

The accessor ``Dataset.qtok`` belongs to :mod:`qtokfeatures.labelled`. It is there as soon as that
room is: at once where xarray was imported before this package, otherwise with the first use of
anything here that makes, reads or takes codes (or with ``import qtokfeatures.labelled``).
"""

from __future__ import annotations

import sys

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

if "xarray" in sys.modules:
    from qtokfeatures import labelled as labelled  # registers ``Dataset.qtok``
