"""Document 003: notes beside its heat maps and superlatives in its boxes against the tables."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from semphase.science.audit.cvfp_prose import DEPTHS, TOKENS, configuration
from semphase.science.audit.printed import Document
from semphase.science.audit.rounding import Interval, stack
from semphase.science.audit.statements import Statement, Statements, highest, less, lowest


def cells(document: Document, name: str) -> dict[str, Interval]:
    """A heat map by configuration."""
    table = document[name]
    return {
        configuration(layers, tokens): table[f"tokens{tokens}"][table.ints("layers").index(layers)]
        for layers in DEPTHS
        for tokens in TOKENS
    }


def alpha_map_notes(document: Document) -> Statements:
    """One layer is steepest at one token; three layers with three tokens are steepest."""
    notes, where = document["alpha-map-notes"], document.where("alpha-map-notes")
    at_one, of_all = (
        configuration(layers, tokens) for layers, tokens in zip(notes.ints("layers"), notes.ints("tokens"), strict=True)
    )
    own = cells(document, "alpha-map")
    column = {name: own[name] for name in own if name.endswith("_1tok")}
    return Statements(
        (
            lowest("one layer is steepest at one token", list(column), stack(list(column.values())), at_one, where),
            lowest("three layers with three tokens are steepest", list(own), stack(list(own.values())), of_all, where),
        )
    )


def rank_map_notes(document: Document) -> Statements:
    """Rank rises with the tokens at each depth, two layers have the highest, 1L_1tok the lowest."""
    own, where = cells(document, "rank-map"), document.where("rank-prose")
    rising = [
        less(
            f"{layers} layers: no less rank with {tokens + 1} tokens",
            own[configuration(layers, tokens)],
            own[configuration(layers, tokens + 1)],
            where,
        )
        for layers in DEPTHS
        for tokens in TOKENS[:-1]
    ]
    deepest = [
        highest(f"two layers have the highest rank at {tokens} tokens", names, ranks, configuration(2, tokens), where)
        for tokens in TOKENS
        for names in ([configuration(layers, tokens) for layers in DEPTHS],)
        for ranks in (stack([own[name] for name in names]),)
    ]
    least = lowest("1L_1tok has the lowest rank", list(own), stack(list(own.values())), configuration(1, 1), where)
    return Statements((*rising, *deepest, least))


def superlatives(document: Document) -> Statements:
    """The boxes of the three findings: steepest, largest A, lowest PPL, highest accuracy, second steepest."""
    table, where = document["summary"], document.where("boxes")
    names = table.names("config")
    steep, best, second = document["boxes"].names("config")
    others = np.array([name != steep for name in names])
    rest = [name for name in names if name != steep]
    return Statements(
        (
            lowest(f"{steep} is steepest", names, table["alpha"], steep, where),
            highest(f"{steep} has the largest A", names, table["a"], steep, where),
            lowest(f"{best} has the lowest PPL", names, table["best_ppl"], best, where),
            highest(f"{best} has the highest accuracy", names, table["best_accuracy"], best, where),
            lowest(f"{second} is second steepest", rest, table["alpha"][others], second, where),
        )
    )


def depth_unneeded(document: Document) -> Statements:
    """One layer has the steepest exponent of the three depths, at each number of tokens."""
    return Statements(tuple(_one_layer_steepest(document)))


def _one_layer_steepest(document: Document) -> Iterator[Statement]:
    table, where = document["summary"], document.where("properties")
    layers = int(document["properties"].row("layers").value)
    for tokens in TOKENS:
        names = [configuration(depth, tokens) for depth in DEPTHS]
        alpha = stack([table.row(name, "alpha") for name in names])
        yield lowest(f"one layer is steepest at {tokens} tokens", names, alpha, configuration(layers, tokens), where)
