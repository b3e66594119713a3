"""Quantities that a claim derives from several measurements of one study."""

from __future__ import annotations

import numpy as np
import xarray as xr
from jaxtyping import Float

from semphase.data.lexicon import CONDITIONS, DIRECTIONS, LEAST_DIRECTIONS
from semphase.measure.reduced_products import rounded_products
from semphase.measure.streams import capture_streams
from semphase.science.lexical import overlap_tables as tables
from semphase.science.lexical.conditions import Conditions
from semphase.science.lexical.critical import Plane
from semphase.science.lexical.order_parameter import draw_directions, order_parameter, projections
from semphase.science.lexical.response import Response
from semphase.science.lexical.variations import TEXTS
from semphase.science.lexical.write_origin import Writes, write_slopes
from semphase.stats.draws import Bootstrapped
from semphase.study.study import Study


def context_plane(study: Study) -> Bootstrapped[Plane]:
    """|σ| by words of context left and layer, averaged over the strong prompts of both senses."""
    data = tables.regular_overlaps(study.shortened, study.lexicon, *study.directions)
    weights = draw_directions(data.sense, study.budget.draws, study.rng("plane"))
    planes = [_by_length(order_parameter(data, chosen)) for chosen in (data.weights, weights)]
    return study.bootstrapped(Plane(planes[0]), Plane(planes[1]))


def attention_and_mlp(study: Study) -> Bootstrapped[Writes]:
    """Slopes on h of what attention and MLP write along e_diff for the gradient prompts; h from σ(L)."""
    return _writes(study, study.response)


def attention_and_mlp_by_step(study: Study) -> Bootstrapped[Writes]:
    """The same with h from the prompt's step."""
    return _writes(study, study.response_by_step)


def _writes(study: Study, response: Bootstrapped[Response]) -> Bootstrapped[Writes]:
    arrays = [tables.gradient_arrays(study.streams, study.lexicon, part) for part in ("stream", "attention")]
    streams, attention = (study.along_directions(projections(array, *study.directions)) for array in arrays)
    strengths = (response.point.h, response.draws.h)
    made = [write_slopes(*parts) for parts in zip(streams, attention, strengths, strict=True)]
    return study.bootstrapped(*made)


def shifts_by_suffix(study: Study) -> Float[np.ndarray, " prompt"]:
    """max over layers of |Δσ(l)| when a text follows the word; one number for each prompt and text."""
    return _shifts(study, study.suffixed)


def shifts_by_prefix(study: Study) -> Float[np.ndarray, " prompt"]:
    """The same when the text stands before the prompt."""
    return _shifts(study, study.prefixed)


def _shifts(study: Study, streams: xr.Dataset) -> Float[np.ndarray, " prompt"]:
    data = tables.regular_overlaps(streams, study.lexicon, *study.directions)
    sigma = order_parameter(data, data.weights)
    grouped = sigma.reshape(len(sigma), -1, TEXTS, sigma.shape[-1])
    return np.abs(grouped[:, :, 1:] - grouped[:, :, :1]).max(axis=-1).ravel()


def _by_length(
    sigma: Float[np.ndarray, "*draw word prompt layer"],
) -> Float[np.ndarray, "*draw word length layer"]:
    senses = sigma.reshape(*sigma.shape[:-2], 2, -1, sigma.shape[-1])
    return np.abs(senses).mean(axis=-3)


def first_prompt_sigma(study: Study) -> Float[np.ndarray, "word condition layer"]:
    """σ(l) of the first prompt of each condition, the prompts that the logit lens reads."""
    streams = study.streams
    first = streams.isel(prompt=(streams["index"].values == 0) & np.isin(streams["role"].values, CONDITIONS))
    data = tables.regular_overlaps(first, study.lexicon, *study.directions)
    return order_parameter(data, data.weights)


def rounded_conditions(study: Study, mantissa_bits: int) -> Bootstrapped[Conditions]:
    """σ(l) under the five conditions with every matrix product's factors rounded, directions included."""
    return _own_directions(study, rounded_streams(study, mantissa_bits))


def exact_conditions(study: Study) -> Bootstrapped[Conditions]:
    """σ(l) of the same prompts as the model computes it, with the same draws."""
    return _own_directions(study, exact_streams(study))


def rounded_streams(study: Study, mantissa_bits: int) -> xr.Dataset:
    """Streams of the prompts of `exact_streams`, with the factors of every matrix product rounded."""
    chosen = [target for target in study.targets if _is_probed(target.prompt.role, target.prompt.index)]

    def measure() -> xr.Dataset:
        label = f"{study.label} with {mantissa_bits}-bit matrix products"
        with study.progress(label, len(chosen)) as advance, rounded_products(study.model, mantissa_bits):
            return capture_streams(study.model, chosen, advance)

    return study.store.get(study.key(f"rounded to {mantissa_bits} bits", chosen), measure)


def exact_streams(study: Study) -> xr.Dataset:
    """Streams of the first prompt of each condition and the first five direction sentences of each sense."""
    roles, indices = study.streams["role"].values, study.streams["index"].values
    probed = [_is_probed(role, index) for role, index in zip(roles, indices, strict=True)]
    return study.streams.isel(prompt=np.flatnonzero(probed))


def _is_probed(role: str, index: int) -> bool:
    return index == 0 if role in CONDITIONS else role in DIRECTIONS and index < LEAST_DIRECTIONS


def _own_directions(study: Study, streams: xr.Dataset) -> Bootstrapped[Conditions]:
    return study.conditions_of(streams, tables.direction_finals(streams, study.lexicon))
