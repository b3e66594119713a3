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
from semphase.verdict.verdict import Control, Evidence, Part, Verdict, control_from_copies, weigh

__all__ = [
    "Claim", "Control", "Criterion", "Evidence", "Needs", "Part", "Published", "Verdict",
    "above", "at_least", "at_most", "below", "between", "control_from_copies",
    "not_rejected", "significant", "weigh",
]  # fmt: skip
