"""Which entry of one report is which of the other: by claim and model, also where a model goes by another name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from semphase.errors import SemphaseError
from semphase.report.schema import Document, Entry

Names = dict[str, str]


@dataclass(frozen=True, slots=True)
class Pair:
    """A claim on a model in both reports, or in one of them."""

    before: Entry | None
    after: Entry | None

    @property
    def first(self) -> Entry:
        """The entry of the earlier report, else the other."""
        found = self.before or self.after
        assert found is not None
        return found


def renamed(before: Document, after: Document, given: Mapping[str, str]) -> Names:
    """What the models of the earlier report are called in the later one.

    As the user says; else by the same name, by the same weights, and where one is left on each side they are taken for
    each other. SemphaseError for a name that the report does not hold, or that is given twice.
    """
    old, new = _models(before), _models(after)
    _require_known(given, old, new)
    found = dict(given)
    free = [name for name in new if name not in found.values()]
    for name in [name for name in old if name not in found and name in free]:
        found[name] = name
        free.remove(name)
    for name in [name for name in old if name not in found and old[name]]:
        twin = next((other for other in free if new[other] == old[name]), None)
        if twin is not None:
            found[name] = twin
            free.remove(twin)
    left = [name for name in old if name not in found]
    return found | ({left[0]: free[0]} if len(left) == len(free) == 1 else {})


def pairs(before: Document, after: Document, names: Names) -> Iterator[Pair]:
    """Every entry once, those of the earlier report first; models that are compared keep their places in a label."""
    late = {(entry["id"], entry["model"]): entry for entry in after["claims"]}
    for entry in before["claims"]:
        yield Pair(entry, late.pop((entry["id"], _renamed(entry["model"], names)), None))
    yield from (Pair(None, entry) for entry in late.values())


def unmatched(before: Document, after: Document, names: Names) -> tuple[list[str], list[str]]:
    """The models of each report that are none of the other's."""
    old, new = _models(before), _models(after)
    return [name for name in old if name not in names], [name for name in new if name not in names.values()]


def _models(document: Document) -> dict[str, str | None]:
    """The models that were judged, with the hashes of their weights."""
    hashes = {model["name"]: model.get("sha256") for model in document["run"]["models"]}
    labels = [entry["model"] for entry in document["claims"] if entry["model"]]
    return {name: hashes.get(name) for label in labels for name in label.split("+")}


def _renamed(label: str | None, names: Names) -> str | None:
    return None if label is None else "+".join(names.get(name, name) for name in label.split("+"))


def _require_known(given: Mapping[str, str], old: Mapping[str, object], new: Mapping[str, object]) -> None:
    for names, there, which in ((given, old, "first"), (given.values(), new, "second")):
        for name in names:
            if name not in there:
                raise SemphaseError(
                    f"the {which} run judged no model {name!r}; it judged {', '.join(there) or 'none'}: see --renamed"
                )
    if len(set(given.values())) < len(given):
        raise SemphaseError("--renamed names a model of the second run twice: give each once")
