"""What a model makes of the lexicon's ambiguous words: streams at the word, and the curves that claims are about.

Words stand in the lexicon's order on every array's word axis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from semphase.data.lexicon import CONDITIONS, Lexicon, Prompt
from semphase.measure.readout import logit_lens_top1
from semphase.measure.streams import capture_streams
from semphase.measure.targets import Target, locate_all
from semphase.models import Model
from semphase.science.lexical import overlap_tables as tables
from semphase.science.lexical import stream_reading
from semphase.science.lexical.conditions import Conditions
from semphase.science.lexical.order_parameter import Overlapping, Overlaps, order_parameter, overlaps, projections
from semphase.science.lexical.response import Response, depths, respond, strength_from_final_sigma
from semphase.science.lexical.variations import prefixed_prompts, shortened_prompts, suffixed_prompts
from semphase.science.lexical.without import Strength, condition_means, conditions_without, response_without
from semphase.stats.nested import Nested, PerWord
from semphase.study.sample import Sample
from semphase.study.study import Study
from semphase.tolerances import stream_tolerance

SAMPLED = 24


@dataclass(eq=False)
class Lexical:
    """Measurements at the words of a study's lexicon, each made once."""

    study: Study

    @property
    def lexicon(self) -> Lexicon:
        """The study's words."""
        return self.study.lexicon

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """Every prompt of the lexicon as the model sees it."""
        return self._locate(self.lexicon.prompts)

    @property
    def reading(self) -> dict[str, Any]:
        """For a report's detail: the words, and those that the tokenizer splits, read at their last piece."""
        split = sorted({target.prompt.word for target in self.targets if target.pieces > 1})
        return {"words": self.lexicon.names, "split words": split}

    # Measurements

    @cached_property
    def captured(self) -> xr.Dataset:
        """Residual streams and attention writes at the word, for every prompt of the lexicon, as the model has them."""
        return self.once(lambda own: own.captured, lambda: self.study.measured(capture_streams, self.targets))

    @cached_property
    def streams(self) -> xr.Dataset:
        """The same as they are read: behind the final norm, say, in the universe that reads them there."""
        return stream_reading.as_read(self.study, self.captured)

    @cached_property
    def shortened(self) -> xr.Dataset:
        """Streams for strong prompts with 0, 1, … words of context (`index`)."""
        return stream_reading.as_read(self.study, self.captured_shortened)

    @cached_property
    def suffixed(self) -> xr.Dataset:
        """Streams at the word with text after it (`index` 0: none)."""
        return stream_reading.as_read(self.study, self.captured_suffixed)

    @cached_property
    def prefixed(self) -> xr.Dataset:
        """Streams at the word with the same texts before the prompt."""
        return stream_reading.as_read(self.study, self.captured_prefixed)

    @cached_property
    def captured_shortened(self) -> xr.Dataset:
        """`shortened` as the model has them."""
        return self.once(
            lambda own: own.captured_shortened,
            lambda: self._measured(shortened_prompts(self.lexicon)),
        )

    @cached_property
    def captured_suffixed(self) -> xr.Dataset:
        """`suffixed` as the model has them."""
        return self.once(
            lambda own: own.captured_suffixed,
            lambda: self._measured(suffixed_prompts(self.lexicon)),
        )

    @cached_property
    def captured_prefixed(self) -> xr.Dataset:
        """`prefixed` as the model has them."""
        return self.once(
            lambda own: own.captured_prefixed,
            lambda: self._measured(prefixed_prompts(self.lexicon)),
        )

    def _measured(self, prompts: tuple[Prompt, ...]) -> xr.Dataset:
        return self.study.measured(capture_streams, self._locate(prompts))

    def once(self, of: Callable[[Lexical], xr.Dataset], measure: Callable[[], xr.Dataset]) -> xr.Dataset:
        """Streams measured here, or in a universe of the same prompts those of the study that it is a variant of."""
        base = self.study.base
        if base is None or self.study.choice("bos") or not set(self.lexicon.words) <= set(base.lexicon.words):
            return measure()
        whole = of(base.facet(Lexical))
        return whole.isel(prompt=np.flatnonzero(np.isin(whole["word"].values, self.lexicon.names)))

    @cached_property
    def top1(self) -> Int[np.ndarray, "word condition layer"]:
        """The logit lens' top-1 token at each layer, for the first prompt of each condition."""
        streams = self.captured
        chosen = np.flatnonzero((streams["index"].values == 0) & np.isin(streams["role"].values, CONDITIONS))
        top1 = self.study.measured(logit_lens_top1, streams["stream"].values[chosen])["top1"].values
        return top1.reshape(len(self.lexicon.words), len(CONDITIONS), -1)

    # What the analysis reads

    @cached_property
    def directions(self) -> tuple[Float[np.ndarray, "word sentence d"], Int[np.ndarray, "word sentence"]]:
        """Final streams of the direction sentences and their senses."""
        return tables.direction_finals(self.streams, self.lexicon)

    @cached_property
    def gradients(self) -> Overlaps:
        """The gradient prompts against the direction sentences."""
        return self.overlaps(tables.gradient_arrays(self.streams, self.lexicon), *self.directions)

    @property
    def overlaps(self) -> Overlapping:
        """How σ is made: by the cosine with e_diff, or in a universe by the component along it."""
        return projections if self.study.choice("overlap") == "projection" else overlaps

    @cached_property
    def response(self) -> Nested[Response]:
        """f(l) with h from σ(L)."""
        if self.study.choice("h") == "step":
            return self.response_by_step
        return self._response(lambda sigma, _: strength_from_final_sigma(sigma))

    @cached_property
    def response_by_step(self) -> Nested[Response]:
        """f(l) with h from the prompt's step, ±step/10."""
        return self._response(lambda _, kept: tables.STEP[kept])

    @cached_property
    def conditions(self) -> Nested[Conditions]:
        """σ(l) under the five conditions."""
        return self.conditions_of(self.streams, self.directions)

    def conditions_of(self, streams: xr.Dataset, directions: tuple[np.ndarray, np.ndarray]) -> Nested[Conditions]:
        """σ(l) under the five conditions for other streams (rounded products), along given directions."""
        data, condition = tables.condition_overlaps(streams, self.lexicon, *directions, self.overlaps)
        sigma = order_parameter(data, data.weights)
        point = Conditions(depths(sigma.shape[-1]), condition_means(sigma, condition))
        return self.nested(point, lambda: conditions_without(data, condition, point))

    def nested(self, point: Any, leave_prompts_out: Any = None) -> Nested[Any]:
        """A measurement at these words."""
        return Nested(point, len(self.lexicon.words), leave_prompts_out)

    def of_words(self, values: np.ndarray) -> Nested[PerWord]:
        """One number for each word."""
        return self.nested(PerWord(values))

    def _response(self, strength: Strength) -> Nested[Response]:
        data, strata = self.gradients, (tables.STEP < 0).astype(int)
        sigma = order_parameter(data, data.weights)
        every = np.broadcast_to(np.arange(len(strata)), sigma.shape[:2])
        point = respond(sigma, strength(sigma, every))
        return self.nested(point, lambda: response_without(data, strata, strength, point))

    def rng(self, purpose: str) -> np.random.Generator:
        """A generator of the study's seed for one purpose."""
        return self.study.rng(purpose)

    # How it is measured

    def samples(self) -> Iterator[Sample]:
        """Streams at 24 of the prompts; the largest relative distance of a stream."""
        rows = np.unique(np.linspace(0, len(self.targets) - 1, SAMPLED).astype(int))
        targets = [self.targets[row] for row in rows]

        def difference(reference: Model) -> float:
            again = capture_streams(reference, targets)["stream"].values
            distance = np.linalg.norm(self.streams["stream"].values[rows] - again, axis=-1)
            return float((distance / np.linalg.norm(again, axis=-1)).max())

        model = self.study.tokenizing_model
        allowed = stream_tolerance(self.study.dtype, model.layers, model.d_model)
        yield Sample(f"streams of {len(rows)} prompts", difference, allowed)

    def _locate(self, prompts: tuple[Prompt, ...]) -> tuple[Target, ...]:
        model = self.study.tokenizing_model
        located = locate_all(model, prompts)
        return stream_reading.with_other_start(model, located) if self.study.choice("bos") else located
