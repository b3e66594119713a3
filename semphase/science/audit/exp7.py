"""Document 002: what layers write, the tables of exp7 against its prose."""

from __future__ import annotations

from semphase.science.audit.agreement import Comparison, compare, joined, one
from semphase.science.audit.evidence import Finding, Quantity
from semphase.science.audit.printed import Document
from semphase.science.audit.rounding import Interval, interval
from semphase.science.audit.statements import Statements, highest, less

EXCEPTIONS = (2, 11)


def ratios(document: Document) -> Comparison:
    """Every ratio of 7D beside PPL over the baseline, those of the prose beside the table."""
    table, prose = document["inference"], document["inference-prose"]
    where, said = document.where("inference"), document.where("inference-prose")
    baseline, ks = prose.row("baseline PPL"), table.ints("k")
    columns = [
        compare([f"{kind} ratio at K={k}" for k in ks], table[f"{kind}_ratio"], table[f"{kind}_ppl"] / baseline, where)
        for kind in ("individual", "shared")
    ]
    quoted = (
        ("ratio at 512", "individual", 512),
        ("ratio at 256", "individual", 256),
        ("shared ratio at 8", "shared", 8),
        ("shared ratio at 32", "shared", 32),
    )
    repeats = [one(name, prose.row(name), table[f"{kind}_ratio"][ks.index(k)], said) for name, kind, k in quoted]
    return joined(*columns, *repeats)


def summary(document: Document) -> dict[str, Finding]:
    """The prose "K > 80 in all layers but two" and "about half"."""
    return {"layers against K > 80": _above_eighty(document), "attention over MLP": _about_half(document)}


def _above_eighty(document: Document) -> Statements:
    table, where = document["components"], document.where("criterion")
    limit = document["criterion"].row("all layers but two need more than") + 1
    return Statements(
        tuple(
            less(f"layer {layer} needs more than 80 components", limit, table["k90"][i], where)
            for i, layer in enumerate(table.ints("layer"))
            if layer not in EXCEPTIONS
        )
    )


def _about_half(document: Document) -> Quantity:
    ratio = _middle(document, document["parts"]["ratio"])
    return Quantity(
        ratio.mean(), len(ratio), "attention / MLP", {"ratios": ratio.value, "section": document.where("parts")}
    )


def _middle(document: Document, column: Interval) -> Interval:
    """The rows of the middle layers, which 7B gives as 3 to 8."""
    prose = document["components-prose"]
    first, last = (int(prose.row(f"{end} middle layer").value) for end in ("first", "last"))
    return column[first : last + 1]


def middle_ranges(document: Document) -> Comparison:
    """Extremes that the prose gives for the middle layers: components, ratios, norms."""
    needed = _middle(document, document["components"]["k90"])
    ratio = _middle(document, document["parts"]["ratio"])
    components, parts = document["components-prose"], document["parts-prose"]
    where, said = document.where("components-prose"), document.where("parts-prose")
    return joined(
        one("fewest components", components.row("fewest"), needed.lowest(), where),
        one("most components", components.row("most"), needed.highest(), where),
        one("smallest ratio", parts.row("smallest ratio of the middle layers"), ratio.lowest(), said),
        one("largest ratio", parts.row("largest ratio of the middle layers"), ratio.highest(), said),
    )


def shares(document: Document) -> Comparison:
    """The ratio column of 7E, percentages of the width and of the heads, and the size of the joint matrix."""
    parts, width = document["parts"], document["criterion"].row("width")
    ratio = parts["attention"] / parts["mlp"]
    columns = compare(
        [f"attention / MLP, layer {i}" for i in parts.ints("layer")], parts["ratio"], ratio, document.where("parts")
    )
    own, across = document["components-prose"], document["comparison"]
    prose, shared = document["inference-prose"], document["shared-prose"]
    quoted = [
        (own, "fewest in percent", own.row("fewest") / width),
        (own, "most in percent", own.row("most") / width),
        (own, "layer 0 in percent", own.row("layer 0") / width),
        (prose, "K=512 in percent", 512 / width),
        (prose, "K=256 in percent", 256 / width),
        (across, "exp6 K(90 %) in percent", across.row("exp6 K(90 %)") / across.row("heads")),
        (across, "exp6 K for 1.1 in percent", across.row("exp6 K for 1.1") / across.row("heads")),
        (across, "exp7 K for 1.1 in percent", across.row("exp7 K for 1.1") / width),
    ]
    percent = [one(name, table.row(name), share * 100.0, document.where(table.name)) for table, name, share in quoted]
    rows = one(
        "rows of the joint matrix",
        shared.row("rows"),
        shared.row("positions") * shared.row("layers"),
        document.where("shared-prose"),
    )
    return joined(columns, *percent, rows)


def norms_rise(document: Document) -> Statements:
    """Every layer writes at least as much as the one before."""
    norms, where = document["norms"]["mean"], document.where("norms")
    steps = range(len(norms) - 1)
    return Statements(
        tuple(less(f"layer {i + 1} writes no less than layer {i}", norms[i], norms[i + 1], where) for i in steps)
    )


def spread_outliers(document: Document) -> Statements:
    """Layers 2 and 11 have the two largest ratios of standard deviation to mean."""
    table, where = document["norms"], document.where("norms")
    ratio, layers = table["deviation"] / table["mean"], table.ints("layer")
    others = [i for i in layers if i not in EXCEPTIONS]
    names = [f"layer {i}" for i in layers]
    return Statements(
        tuple(
            highest(
                f"layer {i} is spread more than all but the other exception",
                [names[j] for j in (i, *others)],
                ratio[[i, *others]],
                f"layer {i}",
                where,
            )
            for i in EXCEPTIONS
        )
    )


def norm_factor(document: Document) -> Quantity:
    """The norm of layer 11 over the mean norm of the middle layers."""
    norms = document["norms"]["mean"]
    middle = _middle(document, norms)
    told = {"middle layers": middle.value, "layer 11": norms.value[11], "section": document.where("norm-factor")}
    return Quantity(norms[11] / middle.mean(), 7, "times", told)


def norm_range(document: Document) -> Comparison:
    """Norms that 7C repeats: 354 for layer 11, the middle layers from 17 to 52."""
    prose, norms, where = document["shared-prose"], document["norms"]["mean"], document.where("shared-prose")
    # 52 is layer 9, so the middle is read as layers 3 to 9 here, which suits the sentence best.
    middle = norms[3:10]
    return joined(
        one("norm of layer 11", prose.row("norm of layer 11"), norms[11], where),
        one("smallest middle norm", prose.row("smallest norm of the middle layers"), middle.lowest(), where),
        one("largest middle norm", prose.row("largest norm of the middle layers"), middle.highest(), where),
    )


def fifty_components(document: Document) -> Statements:
    """No layer reaches 90 % of its variance with 50 components."""
    table, where = document["components"], document.where("criterion")
    limit = document["criterion"].row("components of the criterion") + 1
    layers = table.ints("layer")
    return Statements(tuple(less(f"layer {i} needs more than 50", limit, table["k90"][i], where) for i in layers))


def attention_lower(document: Document) -> Statements:
    """Attention needs fewer components than the MLP in every layer."""
    table, where = document["parts"], document.where("parts-prose")
    fewer = table["attention"] + 1
    layers = table.ints("layer")
    return Statements(
        tuple(less(f"attention is below the MLP in layer {i}", fewer[i], table["mlp"][i], where) for i in layers)
    )


def ratio_at_512(document: Document) -> Comparison:
    """K ≈ 512 as what a ratio of about 1.1 needs, beside the ratio that 7D gives there."""
    table, prose = document["inference"], document["comparison"]
    at = table.ints("k").index(int(prose.row("exp7 K for 1.1").value))
    return one("ratio at K=512", prose.row("ratio meant"), table["individual_ratio"][at], document.where("comparison"))


def cosines_and_errors(document: Document) -> Statements:
    """Mean cosine² + mean relative error² is at most 1, as for means of points on the unit circle."""
    table, where = document["reconstruction"], document.where("reconstruction")
    total = table["cosine"].squares() + table["error"].squares()
    ks = table.ints("k")
    return Statements(
        tuple(less(f"K={k}: cos² + error² <= 1", total[i], interval(1.0), where) for i, k in enumerate(ks))
    )
