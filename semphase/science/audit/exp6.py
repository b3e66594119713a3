"""Document 001: the components of the query-key weights, the test of 1/√π, the heads of exp10."""

from __future__ import annotations

import math

import numpy as np

from semphase.science.audit.agreement import Comparison, compare, joined, one
from semphase.science.audit.evidence import Quantity
from semphase.science.audit.exp3 import MODELS, points
from semphase.science.audit.printed import Document
from semphase.science.audit.published import load
from semphase.science.audit.rounded_fits import likelihood_ratio_bounds, relative_halfwidth, rss_from_aic, tail
from semphase.science.audit.rounding import Interval, interval, stack, weigh


def ratios(document: Document) -> Comparison:
    """Each ratio of exp6 beside PPL over the baseline, and the ratio quoted in the conclusion."""
    table, prose = document["components"], document["components-prose"]
    found = table["ppl"] / prose.row("baseline PPL")
    names = [f"ratio at K={k}" for k in table.ints("k")]
    quoted = one(
        "ratio at 99.1 %",
        prose.row("ratio at that variance"),
        found[names.index("ratio at K=130")],
        document.where("components-prose"),
    )
    return joined(compare(names, table["ratio"], found, document.where("components")), quoted)


def remaining_variance(document: Document) -> Comparison:
    """What is left of the variance at 99.1 %."""
    prose = document["components-prose"]
    return one(
        "remaining variance in percent",
        prose.row("remaining variance"),
        100 - prose.row("variance kept"),
        document.where("components-prose"),
    )


def added_variance(document: Document) -> Comparison:
    """The variance of components 131 to 140."""
    variance, ks = document["components"]["variance"], document["components"].ints("k")
    added = variance[ks.index(140)] - variance[ks.index(130)]
    return one(
        "variance of components 131-140",
        document["components-prose"].row("variance of PC131-140"),
        added,
        document.where("components-prose"),
    )


def rising_variance(document: Document) -> Quantity:
    """Largest rise of the variance per component from one range of the table to the next, in percent.

    Components are sorted by variance, so it cannot rise. 144 centred matrices have 143 components at most, so the last
    range ends there.
    """
    table = document["components"]
    rank = document["components-prose"].row("heads") - 1
    counts = np.minimum([0.0, *table["k"].value], rank.value)
    cumulative = Interval(
        *(np.concatenate([[0.0], getattr(table["variance"], part)]) for part in ("value", "low", "high"))
    )
    # Second differences, with exact weights so that a figure in two ranges counts once.
    weights = np.diff(np.diff(np.eye(len(counts)), axis=0) / np.diff(counts)[:, None], axis=0)
    per_component = np.diff(cumulative.value) / np.diff(counts)
    told = {
        "section": document.where("components"),
        "percent per component": per_component,
        "ranges end at": counts[1:],
    }
    return Quantity(weigh(weights, cumulative).highest(), len(table["k"]), "percent", told)


def share_for_ninety(document: Document) -> Quantity:
    """K(90 %) of exp6 over the number of heads, from the comparison in document 002."""
    table = document["comparison"]
    return Quantity(
        table.row("exp6 K(90 %)") / table.row("heads"),
        2,
        "of the components",
        {"section": document.where("comparison")},
    )


def likelihood_ratio(document: Document) -> Comparison:
    """χ² and p of σ = 1/√π rebuilt from the width and AIC of the free fit (000), beside the printed p."""
    table = document["pi-width"]
    found = stack([tail(chi2_of(model)) for model in MODELS])
    return compare([f"p, {model}" for model in table.names("model")], table["p"], found, document.where("pi-width"))


def chi2_of(model: str) -> Interval:
    """χ² of one model as document 000 implies it."""
    source = load("000")
    n = points(source, model)
    rss = rss_from_aic(erf_row(source, model, "aic"), n, np.array(1.0))
    return likelihood_ratio_bounds(np.arange(n) / (n - 1), erf_row(source, model, "parameter"), rss)


def erf_row(document: Document, model: str, column: str) -> Interval:
    """A figure of the erf fit over the full depth."""
    table = document[f"fits-{model}"]
    return table[column][table.names("family").index("erf")]


def resolution(document: Document) -> Quantity:
    """Half of the 95 % interval of σ that the printed p imply, over 1/√π, in the better of the two models."""
    widths = stack([erf_row(load("000"), model, "parameter") for model in MODELS])
    half = relative_halfwidth(widths, document["pi-width"]["p"])
    told = {"half-widths by model": dict(zip(MODELS, half.value, strict=True)), "section": document.where("pi-width")}
    return Quantity(half.lowest(), 4, "of 1/√π", told)


def pi_constants(document: Document) -> Comparison:
    """1/√π, and σ ≈ 0.55 as the width of both models."""
    pi, where = document["pi"], document.where("pi")
    width = [
        one(f"erf width, {model}", pi.row("width of erf"), erf_row(load("000"), model, "parameter"), where)
        for model in MODELS
    ]
    return joined(one("1/√π", pi.row("1/√π"), 1 / math.sqrt(math.pi), where), *width)


def removable_share(document: Document) -> Quantity:
    """43 of 144 heads in percent, less the 30 % that they are said to reach."""
    table = document["ablation"]
    share = table.row("heads") / table.row("all heads") * 100.0
    return Quantity(
        share - interval(table.row("share in percent")),
        3,
        "percent",
        {"share": share.value, "section": document.where("ablation")},
    )
