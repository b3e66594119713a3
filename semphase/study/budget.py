"""How much a run spends, whatever it measures; numbers of one phenomenon stand in its folder, by a budget's name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """Numbers of one budget.

    draws: bootstrap draws of an estimate; control_draws: of each control; simulations: parametric-bootstrap
    samples of a likelihood-ratio test; tokens: of the corpus on which perplexity is measured, None for all.
    """

    name: str
    draws: int
    control_draws: int
    simulations: int
    tokens: int | None = 2048


BUDGETS = {
    "quick": Budget("quick", draws=200, control_draws=100, simulations=1000, tokens=2048),
    "standard": Budget("standard", draws=500, control_draws=100, simulations=2000, tokens=16384),
    "full": Budget("full", draws=4000, control_draws=500, simulations=10000, tokens=None),
}
