"""Phone inventory of all synthesisers: ARPAbet without stress, and classes of other languages.

=======  ===========================================================
class    sounds
=======  ===========================================================
``SIL``  silence: before, after and between words
``AX``   schwa, and the unstressed open vowel of British English
``UX``   close front rounded vowels: German ü, French u
``OE``   mid front rounded vowels: German ö, French eu
``TS``   the affricate of German z
``KH``   fricatives at the back: German ch, French r, Spanish g
``RR``   trilled and tapped r
``NY``   palatal nasal: Spanish ñ
``Q``    glottal stop
=======  ===========================================================
"""

from __future__ import annotations

import unicodedata
from typing import Final

SILENCE: Final = "SIL"

# 48 classes, in the order of their numbers.
PHONES: Final = (
    SILENCE,
    *("AA", "AE", "AH", "AO", "AW", "AX", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH"),
    *("UW", "B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S"),
    *("SH", "T", "TH", "V", "W", "Y", "Z", "ZH", "UX", "OE", "TS", "KH", "RR", "NY", "Q"),
)

_FROM_FLITE: Final = {"pau": SILENCE} | {phone.lower(): phone for phone in PHONES[1:]}


def _parsed(table: str) -> dict[str, tuple[str, ...]]:
    """Classes by IPA name, from entries "class: IPA IPA" or "class+class: …" for sequences."""
    entries = [
        entry.split(":", 1) for entry in table.replace("\n", "|").split("|") if entry.strip()
    ]
    return {
        _decomposed(ipa): tuple(classes.strip().split("+"))
        for classes, names in entries
        for ipa in names.split()
    }


def _decomposed(ipa: str) -> str:
    return unicodedata.normalize("NFD", ipa)


# The longest matching entry counts; several classes share the duration equally.
_FROM_IPA: Final = _parsed("""
AY: aɪ | AW: aʊ æʊ ʌʉ | EY: eɪ eː ei | OY: ɔɪ oɪ ɔø | OW: oʊ əʊ ʌʊ o | ER: əɪ ɚ ɜ ɝ
AO+AX: oə | AO+R: oːɹ | AA: a ɑ ɒ | AE: æ | AH: ʌ ɐ ɤ | AO: ɔ | AX: ə | EH: ɛ e | IH: ɪ ɨ ᵻ
IY: i | UH: ʊ ɵ | UW: u ɯ ʉ | UX: y ʏ | OE: ø œ | P: p ph | B: b ɓ | T: t ʈ th | D: d ɗ ɖ
K: k q kh | G: ɡ g | CH: c tʃ tɕ tɕh | JH: ɟ dʒ dʑ | Q: ʔ | TS: ts tsh | D+Z: dz | F: f
V: v ʋ β | TH: θ t̪ | DH: ð | S: s | Z: z | SH: s. sx ʃ ɕ ʂ | ZH: ʒ ʑ ʐ | HH: h ɦ
KH: x χ ç ɣ ʁ | M: m | N: n | NG: ŋ | NY: ɲ | L: l ɫ ɭ ɬ | L+Y: ʎ | R: ɹ ɻ | RR: r ɾ ɽ
Y: j ɥ | W: w ʍ
""")  # noqa: RUF001
_FROM_ENGLISH_IPA: Final = _FROM_IPA | _parsed("""
AE: a | AX: ɐ | R: r | D: ɾ | AA: aː a: | AX+L: əl
""")  # noqa: RUF001
_LONGEST: Final = max(map(len, _FROM_ENGLISH_IPA))


def phone_of_flite(name: str) -> str:
    """Class of a phone of flite's US English voices."""
    return _FROM_FLITE.get(name, SILENCE)


def phones_of_ipa(ipa: str, *, english: bool) -> tuple[str, ...]:
    """Classes of a phone of espeak-ng; none if it is silent. Unknown marks are ignored.

    Examples
    --------
    >>> phones_of_ipa("tʃ", english=True), phones_of_ipa("ɛɹ", english=True)
    (('CH',), ('EH', 'R'))
    """
    if ipa.startswith("("):  # "(en)": a change of language
        return ()
    table, text = _FROM_ENGLISH_IPA if english else _FROM_IPA, _decomposed(ipa)
    found: list[str] = []
    at = 0
    while at < len(text):
        for length in range(_LONGEST, 0, -1):
            if text[at : at + length] in table:
                found += table[text[at : at + length]]
                at += length
                break
        else:
            at += 1
    return tuple(found)
