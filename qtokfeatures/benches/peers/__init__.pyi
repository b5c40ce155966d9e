from .codec2 import Codec2 as Codec2
from .griffin_lim import GriffinLim as GriffinLim
from .opus import Opus as Opus
from .selection import default_peers as default_peers
from .selection import split_peers as split_peers
from .tools import Peer as Peer
