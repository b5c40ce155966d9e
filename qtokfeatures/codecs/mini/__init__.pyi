from .codec import MiniCodec as MiniCodec
from .codec import random_mini as random_mini
