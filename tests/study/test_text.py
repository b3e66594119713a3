"""Losses on the study's text: its halves, its groups, its store, and the perplexity they give."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from random_models import random_model
from torch.nn import functional

import semphase.measure.products.exact as exact
import semphase.study.text as perplexity
from semphase.errors import NotApplicable, SemphaseError
from semphase.measure import sites
from semphase.measure.changes import Ablated
from semphase.measure.edits import zeroed
from semphase.measure.text import text_chunks
from semphase.stats.blocks import in_blocks
from semphase.stats.estimates import perplexity_ratio
from semphase.store import Store
from semphase.study.subject import Trained
from semphase.study.text import LazyReplay, joined
from semphase.tolerances import loss_tolerance
from semphase.verdict.universes import universe

HALVES = ("choose", "judge", "both")
CONTEXT = 64


@pytest.fixture
def few(study_of, random_gpt2, monkeypatch):
    """A study of 13 chunks, four in a group."""
    monkeypatch.setattr(exact, "pass_tokens", lambda _model: 4 * CONTEXT)
    study = study_of(random_gpt2)
    return replace(study, budget=replace(study.budget, tokens=13 * CONTEXT))


@pytest.fixture
def tiny_text(study_of, tiny):
    """A study whose chunks have several blocks, its model, and how many blocks each has."""
    whole = study_of(tiny)
    length = whole.text.ids.shape[1] // 4
    study = replace(whole, subject=Trained(replace(tiny, context=length)))
    return study, study.model, len(in_blocks(np.zeros((1, study.text.ids.shape[1] - 1)))[1])


@contextmanager
def passes(model):
    """How many chunks enter the model's first block inside the block."""
    entered = []
    handle = model.anatomy.blocks[0].register_forward_pre_hook(
        lambda _block, args, kwargs: entered.append(len(args[0] if args else kwargs["hidden_states"])),
        with_kwargs=True,
    )
    yield entered
    handle.remove()


def test_the_halves_are_the_chunks_of_the_text(few, corpus, random_gpt2):
    text = few.text
    np.testing.assert_array_equal(text.ids, text_chunks(random_gpt2, corpus.text, 13 * CONTEXT))
    assert [len(text.chunks(half)) for half in HALVES] == [6, 7, 13]
    np.testing.assert_array_equal(np.concatenate([text.chunks("choose"), text.chunks("judge")]), text.chunks("both"))
    assert [text.tokens(half) for half in HALVES] == [6 * 63, 7 * 63, 13 * 63]


@pytest.mark.parametrize("half", HALVES)
def test_groups_are_the_chunks_in_order(few, half):
    groups = list(few.text.groups(half))
    assert all(len(group) == 4 for group in groups[:-1])
    assert 0 < len(groups[-1]) <= 4
    np.testing.assert_array_equal(torch.cat(groups), few.text.chunks(half))


def test_groups_are_as_small_as_the_memory(few, random_gpt2):
    chunk = random_gpt2.layers * CONTEXT * random_gpt2.d_model * 4
    for memory, size in ((2 * chunk, 2), (chunk, 1), (1, 1), (100 * chunk, 4)):
        assert len(next(replace(few, memory=memory).text.groups("both"))) == size


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_the_baseline_is_the_perplexity_of_whole_logits(study_of, tmp_path, family):
    model = random_model(family, tmp_path)
    text = study_of(model).text
    for half in HALVES:
        ids = torch.from_numpy(text.chunks(half))
        with torch.no_grad():
            logits = model.module(ids).logits[:, :-1].flatten(0, 1).double()
        loss = float(functional.cross_entropy(logits, ids[:, 1:].flatten()))
        found = text.baseline(half)
        assert found.tokens == text.tokens(half)
        # The exponent turns a relative error of the loss into one of loss times as much.
        assert float(found.perplexity) == pytest.approx(np.exp(loss), rel=loss * loss_tolerance("float32"))


def test_losses_of_groups_are_those_of_the_whole(few, study_of, random_gpt2, tmp_path, monkeypatch):
    grouped = few.text.baseline("both")
    monkeypatch.setattr(exact, "pass_tokens", lambda _model: 10**6)
    whole = replace(few, store=Store(tmp_path / "other")).text.baseline("both")
    np.testing.assert_array_equal(grouped.counts, whole.counts)
    # Other batch shapes round the 63 losses of a block by some units in the last place of 8.
    np.testing.assert_allclose(grouped.sums, whole.sums, rtol=1e-5)


def test_a_second_reading_runs_nothing(few, random_gpt2):
    with passes(random_gpt2) as entered:
        first = few.text.baseline("judge")
    assert entered
    with passes(random_gpt2) as entered:
        assert few.text.baseline("judge") is first
        again = replace(few).text
        np.testing.assert_array_equal(again.baseline("judge").sums, first.sums)
        assert again.checked == few.text.checked
        again.measured_losses("losses", "judge", lambda *_: pytest.fail("a forward pass"))
    assert entered == []


def test_a_reading_that_stopped_goes_on_where_it_was(few):
    seen = []

    def run(model, ids):
        seen.append(len(ids))
        if len(seen) == 3:
            raise KeyboardInterrupt
        return torch.full((len(ids), 63), float(len(seen)))

    with pytest.raises(KeyboardInterrupt):
        few.text.measured_losses("stopped", "both", run)
    assert seen == [4, 4, 4]
    found = replace(few).text.measured_losses("stopped", "both", run)
    assert seen == [4, 4, 4, 4, 1]
    np.testing.assert_array_equal(found.sums / found.counts, [*[1] * 4, *[2] * 4, *[4] * 4, 5])


def test_preflight_comes_first_and_once(few, monkeypatch):
    told = []
    own = perplexity.preflight
    monkeypatch.setattr(perplexity, "preflight", lambda *args: told.append("preflight") or own(*args))

    def run(model, ids):
        told.append("losses")
        return torch.zeros(len(ids), 63)

    few.text.measured_losses("one", "choose", run)
    few.text.measured_losses("two", "choose", run)
    assert told == ["preflight", *["losses"] * 4]


def test_a_model_that_fails_preflight_gives_no_number(few, monkeypatch):
    def refuse(*_):
        raise SemphaseError("choose another.")

    monkeypatch.setattr(perplexity, "preflight", refuse)
    with pytest.raises(SemphaseError, match=r"^choose another\.$"):
        few.text.measured_losses("one", "choose", lambda *_: pytest.fail("a number"))
    assert not list(few.store.root.rglob("*.nc"))


def test_a_loss_that_is_not_finite_is_named_and_not_stored(few):
    def run(model, ids):
        return torch.full((len(ids), 63), torch.nan)

    with pytest.raises(
        SemphaseError, match=r"^the loss is not finite with joint heads \(kind zero, heads \[3\]\); .*\.$"
    ):
        few.text.measured_losses("joint heads", "choose", run, kind="zero", heads=[3])
    assert not list((few.store.root / "format-1" / "joint heads").glob("*.nc"))


def test_losses_under_changes_are_kept_by_what_was_changed(few, random_gpt2):
    text, changes = few.text, {1: Ablated((0, 2))}
    found = text.measured_losses("changed", "judge", lambda _model, ids: text.replay_losses(ids, changes), heads=[4, 6])
    other = text.measured_losses("changed", "judge", lambda _model, ids: text.replay_losses(ids, {}), heads=[])
    assert np.abs(found.mean - other.mean) > 1e-3
    np.testing.assert_array_equal(other.sums, text.baseline("judge").sums)
    again = text.measured_losses("changed", "judge", lambda *_: pytest.fail("a forward pass"), heads=[4, 6])
    np.testing.assert_array_equal(again.sums, found.sums)


def test_several_conditions_keep_their_axis(few):
    found = few.text.measured_losses("three", "both", lambda _model, ids: torch.ones(3, len(ids), 63), ("head",))
    assert found.sums.shape == (3, 13)
    np.testing.assert_array_equal(found.perplexity, np.full(3, np.e))


def test_keys_differ_by_text_measurement_what_and_model(few, study_of, tmp_path):
    text = few.text
    one, other = list(text.groups("both"))[:2]
    llama = study_of(random_model("llama", tmp_path)).text
    base = text.key("losses", one, kind="zero")
    assert base == replace(few).text.key("losses", one.clone(), kind="zero")
    different = [
        text.key("losses", other, kind="zero"),
        text.key("losses", one[:2], kind="zero"),
        text.key("losses", None, kind="zero"),
        text.key("single heads", one, kind="zero"),
        text.key("losses", one, kind="mean"),
        text.key("losses", one, kind="zero", layer=1),
        llama.key("losses", one, kind="zero"),
        few.untrained[0].text.key("losses", one, kind="zero"),
    ]
    assert len({str(few.store.path(key)) for key in (base, *different)}) == 1 + len(different)


def test_a_copy_reads_its_parent_s_text_and_has_its_own_losses(few):
    copied = few.untrained[0].text
    np.testing.assert_array_equal(copied.ids, few.text.ids)
    assert float(copied.baseline("choose").mean) != float(few.text.baseline("choose").mean)


def test_progress_counts_every_group(few, counted_progress):
    progress, told = counted_progress
    replace(few, progress=progress).text.measured_losses(
        "losses", "both", lambda _model, ids: torch.ones(len(ids), 63), kind="zero"
    )
    assert told == {"losses of gpt2-0: kind zero": [4, 4]}


def test_a_lazy_replay_is_made_when_asked_and_closed(few):
    made = []

    def make():
        made.append(few.text.replay(next(few.text.groups("both"))))
        return made[-1]

    with LazyReplay(make) as lazy:
        assert made == []
        assert lazy.replay is lazy.replay
    assert len(made) == 1
    with pytest.raises(KeyError):
        made[0].stream(0)
    with LazyReplay(make):
        pass
    assert len(made) == 1


def test_nothing_to_join_is_a_sentence():
    with pytest.raises(SemphaseError, match=r"^no chunk of text was measured; give a longer --corpus\.$"):
        joined([])


def test_a_short_corpus_is_named(study_of, random_gpt2, corpus):
    study = study_of(random_gpt2, corpus=replace(corpus, name="note.txt", text="the bank of the river ."))
    with pytest.raises(SemphaseError, match=r"^the corpus note.txt has 6 tokens for gpt2-0, and perplexity needs two"):
        study.text.baseline("judge")


def test_losses_of_different_halves_are_not_paired(few):
    text = replace(few, budget=replace(few.budget, tokens=12 * CONTEXT)).text
    judged, chosen = text.losses(), text.losses(half="choose")
    assert judged.counts.tolist() == chosen.counts.tolist()
    with pytest.raises(SemphaseError, match="on the same tokens"):
        perplexity_ratio(judged, chosen)
    assert perplexity_ratio(judged, text.losses()).value == 1.0


@pytest.mark.parametrize("ask", [lambda text: text.losses(half="nope"), lambda text: next(text.logits("nope"))])
def test_a_half_that_there_is_not_is_named(few, ask):
    with pytest.raises(SemphaseError, match=r"^the text has no half 'nope'; choose choose, judge or both\.$"):
        ask(few.text)


def in_universe(study, name):
    """The text as it is read in a named universe."""
    return study.in_universe(universe(name)).text


def test_exchanged_halves_are_the_other_ones(few):
    exchanged = in_universe(few, "halves exchanged")
    np.testing.assert_array_equal(exchanged.chunks("choose"), few.text.chunks("judge"))
    np.testing.assert_array_equal(exchanged.chunks("judge"), few.text.chunks("choose"))
    np.testing.assert_array_equal(exchanged.chunks("both"), few.text.chunks("both"))


def test_losses_of_exchanged_halves_are_those_of_the_other_from_the_store(few, random_gpt2):
    judged = few.text.baseline("judge")
    with passes(random_gpt2) as entered:
        found = in_universe(few, "halves exchanged").baseline("choose")
    assert entered == []
    np.testing.assert_array_equal(found.sums, judged.sums)


def test_chunks_of_half_the_length_hold_the_same_text(few):
    short = in_universe(few, "chunks of half the length").ids
    assert short.shape == (26, CONTEXT // 2)
    np.testing.assert_array_equal(short, text_chunks(few.model, few.corpus.text, 13 * CONTEXT, length=CONTEXT // 2))


@pytest.mark.parametrize("name", ["first block left out", "chunks as units"])
def test_other_units_are_made_of_the_stored_blocks(tiny_text, name):
    study, model, blocks = tiny_text
    losses = study.text.baseline("both")
    each = losses.sums.reshape(-1, blocks)
    with passes(model) as entered:
        found = in_universe(study, name).baseline("both")
    assert entered == []
    expected = each[:, 1:].ravel() if name == "first block left out" else each.sum(axis=1)
    np.testing.assert_allclose(found.sums, expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["first block left out", "chunks as units"])
def test_losses_under_edits_pair_with_the_unchanged_ones_in_every_unit(tiny_text, name):
    study = tiny_text[0]
    text = in_universe(study, name)
    edited, unchanged = text.losses(zeroed(sites.heads([(0, 0)]))), text.losses()
    np.testing.assert_array_equal(edited.counts, unchanged.counts)
    assert perplexity_ratio(edited, unchanged).units == (len(unchanged.counts),)
    swept = study.in_universe(universe(name)).sweep(text, {"a": zeroed(sites.heads([(0, 0)]))})
    np.testing.assert_allclose(swept.values[0] * swept["tokens"].values, edited.sums, rtol=1e-12)


def test_one_chunk_in_the_judging_half_is_no_sample_of_chunks(study_of, random_gpt2):
    study = study_of(random_gpt2)
    short = replace(study, budget=replace(study.budget, tokens=2 * CONTEXT))
    with pytest.raises(NotApplicable, match="one chunk"):
        in_universe(short, "chunks as units").baseline("judge")


def test_a_chunk_of_one_block_has_no_first_one_to_leave_out(few):
    with pytest.raises(NotApplicable, match="one block"):
        in_universe(few, "first block left out").baseline("judge")
