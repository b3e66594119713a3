"""Document 000: the fits of the permeation function against what is said of them."""

from __future__ import annotations

import numpy as np

from semphase.science.audit.agreement import Comparison, compare, joined, one
from semphase.science.audit.evidence import Finding, Quantity
from semphase.science.audit.printed import Document
from semphase.science.audit.rounded_fits import (
    aic_differences,
    bic_less_aic,
    excess_distance,
    rounded_curve,
    rss_from_aic,
)
from semphase.science.audit.rounding import Interval, stack
from semphase.science.audit.statements import Statement, Statements, less, lowest
from semphase.stats.families import SHAPES

MODELS = ("small", "medium")
LARGEST_VARIANCE = 0.25
"""Of numbers between 0 and 1, such as g."""


def statistics(document: Document) -> Comparison:
    """AIC by differences within a table, BIC − AIC, ranks, and D = σ²/2 of the width that is quoted with it."""
    tables = [_information(document, model) for model in MODELS]
    ranks = [_ranks(document, f"{kind}-{model}") for kind in ("fits", "truncated") for model in MODELS]
    width, table = document["fits-small"]["parameter"][0], document["diffusion"]
    diffusion = one("D = σ²/2 of the small model", table.row("D"), width.squares() / 2, document.where("diffusion"))
    return joined(*tables, *ranks, diffusion)


def _information(document: Document, model: str) -> Comparison:
    table, where = document[f"fits-{model}"], document.where(f"fits-{model}")
    families, aic, bic = table.names("family"), table["aic"], table["bic"]
    k, n = parameters(families), points(document, model)
    by_r2 = aic_differences(table["r2"], n, k)[1:]
    differences = compare([f"AIC of {name} less the first" for name in families[1:]], aic[1:] - aic[0], by_r2, where)
    gaps = compare([f"BIC - AIC of {name}" for name in families], bic - aic, bic_less_aic(n, k), where)
    return joined(differences, gaps)


def _ranks(document: Document, name: str) -> Comparison:
    """The printed rank beside the rank by AIC as R², n and k give it."""
    table, families = document[name], document[name].names("family")
    kind, _, model = name.partition("-")
    aic = aic_differences(
        table["r2"], points(document, model, "points" if kind == "fits" else "kept"), parameters(families)
    )
    # A rank is as uncertain as the families whose AIC may lie on either side.
    least = [1 + sum(aic.high < low) for low in aic.low]
    most = [sum(aic.low <= high) for high in aic.high]
    rank = 1 + np.argsort(np.argsort(aic.value, kind="stable"), kind="stable")
    found = Interval(rank.astype(float), np.array(least, dtype=float), np.array(most, dtype=float))
    return compare([f"rank of {family}" for family in families], table["rank"], found, document.where(name))


def best_families(document: Document) -> Statements:
    """Over the full depth erf has the lowest AIC, without the drop the power law, in both models."""
    each = [
        _best(document, f"{kind}-{model}", best, points(document, model, column))
        for kind, best, column in (("fits", "erf", "points"), ("truncated", "power", "kept"))
        for model in MODELS
    ]
    return Statements(tuple(each))


def _best(document: Document, name: str, best: str, n: int) -> Statement:
    table = document[name]
    families = table.names("family")
    aic = aic_differences(table["r2"], n, parameters(families))
    return lowest(f"{best} is best in {name}", families, aic, best, document.where(name))


def overwhelming_lead(document: Document) -> Quantity:
    """AIC by which the power law leads the second family in the truncated small model."""
    aic, told = _truncated(document, "small")
    others = np.array(told["families"]) != "power"
    return Quantity((aic - aic[int(np.argmin(others))])[others].lowest(), len(aic), "ΔAIC", told)


def comparable_lag(document: Document) -> Quantity:
    """AIC by which the power law lies behind the best family in the truncated medium model."""
    aic, told = _truncated(document, "medium")
    at = told["families"].index("power")
    return Quantity(aic[at] - aic[np.arange(len(aic)) != at].lowest(), len(aic), "ΔAIC", told)


def _truncated(document: Document, model: str) -> tuple[Interval, dict[str, list[str] | str]]:
    table = document[f"truncated-{model}"]
    families = list(table.names("family"))
    aic = aic_differences(table["r2"], points(document, model, "kept"), parameters(families))
    return aic, {"families": families, "section": document.where(f"truncated-{model}")}


def rise_misses_peak(document: Document) -> Quantity:
    """How far x^0.9 at the peak's depth misses the published peak of g, in the model where it misses most."""
    peaks, exponent = document["peaks"], document["rise"].row("exponent")
    depth = peaks["peak_layer"].value / peaks["layers"].value
    # The exponent is printed to one digit; a falling power turns its bounds around.
    risen = Interval(*(depth**power for power in (exponent.value, exponent.high, exponent.low)))
    miss = (peaks["peak"] - risen).magnitude()
    told = {
        "x^0.9": risen.value,
        "printed peak": peaks["peak"].value,
        "sections": [document.where("rise"), document.where("peaks")],
    }
    return Quantity(miss.highest(), 5, "g", told)


def truncation(document: Document) -> Statements:
    """The fits without the drop end at the peak."""
    peaks, ranges, where = document["peaks"], document["ranges"], document.where("ranges")
    last = (ranges["kept"] - 1) / peaks["layers"]
    peak = peaks["peak_layer"] / peaks["layers"]
    said = [f"no layer behind the peak is left in the truncated {model}" for model in MODELS]
    return Statements(tuple(less(text, last[i], peak[i], where) for i, text in enumerate(said)))


def diffusion(document: Document) -> Comparison:
    """D = σ²/2 of every published erf width beside the printed 0.15."""
    names = [f"{kind}-{model}" for kind in ("fits", "truncated") for model in MODELS]
    printed = document["diffusion"].row("D")
    parts = []
    for name in names:
        width = document[name]["parameter"][document[name].names("family").index("erf")]
        parts.append(one(f"D of {name}", printed, width.squares() / 2, document.where(name)))
    return joined(*parts)


def profile(document: Document) -> Comparison:
    """Depths and drops of the peak, ranges and the largest difference, which repeat or follow from other figures."""
    peaks, words, where = document["peaks"], document["words"], document.where("peaks")
    models = peaks.names("model")
    depth = peaks["peak_layer"] / peaks["layers"]
    last = (document["ranges"]["kept"] - 1) / peaks["layers"]
    prose, between = document["word-prose"], document["between-models"]
    apart = (peaks["final"][0] - peaks["final"][1]).magnitude()
    return joined(
        compare([f"depth of the peak, {model}" for model in models], peaks["peak_x"], depth, where),
        compare([f"drop, {model}" for model in models], peaks["drop"], peaks["peak"] - peaks["final"], where),
        compare(
            [f"last depth kept, {model}" for model in models],
            document["ranges"]["last_x"],
            last,
            document.where("ranges"),
        ),
        one("smallest f_max", prose.row("smallest f_max"), words["f_max"].lowest(), document.where("word-prose")),
        one("largest f_max", prose.row("largest f_max"), words["f_max"].highest(), document.where("word-prose")),
        # g of the models differs by 0.143 at the last layer alone, which is the printed largest difference.
        one("largest difference of g", between.row("largest difference"), apart, document.where("between-models")),
    )


def fits_compatible(document: Document) -> dict[str, Finding]:
    """Largest distance of two published curves over what their residuals allow, for each table of fits."""
    return {f"{kind}, {model}": _distance(document, kind, model) for kind in ("fits", "truncated") for model in MODELS}


def _distance(document: Document, kind: str, model: str) -> Quantity:
    """In a truncated table under the reading of the depth, l/L or l over the last layer kept, that fits better."""
    name = f"{kind}-{model}"
    table, layers = document[name], document["peaks"].ints("layers")[MODELS.index(model)]
    families = table.names("family")
    readings: tuple[int, ...] = (layers,)
    if kind == "fits":
        n = points(document, model)
        rss = rss_from_aic(table["aic"], n, parameters(families))
    else:
        n = points(document, model, "kept")
        # g lies between 0 and 1, which bounds the unknown sum of squares about the mean.
        rss, readings = (1 - table["r2"]) * (n * LARGEST_VARIANCE), (layers, n - 1)
    found = []
    for scale in readings:
        curves = [
            rounded_curve(SHAPES[family], np.arange(n) / scale, _parameters(document, name, family))
            for family in families
        ]
        ratio, (i, j) = excess_distance(curves, rss)
        found.append(
            (ratio, {"section": document.where(name), "pair": [families[i], families[j]], "depth over": scale})
        )
    ratio, told = min(found, key=lambda own: float(own[0].value))
    lowest_of = stack([own for own, _ in found]).lowest()
    return Quantity(
        Interval(ratio.value, lowest_of.low, lowest_of.high), 3 * len(families), "of what the residuals allow", told
    )


def _parameters(document: Document, name: str, family: str) -> list[Interval]:
    own = document[name]["parameter"][document[name].names("family").index(family)]
    return [own, document["centres"].row(name, "centre")] if SHAPES[family].k == 2 else [own]


def parameters(families: tuple[str, ...] | list[str]) -> np.ndarray:
    """Free parameters k [family]."""
    return np.array([float(SHAPES[name].k) for name in families])


def points(document: Document, model: str, column: str = "points") -> int:
    """The number of points that the curves of a model were fitted to."""
    return document["ranges"].ints(column)[MODELS.index(model)]
