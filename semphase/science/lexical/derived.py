"""Quantities that a claim derives from several measurements at the lexicon's words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr
from jaxtyping import Float

from semphase.data.lexicon import CONDITIONS, DIRECTIONS, LEAST_DIRECTIONS
from semphase.measure.measurement import measurement
from semphase.measure.products.reduced_products import rounded_products
from semphase.measure.streams import capture_streams
from semphase.measure.targets import Target
from semphase.models import Model
from semphase.science.lexical import critical, response
from semphase.science.lexical import overlap_tables as tables
from semphase.science.lexical.conditions import Conditions
from semphase.science.lexical.facet import Lexical
from semphase.science.lexical.order_parameter import order_parameter, projections
from semphase.science.lexical.response import Response, Rise
from semphase.science.lexical.stream_reading import as_read
from semphase.science.lexical.variations import TEXTS
from semphase.science.lexical.write_origin import Writes, write_slopes
from semphase.stats.estimate import Estimate
from semphase.stats.nested import Nested
from semphase.stats.sampling import Sampling


def context_plane(words: Lexical) -> Nested[critical.Plane]:
    """|σ| by words of context left and layer, averaged over the strong prompts of both senses."""
    data = tables.regular_overlaps(words.shortened, words.lexicon, *words.directions, words.overlaps)
    return words.nested(critical.Plane(_by_length(order_parameter(data, data.weights))))


def attention_and_mlp(words: Lexical) -> Nested[Writes]:
    """Slopes on h of what attention and MLP write along e_diff for the gradient prompts; h from σ(L)."""
    return _writes(words, words.response)


def attention_and_mlp_by_step(words: Lexical) -> Nested[Writes]:
    """The same with h from the prompt's step."""
    return _writes(words, words.response_by_step)


def _writes(words: Lexical, own: Nested[Response]) -> Nested[Writes]:
    arrays = (tables.gradient_arrays(words.streams, words.lexicon, part) for part in ("stream", "attention"))
    along = (projections(array, *words.directions) for array in arrays)
    stream, attention = (order_parameter(data, data.weights) for data in along)
    return words.nested(write_slopes(stream, attention, own.point.h))


def write_profiles(words: Lexical) -> dict[str, Float[np.ndarray, "word block"]]:
    """For a figure: what attention and MLP have written up to each block, per unit of h."""
    writes = attention_and_mlp(words).point
    return {"attention": np.cumsum(writes.attention, axis=-1), "MLP": np.cumsum(writes.mlp, axis=-1)}


def susceptibility(words: Lexical) -> Nested[critical.Susceptibility]:
    """χ(l) below l = L, with h from σ(L)."""
    return words.nested(critical.susceptibility(words.response.point))


def susceptibility_by_step(words: Lexical) -> Nested[critical.Susceptibility]:
    """The same with h from the prompt's step."""
    return words.nested(critical.susceptibility(words.response_by_step.point))


def rise(words: Lexical) -> Nested[Rise]:
    """g up to the peak of g_mean, with h from σ(L)."""
    return words.nested(response.rise(words.response.point))


def rise_by_step(words: Lexical) -> Nested[Rise]:
    """The same with h from the prompt's step."""
    return words.nested(response.rise(words.response_by_step.point))


def permuted_increments(words: Lexical, number: int) -> Nested[Response]:
    """The response with each word's increments in an order of its own, one of several ways."""
    rng = words.rng(f"permuted increments {number}")
    return words.nested(response.with_permuted_increments(words.response.point, rng))


def largest_shift(shifts: Float[np.ndarray, " prompt"]) -> Estimate:
    """The largest shift of σ, as exact as float32 tells σ; it speaks of these prompts and texts."""
    value, told = float(shifts.max()), float(np.finfo(np.float32).eps)
    low, high = max(value - told, 0.0), value + told
    method = f"largest of {shifts.size} prompts with a text, to the resolution of σ in float32; of these only"
    return Estimate(
        value, low, high, method, shifts.size,
        population=("prompts",), units=(shifts.size,), sampling=Sampling.of_ends(value, value - told, high),
    )  # fmt: skip


def shifts_by_suffix(words: Lexical) -> Float[np.ndarray, " prompt"]:
    """max over layers of |Δσ(l)| when a text follows the word; one number for each prompt and text."""
    return _shifts(words, words.suffixed)


def shifts_by_prefix(words: Lexical) -> Float[np.ndarray, " prompt"]:
    """The same when the text stands before the prompt."""
    return _shifts(words, words.prefixed)


def _shifts(words: Lexical, streams: xr.Dataset) -> Float[np.ndarray, " prompt"]:
    data = tables.regular_overlaps(streams, words.lexicon, *words.directions, words.overlaps)
    sigma = order_parameter(data, data.weights)
    grouped = sigma.reshape(len(sigma), -1, TEXTS, sigma.shape[-1])
    return np.abs(grouped[:, :, 1:] - grouped[:, :, :1]).max(axis=-1).ravel()


def _by_length(
    sigma: Float[np.ndarray, "*draw word prompt layer"],
) -> Float[np.ndarray, "*draw word length layer"]:
    senses = sigma.reshape(*sigma.shape[:-2], 2, -1, sigma.shape[-1])
    return np.abs(senses).mean(axis=-3)


def first_prompt_sigma(words: Lexical) -> Float[np.ndarray, "word condition layer"]:
    """σ(l) of the first prompt of each condition, the prompts that the logit lens reads."""
    streams = words.streams
    first = streams.isel(prompt=(streams["index"].values == 0) & np.isin(streams["role"].values, CONDITIONS))
    data = tables.regular_overlaps(first, words.lexicon, *words.directions, words.overlaps)
    return order_parameter(data, data.weights)


def rounded_conditions(words: Lexical, mantissa_bits: int) -> Nested[Conditions]:
    """σ(l) under the five conditions with every matrix product's factors rounded, directions included."""
    return _own_directions(words, rounded_streams(words, mantissa_bits))


def exact_conditions(words: Lexical) -> Nested[Conditions]:
    """σ(l) of the same prompts as the model computes it, with the same draws."""
    return _own_directions(words, exact_streams(words))


def rounded_streams(words: Lexical, mantissa_bits: int) -> xr.Dataset:
    """Streams of the prompts of `exact_streams`, with the factors of every matrix product rounded."""
    return as_read(words.study, _captured_rounded(words, mantissa_bits))


def _captured_rounded(words: Lexical, mantissa_bits: int) -> xr.Dataset:
    def measure() -> xr.Dataset:
        chosen = [target for target in words.targets if _is_probed(target.prompt.role, target.prompt.index)]
        return words.study.measured(streams_in_rounded_products, chosen, mantissa_bits=mantissa_bits)

    return words.once(lambda own: _captured_rounded(own, mantissa_bits), measure)


@measurement(version=1)
def streams_in_rounded_products(
    model: Model, targets: Sequence[Target], *, mantissa_bits: int, advance: Callable[[int], None] = lambda _: None
) -> xr.Dataset:
    """`capture_streams` with the factors of every matrix product rounded."""
    with rounded_products(model, mantissa_bits):
        return capture_streams(model, targets, advance)


def exact_streams(words: Lexical) -> xr.Dataset:
    """Streams of the first prompt of each condition and the first five direction sentences of each sense."""
    roles, indices = words.streams["role"].values, words.streams["index"].values
    probed = [_is_probed(role, index) for role, index in zip(roles, indices, strict=True)]
    return words.streams.isel(prompt=np.flatnonzero(probed))


def _is_probed(role: str, index: int) -> bool:
    return index == 0 if role in CONDITIONS else role in DIRECTIONS and index < LEAST_DIRECTIONS


def _own_directions(words: Lexical, streams: xr.Dataset) -> Nested[Conditions]:
    return words.conditions_of(streams, tables.direction_finals(streams, words.lexicon))
