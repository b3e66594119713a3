"""Runs on prompts: what plain forward passes of transformers give, whatever the company, once, and as edited."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr
from random_models import random_model

from semphase.data.prompts import Prompts
from semphase.errors import SemphaseError
from semphase.measure.edits import added, patched, zeroed
from semphase.measure.sites import ALL, attention, head, stream
from semphase.measure.wiring import skipped
from semphase.store import Store
from semphase.study.run import PromptRun
from semphase.study.substitutes import Substitutes

TEXTS = [
    "the bank",
    "kate took the card to the bank by the shore",
    "leo found the shelf and the bank",
    "the bank by the shore",
]
CLOSE = 1e-4
"""Logits of other batch shapes; those of a random model are of order one."""


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def model(request, tmp_path_factory):
    return random_model(request.param, tmp_path_factory.mktemp("models"))


@pytest.fixture
def study(study_of, model):
    return study_of(model)


@pytest.fixture
def prompts() -> Prompts:
    return Prompts.of("four", TEXTS, at="bank", item=[3, 1, 2, 0], right=[" shore", " the", " card", " by"])


@pytest.fixture
def calls(model):
    found = []
    handle = model.anatomy.blocks[0].register_forward_pre_hook(lambda *_: found.append(1))
    yield found
    handle.remove()


def plain(model, run: PromptRun) -> list[torch.Tensor]:
    """Logits [position, vocabulary] of each prompt, by transformers, one by one."""
    return [model.module(torch.tensor([tokens])).logits[0] for tokens in run.items.tokens]


def test_logits_are_those_of_plain_passes_one_by_one(study, model, prompts):
    run = study.prompts(prompts)
    found = run.logits()
    assert found.dims == ("prompt", "vocabulary")
    for own, logits, at in zip(found.values, plain(model, run), run.items.at, strict=True):
        np.testing.assert_allclose(own, logits[at].numpy(), atol=CLOSE)


def test_streams_are_the_hidden_states_of_transformers(study, model, prompts):
    run = study.prompts(prompts)
    found = run.read(stream(ALL))
    assert found.dims == ("prompt", "layer", "position", "d")
    assert found["length"].values.tolist() == [len(tokens) for tokens in run.items.tokens]
    for row, tokens in enumerate(run.items.tokens):
        states = model.module(torch.tensor([tokens]), output_hidden_states=True).hidden_states
        for layer in range(model.layers):
            np.testing.assert_allclose(found.values[row, layer, : len(tokens)], states[layer][0].numpy(), atol=CLOSE)
        assert np.isnan(found.values[row, :, len(tokens) :]).all()
    np.testing.assert_array_equal(
        run.read(stream(1, positions="at")).values[:, 0], found.values[range(len(run.items)), 1, list(run.items.at)]
    )


def test_losses_are_those_of_plain_passes(study, model, prompts):
    run = study.prompts(prompts)
    found = run.losses()
    for row, (tokens, logits) in enumerate(zip(run.items.tokens, plain(model, run), strict=True)):
        own = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(tokens[1:]), reduction="none")
        np.testing.assert_allclose(found.values[row, : len(tokens) - 1], own.numpy(), atol=CLOSE)


def test_answers_of_one_token_differ_by_their_logits(study, model, prompts):
    run = study.prompts(prompts)
    found = run.logit_difference(prompts.right, " and")
    wrong = model.tokenizer.convert_tokens_to_ids("and")
    for own, logits, at, right in zip(found.values, plain(model, run), run.items.at, prompts.right, strict=True):
        token = model.tokenizer.convert_tokens_to_ids(right.strip())
        assert own == pytest.approx(float(logits[at, token] - logits[at, wrong]), abs=CLOSE)
    np.testing.assert_allclose(run.logit_difference(" and", prompts.right), -found, atol=CLOSE)


def test_answers_of_several_tokens_are_summed(study, model, prompts):
    run = study.prompts(prompts)
    answers = [" shore and the", " by", " the bank", " and the shore ."]
    found = run.log_probabilities(answers)
    for own, answer, tokens, at in zip(found.values, answers, run.items.tokens, run.items.at, strict=True):
        follow = model.tokenizer.convert_tokens_to_ids(answer.split())
        whole = [*tokens[: at + 1], *follow]
        logs = model.module(torch.tensor([whole])).logits[0].log_softmax(-1)
        expected = sum(float(logs[at + step, token]) for step, token in enumerate(follow))
        assert own == pytest.approx(expected, abs=CLOSE)
    labelled = study.prompts(Prompts.of("labelled", TEXTS, at="bank", right=answers, wrong=[" and"] * 4))
    np.testing.assert_allclose(labelled.logit_difference(), run.logit_difference(answers, " and"), atol=CLOSE)
    both = run.logit_difference(answers, " and").values
    np.testing.assert_allclose(both, found.values - run.log_probabilities(" and").values, atol=CLOSE)


def test_one_prompt_s_numbers_do_not_depend_on_its_neighbours(study, prompts):
    whole = study.prompts(prompts)
    for row in range(len(prompts)):
        alone = study.prompts(prompts[row])
        np.testing.assert_allclose(alone.logits().values[0], whole.logits().values[row], atol=CLOSE)
        length = alone.items.lengths[0]
        np.testing.assert_allclose(alone.losses().values[0], whole.losses().values[row, : length - 1], atol=CLOSE)


def test_what_is_read_carries_the_labels(study, prompts):
    run = study.prompts(prompts)
    for found in (run.logits(), run.losses(), run.read(stream(0)), run.logit_difference(" the", " and")):
        assert found["item"].dims == ("prompt",)
        assert found["item"].values.tolist() == [3, 1, 2, 0]
        assert found["right"].values.tolist() == prompts.right.tolist()
        assert found.attrs["unit"]


def test_nothing_is_measured_twice_whatever_names_and_labels(study, prompts, calls):
    run = study.prompts(prompts)
    first = run.logits(), run.losses(), run.read(stream(1)), run.logit_difference(prompts.right, " and")
    assert calls
    calls.clear()
    other = Prompts.of("renamed", TEXTS, at="bank", right=prompts.right)
    again = replace(study).prompts(other)
    second = again.logits(), again.losses(), again.read(stream(1)), again.logit_difference(prompts.right, " and")
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.values, two.values)
    assert calls == []


def test_what_differs_is_measured_anew(study, prompts, calls):
    def asked(run):
        calls.clear()
        run.logit_difference(" the", " and")
        return bool(calls)

    base = study.prompts(prompts)
    assert asked(base)
    assert not asked(study.prompts(prompts))
    assert asked(study.prompts(prompts[1:]))
    assert asked(study.prompts(Prompts.of("end", TEXTS)))
    assert asked(study.prompts(prompts, zeroed(head(0, 1))))
    assert asked(study.prompts(prompts, [zeroed(head(0, 1)), zeroed(head(1, 1))]))
    assert asked(study.prompts(prompts, [zeroed(head(1, 1)), zeroed(head(0, 1))]))
    assert not asked(study.prompts(prompts, [zeroed(head(0, 1))]))
    calls.clear()
    base.logit_difference(" the", " by")
    assert calls


def test_an_edit_changes_what_a_hook_changes(study, model, prompts):
    run = study.prompts(prompts, zeroed(attention(1)))
    found = run.logits()

    def nothing(_module, _args, output):
        return (torch.zeros_like(output[0]), *output[1:]) if isinstance(output, tuple) else torch.zeros_like(output)

    handle = model.anatomy.attention[1].register_forward_hook(nothing)
    try:
        expected = plain(model, run)
    finally:
        handle.remove()
    for own, logits, at in zip(found.values, expected, run.items.at, strict=True):
        np.testing.assert_allclose(own, logits[at].numpy(), atol=CLOSE)
    assert np.abs(found - study.prompts(prompts).logits()).max() > 0.01


def test_patching_all_that_leaves_the_last_block_gives_the_other_run(study, model):
    clean = Prompts.of("clean", ["the bank by the shore", "leo took the card"])
    corrupt = Prompts.of("corrupt", ["the card by the shore", "kate took the shelf"])
    run = study.prompts(corrupt)
    found = study.prompts(clean.paired(corrupt), patched(stream(model.layers), run))
    np.testing.assert_allclose(found.logits(), run.logits(), atol=CLOSE)
    np.testing.assert_allclose(
        study.prompts(clean, patched(stream(0), run)).logits().values, run.logits().values, atol=CLOSE
    )
    with pytest.raises(SemphaseError, match=r"^patched\(stream\(1\), corrupt\) needs a run of 1 prompts"):
        study.prompts(clean[:1], patched(stream(1), run)).logits()


def test_a_small_step_along_the_gradient_moves_the_score_by_its_square(study, prompts):
    run = study.prompts(prompts[0])
    gradient = run.gradient(stream(1, positions="at"), right=" the", wrong=" and")
    assert gradient.dims == ("prompt", "layer", "d")
    step = 1e-3 / float(np.square(gradient.values).sum())
    moved = study.prompts(prompts[0], added(stream(1, positions="at"), gradient.values[0, 0], step))
    change = moved.logit_difference(" the", " and") - run.logit_difference(" the", " and")
    # The second order is of the step's size, a thousandth of the first; float32 gives the score to 1e-6.
    assert float(change[0]) == pytest.approx(1e-3, rel=0.05)
    log = run.gradient(stream(1), of="log_probability", right=" the") - run.gradient(
        stream(1), of="log_probability", right=" and"
    )
    at = run.items.at[0]
    np.testing.assert_allclose(log.values[0, 0, at], gradient.values[0, 0], atol=1e-5)
    assert run.gradient(stream(1), of="loss").sizes == run.read(stream(1)).sizes


def test_edits_that_move_nothing_are_an_error_that_names_them(study, model, prompts):
    idle = added(stream(1), np.ones(model.d_model), 0.0)
    with pytest.raises(SemphaseError, match=r"^added\(stream\(1\), .*\) moves nothing; .* must_move=False\.$"):
        study.prompts(prompts, idle).logits()
    allowed = study.prompts(prompts, idle, must_move=False)
    np.testing.assert_allclose(allowed.logits(), study.prompts(prompts).logits(), atol=CLOSE)
    with pytest.raises(SemphaseError, match=r"^added\(stream\(1\), .*\) moves nothing; "):
        study.prompts(prompts, [skipped(0), idle]).logits()
    there, back = (added(stream(1), np.ones(model.d_model), scale) for scale in (1.0, -1.0))
    with pytest.raises(SemphaseError, match="moves nothing"):
        study.prompts(prompts, [there, back]).logits()


@pytest.mark.parametrize("edit", [zeroed(head(0, 9)), zeroed(stream(7)), zeroed(stream(1, positions=40))])
def test_edits_of_what_there_is_not_are_one_sentence_before_any_pass(study, prompts, edit, calls):
    study.prompts(prompts, skipped(0)).logits()
    calls.clear()
    with pytest.raises(SemphaseError, match=r"^[^\n]*\.$"):
        study.prompts(prompts, edit).logits()
    assert calls == []


def test_bad_questions_are_one_sentence(study, prompts):
    run = study.prompts(prompts)
    for ask, told in (
        (lambda: study.prompts(TEXTS), "is no set of prompts; make one with Prompts.of"),
        (lambda: study.prompts(prompts, ["zeroed"]), "'zeroed' is no edit"),
        (lambda: run.read("stream"), "'stream' is no site"),
        (lambda: run.gradient(stream(0)), "the prompts 'four' have no label 'wrong'; give answers with wrong="),
        (lambda: run.gradient(stream(0), of="losses"), "'losses' cannot be read; choose"),
        (lambda: run.logit_difference([" a"], " the"), "right has 1 entries for the 4 prompts"),
        (lambda: study.generate(prompts, samples=2), "2 samples at temperature 0 are all alike"),
    ):
        with pytest.raises(SemphaseError, match=rf"^[^\n]*{told}[^\n]*\.$"):
            ask()


def test_an_untrained_copy_has_numbers_of_its_own_and_is_not_built_for_known_ones(study, prompts, monkeypatch):
    found = study.untrained[0].prompts(prompts, skipped(0)).logits()
    assert np.abs(found - study.prompts(prompts, skipped(0)).logits()).max() > 0.01

    def refuse(*_):
        pytest.fail("a copy was built")

    monkeypatch.setattr("semphase.study.subject.reinitialised", refuse)
    fresh = replace(study, subject=replace(study.subject, copies={}))
    again = fresh.untrained[0].prompts(prompts, skipped(0)).logits()
    xr.testing.assert_identical(again, found)


def test_runs_are_equal_by_model_prompts_and_edits(study, prompts):
    one = study.prompts(prompts, skipped(0))
    assert one == study.prompts(Prompts.of("other name", TEXTS, at="bank"), [skipped(0)])
    assert len({one, study.prompts(prompts), study.prompts(prompts[1:]), study.untrained[0].prompts(prompts)}) == 4
    assert (one.label, study.prompts(prompts).label) == ("four under skipped(0)", "four")


def test_a_readout_of_the_last_stream_is_the_logits(study, model, prompts):
    run = study.prompts(prompts)
    found = study.readout(run.read(stream(ALL, positions="at")))
    assert found.dims == ("prompt", "layer", "vocabulary")
    assert found["item"].values.tolist() == [3, 1, 2, 0]
    np.testing.assert_allclose(found.sel(layer=model.layers), run.logits(), atol=CLOSE)
    with pytest.raises(SemphaseError, match=r"^a stream has the axis d and this array has prompt\.$"):
        study.readout(run.logit_difference(" the", " and"))


def test_a_weight_is_the_model_s(study, model):
    assert study.weight("query", 0, 1).shape == (model.d_model, model.d_head)
    np.testing.assert_array_equal(study.weight("unembedding"), model.anatomy.unembed.weight.numpy())


class TestSetsOfTheUser:
    """--prompts in place of a claim's own sets."""

    @pytest.fixture
    def given(self) -> Prompts:
        return Prompts.of("four", ["the shelf by the bank", "the card", "kate", "leo took"], right=[" and"] * 4)

    @pytest.fixture
    def other(self, study, given):
        return replace(study, substitutes=Substitutes({"four": given}))

    def test_a_set_of_that_name_takes_the_claim_s_place_and_is_noted(self, other, study, prompts, given):
        run = other.prompts(prompts)
        assert run.prompts == given
        np.testing.assert_array_equal(run.logits(), study.prompts(given).logits())
        assert other.substituted == ("four",)
        assert other.untrained[0].substitutes is other.substitutes
        assert other.prompts(replace(prompts, name="another")).prompts.texts == prompts.texts
        assert other.prompts(given).prompts == given
        assert other.substituted == ("four",)

    def test_labels_of_the_claim_s_set_stand_for_those_of_the_user_s(self, other, study, prompts, given):
        found = other.prompts(prompts).logit_difference(prompts.right, " the")
        np.testing.assert_array_equal(found, study.prompts(given).logit_difference(given.right, " the"))
        with pytest.raises(SemphaseError, match=r"^right belongs to the claim's own prompts 'four', which --prompts"):
            other.prompts(prompts).logit_difference([" and"] * 4, " the")

    def test_a_part_is_refused_until_the_whole_is_chosen(self, other, prompts, given):
        for part in (prompts[1:], prompts.split(by="item")[0], prompts.where(item=[1, 2])):
            with pytest.raises(
                SemphaseError, match=r"^--prompts replaces 'four', of which the claim uses a part; take"
            ):
                other.prompts(part)
        assert other.prompts(other.chosen(prompts)[1:]).prompts.texts == given.texts[1:]

    def test_pairs_are_replaced_one_by_one(self, study, prompts, given):
        corrupt = Prompts.of("corrupt", [text.replace("bank", "shore") for text in TEXTS])
        mine = Prompts.of("corrupt", [text.replace("the", "a") for text in given.texts])
        both = replace(study, substitutes=Substitutes({"four": given, "corrupt": mine}))
        pair = both.chosen(prompts.paired(corrupt))
        assert (pair.alone, pair.partner) == (given, mine)
        assert both.prompts(pair[1:]).prompts.partner == mine[1:]
        short = replace(study, substitutes=Substitutes({"four": given[:3]}))
        with pytest.raises(SemphaseError, match=r"cannot be paired"):
            short.chosen(prompts.paired(corrupt))

    def test_files_are_read_by_name_and_each_name_once(self, tmp_path):
        paths = [tmp_path / "a.json", tmp_path / "b.json"]
        for path in paths:
            path.write_text('{"name": "four", "texts": ["one"]}')
        assert list(Substitutes.load(paths[:1]).sets) == ["four"]
        with pytest.raises(
            SemphaseError, match=r"b\.json has prompts named 'four', and so has another --prompts; keep one\.$"
        ):
            Substitutes.load(paths)


def test_another_store_gives_the_same(study, prompts, tmp_path):
    other = replace(study, store=Store(tmp_path / "other"))
    xr.testing.assert_identical(other.prompts(prompts).logits(), study.prompts(prompts).logits())
