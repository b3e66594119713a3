"""Sweeps: what single runs give, label by label, once, resumed where they stopped, in a form that files hold."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr
from random_models import random_model

import semphase.study.sweep as module
from semphase.data.prompts import Prompts
from semphase.errors import SemphaseError
from semphase.measure.edits import added, averaged, patched, zeroed
from semphase.measure.sites import head, mlp, stream
from semphase.measure.wiring import skipped
from semphase.study.sweep import over_labels

CLOSE = 1e-4
CLEAN = ["the bank by the shore", "leo took the card by", "kate took the shelf to the bank"]
CORRUPT = ["the card by the shore", "kate took the card by", "kate took the shelf to the card"]
ANSWERS = {"right": " the", "wrong": " and"}


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def model(request, tmp_path_factory):
    return random_model(request.param, tmp_path_factory.mktemp("models"))


@pytest.fixture
def study(study_of, model):
    made = study_of(model)
    return replace(made, budget=replace(made.budget, tokens=8 * model.context))


@pytest.fixture
def prompts() -> Prompts:
    return Prompts.of("clean", CLEAN, item=[5, 6, 7])


@contextmanager
def swept_labels(monkeypatch):
    """The labels that are run inside the block, in their order."""
    run, own = [], module.swept_group

    def counted(*args, **named):
        for label, *rest in own(*args, **named):
            run.append(label)
            yield label, *rest

    with monkeypatch.context() as patch:
        patch.setattr(module, "swept_group", counted)
        yield run


def heads(model) -> dict:
    return {(k, h): zeroed(head(k, h)) for k in range(model.layers) for h in range(model.heads)}


def test_a_sweep_is_the_runs_of_its_labels(study, model, prompts):
    edits = heads(model) | {(9, 9): [skipped(1), zeroed(mlp(2))]}
    found = study.sweep(prompts, edits, **ANSWERS)
    assert found.dims == ("label", "prompt")
    for row, own in zip(found, edits.values(), strict=True):
        alone = study.prompts(prompts, own).logit_difference(**ANSWERS)
        np.testing.assert_allclose(row.values, alone.values, atol=CLOSE)
    assert found["item"].values.tolist() == [5, 6, 7]


@pytest.mark.parametrize("read", ["losses", "logits", stream(2, positions="at"), head(1)])
def test_anything_can_be_read_of_a_sweep(study, prompts, read):
    edits = {"one": skipped(0), "two": [zeroed(head(1, 0))], "three": skipped(2)}
    found = study.sweep(prompts, edits, read)
    assert found["label"].values.tolist() == list(edits)
    for label, own in edits.items():
        run = study.prompts(prompts, own)
        alone = run.losses() if read == "losses" else run.logits() if read == "logits" else run.read(read)
        np.testing.assert_allclose(found.sel(label=label).values, alone.values, atol=CLOSE)
        assert found.dims == ("label", *alone.dims)


def test_log_probabilities_of_longer_answers_are_swept_too(study, prompts):
    edits = {0: skipped(0), 1: skipped(1)}
    found = study.sweep(prompts, edits, "log_probability", right=" the shore and")
    for label, own in edits.items():
        alone = study.prompts(prompts, own).log_probabilities(" the shore and")
        np.testing.assert_allclose(found.sel(label=label).values, alone.values, atol=CLOSE)


def test_patches_by_layer_and_position_recover_the_difference(study, model):
    """The last layer's last position carries all, positions before the first difference carry nothing."""
    clean, corrupt = (Prompts.of(name, texts[:2]) for name, texts in (("clean", CLEAN), ("corrupt", CORRUPT)))
    run = study.prompts(corrupt)
    length = min(run.items.lengths)
    edits = {(k, p): patched(stream(k, positions=p), run) for k in range(model.layers + 1) for p in range(length)}
    found = study.sweep(clean, edits, **ANSWERS)
    grid = found.set_index(label=["label_0", "label_1"]).unstack("label")
    own = study.prompts(clean).logit_difference(**ANSWERS).values
    for prompt in range(2):
        last = run.items.at[prompt]
        np.testing.assert_allclose(
            grid.isel(prompt=prompt).sel(label_0=model.layers, label_1=last),
            run.logit_difference(**ANSWERS).values[prompt],
            atol=CLOSE,
        )
    first = int(np.argmax(np.array(run.items.tokens[0]) != np.array(study.prompts(clean).items.tokens[0])))
    np.testing.assert_allclose(grid.isel(prompt=0).sel(label_1=slice(0, first - 1)), own[0], atol=CLOSE)
    assert np.abs(grid.isel(prompt=0).sel(label_0=0, label_1=first) - own[0]) > 0.01


def test_a_second_sweep_runs_nothing(study, model, prompts, monkeypatch):
    first = study.sweep(prompts, heads(model), **ANSWERS)
    with swept_labels(monkeypatch) as run:
        again = replace(study).sweep(prompts, heads(model), **ANSWERS)
        xr.testing.assert_identical(again, first)
        part = study.sweep(prompts, dict(list(heads(model).items())[3:5]), **ANSWERS)
    assert run == []
    np.testing.assert_array_equal(part.values, first.values[3:5])


def test_a_sweep_that_stopped_goes_on_where_it_was(study, model, prompts, monkeypatch):
    edits, seen = heads(model), []
    own = module.swept_group

    def stopping(*args, **named):
        for found in own(*args, **named):
            yield found
            seen.append(found[0])
            if len(seen) == 5:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "swept_group", stopping)
        with pytest.raises(KeyboardInterrupt):
            study.sweep(prompts, edits, **ANSWERS)
    entered = []
    handle = model.anatomy.blocks[-1].register_forward_hook(lambda _m, args, _o: entered.append(len(args[0])))
    with swept_labels(monkeypatch) as run:
        found = replace(study).sweep(prompts, edits, **ANSWERS)
    handle.remove()
    assert sorted([*run, *seen]) == sorted(edits)
    # The call that shows what blocks are given, one pass of the three prompts unedited, and three rows a label left.
    assert sum(entered) == 1 + 3 + 3 * (len(edits) - 5)
    fresh = replace(study, store=type(study.store)(study.store.root / "fresh")).sweep(prompts, edits, **ANSWERS)
    np.testing.assert_allclose(found.values, fresh.values, atol=CLOSE)


def test_keys_differ_by_prompts_answers_and_reading(study, prompts, monkeypatch):
    edits = {"a": skipped(1)}

    def runs(*args, **named) -> int:
        with swept_labels(monkeypatch) as run:
            study.sweep(*args, **named)
        return len(run)

    assert runs(prompts, edits, **ANSWERS) == 1
    assert runs(prompts, {"b": [skipped(1)]}, **ANSWERS) == 0
    assert runs(prompts[::-1], edits, **ANSWERS) == 1
    assert runs(prompts, edits, right=" the", wrong=" by") == 1
    assert runs(prompts, edits, "losses") == 1
    assert runs(prompts, {"a": skipped(0)}, **ANSWERS) == 1


def test_labels_survive_a_file(study, prompts, tmp_path):
    for edits, coordinates in (
        (
            {(0, 1): skipped(0), (1, 3): skipped(1)},
            {"label": ["(0, 1)", "(1, 3)"], "label_0": [0, 1], "label_1": [1, 3]},
        ),
        ({(0, "x"): skipped(0)}, {"label": ["(0, 'x')"], "label_0": [0], "label_1": ["x"]}),
        ({4: skipped(0), 2: skipped(1)}, {"label": [4, 2]}),
        ({"b": skipped(0), 2: skipped(1)}, {"label": ["b", "2"]}),
        ({(1,): skipped(0), (1, 2): skipped(1)}, {"label": ["(1,)", "(1, 2)"]}),
    ):
        found = study.sweep(prompts, edits, **ANSWERS)
        found.to_netcdf(tmp_path / "sweep.nc", engine="h5netcdf")
        xr.testing.assert_equal(xr.load_dataarray(tmp_path / "sweep.nc", engine="h5netcdf"), found)
        for name, values in coordinates.items():
            assert found[name].values.tolist() == values


def test_that_nothing_moves_is_an_error_and_that_something_does_is_enough(study, model, prompts):
    idle = {"a": added(stream(1), np.ones(model.d_model), 0.0), "b": added(stream(2), np.ones(model.d_model), 0.0)}
    for read in ("logit_difference", stream(2)):
        told = (
            r"^added\(stream\(1\), .*\) moves nothing, and so do the 1 other labels of the sweep; .* must_move=False\.$"
        )
        with pytest.raises(SemphaseError, match=told):
            study.sweep(prompts, idle, read, **ANSWERS)
        found = study.sweep(prompts, idle, read, **ANSWERS, must_move=False)
        np.testing.assert_allclose(found[0].values, found[1].values, atol=CLOSE)
    study.sweep(prompts, {**idle, "c": skipped(0)}, **ANSWERS)
    with pytest.raises(SemphaseError, match="moves nothing"):
        study.text.losses(idle["a"])
    with pytest.raises(SemphaseError, match="moves nothing"):
        study.text.read(stream(2), edits=[skipped(0), idle["a"]])
    base = study.text.baseline("judge")
    np.testing.assert_allclose(study.text.losses(idle["a"], must_move=False).sums, base.sums, rtol=1e-5)


def test_bad_sweeps_are_one_sentence(study, prompts):
    for ask, told in (
        (lambda: study.sweep(prompts, {}, **ANSWERS), "a sweep needs a dictionary of at least one label"),
        (lambda: study.sweep(prompts, {"a": []}, **ANSWERS), "the label 'a' of the sweep has no edits"),
        (lambda: study.sweep(prompts, {"a": skipped(0)}, "loss"), "'loss' cannot be read; choose"),
        (
            lambda: study.sweep(study.text, {"a": skipped(0)}, "logit_difference"),
            "'logit_difference' is not read of a text",
        ),
        (lambda: study.sweep("text", {"a": skipped(0)}), "'text' is no set of prompts"),
    ):
        with pytest.raises(SemphaseError, match=rf"^[^\n]*{told}[^\n]*\.$"):
            ask()


def test_losses_of_the_text_are_those_of_plain_passes(study, model):
    found = study.text.losses(skipped(1))
    handle = model.anatomy.blocks[1].register_forward_hook(
        lambda _m, args, output: (args[0], *output[1:]) if isinstance(output, tuple) else args[0]
    )
    try:
        ids = torch.from_numpy(study.text.chunks("judge"))
        logits = model.module(ids).logits[:, :-1].flatten(0, 1)
    finally:
        handle.remove()
    loss = float(torch.nn.functional.cross_entropy(logits.double(), ids[:, 1:].flatten()))
    assert float(found.mean) == pytest.approx(loss, rel=1e-5)
    assert float(study.text.losses().mean) == float(study.text.baseline("judge").mean)
    assert study.text.losses(skipped(1), half="choose").tokens == study.text.tokens("choose")


def test_a_sweep_of_the_text_has_the_losses_of_its_labels(study, monkeypatch):
    edits = {k: skipped(k) for k in range(3)}
    found = study.sweep(study.text, edits, "losses")
    assert found.dims == ("label", "block")
    for k, own in edits.items():
        alone = study.text.losses(own)
        np.testing.assert_allclose(found.sel(label=k).values, alone.sums / alone.counts, rtol=1e-6)
        np.testing.assert_array_equal(found["tokens"].values, alone.counts)
    with swept_labels(monkeypatch) as run:
        study.text.losses(edits[2])
    assert run == []
    site = study.sweep(study.text, edits, stream(3, positions=-1), half="choose")
    np.testing.assert_allclose(
        site.sel(label=1), study.text.read(stream(3, positions=-1), "choose", skipped(1)), atol=CLOSE
    )


def test_the_text_is_read_as_prompts_are(study, model):
    text = study.text
    found = text.read(stream(1), "judge")
    states = model.module(torch.from_numpy(text.chunks("judge")), output_hidden_states=True).hidden_states[1]
    np.testing.assert_allclose(found.values[:, 0], states.numpy(), atol=CLOSE)
    logits = list(text.logits("judge"))
    assert len(logits) == len(text.chunks("judge"))
    own = model.module(torch.from_numpy(text.chunks("judge")[:1])).logits[0]
    np.testing.assert_allclose(logits[0], own.numpy(), atol=CLOSE)
    under = next(text.logits("judge", skipped(0)))
    assert np.abs(under - logits[0]).max() > 0.01


def test_the_text_s_first_half_can_be_averaged_over(study, model, prompts):
    mean = study.text.read(head(1, 2), "choose").mean(["prompt", "position"]).values[0, 0]
    found = study.prompts(prompts, averaged(head(1, 2), over=study.text)).read(head(1, 2)).values[0, 0, :, 0]
    length = study.prompts(prompts).items.lengths[0]
    np.testing.assert_allclose(found[:length], np.tile(mean, (length, 1)), atol=1e-5)


def test_progress_counts_labels_and_groups(study, prompts, counted_progress):
    progress, told = counted_progress
    replace(study, progress=progress).sweep(prompts, {k: skipped(k) for k in range(3)}, **ANSWERS)
    assert told["sweep of 3 edits"] == [3, 3]


def test_sweeps_are_laid_out_with_labels_first():
    found = over_labels({"a": xr.DataArray([1, 2], dims=["prompt"]), "b": xr.DataArray([3, 4], dims=["prompt"])})
    assert found.dims == ("label", "prompt")
    assert found.values.tolist() == [[1, 2], [3, 4]]
