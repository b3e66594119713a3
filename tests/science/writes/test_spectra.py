"""Principal components from moments, against singular values of the rows themselves; what is left out, against a loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.errors import Undefined
from semphase.science.writes import spectra
from semphase.science.writes.spectra import WITH_FIRST, WITHOUT_FIRST, Moment, Spectra

D = 12


def moment(rows: np.ndarray) -> Moment:
    return Moment(len(rows), float(np.linalg.norm(rows, axis=1).sum()), rows.sum(axis=0), rows.T @ rows)


def normal(n: int, d: int = D, seed: int = 0, mean: float = 0.5) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 1.0, size=(n, d))


def singular(rows: np.ndarray) -> np.ndarray:
    """Variances along principal directions, from the centred rows."""
    values = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False) ** 2 / len(rows)
    return np.pad(values, (0, rows.shape[1] - len(values)))


@pytest.mark.parametrize("n", [200, 7])
def test_spectrum_and_basis_are_those_of_the_centred_rows(n):
    rows = normal(n)
    own = moment(rows)
    np.testing.assert_allclose(own.spectrum, singular(rows), atol=1e-12)
    np.testing.assert_allclose(own.basis.T @ own.basis, np.eye(D), atol=1e-12)
    projected = (rows - rows.mean(axis=0)) @ own.basis
    np.testing.assert_allclose((projected**2).mean(axis=0), own.spectrum, atol=1e-12)


def test_stacked_layers_are_pooled_around_their_common_mean():
    layers = [normal(50, seed=k, mean=k) * (1 + 3 * k) for k in range(3)]
    pooled = moment(layers[0]) + moment(layers[1]) + moment(layers[2])
    np.testing.assert_allclose(pooled.spectrum, singular(np.concatenate(layers)), rtol=1e-10)


def test_scaling_to_unit_norm_is_that_of_the_rows():
    layers = [normal(50, seed=k) * 10.0**k for k in range(3)]
    pooled = None
    for rows in layers:
        one = moment(rows).to_unit_norm()
        pooled = one if pooled is None else pooled + one
    scaled = [rows / np.linalg.norm(rows, axis=1).mean() for rows in layers]
    np.testing.assert_allclose(pooled.spectrum, singular(np.concatenate(scaled)), rtol=1e-10)


def test_norms_are_those_of_the_rows():
    rows = normal(80)
    lengths = np.linalg.norm(rows, axis=1)
    assert moment(rows).mean_norm == pytest.approx(lengths.mean())
    assert moment(rows).std_norm == pytest.approx(lengths.std())


def test_every_group_is_left_out_once_and_position_0_never_with_it():
    groups, first = [normal(10, seed=k) for k in range(4)], normal(2, seed=9) * 100
    found = {(variant, at): own for variant, at, own in spectra.left_out([moment(g) for g in groups], moment(first))}
    assert len(found) == 10
    for (variant, at), own in found.items():
        rows = [group for k, group in enumerate(groups) if k != variant - 1]
        rows += [first] if at == WITH_FIRST else []
        np.testing.assert_allclose(own.spectrum, singular(np.concatenate(rows)), atol=1e-8)
        assert own.count == sum(map(len, rows))


@given(st.integers(1, D), st.floats(1.0, 5.0))
def test_a_planted_rank_is_found(rank, scale):
    planted = np.zeros(D)
    planted[:rank] = scale
    assert spectra.components(planted) == math.ceil(0.9 * rank - 1e-9)
    assert spectra.components(planted, 1.0) == rank


def test_one_large_row_makes_rank_one_and_leaving_it_out_ends_that():
    rows, first = normal(300, 64, mean=0.0), np.full((1, 64), 1000.0)
    assert spectra.components((moment(rows) + moment(first)).spectrum) == 1
    assert spectra.components(moment(rows).spectrum) > 40


@given(st.lists(st.floats(0.0, 10.0), min_size=1, max_size=20).filter(lambda own: sum(own) > 1e-3), st.data())
def test_components_hold_the_share_and_no_fewer_do(values, data):
    share = data.draw(st.floats(0.05, 0.99))
    spectrum = np.sort(np.array(values))[::-1]
    k = int(spectra.components(spectrum, share))
    held = np.cumsum(spectrum) / spectrum.sum()
    assert 1 <= k <= len(spectrum)
    assert held[k - 1] >= share - 1e-9
    assert k == 1 or held[k - 2] < share


@given(st.floats(1e-3, 1e3))
def test_components_do_not_depend_on_the_unit(factor):
    own = moment(normal(40))
    assert spectra.components(own.scaled(factor).spectrum) == spectra.components(own.spectrum)


def test_no_variance_has_no_components():
    with pytest.raises(Undefined, match="without variance"):
        spectra.components(np.zeros((2, 4)))
    with pytest.raises(Undefined, match="writes nothing"):
        moment(np.zeros((3, 4))).to_unit_norm()


def test_the_grid_scales_with_the_stream():
    published = (8, 16, 32, 64, 128, 256, 512, 768)
    assert spectra.grid(published, 768) == published
    assert spectra.grid(published, 64) == (1, 3, 5, 11, 21, 43, 64)
    assert spectra.for_source_d(32, 64) == 384


def test_random_bases_are_orthonormal():
    basis = spectra.random_basis(D, np.random.default_rng(0))
    np.testing.assert_allclose(basis.T @ basis, np.eye(D), atol=1e-12)


@given(st.lists(st.floats(0.01, 10.0), min_size=1, max_size=20), st.floats(0.05, 0.99))
def test_the_crossing_is_that_of_the_interpolated_cumulative_variance(values, share):
    spectrum = np.sort(np.array(values))[::-1]
    held = np.concatenate([[0.0], np.cumsum(spectrum) / spectrum.sum()])
    found = float(spectra.crossing(spectrum, share))
    assert found == pytest.approx(np.interp(share, held, np.arange(len(held))), abs=1e-6)
    whole = int(spectra.components(spectrum, share))
    assert whole - 1 <= found <= whole


def made(layers: np.ndarray, norm: np.ndarray | None = None) -> Spectra:
    """Spectra [variant, first, layer, component] that stand for parts and pooled ones as well."""
    return Spectra(
        layers,
        np.stack([layers[0], layers[0]], axis=1),
        layers[:, :, :2],
        np.ones(layers.shape[:3]) if norm is None else norm,
    )


def test_ranks_are_in_units_of_the_source():
    whole = np.broadcast_to(np.eye(1, 64)[0] + 1e-9, (3, 2, 4, 64)).copy()
    whole[:, WITHOUT_FIRST] = 1.0
    found = made(whole)
    assert found.counts.tolist() == [[1] * 4, [58] * 4]
    ranks = found.ranks()
    np.testing.assert_allclose(ranks.layers, [[0.9 * 12] * 4, [57.6 * 12] * 4], rtol=1e-6)
    np.testing.assert_allclose(ranks.shared, ranks.layers[:, :2])
    assert found.part_ranks.shape == (2, 2, 4)


def test_an_estimate_leaves_each_group_out():
    rng = np.random.default_rng(0)
    layers = np.sort(rng.uniform(0.9, 1.1, size=(9, 2, 4, 64)), axis=-1)[..., ::-1]
    found = made(layers)
    values, groups = found.each(lambda ranks: ranks.layers[WITH_FIRST])
    assert (values.shape, groups.without.shape, groups.kind) == ((4,), (4, 8), "text")
    for variant in range(1, 9):
        own = spectra.crossing(layers[variant, WITH_FIRST]) * 12
        np.testing.assert_allclose(groups.without[:, variant - 1], own)
    estimate = found.estimate(lambda ranks: ranks.layers[WITH_FIRST].mean(), "mean K", (0.0, 768.0), "components")
    assert estimate.low < estimate.value < estimate.high
    assert (estimate.population, estimate.units, estimate.lacks) == (("text",), (8,), "")


def test_groups_alike_leave_the_estimate_open():
    layers = np.ones((9, 2, 4, 64))
    assert made(layers).estimate(lambda ranks: ranks.layers[0, 0], "K", (0.0, 768.0)).lacks


def test_rises_are_those_of_a_loop():
    curve, blocks = np.random.default_rng(0).normal(size=5), np.random.default_rng(1).normal(size=(5, 30))
    pairs = [(i, j) for i in range(5) for j in range(i + 1, 5)]
    np.testing.assert_allclose(spectra.rises(curve), [curve[j] - curve[i] for i, j in pairs])
    np.testing.assert_allclose(spectra.rises(blocks), [blocks[j] - blocks[i] for i, j in pairs])
