"""Document 003: exponents, formulas, averages, labels and parameters against the 36 runs."""

from __future__ import annotations

import numpy as np

from semphase.science.audit.agreement import Comparison, compare, joined
from semphase.science.audit.cvfp_formulas import (
    context_parameters,
    exponent,
    factor,
    token_parameters,
    variance_explained,
)
from semphase.science.audit.evidence import Finding, Quantity
from semphase.science.audit.printed import Document, Table
from semphase.science.audit.rounded_fits import RoundedPowerLaw, fit_rounded
from semphase.science.audit.rounding import Interval, stack
from semphase.science.audit.statements import Statement, Statements, highest, less, lowest

WIDTH = 768


def laws(runs: Table) -> dict[str, RoundedPowerLaw]:
    """The power law of each configuration through its four runs."""
    return {
        name: fit_rounded(runs["text_tokens"].value[rows], runs["ppl"][rows])
        for name, rows in by_configuration(runs).items()
    }


def by_configuration(runs: Table) -> dict[str, np.ndarray]:
    """Rows of each configuration, sizes rising."""
    names = np.array(runs.names("config"))
    return {str(name): np.flatnonzero(names == name) for name in dict.fromkeys(names.tolist())}


def exponents(document: Document) -> dict[str, Finding]:
    """Largest deviations of the published α, A and R² from the refit: relative, relative and absolute."""
    summary = document["summary"]
    refitted = [laws(document["runs"])[name] for name in summary.names("config")]
    alpha, a, r2 = (stack([getattr(own, name) for own in refitted]) for name in ("alpha", "a", "r2"))
    return {
        "α": _apart(document, (summary["alpha"] / alpha - 1).magnitude(), summary["alpha"], alpha, "relative"),
        "A": _apart(document, (summary["a"] / a - 1).magnitude(), summary["a"], a, "relative"),
        "R²": _apart(document, (summary["r2"] - r2).magnitude(), summary["r2"], r2, "absolute"),
    }


def _apart(document: Document, apart: Interval, printed: Interval, found: Interval, unit: str) -> Quantity:
    names = document["summary"].names("config")
    rows = {
        name: {"printed": printed.value[i], "refitted": found.value[i], "apart": apart.value[i]}
        for i, name in enumerate(names)
    }
    return Quantity(
        apart.highest(), 36, unit, {"sections": [document.where("summary"), document.where("runs")], **rows}
    )


def alpha_formula(document: Document) -> Quantity:
    """Variance of the nine α that the published formula explains."""
    table = document["summary"]
    formula = exponent(table["layers"].value, table["tokens"].value)
    return _formula(document, "alpha", formula, "alpha-formula")


def a_formula(document: Document) -> Quantity:
    """Variance of the nine A that the published formula explains."""
    return _formula(document, "a", factor(document["summary"]["layers"].value), "a-formula")


def _formula(document: Document, column: str, formula: np.ndarray, section: str) -> Quantity:
    table = document["summary"]
    rows = zip(table.names("config"), table[column].value, formula, strict=True)
    told = {name: {"printed": printed, "formula": own} for name, printed, own in rows}
    return Quantity(
        variance_explained(table[column], formula),
        len(formula),
        "explained",
        {"section": document.where(section), **told},
    )


def averages(document: Document) -> Comparison:
    """Means of α and A by layers and by tokens."""
    summary = document["summary"]
    parts = []
    for column in ("alpha", "a"):
        for by in ("layers", "tokens"):
            table = document[f"{column}-by-{by}"]
            found = stack([summary[column][summary[by].value == group].mean() for group in table.ints("group")])
            names = [f"mean {column}, {group} {by}" for group in table.ints("group")]
            parts.append(compare(names, table["mean"], found, document.where(table.name)))
    return joined(*parts)


def best_labels(document: Document) -> Statements:
    """Best expressive power: lowest training PPL. Best generalisation: lowest gap. Fastest: fewest iterations."""
    gaps, labels = document["gaps"], document["labels"]
    chosen = dict(zip(labels.names("label"), labels.names("config"), strict=True))
    names, where = gaps.names("config"), document.where("gaps")
    iterations = total_iterations(document["runs"])
    return Statements(
        (
            lowest("best expressive power", names, gaps["train_ppl"], chosen["best expressive power"], where),
            lowest("best generalisation", names, gaps["gap"], chosen["best generalisation"], where),
            lowest(
                "fastest", list(iterations), stack(list(iterations.values())), chosen["fastest"], document.where("runs")
            ),
        )
    )


def total_iterations(runs: Table) -> dict[str, Interval]:
    """Phase-1 iterations of each configuration, summed over the four sizes."""
    return {name: runs["iterations"][rows].sum() for name, rows in by_configuration(runs).items()}


def parameters(document: Document) -> dict[str, Finding]:
    """The share that a recount gives, and how far the printed counts are from it."""
    table = document["parameters"]
    shapes = list(zip(table.ints("layers"), table.ints("tokens"), strict=True))
    counted = {
        "phase1": np.array([float(context_parameters(*shape, WIDTH, WIDTH)) for shape in shapes]),
        "phase2": np.array([float(token_parameters(*shape, WIDTH, WIDTH)) for shape in shapes]),
    }
    where, names = document.where("parameters"), table.names("config")
    small, large = names.index("1L_768d_2tok"), names.index("3L_768d_3tok")
    both = counted["phase1"] + counted["phase2"]
    told = {
        "counted": {phase: dict(zip(names, own, strict=True)) for phase, own in counted.items()},
        "shares counted": {phase: own[small] / own[large] for phase, own in counted.items()},
        "shares printed": {phase: table[phase].value[small] / table[phase].value[large] for phase in counted},
        "section": where,
    }
    share = np.array(both[small] / both[large])
    parts = [
        compare([f"{name}, {phase}" for name in names], table[phase], own, where) for phase, own in counted.items()
    ]
    return {"recounted share": Quantity(Interval(share, share, share), 4, "", told), "printed counts": joined(*parts)}


def quarter(document: Document) -> Statements:
    """By the printed counts alone: a quarter at most in either phase."""
    table, share = document["parameters"], document["quarter"].row("share").value
    names = table.names("config")
    small, large = names.index("1L_768d_2tok"), names.index("3L_768d_3tok")
    return Statements(
        tuple(
            less(
                f"1L_768d_2tok has at most a quarter of the parameters in {phase}",
                table[phase][small],
                table[phase][large] * float(share),
                document.where("quarter"),
            )
            for phase in ("phase1", "phase2")
        )
    )


def repeats(document: Document) -> Comparison:
    """What heat maps, boxes and the best columns repeat from the tables of results."""
    summary, runs = document["summary"], document["runs"]
    rows = by_configuration(runs)
    last = np.array([rows[name][-1] for name in summary.names("config")])
    maps = [
        _map(document, "alpha-map", summary["alpha"]),
        _map(document, "ppl-map", summary["best_ppl"]),
        _map(document, "rank-map", runs["train_rank"][last]),
    ]
    each = [rows[name] for name in summary.names("config")]
    best = [
        ("best_ppl", stack([runs["ppl"][own].lowest() for own in each])),
        ("best_accuracy", stack([runs["accuracy"][own].highest() for own in each])),
    ]
    columns = [
        compare(
            [f"{column} of {name}" for name in summary.names("config")],
            summary[column],
            found,
            document.where("summary"),
        )
        for column, found in best
    ]
    return joined(*maps, *columns, *_boxes(document))


def _map(document: Document, name: str, values: Interval) -> Comparison:
    """A heat map of layers × tokens beside the values [configuration]."""
    table, summary = document[name], document["summary"]
    at = [(layers, tokens) for layers in (1, 2, 3) for tokens in (1, 2, 3)]
    printed = stack([table[f"tokens{tokens}"][table.ints("layers").index(layers)] for layers, tokens in at])
    shapes = list(zip(summary.ints("layers"), summary.ints("tokens"), strict=True))
    found = values[np.array([shapes.index(shape) for shape in at])]
    return compare(
        [f"{name}, {layers} layers, {tokens} tokens" for layers, tokens in at], printed, found, document.where(name)
    )


def _boxes(document: Document) -> list[Comparison]:
    summary, boxes = document["summary"], document["boxes"]
    names = boxes.names("config")
    at = np.array([summary.names("config").index(name) for name in names])
    columns = ("alpha", "a", "best_ppl", "best_accuracy")
    return [
        compare([f"{column} of {name}" for name in names], boxes[column], summary[column][at], document.where("boxes"))
        for column in columns
    ]


def gaps(document: Document) -> Comparison:
    """The gap column beside validation over training PPL."""
    table = document["gaps"]
    return compare(table.names("config"), table["gap"], table["ppl"] / table["train_ppl"], document.where("gaps"))


def mean_labels(document: Document) -> Statements:
    """Labels of the tables of means: which row is steepest, middle, smallest, largest."""
    alpha = document["alpha-by-layers"]["mean"]
    by_layers, by_tokens = document["a-by-layers"]["mean"], document["a-by-tokens"]["mean"]
    depths, tokens = ["1 layer", "2 layers", "3 layers"], ["1 token", "2 tokens", "3 tokens"]
    where = document.where("alpha-by-layers")
    middle: list[Statement] = [
        less(
            "two layers are not the flattest",
            alpha[1],
            Interval(*(np.maximum(part[0], part[2]) for part in (alpha.value, alpha.low, alpha.high))),
            where,
        )
    ]
    return Statements(
        (
            lowest("one layer has the steepest mean α", depths, alpha, "1 layer", where),
            *middle,
            lowest("two layers have the smallest mean A", depths, by_layers, "2 layers", document.where("a-by-layers")),
            highest(
                "three layers have the largest mean A", depths, by_layers, "3 layers", document.where("a-by-layers")
            ),
            lowest("two tokens have the smallest mean A", tokens, by_tokens, "2 tokens", document.where("a-by-tokens")),
        )
    )
