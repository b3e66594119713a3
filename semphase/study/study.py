"""A study: one model with its data, and every measurement of it as an attribute, made once and on demand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from typing import Any, TypeVar

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from semphase.data.corpus import Corpus, require_tokens
from semphase.data.lexicon import CONDITIONS, Lexicon
from semphase.measure.measurement import Measurement
from semphase.measure.readout import logit_lens_top1
from semphase.measure.rotation import rotation_angles
from semphase.measure.streams import capture_streams
from semphase.measure.targets import Prompt, Target, locate_all
from semphase.measure.text import leading_tokens
from semphase.models import Model
from semphase.science.cvfp.facet import Cvfp
from semphase.science.heads.ablation import Ablation
from semphase.science.lexical import overlap_tables as tables
from semphase.science.lexical.conditions import Conditions
from semphase.science.lexical.order_parameter import Overlaps, overlaps
from semphase.science.lexical.response import Response, respond, strength_from_final_sigma
from semphase.science.lexical.sampling import GradientDraws, along_directions, draw_gradients, sample_conditions
from semphase.science.lexical.variations import (
    lexicon_prompts,
    prefixed_prompts,
    shortened_prompts,
    suffixed_prompts,
)
from semphase.science.wqk.basis import WeightBasis
from semphase.science.writes.writes import Writes
from semphase.stats.draws import Bootstrapped, PerWord
from semphase.store import Store
from semphase.study.budget import COPIES, ROTATION_POSITIONS, Budget
from semphase.study.description import provenance
from semphase.study.measuring import measured
from semphase.study.subject import Subject, Trained, Untrained
from semphase.study.text import Reading

F = TypeVar("F")
R = TypeVar("R")
Advance = Callable[[int], None]
Progress = Callable[[str, int | None], AbstractContextManager[Advance]]
MEASUREMENT_VERSION = 1


def _silent(_label: str, _total: int | None) -> AbstractContextManager[Advance]:
    return nullcontext(lambda _: None)


@dataclass(eq=False)
class Study:
    """One model, lexicon, corpus, budget, seed and store; arrays come from the store when they are there.

    Words stand in the lexicon's order on every array's word axis.
    """

    subject: Subject
    lexicon: Lexicon
    corpus: Corpus
    budget: Budget
    seed: int
    store: Store
    progress: Progress = field(default=_silent, repr=False)
    memory: int | None = None
    _facets: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def model(self) -> Model:
        """The model under study."""
        return self.subject.model

    @property
    def models(self) -> tuple[Model, ...]:
        """The model, as the models of a joint study."""
        return (self.model,)

    @property
    def label(self) -> str:
        """The model's name in the report."""
        return self.model.name

    def provenance(self) -> dict[str, Any]:
        """What the report says about where the numbers come from."""
        return provenance(self.models, self.corpus, self.lexicon, self.store.notices)

    @property
    def each(self) -> tuple[Study, ...]:
        """The studies of the single models: this one."""
        return (self,)

    @cached_property
    def untrained(self) -> tuple[Study, ...]:
        """The same study of five untrained copies, seeds 0–4, with fewer draws; the control of most claims."""
        parent = self.subject
        assert isinstance(parent, Trained)
        budget = replace(self.budget, draws=self.budget.control_draws)
        return tuple(replace(self, subject=Untrained(parent, seed), budget=budget) for seed in range(COPIES))

    def facet(self, kind: Callable[[Study], F]) -> F:
        """`kind(study)`, made once: the measurements of one phenomenon, yours or one of `semphase.science`."""
        if kind not in self._facets:
            self._facets[kind] = kind(self)
        found: F = self._facets[kind]
        return found

    def measured(self, measurement: Measurement[..., R], data: Any = None, /, **parameters: Any) -> R:
        """`measurement(model, data, **parameters)`, made once and kept in the store; tensors come back as arrays.

        `data` are Prompts, token arrays, a Corpus, a Lexicon, another Model, a sequence of these, or None. The key
        holds the measurement's name, version, parameters and, outside semphase, its code; the model; the data.
        Raises SemphaseError for a function that is no measurement or captures values, for parameters that it does not
        take or that no key can hold, and for a result that is no array.
        """
        found: R = measured(self, measurement, data, parameters)
        return found

    # Measurements

    @cached_property
    def text(self) -> Reading:
        """The corpus as chunks, and losses on it."""
        return Reading(self)

    @cached_property
    def ablation(self) -> Ablation:
        """Losses with attention heads changed."""
        return Ablation(self)

    @cached_property
    def weights(self) -> WeightBasis:
        """Principal components of the query-key weights, and losses with weights rebuilt from them."""
        return WeightBasis(self)

    @cached_property
    def writes(self) -> Writes:
        """What the blocks write to the stream, and losses when they write in few components."""
        return Writes(self)

    @cached_property
    def cvfp(self) -> Cvfp:
        """CVFP language models trained on the model's embedding and the corpus."""
        return Cvfp(self)

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """Every prompt of the lexicon as the model sees it."""
        return locate_all(self.tokenizing_model, lexicon_prompts(self.lexicon))

    @property
    def reading(self) -> dict[str, Any]:
        """For a report's detail: the words, and those that the tokenizer splits, read at their last piece."""
        split = sorted({target.prompt.word for target in self.targets if target.pieces > 1})
        return {"words": self.lexicon.names, "split words": split}

    @cached_property
    def streams(self) -> xr.Dataset:
        """Residual streams and attention writes at the word, for every prompt of the lexicon."""
        return self._captured("streams", self.targets)

    @cached_property
    def shortened(self) -> xr.Dataset:
        """Streams for strong prompts with 0, 1, … words of context (`index`)."""
        return self._captured("context plane", self._locate(shortened_prompts(self.lexicon)))

    @cached_property
    def suffixed(self) -> xr.Dataset:
        """Streams at the word with text after it (`index` 0: none)."""
        return self._captured("suffixes", self._locate(suffixed_prompts(self.lexicon)))

    @cached_property
    def prefixed(self) -> xr.Dataset:
        """Streams at the word with the same texts before the prompt."""
        return self._captured("prefixes", self._locate(prefixed_prompts(self.lexicon)))

    @cached_property
    def top1(self) -> Int[np.ndarray, "word condition layer"]:
        """The logit lens' top-1 token at each layer, for the first prompt of each condition."""
        streams, key = self.streams, self.key("logit lens", self.targets)
        chosen = np.flatnonzero((streams["index"].values == 0) & np.isin(streams["role"].values, CONDITIONS))

        def measure() -> xr.Dataset:
            with self.progress(f"logit lens of {self.model.name}", len(chosen)) as advance:
                found = logit_lens_top1(self.model, streams["stream"].values[chosen])
                advance(len(chosen))
            return found

        top1 = self.store.get(key, measure)["top1"].values
        return top1.reshape(len(self.lexicon.words), len(CONDITIONS), -1)

    @cached_property
    def rotation(self) -> Float[np.ndarray, "position block"]:
        """θ(l) in radians at the first 500 positions of the corpus, as one context."""
        tokens = self.rotation_tokens
        key = self.key("rotation", ()) | {"tokens": _hash(tokens)}

        def measure() -> xr.Dataset:
            with self.progress(f"rotation angles of {self.model.name}", 1) as advance:
                found = rotation_angles(self.model, tokens)
                advance(1)
            return found

        return self.store.get(key, measure)["angle"].values

    # What the analysis reads

    @cached_property
    def directions(self) -> tuple[Float[np.ndarray, "word sentence d"], Int[np.ndarray, "word sentence"]]:
        """Final streams of the direction sentences and their senses."""
        return tables.direction_finals(self.streams, self.lexicon)

    @cached_property
    def gradients(self) -> Overlaps:
        """The gradient prompts against the direction sentences."""
        return overlaps(tables.gradient_arrays(self.streams, self.lexicon), *self.directions)

    @cached_property
    def response(self) -> Bootstrapped[Response]:
        """f(l) with h from σ(L)."""
        point, draws = self.along_directions(self.gradients)
        made = [respond(sigma, strength_from_final_sigma(sigma)) for sigma in (point, draws)]
        return self.bootstrapped(*made)

    @cached_property
    def response_by_step(self) -> Bootstrapped[Response]:
        """f(l) with h from the prompt's step, ±step/10."""
        point, draws = self.along_directions(self.gradients)
        steps = np.broadcast_to(tables.STEP, point.shape[:2])
        return self.bootstrapped(respond(point, steps), respond(draws, tables.STEP[self._drawn.index]))

    @cached_property
    def conditions(self) -> Bootstrapped[Conditions]:
        """σ(l) under the five conditions."""
        return self.conditions_of(self.streams, self.directions)

    def conditions_of(self, streams: xr.Dataset, directions: tuple[np.ndarray, np.ndarray]) -> Bootstrapped[Conditions]:
        """σ(l) under the five conditions for other streams (rounded products), along given directions."""
        data, condition = tables.condition_overlaps(streams, self.lexicon, *directions)
        return self.bootstrapped(*sample_conditions(data, condition, self.budget.draws, self.rng("conditions")))

    def along_directions(self, data: Overlaps) -> tuple[np.ndarray, np.ndarray]:
        """σ of gradient prompts [word, prompt, layer], and its draws of direction sentences and prompts."""
        return along_directions(data, self._drawn)

    @cached_property
    def _drawn(self) -> GradientDraws:
        strata = (tables.STEP < 0).astype(int)
        return draw_gradients(self.directions[1], strata, self.budget.draws, self.rng("gradients"))

    @property
    def n_prompts(self) -> int:
        """The number of prompts in the lexicon."""
        return len(self.targets)

    def bootstrapped(self, point: Any, draws: Any) -> Bootstrapped[Any]:
        """A point with its draws of prompts, and the draws of words that belong to them."""
        words = len(self.lexicon.words)
        index = self.rng("words").integers(0, words, size=(self.budget.draws, words))
        return Bootstrapped(point, draws, index, self.n_prompts)

    def of_words(self, values: np.ndarray) -> Bootstrapped[PerWord]:
        """One number for each word, words resampled only."""
        repeated = np.broadcast_to(values, (self.budget.draws, *values.shape))
        return self.bootstrapped(PerWord(values), PerWord(repeated))

    def rng(self, purpose: str) -> np.random.Generator:
        """A generator of the study's seed for one purpose."""
        return np.random.default_rng([self.seed, int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8])])

    @property
    def tokenizing_model(self) -> Model:
        """The model by whose tokenizer texts are read."""
        # A copy tokenises as its parent does; its weights need not be built for that.
        return self.subject.parent.model if isinstance(self.subject, Untrained) else self.subject.model

    def _locate(self, prompts: tuple[Prompt, ...]) -> tuple[Target, ...]:
        return locate_all(self.tokenizing_model, prompts)

    def _captured(self, measurement: str, targets: Sequence[Target]) -> xr.Dataset:
        def measure() -> xr.Dataset:
            with self.progress(f"{measurement} of {self.model.name}", len(targets)) as advance:
                return capture_streams(self.model, targets, advance)

        return self.store.get(self.key(measurement, targets), measure)

    def key(self, measurement: str, targets: Sequence[Target]) -> dict[str, Any]:
        """The store's key of a measurement on prompts."""
        prompts = [(t.tokens, t.position, t.prompt.word, t.prompt.role, t.prompt.index) for t in targets]
        return self.subject.identity | {
            "measurement": measurement,
            "version": MEASUREMENT_VERSION,
            "prompts": _hash(prompts),
            "torch": version("torch"),
            "transformers": version("transformers"),
        }

    @cached_property
    def rotation_tokens(self) -> tuple[int, ...]:
        """The first 500 tokens of the corpus, fewer where the model reads fewer."""
        model = self.tokenizing_model
        count = min(ROTATION_POSITIONS, model.context)
        tokens = leading_tokens(model.encode, self.corpus.text, count)
        require_tokens(self.corpus, len(tokens), count)
        return tuple(tokens)


def _hash(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()
