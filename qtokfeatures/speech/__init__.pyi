from .front_end import ASRFrontEnd as ASRFrontEnd
from .ngram import NGram as NGram
from .recognizer import CTCRecognizer as CTCRecognizer
from .words import make_speech_recognizer as make_speech_recognizer
from .words import make_word_classifier as make_word_classifier
