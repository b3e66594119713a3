"""Executable scientific claims about what happens inside language models: the contents page, all that a claim needs.

Declare a claim with `claim`, its rule with `above`, `below`, …; the pytest plugin gives the test a `study` to
measure on and a `judge` for the evidence. Every name is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from semphase.contents import contents

if TYPE_CHECKING:
    from semphase.data.corpus.sources import Corpus
    from semphase.data.lexicon.words import Lexicon
    from semphase.data.prompts import Prompts
    from semphase.errors import NotApplicable, SemphaseError, Undefined
    from semphase.measure import edits, wiring
    from semphase.measure.controls import random_direction, random_heads
    from semphase.measure.edit_base import Edit
    from semphase.measure.edits import *  # noqa: F403 - its `__all__`, so that a new edit is one file
    from semphase.measure.measurement import measurement
    from semphase.measure.positions import ALL
    from semphase.measure.sites import (
        Site,
        attention,
        embedding,
        head,
        heads,
        key,
        mlp,
        neurons,
        pattern,
        query,
        stream,
        value,
    )
    from semphase.measure.wiring import *  # noqa: F403 - its `__all__`, so that a new edit is one file
    from semphase.plugin.declare import claim
    from semphase.stats.blocks import paired_test
    from semphase.stats.controls import shuffled
    from semphase.stats.estimate import Estimate
    from semphase.stats.estimates import (
        best_of,
        correlation,
        difference,
        estimate,
        largest,
        mean,
        perplexity_ratio,
        share,
        worst,
    )
    from semphase.stats.paired import paired_increase
    from semphase.stats.ratios import difference_estimate
    from semphase.study.evidence import on_copies, where_defined
    from semphase.study.generated import Generated
    from semphase.study.joint import JointStudy
    from semphase.study.study import Study
    from semphase.verdict.claim import LEXICON, TEXT, Claim, Needs, Published
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
    from semphase.verdict.judge import Judge
    from semphase.verdict.verdict import Control, Verdict

    __all__ = [
        "ALL",
        "LEXICON",
        "TEXT",
        "Claim",
        "Control",
        "Corpus",
        "Criterion",
        "Edit",
        "Estimate",
        "Evidence",
        "Generated",
        "JointStudy",
        "Judge",
        "Lexicon",
        "Needs",
        "NotApplicable",
        "Prompts",
        "Published",
        "SemphaseError",
        "Site",
        "Study",
        "Undefined",
        "Verdict",
        "above",
        "at_least",
        "at_most",
        "attention",
        "below",
        "best_of",
        "between",
        "claim",
        "correlation",
        "difference",
        "difference_estimate",
        "embedding",
        "estimate",
        "head",
        "heads",
        "key",
        "largest",
        "mean",
        "measurement",
        "mlp",
        "neurons",
        "not_rejected",
        "on_copies",
        "paired_increase",
        "paired_test",
        "pattern",
        "perplexity_ratio",
        "query",
        "random_direction",
        "random_heads",
        "share",
        "shuffled",
        "significant",
        "stream",
        "value",
        "where_defined",
        "worst",
    ]
    __all__ += edits.__all__
    __all__ += wiring.__all__

HOMES = {
    "semphase.data.corpus.sources": "Corpus",
    "semphase.data.lexicon.words": "Lexicon",
    "semphase.data.prompts": "Prompts",
    "semphase.errors": "NotApplicable SemphaseError Undefined",
    "semphase.measure.controls": "random_direction random_heads",
    "semphase.measure.edit_base": "Edit",
    "semphase.measure.edits": "*",
    "semphase.measure.measurement": "measurement",
    "semphase.measure.positions": "ALL",
    "semphase.measure.sites": "Site attention embedding head heads key mlp neurons pattern query stream value",
    "semphase.measure.wiring": "*",
    "semphase.plugin.declare": "claim",
    "semphase.stats.blocks": "paired_test",
    "semphase.stats.ratios": "difference_estimate",
    "semphase.stats.controls": "shuffled",
    "semphase.stats.estimate": "Estimate",
    "semphase.stats.estimates": "best_of correlation difference estimate largest mean perplexity_ratio share worst",
    "semphase.stats.paired": "paired_increase",
    "semphase.study.evidence": "on_copies where_defined",
    "semphase.study.generated": "Generated",
    "semphase.study.joint": "JointStudy",
    "semphase.study.study": "Study",
    "semphase.verdict.claim": "LEXICON TEXT Claim Needs Published",
    "semphase.verdict.criterion": "Criterion above at_least at_most below between not_rejected significant",
    "semphase.verdict.decision": "Evidence",
    "semphase.verdict.judge": "Judge",
    "semphase.verdict.verdict": "Control Verdict",
}

if not TYPE_CHECKING:  # a type checker sees the names themselves
    __getattr__, __dir__ = contents(__name__, HOMES)
