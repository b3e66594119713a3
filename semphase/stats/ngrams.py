"""How much of a text says again what it has said."""

from __future__ import annotations

from collections.abc import Sequence


def repeated_share(tokens: Sequence[int], n: int = 4) -> float:
    """The share of a text's n-grams that occurred in it before; nan for a text of fewer than n tokens.

    1 − distinct/all, the measure of degenerate text of Welleck et al. 2020 (1908.04319, "seq-rep-n").
    """
    grams = [tuple(tokens[k : k + n]) for k in range(len(tokens) - n + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else float("nan")
