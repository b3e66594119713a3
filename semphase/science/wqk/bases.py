"""Principal components of the heads' query-key matrices, and what is rebuilt from a few of them (001, exp6).

The matrices enter through their inner products alone, [head, head]: that gives the principal components of matrices
that are too large to hold, d_model × d_model. Whatever is rebuilt is a mixture of the heads' own matrices, so a
basis, a clustering and their controls are all mixing matrices M, W′(i) = Σ_j M(i, j) W(j). Heads are numbered layer
by layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy
from jaxtyping import Float, Int

from semphase.errors import SemphaseError, Undefined
from semphase.stats.estimate import Estimate, census

Gram = Float[np.ndarray, "head head"]
Mixing = Float[np.ndarray, "head head"]
Weights = Float[np.ndarray, "head d_model d_head"]
Products = Float[np.ndarray, "head d_head d_head"]
Preparation = Literal["centred", "not centred", "centred in each layer", "unit norm"]
"""What is made of the heads' matrices before their components: centred over all heads, over those of their layer, or not,
or scaled to unit norm and centred over all."""
Correlation = Literal["Spearman", "Pearson"]

ROUNDING = 1e-12
"""Shares of the variance below this are rounding."""
STARTS, ITERATIONS = 10, 50
"""Of k-means."""
ROWS_BYTES = 2**26
"""Memory for the rows of all heads' d_model × d_model matrices that are held at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class HeadBasis:
    """Principal components of centred matrices, one for each head; `layer` says where the heads stand.

    `variances` are sums of squares in falling order; the columns of `vectors` are orthonormal over heads. Matrices are
    divided by `lengths`, then what `means` makes of them is taken off; what is rebuilt is brought back from both.
    """

    gram: Gram
    layer: Int[np.ndarray, " head"]
    variances: Float[np.ndarray, " component"]
    vectors: Float[np.ndarray, "head component"]
    means: Mixing
    lengths: Float[np.ndarray, " head"]

    @property
    def heads(self) -> int:
        """Heads of all layers."""
        return len(self.layer)

    @property
    def cumulative(self) -> Float[np.ndarray, " component"]:
        """Share of the variance in the first K components, K = 1 … heads."""
        return np.asarray(np.cumsum(self.variances) / self.variances.sum())

    @property
    def scores(self) -> Float[np.ndarray, "head component"]:
        """Coordinates of the heads' centred matrices."""
        return np.asarray(self.vectors * np.sqrt(self.variances))

    def components(self, share: float) -> int:
        """K(share): the fewest components that hold this share of the variance."""
        return min(self.heads, int(np.searchsorted(self.cumulative, share - ROUNDING)) + 1)

    def leading(self, count: int) -> Mixing:
        """Every head rebuilt from the first `count` components, the mean kept."""
        kept = self.vectors[:, : self._counted(count)]
        return self._about_the_means(kept @ kept.T)

    def random(self, count: int, rng: np.random.Generator) -> Mixing:
        """The same for `count` random orthonormal directions of the space that the centred matrices span."""
        rank = int(np.sum(self.variances > ROUNDING * self.variances[0]))
        turned = np.linalg.qr(rng.standard_normal((rank, rank)))[0][:, : self._counted(count)]
        vectors, lengths = self.vectors[:, :rank], np.sqrt(self.variances[:rank])
        return self._about_the_means((vectors * lengths) @ turned @ turned.T @ (vectors / lengths).T)

    def as_far(self, mixing: Mixing, wanted: Mixing) -> Mixing:
        """A mixture taken only so far that all heads together move as far (root of squares) as by the one wanted.

        As it is, where that is not far enough.
        """
        own, other = (self._distance(of) for of in (mixing, wanted))
        taken = min(1.0, other / own) if own > 0 else 0.0
        return np.eye(self.heads) + taken * (mixing - np.eye(self.heads))

    def _distance(self, mixing: Mixing) -> float:
        change = mixing - np.eye(self.heads)
        return float(np.sqrt(max(0.0, np.sum((change @ self.gram) * change))))

    def clusters(self, count: int, rng: np.random.Generator) -> Mixing:
        """Every head replaced by the member of its k-means cluster that is nearest to the centroid."""
        return self._stood_for(_best_clusters(self.scores, self._counted(count), rng))

    def merged(self, count: int) -> Mixing:
        """The same for clusters that Ward's criterion merges."""
        tree = scipy.cluster.hierarchy.linkage(self.scores, "ward")
        return self._stood_for(scipy.cluster.hierarchy.fcluster(tree, self._counted(count), "maxclust"))

    def _stood_for(self, own: Int[np.ndarray, " head"]) -> Mixing:
        """Every head replaced by the one that is nearest to the centroid of its cluster."""
        centroids = {label: self.scores[own == label].mean(axis=0) for label in set(own.tolist())}
        distance = np.linalg.norm(self.scores - np.array([centroids[label] for label in own.tolist()]), axis=-1)
        nearest = {label: min(np.flatnonzero(own == label), key=distance.__getitem__) for label in centroids}
        return self._brought_back(replacement(np.array([nearest[label] for label in own.tolist()])))

    def _about_the_means(self, projection: Mixing) -> Mixing:
        """The heads' means, and the projection of what each differs from its own."""
        return self._brought_back(projection - projection @ self.means + self.means)

    def _brought_back(self, mixing: Mixing) -> Mixing:
        """A mixture of scaled matrices as one of the matrices themselves."""
        return np.asarray(self.lengths[:, None] * mixing / self.lengths)

    def _counted(self, count: int) -> int:
        if not 1 <= count <= self.heads:
            raise SemphaseError(f"{count} components or clusters of {self.heads} heads: choose 1 to {self.heads}.")
        return count


def principal(gram: Gram, layer: Int[np.ndarray, " head"], prepared: Preparation = "centred") -> HeadBasis:
    """The principal components of matrices with these inner products; Undefined where all heads are equal.

    Undefined also for a head without weights that is to be scaled to unit norm.
    """
    means, lengths = _means(layer, prepared), _lengths(gram, prepared)
    scaled = gram / np.outer(lengths, lengths)
    values, vectors = np.linalg.eigh(_centred(scaled, means))
    # What centring leaves of equal matrices is the rounding of their own squares.
    if not values[-1] > ROUNDING * np.abs(scaled).max():
        raise Undefined("the heads' query-key matrices are all equal, so they have no principal components.")
    return HeadBasis(gram, layer, np.clip(values[::-1], 0, None), vectors[:, ::-1], means, lengths)


def scattered(heads: int, count: int, rng: np.random.Generator) -> Mixing:
    """`count` random heads stay, each of the others is replaced by a random one of them; the control of `clusters`."""
    stay = rng.permutation(heads)[:count]
    assigned = rng.choice(stay, size=heads)
    assigned[stay] = stay
    return replacement(assigned)


def replacement(assigned: Int[np.ndarray, " head"]) -> Mixing:
    """Head i replaced by head assigned[i]."""
    return np.eye(len(assigned))[assigned]


def dimension(basis: HeadBasis, share: float, scale: int) -> Estimate:
    """K(share) of the heads, scaled to `scale` heads: of all weights that there are."""
    value = basis.components(share) * scale / basis.heads
    return census(value, "principal components of all heads", basis.heads, f"components of {scale}")


def layer_correlation(basis: HeadBasis, kind: Correlation = "Spearman") -> Estimate:
    """Absolute correlation of all heads' scores on component 1 with their layer."""
    correlate = {"Spearman": scipy.stats.spearmanr, "Pearson": scipy.stats.pearsonr}[kind]
    value = abs(float(correlate(basis.scores[:, 0], basis.layer).statistic))
    return census(value, f"absolute {kind} correlation over all heads", basis.heads)


def inside_products(queries: Weights, keys: Weights, frames: Products | None = None) -> Products:
    """W_Qᵀ W_K of every head (001, exp6); with `frames` R as it is for W_Q → W_Q R, W_K → W_K R⁻ᵀ."""
    products = queries.transpose(0, 2, 1) @ keys
    if frames is not None:
        products = frames.transpose(0, 2, 1) @ products @ np.linalg.inv(frames).transpose(0, 2, 1)
    return np.asarray(products)


def inside_gram(products: Products) -> Gram:
    """Inner products of the heads' d_head × d_head matrices."""
    flat = products.reshape(len(products), -1)
    return np.asarray(flat @ flat.T)


def rebuilt_inside(queries: Weights, keys: Weights, mixing: Mixing, frames: Products | None = None) -> Weights:
    """W_Q + W_K (W_Kᵀ W_K)⁻¹ (W′ − W)ᵀ for mixed W = W_Qᵀ W_K, which keeps what W_K cannot see of W_Q.

    With `frames` the mixture is one of the matrices in other bases, brought back before it is written.
    """
    products = inside_products(queries, keys, frames)
    change = np.tensordot(mixing - np.eye(len(mixing)), products, axes=1)
    if frames is not None:
        change = np.linalg.inv(frames).transpose(0, 2, 1) @ change @ frames.transpose(0, 2, 1)
    return np.asarray(queries + _readers(keys) @ change.transpose(0, 2, 1))


def outer_gram(queries: Weights, keys: Weights) -> Gram:
    """Inner products of the heads' W_Q W_Kᵀ, a few rows at a time: sum((W_Qᵢᵀ W_Qⱼ) ⊙ (W_Kᵢᵀ W_Kⱼ))."""
    gram = np.zeros((len(queries), len(queries)))
    for _, rows in _outer_rows(queries, keys):
        flat = rows.reshape(len(rows), -1)
        gram += flat @ flat.T
    return gram


def rebuilt_outer(queries: Weights, keys: Weights, mixing: Mixing) -> Weights:
    """W_Q + (W′ − W) W_K (W_Kᵀ W_K)⁻¹ for mixed W = W_Q W_Kᵀ; where W_K has full rank this is W′ W_K (W_Kᵀ W_K)⁻¹."""
    made, readers, change = queries.copy(), _readers(keys), mixing - np.eye(len(mixing))
    for part, rows in _outer_rows(queries, keys):
        mixed = (change @ rows.reshape(len(rows), -1)).reshape(rows.shape)
        made[:, part] += mixed @ readers
    return made


def _outer_rows(queries: Weights, keys: Weights) -> Iterator[tuple[slice, Float[np.ndarray, "head row d_model"]]]:
    """Rows of every head's W_Q W_Kᵀ."""
    heads, d_model, _ = queries.shape
    size = max(1, ROWS_BYTES // (heads * d_model * queries.itemsize))
    for start in range(0, d_model, size):
        part = slice(start, start + size)
        yield part, queries[:, part] @ keys.transpose(0, 2, 1)


def _readers(keys: Weights) -> Weights:
    """W_K (W_Kᵀ W_K)⁻¹, whose transpose is the pseudo-inverse of W_K."""
    return np.asarray(keys @ np.linalg.pinv(keys.transpose(0, 2, 1) @ keys, hermitian=True))


def _means(layer: Int[np.ndarray, " head"], prepared: Preparation) -> Mixing:
    """The mixture that gives every head the mean that is taken off it."""
    if prepared == "not centred":
        return np.zeros((len(layer), len(layer)))
    together = layer[:, None] == layer if prepared == "centred in each layer" else np.ones((len(layer), len(layer)))
    return np.asarray(together / together.sum(axis=1, keepdims=True))


def _lengths(gram: Gram, prepared: Preparation) -> Float[np.ndarray, " head"]:
    """What each head's matrix is divided by."""
    if prepared != "unit norm":
        return np.ones(len(gram))
    lengths = np.sqrt(np.clip(np.diagonal(gram), 0, None))
    if not lengths.min() > 0:
        raise Undefined("a head's query-key matrix is zero, so it cannot be scaled to unit norm; check the weights.")
    return lengths


def _centred(gram: Gram, means: Mixing) -> Gram:
    across = gram - means @ gram
    return np.asarray(across - across @ means.T)


def _best_clusters(
    points: Float[np.ndarray, "head component"], count: int, rng: np.random.Generator
) -> Int[np.ndarray, " head"]:
    """Labels of the tightest of several k-means runs without an empty cluster."""
    found = []
    for _ in range(STARTS):
        try:
            centroids, own = scipy.cluster.vq.kmeans2(
                points, count, iter=ITERATIONS, minit="++", missing="raise", rng=rng
            )
        except scipy.cluster.vq.ClusterError:
            continue
        found.append((float(np.sum((points - centroids[own]) ** 2)), own))
    if not found:
        raise Undefined(f"k-means found no {count} clusters of {len(points)} heads.")
    return min(found, key=lambda run: run[0])[1]
