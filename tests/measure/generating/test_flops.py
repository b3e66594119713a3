"""The price of a token is what PyTorch counts while it is made."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from random_models import CONFIGS, word_tokenizer
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoConfig, AutoModelForCausalLM
from wandering import WANDERING, generate, prompts_of, stepping

from semphase.measure.edits import added, replaced, zeroed
from semphase.measure.generating.flops import Cost
from semphase.measure.items import Items
from semphase.measure.sites import ALL, head, heads, pattern, query, stream
from semphase.measure.wiring import FORM_NAMES, form, hidden_keys, keys, skipped
from semphase.models import load

LIGHT = [zeroed(heads([(0, 1), (0, 3), (1, 0), (1, 1), (2, 3)])), form(heads([(0, 0), (2, 0)]), "identity")]
EDITS = {
    "unedited": [],
    "lightened": LIGHT,
    "a layer without heads": [zeroed(head(1))],
    "all linear": [form(head(ALL), "identity")],
    "skipped": [skipped(1)],
    "lightened and skipped": [*LIGHT, skipped([0])],
    "forms": [form(heads([(0, 1), (2, 0)]), "relu"), form(head(1, 1), "product"), zeroed(pattern(1, 0))],
    "form of a skipped block": [form(head(1, 1), "product"), zeroed(pattern(1, 0)), skipped(1)],
    "form and its pattern": [form(head(1, 1), "relu"), zeroed(pattern(1, [1, 2]))],
    "hidden": [keys(3, 1), hidden_keys(1, 0, query=ALL, key=0)],
    "without products": [added(query(1, 0), np.ones(8)), zeroed(head(0, 1, positions="at")), zeroed(stream(1))],
}
CASES = [(family, name) for family in WANDERING for name in EDITS if family == "gpt2" or name == "lightened"]
MORE = [(family, name) for family in WANDERING for name in EDITS if (family, name) not in CASES]
MORE = [pytest.param(*own, marks=pytest.mark.slow) for own in [*MORE, *(("llama", name) for name in FORM_NAMES)]]
ONE = Items.of([[5, 6, 7, 8, 9]])


def counted(act):
    # PyTorch's counter does not know the CPU's fused attention.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        act()
    return counter.get_total_flops()


@pytest.mark.parametrize(("family", "name"), [*CASES, *MORE])
def test_a_step_costs_what_pytorch_counts(wandering, family, name):
    model = wandering(family)
    edits = EDITS[name] if name in EDITS else [form(head(1, 2), name)]
    with stepping(model, ONE, edits) as run:
        run.begin()
        for seen in range(6, 15):
            found = counted(lambda: run.step(torch.tensor([3])))
            if seen in (6, 7, 14):
                assert run.cost.of(np.array([seen]), np.array([1]))[0] == found


@pytest.mark.parametrize("name", ["unedited", "lightened", "forms"])
def test_a_generation_costs_the_sum_of_its_steps(wandering, name):
    model, edits, tokens = wandering("llama"), EDITS[name], 7
    found = generate(model, ONE, edits, tokens=tokens)
    with stepping(model, ONE, edits) as run:
        run.begin()
        steps = [counted(partial(run.step, torch.tensor([token]))) for token in found.token.values[0, 0, :-1]]
    assert len(steps) == tokens - 1
    assert found.flops.values[0, 0] == sum(steps)


@pytest.mark.parametrize("family", WANDERING)
@pytest.mark.parametrize("length", [2, 11])
def test_a_prompt_costs_what_pytorch_counts_without_the_masked_half(wandering, family, length):
    model, items = wandering(family), prompts_of((length,))
    # As plain products of matrices, attention is counted on every device.
    with stepping(model, items) as run, sdpa_kernel(SDPBackend.MATH):
        found = counted(run.begin)
        masked = run.cost.per_key * length * (length - 1) / 2
    assert generate(model, items, tokens=1).prompt_flops.values[0] == found - masked


def test_samples_share_the_prompt_and_pay_for_what_they_write(wandering):
    model = wandering("llama")
    found = generate(model, prompts_of((4, 9)), tokens=6, temperature=1.0, samples=2)
    assert found.prompt_flops.dims == ("prompt",)
    with stepping(model, prompts_of((4, 9))) as run:
        for k, length in enumerate((4, 9)):
            made = (found.token.values[k] >= 0).sum(axis=1)
            keys_seen = [sum(range(length + 1, length + own)) for own in made]
            wanted = [run.cost.fixed * (own - 1) + run.cost.per_key * n for own, n in zip(made, keys_seen, strict=True)]
            np.testing.assert_array_equal(found.flops.values[k], wanted)


def test_a_text_of_one_token_costs_its_prompt_alone(wandering):
    found = generate(wandering("llama"), prompts_of((4, 9)), tokens=1)
    assert (found.flops.values == 0).all()
    assert (found.prompt_flops.values > 0).all()


def test_costs_add_up():
    own = Cost(10.0, 2.0, d_head=4)
    first, tokens = np.array([3, 1]), np.array([2, 3])
    np.testing.assert_array_equal(own.of(first, tokens), [20 + 2 * (3 + 4), 30 + 2 * (1 + 2 + 3)])
    assert own.with_products(3).per_key == 2 + 2 * 4 * 3
    np.testing.assert_array_equal(Cost(10.0, 2.0, unembedding=4.0).of_prompt(np.array([1, 3])), [12, 30 + 12 - 8])


def doubled(values):
    return 2 * values


def test_full_passes_are_not_counted(wandering):
    found = generate(wandering("llama"), ONE, [replaced(stream(1), doubled)], tokens=2)
    assert np.isnan(found.flops.values).all()
    assert np.isnan(found.prompt_flops.values).all()


def test_experts_are_not_counted(wandering, tmp_path):
    tokenizer = word_tokenizer()
    config = AutoConfig.for_model(
        "mixtral", **CONFIGS["llama"], num_local_experts=4, vocab_size=len(tokenizer), initializer_range=0.2,
        bos_token_id=0, eos_token_id=0, pad_token_id=1,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model, items = load(str(tmp_path), device="cpu"), prompts_of((4, 6))
    found = generate(model, items, tokens=5)
    assert np.isnan(found.flops.values).all()
    assert np.isnan(found.prompt_flops.values).all()
    for k, prompt in enumerate(items.tokens):
        theirs = model.module.generate(torch.tensor([prompt]), max_new_tokens=5, do_sample=False)
        assert [token for token in found.token.values[k, 0] if token >= 0] == theirs[0, len(prompt) :].tolist()
