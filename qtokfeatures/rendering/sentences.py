"""Texts to speak: sentences, digits, words, numbers and dates; written for this project."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from qtokfeatures.rendering import lexicon
from qtokfeatures.rendering.lexicon import number_in_words

_STATEMENTS: Final = (
    "the {adjective} {noun} {verb} the {noun2} {place}.",
    "my {noun} {verb} {number} {adjective} {noun2}s, and then it rests.",
    "{place}, a {adjective} {noun} {verb} another {noun2}.",
    "we shall need {number} more of these, said the {adjective} {noun}.",
    "nobody {verb} the {noun} {place}, but the {noun2} does.",
    "page {number}: the {noun} and the {adjective} {noun2}.",
    "oh no! The {noun} is {adjective}!",
    "it was {adjective}, it was {adjective2}, and it smelled of {noun}.",
    "{name} {past} the {adjective} {noun} {adverb}.",
    "{name} and {name2} {past} {number} {noun}s {place}.",
    "on {day}, {name} {past} a {colour} {noun}.",
    "in {month} the {noun} was {adjective}, and in {month2} it was {adjective2}.",
    "{adverb}, the {animal} {past} some {food}.",
    "an {adjective} {animal} {verb} the {colour} {noun} {adverb}.",
    "please bring {number} {food}s and the {adjective} {noun}.",
    "this {noun} is {adjective}, but that one is {adjective2}.",
    "{name} said that the {noun} {verb} {name2}.",
    "they {past} the {noun}, the {noun2} and the {animal}.",
    "if the {noun} is {adjective}, {name} {verb} it {adverb}.",
    "I {past} your {colour} {noun} {place}.",
    "you should have {number} {animal}s, not {digit}.",
    "he {past} her {noun} and she {past2} his {noun2}.",
    "the {ordinal} {noun} {verb} the {ordinal2} {animal}.",
    "we thought the {animal} would choose the {food}.",
    "there were {number} {adjective} {noun}s, and {digit} of them {past} {name}.",
    "turn the {noun} to the left, then {adverb} to the right.",
    "both of us enjoy {adjective} {food} with {food2}.",
    "{day} the {ordinal} of {month}.",
    "{command} the {noun}, {name}.",
    "{food}, {food2}, {noun} and {animal}.",
)
_QUESTIONS: Final = (
    "where did you put the {adjective} {noun}?",
    "could the {noun} wait {place}?",
    "why would a {noun} need {number} {adjective} boxes?",
    "have you ever seen such a {adjective} {noun}?",
    "who {past} the {colour} {noun} {place}?",
    "is {name} {adjective} or {adjective2} on {day}?",
    "which {animal} {verb} the {food}?",
    "would you like {food} or {food2}, {name}?",
    "how many {noun}s are there {place}?",
    "did the {ordinal} {animal} visit you in {month}?",
    "what shall we do with {number} {adjective} {animal}s?",
    "when does {name} usually join the {noun}?",
)
_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "adjective": lexicon.ADJECTIVES,
    "noun": lexicon.THINGS,
    "verb": lexicon.VERBS,
    "past": lexicon.PAST,
    "adverb": lexicon.ADVERBS,
    "place": lexicon.PLACES,
    "name": lexicon.NAMES,
    "animal": lexicon.ANIMALS,
    "food": lexicon.FOODS,
    "colour": lexicon.COLOURS,
    "day": lexicon.DAYS,
    "month": lexicon.MONTHS,
    "ordinal": lexicon.ORDINALS,
    "digit": lexicon.DIGITS,
    "command": lexicon.COMMANDS,
}
_ALONE: Final = (
    *(lexicon.COMMANDS, lexicon.COMMANDS, lexicon.NAMES, lexicon.ANIMALS, lexicon.THINGS),
    *(lexicon.FOODS, lexicon.COLOURS, lexicon.MONTHS, lexicon.DAYS, lexicon.LETTERS),
    *(lexicon.ADJECTIVES, lexicon.VERBS, lexicon.TEENS, lexicon.TENS, lexicon.ORDINALS),
)

# By espeak-ng's name of the language.
PHRASES: Final[dict[str, tuple[str, ...]]] = {
    "de": (
        "Der alte Zug fährt langsam über die Brücke",
        "Heute scheint die Sonne über dem Garten",
        "Fünf kleine Vögel suchen ein neues Nest",
        "Wo hast du den grünen Schlüssel gefunden",
        "Wir trinken jeden Morgen heißen Tee",
    ),
    "fr": (
        "Le petit bateau traverse la rivière ce matin",
        "Où avez-vous trouvé cette grande lampe bleue",
        "Nous mangeons du pain et du fromage au jardin",
        "La neige tombe doucement sur le village",
        "Je voudrais acheter un billet pour demain",
    ),
    "es": (
        "El perro amarillo duerme debajo de la mesa",
        "Mañana vamos a caminar por la montaña",
        "La lluvia golpea las ventanas de la cocina",
        "Dónde están las llaves de la casa vieja",
        "Quiero una taza de café con leche",
    ),
    "it": (
        "Il treno della sera arriva sempre in ritardo",
        "La ragazza legge un libro vicino al fiume",
        "Domani compriamo le arance al mercato",
        "Che bella giornata per andare al mare",
    ),
    "pt-br": (
        "O menino joga bola perto da praia",
        "A chuva chegou depois do jantar",
        "Vamos comprar pão e queijo amanhã",
        "Quantas pessoas moram nesta rua",
    ),
    "ru": (
        "Старый поезд медленно едет через мост",
        "Сегодня утром в саду поют птицы",
        "Где лежит мой зелёный карандаш",
        "Мы пьём горячий чай каждый вечер",
    ),
    "cmn-latn-pinyin": (
        "jin1 tian1 zao3 shang5 tian1 qi4 hen3 hao3",
        "wo3 men5 ming2 tian1 zuo4 huo3 che1 qu4 bei3 jing1",
        "ni3 de5 lü4 se4 yu3 san3 zai4 na3 li3",
        "lao3 shi1 mei3 tian1 wan3 shang5 he1 yi4 bei1 re4 cha2",
    ),
    "pl": (
        "Stary pociąg jedzie powoli przez most",
        "W ogrodzie rośnie wysokie zielone drzewo",
        "Gdzie jest mój nowy szary płaszcz",
    ),
    "nl": (
        "De oude schipper vaart over het stille meer",
        "Morgen gaan we samen naar de markt",
        "Waar heb je die groene fiets gevonden",
    ),
    "sv": (
        "Den gamla båten ligger vid sjön",
        "I morgon åker vi till skogen",
        "Var har du lagt mina gröna skor",
    ),
    "tr": (
        "Eski tren köprüden yavaşça geçiyor",
        "Bu sabah bahçede kuşlar ötüyor",
        "Yeşil anahtarı nerede buldun",  # noqa: RUF001
    ),
    "fi": (
        "Vanha juna kulkee hitaasti sillan yli",
        "Huomenna menemme yhdessä metsään",
        "Missä minun vihreä hattuni on",
    ),
    "el": (
        "Το παλιό τρένο περνάει αργά τη γέφυρα",  # noqa: RUF001
        "Αύριο θα πάμε μαζί στη θάλασσα",
    ),
    "hi": ("आज सुबह मौसम बहुत अच्छा है", "मेरी हरी किताब कहाँ है"),
    "hu": ("A régi vonat lassan megy át a hídon", "Holnap együtt megyünk a piacra"),
    "cs": ("Starý vlak jede pomalu přes most", "Zítra půjdeme spolu do lesa"),
    "vi": ("Hôm nay trời rất đẹp", "Ngày mai chúng tôi đi chợ"),
    "sw": ("Treni ya zamani inapita polepole", "Kesho tutakwenda sokoni pamoja"),
    "id": ("Kereta tua itu berjalan pelan di atas jembatan", "Besok kita pergi ke pasar"),
    "ro": ("Trenul vechi trece încet peste pod", "Mâine mergem împreună la piață"),
    "ko": ("오늘 아침 날씨가 아주 좋아요", "내일 우리는 시장에 갑니다"),
    "ta": ("இன்று காலை வானிலை நன்றாக உள்ளது",),
    "ka": ("ძველი მატარებელი ნელა მიდის ხიდზე",),
    "da": ("Det gamle tog kører langsomt over broen", "I morgen går vi i skoven sammen"),
}


def english_text(rng: np.random.Generator) -> str:
    """Random English text without numerals: a sentence, digits, words, a number or a date."""
    shares = [share for _, share in _TEXTS]
    make, _ = _TEXTS[rng.choice(len(_TEXTS), p=np.array(shares) / sum(shares))]
    return make(rng)


def english_sentence(rng: np.random.Generator) -> str:
    """Random English sentence."""
    forms = _QUESTIONS if rng.random() < 0.25 else _STATEMENTS
    fields: dict[str, str] = {"number": number_in_words(int(rng.integers(2, 1000)))}
    for field, choices in _CHOICES.items():
        fields[field] = _pick(choices, rng)
        fields[f"{field}2"] = _pick(choices, rng)
    return forms[rng.integers(len(forms))].format_map(fields)


def spoken_digits(rng: np.random.Generator) -> str:
    """Three to nine digits, with or without pauses."""
    digits = [_pick(lexicon.DIGITS, rng) for _ in range(rng.integers(3, 10))]
    return _row(digits, rng)


def one_digit(rng: np.random.Generator) -> str:
    """A random digit."""
    return _pick(lexicon.DIGITS, rng)


def one_word(rng: np.random.Generator) -> str:
    """A random word."""
    return _pick(_ALONE[rng.integers(len(_ALONE))], rng)


def few_words(rng: np.random.Generator) -> str:
    """Two to five random words and digits."""
    return _row(
        [
            one_digit(rng) if rng.random() < 0.3 else one_word(rng)
            for _ in range(rng.integers(2, 6))
        ],
        rng,
    )


def spelled(rng: np.random.Generator) -> str:
    """Spelled letters, sometimes with digits."""
    letters = [_pick(lexicon.LETTERS, rng).upper() for _ in range(rng.integers(2, 7))]
    digits = [one_digit(rng) for _ in range(rng.integers(0, 4))]
    return _row([*letters, *digits], rng)


def spoken_numbers(rng: np.random.Generator) -> str:
    """One to four numbers up to a million."""
    limits = 10 ** rng.integers(2, 7, rng.integers(1, 5))
    return ", ".join(number_in_words(int(rng.integers(0, limit))) for limit in limits)


def date_or_time(rng: np.random.Generator) -> str:
    """A date or a time of day."""
    if rng.random() < 0.5:
        year = number_in_words(int(rng.integers(1, 100)))
        month, ordinal = _pick(lexicon.MONTHS, rng), _pick(lexicon.ORDINALS, rng)
        return f"{_pick(lexicon.DAYS, rng)}, {month} {ordinal}, twenty {year}."
    hour, minute = (number_in_words(int(rng.integers(1, limit))) for limit in (13, 60))
    return f"at {hour} {minute} in the {rng.choice(['morning', 'evening', 'afternoon'])}."


_TEXTS: Final[tuple[tuple[Callable[[np.random.Generator], str], float], ...]] = (
    (english_sentence, 0.42),
    (spoken_digits, 0.13),
    (one_digit, 0.16),
    (one_word, 0.1),
    (few_words, 0.08),
    (spelled, 0.04),
    (spoken_numbers, 0.04),
    (date_or_time, 0.03),
)


def foreign_sentence(language: str, rng: np.random.Generator) -> str:
    """Random phrase in a language of :data:`PHRASES`, half of them with a number."""
    phrases = PHRASES[language]
    phrase = phrases[rng.integers(len(phrases))]
    return f"{phrase}, {rng.integers(2, 10_000)}." if rng.random() < 0.5 else f"{phrase}."


def _row(items: list[str], rng: np.random.Generator) -> str:
    joint = (" ", ", ", ", ", ". ")[rng.integers(4)]
    return joint.join(items)


def _pick(choices: tuple[str, ...], rng: np.random.Generator) -> str:
    return choices[rng.integers(len(choices))]
