"""The Landau hypothesis: is a word's meaning settled in a phase transition? (001 exp2)"""

from __future__ import annotations

from typing import Any

from semphase import (
    LEXICON,
    Evidence,
    Judge,
    Needs,
    Published,
    Study,
    above,
    at_least,
    below,
    between,
    claim,
    on_copies,
    paired_increase,
    proportion,
    significant,
)
from semphase.science.lexical import conditions, derived, facet, figures, landau
from semphase.science.lexical import evidence as lexical


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
    data=LEXICON,
)
def test_beta_universal(study: Study, judge: Judge) -> None:
    def evidence(own: Study) -> Any:
        beta = landau.per_word(landau.exponent("power_law"), own.facet(facet.Lexical).conditions)
        over = {"variation": lambda b: b.variation, "mean": lambda b: b.mean}
        return lexical.estimates([beta], over, "words")

    words = study.facet(facet.Lexical)
    exponents = {
        f"β of {family}": landau.exponent(family)(words.conditions.point)
        for family in ("power_law", "two_stage", "critical")
    }
    detail = words.reading | exponents | {"curves": lexical.f_curves(words)}
    judge(evidence(study), **on_copies(study, evidence), detail=detail, figures=[figures.f_overlay])


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
    data=LEXICON,
)
def test_two_stage_best(study: Study, judge: Judge) -> None:
    def evidence(own: Study) -> Any:
        words = own.facet(facet.Lexical)
        return lexical.estimates(
            [words.of_words(landau.winners(words.conditions.point))], landau.lead_of_first, "words"
        )

    words = study.facet(facet.Lexical)
    best = [landau.PUBLISHED[i] for i in landau.winners(words.conditions.point)]
    detail = words.reading | {"best BIC": best, "curves": lexical.f_curves(words)}
    judge(evidence(study), **on_copies(study, evidence), detail=detail, figures=[figures.f_overlay])


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
    data=LEXICON,
)
def test_jump_is_unembedding(study: Study, judge: Judge) -> None:
    def changes(own: Study) -> tuple[Any, Any]:
        words = own.facet(facet.Lexical)
        return conditions.changes_at_jump(derived.first_prompt_sigma(words), words.top1)

    def evidence(own: Study) -> Evidence:
        at_jump, elsewhere = changes(own)
        excess, p = paired_increase(elsewhere, at_jump, seed=own.seed, resamples=own.budget.draws)
        return Evidence(excess, p)

    at_jump, elsewhere = changes(study)
    by_word = [rates.reshape(len(study.lexicon.words), -1).mean(axis=1) for rates in (elsewhere, at_jump)]
    detail = study.facet(facet.Lexical).reading | {
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
    data=LEXICON,
)
def test_collapse(study: Study, judge: Judge) -> None:
    def share(own: Study) -> Any:
        variances = conditions.collapse_variance(own.facet(facet.Lexical).conditions.point)
        return proportion(int((variances < 0.005).sum()), len(variances))

    words = study.facet(facet.Lexical)
    variances = conditions.collapse_variance(words.conditions.point)
    detail = words.reading | {"collapse variance": variances, "curves": lexical.f_curves(words)}
    judge(share(study), **on_copies(study, share), detail=detail, figures=[figures.f_overlay])


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
    data=LEXICON,
)
def test_continuous(study: Study, judge: Judge) -> None:
    made = lexical.on_measurement(
        study,
        lambda words: words.conditions,
        conditions.largest_interior_step,
        population="words",
        curves=lexical.sigma_curves,
    )
    judge(**made, figures=[figures.sigma_fans])
