"""How much a run spends: draws, positions and tokens for each budget."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """Numbers of one budget.

    draws: bootstrap draws of an estimate; control_draws: of each control; simulations: parametric-bootstrap
    samples of a likelihood-ratio test; tokens: of the corpus on which perplexity is measured, None for all;
    stages: how often a greedy order of heads is ranked anew before the registered count is reached;
    screens: whether single heads may be screened first; documents, validation_documents: for training
    CVFP models and for judging them, of document_tokens each or fewer where the corpus is short; control_sizes: how
    many of these sizes the controls are trained at, smallest first; seeds: of every training that is no control.
    """

    name: str
    draws: int
    control_draws: int
    simulations: int
    tokens: int | None = 2048
    stages: int = 2
    screens: bool = True
    documents: tuple[int, ...] = (50, 100, 200, 500)
    validation_documents: int = 50
    document_tokens: int = 40
    control_sizes: int = 4
    seeds: int = 1


BUDGETS = {
    "quick": Budget("quick", draws=200, control_draws=100, simulations=1000, tokens=2048, stages=2, control_sizes=3),
    "standard": Budget(
        "standard", draws=500, control_draws=100, simulations=2000, tokens=16384, stages=3, control_sizes=3, seeds=3
    ),
    "full": Budget(
        "full",
        draws=4000,
        control_draws=500,
        simulations=10000,
        tokens=None,
        stages=9,
        screens=False,
        document_tokens=1200,
        seeds=3,
    ),
}
COPIES = 5
ROTATION_POSITIONS = 500
