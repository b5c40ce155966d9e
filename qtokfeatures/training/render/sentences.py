"""Things to say: sentences made from word lists of our own, and numbers.

The words below were written for this project; no text is quoted.
"""

from __future__ import annotations

from typing import Final

import numpy as np


def words(text: str) -> tuple[str, ...]:
    """Split a list written as one text."""
    return tuple(text.split())


_ADJECTIVES: Final = words(
    "quiet yellow heavy curious ancient narrow gentle broken silver distant hungry clever "
    "frozen purple wooden bright muddy patient rusty careful strange velvet hollow cheerful"
)
_NOUNS: Final = words(
    "river lamp fox engine window teacher bridge shadow orange island doctor violin judge "
    "mountain cheese thunder garden pigeon chair treasure weather village finger ship zebra "
    "jacket question hour measure path yard"
)
_VERBS: Final = words(
    "follows carries watches finds repairs paints forgets catches wakes measures teaches "
    "pushes believes chooses joins hears visits throws borrows judges thanks"
)
_PLACES: Final = (
    "under the old bridge",
    "behind the church",
    "across the frozen lake",
    "near the edge of town",
    "in a very small kitchen",
    "on the fourth floor",
    "beyond those hills",
    "at the railway station",
)
_QUESTIONS: Final = (
    "Where did you put the {adjective} {noun}?",
    "Could the {noun} wait {place}?",
    "Why would a {noun} need {number} {adjective} boxes?",
    "Have you ever seen such a {adjective} {noun}?",
)
_STATEMENTS: Final = (
    "The {adjective} {noun} {verb} the {noun2} {place}.",
    "My {noun} {verb} {number} {adjective} things, and then it rests.",
    "{place}, a {adjective} {noun} {verb} another {noun2}.",
    "We shall need {number} more of these, said the {adjective} {noun}.",
    "Nobody {verb} the {noun} {place}, but the {noun2} does.",
    "Page {number}: the {noun} and the {adjective} {noun2}.",
    "Oh no! The {noun} is {adjective}!",
    "It was {adjective}, it was {adjective2}, and it smelled of {noun}.",
)

PHRASES: Final[dict[str, tuple[str, ...]]] = {
    "de": (
        "Der alte Zug fährt langsam über die Brücke",
        "Heute scheint die Sonne über dem Garten",
        "Fünf kleine Vögel suchen ein neues Nest",
        "Wo hast du den grünen Schlüssel gefunden",
        "Wir trinken jeden Morgen heißen Tee",
    ),
    "fr-fr": (
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
    "cmn": (
        "今天早上天气很好",
        "我们明天坐火车去北京",
        "你的绿色雨伞在哪里",
        "老师每天晚上喝一杯热茶",
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
"""A few phrases in other languages, by espeak-ng's name of the language."""


def english_sentence(rng: np.random.Generator) -> str:
    """Make one English sentence, or a number now and then.

    Examples
    --------
    >>> import numpy as np
    >>> english_sentence(np.random.default_rng(0)) == english_sentence(np.random.default_rng(0))
    True
    """
    if rng.random() < 0.15:
        return spoken_numbers(rng)
    forms = _QUESTIONS if rng.random() < 0.25 else _STATEMENTS
    sentence = forms[rng.integers(len(forms))].format(
        adjective=_pick(_ADJECTIVES, rng),
        adjective2=_pick(_ADJECTIVES, rng),
        noun=_pick(_NOUNS, rng),
        noun2=_pick(_NOUNS, rng),
        verb=_pick(_VERBS, rng),
        place=_PLACES[rng.integers(len(_PLACES))],
        number=int(rng.integers(2, 1000)),
    )
    return sentence[0].upper() + sentence[1:]


def foreign_sentence(language: str, rng: np.random.Generator) -> str:
    """Make a sentence in one of the languages of :data:`PHRASES`, half of them with a number."""
    phrases = PHRASES[language]
    phrase = phrases[rng.integers(len(phrases))]
    return f"{phrase}, {rng.integers(2, 10_000)}." if rng.random() < 0.5 else f"{phrase}."


def spoken_numbers(rng: np.random.Generator) -> str:
    """Make a row of digits or larger numbers."""
    n_numbers = int(rng.integers(2, 7))
    return ", ".join(str(number) for number in rng.integers(0, rng.choice([10, 100]), n_numbers))


def _pick(choices: tuple[str, ...], rng: np.random.Generator) -> str:
    return choices[rng.integers(len(choices))]
