"""Executable scientific claims about what happens inside language models.

Declare a claim with `claim`, its rule with `above`, `below`, …; the pytest plugin gives the test a `study` to
measure on and a `judge` for the evidence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from semphase.contents import contents
from semphase.errors import NotApplicable, SemphaseError, Undefined
from semphase.stats.draws import estimate
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
from semphase.verdict.claim import LEXICON, TEXT
from semphase.verdict.judge import Judge

if TYPE_CHECKING:
    from semphase.stats.blocks import difference_estimate, paired_test
    from semphase.stats.draws import per_word, percentile_estimate
    from semphase.stats.paired import paired_increase
    from semphase.stats.resample import interval, proportion
    from semphase.study.evidence import estimates, on_copies
    from semphase.study.joint import JointStudy
    from semphase.study.study import Study

__all__ = [
    "LEXICON", "TEXT", "Claim", "Control", "Criterion", "Estimate", "Evidence", "JointStudy", "Judge", "Needs",
    "NotApplicable", "Published", "SemphaseError", "Study", "Undefined", "Verdict", "above", "at_least", "at_most",
    "below", "between", "claim", "difference_estimate", "estimate", "estimates", "interval", "not_rejected", "on_copies",
    "paired_increase", "paired_test", "per_word", "percentile_estimate", "proportion", "significant",
]  # fmt: skip

__getattr__, __dir__ = contents(
    __name__,
    {
        "semphase.stats.blocks": "difference_estimate paired_test",
        "semphase.stats.draws": "per_word percentile_estimate",
        "semphase.stats.paired": "paired_increase",
        "semphase.stats.resample": "interval proportion",
        "semphase.study.evidence": "estimates on_copies",
        "semphase.study.joint": "JointStudy",
        "semphase.study.study": "Study",
    },
)
