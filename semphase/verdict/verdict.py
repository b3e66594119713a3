"""A verdict: what a claim's evidence amounts to under its registered criterion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from semphase.analyse.estimate import Estimate
from semphase.verdict.claim import Claim
from semphase.verdict.criterion import Call, Criterion

VerdictName = Literal["supported", "refuted", "inconclusive", "not-applicable"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """An estimate with what its criterion may need besides: a test's p-value, an equivalence verdict."""

    estimate: Estimate
    p_value: float | None = None
    equivalent: bool | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the criterion, judged."""

    criterion: Criterion
    evidence: Evidence
    call: Call
    point: bool


@dataclass(frozen=True, slots=True)
class Control:
    """The same estimate where the claim should fail."""

    name: str
    estimate: Estimate
    call: Call


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one claim for one model (or one set of models)."""

    claim: Claim
    verdict: VerdictName
    point: bool | None = None
    estimate: Estimate | None = None
    threshold: float | tuple[float, float] | None = None
    p_value: float | None = None
    control: Control | None = None
    reason: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def discriminating(self) -> bool | None:
        """False when the control meets the criterion as well; None without a control."""
        return None if self.control is None else self.control.call != "supported"


def weigh(claim: Claim, evidence: Mapping[str, Evidence]) -> tuple[Call, bool, Part, tuple[Part, ...]]:
    """Judge every part; returns the verdict, the point, the deciding part and all parts.

    Under "all": supported if all parts are, refuted if any is. Under "any": supported if any is, refuted
    if all are. The deciding part is the first whose call is the verdict's.
    """
    names = {part.part for part in claim.parts}
    if set(evidence) != names:
        raise ValueError(f"{claim.id} judges {sorted(names)}, but the test gave {sorted(evidence)}")
    parts = tuple(_judge_part(criterion, evidence[criterion.part]) for criterion in claim.parts)
    call = _combine([part.call for part in parts], claim.combine)
    combined_point = (all if claim.combine == "all" else any)(part.point for part in parts)
    deciding = next(part for part in parts if part.call == call)
    return call, combined_point, deciding, parts


def _judge_part(criterion: Criterion, evidence: Evidence) -> Part:
    call = criterion.call(evidence.estimate, evidence.p_value, evidence.equivalent)
    return Part(criterion, evidence, call, criterion.point(evidence.estimate, evidence.p_value))


def _combine(calls: list[Call], combine: Literal["all", "any"]) -> Call:
    decisive: tuple[Call, Call] = ("refuted", "supported") if combine == "all" else ("supported", "refuted")
    if decisive[0] in calls:
        return decisive[0]
    return decisive[1] if all(call == decisive[1] for call in calls) else "inconclusive"


def control_from_copies(claim: Claim, name: str, copies: list[Mapping[str, Evidence]]) -> Control:
    """The control over several copies: the claim counts as supported there if most copies support it.

    The estimate shown is that of the median copy in the deciding part.
    """
    judged = [weigh(claim, evidence) for evidence in copies]
    supported = sum(call == "supported" for call, *_ in judged)
    call: Call = "supported" if 2 * supported > len(judged) else "refuted"
    ordered = sorted(judged, key=lambda item: item[2].evidence.estimate.value)
    if 2 * supported <= len(judged) and all(c != "refuted" for c, *_ in judged):
        call = "inconclusive"
    return Control(name, ordered[len(ordered) // 2][2].evidence.estimate, call)
