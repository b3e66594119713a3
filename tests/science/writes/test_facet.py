"""The study's writes: measured once, small in the store, and the same however memory cuts them."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from semphase.errors import SemphaseError
from semphase.science.writes.facet import Writes
from semphase.science.writes.spectra import WITH_FIRST, WITHOUT_FIRST
from semphase.science.writes.sums import GROUPS, POSITIONS


def everything(study) -> list[np.ndarray]:
    writes = study.facet(Writes)
    found = [writes.spectra.layers, writes.spectra.parts, writes.spectra.shared, writes.spectra.norm]
    found += [writes.cosines("shared"), writes.losses("individual", 21).sums, writes.losses("random shared", 21).sums]
    found += [writes.curves(("shared", "individual")).draws]
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
    ranks = spectra.ranks()
    np.testing.assert_array_equal(ranks.layers, ranks.raw * 768 / random_gpt2.d_model)


def test_all_components_keep_perplexity_and_few_do_not(study_of, random_gpt2):
    writes = study_of(random_gpt2).facet(Writes)
    for kind in ("individual", "shared", "random individual", "random shared"):
        assert writes.ratio(kind, random_gpt2.d_model).value == pytest.approx(1.0, abs=1e-5)
    assert abs(np.log(writes.ratio("random individual", 1).value)) > 1e-3
    curve = writes.curves(("individual", "shared"))
    k = writes.grid.index(writes.scaled(256))
    assert np.exp(curve.point[0, k]) == pytest.approx(writes.ratio("individual", writes.scaled(256)).value)


def test_random_bases_follow_the_seed(study_of, random_gpt2):
    first, again, other = (
        study_of(random_gpt2, seed=seed).facet(Writes).in_basis("random shared")[1] for seed in (0, 0, 1)
    )
    digests = [hashlib.sha256(basis.numpy().tobytes()).hexdigest() for basis in (first, again, other)]
    assert digests[0] == digests[1] != digests[2]


def test_cosines_grow_to_one_and_their_estimate_is_their_mean(study_of, random_gpt2):
    writes = study_of(random_gpt2).facet(Writes)
    cosines = writes.cosines("individual")
    assert np.all(np.diff(cosines.mean(axis=0)) > 0)
    np.testing.assert_allclose(cosines[:, -1], 1.0, atol=1e-5)
    k = writes.grid[2]
    assert writes.cosine("individual", k).value == pytest.approx(cosines[:, 2].mean())


@pytest.mark.parametrize("components", [0, 33])
def test_impossible_numbers_of_components_are_refused(study_of, random_gpt2, components):
    with pytest.raises(SemphaseError, match=f"{components} components were asked of 32; choose 1 to 32"):
        study_of(random_gpt2).facet(Writes).losses("individual", components)
