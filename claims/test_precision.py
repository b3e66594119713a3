"""Why the source's scaling run broke off: TF32 matrix products (001 exp9)."""

from __future__ import annotations

from typing import Any

from semphase import Published, below, claim, estimate_from_draws
from semphase.science.lexical.conditions import Conditions, final_spread
from semphase.science.lexical.derived import exact_conditions, rounded_conditions
from semphase.study import Study
from semphase.verdict.judge import Judge

FLOAT32, TF32 = 23, 10


@claim(
    "precision.tf32-collapse",
    statement="TF32 matrix products wipe out the context dependence of σ",
    criterion="with inputs of every matrix product rounded to a 10-bit mantissa, the spread of σ(L) over contexts falls "
    "below 10 % of its float32 value",
    parts=below(0.1, "spread ratio"),
    estimator="standard deviation of σ(L) over the first prompts of the conditions, averaged over words: rounded over "
    "float32; words and direction sentences resampled alike in both",
    source="001 exp9",
    control="the same emulation with all 23 bits kept",
    published={"gpt2": Published("partly", "conjectured, not verified")},
)
def test_tf32_collapse(study: Study, judge: Judge) -> None:
    def ratio(rounded: Conditions, exact: Conditions) -> Any:
        return final_spread(rounded) / final_spread(exact)

    def kept(bits: int) -> Any:
        return estimate_from_draws(ratio, rounded_conditions(study, bits), exact_conditions(study), population="words")

    judge(kept(TF32), control=kept(FLOAT32), detail=study.reading)
