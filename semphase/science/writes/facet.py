"""What a study's model writes to the residual stream: spectra, bases, and losses on a few components (002, exp7)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from semphase.errors import SemphaseError
from semphase.measure.text import with_other_start
from semphase.models import Model
from semphase.science.writes import spectra
from semphase.science.writes.moments import About, measure_bases, measure_spectra
from semphase.science.writes.spectra import Spectra
from semphase.science.writes.sums import (
    GROUPS,
    PARTS,
    POSITIONS,
    Rows,
    cosine_sums,
    leading_rows,
    low_rank_losses,
    plan,
    square_sums,
)
from semphase.stats.blocks import BlockLosses
from semphase.stats.estimate import Estimate
from semphase.stats.left_out import Factor, largest, smallest, smooth
from semphase.stats.orders import spearman
from semphase.stats.ratios import Ratios, ratios
from semphase.study.study import Study
from semphase.study.subject import COPIES
from semphase.study.text import Half, Ids

Basis = Literal["individual", "shared"]
WRITES_VERSION = 1
SOURCE_GRID = (8, 16, 32, 64, 128, 256, 512, 768)


@dataclass(frozen=True, slots=True, eq=False)
class Bases:
    """Means and principal directions of the writes: of each layer, and of all layers stacked."""

    mean: Float[Tensor, "layer d"]
    individual: Float[Tensor, "layer d component"]
    shared_mean: Float[Tensor, " d"]
    shared: Float[Tensor, "d component"]


@dataclass(frozen=True, slots=True)
class Kind:
    """Principal directions of each layer or of all stacked; or the random basis number `random` in their place.

    Outside of K random directions only as large a part of Δφ is taken away as moves it, in mean square over positions,
    as far as the K principal ones do (all of it, where that is not far enough): no harsher damage.
    """

    basis: Basis
    random: int | None = None


INDIVIDUAL, SHARED = (Kind(basis) for basis in get_args(Basis))


@dataclass(eq=False)
class Writes:
    """Writes of the blocks: moments and bases come from the half of the text that chooses, losses from the other.

    Moments are taken over the first 1,000 positions.
    """

    study: Study
    _losses: dict[tuple[Kind, int], BlockLosses] = field(default_factory=dict, repr=False)
    _squares: dict[Kind, Float[np.ndarray, "layer component"]] = field(default_factory=dict, repr=False)

    @cached_property
    def rows(self) -> Rows:
        """The token ids that moments are taken over, by chunk."""
        return self._leading("choose")

    def _leading(self, half: Half) -> Rows:
        rows = leading_rows(self.study.text.chunks(half), self.study.choice("positions of moments") or POSITIONS)
        if self.study.choice("bos") is None:
            return rows
        return [np.array(with_other_start(self.study.tokenizing_model, row.tolist())) for row in rows]

    @property
    def read(self) -> int:
        """Which positions claims read of the spectra: with position 0, or in a universe without it."""
        return spectra.WITHOUT_FIRST if self.study.choice("positions") == "without 0" else spectra.WITH_FIRST

    @property
    def about(self) -> About:
        """What squares of the writes are taken about."""
        return "zero" if self.study.choice("moments") == "about zero" else "mean"

    @property
    def d(self) -> int:
        """Components of the stream."""
        return self.study.tokenizing_model.d_model

    @property
    def layers(self) -> int:
        """Blocks of the model."""
        return self.study.tokenizing_model.layers

    @property
    def grid(self) -> tuple[int, ...]:
        """The source's numbers of components as the same fractions of d."""
        return spectra.grid(SOURCE_GRID, self.d)

    def scaled(self, components: int) -> int:
        """One of the source's numbers of components, of 768, for this model."""
        return spectra.grid([components], self.d)[0]

    # Spectra

    @cached_property
    def spectra(self) -> Spectra:
        """Eigenvalues by layer, part and pooled, with and without position 0, whole and without single groups."""
        found = self._spectra
        layers, parts, shared, norm = (found[name].values for name in ("layers", "parts", "shared", "norm"))
        if self.study.choice("norm") == "about the mean":
            norm = np.sqrt(layers.sum(axis=-1))
        return Spectra(layers, parts, shared, norm)

    @property
    def positions(self) -> int:
        """Positions that moments are taken over."""
        return sum(map(len, self.rows))

    @property
    def detail(self) -> dict[str, Any]:
        """For a report: K(90 %) and norms by layer, with and without position 0."""
        told: dict[str, Any] = {"positions": self.positions, "d": self.d}
        found = self.spectra
        parts, shared = spectra.components(found.parts), spectra.components(found.shared[0])
        for at, name in enumerate(("with position 0", "without position 0")):
            told[f"K(90 %) {name}"] = found.counts[at]
            told |= {f"K(90 %) of {part} {name}": parts[at, i] for i, part in enumerate(PARTS)}
            told[f"shared K(90 %) {name}: as written, unit norm"] = shared[at]
            told[f"mean norm {name}"] = found.norm[0, at]
            told[f"std of the norm {name}"] = self._spectra["std"].values[at]
        return told

    @cached_property
    def _spectra(self) -> xr.Dataset:
        groups, at_once = self._plan

        def measure() -> xr.Dataset:
            with self.study.progress(f"moments of the writes of {self.study.label}", self.layers) as advance:
                return measure_spectra(self.study.model, self.rows, groups, at_once, advance, self.about)

        return self.study.store.get(self._key("write spectra", groups=groups), measure)

    @cached_property
    def _plan(self) -> tuple[int, int]:
        return plan(self.study.text.memory, self.d, self.layers)

    def growth(self) -> Estimate:
        """Spearman's correlation (Pearson's in a universe) of the mean norm with depth, from block 1 on."""
        if self.study.choice("correlation") == "Pearson":
            depth = np.arange(self.layers - 1)
            return self.spectra.estimate(
                lambda ranks: np.corrcoef(ranks.norm[self.read, 1:], depth)[0, 1], "Pearson's correlation", (-1.0, 1.0)
            )
        norms, groups = self.spectra.each(lambda ranks: ranks.norm[self.read, 1:])
        return spearman(norms, np.arange(len(norms)), groups)

    # Bases

    @cached_property
    def bases(self) -> Bases:
        """Means and principal directions, position 0 included, as in the source (or in a universe without it)."""

        def measure() -> xr.Dataset:
            with self.study.progress(f"bases of the writes of {self.study.label}", self.layers) as advance:
                return measure_bases(self.study.model, self.rows, self._plan[1], advance, self.read, self.about)

        found = self.study.store.get(self._key("write bases", **self._without_first), measure)
        names = ("mean", "individual", "shared_mean", "shared")
        return Bases(*(torch.from_numpy(found[name].values).to(self.study.model.device) for name in names))

    def in_basis(self, kind: Kind) -> tuple[Float[Tensor, "layer d"], Float[Tensor, "layer d component"]]:
        """Means and orthonormal directions of every layer; random ones are of the study's seed."""
        bases, copy = self.bases, kind.random
        if kind.basis == "individual":
            means, each = bases.mean, bases.individual
            if copy is not None:
                each = torch.stack([self._random(f"write basis {layer}", copy) for layer in range(self.layers)])
            return means, each
        shared = bases.shared if copy is None else self._random("shared write basis", copy)
        return bases.shared_mean.expand(self.layers, -1), shared.expand(self.layers, -1, -1)

    def random_like(self, kind: Kind) -> list[Kind]:
        """Random bases in place of a kind's own; none in a universe, which has no control."""
        return [Kind(kind.basis, copy) for copy in range(COPIES)] if self.study.registered else []

    def _random(self, purpose: str, copy: int) -> Float[Tensor, "d component"]:
        made = spectra.random_basis(self.d, self.study.rng(f"{purpose}, copy {copy}")).astype(np.float32)
        return torch.from_numpy(made).to(self.study.model.device)

    def taken(self, kind: Kind, components: int) -> Float[np.ndarray, " layer"]:
        """The fraction of what lies outside of K directions that is taken away: all of it, if they are principal ones."""
        if kind.random is None:
            return np.ones(self.layers)
        wanted, own = (self._outside(of, components) for of in (Kind(kind.basis), kind))
        return np.sqrt(np.divide(wanted, own, out=np.zeros_like(own), where=own > 0)).clip(max=1.0)

    def _outside(self, kind: Kind, components: int) -> Float[np.ndarray, " layer"]:
        """The square of what the K directions leave out of Δφ, summed over positions."""
        if kind not in self._squares:

            def measure() -> xr.Dataset:
                sums = square_sums(self.study.model, self.rows, *self.in_basis(kind)).cpu().numpy()
                return xr.Dataset({"squares": (("layer", "component"), sums)}, attrs={"unit": "squared stream units"})

            self._squares[kind] = self.study.store.get(self._key("write squares", kind), measure)["squares"].values
        return np.asarray(self._squares[kind][:, components:].sum(axis=1))

    # Reconstruction and inference

    def cosine(self, kind: Kind, components: int) -> Estimate:
        """Mean cosine of Δφ with its reconstruction over positions and layers, position 0 included; bases are kept."""
        found = self._cosines(kind)
        sums, count = found["cosine"].sel(k=components).values.mean(axis=1), found["count"].values
        read = slice(None) if self.read == spectra.WITH_FIRST else slice(-1)
        whole, n = sums[read].sum(), count[read].sum()
        groups = Factor("text", (whole - sums[:-1]) / (n - count[:-1]))
        return smooth(float(whole / n), groups, what="mean cosine, bases kept", within=(-1.0, 1.0))

    def cosines(self, kind: Kind) -> Float[np.ndarray, "layer k"]:
        """The same for every layer and every K of the grid."""
        found = self._cosines(kind)
        return np.asarray(found["cosine"].values.sum(axis=0) / found["count"].values.sum())

    def _cosines(self, kind: Kind) -> xr.Dataset:
        held_out = self.study.choice("reconstructed") == "judge"

        def measure() -> xr.Dataset:
            rows = self._leading("judge") if held_out else self.rows
            sums = cosine_sums(self.study.model, rows, *self.in_basis(kind), self.grid)
            arrays = {"cosine": (("group", "layer", "k"), sums.cosine.cpu().numpy()), "count": ("group", sums.count)}
            return xr.Dataset(arrays, coords={"k": list(self.grid)}, attrs={"unit": "sums of cosines"})

        what = {"grid": self.grid, "groups": GROUPS, **self._without_first}
        if held_out:
            what["reconstructed"] = hashed(self._leading("judge"))
        return self.study.store.get(self._key("write cosines", kind, **what), measure)

    def losses(self, kind: Kind, components: int) -> BlockLosses:
        """Losses on the judging half when every block writes in `components` directions only."""
        if not 1 <= components <= self.d:
            raise SemphaseError(f"{components} components were asked of {self.d}; choose 1 to {self.d}.")
        if (kind, components) not in self._losses:

            def run(model: Model, ids: Ids) -> Tensor:
                means, bases = self.in_basis(kind)
                taken = torch.from_numpy(self.taken(kind, components))
                return low_rank_losses(model, ids, means, bases[..., :components], taken, self.read)

            what = {"components": components, **self._named(kind), **self._without_first}
            self._losses[kind, components] = self.study.text.measured_losses("low-rank writes", "judge", run, **what)
        return self._losses[kind, components]

    def ratios(self, kind: Kind, counts: Sequence[int]) -> Ratios:
        """Perplexity on some numbers of components over the baseline's, on the judging half."""
        baseline = self.study.text.baseline("judge")
        return ratios(BlockLosses(np.stack([self.losses(kind, k).sums for k in counts]), baseline.counts), baseline)

    def ratio(self, kind: Kind, components: int) -> Estimate:
        """The same for one number of components."""
        return self.ratios(kind, [components]).estimate()

    def ratios_told(self, *kinds: Kind) -> dict[str, Any]:
        """For a report's detail: d, and the ratio at every K of the grid by kind; of a universe nothing is told."""
        if not self.study.registered:
            return {}
        told = {kind.basis: {f"K = {k}": self.ratio(kind, k) for k in self.grid} for kind in kinds}
        return {"d": self.d, "ratios": told}

    def smallest_margin(self, worse: Kind, better: Kind, low: int, high: int) -> Estimate:
        """The log ratio of one kind less that of another, at the K of the grid from low to high where it is smallest."""
        counts = [k for k in self.grid if low <= k <= high]
        first, second = (self.ratios(kind, counts) for kind in (worse, better))
        blocks = Factor("text", first.without - second.without, least="worst of many")
        return smallest(first.logs - second.logs, blocks, what="smallest margin", unit="nats per token")

    def largest_rise(self, kind: Kind) -> Estimate:
        """How far the log ratio rises from one K of the grid to a larger one, where it does so most."""
        found = self.ratios(kind, self.grid)
        blocks = Factor("text", spectra.rises(found.without), least="worst of many")
        return largest(spectra.rises(found.logs), blocks, what="largest rise", unit="nats per token")

    def _named(self, kind: Kind) -> dict[str, Any]:
        """What a basis depends on beside the model."""
        named = {"kind": kind.basis, "basis from": hashed(self.rows)}
        if self.about != "mean":
            named["about"] = self.about
        return named if kind.random is None else named | {"random": kind.random, "seed": self.study.seed}

    @property
    def _without_first(self) -> dict[str, Any]:
        """For keys: that position 0 is left out."""
        return {} if self.read == spectra.WITH_FIRST else {"positions": "without 0"}

    def _key(self, measurement: str, kind: Kind = INDIVIDUAL, **what: Any) -> dict[str, Any]:
        return self.study.text.key(measurement, None, **self._named(kind), **what)


def hashed(rows: Rows) -> str:
    """SHA-256 of the token ids that moments are taken over."""
    ids = [np.asarray(row, dtype=np.int64).tobytes() for row in rows]
    return hashlib.sha256(repr((WRITES_VERSION, ids)).encode()).hexdigest()
