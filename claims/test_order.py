"""The order parameter σ(l): contexts fan out, jump late, and obey the causal mask (001 exp1)."""

from __future__ import annotations

from semphase import (
    LEXICON,
    Estimate,
    Judge,
    Needs,
    Published,
    Study,
    above,
    below,
    claim,
    on_copies,
    share,
)
from semphase.science.audit.published import stated
from semphase.science.lexical import conditions, derived, facet, figures
from semphase.science.lexical import evidence as lexical
from semphase.science.lexical.universes import CONDITIONS, ON_COSINES
from semphase.stats.nested import Quantity

EXP1 = stated("001", "exp1")
BOTH_MODELS = {
    "gpt2": Published("supported", "nine of nine words", EXP1),
    "gpt2-medium": Published("supported", "nine of nine words", EXP1),
}


@claim(
    "order.fan-out",
    statement="contexts start together and fan out with depth",
    criterion="for all words: σ(strong_A) − σ(strong_B) is larger at l = L than at l = 0, and its Spearman "
    "correlation with l is > 0.8",
    parts=(above(0, "widening", within=(-4, 4)), above(0.8, "Spearman", within=(-1, 1))),
    estimator="every word with bounds of its own, Spearman's from those of the order of each pair of layers; prompts left "
    "out within words",
    source="001 exp1",
    control="re-initialised weights",
    published=BOTH_MODELS,
    data=LEXICON,
    universes=ON_COSINES,
)
def test_fan_out(study: Study, judge: Judge) -> None:
    made = lexical.on_measurement(
        study,
        lambda words: words.conditions,
        {"widening": Quantity(conditions.widening, "smallest", (-4, 4)), "Spearman": conditions.Monotony()},
        curves=lexical.sigma_curves,
        widening_by_word=conditions.widening,
        Spearman_by_word=lambda data: conditions.depth_correlation(conditions.fan(data)),
    )
    judge(**made, figures=[figures.sigma_fans])


@claim(
    "order.two-stage-jump",
    statement="slow differentiation, then a jump near the end",
    criterion="in most words the largest |Δσ| between adjacent layers lies at x ≥ 0.9",
    parts=above(0.5, "share of words", within=(0, 1)),
    estimator="|Δσ| averaged over the five conditions; a step counts at the layer where it ends; exact interval over words",
    source="001 exp1",
    control="re-initialised weights",
    needs=Needs(words=2),
    published={
        "gpt2": Published("supported", "x ≈ 0.92", EXP1),
        "gpt2-medium": Published("supported", "x ≈ 0.92", EXP1),
    },
    data=LEXICON,
    universes=CONDITIONS,
)
def test_two_stage_jump(study: Study, judge: Judge) -> None:
    def late(own: Study) -> Estimate:
        return share(conditions.jump_depth(own.facet(facet.Lexical).conditions.point) >= 0.9, over="words")

    words = study.facet(facet.Lexical)
    depths = conditions.jump_depth(words.conditions.point)
    detail = words.reading | {"jump at x": depths, "curves": lexical.sigma_curves(words)}
    judge(late(study), **on_copies(study, late), detail=detail, figures=[figures.sigma_fans])


@claim(
    "order.causal-mask",
    statement="text after the word cannot change its σ(l)",
    criterion="appending any suffix changes no σ(l) by more than 1e-4",
    parts=below(1e-4, "largest change", within=(0, 2)),
    estimator="the largest |Δσ(l)| over layers, each word's neutral and strong prompts and three foreign suffixes, to the "
    "resolution of σ in float32; of these prompts and texts only",
    source="001 exp1",
    control="the same texts put before the prompt",
    published={"gpt2": Published("supported", setting=EXP1)},
    data=LEXICON,
    universes=ON_COSINES,
)
def test_causal_mask(study: Study, judge: Judge) -> None:
    words = study.facet(facet.Lexical)
    suffix, prefix = (
        derived.largest_shift(shifts) for shifts in (derived.shifts_by_suffix(words), derived.shifts_by_prefix(words))
    )
    judge(suffix, control=prefix, detail=words.reading)
