"""A claim: a published sentence with the rule by which a program judges it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, Literal, get_args

from semphase.code import lasting_hash, of_package
from semphase.data.lexicon.words import Lexicon
from semphase.data.prompts import Prompts
from semphase.errors import SemphaseError
from semphase.verdict.criterion import Criterion
from semphase.verdict.universe import Universe
from semphase.verdict.universes import goes_by_its_name

LEXICON, TEXT = "lexicon", "text"
"""For `Claim.data`: the run's own lexicon, the run's own corpus."""
Cost = Literal["seconds", "minutes", "hours"]
Combine = Literal["all", "any"]
NO_CONTROL = "none:"
QUANTITIES = ("tokens", "words", "documents", "seeds")
"""For `Published.setting`: what a source may have measured much or little of."""
MEASURED_ON = "measured on"
"""The key of a verdict's detail under which a claim counts what it read, where that is not all that the study offers."""


@dataclass(frozen=True, slots=True)
class Published:
    """What a source reported for one model."""

    verdict: Literal["supported", "refuted", "partly"]
    value: str = ""
    setting: Mapping[str, str | int] = field(default_factory=dict)
    """What the source measured on: "model", and how many of `QUANTITIES`; only what it says, empty if that is nothing."""


@dataclass(frozen=True, slots=True)
class Needs:
    """The least that a study must offer before the claim makes sense."""

    models: int = 1
    words: int = 1
    layers: int = 1
    heads: int = 1
    """Attention heads, all layers together."""
    model: bool = True


@dataclass(frozen=True, slots=True)
class Claim:
    """One published sentence, and all that its judgement needs.

    `criterion` is the rule in words, `parts` the same rule for the program: all of them must hold, or
    any one where `combine` is "any". `control` names the negative control, or is "none: REASON".
    """

    id: str
    statement: str
    criterion: str
    parts: tuple[Criterion, ...]
    estimator: str
    source: str
    control: str
    unit: str = ""
    combine: Combine = "all"
    cost: Cost = "seconds"
    needs: Needs = Needs()
    published: Mapping[str, Published] = field(default_factory=dict)
    data: tuple[Any, ...] = ()
    """What it reads besides weights: LEXICON, TEXT, or `Prompts` and `Lexicon` objects of its own."""
    models: tuple[str, ...] = ()
    """Roles of the models it compares, such as ("base", "tuned")."""
    universes: tuple[Universe, ...] = ()
    """Defensible variants of the analysis, registered with it."""
    alone: str = ""
    """Why no other universe makes sense; empty where some do."""
    timed: bool = False
    """Is what it measures a time, which no run can expect of another?"""

    @property
    def group(self) -> str:
        """The part of the id before the dot."""
        return self.id.split(".", 1)[0]

    def fingerprint(self) -> str:
        """SHA-256 of the rule, all that registration freezes of what is said before anything is measured.

        That is statement, criterion, parts, estimator, unit, control, needs, data, universes, published values, and `timed`.
        Raises SemphaseError for a universe whose source cannot be read.
        """
        frozen = {
            "statement": self.statement,
            "criterion": self.criterion,
            "parts": [_chosen(part) for part in self.parts],
            "combine": self.combine,
            "estimator": self.estimator,
            "unit": self.unit,
            "control": self.control,
            "needs": _chosen(self.needs),
            "data": [_named(own) for own in self.data],
            "models": self.models,
            "universes": [_universe(own) for own in self.universes] or self.alone,
            "published": {name: _chosen(own) for name, own in self.published.items()},
        } | ({"timed": True} if self.timed else {})
        told = json.dumps(frozen, sort_keys=True, default=str)
        return hashlib.sha256(told.encode(errors="replace")).hexdigest()


def _chosen(own: Any) -> dict[str, Any]:
    """The fields that somebody chose: one that is added to a class later changes no earlier hash."""
    chosen = {part.name: value for part in fields(own) if (value := getattr(own, part.name)) != _default(part)}
    return chosen | _class_of_project(own)


def _class_of_project(own: Any) -> dict[str, str]:
    """The code of a class that somebody derived from one of semphase, which may judge in another way."""
    kind = type(own)
    return {} if of_package(kind) else {"class": lasting_hash(kind, "")}


def _default(part: Field[Any]) -> Any:
    return part.default if part.default_factory is MISSING else part.default_factory()


def _named(own: Any) -> Any:
    """A set by its name and its content's hash; the run's own lexicon or corpus by that word."""
    if isinstance(own, str):
        return own
    return [getattr(own, "name", "lexicon"), own.sha256, *_class_of_project(own).values()]


def _universe(own: Universe) -> Any:
    """A universe of semphase by its name, one of a project with the hash of its code."""
    return [own.name, own.passes, None if goes_by_its_name(own) else lasting_hash(own.of, own.name)]


_ID = re.compile(r"[A-Za-z]\w*\.[\w-]+", re.ASCII)
_TEXTS = ("statement", "criterion", "estimator", "source", "control")


def require_sound(claim: Claim) -> None:
    """SemphaseError, naming the claim and the field, for one that no run could judge or no report could show."""
    if not isinstance(claim.id, str) or not _ID.fullmatch(claim.id):
        raise SemphaseError(
            f"{claim.id!r} is no id of a claim; write GROUP.NAME of letters, digits, _ and, in the name, hyphens."
        )
    for name in _TEXTS:
        if not isinstance(text := getattr(claim, name), str) or not text.strip():
            raise SemphaseError(f"{claim.id} has {name}={text!r}; say it in words.")
    kinds = {
        "parts": bool(claim.parts) and all(isinstance(part, Criterion) for part in claim.parts),
        "unit": isinstance(claim.unit, str) and len(claim.unit.splitlines()) < 2,
        "combine": claim.combine in get_args(Combine),
        "cost": claim.cost in get_args(Cost),
        "timed": isinstance(claim.timed, bool),
        "control": claim.control.strip() != NO_CONTROL,
        "needs": isinstance(claim.needs, Needs) and _counts(claim.needs),
        "published": isinstance(claim.published, Mapping)
        and all(isinstance(own, Published) for own in claim.published.values()),
        "data": all(
            isinstance(own, Prompts | Lexicon) or (isinstance(own, str) and own in (LEXICON, TEXT))
            for own in claim.data
        ),
    }
    ways = {
        "parts": "give above(…), below(…) or another criterion, or several",
        "unit": "give a text of one line, or none",
        "combine": "give all or any",
        "cost": f"give {', '.join(get_args(Cost))}",
        "timed": "give True or False",
        "control": "say after none: why there is none",
        "needs": "give Needs(…) with whole numbers",
        "published": "give a dictionary from models to Published(…)",
        "data": "give TEXT, LEXICON, Prompts or a Lexicon",
    }
    for name, sound in kinds.items():
        if not sound:
            raise SemphaseError(f"{claim.id} has {name}={getattr(claim, name)!r}; {ways[name]}.")
    for model, own in claim.published.items():
        _require_setting(claim, model, own.setting)
    rules = [str(part) for part in claim.parts]
    if len(set(rules)) < len(rules):
        raise SemphaseError(f"{claim.id} has the part {rules[0]!r} twice; keep one.")


def _counts(needs: Needs) -> bool:
    numbers = (needs.models, needs.words, needs.layers, needs.heads)
    return all(type(own) is int and own >= 0 for own in numbers) and isinstance(needs.model, bool)


def _require_setting(claim: Claim, model: str, setting: object) -> None:
    sound = isinstance(setting, Mapping) and all(map(_may_be_stated, setting, setting.values()))
    if not sound:
        raise SemphaseError(
            f"{claim.id} has the setting {setting!r} for {model}; give model as a text, and"
            f" {', '.join(QUANTITIES[:-1])} or {QUANTITIES[-1]} as whole numbers above 0."
        )


def _may_be_stated(name: object, value: object) -> bool:
    if name == "model":
        return isinstance(value, str) and bool(value.strip())
    return name in QUANTITIES and isinstance(value, int) and not isinstance(value, bool) and value > 0
