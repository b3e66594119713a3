"""By how much an estimate differs between two reports, with an interval, and how that interval was made."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

import numpy as np

from semphase.errors import SemphaseError
from semphase.report.archive import Samples
from semphase.report.comparison.matching import Pair
from semphase.report.schema import DetailForm, Document, EstimateForm, Run
from semphase.stats.change import independent_change, paired_change
from semphase.stats.estimate import POPULATIONS, Estimate
from semphase.stats.estimates import difference
from semphase.stats.units import Over

_SAME = 1e-9
"""Relative: a mean of the detail that differs by less from the estimate is the estimate."""


@dataclass(frozen=True, slots=True)
class Side:
    """A report with what its archive holds of its samples; nothing where there is no archive."""

    document: Document
    samples: Samples

    @property
    def run(self) -> Run:
        """How its verdicts were made."""
        return self.document["run"]


@dataclass(frozen=True, slots=True)
class Shift:
    """The later estimate less the earlier one; None where nothing can be subtracted, and `how` says why."""

    change: Estimate | None
    how: str


def shift(pair: Pair, before: Side, after: Side) -> Shift:
    """How far the estimate that decides the later verdict lies from the same one of the earlier verdict."""
    if pair.before is None or pair.after is None:
        return Shift(None, "")
    first, second = _same_part(pair)
    if first is None or second is None:
        return Shift(None, "")
    if first["unit"] != second["unit"]:
        return Shift(None, f"not compared: the unit was {first['unit'] or 'none'} and is {second['unit'] or 'none'}")
    early, late = _estimate(first), _estimate(second)
    if early is None or late is None:
        return Shift(None, "not compared: an estimate is no number with an interval around it")
    if not early.sampled and not late.sampled:
        found = independent_change(early, late)
        return Shift(found, found.method)
    why = _unlike(pair, before.run, after.run, early)
    paired = None if why else _by_samples(pair, before, after, early, late)
    paired = paired or _by_detail(pair, early, late, labelled_only=bool(why))
    return paired or Shift(independent_change(early, late), f"as independent: {why or 'no samples of both are kept'}")


def _same_part(pair: Pair) -> tuple[EstimateForm | None, EstimateForm | None]:
    """The estimates of the part that decides the later verdict."""
    before, after = pair.before, pair.after
    assert before is not None
    assert after is not None
    part = _deciding(after["detail"])
    if part in (None, _deciding(before["detail"])) or not before["detail"].get("parts"):
        return before["estimate"], after["estimate"]
    told = {own["part"]: own["estimate"] for own in before["detail"].get("parts", ())}
    return told.get(part), after["estimate"]


def _deciding(detail: Mapping[str, Any] | DetailForm) -> str | None:
    return next((own["part"] for own in detail.get("parts", ()) if own["deciding"]), None)


def _estimate(form: EstimateForm) -> Estimate | None:
    """As a run had it; None for what it cannot have had."""
    if form["value"] is None:
        return None
    low = -math.inf if form["low"] is None else form["low"]
    high = math.inf if form["high"] is None else form["high"]
    try:
        return Estimate(
            form["value"], low, high, form["method"], form["n"], form["unit"], form["level"],
            population=tuple(own for own in form.get("population", ()) if own in POPULATIONS),
        )  # fmt: skip
    except SemphaseError:
        return None


def _unlike(pair: Pair, before: Run, after: Run, estimate: Estimate) -> str:
    """Why both runs cannot have seen the same units; empty where they have."""
    assert pair.before is not None
    assert pair.after is not None
    if any(entry.get("scope", {}).get("prompts") for entry in (pair.before, pair.after)):
        return "--prompts replaced sets"
    rules = {entry.get("registration", {}).get("rule") for entry in (pair.before, pair.after)}
    if len(rules - {None}) > 1 or pair.before["criterion"] != pair.after["criterion"]:
        return "the claim's rule is another"
    wanted = ("seed", "budget") if pair.first["model"] else ()
    other = [name for name in wanted if before.get(name) != after.get(name)]
    data = _data_of(estimate) if pair.first["model"] else ()
    other += [name for name in data if _told(before, name) != _told(after, name)]
    return f"another {', another '.join(other)}" if other else ""


def _data_of(estimate: Estimate) -> tuple[str, ...]:
    """What decides which units there are."""
    known: dict[tuple[str, ...], tuple[str, ...]] = {("words",): ("lexicon",), ("text",): ("corpus",)}
    return known.get(estimate.population, ("lexicon", "corpus"))


def _told(run: Run, name: str) -> list[Any]:
    found: Mapping[str, Any] = cast("Mapping[str, Any]", run).get(name) or {}
    return [found.get(key) for key in ("sha256", "tokens", "words")]


def _by_samples(pair: Pair, before: Side, after: Side, early: Estimate, late: Estimate) -> Shift | None:
    """From what the units deviate by in both runs."""
    assert pair.before is not None
    assert pair.after is not None
    if _deciding(pair.before["detail"]) != _deciding(pair.after["detail"]):
        return None
    first, second = (
        side.samples.get((entry["id"], entry["model"]), ())
        for side, entry in ((before, pair.before), (after, pair.after))
    )
    try:
        found = paired_change(early, late, first, second)
    except SemphaseError:
        return None
    return Shift(found, f"paired: {sum(map(len, first))} samples that both runs kept")


def _by_detail(pair: Pair, early: Estimate, late: Estimate, *, labelled_only: bool) -> Shift | None:
    """From values of the detail whose mean is the estimate in both reports, unit by unit."""
    assert pair.before is not None
    assert pair.after is not None
    over = next((own for own in early.population if own in get_args(Over)), None)
    if over is None or early.population != late.population:
        return None
    for name, first, second in _values(pair.before["detail"], pair.after["detail"], labelled_only=labelled_only):
        if _is_mean(first, early) and _is_mean(second, late) and np.ptp(second - first) > 0:
            found = difference(second, first, over=cast("Over", over), unit=late.unit)
            return Shift(found, f"paired: {len(first)} {over} of the detail {name!r}")
    return None


def _values(
    before: Mapping[str, Any], after: Mapping[str, Any], *, labelled_only: bool
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Numbers of the same units under the same name: under the same labels, or in lists that are as long."""
    for name in before.keys() & after.keys():
        first, second = before[name], after[name]
        if isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
            first, second = list(first.values()), [second[key] for key in first]
        elif labelled_only or not (isinstance(first, list) and isinstance(second, list) and len(first) == len(second)):
            continue
        if all(type(own) in (int, float) for own in (*first, *second)) and first:
            yield name, np.array(first, dtype=float), np.array(second, dtype=float)


def _is_mean(values: np.ndarray, estimate: Estimate) -> bool:
    close = math.isclose(float(values.mean()), estimate.value, rel_tol=_SAME, abs_tol=_SAME * float(np.ptp(values)))
    return len(values) == estimate.n and len(values) > 1 and close
