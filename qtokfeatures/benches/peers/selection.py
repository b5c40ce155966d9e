"""Standard set of peers, and the part of it that can run here."""

from __future__ import annotations

from collections.abc import Iterable

from qtokfeatures.benches.peers.codec2 import Codec2
from qtokfeatures.benches.peers.griffin_lim import GriffinLim
from qtokfeatures.benches.peers.opus import Opus
from qtokfeatures.benches.peers.tools import Peer


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


def split_peers(peers: Iterable[Peer]) -> tuple[list[Peer], dict[str, str]]:
    """Tell the peers that can run here from those that cannot.

    Parameters
    ----------
    peers : iterable of Peer
        The peers.

    Returns
    -------
    running : list of Peer
        Those whose tools are there.
    skipped : dict of str to str
        The names of the others, and what they lack.
    """
    peers = list(peers)
    skipped = {peer.name: reason for peer in peers if (reason := peer.missing())}
    return [peer for peer in peers if peer.name not in skipped], skipped
