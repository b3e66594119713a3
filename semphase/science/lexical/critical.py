"""What a phase transition would look like: a peak of the susceptibility, a boundary in the plane (001 exp4, exp5)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from semphase.errors import Undefined
from semphase.science.lexical.response import Response
from semphase.stats.estimate import Estimate
from semphase.stats.nested import Nested, Population, Quantity
from semphase.stats.profile import bounded_widths, spacing
from semphase.stats.sampling import Sampling

SIDE = 2


@dataclass(frozen=True, slots=True)
class Susceptibility:
    """χ(l) = dσ/dh of every word below l = L, where h is σ itself, and the layer at which its mean is largest.

    `top` is that of all words; it stays when words are left out.
    """

    x: Float[np.ndarray, " layer"]
    chi: Float[np.ndarray, "*draw word layer"]
    top: int

    def take_words(self, index: Int[np.ndarray, "*draw word"]) -> Susceptibility:
        """Those of chosen words."""
        return Susceptibility(self.x, self.chi[index], self.top)

    @property
    def mean(self) -> Float[np.ndarray, "*draw layer"]:
        """Mean over words."""
        return self.chi.mean(axis=-2)


def susceptibility(response: Response) -> Susceptibility:
    """χ of a point response, the slope f(l)."""
    chi = response.f[:, :-1]
    return Susceptibility(response.x[:-1], chi, int(chi.mean(axis=0).argmax()))


def sides(own: Susceptibility) -> Float[np.ndarray, "*draw side"]:
    """Mean χ two layers to either side of its maximum over that there, for the sides that exist.

    The larger is below 1/1.1 where χ exceeds both by more than 10 %. Undefined where χ is nowhere positive.
    """
    mean = own.mean
    top = mean[..., own.top, None]
    if not (top > 0).all():
        raise Undefined("χ is nowhere positive, so its maximum is no peak")
    layers = [own.top + shift for shift in (-SIDE, SIDE) if 0 <= own.top + shift < mean.shape[-1]]
    return mean[..., layers] / top


@dataclass(frozen=True, slots=True)
class LargerSide:
    """The larger of `sides`; it decides nothing where one is missing, for the maximum may go on there."""

    def estimate(self, *data: Nested[Any], population: Population, what: str = "side", unit: str = "") -> Estimate:
        """The estimate with the bounds of each side."""
        made = Quantity(sides, "largest").estimate(*data, population=population, what=what, unit=unit)
        if sides(data[0].point).shape[-1] == SIDE:
            return made
        return replace(made, lacks="χ two layers to either side of its maximum")


@dataclass(frozen=True, slots=True)
class Plane:
    """|σ| on strong prompts by words of context left (0 … K) and layer (0 … L), averaged over the two senses."""

    magnitude: Float[np.ndarray, "*draw word length layer"]

    def take_words(self, index: Int[np.ndarray, "*draw word"]) -> Plane:
        """Those of chosen words."""
        return Plane(self.magnitude[index])

    @property
    def mean(self) -> Float[np.ndarray, "*draw length layer"]:
        """Mean |σ| over words."""
        return self.magnitude.mean(axis=-3)


CONTEXT, LAYERS = -2, -1
"""Axes of a plane."""


@dataclass(frozen=True, slots=True)
class Width:
    """The 10–90 % width of the logistic step of mean |σ| along one axis, averaged over the other; 1 is the axis.

    Errors are those of `bounded_widths`: what is narrower than the distance of points errs evenly, and so does the inverse
    of what is wider.
    """

    axis: int

    def bounded(self, plane: Plane) -> Float[np.ndarray, "*draw"]:
        """The width on its scale without ends."""
        profile = plane.mean.mean(axis=LAYERS if self.axis == CONTEXT else CONTEXT)
        rows = profile.reshape(-1, profile.shape[-1])
        return bounded_widths(np.arange(rows.shape[-1]), rows).reshape(profile.shape[:-1])

    def estimate(self, *data: Nested[Any], population: Population, what: str = "width", unit: str = "") -> Estimate:
        """The width, ends and p-values included; Undefined for a profile that is flat."""
        made = Quantity(self.bounded).estimate(*data, population=population, what=what, unit=unit)
        distance = spacing(data[0].point.magnitude.shape[self.axis])

        def width(bounded: float) -> float:
            return math.inf if bounded >= 1 else distance * max(bounded, 0.0) / (1 - max(bounded, 0.0))

        return replace(
            made,
            value=width(made.value),
            low=width(made.low),
            high=width(made.high),
            sampling=None if made.sampling is None else _of_widths(made.sampling, made.value, distance),
        )


def _of_widths(of: Sampling, bounded: float, distance: float) -> Sampling:
    return Sampling(
        lambda bound: of.p_above(bound / (bound + distance)),
        lambda bound: of.p_below(bound / (bound + distance)),
        tuple(distance * own / (1 - bounded) ** 2 for own in of.deviations),
    )
