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
    Undefined,
    above,
    at_least,
    below,
    between,
    claim,
    on_copies,
    paired_increase,
    share,
    significant,
    where_defined,
)
from semphase.science.audit.published import stated
from semphase.science.lexical import conditions, derived, facet, figures, landau
from semphase.science.lexical import evidence as lexical
from semphase.science.lexical.universes import CONDITIONS
from semphase.stats.nested import Nested, PerWord, Quantity
from semphase.stats.ranges import POSITIVE
from semphase.stats.votes import lead_of_first

EXP2 = stated("001", "exp2")
EXPONENTS = 4
"""The fewest words whose exponents have a spread."""


@claim(
    "landau.beta-universal",
    statement="one critical exponent β for all words",
    criterion="for β of A·x^β fitted to f: coefficient of variation over words < 0.3 and mean within 0.5 ± 0.3",
    parts=(below(0.3, "variation", within=POSITIVE), between(0.2, 0.8, "mean", within=POSITIVE)),
    estimator="least squares on each word's f(l) without the last layer, words whose fit ends at its bound apart; words "
    "left out",
    source="001 exp2",
    control="re-initialised weights",
    needs=Needs(words=2, layers=6),
    published={
        "gpt2": Published("refuted", "β = 0.01 … 2.35", EXP2),
        "gpt2-medium": Published("refuted", "β = 0.01 … 2.35", EXP2),
    },
    data=LEXICON,
    universes=CONDITIONS,
)
def test_beta_universal(study: Study, judge: Judge) -> None:
    def evidence(own: Study) -> Any:
        beta = landau.inside(landau.exponent("power_law")(own.facet(facet.Lexical).conditions.point))
        if len(beta) < EXPONENTS:
            raise Undefined(f"{len(beta)} words have an exponent inside its bounds, and {EXPONENTS} are needed")
        over = {
            "variation": Quantity(lambda b: b.variation, within=POSITIVE),
            "mean": Quantity(lambda b: b.mean, within=POSITIVE),
        }
        return lexical.estimates([Nested(PerWord(beta), len(beta))], over, "words")

    with where_defined():
        found = evidence(study)
    words = study.facet(facet.Lexical)
    exponents = {
        f"β of {family}": landau.exponent(family)(words.conditions.point)
        for family in ("power_law", "two_stage", "critical")
    }
    with_exponent = len(landau.inside(exponents["β of power_law"]))
    detail = words.reading | exponents | {"words with an exponent": with_exponent, "curves": lexical.f_curves(words)}
    judge(found, **on_copies(study, evidence), detail=detail, figures=[figures.f_overlay])


@claim(
    "landau.two-stage-best",
    statement="power law + late sigmoid step describes f(l) best",
    criterion="two_stage has the best BIC in more words than power_law, tanh or sigmoid",
    parts=above(0, "lead", within=(-1, 1)),
    estimator="words won by two_stage minus words won by the best rival, as a share; every rival's paired difference with "
    "Tango's score interval",
    source="001 exp2",
    control="re-initialised weights",
    needs=Needs(words=2, layers=6),
    published={"gpt2": Published("supported", "best", EXP2), "gpt2-medium": Published("supported", "best", EXP2)},
    data=LEXICON,
    universes=CONDITIONS,
)
def test_two_stage_best(study: Study, judge: Judge) -> None:
    def evidence(own: Study) -> Any:
        won = landau.winners(own.facet(facet.Lexical).conditions.point)
        return lead_of_first(won, len(landau.PUBLISHED) - 1)

    words = study.facet(facet.Lexical)
    best = [landau.PUBLISHED[i] for i in landau.winners(words.conditions.point)]
    detail = words.reading | {"best BIC": best, "curves": lexical.f_curves(words)}
    judge(evidence(study), **on_copies(study, evidence), detail=detail, figures=[figures.f_overlay])


@claim(
    "landau.jump-is-unembedding",
    statement="the final jump is the rewrite towards the unembedding",
    criterion="the logit-lens top-1 token changes at the jump layer more often than at the other layers (paired over "
    "words, one-sided p < 0.05)",
    parts=significant(0.05, "excess of changes", within=(-1, 1)),
    estimator="rate of change at the jump minus that elsewhere, conditions averaged, mean over words; paired permutation "
    "test",
    source="001 exp2",
    control="re-initialised weights",
    published={
        "gpt2": Published("supported", "qualitative", EXP2),
        "gpt2-medium": Published("supported", "qualitative", EXP2),
    },
    data=LEXICON,
    universes=CONDITIONS,
)
def test_jump_is_unembedding(study: Study, judge: Judge) -> None:
    def changes(own: Study) -> tuple[Any, Any]:
        words = own.facet(facet.Lexical)
        return conditions.changes_at_jump(derived.first_prompt_sigma(words), words.top1)

    def evidence(own: Study) -> Evidence:
        at_jump, elsewhere = changes(own)
        return Evidence(*paired_increase(elsewhere, at_jump, seed=own.seed, over="words"))

    at_jump, elsewhere = changes(study)
    detail = study.facet(facet.Lexical).reading | {
        "changes at the jump": at_jump.mean(),
        "rate elsewhere": elsewhere.mean(),
    }
    judge(evidence(study), **on_copies(study, evidence), detail=detail)


@claim(
    "landau.collapse",
    statement="σ(l,h)/h collapses onto one curve f(l)",
    criterion="collapse variance < 0.005 in at least a third of the words",
    parts=at_least(1 / 3, "share of words", within=(0, 1)),
    estimator="variance over conditions of σ/h, averaged over layers without the last; exact interval of a share of words",
    source="001 exp2",
    control="re-initialised weights",
    published={"gpt2": Published("partly", "rock, spring, bass", EXP2)},
    data=LEXICON,
    universes=CONDITIONS,
)
def test_collapse(study: Study, judge: Judge) -> None:
    def collapsing(own: Study) -> Any:
        variances = conditions.collapse_variance(own.facet(facet.Lexical).conditions.point)
        return share(variances < 0.005, over="words")

    words = study.facet(facet.Lexical)
    variances = conditions.collapse_variance(words.conditions.point)
    detail = words.reading | {"collapse variance": variances, "curves": lexical.f_curves(words)}
    judge(collapsing(study), **on_copies(study, collapsing), detail=detail, figures=[figures.f_overlay])


@claim(
    "landau.continuous",
    statement="differentiation between 0.1 ≤ x ≤ 0.9 is continuous",
    criterion="no single layer step there carries more than 30 % of the total rise of the mean spread",
    parts=below(0.3, "largest share", within=(0, 1)),
    estimator="largest |step| of the mean spread over conditions, relative to its rise, every step with bounds of its own; "
    "words left out",
    source="001 exp2",
    control="re-initialised weights",
    needs=Needs(layers=3),
    published={"gpt2": Published("supported", setting=EXP2), "gpt2-medium": Published("supported", setting=EXP2)},
    data=LEXICON,
    universes=CONDITIONS,
)
def test_continuous(study: Study, judge: Judge) -> None:
    def evidence(own: Study) -> Any:
        measured = own.facet(facet.Lexical).conditions
        steps = Quantity(conditions.interior_steps(measured.point), "largest", (0, 1))
        return lexical.estimates([measured], {"largest share": steps}, "words")

    words = study.facet(facet.Lexical)
    detail = words.reading | {"curves": lexical.sigma_curves(words)}
    judge(evidence(study), **on_copies(study, evidence), detail=detail, figures=[figures.sigma_fans])
