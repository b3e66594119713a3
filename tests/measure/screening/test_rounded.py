"""Products of a change in 8-bit integers: exact without a change, and off by a small share of it with one."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from random_models import FAMILIES, random_model
from torch.nn import functional

from semphase.errors import SemphaseError
from semphase.measure.changes import Ablated
from semphase.measure.products.around import Around, ModelAround, kept_bytes
from semphase.measure.replay import Replay
from semphase.measure.screening.rounded import LEVELS, weight_levels
from semphase.measure.screening.ways import screening
from semphase.measure.sweeps import head_by_head, substitute

ZERO = substitute("zero")
NUMBERS = st.floats(-100, 100, width=32)
ids = torch.randint(3, 90, (3, 20), generator=torch.Generator().manual_seed(3))


@given(arrays(np.float32, (5, 6), elements=NUMBERS), arrays(np.float32, (3, 6), elements=NUMBERS))
def test_a_product_is_off_by_no_more_than_half_a_step_of_each_factor(change, rows):
    weight, change = weight_levels(torch.from_numpy(rows)), torch.from_numpy(change)
    there = functional.linear(torch.ones(5, 6), torch.from_numpy(rows))
    found = Around(weight, torch.ones(5, 6), there).product(torch.ones(5, 6) + change)
    # (δ + ε)(w + η) - δw with |ε| and |η| half a step of their rows, each step 1/127 of the row's largest entry.
    moved = (torch.ones(5, 6) + change) - torch.ones(5, 6)
    of_change = moved.abs().amax(dim=1, keepdim=True) / LEVELS / 2
    of_weight = torch.from_numpy(np.abs(rows).max(axis=1)) / LEVELS / 2
    bound = moved.abs().sum(dim=1, keepdim=True) * of_weight + of_change * torch.from_numpy(np.abs(rows).sum(axis=1))
    bound = bound + 6 * of_change * of_weight
    exact = there.double() + moved.double() @ torch.from_numpy(rows).double().T
    # Six products and three sums in float32, of numbers up to 10⁵.
    assert bool(((found - exact).abs() <= bound * (1 + 1e-4) + 1e-5 * exact.abs().max() + 1e-30).all())


def test_without_a_change_a_product_is_the_one_kept():
    x, rows = torch.randn(2, 20, 8), torch.randn(5, 8)
    there = functional.linear(x.flatten(0, 1), rows)
    found = Around(weight_levels(rows), x.flatten(0, 1), there).product(x)
    assert torch.equal(found, there.view(2, 20, 5))


def test_copies_of_the_text_are_multiplied_as_one_is():
    x, y, rows = torch.randn(2, 20, 8), torch.randn(2, 20, 8), torch.randn(5, 8)
    around = Around(weight_levels(rows), x.flatten(0, 1), functional.linear(x.flatten(0, 1), rows))
    together = around.product(torch.cat([y, x]))
    assert torch.equal(together, torch.cat([around.product(y), around.product(x)]))


@pytest.mark.parametrize("family", FAMILIES)
def test_heads_have_the_effects_of_exact_products(loaded, family):
    model = loaded(family)
    with Replay(model, ids) as exact, screening(model, "int8")(ids, {}) as rough:
        torch.testing.assert_close(rough.in_force, exact.in_force)
        for layer in range(model.layers):
            wanted = head_by_head(exact, layer, ZERO) - exact.in_force
            found = head_by_head(rough, layer, ZERO) - rough.in_force
            # A product is off by a hundredth of the change; a dozen follow each other.
            assert float((found - wanted).norm()) < 0.1 * float(wanted.norm())


def test_changes_in_force_are_the_new_unchanged_state(loaded):
    model, base = loaded("llama"), {1: Ablated((0, 2))}
    with Replay(model, ids) as exact, screening(model, "int8")(ids, base) as rough:
        exact.move(base)
        torch.testing.assert_close(rough.in_force, exact.in_force)
        for layer in range(model.layers):
            wanted = head_by_head(exact, layer, ZERO, [1, 3]) - exact.in_force
            found = head_by_head(rough, layer, ZERO, [1, 3]) - rough.in_force
            assert float((found - wanted).norm()) < 0.1 * float(wanted.norm())


@pytest.mark.parametrize("family", ["llama", "gpt2", "gpt_neox", "phi"])
def test_products_with_one_input_are_made_together(loaded, family):
    """Queries, keys and values; their output; gate and up, where there is a gate; down."""
    rounded = ModelAround(loaded(family), weight_levels)
    with rounded.recorded(), Replay(rounded.model, ids):
        pass
    assert len(rounded._weights) == 4 * rounded.model.layers


def test_the_model_itself_is_left_alone_and_its_weights_are_not_copied(loaded):
    model = loaded("llama")
    names = [type(part).__name__ for part in model.module.modules()]
    rounded = ModelAround(model, weight_levels)
    assert [type(part).__name__ for part in model.module.modules()] == names
    assert {id(own) for own in rounded.model.module.parameters()} == {id(own) for own in model.module.parameters()}


def test_what_is_kept_fits_into_what_is_counted(loaded):
    model = loaded("llama")
    rounded = ModelAround(model, weight_levels)
    with rounded.recorded(), Replay(rounded.model, ids):
        pass
    arounds = {id(p.shared.around): p.shared.around for p in rounded.model.module.modules() if hasattr(p, "shared")}
    kept = sum(own.at.nbytes + own.there.nbytes for own in arounds.values())
    assert 0.5 * kept_bytes(model, ids.numel()) < kept <= kept_bytes(model, ids.numel())


def test_what_is_kept_goes_with_the_last_that_uses_it(loaded):
    """At once, not when the garbage collector comes round: it may be gigabytes."""
    gc.collect()
    gc.disable()
    try:
        rough = screening(loaded("llama"), "int8")(ids, {})
        kept = [weakref.ref(own.shared.around.there) for own in rough.model.module.modules() if hasattr(own, "shared")]
        assert all(own() is not None for own in kept)
        rough.close()
        del rough
        assert kept
        assert all(own() is None for own in kept)
    finally:
        gc.enable()


def test_a_broken_head_is_named(loaded):
    with (
        screening(loaded("llama"), "int8")(ids, {}) as rough,
        pytest.raises(SemphaseError, match="head 0 of layer 1"),
    ):
        head_by_head(rough, 1, lambda seen: torch.full_like(seen.outputs, torch.nan))


def test_a_product_that_works_twice_in_a_pass_is_refused(tmp_path):
    model = random_model("llama", tmp_path)
    first, last = model.anatomy.blocks[0], model.anatomy.blocks[-1]
    last.mlp = first.mlp
    with pytest.raises(SemphaseError, match=r"cannot be rounded.* --budget full"):
        screening(model, "int8")(ids, {})
