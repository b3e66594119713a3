"""The Landau hypothesis: is a word's meaning settled in a phase transition? (001 exp2)"""

from __future__ import annotations

from typing import Any

import numpy as np

from semphase import Evidence, Needs, Published, above, at_least, below, between, claim, significant
from semphase.science.lexical import conditions
from semphase.science.lexical.conditions import Conditions
from semphase.science.lexical.derived import first_prompt_sigma
from semphase.science.lexical.jumps import changes_at_jump
from semphase.stats.draws import PerWord, per_word
from semphase.stats.families import LANDAU
from semphase.stats.fit import recompare, refit
from semphase.stats.paired import paired_increase
from semphase.stats.resample import proportion
from semphase.study import Study, estimates, on_copies, on_measurement
from semphase.verdict.judge import Judge

PUBLISHED_FAMILIES = ("two_stage", "power_law", "tanh", "sigmoid")


def exponent(family: str) -> Any:
    """β of one family fitted to each word's f(l), the last layer left out."""

    def of(data: Conditions) -> np.ndarray:
        curves = data.f[..., :-1]
        rows = refit(LANDAU[family], data.x[:-1], curves.reshape(-1, curves.shape[-1])).params["beta"]
        return np.asarray(rows).reshape(curves.shape[:-1])

    return of


@claim(
    "landau.beta-universal",
    statement="one critical exponent β for all words",
    criterion="for β of A·x^β fitted to f: coefficient of variation over words < 0.3 and mean within 0.5 ± 0.3",
    parts=(below(0.3, "variation"), between(0.2, 0.8, "mean")),
    estimator="least squares on each word's f(l) without the last layer; words and prompts resampled",
    source="001 exp2",
    control="re-initialised weights",
    needs=Needs(words=2, layers=6),
    published={"gpt2": Published("refuted", "β = 0.01 … 2.35"), "gpt2-medium": Published("refuted", "β = 0.01 … 2.35")},
    figures=("f-overlay",),
)
def test_beta_universal(study: Study, judge: Judge) -> None:
    def evidence(own: Study) -> Any:
        beta = per_word(exponent("power_law"), own.conditions)
        over = {"variation": lambda b: b.variation, "mean": lambda b: b.mean}
        return estimates([beta], over, "words")

    point = study.conditions.point
    detail = study.reading | {
        f"β of {family}": exponent(family)(point) for family in ("power_law", "two_stage", "critical")
    }
    judge(evidence(study), **on_copies(study, evidence), detail=detail)


@claim(
    "landau.two-stage-best",
    statement="power law + late sigmoid step describes f(l) best",
    criterion="two_stage has the best BIC in more words than power_law, tanh or sigmoid",
    parts=above(0, "lead"),
    estimator="words won by two_stage minus words won by the best rival, as a share; words resampled",
    source="001 exp2",
    control="re-initialised weights",
    needs=Needs(words=2, layers=6),
    published={"gpt2": Published("supported", "best"), "gpt2-medium": Published("supported", "best")},
    figures=("f-overlay",),
)
def test_two_stage_best(study: Study, judge: Judge) -> None:
    def winners(own: Study) -> np.ndarray:
        point = own.conditions.point
        families = {name: LANDAU[name] for name in PUBLISHED_FAMILIES}
        fits = recompare(families, point.x[:-1], point.f[:, :-1])
        return np.argmin([fits[name].bic for name in PUBLISHED_FAMILIES], axis=0)

    def lead(data: PerWord) -> np.ndarray:
        won = np.stack([(data.values == family).mean(axis=-1) for family in range(len(PUBLISHED_FAMILIES))])
        return won[0] - won[1:].max(axis=0)

    def evidence(own: Study) -> Any:
        return estimates([own.of_words(winners(own))], lead, "words")

    best = [PUBLISHED_FAMILIES[i] for i in winners(study)]
    detail = study.reading | {"best BIC": best}
    judge(evidence(study), **on_copies(study, evidence), detail=detail)


@claim(
    "landau.jump-is-unembedding",
    statement="the final jump is the rewrite towards the unembedding",
    criterion="the logit-lens top-1 token changes at the jump layer more often than at the other layers (paired over "
    "words × conditions, one-sided p < 0.05)",
    parts=significant(0.05, "excess of changes"),
    estimator="mean over pairs of change at the jump minus rate of change elsewhere; paired permutation test",
    source="001 exp2",
    control="re-initialised weights",
    published={"gpt2": Published("supported", "qualitative"), "gpt2-medium": Published("supported", "qualitative")},
)
def test_jump_is_unembedding(study: Study, judge: Judge) -> None:
    def evidence(own: Study) -> Evidence:
        at_jump, elsewhere = changes_at_jump(first_prompt_sigma(own), own.top1)
        excess, p = paired_increase(elsewhere, at_jump, seed=own.seed, resamples=own.budget.draws)
        return Evidence(excess, p)

    at_jump, elsewhere = changes_at_jump(first_prompt_sigma(study), study.top1)
    by_word = [rates.reshape(len(study.lexicon.words), -1).mean(axis=1) for rates in (elsewhere, at_jump)]
    detail = study.reading | {
        "changes at the jump": at_jump.mean(),
        "rate elsewhere": elsewhere.mean(),
        "p over words, conditions averaged": paired_increase(*by_word, seed=study.seed)[1],
    }
    judge(evidence(study), **on_copies(study, evidence), detail=detail)


@claim(
    "landau.collapse",
    statement="σ(l,h)/h collapses onto one curve f(l)",
    criterion="collapse variance < 0.005 in at least a third of the words",
    parts=at_least(1 / 3, "share of words"),
    estimator="variance over conditions of σ/h, averaged over layers without the last; Wilson interval over words",
    source="001 exp2",
    control="re-initialised weights",
    published={"gpt2": Published("partly", "rock, spring, bass")},
    figures=("f-overlay",),
)
def test_collapse(study: Study, judge: Judge) -> None:
    def share(own: Study) -> Any:
        variances = conditions.collapse_variance(own.conditions.point)
        return proportion(int((variances < 0.005).sum()), len(variances))

    variances = conditions.collapse_variance(study.conditions.point)
    detail = study.reading | {"collapse variance": variances}
    judge(share(study), **on_copies(study, share), detail=detail)


@claim(
    "landau.continuous",
    statement="differentiation between 0.1 ≤ x ≤ 0.9 is continuous",
    criterion="no single layer step there carries more than 30 % of the total rise of the mean spread",
    parts=below(0.3, "largest share"),
    estimator="largest |step| of the mean spread over conditions, relative to its rise; words and prompts resampled",
    source="001 exp2",
    control="re-initialised weights",
    needs=Needs(layers=3),
    published={"gpt2": Published("supported"), "gpt2-medium": Published("supported")},
    figures=("sigma-fans",),
)
def test_continuous(study: Study, judge: Judge) -> None:
    judge(**on_measurement(study, lambda own: own.conditions, conditions.largest_interior_step, population="words"))
