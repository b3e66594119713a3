"""Executable scientific claims about what happens inside language models.

Declare a claim with `claim`, its rule with `above`, `below`, …; the pytest plugin gives the test a `study` to
measure on and a `judge` for the evidence.
"""

from semphase.errors import NotApplicable, SemphaseError
from semphase.stats.draws import estimate_from_draws
from semphase.stats.estimate import Estimate
from semphase.verdict import (
    Claim,
    Control,
    Criterion,
    Evidence,
    Needs,
    Published,
    Verdict,
    above,
    at_least,
    at_most,
    below,
    between,
    claim,
    not_rejected,
    significant,
)

__all__ = [
    "Claim", "Control", "Criterion", "Estimate", "Evidence", "Needs", "NotApplicable", "Published",
    "SemphaseError", "Verdict", "above", "at_least", "at_most", "below", "between", "claim", "estimate_from_draws",
    "not_rejected", "significant",
]  # fmt: skip
