"""Losses under single changed heads, for `--verify` to measure again on the CPU: exact ones, and what was screened."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from semphase.measure.replay import Replay
from semphase.measure.screening.ways import Way
from semphase.measure.sweeps import head_by_head, substitute
from semphase.models import Model
from semphase.science.heads.facet import Heads
from semphase.science.heads.screened import Screened
from semphase.science.heads.trust import SOUND, Trial
from semphase.study.sample import Sample, first_rows, mean_of_first
from semphase.study.study import Study
from semphase.study.text import Ids
from semphase.tolerances import repeated_loss_tolerance

FEW = 3
"""Heads of each sample."""
OFF: dict[Way, float] = {"tf32+float16": 0.1}
"""How far screened effects may lie from the CPU's, as shares of what moves a decision; 11 bits keep them closer."""
USUALLY_OFF = 3 * SOUND
"""Of other ways: the largest of a few errors, where their root mean square may be a third of it."""
KINDS = ("zero", "relu", "identity", "identity-l1")
"""Changes that a run may have screened and that the reference model can be given as well, the first of all by default."""


@dataclass(eq=False)
class Samples:
    """Of the first, the middle and the last layer one head each; where heads were screened, of those that were confirmed."""

    study: Study

    def samples(self) -> Iterator[Sample]:
        """Losses of about 1,024 tokens with one head changed, in three layers; the largest relative difference."""
        ids = next(self.study.text.groups("choose"))
        rows = first_rows(ids)
        tokens, kind = rows * (ids.shape[1] - 1), self.kind

        def difference(reference: Model) -> float:
            again, _ = self.again(reference, ids[:rows], self.chosen)
            return float(np.abs(self.measured(ids, rows) / again - 1).max())

        changed = "zeroed" if kind == "zero" else f"changed ({kind})"
        name = f"losses of {tokens:,} tokens with one head {changed}, {len(self.chosen)} heads"
        yield Sample(name, difference, repeated_loss_tolerance(self.study.dtype))
        if self.screened is not None and len(self.rough):
            way = self.screened.way
            name = f"effects of {len(self.rough)} heads screened in {way} on {tokens:,} tokens ({kind})"
            yield Sample(name, lambda reference: self.off(reference, ids, rows), OFF.get(way, USUALLY_OFF))

    @cached_property
    def kind(self) -> str:
        """The change that is repeated: one that the run screened, if it did."""
        screening = self.study.facet(Heads).screening
        done = [] if screening is None else [kind for kind in KINDS if screening.was_done(kind)]
        return [*done, KINDS[0]][0]

    @cached_property
    def screened(self) -> Screened | None:
        """What the run has used of screened heads; None where it measured all exactly."""
        screening = self.study.facet(Heads).screening
        return screening.single(self.kind) if screening is not None and screening.was_done(self.kind) else None

    @cached_property
    def chosen(self) -> list[int]:
        """The heads whose losses are compared."""
        if self.screened is not None:
            return _spread(self.screened.confirmed)
        layers, heads = self.study.tokenizing_model.layers, self.study.tokenizing_model.heads
        found = {layer: layer * (heads - 1) // max(1, layers - 1) for layer in sorted({0, layers // 2, layers - 1})}
        return [layer * heads + head for layer, head in found.items()]

    @cached_property
    def rough(self) -> list[int]:
        """Heads of which the run used what screening gave."""
        assert self.screened is not None
        return _spread(sorted({*range(len(self.screened.losses.sums))} - {*self.screened.confirmed}))

    def measured(self, ids: Ids, rows: int) -> Float[np.ndarray, " head"]:
        """The run's own mean losses on the first rows of a group; of the store, where it measured them."""
        if self.screened is not None:
            return mean_of_first(self.screened.losses, self._chunks, rows)[self.chosen]
        heads = self.study.tokenizing_model.heads
        layers = [head // heads for head in self.chosen]
        wanted = {layer: list(range(heads)) for layer in layers}
        losses = self.study.facet(Heads)._single_group("zero", ids, wanted, lambda _: None)
        places = [place * heads + head % heads for place, head in enumerate(self.chosen)]
        return mean_of_first(losses, len(ids), rows)[places]

    def again(self, reference: Model, ids: Ids, heads: Collection[int]) -> tuple[Float[np.ndarray, " head"], float]:
        """The same by the reference model, of some heads, and its loss without a change."""
        other = substitute(self.kind)
        with Replay(reference, ids.to(reference.device)) as replay:
            places = [divmod(head, reference.heads) for head in heads]
            rows = [head_by_head(replay, layer, other, [head]) for layer, head in places]
            return np.array([float(row.double().mean()) for row in rows]), float(replay.in_force.double().mean())

    def off(self, reference: Model, ids: Ids, rows: int) -> float:
        """By what share of what moves a decision screened effects lie from the reference model's, at most."""
        assert self.screened is not None
        losses, baseline = self.screened.losses, self.study.text.baseline("choose")
        again, unchanged = self.again(reference, ids[:rows], self.rough)
        trial = Trial(losses.mean - baseline.mean, self.study.facet(Heads).registered_count)
        own = mean_of_first(losses, self._chunks, rows)[self.rough] - mean_of_first(baseline, self._chunks, rows)
        trial.exact[self.rough] = trial.screened[self.rough] - (own - (again - unchanged))
        return float(trial.shares.max())

    @property
    def _chunks(self) -> int:
        return len(self.study.text.chunks("choose"))


def _spread(heads: Collection[int]) -> list[int]:
    """A few of some heads, from the first to the last."""
    ranked = sorted(heads)
    places: Int[np.ndarray, " few"] = np.linspace(0, len(ranked) - 1, min(FEW, len(ranked))).astype(int)
    return [ranked[place] for place in places]
