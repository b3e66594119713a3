"""The fast forms held against the definition: contexts in agreement, and the times of building the cache."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from semphase.science.cvfp.model.configuration import Configuration, Recipe
from semphase.science.cvfp.model.contexts import (
    Contexts,
    layer_outputs_parallel,
    layer_outputs_sequential,
    parallel_contexts,
    sequential_contexts,
)
from semphase.science.cvfp.model.embedding import Documents, TokenStream, Vocabulary, stream_of
from semphase.science.cvfp.model.phase1 import train_contexts

FORMS = ("sequential", "parallel", "sequential again")


def agreement(
    configuration: Configuration,
    recipe: Recipe,
    vocabulary: Vocabulary,
    training: Documents,
    seed: int,
    advance: Callable[[int], None] = lambda _: None,
) -> xr.Dataset:
    """How near the contexts of a trained block are to its sequential ones, at every position of the training stream.

    `cosine`, `squared_error` (mean over the width), `relative_error` (‖difference‖ / ‖sequential‖) and, for comparison,
    `cosine_elsewhere` with the sequential context half a stream away; by form and position. The form "phase 1" are the
    contexts of its last iteration, which phase 2 reads: made with noise, wrapped at the beginning, and before the last
    step; "evaluated" are a parallel iteration's with the finished block.
    """
    stream = stream_of(vocabulary, training, configuration.tokens)
    (found,) = train_contexts(configuration, recipe, stream, seeds=[seed], advance=advance)
    settled = parallel_contexts(found.block, stream, recipe)
    reference = sequential_contexts(found.block, stream)
    measured = [_nearness(each, reference) for each in (found.contexts, settled.contexts)]
    names = ("cosine", "squared_error", "relative_error", "cosine_elsewhere")
    return xr.Dataset(
        {
            name: (("form", "position"), torch.stack(values).cpu().double().numpy())
            for name, *values in zip(names, *measured, strict=True)
        },
        coords={"form": ["phase 1", "evaluated"]},
        attrs={
            "configuration": configuration.name,
            "seed": seed,
            "iterations": found.record.iterations,
            "fixed_point_reached": int(found.record.reached),
        },
    )


def _nearness(contexts: Contexts, reference: Contexts) -> list[Float[Tensor, " position"]]:
    off = contexts - reference
    return [
        functional.cosine_similarity(contexts, reference, dim=1),
        off.square().mean(dim=1),
        off.norm(dim=1) / reference.norm(dim=1),
        functional.cosine_similarity(contexts, reference.roll(len(reference) // 2, dims=0), dim=1),
    ]


def cache_times(
    configuration: Configuration,
    recipe: Recipe,
    vocabulary: Vocabulary,
    training: Documents,
    seed: int,
    repeats: int = 5,
) -> xr.Dataset:
    """Seconds of building phase 2's cache of all layer outputs, by form and repeat.

    The block is as it starts, for training changes no time, and the contexts are its own. All forms get the same
    ones; the sequential one runs a second time, so that its own scatter is known. `largest_difference` is from its first
    outputs, for each form and document, and `size` the largest output. Repeats take turns, so that a busy moment hits all.
    """
    stream = stream_of(vocabulary, training, configuration.tokens)
    (found,) = train_contexts(configuration, recipe, stream, seeds=[seed])
    builders = (layer_outputs_sequential, layer_outputs_parallel, layer_outputs_sequential)
    outputs = [build(found.block, stream, found.contexts) for build in builders]
    apart = [_by_document(own - outputs[0], stream) for own in outputs]
    seconds = np.empty((len(builders), repeats))
    for repeat in range(repeats):
        for form, build in enumerate(builders):
            seconds[form, repeat] = _seconds(partial(build, found.block, stream, found.contexts))
    return xr.Dataset(
        {
            "seconds": (("form", "repeat"), seconds, {"unit": "second"}),
            "largest_difference": (("form", "training_document"), torch.stack(apart).numpy()),
            "size": ((), float(outputs[0].abs().max())),
        },
        coords={"form": list(FORMS)},
        attrs={"configuration": configuration.name, "tokens": len(stream), "device": str(stream.table.device)},
    )


def _by_document(outputs: Float[Tensor, "layer token width"], stream: TokenStream) -> Float[Tensor, " document"]:
    """The largest of absolute values over a document's tokens, layers and channels."""
    each = outputs.abs().amax(dim=(0, 2)).cpu().double()
    return each.reshape(stream.documents, stream.length).amax(dim=1)


def _seconds(run: Callable[[], Tensor]) -> float:
    begun = time.perf_counter()
    # Reading one number waits for the device.
    run()[-1, -1, -1].item()
    return time.perf_counter() - begun
