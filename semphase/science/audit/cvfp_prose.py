"""Document 003: sentences and recommendations against the tables."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from semphase.science.audit.agreement import Comparison, compare
from semphase.science.audit.cvfp_formulas import exponent
from semphase.science.audit.cvfp_tables import by_configuration, laws
from semphase.science.audit.evidence import Quantity
from semphase.science.audit.printed import Document, Table
from semphase.science.audit.published import load
from semphase.science.audit.rounding import Interval, interval, stack
from semphase.science.audit.statements import Statements, less, lowest

DEPTHS, TOKENS = (1, 2, 3), (1, 2, 3)


def configuration(layers: int, tokens: int) -> str:
    """The source's name of a configuration."""
    return f"{layers}L_768d_{tokens}tok"


def at_size(runs: Table, column: str, documents: int) -> dict[str, Interval]:
    """A column at one number of documents, by configuration."""
    rows = np.flatnonzero(runs["documents"].value == documents)
    return {runs.names("config")[i]: runs[column][i] for i in rows}


def fastest_depth(document: Document) -> Statements:
    """Two layers take the fewest iterations at every number of tokens, over the four sizes together."""
    runs, where = document["runs"], document.where("iteration-map")
    rows = by_configuration(runs)
    return Statements(
        tuple(
            lowest(f"two layers are fastest at {tokens} tokens", names, total, configuration(2, tokens), where)
            for tokens in TOKENS
            for names in ([configuration(layers, tokens) for layers in DEPTHS],)
            for total in (stack([runs["iterations"][rows[name]].sum() for name in names]),)
        )
    )


def iterations(document: Document) -> Statements:
    """Two and three layers converge in 6 to 17 iterations, and no run takes fewer with fewer tokens."""
    runs, where = document["runs"], document.where("iteration-prose")
    prose, deep = document["iteration-prose"], document["runs"]["layers"].value > 1
    count = runs["iterations"][deep]
    more = [
        less(
            f"{layers} layers, {size} documents: {tokens + 1} tokens take no longer than {tokens}",
            own[configuration(layers, tokens + 1)],
            own[configuration(layers, tokens)],
            document.where("runs"),
        )
        for size in (50, 100, 200, 500)
        for own in (at_size(runs, "iterations", size),)
        for layers in DEPTHS
        for tokens in TOKENS[:-1]
    ]
    return Statements(
        (
            less("at least 6 iterations", prose.row("fewest"), count.lowest(), where),
            less("at most 17 iterations", count.highest(), prose.row("most"), where),
            *more,
        )
    )


def train_ppl(document: Document) -> Statements:
    """Training PPL with two and three tokens is below that with one, at every depth, with 500 documents."""
    own, where = at_size(document["runs"], "train_ppl", 500), document.where("gaps")
    return Statements(
        tuple(
            less(
                f"{configuration(layers, tokens)} below {configuration(layers, 1)}",
                own[configuration(layers, tokens)],
                own[configuration(layers, 1)],
                where,
            )
            for layers in DEPTHS
            for tokens in (2, 3)
        )
    )


def third_token_gain(document: Document) -> Quantity:
    """Mean best PPL with two tokens less that with three."""
    table = document["summary"]
    two, three = (table["best_ppl"][table["tokens"].value == tokens] for tokens in (2, 3))
    told = {"two tokens": two.value, "three tokens": three.value, "section": document.where("summary")}
    return Quantity(two.mean() - three.mean(), 6, "PPL", told)


def few_data(document: Document) -> Statements:
    """The configuration recommended for few data has the lowest PPL with 50 documents, and the lowest A."""
    chosen, where = recommended(document, "few data"), document.where("recommendations")
    own, summary = at_size(document["runs"], "ppl", 50), document["summary"]
    return Statements(
        (
            lowest("lowest PPL with 50 documents", list(own), stack(list(own.values())), chosen, where),
            lowest("lowest A", summary.names("config"), summary["a"], chosen, where),
        )
    )


def factor_orders_few_data(document: Document) -> Quantity:
    """Share of the 36 pairs of configurations in which the larger A has the larger PPL with 50 documents."""
    summary, own = document["summary"], at_size(document["runs"], "ppl", 50)
    a, ppl = summary["a"], stack([own[name] for name in summary.names("config")])
    agree = stack([(a[i] - a[j]) * (ppl[i] - ppl[j]) for i, j in combinations(range(len(a)), 2)])
    share = agree.map(lambda product: (product > 0).astype(float)).mean()
    told = {
        name: {"A": a.value[i], "PPL with 50 documents": ppl.value[i]} for i, name in enumerate(summary.names("config"))
    }
    return Quantity(share, 18, "of pairs", {"section": document.where("boxes"), **told})


def large_data(document: Document) -> Statements:
    """The configuration recommended for large data improves fastest from 200 to 500 documents, and is best there."""
    chosen, where = recommended(document, "large data"), document.where("recommendations")
    steps = {name: law.last_step for name, law in laws(document["runs"]).items()}
    own = at_size(document["runs"], "ppl", 500)
    return Statements(
        (
            lowest("steepest from 200 to 500 documents", list(steps), stack(list(steps.values())), chosen, where),
            lowest("lowest PPL with 500 documents", list(own), stack(list(own.values())), chosen, where),
        )
    )


def recommended(document: Document, purpose: str) -> str:
    """The configuration recommended for a purpose."""
    table = document["recommendations"]
    return table.names("config")[table.names("purpose").index(purpose)]


def formula_prose(document: Document) -> Statements:
    """What is read out of the formula of α: 1 or 3 layers and two tokens are steeper, by the formula and the means."""
    where = document.where("alpha-formula")
    layers, tokens = (
        exponent(np.array(DEPTHS, float), np.full(3, 2.0)),
        exponent(np.full(3, 2.0), np.array(TOKENS, float)),
    )
    names = ["1", "2", "3"]
    by_tokens = document["alpha-by-tokens"]["mean"]
    return Statements(
        (
            less("the formula is steeper at 1 layer than at 2", interval(layers[0]), interval(layers[1]), where),
            less("the formula is steeper at 3 layers than at 2", interval(layers[2]), interval(layers[1]), where),
            lowest("the formula is steepest at 2 tokens", names, interval(tokens), "2", where),
            lowest("the mean α is steepest at 2 tokens", names, by_tokens, "2", document.where("alpha-by-tokens")),
        )
    )


def token_counts(document: Document) -> Comparison:
    """Tokens of 50 to 500 documents in 003 beside those of 004."""
    runs, sizes = document["runs"], load("004")["sizes"]
    first = by_configuration(runs)["1L_768d_1tok"]
    names = [f"tokens of {count} documents" for count in sizes.ints("documents")]
    return compare(names, runs["text_tokens"][first], sizes["text_tokens"], document.where("runs"))
