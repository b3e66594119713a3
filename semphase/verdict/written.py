"""A verdict in the types that JSON knows, and back: what is read is equal to what was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate
from semphase.verdict.claim import Claim
from semphase.verdict.universe import Found
from semphase.verdict.verdict import Control, Verdict

_SIMPLE = ("verdict", "point", "p_value", "p_decision", "specific", "reason", "detail")


def written(verdict: Verdict) -> dict[str, Any]:
    """The verdict without its claim, infinities and nan as they are; SemphaseError for what JSON cannot hold."""
    told = {name: getattr(verdict, name) for name in _SIMPLE}
    return {
        **{name: _plain(value) for name, value in told.items()},
        "threshold": _plain(verdict.threshold),
        "estimate": _estimate(verdict.estimate),
        "control": _control(verdict.control),
        "universes": [_found(own) for own in verdict.universes],
    }


def read_back(claim: Claim, told: Mapping[str, Any]) -> Verdict:
    """The verdict on the claim; KeyError, TypeError or SemphaseError for what no verdict was written as."""
    threshold, estimate, control = told["threshold"], told["estimate"], told["control"]
    return Verdict(
        claim,
        **{name: told[name] for name in _SIMPLE},
        threshold=tuple(threshold) if isinstance(threshold, list) else threshold,
        estimate=_read(estimate),
        control=None if control is None else _read_control(control),
        universes=tuple(Found(**{**own, "estimate": _read(own["estimate"])}) for own in told["universes"]),
    )


def _control(control: Control | None) -> dict[str, Any] | None:
    if control is None:
        return None
    named = {name: _plain(getattr(control, name)) for name in ("name", "call", "point", "relation")}
    return {**named, "estimate": _estimate(control.estimate), "contrast": _estimate(control.contrast)}


def _read_control(told: Mapping[str, Any]) -> Control:
    estimate = _read(told["estimate"])
    assert estimate is not None
    return Control(**{**told, "estimate": estimate, "contrast": _read(told["contrast"])})


def _found(own: Found) -> dict[str, Any]:
    named = {name: _plain(getattr(own, name)) for name in ("name", "verdict", "point", "reason")}
    return {**named, "estimate": _estimate(own.estimate)}


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    """All but `sampling`, which is used up when a verdict is there."""
    if estimate is None:
        return None
    return {own.name: _plain(getattr(estimate, own.name)) for own in fields(estimate) if own.compare}


def _read(told: Mapping[str, Any] | None) -> Estimate | None:
    if told is None:
        return None
    return Estimate(**{**told, "population": tuple(told["population"]), "units": tuple(told["units"])})


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's; unlike in a report, what is not finite stays."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise SemphaseError(f"a verdict that holds a {type(value).__name__} cannot be written")
