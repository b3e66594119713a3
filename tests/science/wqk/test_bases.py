"""Bases of head matrices against dense linear algebra, slow loops and planted spectra."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import semphase.science.wqk.bases as bases
from semphase.errors import SemphaseError, Undefined

LAYERS, PER_LAYER, D, D_HEAD = 3, 4, 10, 3
HEADS = LAYERS * PER_LAYER
LAYER = np.repeat(np.arange(LAYERS), PER_LAYER)
SEEDS = st.integers(0, 2**32 - 1)


def random_heads(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((HEADS, D, D_HEAD)), rng.standard_normal((HEADS, D, D_HEAD))


def planted(rank: int, seed: int = 0) -> bases.HeadBasis:
    """Matrices that differ in `rank` directions of equal variance."""
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((HEADS, rank))
    scores = np.linalg.qr(scores - scores.mean(axis=0))[0]
    flat = 0.1 + scores @ np.linalg.qr(rng.standard_normal((D * D, rank)))[0].T
    return bases.principal(flat @ flat.T, LAYER)


def outer(queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """W_Q W_Kᵀ as a whole, flattened."""
    return np.einsum("hdk,hek->hde", queries, keys).reshape(len(queries), -1)


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_the_gram_form_has_the_spectrum_of_the_dense_matrices(monkeypatch, rows):
    queries, keys = random_heads()
    monkeypatch.setattr(bases, "ROWS_BYTES", rows * HEADS * D * 8)
    gram = bases.outer_gram(queries, keys)
    by_heads = [
        [np.sum((q.T @ other_q) * (k.T @ other_k)) for other_q, other_k in zip(queries, keys, strict=True)]
        for q, k in zip(queries, keys, strict=True)
    ]
    np.testing.assert_allclose(gram, by_heads, rtol=1e-10, atol=1e-10)
    dense = outer(queries, keys)
    singular = np.linalg.svd(dense - dense.mean(axis=0), compute_uv=False)
    basis = bases.principal(gram, LAYER)
    np.testing.assert_allclose(basis.variances, singular[:HEADS] ** 2, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(basis.scores, axis=0), singular[:HEADS], atol=1e-6)


@pytest.mark.parametrize("count", [1, 4, HEADS - 1, HEADS])
def test_both_rebuilt_forms_are_the_projection_on_the_leading_components(count):
    queries, keys = random_heads()
    inside = bases.inside_products(queries, keys)
    mixing = bases.principal(bases.inside_gram(inside), LAYER).leading(count)
    made = bases.rebuilt_inside(queries, keys, mixing)
    np.testing.assert_allclose(
        bases.inside_products(made, keys).reshape(HEADS, -1), truncated(inside.reshape(HEADS, -1), count), atol=1e-9
    )
    mixing = bases.principal(bases.outer_gram(queries, keys), LAYER).leading(count)
    made, wanted = bases.rebuilt_outer(queries, keys, mixing), truncated(outer(queries, keys), count)
    by_inverse = [w.reshape(D, D) @ k @ np.linalg.inv(k.T @ k) for w, k in zip(wanted, keys, strict=True)]
    np.testing.assert_allclose(made, by_inverse, atol=1e-9)
    if count >= HEADS - 1:
        np.testing.assert_allclose(made, queries, atol=1e-9)


def truncated(flat: np.ndarray, count: int) -> np.ndarray:
    """The same by a singular value decomposition of the matrices themselves."""
    mean = flat.mean(axis=0)
    left, singular, right = np.linalg.svd(flat - mean, full_matrices=False)
    return mean + (left[:, :count] * singular[:count]) @ right[:count]


def test_what_keys_cannot_see_of_the_queries_stays():
    queries, keys = random_heads()
    made = bases.rebuilt_inside(queries, keys, bases.replacement(np.zeros(HEADS, dtype=int)))
    for before, after, key in zip(queries, made, keys, strict=True):
        unseen = np.eye(D) - key @ np.linalg.pinv(key)
        np.testing.assert_allclose(unseen @ after, unseen @ before, atol=1e-10)
        np.testing.assert_allclose(after.T @ key, queries[0].T @ keys[0], atol=1e-9)


def test_deficient_keys_leave_the_whole_basis_as_it_is():
    queries, keys = random_heads()
    keys[:, :, 0] = keys[:, :, 1]
    for gram, rebuilt in (
        (bases.inside_gram(bases.inside_products(queries, keys)), bases.rebuilt_inside),
        (bases.outer_gram(queries, keys), bases.rebuilt_outer),
    ):
        made = rebuilt(queries, keys, bases.principal(gram, LAYER).leading(HEADS))
        np.testing.assert_allclose(made, queries, atol=1e-9)


def test_other_bases_move_the_registered_form_and_not_the_gram_form():
    queries, keys = random_heads()
    frames = np.random.default_rng(1).standard_normal((HEADS, D_HEAD, D_HEAD))
    turned = queries @ frames, keys @ np.linalg.inv(frames).transpose(0, 2, 1)
    np.testing.assert_allclose(bases.outer_gram(*turned), bases.outer_gram(queries, keys), atol=1e-9)
    products = bases.inside_products(queries, keys, frames)
    np.testing.assert_allclose(products, bases.inside_products(*turned), atol=1e-9)
    own, moved = (bases.inside_gram(item) for item in (bases.inside_products(queries, keys), products))
    assert abs(bases.principal(own, LAYER).cumulative - bases.principal(moved, LAYER).cumulative).max() > 0.01
    # Rebuilt in the other bases and brought back, the attention scores are those of the model in them.
    mixing = bases.principal(moved, LAYER).leading(4)
    brought_back = bases.rebuilt_inside(queries, keys, mixing, frames)
    np.testing.assert_allclose(
        outer(brought_back, keys), outer(bases.rebuilt_inside(*turned, mixing), turned[1]), atol=1e-7
    )


@given(SEEDS, st.integers(1, HEADS - 1))
@settings(max_examples=30)
def test_planted_components_are_found(seed, rank):
    basis = planted(rank, seed)
    assert basis.components(1.0) == rank
    assert basis.components(0.5 / rank) == 1
    np.testing.assert_allclose(basis.cumulative[:rank], np.arange(1, rank + 1) / rank)


@given(SEEDS, st.lists(st.floats(0.0, 1.0), min_size=2, max_size=8))
@settings(max_examples=50)
def test_components_grow_with_the_share(seed, shares):
    basis = bases.principal(bases.outer_gram(*random_heads(seed)), LAYER)
    counts = [basis.components(share) for share in sorted(shares)]
    assert counts == sorted(counts)
    assert counts[0] >= 1
    assert counts[-1] <= HEADS
    for share, count in zip(sorted(shares), counts, strict=True):
        assert basis.cumulative[count - 1] >= share - 1e-9
        assert count == 1 or basis.cumulative[count - 2] < share


@pytest.mark.parametrize(("rank", "share", "wanted"), [(8, 0.9, 8), (5, 0.8, 4), (4, 0.5, 2), (1, 0.9, 1)])
def test_the_dimension_is_that_which_was_planted(rank, share, wanted):
    """So many directions of equal variance hold a share of it, in units of twice as many heads."""
    found = bases.dimension(planted(rank), share, 2 * HEADS)
    assert (found.low, found.value, found.high) == (2 * wanted,) * 3
    assert (found.population, found.units) == (("census",), (HEADS,))


@given(SEEDS, st.integers(1, HEADS - 1))
@settings(max_examples=20)
def test_a_mixture_goes_no_farther_than_the_one_wanted(seed, count):
    queries, keys = random_heads(seed)
    basis, rng = bases.principal(bases.outer_gram(queries, keys), LAYER), np.random.default_rng(seed)
    dense, wanted = outer(queries, keys), basis.leading(count)
    goal = np.linalg.norm(wanted @ dense - dense)
    for mixing in (basis.random(count, rng), bases.scattered(HEADS, count, rng)):
        before = np.linalg.norm(mixing @ dense - dense)
        made = basis.as_far(mixing, wanted)
        assert np.linalg.norm(made @ dense - dense) == pytest.approx(min(goal, before), abs=1e-6)
        # On the straight line to what was drawn.
        change, whole = (made - np.eye(HEADS)).ravel(), (mixing - np.eye(HEADS)).ravel()
        assert abs(change @ whole) == pytest.approx(np.linalg.norm(change) * np.linalg.norm(whole), abs=1e-8)
    np.testing.assert_array_equal(basis.as_far(np.eye(HEADS), wanted), np.eye(HEADS))


def test_random_directions_keep_as_much_as_a_random_share():
    basis = bases.principal(bases.outer_gram(*random_heads()), LAYER)
    rng = np.random.default_rng(0)
    dense = outer(*random_heads())
    mean = dense.mean(axis=0)
    kept = basis.random(4, rng) @ dense - mean
    assert np.linalg.matrix_rank(kept, tol=1e-8) == 4
    # A projection: orthogonal to what it leaves out, and done twice it is done once.
    np.testing.assert_allclose(np.sum(kept * (dense - mean - kept), axis=1), 0, atol=1e-8)
    assert np.sum(kept**2) < np.sum((basis.leading(4) @ dense - mean) ** 2)
    np.testing.assert_allclose(basis.random(HEADS - 1, rng), np.eye(HEADS), atol=1e-8)


def test_clusters_are_represented_by_their_nearest_member():
    rng = np.random.default_rng(3)
    centres = 10 * rng.standard_normal((4, 20))
    own = np.arange(HEADS) % 4
    flat = centres[own] + 0.1 * rng.standard_normal((HEADS, 20))
    mixing = bases.principal(flat @ flat.T, LAYER).clusters(4, np.random.default_rng(0))
    for label in range(4):
        members = np.flatnonzero(own == label)
        distance = np.linalg.norm(flat[members] - flat[members].mean(axis=0), axis=1)
        assert set(mixing[members].argmax(axis=1)) == {members[distance.argmin()]}
    np.testing.assert_array_equal(mixing.sum(axis=1), 1)


@pytest.mark.parametrize("prepared", ["not centred", "centred in each layer", "unit norm"])
@pytest.mark.parametrize("count", [2, HEADS - LAYERS])
def test_other_preparations_by_dense_algebra(prepared, count):
    """Means that are taken off are kept, and lengths that are divided by come back."""
    dense, lengths, means = outer(*random_heads()), np.ones((HEADS, 1)), 0.0
    if prepared == "unit norm":
        lengths = np.linalg.norm(dense, axis=1, keepdims=True)
        means = (dense / lengths).mean(axis=0)
    if prepared == "centred in each layer":
        means = dense.reshape(LAYERS, PER_LAYER, -1).mean(axis=1).repeat(PER_LAYER, axis=0)
    left, singular, right = np.linalg.svd(dense / lengths - means, full_matrices=False)
    basis = bases.principal(dense @ dense.T, LAYER, prepared)
    np.testing.assert_allclose(basis.variances, singular**2, atol=1e-8)
    wanted = lengths * (means + (left[:, :count] * singular[:count]) @ right[:count])
    np.testing.assert_allclose(basis.leading(count) @ dense, wanted, atol=1e-8)


def test_heads_that_differ_by_length_alone_are_one_at_unit_norm():
    flat = np.outer(np.arange(1, HEADS + 1), np.ones(5))
    assert bases.principal(flat @ flat.T, LAYER).components(1.0) == 1
    with pytest.raises(Undefined, match="all equal"):
        bases.principal(flat @ flat.T, LAYER, "unit norm")
    with pytest.raises(Undefined, match="matrix is zero, so it cannot be scaled"):
        bases.principal(np.diag([0.0, *np.ones(HEADS - 1)]), LAYER, "unit norm")


def test_ward_finds_the_clusters_that_k_means_finds():
    rng = np.random.default_rng(3)
    flat = 10 * rng.standard_normal((4, 20))[np.arange(HEADS) % 4] + 0.1 * rng.standard_normal((HEADS, 20))
    basis = bases.principal(flat @ flat.T, LAYER)
    np.testing.assert_array_equal(basis.merged(4), basis.clusters(4, np.random.default_rng(0)))


def test_a_head_that_stands_for_others_takes_their_lengths_where_lengths_are_divided_by():
    """Two directions, heads of each of every length: each keeps its own."""
    directions = np.array([[1.0, 0.0, 0.1], [0.0, 1.0, 0.1]])[np.arange(HEADS) % 2]
    lengths = np.arange(1.0, HEADS + 1)
    flat = lengths[:, None] * directions
    mixing = bases.principal(flat @ flat.T, LAYER, "unit norm").clusters(2, np.random.default_rng(0))
    np.testing.assert_allclose(mixing @ flat, flat, atol=1e-12)


@given(SEEDS, st.integers(1, HEADS))
@settings(max_examples=20)
def test_as_many_heads_stay_in_the_control(seed, count):
    assigned = bases.scattered(HEADS, count, np.random.default_rng(seed)).argmax(axis=1)
    assert len(set(assigned)) == count
    assert all(assigned[head] == head for head in set(assigned))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_component_that_tells_the_layer_correlates_with_it(sign):
    """Heads that differ by their layer alone: ties within layers are the only ones, on both sides."""
    flat = np.outer(sign * LAYER, np.ones(5)) + 1.0
    found = bases.layer_correlation(bases.principal(flat @ flat.T, LAYER))
    assert found.value == pytest.approx(1.0, abs=0.05)
    assert found.low == found.value == found.high
    assert (found.n, found.population) == (HEADS, ("census",))


def test_a_component_of_another_order_does_not():
    """Scores that rise and fall again, alike on both sides of the middle layer."""
    flat = np.outer(np.abs(LAYER - 1.0) + 1e-3 * np.tile([0, 1, 2, 3], LAYERS), np.ones(5))
    assert bases.layer_correlation(bases.principal(flat @ flat.T, LAYER)).value < 0.2


def test_what_has_no_basis_says_so():
    queries, keys = random_heads()
    with pytest.raises(SemphaseError, match=r"^13 components or clusters of 12 heads: choose 1 to 12\.$"):
        bases.principal(bases.outer_gram(queries, keys), LAYER).leading(HEADS + 1)
    with pytest.raises(Undefined, match="all equal"):
        bases.principal(bases.outer_gram(queries[:1].repeat(4, axis=0), keys[:1].repeat(4, axis=0)), LAYER[:4])


def test_pearson_is_of_the_values_and_spearman_of_their_ranks():
    """Scores that are the cubes of the heads' numbers."""
    number = np.arange(HEADS)
    flat = np.outer(number**3.0, np.ones(5))
    basis = bases.principal(flat @ flat.T, LAYER)
    by_values, by_ranks = (np.corrcoef(own, LAYER)[0, 1] for own in (number**3, number))
    assert bases.layer_correlation(basis, "Pearson").value == pytest.approx(by_values)
    assert bases.layer_correlation(basis, "Spearman").value == pytest.approx(by_ranks)
    assert by_values < by_ranks - 0.05
