"""TransformerLens as the reference for edits: hooks that do, tensor by tensor, what an edit says."""

from __future__ import annotations

import math

import numpy as np
import torch
import xarray as xr
from torch.nn import functional

from semphase.measure.sites import Site
from semphase.models import reference

LAYERS, HEADS, D_HEAD = 3, 4, 8
HEADED = {"query", "key", "value", "head", "pattern"}
# Its attention computes inside transformers, and TransformerLens drops edits of its weights.
WITHOUT_PATTERN = {"opt"}


class Lens:
    """A model under hooks. An edit here is (kind, layer, function) of the tensor [item, position, (head,) d].

    Patterns are [item, query, head, key]; the kind "scores" is [item, head, query, key].
    """

    def __init__(self, model, ids):
        self.family, self.ids, self.bridge = model.family, ids, reference.bridge(model)
        with torch.no_grad():
            names = self.bridge.run_with_cache(ids)[1].keys()
        self.rotates = "blocks.0.attn.hook_rot_q" in names
        # GPT-NeoX rotates where no hook is; its queries and keys are edited through the scores that they make.
        self.by_scores = "blocks.0.attn.hook_cos" in names and not self.rotates
        # OPT scales its queries before the scores are taken.
        self.query_scale = D_HEAD**-0.5 if self.family == "opt" else 1.0

    def name(self, kind, layer):
        if kind == "embedding":
            return "embed.hook_out"
        if kind == "stream":
            return f"blocks.{layer}.hook_in" if layer < LAYERS else f"blocks.{LAYERS - 1}.hook_out"
        inside = {
            "attention": "hook_attn_out",
            "mlp": "hook_mlp_out",
            "neurons": "mlp.out.hook_in",
            "query": "attn.hook_rot_q" if self.rotates else "attn.hook_q",
            "key": "attn.hook_rot_k" if self.rotates else "attn.hook_k",
            "value": "attn.hook_v",
            "head": "attn.hook_z",
            "pattern": "attn.hook_pattern",
            "scores": "attn.hook_attn_scores",
        }
        return f"blocks.{layer}.{inside[kind]}"

    def loss(self, edits=()):
        """The mean loss under edits, those at one place in their order."""
        with torch.no_grad(), reference.edits_must_count():
            logits = self.bridge.run_with_hooks(self.ids, fwd_hooks=self._hooks(edits))
        return float(functional.cross_entropy(logits[:, :-1].flatten(0, 1).double(), self.ids[:, 1:].flatten()))

    def values(self, kind, layer, ids=None):
        """What is at a place without edits, in our shapes."""
        found = []
        keep = [(kind, layer, lambda x: found.append(x.clone()) or x)]
        if kind == "pattern" and self.family in WITHOUT_PATTERN:
            _, cache = self.bridge.run_with_cache(self.ids if ids is None else ids)
            return cache[self.name(kind, layer)].transpose(1, 2)
        self.bridge.run_with_hooks(self.ids if ids is None else ids, fwd_hooks=self._hooks(keep))
        return found[0]

    def _hooks(self, edits):
        rotated = {"query", "key"} if self.by_scores else set()
        hooks = [self._hook(*edit) for edit in edits if edit[0] not in {"pattern", "scores", "head", *rotated}]
        for layer in sorted({layer for kind, layer, _ in edits if kind in rotated}):
            hooks += self._by_scores(layer, [edit for edit in edits if edit[1] == layer and edit[0] in rotated])
        weights = [edit for edit in edits if edit[0] in {"pattern", "scores"}]
        if self.family in WITHOUT_PATTERN:
            for layer in sorted({layer for _, layer, _ in weights}):
                hooks += self._by_outputs(layer, [edit for edit in weights if edit[1] == layer])
        else:
            hooks += [self._hook(*edit) for edit in weights]
        return hooks + [self._hook(*edit) for edit in edits if edit[0] == "head"]

    def _hook(self, kind, layer, function):
        def change(x, hook):
            own, scale = self._ours(kind, x), self.query_scale if kind == "query" else 1.0
            new = function(own * scale) / scale
            return new.transpose(1, 2) if kind == "pattern" else new.reshape(x.shape)

        return self.name(kind, layer), change

    def _ours(self, kind, x):
        if kind == "pattern":
            return x.transpose(1, 2)
        if kind == "scores":
            return x
        x = x.reshape(*self.ids.shape, -1) if kind not in HEADED else x
        return x.reshape(*self.ids.shape, -1, D_HEAD) if kind in HEADED else x

    def _by_scores(self, layer, edits):
        """Scores anew, from queries and keys rotated here (Su et al. 2021, eq. 34) and then edited."""
        seen = {}

        def keep(name):
            return f"blocks.{layer}.attn.hook_{name}", lambda x, hook: seen.update({name: x})

        def rotated(x):
            turning = seen["cos"].shape[-1]
            first, second = x[..., : turning // 2], x[..., turning // 2 : turning]
            turned = torch.cat([-second, first], dim=-1)
            cos, sin = seen["cos"][:, :, None], seen["sin"][:, :, None]
            return torch.cat([x[..., :turning] * cos + turned * sin, x[..., turning:]], dim=-1)

        def scores(own, hook):
            made = {"query": rotated(seen["q"]), "key": rotated(seen["k"])}
            for kind, _, function in edits:
                made[kind] = function(made[kind])
            found = torch.einsum("bqhd,bkhd->bhqk", made["query"], made["key"]) / math.sqrt(D_HEAD)
            return torch.where(own < -1e30, own, found)

        kept = [keep(name) for name in ("q", "k", "cos", "sin")]
        return [*kept, (f"blocks.{layer}.attn.hook_attn_scores", scores)]

    def _by_outputs(self, layer, edits):
        """The heads' outputs anew, from queries, keys and values after their edits."""
        seen = {}

        def keep(name):
            return f"blocks.{layer}.attn.hook_{name}", lambda x, hook: seen.update({name: self._ours("head", x)})

        def outputs(z, hook):
            scores = torch.einsum("bqhd,bkhd->bhqk", seen["q"], seen["k"]) / math.sqrt(D_HEAD)
            scores = scores.masked_fill(~torch.ones(scores.shape[-2:]).tril().bool(), -torch.inf)
            for kind, _, function in edits:
                scores = function(scores) if kind == "scores" else scores
            weights = scores.softmax(dim=-1).transpose(1, 2)
            for kind, _, function in edits:
                weights = function(weights) if kind == "pattern" else weights
            return torch.einsum("bqhk,bkhd->bqhd", weights, seen["v"]).reshape(z.shape)

        return [keep("q"), keep("k"), keep("v"), (f"blocks.{layer}.attn.hook_z", outputs)]


class LensRun:
    """Another run, as TransformerLens caches it."""

    def __init__(self, lens: Lens, ids):
        self.lens, self.ids, self.identity = lens, ids, f"lens {ids.sum()}"

    def read(self, site: Site) -> xr.DataArray:
        layers = [0] if site.kind == "embedding" else list(range(LAYERS + (site.kind == "stream")))
        found = np.stack([self.lens.values(site.kind, layer, self.ids).numpy() for layer in layers], axis=1)
        dims = (
            ["prompt", "layer", "position", "head", "d"]
            if site.kind in HEADED
            else ["prompt", "layer", "position", "d"]
        )
        if site.kind == "pattern":
            dims = ["prompt", "layer", "query", "head", "key"]
        coordinates = {"layer": layers, "length": ("prompt", [self.ids.shape[1]] * len(self.ids))}
        if site.kind in HEADED:
            coordinates["head"] = list(range(found.shape[dims.index("head")]))
        array = xr.DataArray(found, dims=dims, coords=coordinates)
        return array.isel(layer=0, drop=True) if site.kind == "embedding" else array
