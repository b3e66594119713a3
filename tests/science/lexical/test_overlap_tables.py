"""From labelled streams to padded arrays, row by row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from semphase.data.lexicon import CONDITIONS, Lexicon
from semphase.science.lexical import overlap_tables as tables
from semphase.science.lexical.order_parameter import order_parameter

LAYERS, WIDTH = 3, 4


@pytest.fixture
def uneven(lexicon) -> Lexicon:
    """Words with 8 and 5 direction sentences of sense A, and with 3 and 1 weak prompts."""
    first, second = lexicon.words[:2]
    return Lexicon((first, replace(second, direction_a=second.direction_a[:5], weak_a=second.weak_a[:1])))


@pytest.fixture
def streams(uneven) -> xr.Dataset:
    prompts = uneven.prompts
    rng = np.random.default_rng(0)
    names = {name: ("prompt", [getattr(prompt, name) for prompt in prompts]) for name in ("word", "role", "index")}
    return xr.Dataset(
        {
            "stream": (("prompt", "layer", "d"), rng.normal(size=(len(prompts), LAYERS, WIDTH))),
            "attention": (("prompt", "block", "d"), rng.normal(size=(len(prompts), LAYERS - 1, WIDTH))),
        },
        coords=names,
    )


def row(streams: xr.Dataset, word: str, role: str, index: int) -> np.ndarray:
    (place,) = np.flatnonzero((streams["word"] == word) & (streams["role"] == role) & (streams["index"] == index))
    return streams["stream"].values[place]


def test_direction_finals_are_padded_with_sense_zero(streams, uneven):
    finals, sense = tables.direction_finals(streams, uneven)
    assert finals.shape == (2, 16, WIDTH)
    np.testing.assert_array_equal(sense[0], [1] * 8 + [-1] * 8)
    np.testing.assert_array_equal(sense[1], [1] * 5 + [-1] * 8 + [0] * 3)
    np.testing.assert_array_equal(finals[1, 5 + 2], row(streams, uneven.names[1], "direction_b", 2)[-1])


def test_gradients_run_from_weak_to_strong_a_then_b(streams, uneven):
    arrays = tables.gradient_arrays(streams, uneven)
    assert arrays.shape == (2, 20, LAYERS, WIDTH)
    for place, step in enumerate(tables.STEP):
        role = "gradient_a" if step > 0 else "gradient_b"
        expected = row(streams, uneven.names[0], role, round(abs(step) * 10) - 1)
        np.testing.assert_array_equal(arrays[0, place], expected)
    assert tables.gradient_arrays(streams, uneven, "attention").shape == (2, 20, LAYERS - 1, WIDTH)


def test_conditions_are_labelled_and_their_padding_left_out(streams, uneven):
    finals, sense = tables.direction_finals(streams, uneven)
    data, labels = tables.condition_overlaps(streams, uneven, finals, sense)
    assert labels.shape == (2, 15)
    np.testing.assert_array_equal(np.bincount(labels[1][labels[1] >= 0]), [3, 3, 3, 1, 3])
    assert (labels[1] == -1).sum() == 2
    sigma = order_parameter(data, data.weights)
    e_diff = [
        np.mean([row(streams, word, "direction_a", i)[-1] for i in range(count)], axis=0)
        - np.mean([row(streams, word, "direction_b", i)[-1] for i in range(8)], axis=0)
        for word, count in zip(uneven.names, (8, 5), strict=True)
    ]
    for w, word in enumerate(uneven.names):
        for c, role in enumerate(CONDITIONS):
            for index, place in enumerate(np.flatnonzero(labels[w] == c)):
                stream = row(streams, word, role, index)[1]
                cosine = stream @ e_diff[w] / np.linalg.norm(stream) / np.linalg.norm(e_diff[w])
                assert sigma[w, place, 1] == pytest.approx(cosine)


def test_the_order_of_the_streams_words_does_not_matter(streams, uneven):
    turned = streams.isel(prompt=np.argsort(streams["word"].values == uneven.names[0], kind="stable"))
    for function in (tables.gradient_arrays, lambda *a: tables.direction_finals(*a)[0]):
        np.testing.assert_array_equal(function(turned, uneven), function(streams, uneven))


def test_regular_overlaps_keep_the_prompts_order(streams, uneven):
    finals, sense = tables.direction_finals(streams, uneven)
    chosen = streams.isel(prompt=streams["role"].values == "gradient_a")
    data = tables.regular_overlaps(chosen, uneven, finals, sense)
    assert data.overlap.shape == (2, 10, LAYERS, 16)
    stream = row(streams, uneven.names[1], "gradient_a", 4)
    np.testing.assert_allclose(data.overlap[1, 4, 2, 0], stream[2] @ finals[1, 0] / np.linalg.norm(stream[2]))
