"""Claims, criteria and verdicts; no input or output."""

from semphase.verdict.claim import Claim, Needs, Published
from semphase.verdict.criterion import (
    Criterion,
    above,
    at_least,
    at_most,
    below,
    between,
    not_rejected,
    significant,
)
from semphase.verdict.decision import Evidence
from semphase.verdict.verdict import Control, Part, Verdict, Weighed, weigh

__all__ = [
    "Claim", "Control", "Criterion", "Evidence", "Needs", "Part", "Published", "Verdict",
    "Weighed", "above", "at_least", "at_most", "below", "between", "not_rejected", "significant", "weigh",
]  # fmt: skip
