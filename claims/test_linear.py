"""Can attention do without softmax? (001 exp10, phase 2)

The forms are defined in semphase.measure.changes. An order is rising single-head ΔPPL of the very replacement, found
on the first half of the text's chunks; the ratio is measured on the second.
"""

from __future__ import annotations

from typing import Any

from semphase import (
    TEXT,
    Evidence,
    Judge,
    Needs,
    Study,
    above,
    below,
    claim,
    difference_estimate,
    paired_test,
    significant,
)
from semphase.science.heads import facet, figures, forms, rankings, scaling

SOURCE = "001 exp10"
HEADS = Needs(layers=2, heads=4)
"""Of fewer, 30 % are not one."""
REPLACED = "perplexity with ⌊0.30·heads⌋ heads replaced over perplexity without, on the second half of the chunks"


@claim(
    "linear.identity",
    statement="softmax(QKᵀ/√d)V can be replaced by (QKᵀ/√d)V, L1-normalised or not",
    criterion="ratio < 1.1 with ⌊0.30·heads⌋ heads replaced; order: the single-head ΔPPL of this very replacement, "
    "found on one part of the text, judged on another; the better of raw and L1",
    parts=below(1.1, "PPL ratio"),
    estimator=f"{REPLACED}, the lower of the two forms in each draw; paired block bootstrap",
    source=SOURCE,
    control="random order",
    cost="minutes",
    needs=HEADS,
    data=TEXT,
)
def test_identity(study: Study, judge: Judge) -> None:
    heads = study.facet(facet.Heads)
    count = heads.registered_count

    def best(orders: dict[str, Any]) -> Any:
        sets = [dict.fromkeys(map(int, by[:count]), form) for form, by in orders.items()]
        return rankings.ratios_of(heads, sets).best()

    own = {form: rankings.order(heads, "single", form) for form in forms.IDENTITY}
    detail = {
        "heads replaced": count,
        "curves": {own.name: own.table for own in forms.form_curves(heads)},
        "better form": forms.better_identity(heads),
        **heads.screening_told(*forms.IDENTITY),
    }
    chance = best(dict.fromkeys(forms.IDENTITY, rankings.random_order(heads)))
    judge(best(own), control=chance, detail=detail, figures=[figures.linear_forms])


@claim(
    "linear.relu",
    statement="softmax attention can be replaced by ReLU scores normalised to sum 1",
    criterion="as linear.identity",
    parts=below(1.1, "PPL ratio"),
    estimator=f"{REPLACED}; paired block bootstrap",
    source=SOURCE,
    control="random order",
    cost="minutes",
    needs=HEADS,
    data=TEXT,
)
def test_relu(study: Study, judge: Judge) -> None:
    heads = study.facet(facet.Heads)
    by = rankings.order(heads, "single", "relu")
    chance = rankings.at_registered(heads, rankings.random_order(heads), "relu").estimate()
    other = forms.form_ratios(heads, by, ("relu", "absolute", "zero"))
    detail = {"ratios of the same heads": other, **heads.screening_told("relu")}
    found = rankings.at_registered(heads, by, "relu").estimate()
    judge(found, control=chance, detail=detail, figures=[figures.forms_compared])


@claim(
    "linear.crossing",
    statement="products or threshold crossings of several linear heads approximate softmax",
    criterion="at the same number of replaced heads, the crossing variant's ratio is below the single-linear one's "
    "(paired over chunks, p < 0.05)",
    parts=significant(0.05, "loss saved"),
    estimator="loss of the single-linear form less loss of the crossing form, the same ⌊0.30·heads⌋ heads; either form "
    "the better of its two on the first half of the chunks; on the second, blocks of token losses are paired",
    unit="nats",
    source=SOURCE,
    control="single ReLU scores in the place of the crossing",
    cost="minutes",
    needs=HEADS,
    data=TEXT,
)
def test_crossing(study: Study, judge: Judge) -> None:
    heads = study.facet(facet.Heads)
    form = forms.better_identity(heads)
    by = rankings.order(heads, "single", form)
    crossing = forms.better_crossing(heads, by)
    linear, draws = forms.replaced(heads, by, form), study.budget.draws

    def saved(other: str) -> Evidence:
        better = forms.replaced(heads, by, other)
        effect = difference_estimate(linear.sums - better.sums, linear.counts, draws=draws, rng=study.rng("crossing"))
        return Evidence(effect, paired_test(linear.sums, better.sums, linear.counts, seed=study.seed))

    every = (*forms.IDENTITY, "relu", "absolute", "product", "threshold", "zero")
    detail = {"forms compared": [form, crossing], "ratios of the same heads": forms.form_ratios(heads, by, every)}
    judge(saved(crossing), control=saved("relu"), detail=detail, figures=[figures.forms_compared])


@claim(
    "linear.pruned-and-linear",
    statement="pruning and linearising combine",
    criterion="the heads of heads.removable removed and 10 % more linearised: ratio < 1.1",
    parts=below(1.1, "PPL ratio"),
    estimator="⌊0.30·heads⌋ heads zeroed in the order of heads.removable and the next ⌊0.10·heads⌋ of the better "
    "identity form's order replaced; ratio on the second half of the chunks; paired block bootstrap",
    source=SOURCE,
    control="both in random order",
    cost="minutes",
    needs=Needs(layers=2, heads=10),
    data=TEXT,
)
def test_pruned_and_linear(study: Study, judge: Judge) -> None:
    heads = study.facet(facet.Heads)
    form, chance = forms.better_identity(heads), rankings.random_order(heads)
    chosen = forms.pruned_and_linear(
        heads, rankings.order(heads, "single", "zero"), rankings.order(heads, "single", form), form
    )
    random = forms.pruned_and_linear(heads, chance, chance, form)
    found = rankings.ratios_of(heads, [chosen, random])
    detail = {"form": form, "heads zeroed": heads.registered_count, "heads changed": len(chosen)}
    judge(found.estimate(0), control=found.estimate(1), detail=detail)


@claim(
    "linear.cost",
    statement="the replacement costs O(n), not O(n²)",
    criterion="log–log slope of measured attention time against n, from 512 to ≥ 8,192 tokens: < 1.2 for the "
    "kernelised causal form, > 1.6 for softmax",
    parts=(below(1.2, "slope of the kernelised form"), above(1.6, "slope of softmax")),
    estimator="least squares of log median seconds on log n, 512 to 8,192 tokens doubling, as many heads as a layer "
    "has; repeats resampled",
    source=SOURCE,
    control="none: a cost is a property of the machine and the program; FLOPs are counted beside it",
    cost="minutes",
    timed=True,
)
def test_cost(study: Study, judge: Judge) -> None:
    times = forms.attention_cost(study)
    n, draws = times["length"].values, study.budget.draws

    def slope(form: str) -> Any:
        return scaling.slope_estimate(n, times["seconds"].sel(form=form).values, draws, study.rng(form))

    seconds = {form: times["seconds"].sel(form=form) for form in times["form"].values}
    detail = {
        "tokens": n,
        "heads": study.model.heads,
        "median seconds": {form: own.median("repeat").values for form, own in seconds.items()},
        "fastest and slowest seconds": {
            form: [own.min("repeat").values, own.max("repeat").values] for form, own in seconds.items()
        },
        "FLOPs": {form: times["flops"].sel(form=form).values for form in times["form"].values},
    }
    slopes = {"slope of the kernelised form": slope("kernelised"), "slope of softmax": slope("softmax")}
    judge(slopes, detail=detail, figures=[figures.attention_cost])
