"""Does the logit lens' token change where σ jumps? (001 exp2)"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from semphase.science.lexical.conditions import jump_layer


def changes_at_jump(
    sigma: Float[np.ndarray, "word condition layer"], top1: Int[np.ndarray, "word condition layer"]
) -> tuple[Float[np.ndarray, " pair"], Float[np.ndarray, " pair"]]:
    """For each word and condition: did the top-1 token change at the jump layer (0 or 1), and the rate elsewhere."""
    changed = (np.diff(top1, axis=-1) != 0).astype(float)
    jump = jump_layer(sigma)[..., None] - 1
    at_jump = np.take_along_axis(changed, jump, axis=-1)[..., 0]
    elsewhere = (changed.sum(axis=-1) - at_jump) / (changed.shape[-1] - 1)
    return at_jump.ravel(), elsewhere.ravel()
