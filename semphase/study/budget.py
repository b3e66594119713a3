"""How much a run spends, whatever it measures; numbers of one phenomenon stand in its folder, by a budget's name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """Numbers of one budget.

    simulations: samples of a fitted law or curve, for tests that are made by simulation; tokens: of the corpus on which
    perplexity is measured, None for all.
    """

    name: str
    simulations: int
    tokens: int | None = 2048


BUDGETS = {
    "quick": Budget("quick", simulations=1000, tokens=2048),
    "standard": Budget("standard", simulations=2000, tokens=16384),
    "full": Budget("full", simulations=10000, tokens=None),
}
