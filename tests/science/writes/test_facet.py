"""The study's writes: measured once, small in the store, and the same however memory cuts them."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from semphase.errors import SemphaseError
from semphase.science.writes import sums
from semphase.science.writes.facet import INDIVIDUAL, SHARED, Kind, Writes
from semphase.science.writes.spectra import WITH_FIRST, WITHOUT_FIRST
from semphase.science.writes.sums import GROUPS, POSITIONS


def everything(study) -> list[np.ndarray]:
    writes = study.facet(Writes)
    found = [writes.spectra.layers, writes.spectra.parts, writes.spectra.shared, writes.spectra.norm]
    found += [writes.cosines(SHARED), writes.losses(INDIVIDUAL, 21).sums, writes.losses(Kind("shared", 3), 21).sums]
    found += [writes.taken(Kind("shared", 3), 21)]
    return found


def test_a_second_run_needs_no_forward_pass(study_of, random_gpt2):
    first = everything(study_of(random_gpt2))
    handles = [
        module.register_forward_pre_hook(lambda *_: pytest.fail("a forward pass"))
        for module in (random_gpt2.module, random_gpt2.module.base_model)
    ]
    try:
        second = everything(study_of(random_gpt2))
    finally:
        for handle in handles:
            handle.remove()
    for before, after in zip(first, second, strict=True):
        np.testing.assert_array_equal(before, after)


def test_positions_are_the_first_of_the_choosing_half(study_of, tiny):
    writes = study_of(tiny).facet(Writes)
    assert writes.positions == POSITIONS
    np.testing.assert_array_equal(writes.rows[0], study_of(tiny).text.chunks("choose")[0, :POSITIONS])


def test_what_is_measured_does_not_depend_on_memory(study_of, random_gpt2, tmp_path):
    d, layers = random_gpt2.d_model, random_gpt2.layers
    small = 8 * d**2 * (GROUPS + 1) * 6
    one, cut = (study_of(random_gpt2, memory=memory, store=_store(tmp_path, memory)) for memory in (None, small))
    assert cut.facet(Writes)._plan == (GROUPS, 1)
    assert one.facet(Writes)._plan == (GROUPS, layers)
    for name in ("layers", "parts", "shared", "norm"):
        np.testing.assert_allclose(
            getattr(cut.facet(Writes).spectra, name), getattr(one.facet(Writes).spectra, name), rtol=1e-9
        )


def _store(folder, memory):
    from semphase.store import Store

    return Store(folder / str(memory))


def test_too_little_memory_names_the_option(study_of, random_gpt2):
    with pytest.raises(SemphaseError, match="--memory"):
        study_of(random_gpt2, memory=20_000).facet(Writes).spectra  # noqa: B018


def test_spectra_and_bases_belong_together(study_of, random_gpt2):
    writes = study_of(random_gpt2).facet(Writes)
    bases, spectra = writes.bases, writes.spectra
    identity = np.eye(random_gpt2.d_model)
    for basis in (*bases.individual, bases.shared):
        np.testing.assert_allclose(basis.T @ basis, identity, atol=1e-5)
    assert spectra.layers.shape == (GROUPS + 1, 2, random_gpt2.layers, random_gpt2.d_model)
    assert not np.array_equal(spectra.layers[0, WITH_FIRST], spectra.layers[0, WITHOUT_FIRST])
    np.testing.assert_array_equal(writes.detail["K(90 %) with position 0"], spectra.counts[WITH_FIRST])


def test_copies_have_as_many_groups_as_the_model(study_of, random_gpt2):
    study = study_of(random_gpt2)
    copy = study.untrained[0].facet(Writes)
    assert copy._plan == study.facet(Writes)._plan
    assert copy.spectra.layers.shape == study.facet(Writes).spectra.layers.shape


def test_all_components_keep_perplexity_and_few_do_not(study_of, random_gpt2):
    writes = study_of(random_gpt2).facet(Writes)
    for kind in (INDIVIDUAL, SHARED, Kind("individual", 0), Kind("shared", 0)):
        assert writes.ratio(kind, random_gpt2.d_model).value == pytest.approx(1.0, abs=1e-5)
    assert abs(np.log(writes.ratio(INDIVIDUAL, 1).value)) > 1e-3
    low, high = writes.scaled(16), writes.scaled(512)
    chosen = [k for k in writes.grid if low <= k <= high]
    logs = {kind: np.log([writes.ratio(kind, k).value for k in writes.grid]) for kind in (INDIVIDUAL, SHARED)}
    at = [writes.grid.index(k) for k in chosen]
    margin = writes.smallest_margin(SHARED, INDIVIDUAL, low, high)
    assert margin.value == pytest.approx((logs[SHARED] - logs[INDIVIDUAL])[at].min())
    rises = [late - early for i, early in enumerate(logs[SHARED]) for late in logs[SHARED][i + 1 :]]
    assert writes.largest_rise(SHARED).value == pytest.approx(max(rises))


@pytest.mark.parametrize("basis", [INDIVIDUAL, SHARED])
def test_random_bases_move_the_writes_no_farther(study_of, random_gpt2, basis):
    """By the squares of Δφ less its reconstruction, at every position and layer."""
    writes, k = study_of(random_gpt2).facet(Writes), 5
    moved = {}
    for kind in (basis, writes.random_like(basis)[1]):
        means, bases = writes.in_basis(kind)
        squares = np.zeros(writes.layers)

        def add(layer, _part, write, means=means, bases=bases, squares=squares):
            own, outside = means[layer].double(), bases[layer, :, k:].double()
            squares[layer] += float(((write - own) @ outside).square().sum())

        for ids in writes.rows:
            sums._watch(random_gpt2, ids, range(writes.layers), ("all",), add)
        moved[kind] = squares * writes.taken(kind, k) ** 2
    wanted, found = moved.values()
    assert np.all(writes.taken(basis, k) == 1)
    part = writes.taken(writes.random_like(basis)[1], k)
    assert np.all((part > 0) & (part <= 1))
    np.testing.assert_allclose(found[part < 1], wanted[part < 1], rtol=1e-5)
    assert np.all(found[part == 1] <= wanted[part == 1])


def test_what_lies_outside_is_taken_away_in_part(study_of, random_gpt2):
    """Nothing taken away is the model itself, all of it the reconstruction."""
    writes = study_of(random_gpt2).facet(Writes)
    means, bases = writes.in_basis(INDIVIDUAL)
    ids = torch.from_numpy(writes.study.text.chunks("judge")[:1])
    whole, none = (
        sums.low_rank_losses(random_gpt2, ids, means, bases[..., :3], torch.full((3,), t)) for t in (1.0, 0.0)
    )
    assert torch.equal(whole, sums.low_rank_losses(random_gpt2, ids, means, bases[..., :3]))
    np.testing.assert_allclose(none, sums.low_rank_losses(random_gpt2, ids, means, bases), atol=1e-4)


def test_random_bases_follow_the_seed(study_of, random_gpt2):
    first, again, other = (
        study_of(random_gpt2, seed=seed).facet(Writes).in_basis(Kind("shared", 0))[1] for seed in (0, 0, 1)
    )
    digests = [hashlib.sha256(basis.numpy().tobytes()).hexdigest() for basis in (first, again, other)]
    assert digests[0] == digests[1] != digests[2]


def test_cosines_grow_to_one_and_their_estimate_is_their_mean(study_of, random_gpt2):
    writes = study_of(random_gpt2).facet(Writes)
    cosines = writes.cosines(INDIVIDUAL)
    assert np.all(np.diff(cosines.mean(axis=0)) > 0)
    np.testing.assert_allclose(cosines[:, -1], 1.0, atol=1e-5)
    k = writes.grid[2]
    assert writes.cosine(INDIVIDUAL, k).value == pytest.approx(cosines[:, 2].mean())


@pytest.mark.parametrize("components", [0, 33])
def test_impossible_numbers_of_components_are_refused(study_of, random_gpt2, components):
    with pytest.raises(SemphaseError, match=f"{components} components were asked of 32; choose 1 to 32"):
        study_of(random_gpt2).facet(Writes).losses(INDIVIDUAL, components)
