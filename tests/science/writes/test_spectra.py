"""Principal components from moments, against singular values of the rows themselves; jackknife against a loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from semphase.errors import SemphaseError, Undefined
from semphase.science.writes import spectra
from semphase.science.writes.spectra import WITH_FIRST, WITHOUT_FIRST, Curves, Moment, Spectra
from semphase.stats.interval import of_largest

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


def test_jackknife_is_that_of_a_loop():
    groups = np.split(normal(48, 1).ravel(), 8)
    others = [np.concatenate(groups[:k] + groups[k + 1 :]).mean() for k in range(8)]
    value = float(np.concatenate(groups).mean())
    found = spectra.jackknife(value, others, 48)
    spread = 0.0
    for other in others:
        spread += (other - sum(others) / 8) ** 2
    half = stats.t.ppf(0.975, 7) * math.sqrt(7 / 8 * spread)
    assert (found.low, found.high) == pytest.approx((value - half, value + half))
    # For a mean of equal groups it is the interval of the group means.
    means = np.array([group.mean() for group in groups])
    assert half == pytest.approx(stats.t.ppf(0.975, 7) * means.std(ddof=1) / math.sqrt(8))
    assert "8 contiguous groups" in found.method


def test_jackknife_keeps_to_the_range_and_refuses_what_it_cannot():
    found = spectra.jackknife(0.9, [0.5, 0.99, 0.9], 3, within=(-1.0, 1.0))
    assert found.high == 1.0
    with pytest.raises(Undefined, match="no jackknife interval"):
        spectra.jackknife(1.0, [1.0, math.nan], 2)
    with pytest.raises(SemphaseError, match="at least two groups, not 1"):
        spectra.jackknife(1.0, [1.0], 2)


def test_ranks_are_in_units_of_the_source():
    whole = np.broadcast_to(np.eye(1, 64)[0] + 1e-9, (3, 2, 4, 64)).copy()
    whole[:, WITHOUT_FIRST] = 1.0
    made = Spectra(whole, np.stack([whole[0], whole[0]], axis=1), whole[:, :, :2], np.ones((3, 2, 4)), 100)
    ranks = made.ranks()
    assert ranks.raw.tolist() == [[1] * 4, [58] * 4]
    assert ranks.layers[WITHOUT_FIRST, 0] == 58 * 12
    assert ranks.shared.tolist() == [[12.0, 12.0], [696.0, 696.0]]
    found = made.estimate(lambda own: float(own.layers[WITH_FIRST].min()))
    assert (found.value, found.low, found.high, found.n) == (12.0, 12.0, 12.0, 100)
    assert made.part_ranks.shape == (2, 2, 4)


@given(st.integers(0, 2**32 - 1))
def test_the_interval_of_the_largest_holds_it_and_mirrors_the_smallest(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=5)
    draws = values[:, None] + rng.normal(0, 0.1, size=(5, 50))
    found = of_largest(values, draws, n=5, what="draws")
    mirrored = spectra.smallest(-values, -draws, n=5, what="draws")
    assert found.low <= found.value == values.max() <= found.high
    assert (mirrored.value, mirrored.low, mirrored.high) == (-found.value, -found.high, -found.low)


def test_the_largest_of_many_equal_numbers_is_not_taken_for_positive():
    """Percentiles of the largest draw would all lie above zero."""
    rng, wrong = np.random.default_rng(0), 0
    for _ in range(200):
        values = rng.normal(0, 0.1, size=20)
        draws = values[:, None] + rng.normal(0, 0.1, size=(20, 400))
        wrong += of_largest(values, draws, n=20, what="draws").low > 0
    assert wrong <= 14  # 2.5 % of 200 are 5; 14 is exceeded with p < 0.001


def test_rises_and_margins_are_those_of_a_loop():
    rng = np.random.default_rng(0)
    point, draws = rng.normal(size=(2, 5)), rng.normal(size=(2, 5, 30))
    curves = Curves(point, draws, 640, "draws")
    rises = [point[0, j] - point[0, i] for i in range(5) for j in range(i + 1, 5)]
    assert curves.largest_rise().value == pytest.approx(max(rises))
    chosen = [True, False, True, True, False]
    assert curves.smallest_margin(chosen).value == pytest.approx((point[0] - point[1])[chosen].min())
    assert spectra.rises(draws[0]).shape == (10, 30)


def test_values_that_are_not_finite_have_no_largest():
    with pytest.raises(Undefined, match="largest of 2 numbers"):
        of_largest(np.array([1.0, np.nan]), np.ones((2, 3)), n=1, what="draws")


def test_depth_correlation():
    assert spectra.spearman_with_depth(np.array([1.0, 2.0, 5.0])) == pytest.approx(1.0)
    with pytest.raises(Undefined, match="correlation with depth"):
        spectra.spearman_with_depth(np.ones(4))
