"""The `judge` of a claim test: evidence in, verdict out, once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate
from semphase.verdict import Claim, Control, Evidence, Part, Verdict, Weighed, weigh
from semphase.verdict.claim import MEASURED_ON, NO_CONTROL, QUANTITIES
from semphase.verdict.contrast import beside
from semphase.verdict.decision import require_p
from semphase.verdict.plain import plain

Drawing = Callable[[Mapping[str, Any]], Any]
Given = Evidence | Estimate | Mapping[str, Evidence | Estimate]
Controlling = Iterable[Given] | Given
FEWEST_COPIES = 3
"""Of fewer nobody knows how they scatter; a control that is no draw is given by itself, not as a list."""
_TESTS = ("p<", "not-rejected")


@dataclass(frozen=True, slots=True)
class _Judged:
    """A control, whether the model differs from all there are, and what the report's detail says of them."""

    control: Control | None = None
    specific: bool | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


class Judge:
    """Judges one claim; calling it a second time is an error."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.verdict: Verdict | None = None
        self.figures: tuple[Drawing, ...] = ()

    def __call__(
        self,
        evidence: Given,
        *,
        control: Controlling | Mapping[str, Controlling] | None = None,
        reason: str = "",
        detail: Mapping[str, Any] | None = None,
        p_value: float | None = None,
        figures: Sequence[Drawing] = (),
    ) -> Verdict:
        """Weigh the evidence under the claim's criterion.

        A bare estimate serves the claim's only part. `control` is evidence of the same form, a list of such
        (several copies), or a mapping of names to any of these, for controls of different kinds: the verdict then
        shows the one from which the model differs least, and is specific only if it differs from all.
        (A mapping whose names are the claim's parts is one control.) Without a control, `reason` says why unless
        the claim does. Detail may hold arrays. `p_value` overrides that of the deciding part. Each of `figures` is a
        module-level function of the detail, as the report holds it, that returns a matplotlib Figure.
        """
        if self.verdict is not None:
            raise SemphaseError(f"the test of {self.claim.id} called judge twice; one claim has one verdict")
        if not isinstance(reason, str):
            raise SemphaseError(f"the reason of {self.claim.id} is a text, got {reason!r}")
        self.figures = self._named_once(figures)
        named = self._named(evidence)
        require_p(p_value, sampled=any(own.estimate.sampled for own in named.values()))
        weighed = weigh(self.claim, named)
        controlled = self._control(control, reason, named)
        combined = {"combine": self.claim.combine} if self.claim.combine != "all" else {}
        found = {"parts": _told_parts(weighed), **combined, **controlled.detail}
        deciding = weighed.deciding
        self.verdict = Verdict(
            claim=self.claim,
            verdict=weighed.call,
            point=weighed.point,
            estimate=deciding.evidence.estimate,
            threshold=deciding.criterion.threshold,
            p_value=_p_value(weighed) if p_value is None else p_value,
            p_decision=weighed.p,
            control=controlled.control,
            specific=controlled.specific,
            reason=self._reason("; ".join(filter(None, (reason, _lacking(weighed), _undecided(controlled.control))))),
            detail=found | self._detail(detail or {}, found),
        )
        return self.verdict

    def alone(self) -> Judge:
        """A judge of the same claim who looks at no control: a universe repeats the analysis, not its control."""
        return _WithoutControl(self.claim)

    def _named_once(self, figures: Sequence[Drawing]) -> tuple[Drawing, ...]:
        if not isinstance(figures, Sequence):
            raise SemphaseError(f"the figures of {self.claim.id} come as a list of functions, got {figures!r}")
        names = [getattr(figure, "__name__", "<no name>") for figure in figures]
        if len(set(names)) < len(names) or any(name.startswith("<") for name in names):
            raise SemphaseError(
                f"the figures of {self.claim.id} are saved by their functions' names, got {', '.join(names)}: give"
                " module-level functions with names of their own"
            )
        return tuple(figures)

    def _named(self, evidence: Given) -> Mapping[str, Evidence]:
        if isinstance(evidence, Mapping):
            return {name: _evidence(item) for name, item in evidence.items()}
        names = list(dict.fromkeys(part.part for part in self.claim.parts))
        if len(names) > 1:
            raise SemphaseError(f"{self.claim.id} has the parts {', '.join(names)}: give judge a mapping")
        return {names[0]: _with_unit(_evidence(evidence), self.claim.unit)}

    def _control(
        self, control: Controlling | Mapping[str, Controlling] | None, reason: str, model: Mapping[str, Evidence]
    ) -> _Judged:
        if control is None:
            self._excuse(reason)
            return _Judged()
        if isinstance(control, Mapping) and not set(control) & {part.part for part in self.claim.parts}:
            return self._several({name: self._one(own, model) for name, own in control.items()})
        return self._one(control, model)

    def _several(self, controls: dict[str, _Judged]) -> _Judged:
        if not controls:
            raise SemphaseError(f"the mapping of controls of {self.claim.id} is empty: give at least one")
        told, found = {}, {}
        for name, own in controls.items():
            assert own.control is not None
            found[name] = replace(own.control, name=name)
            told[name] = plain(found[name]) | {"specific": own.specific, **own.detail}
        nearest = max(found.values(), key=_nearness)
        return _Judged(nearest, all(own.apart for own in found.values()), {"controls": told})

    def _one(self, control: Any, model: Mapping[str, Evidence]) -> _Judged:
        if isinstance(control, Iterable) and not isinstance(control, Mapping):
            copies = [self._named(copy) for copy in control]
            if not copies:
                raise SemphaseError(f"the control of {self.claim.id} has no copies: give at least one")
            each = [weigh(self.claim, copy) for copy in copies]
            told = [{"verdict": own.call, "parts": _told_parts(own)} for own in each]
            found, mean = beside(self.claim, self.claim.control, model, copies)
            if len(copies) < FEWEST_COPIES:
                found = replace(found, contrast=_unknown(found.contrast))
            return _Judged(found, found.apart, {"control_copies": told, "control_parts": _told_parts(mean)})
        found, own = beside(self.claim, self.claim.control, model, [self._named(control)])
        return _Judged(found, found.apart, {"control_parts": _told_parts(own)})

    def _excuse(self, reason: str) -> None:
        if not reason and not self.claim.control.startswith(NO_CONTROL):
            raise SemphaseError(
                f"{self.claim.id} promises the control {self.claim.control!r}, but its test gave none: give"
                " judge a control, or a reason why there is none"
            )

    def _reason(self, reason: str) -> str:
        if not self.claim.control.startswith(NO_CONTROL):
            return reason
        without = f"no control: {self.claim.control.removeprefix(NO_CONTROL).strip()}"
        return f"{reason}; {without}" if reason else without

    def _detail(self, detail: Mapping[str, Any], reserved: Mapping[str, Any]) -> dict[str, Any]:
        if not isinstance(detail, Mapping):
            raise SemphaseError(f"the detail of {self.claim.id} is a mapping of names, got {type(detail).__name__}")
        taken = sorted(set(detail) & set(reserved))
        if taken:
            raise SemphaseError(f"judge itself fills {', '.join(taken)} in the detail of {self.claim.id}: rename yours")
        if MEASURED_ON in detail:
            _require_counts(self.claim, detail[MEASURED_ON])
        try:
            converted: dict[str, Any] = plain(detail)
        except RecursionError:
            raise SemphaseError(
                f"the detail of {self.claim.id} holds itself, or a thousand levels: flatten it"
            ) from None
        return converted


def _require_counts(claim: Claim, told: object) -> None:
    """SemphaseError for what does not say how much a claim read."""
    if not (isinstance(told, Mapping) and all(map(_is_count, told, told.values()))):
        raise SemphaseError(
            f"{claim.id} has {MEASURED_ON!r}: {told!r} in its detail; give how many {', '.join(QUANTITIES[:-1])} or "
            f"{QUANTITIES[-1]} it read, as finite numbers above 0."
        )


def _is_count(name: object, count: object) -> bool:
    number = isinstance(count, int | float | np.integer | np.floating) and not isinstance(count, bool)
    return name in QUANTITIES and number and 0 < count < math.inf  # type: ignore[operator]


class _WithoutControl(Judge):
    def _control(self, *_: Any) -> _Judged:
        return _Judged()


def _with_unit(evidence: Evidence, unit: str) -> Evidence:
    """The claim's unit, for an estimate that was made without one."""
    estimate = evidence.estimate
    return replace(evidence, estimate=replace(estimate, unit=estimate.unit or unit))


def _evidence(item: Evidence | Estimate) -> Evidence:
    found = Evidence(item) if isinstance(item, Estimate) else item
    if not isinstance(found, Evidence):
        raise SemphaseError(
            f"judge takes estimates and got {type(item).__name__}; make one with mean, difference or estimate."
        )
    return found


def _lacking(weighed: Weighed) -> str:
    """What the estimates lack for a verdict, where there is none."""
    if weighed.call != "inconclusive":
        return ""
    lacks = dict.fromkeys(part.evidence.estimate.lacks for part in weighed.parts)
    return ", ".join(f"needs {own}" for own in lacks if own)


def _unknown(contrast: Estimate | None) -> Estimate | None:
    """The contrast with too few copies to say how they scatter."""
    few = f"{FEWEST_COPIES} copies at least"
    return contrast and replace(contrast, low=-math.inf, high=math.inf, lacks=few, sampling=None)


def _undecided(control: Control | None) -> str:
    """Why nothing is known of a control."""
    if control is None or control.relation != "undecided" or not control.estimate.lacks:
        return ""
    return f"its control needs {control.estimate.lacks}"


def _p_value(weighed: Weighed) -> float | None:
    """The p-value of the registered test: the deciding part's, else the first part's that is a test."""
    deciding = weighed.deciding
    tests = [part for part in (deciding, *weighed.parts) if part.criterion.comparison in _TESTS]
    return tests[0].evidence.p_value if tests else deciding.evidence.p_value


def _nearness(control: Control) -> tuple[bool, float]:
    """How little the model differs from a control."""
    contrast = control.contrast
    return not control.apart, math.inf if contrast is None or contrast.lacks else contrast.p_above(0)


def _told_parts(weighed: Weighed) -> list[dict[str, Any]]:
    return [_told(part, part is weighed.deciding) for part in weighed.parts]


def _told(part: Part, deciding: bool) -> dict[str, Any]:
    return {
        "part": part.criterion.part,
        "criterion": str(part.criterion),
        "threshold": plain(part.criterion.threshold),
        "within": plain(part.criterion.within),
        "estimate": plain(part.evidence.estimate),
        "p_value": plain(part.evidence.p_value),
        "equivalent": part.evidence.equivalent,
        "verdict": part.call,
        "point": part.point,
        "deciding": deciding,
    }
