"""Why the source's scaling run broke off: TF32 matrix products (001 exp9)."""

from __future__ import annotations

from math import inf
from typing import Any

from semphase import (
    LEXICON,
    Judge,
    Published,
    Study,
    below,
    claim,
)
from semphase.science.audit.published import stated
from semphase.science.lexical import conditions, derived, facet
from semphase.stats.nested import Quantity

FLOAT32, TF32 = 23, 10


@claim(
    "precision.tf32-collapse",
    statement="TF32 matrix products wipe out the context dependence of σ",
    criterion="with inputs of every matrix product rounded to a 10-bit mantissa, the spread of σ(L) over contexts falls "
    "below 10 % of its float32 value",
    parts=below(0.1, "spread ratio", within=(0, inf)),
    estimator="standard deviation of σ(L) over the first prompts of the conditions, averaged over words: rounded over "
    "float32; words left out, the same in both",
    source="001 exp9",
    control="the same emulation with all 23 bits kept",
    published={"gpt2": Published("partly", "conjectured, not verified", stated("001", "exp9 A"))},
    data=LEXICON,
    universes=("projection", "final norm", "processed weights", "9 words"),
)
def test_tf32_collapse(study: Study, judge: Judge) -> None:
    words = study.facet(facet.Lexical)

    def ratio(rounded: conditions.Conditions, exact: conditions.Conditions) -> Any:
        return conditions.final_spread(rounded) / conditions.final_spread(exact)

    def kept(bits: int) -> Any:
        measured = derived.rounded_conditions(words, bits), derived.exact_conditions(words)
        return Quantity(ratio, within=(0, inf)).estimate(*measured, population="words", what="ratio of spreads")

    judge(kept(TF32), control=kept(FLOAT32), detail=words.reading)
