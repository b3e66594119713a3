"""Can attention do without softmax? (001 exp10, phase 2)

The forms are defined in semphase.measure.changes. An order is rising single-head ΔPPL of the very replacement, found
on the first half of the text's chunks; the ratio is measured on the second.
"""

from __future__ import annotations

import math

from semphase import (
    TEXT,
    Judge,
    Needs,
    Study,
    above,
    below,
    claim,
    significant,
)
from semphase.science.heads import facet, figures, forms, rankings
from semphase.science.heads.universes import FORMS, HALVES, RATIOS, TIMES

SOURCE = "001 exp10"
HEADS = Needs(layers=2, heads=4)
"""Of fewer, 30 % are not one."""
RATIO = below(1.1, "PPL ratio", within=(0, math.inf))
OVER = "skewness-corrected t, each block of 64 token losses left out"
REPLACED = "perplexity with ⌊0.30·heads⌋ heads replaced over perplexity without, on the second half of the chunks"


@claim(
    "linear.identity",
    statement="softmax(QKᵀ/√d)V can be replaced by (QKᵀ/√d)V, L1-normalised or not",
    criterion="ratio < 1.1 with ⌊0.30·heads⌋ heads replaced; order: the single-head ΔPPL of this very replacement, "
    "found on one part of the text, judged on another; the better of raw and L1 on the first part",
    parts=RATIO,
    estimator=f"{REPLACED}, in the form whose ratio is the lower on the first half; {OVER}",
    source=SOURCE,
    control="five random orders, in the same form",
    cost="minutes",
    needs=HEADS,
    data=TEXT,
    universes=("other identity form", *FORMS),
)
def test_identity(study: Study, judge: Judge) -> None:
    heads = study.facet(facet.Heads)
    form = forms.better_identity(heads)
    by = rankings.own_order(heads, form)
    found = rankings.at_registered(heads, by, form).estimate()
    chance = [rankings.at_registered(heads, random, form).estimate() for random in rankings.random_orders(heads)]
    shown = heads.shown(
        lambda: {
            "heads replaced": heads.registered_count,
            "curves": {own.name: own.table for own in forms.form_curves(heads)},
            "better form": form,
            **heads.screening_told(*forms.IDENTITY),
        }
    )
    judge(found, control=chance, detail=shown, figures=[figures.linear_forms])


@claim(
    "linear.relu",
    statement="softmax attention can be replaced by ReLU scores normalised to sum 1",
    criterion="as linear.identity",
    parts=RATIO,
    estimator=f"{REPLACED}; {OVER}",
    source=SOURCE,
    control="five random orders",
    cost="minutes",
    needs=HEADS,
    data=TEXT,
    universes=FORMS,
)
def test_relu(study: Study, judge: Judge) -> None:
    heads = study.facet(facet.Heads)
    by = rankings.own_order(heads, "relu")
    found = rankings.at_registered(heads, by, "relu").estimate()
    chance = [rankings.at_registered(heads, random, "relu").estimate() for random in rankings.random_orders(heads)]
    shown = heads.shown(
        lambda: {
            "ratios of the same heads": forms.form_ratios(heads, by, ("relu", "absolute", "zero")),
            **heads.screening_told("relu"),
        }
    )
    judge(found, control=chance, detail=shown, figures=[figures.forms_compared])


@claim(
    "linear.crossing",
    statement="products or threshold crossings of several linear heads approximate softmax",
    criterion="at the same number of replaced heads, the crossing variant's ratio is below the single-linear one's "
    "(paired over chunks, p < 0.05)",
    parts=significant(0.05, "loss saved"),
    estimator="loss of the single-linear form less loss of the crossing form, the same ⌊0.30·heads⌋ heads; either form "
    "the better of its two on the first half of the chunks; on the second, skewness-corrected t, each chunk left out, and "
    "p by flipping the signs of chunks",
    unit="nats",
    source=SOURCE,
    control="the same heads zeroed in the place of the crossing",
    cost="minutes",
    needs=HEADS,
    data=TEXT,
    universes=(
        "other identity form",
        "other crossing",
        "order of zero-ablation",
        "gradient × activation",
        "first block left out",
        "blocks as units",
        HALVES,
    ),
)
def test_crossing(study: Study, judge: Judge) -> None:
    heads = study.facet(facet.Heads)
    form = forms.better_identity(heads)
    by = rankings.own_order(heads, form)
    crossing = forms.better_crossing(heads, by)
    saved = forms.loss_saved(heads, by, form, crossing)
    removed = forms.loss_saved(heads, by, form, "zero") if study.registered else None
    every = (*forms.IDENTITY, "relu", "absolute", "product", "threshold", "zero")
    shown = heads.shown(lambda: {"ratios of the same heads": forms.form_ratios(heads, by, every)})
    detail = {"forms compared": [form, crossing], **shown}
    judge(saved, control=removed, detail=detail, figures=[figures.forms_compared])


@claim(
    "linear.pruned-and-linear",
    statement="pruning and linearising combine",
    criterion="the heads of heads.removable removed and 10 % more linearised: ratio < 1.1",
    parts=RATIO,
    estimator="⌊0.30·heads⌋ heads zeroed in the order of heads.removable and the next ⌊0.10·heads⌋ of the better "
    "identity form's order replaced; ratio on the second half of the chunks; " + OVER,
    source=SOURCE,
    control="both in five random orders",
    cost="minutes",
    needs=Needs(layers=2, heads=10),
    data=TEXT,
    universes=("other identity form", "mean ablation", "gradient × activation", *RATIOS),
)
def test_pruned_and_linear(study: Study, judge: Judge) -> None:
    heads = study.facet(facet.Heads)
    form = forms.better_identity(heads)
    removed, linear = rankings.own_order(heads, heads.ablation), rankings.own_order(heads, form)
    chosen = forms.pruned_and_linear(heads, removed, linear, form, heads.ablation)
    random = [forms.pruned_and_linear(heads, chance, chance, form) for chance in rankings.random_orders(heads)]
    found = rankings.ratios_of(heads, [chosen, *random])
    detail = {"form": form, "heads zeroed": heads.registered_count, "heads changed": len(chosen)}
    control = [found.estimate(1 + copy) for copy in range(len(random))]
    judge(found.estimate(), control=control, detail=detail)


@claim(
    "linear.cost",
    statement="the replacement costs O(n), not O(n²)",
    criterion="log–log slope of measured attention time against n, from 512 to ≥ 8,192 tokens: < 1.2 for the "
    "kernelised causal form, > 1.6 for softmax",
    parts=(below(1.2, "slope of the kernelised form"), above(1.6, "slope of softmax")),
    estimator="least squares of log seconds on log n, 512 to 8,192 tokens doubling, as many heads as a layer has, for "
    "each repeat that goes through all lengths; mean slope, skewness-corrected t over repeats",
    source=SOURCE,
    control="none: a cost is a property of the machine and the program; FLOPs are counted beside it",
    cost="minutes",
    timed=True,
    universes=TIMES,
)
def test_cost(study: Study, judge: Judge) -> None:
    times = forms.attention_cost(study)
    seconds = {form: times["seconds"].sel(form=form) for form in times["form"].values}
    detail = {
        "tokens": times["length"].values,
        "heads": study.model.heads,
        "median seconds": {form: own.median("repeat").values for form, own in seconds.items()},
        "fastest and slowest seconds": {
            form: [own.min("repeat").values, own.max("repeat").values] for form, own in seconds.items()
        },
        "FLOPs": {form: times["flops"].sel(form=form).values for form in times["form"].values},
    }
    slopes = {
        "slope of the kernelised form": forms.cost_slope(study, "kernelised"),
        "slope of softmax": forms.cost_slope(study, "softmax"),
    }
    judge(slopes, detail=detail, figures=[figures.attention_cost])
