"""How good a codec is: distances, intelligibility, use of its codes, and whether it is exact.

:func:`bench_codec` measures a codec beside its peers; :func:`verify` shows that its codes do not
depend on how they were made. STOI, PESQ and the Griffin-Lim peer come with
``pip install 'qtokfeatures[eval]'``.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
