from .base import Codec as Codec
from .qwen3 import Qwen3TTSTokenizer as Qwen3TTSTokenizer
from .registry import list_codecs as list_codecs
from .registry import load_codec as load_codec
from .streaming import StreamDecoder as StreamDecoder
from .streaming import StreamEncoder as StreamEncoder
