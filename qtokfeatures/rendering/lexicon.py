"""English words by their role in a sentence, and numbers in words; written for this project."""

from __future__ import annotations

from typing import Final


def words(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


DIGITS: Final = words("zero one two three four five six seven eight nine")

TEENS: Final = words(
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
)
TENS: Final = words("twenty thirty forty fifty sixty seventy eighty ninety")
ORDINALS: Final = words(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
)
LETTERS: Final = tuple("abcdefghijklmnopqrstuvwxyz")
MONTHS: Final = words(
    "january february march april may june july august september october november december"
)
DAYS: Final = words("monday tuesday wednesday thursday friday saturday sunday")
COLOURS: Final = words(
    "red green blue yellow black white brown purple orange grey pink silver golden"
)
COMMANDS: Final = words(
    "yes no stop go up down left right on off forward backward follow learn visual wake sleep open "
    "close start pause play next back louder softer mute record save cancel help repeat continue "
    "enter exit begin finish push pull lift drop hold release turn move wait listen speak call send"
)
NAMES: Final = words(
    "anna ben clara david emma frank grace henry ivy jack kate leo mary nora oliver paula quentin "
    "rose sam tina ursula victor wendy xavier yvonne zoe marvin sheila arthur bridget charles "
    "dorothy edgar fiona george hannah isaac joyce keith laura matthew nancy peter rachel stephen"
)
ANIMALS: Final = words(
    "dog cat bird fox horse cow sheep goat pig mouse rabbit bear wolf lion tiger monkey zebra "
    "giraffe elephant camel donkey duck goose chicken pigeon owl eagle crow sparrow snake frog "
    "turtle fish shark whale dolphin bee ant spider butterfly hedgehog squirrel badger otter"
)
FOODS: Final = words(
    "bread butter cheese milk water tea coffee juice apple pear plum cherry lemon orange banana "
    "grape peach onion carrot potato tomato cabbage pepper mushroom bean rice pasta soup salad "
    "chicken beef egg honey sugar salt ginger garlic chocolate biscuit cake pudding porridge"
)
THINGS: Final = words(
    "river lamp engine window bridge shadow island violin mountain thunder garden chair treasure "
    "village jacket question hour measure path yard table door house kitchen bedroom bottle cup "
    "plate spoon fork knife basket box bag coat shoe hat glove shirt button needle thread paper "
    "book letter pencil picture mirror clock watch key lock hammer nail rope ladder wheel wagon "
    "boat ship train car bicycle road street corner tower church school office factory market "
    "station airport field forest tree leaf flower grass seed stone sand hill valley lake ocean "
    "beach wave storm cloud rain snow wind fire smoke ash star moon sun earth machine computer "
    "telephone camera radio piano guitar drum trumpet flute song story poem number word sentence "
    "page story map flag coin money bank shop bus ticket journey holiday birthday present party "
    "game ball bat net goal team player judge doctor teacher nurse farmer baker painter singer "
    "soldier sailor driver pilot captain lawyer writer child boy girl man woman friend neighbour "
    "uncle aunt cousin brother sister mother father king queen prince ghost giant dream idea "
    "reason answer voice noise silence colour shape corner edge middle top bottom"
)
ADJECTIVES: Final = words(
    "quiet heavy curious ancient narrow gentle broken distant hungry clever frozen wooden bright "
    "muddy patient rusty careful strange velvet hollow cheerful big small tall short long wide "
    "deep high low hot cold warm cool wet dry clean dirty fast slow early late young old new good "
    "bad rich poor strong weak hard soft loud sharp smooth rough round square flat empty full "
    "open shut light dark plain fancy cheap dear happy sad angry calm brave shy kind cruel wise "
    "foolish lazy busy tired sick healthy thirsty blind deaf famous secret common rare simple "
    "strict loose tight thick thin sweet sour bitter fresh stale raw ripe usual huge tiny smoky"
)
VERBS: Final = words(
    "follows carries watches finds repairs paints forgets catches wakes measures teaches pushes "
    "believes chooses joins hears visits throws borrows judges thanks sees takes gives makes "
    "brings buys sells holds keeps leaves loses meets pays reads sends shows tells wants wins "
    "writes breaks builds burns calls changes cleans closes counts covers cuts draws drops eats "
    "feeds fills helps hides hits kicks kills kisses knows learns likes loves moves needs opens "
    "picks pulls reaches remembers saves shakes shares shuts steals stops studies touches turns "
    "understands uses washes wears welcomes worries enjoys avoids destroys explores ignores"
)
PAST: Final = words(
    "followed carried watched found repaired painted forgot caught measured taught pushed believed "
    "chose heard visited threw borrowed saw took gave made brought bought sold held kept left lost "
    "met paid read sent showed told wanted won wrote broke built burned called changed cleaned "
    "closed counted covered cut drew dropped ate fed filled helped hid hit kicked knew learned"
)
ADVERBS: Final = words(
    "slowly quickly quietly loudly gently suddenly always never often sometimes rarely again today "
    "tomorrow yesterday tonight soon later early outside inside upstairs together alone anyway "
    "perhaps probably certainly nearly almost twice once"
)
PLACES: Final = (
    "under the old bridge",
    "behind the church",
    "across the frozen lake",
    "near the edge of town",
    "in a very small kitchen",
    "on the fourth floor",
    "beyond those hills",
    "at the railway station",
    "over the garden wall",
    "between two tall towers",
    "along the northern coast",
    "inside a cardboard box",
    "beneath the wooden stairs",
    "above the bakery",
    "around the corner",
    "by the open fire",
    "opposite the theatre",
    "down at the harbour",
    "out in the desert",
    "through the thick fog",
)


def number_in_words(number: int) -> str:
    """A number from 0 to 999,999 in words."""
    if number < 10:
        return DIGITS[number]
    if number < 20:
        return TEENS[number - 10]
    if number < 100:
        tens, rest = divmod(number, 10)
        return TENS[tens - 2] + (f" {DIGITS[rest]}" if rest else "")
    size, name, joint = (100, "hundred", " and ") if number < 1000 else (1000, "thousand", " ")
    count, rest = divmod(number, size)
    return f"{number_in_words(count)} {name}" + (f"{joint}{number_in_words(rest)}" if rest else "")
