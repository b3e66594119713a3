"""Which attention heads can be removed? (001 exp10, phase 1)

Heads are ablated before the output projection, by zero or by their mean output. Every order is found on the first
half of the text's chunks and judged on the second; importance is ΔPPL with one head ablated.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from semphase import (
    TEXT,
    Estimate,
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
from semphase.science.heads import effects, facet, figures, pareto, rankings, tails
from semphase.science.heads.universes import EFFECTS, HALVES, RATIOS

SOURCE = "001 exp10"
HEADS = Needs(layers=2, heads=4)
"""Of fewer, 30 % are not one."""


RATIO = below(1.1, "PPL ratio", within=(0, math.inf))
P_VALUE = (0, 1)


@claim(
    "heads.removable",
    statement="≥ 30 % of the heads are dispensable",
    criterion="removing heads in rising order of single-head ΔPPL, the ratio is still < 1.1 at ⌊0.30·heads⌋ heads; the "
    "order is found on one part of the text, the ratio measured on another",
    parts=RATIO,
    estimator="perplexity with ⌊0.30·heads⌋ heads zeroed over perplexity without, on the second half of the chunks; "
    "skewness-corrected t, each block of 64 token losses left out",
    source=SOURCE,
    control="five random orders",
    cost="minutes",
    needs=HEADS,
    data=TEXT,
    universes=("mean ablation", "gradient × activation", "greedy order", *RATIOS, "chunks of half the length"),
)
def test_removable(study: Study, judge: Judge) -> None:
    heads = study.facet(facet.Heads)
    kind, by = heads.ablation, rankings.own_order(heads, heads.ablation)
    found = rankings.at_registered(heads, by, kind).estimate()
    chance = [rankings.at_registered(heads, random, kind).estimate() for random in rankings.random_orders(heads)]
    shown = [figures.heads_pareto, figures.heads_importance]
    judge(found, control=chance, detail=heads.shown(lambda: removing(heads, by)), figures=shown)


def removing(heads: facet.Heads, by: np.ndarray) -> dict[str, Any]:
    """What the report shows beside heads.removable."""
    return {
        "heads removed": heads.registered_count,
        "ratio on the text that chose the order": rankings.at_registered(heads, by, "zero", "choose").estimate(),
        "curves": {curve.name: curve.table for curve in rankings.pareto(heads)},
        "preflight (nats moved unchanged, with a third zeroed)": heads.text.checked,
        "ΔPPL by layer and head": by_layer(heads.study, effects.importances(heads, "zero")),
        **heads.screening_told("zero"),
    }


@claim(
    "heads.removable-any-order",
    statement="≥ 30 % of the heads are dispensable in the best order found",
    criterion="as heads.removable, for the best of single-head ΔPPL, gradient × activation and greedy re-ranking, with "
    "zero- and mean-ablation each; the best is the one of lowest perplexity on the text that found the orders",
    parts=RATIO,
    estimator="of six sets of ⌊0.30·heads⌋ heads the one of lowest perplexity on the first half of the chunks; its ratio "
    "on the second half; skewness-corrected t, each block of 64 token losses left out",
    source="ours",
    control="five times the best of six random orders, chosen alike",
    cost="minutes",
    needs=HEADS,
    data=TEXT,
    universes=("zero ablation", "mean ablation", "without greedy orders", "chunks as units", HALVES),
)
def test_removable_any_order(study: Study, judge: Judge) -> None:
    heads = study.facet(facet.Heads)
    named, own = rankings.named_orders(heads), rankings.orders(heads)
    random = [rankings.random_sets(heads, copy) for copy in rankings.copies(heads)]
    ratios = rankings.ratios_of(heads, [*own, *(sets[rankings.best(heads, sets)] for sets in random)])
    chosen = rankings.best(heads, own)
    control = [ratios.estimate(len(own) + copy) for copy in rankings.copies(heads)]
    detail = {
        "heads removed": heads.registered_count,
        "chosen": ", ".join(named[chosen]),
        "ratios": {", ".join(own): ratios.estimate(i) for i, own in enumerate(named)},
    }
    shown = detail | heads.shown(lambda: ranking(heads))
    judge(ratios.estimate(chosen), control=control, detail=shown, figures=[figures.orders_compared])


def ranking(heads: facet.Heads) -> dict[str, Any]:
    """What the report shows of how heads were ranked."""
    rank = "rank correlation of the gradient order with the exact one"
    return {rank: rank_correlations(heads.study), **heads.screening_told("zero", "mean")}


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
        at_least(0.1, "p of the fit", within=P_VALUE),
        at_least(0.05, "p against log-normal", within=P_VALUE),
        at_least(0.05, "p against exponential", within=P_VALUE),
    ),
    estimator="powerlaw fit with the cut-off of least Kolmogorov–Smirnov distance; each p by the same semi-parametric "
    "bootstrap, (r + 1)/(B + 1), of that distance and of the log likelihood by which either rival leads (1 where it does "
    "not); Clopper–Pearson intervals over the B samples, and a refutation at the level of the p itself; where heads were "
    "screened, the intervals are widened to draws of the screening's error",
    source=SOURCE,
    control="five times as many exponential values of the same mean",
    cost="minutes",
    needs=HEADS,
    data=TEXT,
    universes=("all positive values", "Δloss", *EFFECTS, "chunks of half the length"),
)
def test_power_law(study: Study, judge: Judge) -> None:
    heads = study.facet(facet.Heads)
    values, off = effects.importances(heads, heads.ablation), effects.importance_error(heads, heads.ablation)
    harmful = int((values > 0).sum())

    def evidence(of: np.ndarray, name: str, error: float = 0.0) -> tuple[dict[str, Any], Any]:
        cutoff: tails.Cutoff = study.choice("cut-off") or "best"
        made = tails.power_law_estimates(of, study.budget.simulations, study.rng(name), error=error, cutoff=cutoff)
        named = {
            "p of the fit": made.goodness,
            "p against log-normal": made.beaten_by_lognormal,
            "p against exponential": made.beaten_by_exponential,
        }
        return named, made.fit

    with where_defined():
        found, fit = evidence(values, "power law", off)
    names = [f"exponential {copy}" for copy in rankings.copies(heads)]
    mean = float(values[values > 0].mean())
    copies = [evidence(study.rng(name).exponential(mean, size=harmful), f"fit of {name}")[0] for name in names]
    detail = {"fit": fit, "ΔPPL by layer and head": by_layer(study, values)}
    shown = detail | heads.shown(lambda: heads.screening_told("zero"))
    judge(found, control=copies, detail=shown, figures=[figures.heads_importance])


@claim(
    "heads.layer-pattern",
    statement="importance depends on the layer",
    criterion="Kruskal–Wallis over layers p < 0.05 after Holm's correction for the two ablations tried; refuted where ε² "
    "is below 0.06, which 144 heads in 12 layers could not tell from chance",
    parts=significant(0.05, "ε²", negligible=0.06, within=(0, 1)),
    estimator="Kruskal–Wallis of the ΔPPL of single heads zeroed, on the first half of the chunks; ε² of their normal "
    "scores with the interval of noncentral F, heads the units; where heads were screened, interval and p are the widest of "
    "draws of the screening's error",
    source=SOURCE,
    control="heads dealt to the layers at random, five times",
    cost="minutes",
    needs=Needs(layers=3, heads=6),
    data=TEXT,
    universes=("trend over layers", "analysis of variance", *EFFECTS),
)
def test_layer_pattern(study: Study, judge: Judge) -> None:
    heads = study.facet(facet.Heads)
    kinds = facet.ABLATIONS if heads.ablation == "zero" else facet.ABLATIONS[::-1]
    values = {kind: effects.importances(heads, kind) for kind in kinds}
    off = {kind: effects.importance_error(heads, kind) for kind in kinds}

    def pattern(kind: str, order: np.ndarray) -> pareto.LayerPattern:
        dealt, draws = by_layer(study, values[kind][order]), study.rng(f"layer pattern, {kind}")
        return pareto.layer_pattern(dealt, study.choice("test"), off[kind], draws)

    def evidence(order: np.ndarray) -> Evidence:
        own, other = (pattern(kind, order) for kind in kinds)
        return Evidence(own.epsilon2, pareto.holm(own.p, other.p))

    as_found = np.arange(heads.total)
    detail = {
        "zero-ablation": pattern("zero", as_found),
        "mean-ablation": pattern("mean", as_found),
        "ΔPPL by layer and head": by_layer(study, values["zero"]),
    }
    found = evidence(as_found)
    dealt = [evidence(order) for order in rankings.random_orders(heads)]
    judge(found, control=dealt, detail=detail, figures=[figures.heads_layers])


@claim(
    "heads.super-additive",
    statement="small single effects do not add up",
    criterion="joint Δloss at 30 % of the heads − the sum of the single Δloss > 0.05 nats, on text that did not choose "
    "the order",
    parts=above(0.05, "excess"),
    estimator="mean loss with ⌊0.30·heads⌋ heads zeroed together, less the baseline's, less the sum of the same heads' "
    "single differences, on the second half of the chunks; skewness-corrected t, each block of 64 token losses left out",
    unit="nats",
    source=SOURCE,
    control="the same joint damage by heads of large single effects: drawn at random from the upper half, as many as "
    "their single Δloss adds up to it on the text that chose the order; five times",
    cost="minutes",
    needs=Needs(layers=2, heads=7),
    data=TEXT,
    universes=("mean ablation", *RATIOS, "chunks of half the length"),
)
def test_super_additive(study: Study, judge: Judge) -> None:
    heads = study.facet(facet.Heads)
    kind, by = heads.ablation, rankings.own_order(heads, heads.ablation)
    own = by[: heads.registered_count]
    large = [rankings.large_heads(heads, own, copy) for copy in rankings.copies(heads)]

    def excess(chosen: np.ndarray) -> Estimate:
        joint, single = heads.joint(facet.numbers(chosen, kind), "judge"), heads.single_of(kind, "judge", chosen)
        return pareto.super_additivity(joint, single, study.text.baseline("judge"))

    detail = {"heads removed": len(own), "heads removed by the control": [len(chosen) for chosen in large]}
    judge(excess(own), control=[excess(chosen) for chosen in large], detail=detail)


def by_layer(study: Study, values: np.ndarray) -> np.ndarray:
    return values.reshape(study.model.layers, -1)
