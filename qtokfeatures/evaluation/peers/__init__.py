"""Codecs to compare with: Opus, Codec 2, and a mel spectrogram inverted by Griffin-Lim."""

from __future__ import annotations

from qtokfeatures.evaluation.peers.codec2 import Codec2
from qtokfeatures.evaluation.peers.griffin_lim import GriffinLim
from qtokfeatures.evaluation.peers.opus import Opus
from qtokfeatures.evaluation.peers.protocol import Peer

__all__ = ["Codec2", "GriffinLim", "Opus", "Peer", "default_peers"]


def default_peers() -> tuple[Peer, ...]:
    """List the peers of the published figures.

    Returns
    -------
    tuple of Peer

    Examples
    --------
    >>> [peer.name for peer in default_peers()]
    ['Opus, asked for 6 kbit/s', 'Codec2 2400', 'mel + Griffin-Lim']
    """
    return (Opus(), Codec2(), GriffinLim())
