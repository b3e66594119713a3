"""From streamed moments of the writes to what is kept of them: eigenvalues, norms and bases.

A few layers at a time, because the moments of all would not fit; only the pooled ones grow through all layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import xarray as xr
from jaxtyping import Float

from semphase.models import Model
from semphase.science.writes.spectra import WITH_FIRST, Moment, left_out, spectra_of
from semphase.science.writes.sums import PARTS, WHOLE, Rows, WriteSums, write_sums

Advance = Callable[[int], None]
About = Literal["mean", "zero"]
"""What squares are taken about: the mean write, or zero."""
Pools = dict[tuple[int, int, int], Moment]
"""Moments of all layers stacked, by variant, first (with and without position 0) and scaled (as written, unit norm)."""


def measure_spectra(
    model: Model, rows: Rows, groups: int, at_once: int, advance: Advance, about: About = "mean"
) -> xr.Dataset:
    """Eigenvalues and norms of all writes; see `semphase.science.writes.spectra.Spectra` for the axes."""
    d, layers = model.d_model, model.layers
    found = {
        "layers": (("variant", "first", "layer", "component"), np.empty((groups + 1, 2, layers, d))),
        "parts": (("first", "part", "layer", "component"), np.empty((2, len(PARTS), layers, d))),
        "shared": (("variant", "first", "scaled", "component"), np.empty((groups + 1, 2, 2, d))),
        "norm": (("variant", "first", "layer"), np.empty((groups + 1, 2, layers))),
        "std": (("first", "layer"), np.empty((2, layers))),
    }
    arrays, pools = {name: array for name, (_, array) in found.items()}, Pools()
    for chosen in slices(layers, at_once):
        _fill_layers(model, rows, groups, chosen, arrays, pools, about)
        _fill_parts(model, rows, chosen, arrays["parts"], about)
        advance(len(chosen))
    for at, spectrum in zip(pools, spectra_of(list(pools.values())), strict=True):
        arrays["shared"][at] = spectrum
    return xr.Dataset(found, attrs={"unit": "squared stream units of the model; norms in stream units"})


def _fill_layers(
    model: Model,
    rows: Rows,
    groups: int,
    chosen: Sequence[int],
    arrays: dict[str, np.ndarray],
    pools: Pools,
    about: About,
) -> None:
    sums = write_sums(model, rows, chosen, WHOLE, groups)
    for i, layer in enumerate(chosen):
        *own, first = moments_of(sums, i, 0, about)
        kept = list(left_out(own, first))
        spectra = spectra_of([moment for _, _, moment in kept])
        for (variant, at, moment), spectrum in zip(kept, spectra, strict=True):
            arrays["layers"][variant, at, layer] = spectrum
            arrays["norm"][variant, at, layer] = moment.mean_norm
            if variant == 0:
                arrays["std"][at, layer] = moment.std_norm
            for scaled, one in enumerate((moment, moment.to_unit_norm())):
                key = (variant, at, scaled)
                pools[key] = pools[key] + one if key in pools else one


def _fill_parts(
    model: Model,
    rows: Rows,
    chosen: Sequence[int],
    parts: Float[np.ndarray, "first part layer component"],
    about: About,
) -> None:
    sums = write_sums(model, rows, chosen, PARTS, groups=1)
    for i, layer in enumerate(chosen):
        both = [moments_of(sums, i, part, about) for part in range(len(PARTS))]
        found = spectra_of([kept for rest, first in both for kept in (rest + first, rest)])
        parts[:, :, layer] = found.reshape(len(PARTS), 2, -1).transpose(1, 0, 2)


def measure_bases(
    model: Model,
    rows: Rows,
    at_once: int,
    advance: Advance,
    first: int = WITH_FIRST,
    about: About = "mean",
) -> xr.Dataset:
    """Means and principal directions of each layer's writes and of all layers stacked, with or without position 0.

    About zero there are no means to be kept: they are 0.
    """
    means = np.empty((model.layers, model.d_model), np.float32)
    individual = np.empty((model.layers, model.d_model, model.d_model), np.float32)
    pool: Moment | None = None
    for chosen in slices(model.layers, at_once):
        sums = write_sums(model, rows, chosen, WHOLE, groups=1)
        for i, layer in enumerate(chosen):
            rest, at_first = moments_of(sums, i, 0, about)
            moment = rest + at_first if first == WITH_FIRST else rest
            means[layer], individual[layer] = moment.mean, moment.basis
            pool = moment if pool is None else pool + moment
            advance(1)
    assert pool is not None
    return xr.Dataset(
        {
            "mean": (("layer", "d"), means),
            "individual": (("layer", "d", "component"), individual),
            "shared_mean": ("d", pool.mean.astype(np.float32)),
            "shared": (("d", "component"), pool.basis.astype(np.float32)),
        },
        attrs={"unit": "means in stream units of the model"},
    )


def slices(layers: int, at_once: int) -> Iterator[range]:
    """All layers, `at_once` at a time."""
    for start in range(0, layers, at_once):
        yield range(start, min(layers, start + at_once))


def moments_of(sums: WriteSums, layer: int, part: int, about: About = "mean") -> list[Moment]:
    """The moments of each group, position 0 of the chunks last, of the layer and part at these places."""
    norm, total, outer = (array[:, layer, part].cpu().numpy() for array in (sums.norm, sums.total, sums.outer))
    found = [
        Moment(int(n), float(length), own, products)
        for n, length, own, products in zip(sums.count, norm, total, outer, strict=True)
    ]
    # Without sums of the writes nothing is taken off their squares.
    return found if about == "mean" else [replace(own, total=np.zeros_like(own.total)) for own in found]
