"""What a study's model writes to the residual stream: spectra, bases, and losses on a few components (002, exp7)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from semphase.errors import SemphaseError
from semphase.models import Model
from semphase.science.writes import spectra
from semphase.science.writes.moments import measure_bases, measure_spectra
from semphase.science.writes.spectra import Curves, Spectra
from semphase.science.writes.sums import GROUPS, PARTS, Rows, cosine_sums, leading_rows, low_rank_losses, plan
from semphase.stats.blocks import BlockLosses, mean_with_draws, ratio_estimate
from semphase.stats.estimate import Estimate
from semphase.stats.interval import EXPANSION
from semphase.study.study import Study
from semphase.study.subject import Untrained
from semphase.study.text import Ids

Kind = Literal["individual", "shared", "random individual", "random shared"]
WRITES_VERSION = 1
COPY_GROUPS = 4
"""Groups of positions whose omission makes the intervals of untrained copies."""
SOURCE_GRID = (8, 16, 32, 64, 128, 256, 512, 768)


@dataclass(frozen=True, slots=True, eq=False)
class Bases:
    """Means and principal directions of the writes: of each layer, and of all layers stacked."""

    mean: Float[Tensor, "layer d"]
    individual: Float[Tensor, "layer d component"]
    shared_mean: Float[Tensor, " d"]
    shared: Float[Tensor, "d component"]


@dataclass(eq=False)
class Writes:
    """Writes of the blocks: moments and bases come from the half of the text that chooses, losses from the other.

    Moments are taken over the first 1,000 positions.
    """

    study: Study
    _losses: dict[tuple[str, int], BlockLosses] = field(default_factory=dict, repr=False)

    @cached_property
    def rows(self) -> Rows:
        """The token ids that moments are taken over, by chunk."""
        return leading_rows(self.study.text.chunks("choose"))

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
        return Spectra(layers, parts, shared, norm, self.positions)

    @property
    def positions(self) -> int:
        """Positions that moments are taken over."""
        return sum(map(len, self.rows))

    @property
    def detail(self) -> dict[str, Any]:
        """For a report: K(90 %) and norms by layer, with and without position 0."""
        told: dict[str, Any] = {"positions": self.positions, "d": self.d}
        ranks, parts = self.spectra.ranks(), self.spectra.part_ranks
        for at, name in enumerate(("with position 0", "without position 0")):
            told[f"K(90 %) {name}"] = ranks.raw[at]
            told |= {f"K(90 %) of {part} {name}": parts[at, i] for i, part in enumerate(PARTS)}
            told[f"shared K(90 %) {name}: as written, unit norm"] = spectra.components(self.spectra.shared[0, at])
            told[f"mean norm {name}"] = ranks.norm[at]
            told[f"std of the norm {name}"] = self._spectra["std"].values[at]
        return told

    @cached_property
    def _spectra(self) -> xr.Dataset:
        groups, at_once = self._plan

        def measure() -> xr.Dataset:
            with self.study.progress(f"moments of the writes of {self.study.label}", self.layers) as advance:
                return measure_spectra(self.study.model, self.rows, groups, at_once, advance)

        return self.study.store.get(self._key("write spectra", groups=groups), measure)

    @cached_property
    def _plan(self) -> tuple[int, int]:
        groups, at_once = plan(self.study.text.memory, self.d, self.layers)
        # Each group costs the eigenvalues of every layer once more; a control is judged by its bare value.
        return (min(groups, COPY_GROUPS) if isinstance(self.study.subject, Untrained) else groups), at_once

    # Bases

    @cached_property
    def bases(self) -> Bases:
        """Means and principal directions, position 0 included, as in the source."""

        def measure() -> xr.Dataset:
            with self.study.progress(f"bases of the writes of {self.study.label}", self.layers) as advance:
                return measure_bases(self.study.model, self.rows, self._plan[1], advance)

        found = self.study.store.get(self._key("write bases"), measure)
        names = ("mean", "individual", "shared_mean", "shared")
        return Bases(*(torch.from_numpy(found[name].values).to(self.study.model.device) for name in names))

    def in_basis(self, kind: Kind) -> tuple[Float[Tensor, "layer d"], Float[Tensor, "layer d component"]]:
        """Means and orthonormal directions of every layer; random ones are of the study's seed."""
        bases = self.bases
        if kind in ("individual", "random individual"):
            means, each = bases.mean, bases.individual
        else:
            means, each = bases.shared_mean.expand(self.layers, -1), bases.shared.expand(self.layers, -1, -1)
        if kind == "random individual":
            each = torch.stack([self._random(f"write basis {layer}") for layer in range(self.layers)])
        elif kind == "random shared":
            each = self._random("shared write basis").expand(self.layers, -1, -1)
        return means, each

    def _random(self, purpose: str) -> Float[Tensor, "d component"]:
        made = spectra.random_basis(self.d, self.study.rng(purpose)).astype(np.float32)
        return torch.from_numpy(made).to(self.study.model.device)

    # Reconstruction and inference

    def cosine(self, kind: Kind, components: int) -> Estimate:
        """Mean cosine of Δφ with its reconstruction over positions and layers, position 0 included; bases are kept."""
        found = self._cosines(kind)
        sums, count = found["cosine"].sel(k=components).values.mean(axis=1), found["count"].values
        whole, n = sums.sum(), count.sum()
        others = (whole - sums[:-1]) / (n - count[:-1])
        return spectra.jackknife(whole / n, others, int(n), within=(-1.0, 1.0), note=", bases kept")

    def cosines(self, kind: Kind) -> Float[np.ndarray, "layer k"]:
        """The same for every layer and every K of the grid."""
        found = self._cosines(kind)
        return np.asarray(found["cosine"].values.sum(axis=0) / found["count"].values.sum())

    def _cosines(self, kind: Kind) -> xr.Dataset:
        def measure() -> xr.Dataset:
            sums = cosine_sums(self.study.model, self.rows, *self.in_basis(kind), self.grid)
            arrays = {"cosine": (("group", "layer", "k"), sums.cosine.cpu().numpy()), "count": ("group", sums.count)}
            return xr.Dataset(arrays, coords={"k": list(self.grid)}, attrs={"unit": "sums of cosines"})

        return self.study.store.get(self._key("write cosines", kind=kind, grid=self.grid, groups=GROUPS), measure)

    def losses(self, kind: Kind, components: int) -> BlockLosses:
        """Losses on the judging half when every block writes in `components` directions only."""
        if not 1 <= components <= self.d:
            raise SemphaseError(f"{components} components were asked of {self.d}; choose 1 to {self.d}.")
        if (kind, components) not in self._losses:

            def run(model: Model, ids: Ids) -> Tensor:
                means, bases = self.in_basis(kind)
                return low_rank_losses(model, ids, means, bases[..., :components])

            what = {"kind": kind, "components": components, **self._named(kind)}
            self._losses[kind, components] = self.study.text.measured_losses("low-rank writes", "judge", run, **what)
        return self._losses[kind, components]

    def ratio(self, kind: Kind, components: int, draws: int | None = None) -> Estimate:
        """Perplexity on some components over the baseline's, on the judging half."""
        changed, baseline = self.losses(kind, components), self.study.text.baseline("judge")
        return ratio_estimate(
            changed.sums,
            baseline.sums,
            baseline.counts,
            draws=draws or self.study.budget.draws,
            rng=self.study.rng("low-rank writes"),
        )

    def ratios_told(self, *kinds: Kind) -> dict[str, Any]:
        """For a report's detail: d, and the ratio at every K of the grid by kind."""
        return {"d": self.d, "ratios": {kind: {f"K = {k}": self.ratio(kind, k) for k in self.grid} for kind in kinds}}

    def curves(self, kinds: Sequence[Kind], draws: int | None = None) -> Curves:
        """Log ratios of several kinds at every K of the grid, with paired draws of blocks."""
        baseline = self.study.text.baseline("judge")
        sums = np.stack([[self.losses(kind, k).sums - baseline.sums for k in self.grid] for kind in kinds])
        rng = self.study.rng("low-rank writes")
        point, drawn = mean_with_draws(sums, baseline.counts, draws or self.study.budget.draws, rng)
        what = f"paired bootstrap of {len(baseline.counts)} contiguous blocks of token losses, {EXPANSION}"
        return Curves(point, drawn, baseline.tokens, what)

    def _named(self, kind: Kind) -> dict[str, Any]:
        """What a basis depends on beside the model."""
        rows = [np.asarray(row, dtype=np.int64).tobytes() for row in self.rows]
        digest = hashlib.sha256(repr((WRITES_VERSION, rows)).encode()).hexdigest()
        return {"basis from": digest} | ({"seed": self.study.seed} if kind.startswith("random") else {})

    def _key(self, measurement: str, kind: Kind = "individual", **what: Any) -> dict[str, Any]:
        return self.study.text.key(measurement, None, kind=kind, **self._named(kind), **what)
