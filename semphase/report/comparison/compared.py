"""Two reports compared, in the order in which a reader should see what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from semphase.report.comparison.differing import Difference, of_claim, of_runs
from semphase.report.comparison.matching import Names, Pair, pairs, renamed, unmatched
from semphase.report.comparison.shift import Shift, Side, shift
from semphase.report.schema import Entry, Run, broke
from semphase.report.wording import verdict
from semphase.verdict.plain import plain

Kind = Literal["reversed", "decision", "applicability", "standing", "error", "one run only", "none"]
ORDER: tuple[Kind, ...] = ("reversed", "decision", "applicability", "standing", "error", "one run only", "none")
HEADINGS: dict[Kind, str] = {
    "reversed": "supported ↔ refuted",
    "decision": "decided ↔ undecided",
    "applicability": "applicable ↔ not applicable",
    "standing": "specific, fragile or firm otherwise",
    "error": "broke in one run",
    "one run only": "in one run only",
    "none": "unchanged",
}
_DECIDED = ("supported", "refuted")


@dataclass(frozen=True, slots=True)
class Row:
    """A claim on a model in both runs: what became of it, what of its standing changed, by how much it moved."""

    pair: Pair
    kind: Kind
    standing: tuple[str, ...]
    shift: Shift
    claim: tuple[str, ...]

    @property
    def id(self) -> str:
        """The claim."""
        return self.pair.first["id"]

    @property
    def model(self) -> str:
        """The models' label, or both."""
        labels = [entry["model"] for entry in (self.pair.before, self.pair.after) if entry is not None]
        return " → ".join(label or "without a model" for label in dict.fromkeys(labels))

    def form(self) -> dict[str, Any]:
        """For programs."""
        return {
            "id": self.id,
            "kind": self.kind,
            "before": _form(self.pair.before),
            "after": _form(self.pair.after),
            "standing": list(self.standing),
            "change": plain(self.shift.change),
            "how": self.shift.how,
            "claim": list(self.claim),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs by their names, what differed between them, every claim, and what the reader should know."""

    names: tuple[str, str]
    runs: tuple[Run, Run]
    renamed: Names
    differences: tuple[Difference, ...]
    rows: tuple[Row, ...]
    notices: tuple[str, ...]

    @property
    def changed(self) -> tuple[Row, ...]:
        """What is not as it was, the gravest first."""
        return tuple(row for row in self.rows if row.kind != "none")

    @property
    def unchanged(self) -> tuple[Row, ...]:
        """What is as it was."""
        return tuple(row for row in self.rows if row.kind == "none")

    def counts(self) -> dict[Kind, int]:
        """How many claims changed in each way, by kind, in order."""
        found = Counter(row.kind for row in self.rows)
        return {kind: found[kind] for kind in ORDER if found[kind]}

    def form(self) -> dict[str, Any]:
        """For programs: keys are stable."""
        runs = zip(("before", "after"), self.names, self.runs, strict=True)
        return {
            "format": 1,
            **{key: {"report": name, "id": run["id"], "started": run["started"]} for key, name, run in runs},
            "renamed": {old: new for old, new in self.renamed.items() if old != new},
            "differences": [asdict(own) for own in self.differences],
            "counts": self.counts(),
            "claims": [row.form() for row in self.rows],
            "notices": list(self.notices),
        }


def compared(before: Side, after: Side, names: tuple[str, str], given: Mapping[str, str]) -> Comparison:
    """The comparison; `given` are models that the later run calls otherwise, as far as the user says it."""
    called = renamed(before.document, after.document, given)
    rows = [_row(pair, before, after) for pair in pairs(before.document, after.document, called)]
    rows.sort(key=lambda row: ORDER.index(row.kind))
    return Comparison(
        names,
        (before.run, after.run),
        called,
        tuple(of_runs(before.document, after.document, called)),
        tuple(rows),
        tuple(_notices(before, after, called)),
    )


def _row(pair: Pair, before: Side, after: Side) -> Row:
    standing = tuple(_standing(pair))
    return Row(pair, _kind(pair, standing), standing, shift(pair, before, after), tuple(of_claim(pair)))


def _kind(pair: Pair, standing: tuple[str, ...]) -> Kind:
    if pair.before is None or pair.after is None:
        return "one run only"
    lost = [broke(pair.before), broke(pair.after)]
    if any(lost):
        return "none" if all(lost) else "error"
    verdicts = [pair.before["verdict"], pair.after["verdict"]]
    if verdicts[0] == verdicts[1]:
        return "standing" if standing else "none"
    if "not-applicable" in verdicts:
        return "applicability"
    return "reversed" if all(own in _DECIDED for own in verdicts) else "decision"


def _standing(pair: Pair) -> Iterator[str]:
    """What else of a verdict's weight changed; what one of the reports does not tell is left out."""
    before, after = pair.before, pair.after
    if before is None or after is None:
        return
    told = (
        (before.get("specific"), after.get("specific"), "specific"),
        (before.get("strength"), after.get("strength"), ""),
        (_fragile(before), _fragile(after), "fragile"),
    )
    for first, second, word in told:
        if first is not None and second is not None and first != second:
            yield f"{_word(first, word)} → {_word(second, word)}"


def _word(value: bool | str, word: str) -> str:
    return value if isinstance(value, str) else word if value else f"not {word}"


def _fragile(entry: Entry) -> bool | None:
    return entry["universes"]["fragile"] if "universes" in entry else None


def _form(entry: Entry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    keys = ("model", "verdict", "outcome", "specific", "strength", "estimate")
    return {
        **{key: entry.get(key) for key in keys},
        "fragile": _fragile(entry),
        "told": verdict(entry),
        "reason": entry["reason"],
    }


def _notices(before: Side, after: Side, names: Names) -> Iterator[str]:
    guessed = [f"{old} → {new}" for old, new in names.items() if old != new]
    if guessed:
        yield f"taken for the same model: {', '.join(guessed)}"
    old, new = unmatched(before.document, after.document, names)
    if old and new:
        yield f"{', '.join(old)} and {', '.join(new)} are compared with none: --renamed OLD=NEW says which is which"
    if before.run["id"] == after.run["id"]:
        yield "both reports are of one run"
    for side, which in ((before, "first"), (after, "second")):
        if side.document["schema"] < 2:
            yield f"the {which} report has schema 1, which tells neither strength, nor what is specific, nor populations"
