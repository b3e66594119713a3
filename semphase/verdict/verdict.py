"""A verdict: what a claim's evidence amounts to under its registered criterion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate
from semphase.stats.level import LEVEL, TAIL
from semphase.verdict.claim import Claim, Combine
from semphase.verdict.criterion import Criterion
from semphase.verdict.decision import Call, Evidence, Relation, call_of, p_refuted, p_supported, point_of
from semphase.verdict.universe import Found

_ROUNDING = 1e-6
VerdictName = Literal["supported", "refuted", "inconclusive", "not-applicable"]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the criterion, judged; its call allows for the number of parts."""

    criterion: Criterion
    evidence: Evidence
    call: Call
    point: bool


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the evidence amounts to: the verdict, the source's rule on bare values, the deciding part, all parts.

    `p` is the one-sided p of the decision: of the largest part that had to hold, or of the smallest of those that could,
    times their number. None where it is undecided, and where nothing is sampled.
    """

    call: Call
    point: bool
    deciding: Part
    parts: tuple[Part, ...]
    p: float | None


@dataclass(frozen=True, slots=True)
class Control:
    """The same estimate where the claim should fail; `point` is the source's rule on its bare value.

    `relation` says how its verdict relates to the model's, `contrast` by how much the model's margin exceeds its own, on
    the part that tells most.
    """

    name: str
    estimate: Estimate
    call: Call
    point: bool = False
    relation: Relation = "undecided"
    contrast: Estimate | None = None

    @property
    def apart(self) -> bool:
        """Does the claim hold for the model and not for the control, by more than chance leaves between copies?"""
        return self.relation == "model only" and self.contrast is not None and self.contrast.low > 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one claim for one model (or one set of models).

    `specific` says whether the model differs from all its controls; None without any. `p_decision` is the one-sided p of
    the decision.
    """

    claim: Claim
    verdict: VerdictName
    point: bool | None = None
    estimate: Estimate | None = None
    threshold: float | tuple[float, float] | None = None
    p_value: float | None = None
    p_decision: float | None = None
    control: Control | None = None
    specific: bool | None = None
    reason: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    universes: tuple[Found, ...] = ()
    """What other defensible analyses came to, where they were run."""


def weigh(claim: Claim, evidence: Mapping[str, Evidence]) -> Weighed:
    """Judge every part.

    Under "all": supported if all parts are, refuted if any is. Under "any": supported if any is, refuted
    if all are. The deciding part is the first whose call is the verdict's.
    """
    names = {part.part for part in claim.parts}
    if set(evidence) != names:
        raise SemphaseError(f"{claim.id} judges {sorted(names)}, but the test gave {sorted(evidence)}")
    parts = tuple(_judge_part(claim, criterion, evidence[criterion.part]) for criterion in claim.parts)
    call = _combine([part.call for part in parts], claim.combine)
    combined_point = (all if claim.combine == "all" else any)(part.point for part in parts)
    deciding = next(part for part in parts if part.call == call)
    return Weighed(call, combined_point, deciding, parts, _p(call, parts, claim.combine))


def require_fit(claim: Claim, criterion: Criterion, evidence: Evidence) -> None:
    """SemphaseError for evidence that the part's rule cannot be applied to."""
    estimate, (least, most) = evidence.estimate, criterion.within
    slack = _ROUNDING * max(1.0, abs(estimate.value))
    if not least - slack <= estimate.value <= most + slack:
        raise SemphaseError(
            f"{claim.id} declares {criterion.part!r} to lie between {least:g} and {most:g} and got {estimate.value:.6g}: "
            "correct the estimate, or the range"
        )
    if estimate.level < LEVEL - _ROUNDING:
        raise SemphaseError(
            f"{claim.id} is judged at {LEVEL:.0%} and got an interval of {criterion.part!r} at {estimate.level:.0%}"
        )
    significant = criterion.comparison == "p<" and evidence.p_value is not None and evidence.p_value < TAIL
    if significant and estimate.high < min(0.0, criterion.bounds[0]):
        raise SemphaseError(
            f"{claim.id} got a p of {evidence.p_value:.3g} for an effect above 0 on {criterion.part!r}, and the interval "
            f"{estimate}: test the direction that is claimed"
        )


def _judge_part(claim: Claim, criterion: Criterion, evidence: Evidence) -> Part:
    require_fit(claim, criterion, evidence)
    call = call_of(criterion, evidence, claim.combine, len(claim.parts))
    return Part(criterion, evidence, call, point_of(criterion, evidence))


def _combine(calls: list[Call], combine: Combine) -> Call:
    decisive: tuple[Call, Call] = ("refuted", "supported") if combine == "all" else ("supported", "refuted")
    if decisive[0] in calls:
        return decisive[0]
    return decisive[1] if all(call == decisive[1] for call in calls) else "inconclusive"


def _p(call: Call, parts: Sequence[Part], combine: Combine) -> float | None:
    if call == "inconclusive":
        return None
    of = p_supported if call == "supported" else p_refuted
    sampled = [part for part in parts if part.evidence.estimate.sampled]
    each = [of(part.criterion, part.evidence) for part in sampled]
    if (call == "supported") == (combine == "all"):
        return max(each, default=None)
    if any(not part.evidence.estimate.sampled and part.call == call for part in parts):
        return None
    return min(1.0, min(each) * len(parts)) if each else None
