"""What heads do alone, on the half of the text that chooses orders."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from semphase.science.heads.facet import Heads
from semphase.science.heads.pareto import importance


def importances(heads: Heads, kind: str) -> Float[np.ndarray, " head"]:
    """ΔPPL of every head under a kind of change; in a universe Δloss in nats, or ΔPPL to first order."""
    baseline = heads.text.baseline("choose")
    if heads.study.choice("effects") == "gradient":
        return np.asarray(baseline.perplexity * np.expm1(heads.gradient(kind)))
    single = heads.single(kind, "choose")
    return single.mean - baseline.mean if _in_nats(heads) else importance(single, baseline)


def importance_error(heads: Heads, kind: str) -> float:
    """The standard deviation with which these were measured: that of the screening, 0 where all was exact."""
    if heads.study.choice("effects") == "gradient":
        return 0.0
    return heads.screening_error(kind) * (1.0 if _in_nats(heads) else float(heads.text.baseline("choose").perplexity))


def _in_nats(heads: Heads) -> bool:
    return bool(heads.study.choice("importance") == "Δloss")
