"""A sweep is the single runs, from the first block that each label touches; what moves nothing is named."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from random_models import FAMILIES
from waits import Waits

from semphase.measure import reading, sites
from semphase.measure.edits import added, set_to, without, zeroed
from semphase.measure.items import Items
from semphase.measure.looks import Logits, Losses, Scored
from semphase.measure.on_prompts import anything_moves
from semphase.measure.replay import MEMORY, stream_bytes
from semphase.measure.scores import logit_difference
from semphase.measure.sites import ALL
from semphase.measure.sweeping import groups, sweep_site, swept_group
from semphase.measure.wiring import form, hidden_keys, keys, skipped

LAYERS, LENGTHS = 3, (12, 5, 9, 12, 7)
# A loss is a difference of logits below 64, which three blocks round by less than 200 units in their last place.
CLOSE = 1e-3
DIRECTION = np.linspace(-1, 1, 32)
LABELS = {
    "nothing": [],
    "embedding": [zeroed(sites.embedding(positions=2))],
    **{("head", layer): [zeroed(sites.head(layer, [1, 2]))] for layer in range(LAYERS)},
    **{("stream", layer): [added(sites.stream(layer, positions="at"), DIRECTION)] for layer in range(LAYERS + 1)},
    **{("skip", layer): [skipped(layer)] for layer in range(LAYERS)},
    "two": [set_to(sites.neurons(2), 3, 1.0), without(sites.attention(1), DIRECTION)],
    "window": [keys(3, first=1)],
    "hidden": [hidden_keys(1, ALL, query="at", key=1), form(sites.head(2, 0), "relu")],
}
READERS = {
    "losses": Losses(),
    "logits": Logits(),
    "score": Scored(logit_difference([[5, 6], [7], [8], [9], [3]], [[1], [2], [3, 4], [4], [5]])),
}


@pytest.fixture(scope="module")
def items():
    draw = np.random.default_rng(0)
    return Items.of([draw.integers(3, 90, size=length).tolist() for length in LENGTHS], [10, 4, 8, 11, 5])


@pytest.fixture
def narrow(monkeypatch):
    """Passes of so few tokens that prompts come in several groups."""
    for module in ("batching", "exact", "sweeping"):
        monkeypatch.setattr(f"semphase.measure.{module}.pass_tokens", lambda _: 30)


def sweep(model, items, edits, reader, memory=MEMORY):
    """What a reader finds under each label on all prompts, and the labels that moved something."""
    parts, moved = {label: [] for label in edits}, set()
    for group in groups(model, items, reader.rows(items), memory):
        for label, values, moves in swept_group(model, group, edits, reader, memory=memory):
            parts[label].append((group, values))
            moved |= {label} if moves else set()
    return {label: reader.gathered(items, own) for label, own in parts.items()}, moved


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_sweep_is_the_single_runs(loaded, items, family, reader):
    model, read = loaded(family), READERS[reader]
    found, moved = sweep(model, items, LABELS, read)
    assert list(found) == list(LABELS)
    assert moved == LABELS.keys() - {"nothing"}
    for label, edits in LABELS.items():
        alone = reading.final(model, items, read, edits)
        assert found[label].dims == alone.dims
        np.testing.assert_allclose(found[label], alone, atol=CLOSE)


@pytest.mark.parametrize(
    "site", [sites.stream(ALL, positions="at"), sites.pattern(1), sites.embedding(), sites.neurons(0)]
)
def test_a_site_is_read_under_every_label(loaded, items, narrow, site):
    model = loaded("gemma3_text")
    labels = {label: edits for label, edits in LABELS.items() if label != ("skip", 0) and label != ("skip", 1)}
    found = sweep_site(model, items, labels, site)
    for label, edits in labels.items():
        np.testing.assert_allclose(found[label], reading.read(model, items, site, edits), atol=CLOSE)


@pytest.mark.parametrize("memory", [2, 400])
def test_groups_and_memory_change_no_number(loaded, items, narrow, memory):
    model = loaded("llama")
    whole, _ = sweep(model, items, LABELS, Losses())
    parts, _ = sweep(model, items, LABELS, Losses(), memory=memory * 12 * stream_bytes(model, 1))
    for label, values in parts.items():
        np.testing.assert_allclose(values, whole[label], atol=CLOSE)


def block_runs(model, act, passes=False):
    """How often each block runs, counted in prompts or in passes."""
    calls = Counter()
    for k, block in enumerate(model.anatomy.blocks):
        block.register_forward_pre_hook(lambda _part, args, k=k: calls.update({k: 1 if passes else len(args[0])}))
    act()
    for block in model.anatomy.blocks:
        block._forward_pre_hooks.clear()
    return calls


def of_kind(kind, layers=LAYERS):
    site = {"head": lambda layer: sites.head(layer, 1), "keys": lambda layer: sites.key(layer, 1)}
    return {layer: [zeroed(site.get(kind, getattr(sites, kind, None))(layer))] for layer in range(layers)}


def test_every_kind_of_edit_starts_at_the_first_block_that_it_touches(loaded, items, narrow):
    model = loaded("gpt2")
    sweep(model, items, {}, Losses())  # what is found out about a model once runs its first block
    heads = block_runs(model, lambda: sweep(model, items, of_kind("head"), Losses()))
    for kind in ("stream", "attention", "mlp", "neurons", "query", "value", "pattern"):
        assert block_runs(model, lambda kind=kind: sweep(model, items, of_kind(kind), Losses())) == heads
    nothing = block_runs(model, lambda: sweep(model, items, {}, Losses()))
    at_the_end = block_runs(model, lambda: sweep(model, items, {0: [zeroed(sites.stream(LAYERS))]}, Losses()))
    assert at_the_end == nothing
    assert heads == nothing + Counter({k: (k + 1) * len(LENGTHS) for k in range(LAYERS)})


def more_runs(model, items, labels, passes):
    """How often each block runs for a sweep, beyond the runs without edits."""
    found = block_runs(model, lambda: sweep(model, items, labels, Losses()), passes)
    found.subtract(block_runs(model, lambda: sweep(model, items, {}, Losses()), passes))
    return found


def test_labels_share_a_pass_and_join_it_where_they_start(loaded, items):
    model = loaded("llama")
    labels = {
        (layer, head): [zeroed(sites.head(layer, head))] for head in range(4) for layer in reversed(range(LAYERS))
    }
    assert more_runs(model, items, labels, passes=True) == dict.fromkeys(range(LAYERS), 1)
    assert more_runs(model, items, labels, passes=False) == {k: 4 * (k + 1) * len(LENGTHS) for k in range(LAYERS)}


def test_what_is_found_leaves_the_device_once_a_pass(loaded, items):
    """A flag or a number that the processor waits for stops a GPU; on a CPU the waits can be counted."""
    model = loaded("llama")

    def waits(heads):
        labels = {head: [zeroed(sites.head(1, head))] for head in range(heads)}
        reader, group = Scored(READERS["score"].score), groups(model, items, READERS["score"].rows(items))[0]
        with Waits() as counted:
            assert len(list(swept_group(model, group, labels, reader))) == heads
        return counted.count

    one, four = waits(1), waits(4)
    assert four <= one


@pytest.mark.parametrize("family", FAMILIES)
def test_whether_an_edit_moves_anything(loaded, items, family):
    model = loaded(family)
    for edit in [edit for edits in LABELS.values() for edit in edits]:
        assert anything_moves(model, items, edits=(edit,)), edit
    for edit in [form(sites.head(ALL), "softmax"), keys(64), set_to(sites.pattern(1, positions=0), 0, 1.0)]:
        assert not anything_moves(model, items, edits=(edit,)), edit


def test_prompts_are_tried_until_an_edit_moves_one(loaded, items, narrow):
    mask = np.zeros((5, 12), bool)
    mask[3, 11] = True
    assert anything_moves(loaded("gpt2"), items, edits=(zeroed(sites.stream(1, positions=mask)),))


def test_groups_are_the_same_for_the_same_prompts(loaded, items, narrow):
    made = [groups(loaded("gpt2"), items, Losses().rows(items)) for _ in range(2)]
    assert [[row.item for row in group.rows] for group in made[0]] == [
        [row.item for row in group.rows] for group in made[1]
    ]
    assert sorted(row.item for group in made[0] for row in group.rows) == list(range(5))
    assert len(made[0]) > 1
