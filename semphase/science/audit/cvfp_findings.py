"""Document 004: gains, scaling, agreement of contexts and effective rank."""

from __future__ import annotations

import numpy as np

from semphase.science.audit.agreement import Comparison, compare, joined, one
from semphase.science.audit.printed import Document
from semphase.science.audit.rounded_fits import fit_rounded

LN2 = float(np.log(2))


def gains(document: Document) -> Comparison:
    """Percentages by which PPL and accuracy improve with the token in every layer."""
    table, prose, where = document["token-input"], document["token-input-gains"], document.where("token-input-gains")
    ppl = (1 - table["ppl"][0] / table["ppl"][1]) * 100.0
    accuracy = (table["accuracy"][0] / table["accuracy"][1] - 1) * 100.0
    return joined(
        one("PPL better by percent", prose.row("PPL better by percent"), ppl, where),
        one("accuracy up by percent", prose.row("accuracy up by percent"), accuracy, where),
    )


def scaling(document: Document) -> Comparison:
    """α and R² refitted from the four runs, and what α says of doubled data."""
    sizes, prose, where = document["sizes"], document["scaling"], document.where("scaling")
    law = fit_rounded(sizes["text_tokens"].value, sizes["ppl"])
    # 1 − 2^α falls as α rises.
    saved = 1 - (prose.row("α") * LN2).map(np.exp)
    return joined(
        one("α", prose.row("α"), law.alpha, where),
        one("R²", prose.row("R²"), law.r2, where),
        one("reduction in percent", prose.row("reduction in percent"), saved * 100.0, where),
    )


def rank_range(document: Document) -> Comparison:
    """The range of effective rank that the conclusion gives beside the table's."""
    rank, prose, where = document["sizes"]["rank"], document["rank-range"], document.where("rank-range")
    return joined(
        one("lowest rank in percent", prose.row("lowest"), rank.lowest(), where),
        one("highest rank in percent", prose.row("highest"), rank.highest(), where),
    )


def parallel_errors(document: Document) -> Comparison:
    """MSE = 2 (1 − cosine) for contexts whose layer norm gives them mean square 1; and the mean over positions."""
    table, prose, where = document["positions"], document["parallel"], document.where("positions")
    own = document.where("parallel")
    return joined(
        compare(
            [f"MSE, {position}" for position in table.names("position")],
            table["mse"],
            (1 - table["cosine"]) * 2.0,
            where,
        ),
        one("MSE of all", prose.row("MSE"), (1 - prose.row("mean cosine")) * 2.0, own),
    )


def repeats(document: Document) -> Comparison:
    """Figures that two sections of 004 share."""
    table, sizes, early = document["token-input"], document["sizes"], document["early-stopping"]
    where, last = document.where("token-input"), len(sizes["ppl"]) - 1
    said = document.where("early-stopping")
    columns = [
        one(f"{column} of the first-layer variant", table[column][1], sizes[column][last], where)
        for column in ("rank", "ppl", "accuracy")
    ]
    return joined(
        *columns,
        one("accuracy at 500", early.row("accuracy at 500"), sizes["accuracy"][last], said),
        one("accuracy at 200", early.row("accuracy at 200"), sizes["accuracy"][last - 1], said),
        one(
            "tokens of 50 documents",
            document["parallel"].row("tokens"),
            sizes["text_tokens"][0],
            document.where("parallel"),
        ),
    )
