from .codec import Qwen3TTSTokenizer as Qwen3TTSTokenizer
