"""The words of the tiny models' language: topics, the ambiguous nouns between them, and sentence patterns."""

from __future__ import annotations

from dataclasses import dataclass

RELIABILITY = {"weak": 0.60, "medium": 0.80, "strong": 0.97}


@dataclass(frozen=True, slots=True)
class Topic:
    """The words of one topic: cues by strength, and what may follow an ambiguous noun in this sense."""

    cues: dict[str, tuple[str, ...]]
    verbs: tuple[str, ...]
    objects: tuple[str, ...]
    adverbs: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _topic(cues: str, verbs: str, objects: str, adverbs: str) -> Topic:
    strengths = (_words(group) for group in cues.split("|"))
    return Topic(
        dict(zip(RELIABILITY, strengths, strict=True)),
        _words(verbs),
        _words(objects),
        _words(adverbs),
    )


TOPICS = {
    "river": _topic(
        "bridge stone mud rain | boat shore reed wave | ferry delta rapids estuary",
        "floods erodes feeds carries soaks crosses",
        "valley net raft pebble dam current",
        "downstream slowly",
    ),
    "money": _topic(
        "office paper desk queue | coin price debt fee | loan interest vault dividend",
        "lends invests pays insures audits trades",
        "mortgage account bond ledger saving tax",
        "profitably quarterly",
    ),
    "music": _topic(
        "hall crowd evening stage | song dance choir drum | violin melody chord orchestra",
        "plays hums sounds echoes rehearses repeats",
        "tune rhythm harmony solo anthem waltz",
        "loudly softly",
    ),
    "sport": _topic(
        "field bench jacket whistle | team coach goal race | referee stadium tournament striker",
        "scores throws wins serves blocks kicks",
        "ball trophy penalty match innings medal",
        "fairly quickly",
    ),
    "garden": _topic(
        "fence path bucket sun | leaf flower hedge seed | compost greenhouse orchard trellis",
        "shades sprouts scents overgrows bears climbs",
        "lawn soil rose petal branch fruit",
        "wildly annually",
    ),
    "machine": _topic(
        "tool noise wire floor | motor gear oil bolt | piston turbine conveyor boiler",
        "lifts drives presses welds powers grinds",
        "girder engine lever pump cable steel",
        "mechanically nightly",
    ),
    "animals": _topic(
        "forest grass nest night | feather paw herd cave | fox owl badger heron",
        "hunts bites guards hatches shelters stalks",
        "mouse insect egg burrow prey cub",
        "silently hungrily",
    ),
    "kitchen": _topic(
        "table cloth window basket | plate spoon salt oven | butter flour recipe saucepan",
        "simmers bakes seasons thickens melts boils",
        "soup dough sauce pie gravy onion",
        "gently thoroughly",
    ),
}

# Each topic belongs to three words, no two words share both topics, neighbours in this order share none.
AMBIGUOUS = {
    "bank": ("river", "money"),
    "pitch": ("music", "sport"),
    "plant": ("garden", "machine"),
    "shell": ("animals", "kitchen"),
    "bass": ("river", "music"),
    "mint": ("garden", "money"),
    "bat": ("animals", "sport"),
    "spring": ("river", "machine"),
    "roll": ("kitchen", "music"),
    "crane": ("animals", "machine"),
    "stock": ("kitchen", "money"),
    "squash": ("garden", "sport"),
}

NEUTRAL = _words("box letter chair lamp book hat door clock shelf bag picture mirror corner street house card")
NAMES = _words("anna ben clara david emma frank grace henry iris jack kate leo")
GENERIC_VERBS = _words("changes holds needs shows reaches leaves")
GENERIC_ADVERBS = _words("again today often")
ADJECTIVES = _words("old new small large plain long")
COLOURS = _words("red blue green white black yellow")
THINGS = _words("key coat cup ring map knife rope pen")
STATES = _words("calm tired ready late glad quiet")
PEOPLE = (("boy", "boys"), ("girl", "girls"), ("man", "men"), ("child", "children"))
PLACES = (("gate", "gates"), ("tree", "trees"), ("wall", "walls"))

# In every pattern N is a name of the cast, _ a noun of the context, W the ambiguous noun, T a held thing.
SLOTS = ("N", "M", "_", "W", "T")
CLAUSES = (
    "N saw the _ and the _ near the _ ,",
    "by the _ N found the _ and the _ ,",
    "with the _ and the _ N left the _ ,",
    "past the _ N took the _ to the _ ,",
    "N kept the _ and the _ under the _ ,",
    "soon after the _ and the _ came the _ ,",
)
LEADS = ("so the", "and the", "while the", "until the")
HEDGES = (", they say ,", "that N knows", ", as always ,")
FOLLOW_UPS = ("then it", "later the W", "for N the W", "there it")
STORIES = ("N still has the T .", "the T is with N .", "N gives the T to M .", "N has the T .")
