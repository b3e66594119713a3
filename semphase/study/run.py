"""A model on a set of prompts under some edits: whatever is read of it, once, and kept in the study's store."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import xarray as xr

from semphase.data.prompts import Prompts
from semphase.errors import SemphaseError
from semphase.measure import on_prompts
from semphase.measure.edit_base import Edit, identity_of, told
from semphase.measure.generating.plan import Decoding
from semphase.measure.generation import generated
from semphase.measure.items import Items
from semphase.measure.locating import answers_of, items_of
from semphase.measure.looks import Logits, Losses, Reader, Scored
from semphase.measure.measurement import Measurement
from semphase.measure.scores import Score, log_probability, logit_difference
from semphase.measure.sites import Site
from semphase.store.store import canonical
from semphase.study.generated import Generated
from semphase.study.owner import Owner
from semphase.study.sweep import Edits, Sweep, over_labels, require_any_moves, require_each_moves, site_under

Of = Literal["logit_difference", "log_probability", "loss"]


@dataclass(frozen=True, eq=False)
class PromptRun:
    """Prompts run through the study's model under `edits`; what is read has the prompts' labels as coordinates.

    Everything is measured when it is asked for, and comes from the store where it is there. A run can be the source of
    `patched`, `resampled` and `averaged`. `replaced` is the claim's own set, where --prompts gave another of its name.
    """

    study: Owner = field(repr=False)
    prompts: Prompts
    edits: tuple[Edit, ...] = ()
    must_move: bool = True
    replaced: Prompts | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PromptRun) and self.identity == other.identity

    def __hash__(self) -> int:
        return hash(self.identity)

    @property
    def label(self) -> str:
        """The set's name, and the edits where there are some."""
        return self.prompts.name + (f" under {told(self.edits)}" if self.edits else "")

    @cached_property
    def items(self) -> Items:
        """What the model sees: token ids, and the position that is read of each prompt."""
        return items_of(self.study.tokenizing_model, self.prompts)

    @cached_property
    def identity(self) -> str:
        """A hash of the model, of what it sees, and of the edits."""
        named = [self.study.subject.identity, self.items.identity, identity_of(self.edits)]
        return hashlib.sha256(canonical({"run": named}).encode()).hexdigest()

    def read(self, site: Site) -> xr.DataArray:
        """Values at a site after all edits, [prompt, layer, (position,) (head,) d]; or [prompt, layer, head, query, key].

        In the model's own units; nan where a prompt has no such position, and `length` holds their numbers of tokens.
        Raises SemphaseError for layers, heads and positions that there are not.
        """
        if not isinstance(site, Site):
            raise SemphaseError(f"{site!r} is no site; read one such as stream(3) or head(1, 2).")
        return self._measured(on_prompts.values_at, site=site)

    def logits(self) -> xr.DataArray:
        """Logits at each prompt's position, [prompt, vocabulary], scaled and capped as the family does."""
        return self._measured(on_prompts.next_logits)

    def log_probabilities(self, answers: Any) -> xr.DataArray:
        """log p in nats of an answer to each prompt, [prompt]; the tokens of a longer answer are summed.

        `answers` is one text or token id for all prompts, or one for each, such as a label of the prompts. An answer is
        what follows the position that is read: begin it with a space where a word begins. Raises SemphaseError for
        answers that the tokenizer joins to the prompt or does not know.
        """
        return self._measured(on_prompts.scored, score=log_probability(self.answers(answers, "answers")))

    def logit_difference(self, right: Any = None, wrong: Any = None) -> xr.DataArray:
        """How much the right answer is preferred to the wrong one, [prompt], in nats; by default the prompts' own labels.

        For answers of one token the difference of their logits; for longer ones that of their summed log-probabilities,
        which is the same for one token. Answers as in `log_probabilities`.
        """
        return self._measured(on_prompts.scored, score=self.score("logit_difference", right, wrong))

    def losses(self) -> xr.DataArray:
        """−log p in nats of each token given those before it, [prompt, position from 1]; nan behind a prompt's end."""
        return self._measured(on_prompts.prompt_losses)

    def gradient(self, site: Site, of: Of = "logit_difference", right: Any = None, wrong: Any = None) -> xr.DataArray:
        """The derivative of a number of each prompt by the values at a site, laid out as `read`.

        `of` is "logit_difference", "log_probability" (of `right`), or "loss", the sum of the prompt's losses. The
        derivative is by what stands there after all edits.
        """
        score = "loss" if of == "loss" else self.score(of, right, wrong)
        return self._measured(on_prompts.gradients_at, site=site, score=score)

    def generate(self, decoding: Decoding, answers: Any = None) -> Generated:
        """Texts behind the prompts, by the model under the run's edits, and log p of answers where some are given.

        SemphaseError for answers where the position that is read is not the prompt's end.
        """
        given = None if answers is None else self._behind(answers)
        decoding.require(self.study.tokenizing_model, self.items, given)
        self.check()
        found = self.study.measured(generated, self.items, edits=self.edits, decoding=decoding, answers=given)
        scored = None if given is None else self.labelled(found["answer_log_probability"])
        tokens, logs, flops, of_prompt = (
            self.labelled(found[name]) for name in ("token", "log_probability", "flops", "prompt_flops")
        )
        return Generated(self.prompts, tokens, logs, flops, of_prompt, scored, self.study.tokenizing_model, self.items)

    def _behind(self, answers: Any) -> tuple[tuple[int, ...], ...]:
        for prompt, (at, length) in enumerate(zip(self.items.at, self.items.lengths, strict=True)):
            if at != length - 1:
                raise SemphaseError(
                    f"prompt {prompt} of {self.prompts.name!r} is read before its end, where no answer to a text that is "
                    "generated can stand; leave at= out."
                )
        return self.answers(answers, "answers")

    def score(self, of: str, right: Any = None, wrong: Any = None) -> Score:
        """A number of each prompt from the tokens of answers, by default the prompts' labels `right` and `wrong`.

        SemphaseError for a number that there is not, and where neither answers nor labels are there.
        """
        if of == "logit_difference":
            return logit_difference(self._side(right, "right"), self._side(wrong, "wrong"))
        if of == "log_probability":
            return log_probability(self._side(right, "right"))
        raise SemphaseError(
            f"{of!r} cannot be read; choose logit_difference, log_probability, losses, logits or a site, and loss for a "
            "gradient."
        )

    def _side(self, given: Any, side: str) -> tuple[tuple[int, ...], ...]:
        if given is None and side not in dict(self.prompts.labels):
            raise SemphaseError(f"the prompts {self.prompts.name!r} have no label {side!r}; give answers with {side}=.")
        return self.answers(self.prompts.label(side) if given is None else given, side)

    def answers(self, given: Any, what: str) -> tuple[tuple[int, ...], ...]:
        """The tokens of an answer to each prompt."""
        return answers_of(self.study.tokenizing_model, self.prompts, self._own(given, what), what)

    def _own(self, given: Any, what: str) -> Any:
        """Labels of the claim's set stand for those of the set that took its place."""
        if self.replaced is None or isinstance(given, str | int | np.integer):
            return given
        for name, _ in self.replaced.labels:
            if given is self.replaced.label(name):
                return self.prompts.label(name)
        if any(given is self.prompts.label(name) for name, _ in self.prompts.labels):
            return given
        raise SemphaseError(
            f"{what} belongs to the claim's own prompts {self.replaced.name!r}, which --prompts replaced; give one of their "
            "labels, or take study.chosen(prompts) first."
        )

    def _measured(self, measurement: Measurement[..., xr.DataArray], **parameters: Any) -> xr.DataArray:
        self.check()
        found = self.study.measured(measurement, self.items, edits=self.edits, **parameters)
        return self.labelled(found)

    def labelled(self, found: xr.DataArray) -> xr.DataArray:
        """With the prompts' labels as coordinates of the axis `prompt`."""
        return found.assign_coords({name: ("prompt", self.prompts.label(name)) for name, _ in self.prompts.labels})

    def check(self) -> None:
        """SemphaseError for an edit that moves nothing, and for a model that no edit reaches."""
        if self.edits:
            _ = self._checked

    @cached_property
    def _checked(self) -> None:
        self.study.facet(Seam).require(self.items)
        if self.must_move:
            require_each_moves(self.study, self.items, self.edits)


@dataclass(frozen=True, eq=False)
class PromptSweep:
    """Many lists of edits on a run's prompts."""

    run: PromptRun
    edits: Edits
    must_move: bool = True

    def read(self, what: str | Site, right: Any = None, wrong: Any = None) -> xr.DataArray:
        """A number, the losses, the logits or a site of every prompt under every label, [label, prompt, …]."""
        study, items = self.run.study, self.run.items
        study.facet(Seam).require(items)
        if isinstance(what, Site):
            if self.must_move:
                require_any_moves(study, items, self.edits)
            return self.run.labelled(over_labels(site_under(study, items, self.edits, what)))
        sweep = Sweep(study, items, self._reader(what, right, wrong), self.edits, self.must_move)
        return self.run.labelled(sweep.result())

    def _reader(self, what: str, right: Any, wrong: Any) -> Reader:
        plain: dict[str, Reader] = {"losses": Losses(), "logits": Logits()}
        return plain[what] if what in plain else Scored(self.run.score(what, right, wrong))


class Seam:
    """The preflight of a study's model, once: edits reach its attention, and what is not edited stays as it is."""

    def __init__(self, study: Owner) -> None:
        self.study = study
        self.passed = False

    def require(self, items: Items) -> None:
        """Raise SemphaseError for a model that changes cannot be trusted on; tried on the longest of some prompts."""
        if not self.passed:
            longest = max(items.tokens, key=len)
            self.study.measured(on_prompts.seam, longest)
            self.passed = True
