"""Which attention heads can be removed? (001 exp10, phase 1)

Heads are ablated before the output projection, by zero or by their mean output. Every order is found on the first
half of the text's chunks and judged on the second; importance is ΔPPL with one head ablated.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from semphase import (
    TEXT,
    Evidence,
    Judge,
    Needs,
    Study,
    above,
    at_least,
    below,
    claim,
    significant,
    where_defined,
)
from semphase.science.heads import facet, figures, pareto, rankings, tails

SOURCE = "001 exp10"
HEADS = Needs(layers=2, heads=4)
"""Of fewer, 30 % are not one."""


@claim(
    "heads.removable",
    statement="≥ 30 % of the heads are dispensable",
    criterion="removing heads in rising order of single-head ΔPPL, the ratio is still < 1.1 at ⌊0.30·heads⌋ heads; the "
    "order is found on one part of the text, the ratio measured on another",
    parts=below(1.1, "PPL ratio"),
    estimator="perplexity with ⌊0.30·heads⌋ heads zeroed over perplexity without, on the second half of the chunks; "
    "paired block bootstrap",
    source=SOURCE,
    control="random order",
    cost="minutes",
    needs=HEADS,
    data=TEXT,
)
def test_removable(study: Study, judge: Judge) -> None:
    heads = study.facet(facet.Heads)
    by = rankings.order(heads, "single", "zero")
    detail = {
        "heads removed": heads.registered_count,
        "ratio on the text that chose the order": rankings.at_registered(heads, by, "zero", "choose").estimate(),
        "curves": {curve.name: curve.table for curve in rankings.pareto(heads)},
        "preflight (nats moved unchanged, with a third zeroed)": study.text.checked,
        "ΔPPL by layer and head": by_layer(study, single_importance(study)),
        **heads.screening_told("zero"),
    }
    chance = rankings.at_registered(heads, rankings.random_order(heads), "zero").estimate()
    found = rankings.at_registered(heads, by, "zero").estimate()
    judge(found, control=chance, detail=detail, figures=[figures.heads_pareto, figures.heads_importance])


@claim(
    "heads.removable-any-order",
    statement="≥ 30 % of the heads are dispensable in the best order found",
    criterion="as heads.removable, for the best of single-head ΔPPL, gradient × activation and greedy re-ranking, with "
    "zero- and mean-ablation each",
    parts=below(1.1, "PPL ratio"),
    estimator="lowest of six ratios at ⌊0.30·heads⌋ heads on the second half of the chunks, the lowest in each draw; "
    "paired block bootstrap",
    source="ours",
    control="the best of six random orders",
    cost="minutes",
    needs=HEADS,
    data=TEXT,
)
def test_removable_any_order(study: Study, judge: Judge) -> None:
    heads = study.facet(facet.Heads)
    count = heads.registered_count
    own = [facet.numbers(rankings.order(heads, *named)[:count], named[1]) for named in rankings.ORDERS]
    random = [
        facet.numbers(rankings.random_order(heads, i)[:count], kind) for i, (_, kind) in enumerate(rankings.ORDERS)
    ]
    found, chance = rankings.ratios_of(heads, own), rankings.ratios_of(heads, random)
    detail = {
        "heads removed": count,
        "ratios": {", ".join(named): found.estimate(i) for i, named in enumerate(rankings.ORDERS)},
        "rank correlation of the gradient order with the exact one": rank_correlations(study),
        **heads.screening_told("zero", "mean"),
    }
    judge(found.best(), control=chance.best(), detail=detail, figures=[figures.orders_compared])


def rank_correlations(study: Study) -> dict[str, float]:
    """Spearman's correlation of gradient × activation with single-head Δloss."""
    from scipy.stats import spearmanr

    heads = study.facet(facet.Heads)
    exact = {kind: heads.single(kind, "choose").mean for kind in ("zero", "mean")}
    return {kind: float(spearmanr(heads.gradient(kind), own).statistic) for kind, own in exact.items()}


@claim(
    "heads.power-law",
    statement="importance follows a power law",
    criterion="over the positive ΔPPL a continuous Clauset–Shalizi–Newman fit: p ≥ 0.1 by bootstrap, and not beaten by "
    "log-normal or exponential at p < 0.05",
    parts=(
        at_least(0.1, "p of the fit"),
        at_least(0.05, "p against log-normal"),
        at_least(0.05, "p against exponential"),
    ),
    estimator="powerlaw fit with the cut-off of least Kolmogorov–Smirnov distance; p by semi-parametric bootstrap; p of "
    "the normalised likelihood ratio where the rival leads, else 1; heads resampled; where heads were screened, the fit's "
    "p widened to draws of the screening's error",
    source=SOURCE,
    control="as many exponential values of the same mean",
    cost="minutes",
    needs=HEADS,
    data=TEXT,
)
def test_power_law(study: Study, judge: Judge) -> None:
    values, heads = single_importance(study), study.facet(facet.Heads)
    harmful = int((values > 0).sum())
    off = heads.screening_error("zero") * float(study.text.baseline("choose").perplexity)

    def evidence(of: np.ndarray, error: float = 0.0) -> tuple[dict[str, Any], Any]:
        made = tails.power_law_estimates(of, study.budget.simulations, study.rng("power law"), error=error)
        named = {
            "p of the fit": made.goodness,
            "p against log-normal": made.beaten_by_lognormal,
            "p against exponential": made.beaten_by_exponential,
        }
        return named, made.fit

    with where_defined():
        found, fit = evidence(values, off)
    planted = study.rng("exponential").exponential(np.clip(values, 0, None).mean(), size=harmful)
    detail = {"fit": fit, "ΔPPL by layer and head": by_layer(study, values), **heads.screening_told("zero")}
    judge(found, control=evidence(planted)[0], detail=detail, figures=[figures.heads_importance])


@claim(
    "heads.layer-pattern",
    statement="importance depends on the layer",
    criterion="Kruskal–Wallis over layers p < 0.05 after correction",
    parts=significant(0.05, "ε²"),
    estimator="Kruskal–Wallis of single-head ΔPPL on the first half of the chunks; p times two for the two ablations "
    "tried; ε² with heads resampled within layers",
    source=SOURCE,
    control="heads dealt to the layers at random",
    cost="minutes",
    needs=Needs(layers=3, heads=6),
    data=TEXT,
)
def test_layer_pattern(study: Study, judge: Judge) -> None:
    values = single_importance(study)
    shuffled = study.rng("shuffled layers").permutation(values)
    found, chance = (
        pareto.layer_pattern(by_layer(study, own), study.budget.draws, study.rng("layers"))
        for own in (values, shuffled)
    )
    means = by_layer(study, single_importance(study, "mean"))
    averaged = pareto.layer_pattern(means, study.budget.draws, study.rng("layers"))
    detail = {
        "zero-ablation": found,
        "mean-ablation": averaged,
        "ΔPPL by layer and head": by_layer(study, values),
    }
    judge(
        Evidence(found.epsilon2, min(1.0, 2 * found.p)),
        control=Evidence(chance.epsilon2, min(1.0, 2 * chance.p)),
        detail=detail,
        figures=[figures.heads_layers],
    )


@claim(
    "heads.super-additive",
    statement="small single effects do not add up",
    criterion="joint Δloss at 30 % of the heads − the sum of the single Δloss > 0.05 nats, on text that did not choose "
    "the order",
    parts=above(0.05, "excess"),
    estimator="mean loss with ⌊0.30·heads⌋ heads zeroed together, less the baseline's, less the sum of the same heads' "
    "single differences, on the second half of the chunks; paired block bootstrap",
    unit="nats",
    source=SOURCE,
    control="as many heads drawn at random",
    cost="minutes",
    needs=Needs(layers=2, heads=7),
    data=TEXT,
)
def test_super_additive(study: Study, judge: Judge) -> None:
    heads = study.facet(facet.Heads)
    count = heads.registered_count

    def excess(chosen: np.ndarray, half: Any) -> Any:
        joint, single = heads.joint(facet.numbers(chosen, "zero"), half), heads.single_of("zero", half, chosen)
        baseline = study.text.baseline(half)
        return pareto.super_additivity(joint, single, baseline, study.budget.draws, study.rng("excess"))

    # Random heads are chosen by no text, so the half whose single effects are known serves as well.
    chance = excess(rankings.random_order(heads)[:count], "choose")
    own = rankings.order(heads, "single", "zero")[:count]
    judge(excess(own, "judge"), control=chance, detail={"heads removed": count})


def single_importance(study: Study, kind: str = "zero") -> np.ndarray:
    """ΔPPL of every head on the half of the text that chooses orders."""
    return pareto.importance(study.facet(facet.Heads).single(kind, "choose"), study.text.baseline("choose"))


def by_layer(study: Study, values: np.ndarray) -> np.ndarray:
    return values.reshape(study.model.layers, -1)
