"""A replay from the first difference gives what a whole pass gives, and leaves everything as it was."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_models import FAMILIES
from scaled import Scaled
from torch.nn import functional

import semphase.measure.replay as replaying
from semphase.errors import SemphaseError
from semphase.measure.changes import FORMS, Ablated, Constant, Reformed
from semphase.measure.replay import Replay
from semphase.measure.seam import attending
from semphase.measure.sweeps import head_by_head, substitute

CHUNKS, POSITIONS, LAYERS, HEADS, D_HEAD = 3, 20, 3, 4, 8
# A loss is a difference of logits below 64, which three blocks and sums in another order round by less than
# 200 units in their last place (2⁻¹⁸); so do other batch shapes.
CLOSE = 1e-3
CONSTANT = Constant(torch.linspace(-1, 1, HEADS * D_HEAD).view(HEADS, D_HEAD))

heads = st.lists(st.integers(0, HEADS - 1), min_size=1, unique=True).map(tuple)
change = st.one_of(
    heads.map(Ablated),
    heads.map(lambda chosen: Ablated(chosen, CONSTANT)),
    st.builds(Scaled, heads, st.sampled_from([0.5, -1.0, 2.0])),
    # The identity form multiplies its errors by the sum of the scores, and the threshold form jumps.
    st.builds(Reformed, heads, st.sampled_from([form for form in FORMS if form not in {"identity", "threshold"}])),
)
changes_of_layers = st.dictionaries(st.integers(0, LAYERS - 1), change)


@pytest.fixture(scope="module")
def ids():
    return torch.randint(3, 90, (CHUNKS, POSITIONS), generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def replays(loaded, ids):
    """`replays(family)` is a replay with nothing in force, made once."""
    made = {}

    def found(family):
        if family not in made:
            made[family] = Replay(loaded(family), ids)
        return made[family]

    yield found
    for replay in made.values():
        replay.__exit__()


def whole_pass(model, ids, changes):
    """Token losses from a full forward pass and whole logits."""
    with torch.no_grad(), attending(model, changes):
        logits = model.module(ids, use_cache=False).logits[:, :-1]
    flat = functional.cross_entropy(logits.flatten(0, 1).double(), ids[:, 1:].flatten(), reduction="none")
    return flat.view(len(ids), -1)


@contextmanager
def counted(model):
    """How often each block runs inside the block."""
    calls = Counter()
    blocks = enumerate(model.anatomy.blocks)
    handles = [block.register_forward_pre_hook(lambda *_, k=k: calls.update([k])) for k, block in blocks]
    yield calls
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize("family", FAMILIES)
@given(changes=changes_of_layers)
@settings(max_examples=12)
def test_a_replay_is_a_whole_pass(replays, ids, family, changes):
    replay = replays(family)
    np.testing.assert_allclose(replay.losses(changes), whole_pass(replay.model, ids, changes), atol=CLOSE)


@pytest.mark.parametrize("family", ["gpt2", "gemma3_text", "phi"])
@given(path=st.lists(changes_of_layers, min_size=1, max_size=4), other=changes_of_layers)
@settings(max_examples=12)
def test_moving_along_any_path_leads_to_the_same_place(loaded, ids, family, path, other):
    model = loaded(family)
    with Replay(model, ids) as replay:
        for changes in path:
            moved = replay.move(changes)
        np.testing.assert_allclose(moved, whole_pass(model, ids, path[-1]), atol=CLOSE)
        np.testing.assert_allclose(replay.losses(other), whole_pass(model, ids, other), atol=CLOSE)
        assert replay.in_force is moved


@pytest.mark.parametrize(
    ("before", "after", "ran"),
    [
        ({}, {0: Ablated((1,))}, [0, 1, 2]),
        ({}, {1: Ablated((1,)), 2: Ablated((0,))}, [1, 2]),
        ({1: Ablated((1,))}, {1: Ablated((1,)), 2: Scaled((0,), 2.0)}, [2]),
        ({1: Ablated((1,)), 2: Scaled((0,), 2.0)}, {1: Ablated((1,))}, [2]),
        ({0: Ablated((0,), CONSTANT)}, {0: Ablated((0,), CONSTANT), 1: Reformed((2,), "relu")}, [1, 2]),
        ({0: Ablated((0,))}, {}, [0, 1, 2]),
        ({2: Reformed((3,), "product")}, {2: Reformed((3,), "product")}, []),
    ],
)
def test_blocks_before_the_first_difference_do_not_run(loaded, ids, before, after, ran):
    model = loaded("llama")
    with Replay(model, ids) as replay:
        replay.move(before)
        with counted(model) as calls:
            replay.losses(after)
        assert calls == Counter(ran)
        with counted(model) as calls:
            replay.move(after)
        assert calls == Counter(ran)


@pytest.mark.parametrize("layer", range(LAYERS))
def test_looking_at_a_layer_runs_that_layer_only(replays, layer):
    replay = replays("qwen2")
    with counted(replay.model) as calls:
        replay.outputs(layer)
    assert calls == Counter([layer])


@pytest.mark.parametrize("family", ["llama", "opt"])
def test_what_is_in_force_does_not_notice_what_is_asked(loaded, ids, family):
    with Replay(loaded(family), ids) as replay:
        replay.move({1: Ablated((0,))})

        def state():
            return [replay.stream(k).clone() for k in range(LAYERS + 1)] + [replay.outputs(k) for k in range(LAYERS)]

        before, changes, losses = state(), dict(replay.changes), replay.in_force.clone()
        replay.losses({0: Reformed((0, 1), "relu"), 2: Ablated((3,))})
        replay.losses({})
        replay.with_outputs(0, torch.zeros(2, CHUNKS, POSITIONS, HEADS, D_HEAD))
        replay.probe(2, lambda seen: seen.query)
        assert all(torch.equal(one, other) for one, other in zip(before, state(), strict=True))
        assert replay.changes == changes
        assert torch.equal(replay.in_force, losses)


@pytest.mark.parametrize("family", FAMILIES)
def test_copies_run_together_are_those_run_alone(replays, family):
    replay = replays(family)
    own = replay.outputs(1)
    copies = torch.stack([own, torch.zeros_like(own), 2 * own, own.flip(2)])
    together = replay.with_outputs(1, copies).view(4, CHUNKS, -1)
    alone = torch.stack([replay.with_outputs(1, copy[None]) for copy in copies])
    np.testing.assert_allclose(together, alone, atol=CLOSE)
    np.testing.assert_allclose(together[0], replay.in_force, atol=CLOSE)
    np.testing.assert_allclose(together[1], replay.losses({1: Ablated((0, 1, 2, 3))}), atol=CLOSE)
    np.testing.assert_allclose(together[2], replay.losses({1: Scaled((0, 1, 2, 3), 2.0)}), atol=CLOSE)


def test_given_outputs_come_on_top_of_what_is_in_force(loaded, ids):
    before, zero = {0: Ablated((2,)), 2: Reformed((1,), "absolute")}, Ablated((0, 1, 2, 3))
    with Replay(loaded("gpt_neox"), ids) as replay:
        replay.move(before)
        found = replay.with_outputs(1, torch.zeros(1, CHUNKS, POSITIONS, HEADS, D_HEAD))
    np.testing.assert_allclose(found, whole_pass(loaded("gpt_neox"), ids, {**before, 1: zero}), atol=CLOSE)


def test_outputs_are_those_under_the_changes_in_force(loaded, ids):
    with Replay(loaded("mistral"), ids) as replay:
        own = replay.outputs(1)
        replay.move({1: Ablated((2,), CONSTANT)})
        changed = replay.outputs(1)
    assert torch.equal(changed[:, :, [0, 1, 3]], own[:, :, [0, 1, 3]])
    assert torch.equal(changed[:, :, 2], CONSTANT.outputs[2].expand(CHUNKS, POSITIONS, D_HEAD))


def test_another_way_of_attending_serves_unchanged_heads_of_replayed_layers_only(loaded, ids):
    """Attention that gives nothing is every head ablated, except where a change stands or nothing is replayed."""
    every = Ablated((0, 1, 2, 3))
    with Replay(loaded("llama"), ids) as replay:
        before, own, wanted = replay.in_force, replay.outputs(2), replay.losses({1: Scaled((0,), 2.0), 2: every})
        replay.attend_by(lambda seen: torch.zeros_like(seen.query.transpose(1, 2)))
        doubled = Scaled((0,), 2.0)
        assert torch.equal(replay.in_force, before)
        assert torch.equal(replay.outputs(2), own)
        found = replay.with_outputs(1, replay.probe(1, doubled)[None])
        np.testing.assert_allclose(replay.losses({1: doubled}), replay.losses({1: every}), atol=CLOSE)
    np.testing.assert_allclose(found, wanted, atol=CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
def test_chunks_read_together_are_those_read_alone(loaded, replays, ids, family):
    replay, changes = replays(family), {0: Ablated((1,)), 2: Reformed((0, 3), "relu")}
    together = [replay.in_force, replay.losses(changes)]
    for row in range(CHUNKS):
        with Replay(loaded(family), ids[row : row + 1]) as single:
            alone = [single.in_force, single.losses(changes)]
        for one, other in zip(together, alone, strict=True):
            np.testing.assert_allclose(one[row : row + 1], other, atol=CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_cache_is_kept_and_a_second_replay_is_the_first(replays, family):
    replay, changes = replays(family), {1: Ablated((0,))}
    given_beside = [value for _, kwargs in replay._blocks.calls for name, value in kwargs.items() if "past" in name]
    assert all(value is None for value in given_beside)
    first = replay.losses(changes)
    assert torch.equal(replay.losses(changes), first)
    assert torch.equal(replay.losses(changes), first)


def layer_bytes(model, ids):
    return ids.numel() * model.d_model * model.dtype.itemsize


@pytest.mark.parametrize("fitting", [1, 2])
def test_streams_that_lie_on_disk_give_the_same_losses(loaded, ids, fitting, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model, changes = loaded("gemma3_text"), {0: Ablated((3,)), 1: Reformed((1, 2), "product")}
    with Replay(model, ids) as held, Replay(model, ids, memory=fitting * layer_bytes(model, ids)) as spilled:
        assert len(files(tmp_path)) == LAYERS - fitting
        for step in (changes, {2: Ablated((0,))}, {}):
            assert torch.equal(spilled.losses(step), held.losses(step))
            assert torch.equal(spilled.move(step), held.move(step))
            assert all(torch.equal(spilled.stream(k), held.stream(k)) for k in range(LAYERS + 1))
    assert list(tmp_path.iterdir()) == []


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_files_go_even_after_a_failure(loaded, ids, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model = loaded("llama")
    with (
        pytest.raises(SemphaseError, match="no change 'cubic'"),
        Replay(model, ids, memory=layer_bytes(model, ids)) as replay,
    ):
        head_by_head(replay, len(files(tmp_path)) - 1, substitute("cubic"))
    assert list(tmp_path.iterdir()) == []


def test_files_go_when_the_first_pass_fails(loaded, ids, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def fail(*_):
        raise KeyError

    monkeypatch.setattr(replaying, "token_losses", fail)
    with pytest.raises(KeyError):
        Replay(loaded("llama"), ids, memory=layer_bytes(loaded("llama"), ids))
    assert list(tmp_path.iterdir()) == []


def test_memory_for_less_than_a_layer_is_a_sentence(loaded, ids):
    model = loaded("llama")
    with pytest.raises(SemphaseError, match=r"^the residual streams of 60 tokens take .*; allow more with --memory\.$"):
        Replay(model, ids, memory=layer_bytes(model, ids) - 1)


def test_a_full_disk_is_a_sentence(loaded, ids, monkeypatch):
    model = loaded("llama")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(SemphaseError, match=r"^no room in .*No space left on device.* --memory or set TMPDIR\.$"):
        Replay(model, ids, memory=layer_bytes(model, ids))


def test_no_hook_stays_behind(loaded, ids):
    model = loaded("phi")
    with Replay(model, ids) as replay:
        replay.outputs(1)
        replay.losses({1: Ablated((0,))})
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.module.modules())
