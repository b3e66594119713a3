"""How many passes through the model the claims on heads take at the least, for a plan made before they run."""

from __future__ import annotations

KINDS = {"heads": 2, "linear": 3}
"""Changes under which every head is changed alone: two ablations, three forms of attention."""
CHOOSING = 0.5
"""The share of the text that orders are chosen on."""


def passes(group: str, layers: int, heads: int) -> float | None:
    """Every head changed alone on the choosing half, from its own block on; what else is done is left out.

    A head of layer k of L leaves k blocks alone, so the heads of all layers take (L + 1) / 2 of a pass for each L.
    """
    kinds = KINDS.get(group)
    return None if kinds is None else kinds * heads * (layers + 1) / 2 * CHOOSING
