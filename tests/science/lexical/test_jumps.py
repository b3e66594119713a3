"""Changes of the top token at the jump and elsewhere, against a plain loop."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from semphase.science.lexical.jumps import changes_at_jump


def test_known_changes():
    sigma = np.array([[[0, 0.1, 0.9, 1.0], [0, 0.8, 0.9, 1.0]]])
    top1 = np.array([[[5, 5, 7, 7], [5, 5, 7, 8]]])
    at_jump, elsewhere = changes_at_jump(sigma, top1)
    np.testing.assert_array_equal(at_jump, [1, 0])  # the first jumps into layer 2, the second into layer 1
    np.testing.assert_array_equal(elsewhere, [0, 1])


@given(st.integers(0, 2**32 - 1))
def test_changes_by_a_slow_loop(seed):
    rng = np.random.default_rng(seed)
    sigma, top1 = rng.normal(size=(3, 5, 7)), rng.integers(0, 3, size=(3, 5, 7))
    at_jump, elsewhere = changes_at_jump(sigma, top1)
    pairs = [(word, condition) for word in range(3) for condition in range(5)]
    for place, pair in enumerate(pairs):
        steps = [abs(sigma[pair][k + 1] - sigma[pair][k]) for k in range(6)]
        changes = [top1[pair][k + 1] != top1[pair][k] for k in range(6)]
        jump = steps.index(max(steps))
        rest = [change for k, change in enumerate(changes) if k != jump]
        assert at_jump[place] == changes[jump]
        assert elsewhere[place] == np.mean(rest)
