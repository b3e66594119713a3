"""What a generation is asked for, and what is drawn and given for each of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from jaxtyping import Float, Int

from semphase.errors import SemphaseError
from semphase.measure.generating.sampling import uniforms
from semphase.measure.items import Items
from semphase.measure.scores import Answers
from semphase.models import Model

MOST_SAMPLES = 4096
"""All samples of a prompt are written side by side."""
FREE, STOP = -1, -2
"""In the place of a given token: the model chooses, or the row is at its end."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """How text is made: at most `tokens` of them, greedily at temperature 0, `samples` texts for each prompt."""

    tokens: int
    temperature: float = 0.0
    samples: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        """SemphaseError for numbers that make no sense; those of one value are one, in whatever type they come."""
        for name, number in (("tokens", self.tokens), ("samples", self.samples)):
            if not (_whole(number) and number >= 1):
                raise SemphaseError(f"{name} is {number!r}; ask for a whole number from 1 on.")
        if self.samples > MOST_SAMPLES:
            raise SemphaseError(
                f"{self.samples} samples of each prompt are more than {MOST_SAMPLES}; ask for fewer at a time, each time "
                "with another seed."
            )
        if not (_real(self.temperature) and 0 <= self.temperature < float("inf")):
            raise SemphaseError(
                f"the temperature {self.temperature!r} is no number from 0 upwards; 0 takes the likeliest."
            )
        if not _whole(self.seed):
            raise SemphaseError(f"the seed {self.seed!r} is no whole number; give one.")
        if self.samples > 1 and self.temperature == 0:
            raise SemphaseError(f"{self.samples} samples at temperature 0 are all alike; give a temperature above 0.")
        for name, kind in (("tokens", int), ("temperature", float), ("samples", int), ("seed", int)):
            object.__setattr__(self, name, kind(getattr(self, name)))

    def require(self, model: Model, items: Items, answers: Answers | None = None) -> None:
        """SemphaseError for a prompt that leaves no room in the model's context."""
        room = max(self.tokens, max(map(len, answers or ()), default=0))
        for item, length in enumerate(items.lengths):
            if length + room > model.context:
                raise SemphaseError(
                    f"prompt {item} has {length} tokens and {model.name} reads {model.context}, so {room} more do not fit; "
                    "shorten the prompt or ask for fewer tokens."
                )


def _whole(number: object) -> bool:
    return isinstance(number, Integral) and not isinstance(number, bool)


def _real(number: object) -> bool:
    return isinstance(number, Real) and not isinstance(number, bool)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is drawn and what is given, for each copy of each prompt; the last copy reads the answer where there is one."""

    temperature: float
    uniform: Float[np.ndarray, "prompt copy step"]
    forced: Int[np.ndarray, "prompt copy step"]

    @classmethod
    def of(cls, items: Items, decoding: Decoding, answers: Answers | None) -> Plan:
        """The plan for some prompts."""
        steps = max(decoding.tokens, max(map(len, answers or ()), default=0))
        drawn = uniforms(items.tokens, decoding.samples, decoding.tokens, decoding.seed)
        uniform = np.pad(drawn, ((0, 0), (0, int(answers is not None)), (0, steps - decoding.tokens)))
        forced = np.full(uniform.shape, FREE)
        forced[:, :, decoding.tokens :] = STOP
        for prompt, answer in enumerate(answers or ()):
            forced[prompt, -1] = [*answer, *[STOP] * (steps - len(answer))]
        return cls(decoding.temperature, uniform, forced)

    @property
    def copies(self) -> int:
        """Rows for each prompt."""
        return self.forced.shape[1]

    @property
    def steps(self) -> int:
        """Tokens at most."""
        return self.forced.shape[2]

    def some(self, prompts: list[int]) -> Plan:
        """The same for some of the prompts."""
        return Plan(self.temperature, self.uniform[prompts], self.forced[prompts])
