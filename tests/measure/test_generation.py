"""Generated text is transformers' own, and under any edit that of full forward passes, token by token."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from wandering import (
    LENGTHS,
    WANDERING,
    OwnRun,
    generate,
    kept_tolerance,
    log_p_tolerance,
    logs_of,
    prompts_of,
    written,
)

from semphase.errors import SemphaseError
from semphase.measure.edits import added, averaged, patched, replaced, resampled, set_to, without, zeroed
from semphase.measure.generation import continuation
from semphase.measure.items import NOTHING
from semphase.measure.sites import (
    ALL,
    attention,
    embedding,
    head,
    heads,
    key,
    mlp,
    neurons,
    pattern,
    query,
    stream,
    value,
)
from semphase.measure.wiring import FORM_NAMES, form, hidden_keys, keys, skipped

TOKENS, DISTINCT = 40, 20
STEPS = 4
SHORT = (5, 9, 3, 6)
DRAWN = np.random.default_rng(0)
WIDE, NARROW, BY_HEAD = 3 * DRAWN.normal(size=32), DRAWN.normal(size=8), DRAWN.normal(size=(4, 8))
MASK = DRAWN.random((len(SHORT), 3)) < 0.5


@pytest.mark.parametrize("family", WANDERING)
def test_greedy_text_is_that_of_transformers(wandering, family):
    model, items = wandering(family), prompts_of()
    found, near = generate(model, items, tokens=TOKENS), generate(model, items, [keys(6)], tokens=TOKENS)
    for k, prompt in enumerate(items.tokens):
        theirs = model.module.generate(torch.tensor([prompt]), max_new_tokens=TOKENS, do_sample=False)
        assert written(found, k) == theirs[0, len(prompt) :].tolist()
        assert len(set(written(found, k))) >= DISTINCT
        assert written(near, k) != written(found, k)  # what lies further back counts
    assert max(LENGTHS) + TOKENS > 10 * (getattr(model.module.config, "sliding_window", None) or 4)


@pytest.mark.parametrize("family", WANDERING)
def test_log_probabilities_are_those_of_transformers(wandering, family):
    model, items = wandering(family), prompts_of()
    found = generate(model, items, tokens=TOKENS)
    for k, prompt in enumerate(items.tokens):
        own = written(found, k)
        with torch.no_grad():
            logs = logs_of(model.module(torch.tensor([[*prompt, *own]])).logits[0, len(prompt) - 1 : -1])
        theirs = logs[np.arange(TOKENS), own]
        close = kept_tolerance(model, np.abs(theirs).max())
        np.testing.assert_allclose(found.log_probability.values[k, 0], theirs, rtol=0, atol=close)


def doubled(values):
    return 2 * values


def over_positions(values):
    return values + 0.1 * values.cumsum(dim=1)


def every_edit(model, items):
    other = OwnRun(model, prompts_of((14, 13, 12, 14, 15), seed=7), "other")
    same = OwnRun(model, prompts_of(SHORT, seed=8), "same lengths")
    some = heads([(0, 1), (1, 0), (1, 2), (2, 3)])
    return {
        "heads zeroed": [zeroed(some)],
        "a layer's heads zeroed": [zeroed(head(1))],
        "all heads zeroed": [zeroed(head(ALL))],
        "heads zeroed twice": [zeroed(head(1, [0, 2])), zeroed(head(1, [2, 3]))],
        "heads zeroed at": [zeroed(head(1, 2, positions="at"))],
        "heads zeroed in a slice": [zeroed(head(ALL, positions=slice(1, 3)))],
        "zeroed and linear": [
            zeroed(heads([(0, 1), (0, 3), (1, 0), (1, 1), (2, 3)])),
            form(heads([(0, 0), (2, 0)]), "identity"),
        ],
        "zeroed linear head": [form(head(1, [0, 1]), "identity"), zeroed(head(1, 0))],
        "zeroed and edited head": [zeroed(head(1, 0)), added(head(1, 0), NARROW)],
        "edited and zeroed head": [added(head(1, 0), NARROW), zeroed(head(1, 0))],
        "zeroed head, edited query": [zeroed(head(1, 0)), added(query(1, [0, 1]), NARROW)],
        "linear head, edited key": [form(head(1, 0), "identity"), set_to(key(1, 0), [0], 2.0)],
        "linear head, hidden key": [form(head(1), "identity"), hidden_keys(1, 0, query=ALL, key=1)],
        "all linear": [form(head(ALL), "identity")],
        **{name: [form(heads([(0, 1), (2, 0), (2, 1)]), name)] for name in FORM_NAMES},
        "form and pattern": [form(head(1, 3), "product"), set_to(pattern(1, 3), [0], 0.5), zeroed(mlp(0))],
        "form and skipped": [form(head(1, 3), "relu"), skipped(1)],
        "zeroed and skipped": [zeroed(head(1, 3)), skipped([0, 1])],
        "first skipped": [skipped(0)],
        "last skipped": [skipped(2)],
        "last added": [added(stream(3), WIDE)],
        "entering added at": [added(stream(1, positions="at"), WIDE)],
        "two of one layer": [added(stream(1), WIDE), without(stream(1), WIDE[::-1].copy())],
        "one each": [added(stream(1, positions=[1, 5, 0, 2]), WIDE)],
        "mask": [added(mlp(1, positions=MASK), WIDE)],
        "embedding": [set_to(embedding(), [0, 3], 1.5)],
        "embedding at": [zeroed(embedding(positions="at"))],
        "attention without": [without(attention(2), WIDE)],
        "mlp zeroed": [zeroed(mlp(1))],
        "neurons": [set_to(neurons(1), [0, 5], [1.0, -2.0])],
        "queries": [added(query(1), BY_HEAD)],
        "keys zeroed": [zeroed(key(1, 0))],
        "keys at": [zeroed(key(ALL, positions="at"))],
        "values": [set_to(value(0, 1), [1], 2.0)],
        "values last": [zeroed(value(ALL, positions=-1))],
        "pattern zeroed": [zeroed(pattern(1, 0))],
        "pattern at": [set_to(pattern(1, [0, 2], positions="at"), [0], 0.5)],
        "window": [keys(4, 1)],
        "window of one": [keys(1)],
        "hidden first": [hidden_keys(ALL, query=ALL, key=0)],
        "hidden at": [hidden_keys(1, 0, query="at", key=slice(0, 2))],
        "hidden own": [hidden_keys(1, [0, 1], query=ALL, key="at"), keys(3)],
        "all hidden": [hidden_keys(1, [0, 1], query=ALL, key=ALL)],
        "averaged": [averaged(attention(1), other), averaged(head(0, [0, 2]), other)],
        "averaged at": [averaged(mlp(1, positions="at"), other)],
        "patched": [patched(stream(1), same)],
        "patched heads": [patched(head(1, 2, positions=slice(0, 2)), same), zeroed(head(1, 1))],
        "patched keys": [patched(key(1), same), patched(value(1, positions="at"), same)],
        "resampled": [resampled(value(1), other), resampled(stream(2, positions="at"), other)],
        "replaced": [replaced(stream(1), over_positions)],
        "replaced at": [replaced(head(1, 0, positions="at"), doubled), zeroed(head(1, 1))],
        "many": [
            zeroed(head(0, 1)),
            added(stream(1), WIDE, 0.5),
            form(head(1, 2), "relu"),
            keys(5, 1),
            averaged(mlp(0), other),
            patched(value(2, positions="at"), same),
            set_to(neurons(2), 3, 1.0),
        ],
    }


# Runs are read when they are asked for, so that names need no model.
EDITS = tuple(every_edit(None, None))
COMBINED = ("zeroed and linear", "zeroed linear head", "form and pattern", "hidden own", "patched keys", "many")
CASES = [("gpt2", name) for name in EDITS]
CASES += [(family, name) for family in ("gemma3_text", "llama", "gpt_neox", "qwen2", "opt") for name in COMBINED]
MORE = [pytest.param("gemma3_text", name, marks=pytest.mark.slow) for name in EDITS if name not in COMBINED]


@pytest.mark.parametrize(("family", "name"), [*CASES, *MORE])
def test_under_any_edit_it_is_the_text_of_full_passes(wandering, family, name):
    model = wandering(family)
    items = prompts_of(SHORT, at="middle")
    edits = every_edit(model, items)[name]
    found = generate(model, items, edits, tokens=STEPS)
    for step in range(STEPS):
        extras = [tuple(found.token.values[k, 0, :step].tolist()) for k in range(len(items))]
        if NOTHING in np.ravel([*extras]):
            break
        logs = logs_of(continuation(model, items, edits, extras))
        for k, token in enumerate(found.token.values[:, 0, step]):
            close = kept_tolerance(model, logs[k, token])
            assert found.log_probability.values[k, 0, step] == pytest.approx(logs[k, token], rel=0, abs=close)
            likeliest = np.sort(logs[k])[-2:]
            if likeliest[1] - likeliest[0] > 2 * log_p_tolerance(model):
                assert token == logs[k].argmax()


@pytest.mark.parametrize("family", ["gpt2", "gemma3_text"])
@pytest.mark.parametrize("name", ["zeroed and linear", "many", "replaced"])
def test_copies_of_a_prompt_go_their_own_ways(wandering, family, name):
    model, items = wandering(family), prompts_of(SHORT, at="middle")
    edits = every_edit(model, items)[name]
    found = generate(model, items, edits, tokens=STEPS, samples=3, temperature=2.0)
    for sample in range(3):
        extras = [tuple(written(found, k, sample)[: STEPS - 1]) for k in range(len(items))]
        logs = logs_of(continuation(model, items, edits, extras))
        for k in range(len(items)):
            token, own = found.token.values[k, sample, -1], found.log_probability.values[k, sample, -1]
            close = kept_tolerance(model, logs[k, token])
            assert own == pytest.approx(logs[k, token], rel=0, abs=close)
    assert len({tuple(written(found, 0, sample)) for sample in range(3)}) == 3


def test_a_row_ends_and_its_neighbours_go_on(wandering, monkeypatch):
    model, items = wandering("llama"), prompts_of()
    free = generate(model, items, tokens=12)
    end = written(free, 0)[4]
    monkeypatch.setattr(model.module.generation_config, "eos_token_id", end)
    found = generate(model, items, tokens=12)
    stopped = 0
    for k in range(len(items)):
        whole = written(free, k)
        length = whole.index(end) + 1 if end in whole else 12
        stopped += length < 12
        assert written(found, k) == whole[:length]
        assert (found.token.values[k, 0, length:] == NOTHING).all()
        assert np.isnan(found.log_probability.values[k, 0, length:]).all()
        assert np.isfinite(found.log_probability.values[k, 0, :length]).all()
        # The last token is written and not read.
        assert (found.flops.values[k, 0] == free.flops.values[k, 0]) == (length == 12)
    assert 0 < stopped < len(items)


def test_it_stops_when_every_row_has_ended(wandering, monkeypatch):
    model, items, passes = wandering("gpt2"), prompts_of((4, 6)), []
    handle = model.anatomy.blocks[1].register_forward_pre_hook(lambda *_: passes.append(1))
    free = generate(model, items, tokens=12)
    ends = [written(free, k)[2] for k in range(2)]
    monkeypatch.setattr(model.module.generation_config, "eos_token_id", ends)
    alone = len(passes)
    found = generate(model, items, tokens=12)
    handle.remove()
    assert len(passes) - alone <= alone - 9
    assert (found.token.values[:, 0, 3:] == NOTHING).all()
    assert found.token.shape == (2, 1, 12)


@pytest.mark.parametrize(
    ("told", "decoding"),
    [
        ("tokens is 0; ask for a whole number from 1 on", {"tokens": 0}),
        ("samples is 0; ask for a whole number", {"tokens": 3, "samples": 0}),
        ("tokens is 2.5; ask for a whole number", {"tokens": 2.5}),
        ("samples is True; ask for a whole number", {"tokens": 3, "samples": True, "temperature": 1.0}),
        ("4097 samples of each prompt are more than 4096", {"tokens": 3, "samples": 4097, "temperature": 1.0}),
        ("the seed 0.5 is no whole number", {"tokens": 3, "seed": 0.5}),
        ("the temperature 'hot' is no number", {"tokens": 3, "temperature": "hot"}),
        ("2 samples at temperature 0 are all alike", {"tokens": 3, "samples": 2}),
        ("the temperature -1 is no number from 0 upwards", {"tokens": 3, "temperature": -1}),
        ("the temperature nan is no number", {"tokens": 3, "temperature": float("nan")}),
        ("the temperature inf is no number", {"tokens": 3, "temperature": float("inf")}),
        ("prompt 4 has 12 tokens and .* reads 64, so 53 more do not fit", {"tokens": 53}),
    ],
)
def test_numbers_without_sense_are_one_sentence(wandering, told, decoding):
    model, passes = wandering("gpt2"), []
    handle = model.anatomy.embed.register_forward_pre_hook(lambda *_: passes.append(1))
    with pytest.raises(SemphaseError, match=rf"^[^\n]*{told}[^\n]*\.$"):
        generate(model, prompts_of(), **decoding)
    handle.remove()
    assert passes == []


def test_the_whole_context_can_be_filled(wandering):
    model, items = wandering("opt"), prompts_of((12, 4))
    found = generate(model, items, tokens=52)
    theirs = model.module.generate(torch.tensor(items.tokens[:1]), max_new_tokens=52, do_sample=False)
    assert written(found, 0) == theirs[0, 12:].tolist()


def broken(weight):
    own = weight.detach().clone()
    own[7] = float("nan")
    return torch.nn.Parameter(own, requires_grad=False)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_logits_that_are_not_finite_are_named(wandering, monkeypatch, temperature):
    model = wandering("llama")
    monkeypatch.setitem(model.anatomy.unembed._parameters, "weight", broken(model.anatomy.unembed.weight))
    with pytest.raises(SemphaseError, match=r"^the logits of llama-0 are not finite while text is generated[^\n]*\.$"):
        generate(model, prompts_of((4, 6)), tokens=3, temperature=temperature)
