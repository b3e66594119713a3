"""The basis of a model's query-key weights, and losses with weights rebuilt from a part of it (001, exp6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from semphase.errors import NotApplicable, SemphaseError
from semphase.measure.measurement import measurement
from semphase.measure.weights import head_weights, with_queries
from semphase.models import Model
from semphase.science.wqk import bases
from semphase.science.wqk.bases import HeadBasis, Mixing, Weights
from semphase.stats.blocks import BlockLosses
from semphase.stats.estimate import Estimate
from semphase.stats.ratios import Ratios, ratios
from semphase.study.generators import generator
from semphase.study.study import Study
from semphase.study.subject import COPIES
from semphase.study.text import Ids

Form = Literal["registered", "basis-free", "other basis"]
Kind = Literal["leading", "random", "clusters", "as far as leading", "as far as clusters"]
WEIGHTS_VERSION = 1
HEADS = 144
"""Heads of gpt2, in whose numbers the source speaks."""
GRID = (10, 16, 24, 32)
CLUSTERS = 4 / 9
DRAWN = ("random", "as far as leading", "as far as clusters")


@dataclass(eq=False)
class WeightBasis:
    """Principal components of the heads' query-key matrices, and perplexity with what is rebuilt from them.

    Three forms: "registered" is W_QᵀW_K, "basis-free" W_Q W_Kᵀ, and "other basis" the registered one after
    W_Q → W_Q R, W_K → W_K R⁻ᵀ with a random invertible R in every head, which changes no attention score. W_Q and
    W_K are those before rotary positions and before query-key norms; under such norms (qwen3, gemma3) the rebuilt
    weights are defined all the same, but a head's scale is not seen by the model.
    Kinds: "leading" components, as many "random" directions, and "clusters" of heads that one head stands for. Then two
    that change the matrices no more than these, in sum of squares: as many random directions "as far as leading" leave out
    less than all, as many random heads that stand for random others "as far as clusters" do so in part. What is drawn
    differs from `copy` to copy. No text chooses anything, so all of it is read.
    Where no form is asked for it is the registered one, or that of the study's universe.
    """

    study: Study
    copy: int = 0
    _found: dict[tuple[object, ...], BlockLosses] = field(default_factory=dict, repr=False)
    _bases: dict[Form, HeadBasis] = field(default_factory=dict, repr=False)

    @cached_property
    def copies(self) -> list[WeightBasis]:
        """The same with other draws; none in a universe, which has no control."""
        if not self.study.registered:
            return []
        return [self, *(WeightBasis(self.study, copy) for copy in range(1, COPIES))]

    @property
    def form(self) -> Form:
        """The form that is judged."""
        found: Form = self.study.choice("form") or "registered"
        return found

    @property
    def prepared(self) -> bases.Preparation:
        """What is made of the heads' matrices before their components."""
        found: bases.Preparation = self.study.choice("heads") or "centred"
        return found

    @property
    def heads(self) -> int:
        """Attention heads of all layers."""
        return len(self.layer)

    @property
    def layer(self) -> Int[np.ndarray, " head"]:
        """The layer of every head."""
        model = self.study.tokenizing_model
        return np.repeat(np.arange(model.layers), model.heads)

    @property
    def grid(self) -> tuple[int, ...]:
        """Numbers of components up to 32/144 of the heads; NotApplicable where that is none."""
        added = HEADS - 1 if self.study.choice("components") == "rounded up" else 0
        counts = sorted({(self.heads * count + added) // HEADS for count in GRID} - {0})
        if not counts:
            raise NotApplicable(f"needs 5 attention heads, the model has {self.heads}")
        return tuple(counts)

    @property
    def clusters(self) -> int:
        """4/9 of the heads, or the universe's share of them."""
        return max(1, round((self.study.choice("clusters") or CLUSTERS) * self.heads))

    def basis(self, form: Form | None = None) -> HeadBasis:
        """The principal components; the heads' inner products come from the store when they are there."""
        own = form or self.form
        if own not in self._bases:
            seed = self._seed if own == "other basis" else None
            products = self.study.measured(head_products, form=own, seed=seed)
            self._bases[own] = bases.principal(products, self.layer, self.prepared)
        return self._bases[own]

    def components(self, share: float, form: Form | None = None) -> int:
        """K(share): the fewest components with this share of the variance."""
        return self.basis(form).components(share)

    def dimension(self, share: float, form: Form | None = None) -> Estimate:
        """K(share), scaled to 144 heads."""
        return bases.dimension(self.basis(form), share, HEADS)

    def layer_correlation(self, form: Form | None = None) -> Estimate:
        """|Spearman| of the score on component 1 with the layer."""
        return bases.layer_correlation(self.basis(form), self.study.choice("correlation") or "Spearman")

    def losses(self, kind: Kind, components: int, form: Form | None = None) -> BlockLosses:
        """Token losses of the model with rebuilt W_Q; `components` also counts clusters and heads that stay."""
        asked = (kind, components, form or self.form)
        if asked not in self._found:
            if not 1 <= components <= self.heads:
                raise SemphaseError(
                    f"{self.study.label} has {self.heads} heads, so it cannot be rebuilt from {components} components; "
                    f"choose 1 to {self.heads}."
                )
            self._found[asked] = self._losses(*asked)
        return self._found[asked]

    def ratio(self, kind: Kind, components: int, form: Form | None = None) -> Estimate:
        """Perplexity of the rebuilt model over the model's own."""
        return self.ratios(kind, [components], form).estimate()

    def smallest_ratio(self, kind: Kind, counts: Sequence[int], form: Form | None = None) -> Estimate:
        """The smallest ratio over several numbers of components, each with bounds of its own."""
        return self.ratios(kind, counts, form).best()

    def ratios(self, kind: Kind, counts: Sequence[int], form: Form | None = None) -> Ratios:
        """Ratios at several numbers of components."""
        base = self.study.text.baseline("both")
        rebuilt = BlockLosses(np.stack([self.losses(kind, k, form).sums for k in counts]), base.counts)
        return ratios(self._judged(rebuilt), self._judged(base))

    def _judged(self, losses: BlockLosses) -> BlockLosses:
        """All of the text, or in the universe of its second half the blocks of the chunks there."""
        if self.study.choice("text") != "second half":
            return losses
        chunks, later = len(self.study.text.chunks("both")), len(self.study.text.chunks("judge"))
        start = len(losses.counts) // chunks * (chunks - later)
        return BlockLosses(losses.sums[..., start:], losses.counts[start:])

    def evidence(self, form: Form) -> dict[str, Estimate]:
        """What the claims of the group compare."""
        return {
            "K(90 %)": self.dimension(0.9, form),
            "smallest ratio": self.smallest_ratio("leading", self.grid, form),
            "ratio at 99 %": self.ratio("leading", self.components(0.99, form), form),
            "ratio at 99.7 %": self.ratio("leading", self.components(0.997, form), form),
            "ratio with clusters": self.ratio("clusters", self.clusters, form),
            "|ρ|": self.layer_correlation(form),
        }

    def spectrum(self, form: Form) -> dict[str, Any]:
        """For a figure: the variance in the first K components, and the ratios that claims compare, by K."""
        counts = sorted({*self.grid, self.components(0.99, form), self.components(0.997, form)})
        ratios = [self.ratio("leading", count, form) for count in counts]
        return {"cumulative variance": self.basis(form).cumulative, "components": counts, "ratios": ratios}

    def mixing(self, kind: Kind, count: int, form: Form | None = None) -> Mixing:
        """Which mixture of the heads' matrices each head gets."""
        basis, rng = self.basis(form), generator(self._seed, "random heads")
        if kind == "leading":
            return basis.leading(count)
        if kind == "clusters" and self.study.choice("clustering") == "Ward":
            return basis.merged(count)
        if kind == "clusters":
            return basis.clusters(count, self.study.rng(self._start))
        if kind == "as far as clusters":
            return basis.as_far(bases.scattered(self.heads, count, rng), self.mixing("clusters", count, form))
        drawn = basis.random(count, rng)
        return drawn if kind == "random" else basis.as_far(drawn, basis.leading(count))

    @property
    def _start(self) -> str:
        """What k-means starts from."""
        return (
            "clusters heads, started again" if self.study.choice("clustering") == "started again" else "clusters heads"
        )

    @property
    def _seed(self) -> int:
        return self.study.seed * COPIES + self.copy

    def rebuilt(self, kind: Kind, count: int, form: Form | None = None) -> Float[np.ndarray, "layer head d d_head"]:
        """W_Q rebuilt, for the model as it is."""
        queries, keys = _flat(self.study.model)
        own, mixing = form or self.form, self.mixing(kind, count, form)
        if own == "basis-free":
            made = bases.rebuilt_outer(queries, keys, mixing)
        else:
            made = bases.rebuilt_inside(queries, keys, mixing, _frames(own, queries, self._seed))
        return made.reshape(self.study.model.layers, -1, *made.shape[1:])

    def _losses(self, kind: Kind, components: int, form: Form) -> BlockLosses:
        # Rebuilt once for all groups of text, and only where the store lacks one of them.
        rebuilt = cache(lambda: self.rebuilt(kind, components, form))

        def run(model: Model, ids: Ids) -> Tensor:
            with with_queries(model, rebuilt()), self.study.text.replay(ids) as replay:
                return replay.in_force

        what: dict[str, Any] = {"kind": kind, "components": components, "form": form, "weights": WEIGHTS_VERSION}
        if kind in DRAWN or form == "other basis":
            what["seed"] = self._seed
        if kind in ("clusters", "as far as clusters"):
            what["clusters from"] = self.study.seed
            what |= self._chosen("clustering")
        what |= self._chosen("heads")
        return self.study.text.measured_losses("rebuilt weights", "both", run, **what)

    def _chosen(self, name: str) -> dict[str, Any]:
        """For a key: what the universe chose under a name; nothing where it is as registered."""
        return {} if self.study.choice(name) is None else {name: self.study.choice(name)}


@measurement(version=1)
def head_products(model: Model, _: None = None, *, form: Form, seed: int | None) -> Float[np.ndarray, "head head"]:
    """Inner products of the heads' query-key matrices in one form; `seed` is of "other basis"."""
    queries, keys = _flat(model)
    if form == "basis-free":
        return bases.outer_gram(queries, keys)
    return bases.inside_gram(bases.inside_products(queries, keys, _frames(form, queries, seed)))


def _frames(form: Form, queries: Weights, seed: int | None) -> Float[np.ndarray, "head d_head d_head"] | None:
    """A random invertible basis inside every head."""
    if form != "other basis":
        return None
    assert seed is not None
    heads, _, d_head = queries.shape
    return generator(seed, "bases inside heads").standard_normal((heads, d_head, d_head))


def _flat(model: Model) -> tuple[Weights, Weights]:
    """Query and key weights of all heads, layer after layer."""
    found = head_weights(model)
    shape = (-1, *found.queries.shape[2:])
    return found.queries.reshape(shape), found.keys.reshape(shape)
