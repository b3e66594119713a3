"""A verdict: what a claim's evidence amounts to under its registered criterion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate
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
    """The same estimate where the claim should fail; `point` is the source's rule on its bare value."""

    name: str
    estimate: Estimate
    call: Call
    point: bool = False


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
        """False when the control meets the criterion as well, if only by its bare value; None without a control.

        A control that is inconclusive because its interval is wide has not failed.
        """
        return None if self.control is None else not (self.control.point or self.control.call == "supported")


def weigh(claim: Claim, evidence: Mapping[str, Evidence]) -> tuple[Call, bool, Part, tuple[Part, ...]]:
    """Judge every part; returns the verdict, the point, the deciding part and all parts.

    Under "all": supported if all parts are, refuted if any is. Under "any": supported if any is, refuted
    if all are. The deciding part is the first whose call is the verdict's.
    """
    names = {part.part for part in claim.parts}
    if set(evidence) != names:
        raise SemphaseError(f"{claim.id} judges {sorted(names)}, but the test gave {sorted(evidence)}")
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


def control_from_copies(claim: Claim, name: str, copies: Sequence[Mapping[str, Evidence]]) -> Control:
    """The control over several copies: their most common call and point, where more than half agree.

    The estimate shown is the median copy's among those that agree with the control's call and decide by the same
    part as the first of them; where none agrees, the first copy's.
    """
    judged = [weigh(claim, evidence) for evidence in copies]
    calls = [call for call, *_ in judged]
    common = max(set(calls), key=calls.count)
    call: Call = common if 2 * calls.count(common) > len(calls) else "inconclusive"
    deciding = [part for own, _, part, _ in judged if own == call] or [judged[0][2]]
    same = [part.evidence.estimate for part in deciding if part.criterion == deciding[0].criterion]
    median = sorted(same, key=lambda estimate: estimate.value)[len(same) // 2]
    return Control(name, median, call, 2 * sum(point for _, point, *_ in judged) > len(judged))
