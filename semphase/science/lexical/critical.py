"""What a phase transition would look like: a peak of the susceptibility, a boundary in the plane (001 exp4, exp5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from semphase.science.lexical.response import Response
from semphase.stats.profile import transition_widths

SIDE = 2
LEAST_SIDE = 0.01


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


def susceptibility(response: Response) -> Float[np.ndarray, "*draw layer"]:
    """Mean over words of χ(l) = dσ/dh, the slope f(l)."""
    return response.f.mean(axis=-2)


def peak_depth(response: Response) -> Float[np.ndarray, "*draw"]:
    """Depth x of the maximum of mean χ."""
    return response.x[susceptibility(response).argmax(axis=-1)]


def peak_excess(response: Response) -> Float[np.ndarray, "*draw"]:
    """How far the maximum of mean χ exceeds its value two layers to either side, relative to the larger of these.

    A side beyond the first or last layer counts with the value there, a side below 1 % of the maximum (negative
    ones among them) with that; nan where χ is nowhere positive.
    """
    chi = susceptibility(response)
    top = chi.argmax(axis=-1)
    sides = [
        np.take_along_axis(chi, np.clip(top + shift, 0, chi.shape[-1] - 1)[..., None], -1)[..., 0]
        for shift in (-SIDE, SIDE)
    ]
    peak = np.where(chi.max(axis=-1) > 0, chi.max(axis=-1), np.nan)
    return peak / np.maximum(np.maximum(*sides), LEAST_SIDE * peak) - 1


def context_width(plane: Plane) -> Float[np.ndarray, "*draw"]:
    """10–90 % width of the logistic step of mean |σ| along context length, averaged over layers; 1 is the axis."""
    return _widths(plane.mean.mean(axis=-1))


def layer_width(plane: Plane) -> Float[np.ndarray, "*draw"]:
    """The same along depth, averaged over context lengths."""
    return _widths(plane.mean.mean(axis=-2))


def _widths(profile: Float[np.ndarray, "*draw step"]) -> Float[np.ndarray, "*draw"]:
    rows = profile.reshape(-1, profile.shape[-1])
    return transition_widths(np.arange(rows.shape[-1]), rows).reshape(profile.shape[:-1])
