"""Every kind of edit at every kind of site is what TransformerLens' hooks make of it, alone and combined."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
import torch
from hooked_lens import LAYERS, Lens, LensRun
from random_models import FAMILIES

from semphase.measure import sites
from semphase.measure.compiling import shape_of
from semphase.measure.edits import added, averaged, patched, replaced, resampled, set_to, without, zeroed
from semphase.measure.items import Items
from semphase.measure.reading import token_losses
from semphase.measure.sites import ALL, Shape
from semphase.measure.wiring import hidden_keys, keys, skipped

ITEMS, POSITIONS = 3, 16
# What is asked of the mean loss; rounding alone moves it by about 1e-6.
CLOSE = 1e-4
# A change that moved the loss by no more than this would prove little.
SEEN = 1e-2
SHAPE = Shape("random", LAYERS, 4, 4, 32, 8, None)
SET = (2.5, -1.5)
KINDS = ("embedding", "stream", "attention", "mlp", "neurons", "query", "key", "value", "head", "pattern")
RANGE = np.arange(POSITIONS)
SIX = ("gpt2", "llama", "gemma3_text", "gpt_neox", "opt", "phi")
WHERE = [
    (slice(2, None), RANGE >= 2),
    (ALL, RANGE >= 0),
    (slice(3, None, 2), (RANGE >= 3) & (RANGE % 2 == 1)),
    (slice(7), RANGE < 7),
    (slice(9, None), RANGE >= 9),
    (slice(None, None, 2), RANGE % 2 == 0),
    (slice(4, 11), (RANGE >= 4) & (RANGE < 11)),
    (slice(12, None), RANGE >= 12),
]
"""Positions at which an edit is tried until it moves the loss; all keys moved alike leave attention as it is."""


@pytest.fixture(scope="module")
def ids():
    return torch.randint(3, 100, (ITEMS, POSITIONS), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def of_family(loaded, ids):
    """Model, TransformerLens and its run on another text, made once."""
    made = {}
    other = torch.randint(3, 100, ids.shape, generator=torch.Generator().manual_seed(1))

    def found(family):
        if family not in made:
            model = loaded(family)
            lens = Lens(model, ids)
            made[family] = model, lens, LensRun(lens, other), lens.loss()
        return made[family]

    return found


def ours(model, ids, edits):
    return float(token_losses(model, Items.of(ids.tolist()), edits).mean())


def at(kind, layers, positions=ALL):
    """A site of all heads in some layers."""
    return (
        sites.embedding(positions=positions)
        if kind == "embedding"
        else getattr(sites, kind)(layers, positions=positions)
    )


def turned(x, matrix, shift):
    """Something that no other edit does, mixing components where there are as many as the matrix has."""
    return torch.tanh(x @ matrix[: x.shape[-1], : x.shape[-1]]) + shift


def drawn(item, prompts):
    return np.random.default_rng([0, item]).choice([k for k in range(prompts) if k != item])


def cases(kind, width, run, values):
    """Pairs of an edit, given its site, and what it does to a tensor [item, position, (head,) d] of a layer."""
    rng = np.random.default_rng(7)
    direction, matrix = rng.normal(size=width), rng.normal(size=(width, width)) / np.sqrt(width)
    vector, turning = (torch.tensor(own, dtype=torch.float32) for own in (direction, matrix))
    main = {layer: main_directions(own) for layer, own in values.items()}

    def mean(layer):
        own = values[layer]
        return own.mean(dim=0) if kind == "pattern" else own.mean(dim=(0, 1))

    def setting(x, layer):
        x = x.clone()
        x[..., 0], x[..., 3] = SET
        return x

    donors = [drawn(item, ITEMS) for item in range(ITEMS)]
    yield zeroed, lambda x, layer: torch.zeros_like(x)
    yield lambda site: averaged(site, over=run), lambda x, layer: mean(layer).expand_as(x)
    yield lambda site: resampled(site, run), lambda x, layer: values[layer][donors]
    yield lambda site: patched(site, run), lambda x, layer: values[layer]
    yield lambda site: set_to(site, (0, 3), SET), setting
    yield (
        lambda site: replaced(site, turned, matrix=torch.tensor(matrix), shift=np.array(0.3)),
        lambda x, layer: torch.tanh(x @ turning) + 0.3,
    )
    if kind != "pattern":
        yield lambda site: added(site, direction, 3.0), lambda x, layer: x + 3.0 * vector
        for other in rng.normal(size=(5, width)):
            unit = torch.tensor(other / np.linalg.norm(other), dtype=torch.float32)
            yield (
                lambda site, other=other: without(site, other),
                lambda x, layer, unit=unit: x - (x @ unit)[..., None] * unit,
            )
        yield (
            lambda site: without(site, 2 * np.stack([main[layer] for layer in site.chosen(SHAPE)])),
            lambda x, layer: x - torch.einsum("...d,...d->...", x, main[layer])[..., None] * main[layer],
        )


def main_directions(values):
    """The direction in which the values of a layer, or of each of its heads, are largest: [(head,) d], of length 1."""
    if values.ndim == 3:
        return torch.linalg.svd(values.flatten(0, 1))[2][0]
    return torch.stack([main_directions(values[:, :, head]) for head in range(values.shape[2])])


def hooked(kind, layer, function, kept=RANGE >= 0, heads=None):
    """The same at some positions and in some heads only, as an edit of the reference."""

    def change(x):
        x, own = x.clone(), slice(None) if heads is None else list(heads)
        part = x[:, :, own]
        wanted = torch.from_numpy(kept).reshape(1, -1, *(1,) * (part.ndim - 2))
        x[:, :, own] = torch.where(wanted, function(part, layer), part)
        return x

    return kind, layer, change


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "family", [own if own in ("gpt2", "gemma3_text") else pytest.param(own, marks=pytest.mark.slow) for own in SIX]
)
def test_every_edit_at_every_site_agrees_with_hooks(of_family, ids, family, kind):
    model, lens, run, base = of_family(family)
    width = shape_of(model).width(kind) or POSITIONS
    layers = {"embedding": [-1], "stream": [1, LAYERS]}.get(kind, [0, 1, 2])
    values = {layer: lens.values(kind, layer, run.ids) for layer in layers}
    moved = defaultdict(float)
    for edit, function in cases(kind, width, run, values):
        for positions, kept in WHERE:
            made = edit(at(kind, layers, positions))
            if moved[made.name] > SEEN:
                break
            loss = ours(model, ids, [made])
            theirs = lens.loss([hooked(kind, layer, function, kept) for layer in layers])
            assert loss == pytest.approx(theirs, abs=CLOSE), str(made)
            moved[made.name] = max(moved[made.name], abs(loss - base))
    assert min(moved.values()) > SEEN, moved


def masked(layers, hidden, heads=range(4)):
    """Scores hidden where the boolean [query, key] says so, in some heads, as edits of the reference."""

    def change(scores):
        scores, own = scores.clone(), list(heads)
        scores[:, own] = scores[:, own].masked_fill(torch.from_numpy(hidden), -torch.inf)
        return scores

    return [("scores", layer, change) for layer in layers]


def passed_by(layer):
    """A block whose output is its input, as edits of the reference; the second comes before others of its stream."""
    seen = []
    return [("stream", layer, lambda x: seen.append(x) or x), ("stream", layer + 1, lambda x: seen.pop())]


DISTANCE = RANGE[:, None] - RANGE


def alone():
    """Edits that are no values at a site, with what they are in the reference."""
    far = (DISTANCE >= 3) & (RANGE >= 1)
    hidden = (RANGE[:, None] >= 3) & (RANGE >= 1) & (DISTANCE >= 1)
    yield [keys(3, first=1)], masked(range(LAYERS), far)
    yield [keys(2)], masked(range(LAYERS), DISTANCE >= 2)
    yield [hidden_keys(ALL, query=slice(3, None), key=slice(1, 3))], masked(range(LAYERS), hidden & (RANGE < 3))
    yield (
        [hidden_keys([0, 2], [1, 3], query=slice(3, None), key=slice(1, 3))],
        masked([0, 2], hidden & (RANGE < 3), [1, 3]),
    )
    yield [skipped(1)], passed_by(1)
    yield [skipped([0, 2])], [*passed_by(0), *passed_by(2)]
    yield [skipped(0)], passed_by(0)


@pytest.mark.parametrize("family", FAMILIES)
def test_hidden_keys_windows_and_skipped_blocks_agree_with_hooks(of_family, ids, family):
    model, lens, _, base = of_family(family)
    moved = defaultdict(float)
    for edits, theirs in alone():
        loss = ours(model, ids, edits)
        assert loss == pytest.approx(lens.loss(theirs), abs=CLOSE), str(edits[0])
        moved[edits[0].name] = max(moved[edits[0].name], abs(loss - base))
    assert min(moved.values()) > SEEN, moved


def several(model, run, values):
    """Lists of edits at many places, with what they are in the reference."""
    rng = np.random.default_rng(3)
    d, wide = rng.normal(size=32), rng.normal(size=shape_of(model).neurons)
    vector, long = torch.tensor(d, dtype=torch.float32), torch.tensor(wide, dtype=torch.float32)
    d_head = torch.arange(8.0)
    eye = torch.eye(POSITIONS)

    def without_d(x, layer):
        return x - (x @ vector)[..., None] * vector / (vector @ vector)

    def half(x, layer):
        return x / 2

    yield (
        [
            set_to(sites.neurons(2), 1, 3.0),
            patched(sites.embedding(positions=slice(4, None)), run),
            added(sites.query(1, [0, 3]), d_head),
            zeroed(sites.pattern(1, [0, 2], positions=slice(2, None))),
            without(sites.mlp(0), d),
            keys(5, first=1),
        ],
        [
            hooked("neurons", 2, lambda x, _: x.index_fill(-1, torch.tensor(1), 3.0)),
            hooked("embedding", -1, lambda x, _: values("embedding", -1), RANGE >= 4),
            hooked("query", 1, lambda x, _: x + d_head, heads=[0, 3]),
            hooked("pattern", 1, lambda x, _: torch.zeros_like(x), RANGE >= 2, [0, 2]),
            hooked("mlp", 0, without_d),
            *masked(range(LAYERS), (DISTANCE >= 5) & (RANGE >= 1)),
        ],
    )
    yield (
        [
            skipped(1),
            added(sites.stream(1), d, 0.5),
            zeroed(sites.stream(2, positions=5)),
            added(sites.stream(2, positions=slice(4, 7)), d, 2.0),
            averaged(sites.head(2, [0, 1]), over=run),
            replaced(sites.head(2, [1, 2]), halved),
            resampled(sites.stream(LAYERS, positions=slice(3)), run),
        ],
        [
            hooked("stream", 1, lambda x, _: x + 0.5 * vector),
            *passed_by(1),
            hooked("stream", 2, lambda x, _: torch.zeros_like(x), RANGE == 5),
            hooked("stream", 2, lambda x, _: x + 2 * vector, (RANGE >= 4) & (RANGE < 7)),
            hooked("head", 2, lambda x, _: values("head", 2)[:, :, :2].mean(dim=(0, 1)).expand_as(x), heads=[0, 1]),
            hooked("head", 2, half, heads=[1, 2]),
            hooked("stream", LAYERS, lambda x, _: values("stream", LAYERS)[DONORS], RANGE < 3),
        ],
    )
    yield (
        [
            replaced(sites.pattern(0, [3, 1]), on_the_diagonal, eye=eye),
            set_to(sites.pattern(0, 3, positions=slice(1, None)), 0, 0.25),
            patched(sites.value(0, 1, positions=slice(8)), run),
            zeroed(sites.key(1, 0, positions=slice(6, None))),
            hidden_keys(2, [0, 1], query=slice(4, None), key=slice(2)),
            without(sites.attention([0, 2]), d),
            added(sites.neurons(0), wide),
        ],
        [
            hooked("pattern", 0, lambda x, _: (x + eye[:, None]) / 2, heads=[3, 1]),
            hooked("pattern", 0, lambda x, _: x.index_fill(-1, torch.tensor(0), 0.25), RANGE >= 1, [3]),
            hooked("value", 0, lambda x, _: values("value", 0)[:, :, [1]], RANGE < 8, [1]),
            hooked("key", 1, lambda x, _: torch.zeros_like(x), RANGE >= 6, [0]),
            *masked([2], (RANGE[:, None] >= 4) & (RANGE < 2), [0, 1]),
            hooked("attention", 0, without_d),
            hooked("attention", 2, without_d),
            hooked("neurons", 0, lambda x, _: x + long),
        ],
    )


DONORS = [drawn(item, ITEMS) for item in range(ITEMS)]


def halved(x):
    return x / 2


def on_the_diagonal(x, eye):
    return (x + eye[:, None]) / 2


@pytest.mark.parametrize("family", FAMILIES)
def test_edits_combined_agree_with_hooks_combined(of_family, ids, family):
    model, lens, run, base = of_family(family)
    kept = {
        (kind, layer): lens.values(kind, layer, run.ids)
        for kind, layer in [("embedding", -1), ("head", 2), ("stream", LAYERS), ("value", 0)]
    }
    for edits, theirs in several(model, run, lambda kind, layer: kept[kind, layer]):
        loss = ours(model, ids, edits)
        assert loss == pytest.approx(lens.loss(theirs), abs=CLOSE), edits[0]
        assert abs(loss - base) > SEEN, edits[0]
