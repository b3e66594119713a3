"""A study: one model with its data, budget, seed and store; phenomena measure on it as facets."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import numpy as np
from jaxtyping import Float, Int

from semphase.data.prompts import Prompts
from semphase.errors import NotApplicable, SemphaseError

# Modules that measure are imported on first use: claim files name Study, and a list of claims does not wait for torch.
from semphase.measure import readout, weights
from semphase.measure.generating import plan
from semphase.study import description, measuring, run, sample, subject, sweep, text, variant
from semphase.study.generators import generator
from semphase.study.substitutes import Substitutes

if TYPE_CHECKING:
    import xarray as xr

    from semphase.data.corpus import Corpus
    from semphase.data.lexicon import Lexicon
    from semphase.measure.edit_base import Edit
    from semphase.measure.measurement import Measurement
    from semphase.measure.sites import Site
    from semphase.measure.weights import Kind
    from semphase.models import Model
    from semphase.store import Store
    from semphase.study.budget import Budget
    from semphase.study.generated import Generated
    from semphase.study.owner import Progress
    from semphase.study.run import PromptRun
    from semphase.study.subject import Subject
    from semphase.study.text import Half, Reading
    from semphase.verdict.universe import Universe

F = TypeVar("F")
R = TypeVar("R")
Advance = Callable[[int], None]


def _silent(_label: str, _total: int | None) -> AbstractContextManager[Advance]:
    return nullcontext(lambda _: None)


@dataclass(eq=False)
class Study:
    """One model, lexicon, corpus, budget, seed and store; what is measured on it comes from the store when it is there."""

    subject: Subject
    lexicon: Lexicon
    corpus: Corpus
    budget: Budget
    seed: int
    store: Store
    progress: Progress = field(default=_silent, repr=False)
    memory: int | None = None
    substitutes: Substitutes = field(default_factory=Substitutes, repr=False)
    base: Study | None = field(default=None, repr=False)
    """The study that this one is a variant of."""
    choices: Mapping[str, Any] = field(default_factory=dict)
    """What the variant does otherwise."""
    asked: set[str] = field(default_factory=set, repr=False)
    """The choices that were asked for so far, of the study or of its copies."""
    _facets: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)
    _variants: dict[Hashable, Study] = field(default_factory=dict, init=False, repr=False)

    @property
    def model(self) -> Model:
        """The model under study."""
        return self.subject.model

    @property
    def models(self) -> tuple[Model, ...]:
        """The model, as the models of a joint study."""
        return (self.model,)

    @property
    def dtype(self) -> str:
        """The model's floating-point type, such as "float32"."""
        return str(self.tokenizing_model.dtype).removeprefix("torch.")

    @property
    def label(self) -> str:
        """The model's name in the report."""
        return self.model.name

    def __getitem__(self, role: str) -> NoReturn:
        """One model plays no roles: raises SemphaseError."""
        raise SemphaseError(f"no model plays the role {role!r} here: declare it with @claim(models=…).")

    def provenance(self) -> dict[str, Any]:
        """What the report says about where the numbers come from."""
        return description.provenance(
            self.models, self.corpus, lambda: len(self.tokens), self.lexicon, self.store.notices
        )

    @cached_property
    def tokens(self) -> Int[np.ndarray, " token"]:
        """The ids of all tokens of the corpus."""
        return measuring.token_ids(self, self.corpus)

    @property
    def each(self) -> tuple[Study, ...]:
        """The studies of the single models: this one."""
        return (self,)

    @property
    def registered(self) -> bool:
        """Is this the study of the registered analysis, with its control and what a report shows? Not in a universe."""
        return self.base is None

    @property
    def untrained(self) -> tuple[Study, ...]:
        """The same study of five untrained copies, seeds 0–4; the control of most claims, and none in a universe."""
        return self.copies if self.registered else ()

    @cached_property
    def copies(self) -> tuple[Study, ...]:
        """The untrained copies, in a universe too: for claims whose evidence itself compares with them."""
        parent = self.subject
        assert isinstance(parent, subject.Trained)
        bases = (None,) * subject.COPIES if self.base is None else self.base.copies
        return tuple(
            replace(self, subject=subject.Untrained(parent, seed), base=base) for seed, base in enumerate(bases)
        )

    def in_universe(self, universe: Universe) -> Study:
        """The study that a universe makes of this one; claims that share a universe, by more than its name, share it.

        Raises SemphaseError for a function that makes no other study, NotApplicable where the universe makes no sense.
        """
        if universe.key not in self._variants:
            made = universe.made_of(self)
            if made is self:
                raise SemphaseError(
                    "it gives back the study itself, which is no other analysis: return study.varied(…)."
                )
            if not isinstance(made, Study):
                raise SemphaseError(f"it makes {type(made).__name__} of the study: return study.varied(…).")
            if self not in made.lineage:
                raise SemphaseError("it gives another study, which is no variant of this one: return study.varied(…).")
            self._variants[universe.key] = made
        return self._variants[universe.key]

    def varied(
        self,
        *,
        seed: int | None = None,
        lexicon: Lexicon | None = None,
        corpus: Corpus | None = None,
        prompts: Iterable[Prompts] = (),
        words: int | None = None,
        **choices: Any,
    ) -> Study:
        """A variant of the study for a universe, on the same store and without a control.

        `prompts` take the place of the sets of their names; `words` draws so many of the lexicon; other choices are for
        facets, which ask for them by `choice`. Raises NotApplicable for more words than there are, SemphaseError for what
        is nothing of this.
        """
        variant.require_data(lexicon, corpus, words)
        sets = variant.sets_of(prompts)
        return replace(
            self,
            seed=self.seed if seed is None else variant.seed_of(seed),
            lexicon=self._drawn(words) if lexicon is None else lexicon,
            corpus=self.corpus if corpus is None else corpus,
            substitutes=Substitutes({**self.substitutes.sets, **sets}) if sets else self.substitutes,
            base=self,
            choices={**self.choices, **choices},
            asked=set(),
        )

    @property
    def lineage(self) -> Iterator[Study]:
        """The studies that this one is a variant of, the nearest first; none of a run's own study."""
        study = self.base
        while study is not None:
            yield study
            study = study.base

    def choice(self, name: str) -> Any:
        """What this universe chose under a name; None where it is as registered."""
        self.asked.add(name)
        return self.choices.get(name)

    def _drawn(self, words: int | None) -> Lexicon:
        if words is None:
            return self.lexicon
        there = len(self.lexicon.words)
        if there <= words:
            raise NotApplicable(f"the lexicon has {there} words and a draw of {words} needs more")
        drawn = sorted(self.rng(f"universe of {words} words").choice(there, words, replace=False))
        return replace(self.lexicon, words=tuple(self.lexicon.words[place] for place in drawn))

    def bound_copies(self, memory: int) -> None:
        """From the next one on keep no more untrained copies than fit into these bytes."""
        if isinstance(self.subject, subject.Trained):
            self.subject.memory = memory

    def give_back_copies(self) -> None:
        """Let the untrained copies and all that holds them leave the memory; who asks for them builds them again."""
        vars(self).pop("copies", None)
        self._variants.clear()
        if isinstance(self.subject, subject.Trained):
            self.subject.copies.clear()

    def facet(self, kind: Callable[[Study], F]) -> F:
        """`kind(study)`, made once: the measurements of one phenomenon, yours or one of `semphase.science`."""
        if kind not in self._facets:
            self._facets[kind] = kind(self)
        found: F = self._facets[kind]
        return found

    @property
    def facets(self) -> Mapping[Any, Any]:
        """The facets made so far, by what made them."""
        return self._facets

    def measured(self, measurement: Measurement[..., R], data: Any = None, /, **parameters: Any) -> R:
        """`measurement(model, data, **parameters)`, made once and kept in the store; tensors come back as arrays.

        `data` are Prompts (those of the user where --prompts gave some of that name), what a model sees of them
        (`study.prompts(…).items`), token arrays, a Corpus, a Lexicon, another Model, a sequence of these, or None. The
        key holds the measurement's name, version, parameters and, outside semphase, its code; the model; the data.
        Raises SemphaseError for a function that is no measurement or captures values, for parameters that it does not
        take or that no key can hold, and for a result that is no array.
        """
        given = self.chosen(data) if isinstance(data, Prompts) else data
        found: R = measuring.measured(self, measurement, given, parameters)
        return found

    def prompts(self, prompts: Prompts, edits: Edit | Iterable[Edit] = (), *, must_move: bool = True) -> PromptRun:
        """The model on a set of prompts, or on the user's set of that name, under edits: what is read of it is measured.

        An edit that moves nothing is an error when something is read, unless `must_move` is False.
        """
        own = self.chosen(prompts)
        return run.PromptRun(self, own, sweep.as_edits(edits), must_move, None if own == prompts else prompts)

    def sweep(
        self,
        on: Prompts | Reading,
        edits: Mapping[Any, Edit | Iterable[Edit]],
        read: str | Site | None = None,
        *,
        right: Any = None,
        wrong: Any = None,
        half: Half = "judge",
        must_move: bool = True,
    ) -> xr.DataArray:
        """What is read under each label's edits, [label, prompt, …]; of `study.text` mean losses, [label, block].

        `read` is "logit_difference" (of `right` and `wrong`, by default the prompts' labels), "log_probability" (of
        `right`), "losses", "logits" or a site; of the text "losses" of one half, or a site. By default it is the
        first. Labels are texts, integers or tuples, laid out as `semphase.study.sweep.over_labels` says. Every label
        is replayed from the first block that it touches, and stored as soon as it is there. That no label moves
        anything is an error, unless `must_move` is False.
        """
        labels = sweep.as_labels(edits)
        if isinstance(on, text.Reading):
            return on.sweep(labels, read or "losses", half, must_move=must_move)
        return run.PromptSweep(self.prompts(on), labels, must_move).read(read or "logit_difference", right, wrong)

    def readout(self, stream: xr.DataArray) -> xr.DataArray:
        """Logits of a stream [..., d] at any layer through final norm and unembedding, [..., vocabulary] (logit lens)."""
        return readout.read_out_labelled(self.model, stream)

    def weight(self, kind: Kind, layer: int | None = None, head: int | None = None) -> Float[np.ndarray, "*shape"]:
        """A weight matrix: "query", "key", "value" [d, d_head], "output" [d_head, d], "embedding" or "unembedding".

        What enters stands on the left, x W; without `head` those of all heads of the layer. Keys and values are counted
        by key heads. Raises SemphaseError for a kind, layer or head that there is not.
        """
        return weights.weight(self.model, kind, layer, head)

    def generate(
        self,
        prompts: Prompts,
        edits: Edit | Iterable[Edit] = (),
        *,
        tokens: int = 32,
        temperature: float = 0.0,
        samples: int = 1,
        seed: int | None = None,
        answers: Any = None,
        must_move: bool = True,
    ) -> Generated:
        """Texts of at most so many tokens behind the prompts, greedily or drawn at a temperature, under edits.

        A text ends with the model's end token. Draws belong to the prompt's tokens, the sample and the seed (the study's
        by default), so neither batch nor order changes them. Edits at ALL positions act on what is generated as well,
        others on the prompts. `answers`, as in `run.log_probabilities`, are scored on the way. Raises SemphaseError for a
        prompt that leaves no room in the model's context, for several samples at temperature 0, and for an edit that moves
        nothing, unless `must_move` is False.
        """
        decoding = plan.Decoding(tokens, temperature, samples, self.seed if seed is None else seed)
        return self.prompts(prompts, edits, must_move=must_move).generate(decoding, answers)

    def chosen(self, prompts: Prompts) -> Prompts:
        """The user's set of that name where --prompts gave one, else the set itself; before it is split or selected from."""
        if not isinstance(prompts, Prompts):
            raise SemphaseError(f"{prompts!r} is no set of prompts; make one with Prompts.of(name, texts).")
        return self.substitutes.chosen(prompts)

    @property
    def substituted(self) -> tuple[str, ...]:
        """Names of the claims' sets that --prompts replaced so far, once for each time."""
        return tuple(self.substitutes.used)

    @property
    def sampled(self) -> tuple[str, ...]:
        """What declares samples for `--verify` of the facets made so far, and of losses under edits, as "module:class"."""
        found = [name for facet in self._facets.values() for name in sample.sampling(type(facet))]
        read = "text" in vars(self) and self.text.edited
        return tuple(dict.fromkeys([*found, *([f"{text.__name__}_samples:Samples"] if read else [])]))

    @cached_property
    def text(self) -> Reading:
        """The corpus as chunks, and losses on it."""
        return text.Reading(self)

    def rng(self, purpose: str) -> np.random.Generator:
        """A generator of the study's seed for one purpose."""
        return generator(self.seed, purpose)

    @property
    def tokenizing_model(self) -> Model:
        """The model by whose tokenizer texts are read."""
        # A copy tokenises as its parent does; its weights need not be built for that.
        return self.subject.parent.model if isinstance(self.subject, subject.Untrained) else self.subject.model
