"""Products split around those of the unchanged text, in families that do unusual things with them."""

from __future__ import annotations

import pytest
from families.small import small
from families.sweep import HEAD, IDS, LOSS, assembled

from semphase.measure.changes import Ablated
from semphase.measure.products.exact import split_replay
from semphase.measure.replay import Replay

ADDS_IN_PLACE = "falcon"
ROUTES_BY_A_PRODUCT = "llama4_text", "phimoe"
FOUND_BY_WHAT_PARTS_DO = "mpt", "minimax"


@pytest.mark.parametrize("family", [ADDS_IN_PLACE, *ROUTES_BY_A_PRODUCT, *FOUND_BY_WHAT_PARTS_DO])
def test_losses_without_a_head_are_those_of_plain_products(family):
    model = assembled(family, small(family))
    with Replay(model, IDS) as plain, split_replay(model, IDS) as split:
        for layer in range(model.layers):
            changes = {layer: Ablated((HEAD,))}
            assert float((split.losses(changes) - plain.losses(changes)).abs().max()) <= LOSS
