"""Changes of attention agree with TransformerLens' hooks on every family, and the seam leaves nothing behind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from random_models import CONFIGS, FAMILIES, random_model
from scaled import Scaled
from torch.nn import functional
from transformers import PreTrainedModel

import semphase.measure.attention as measured
from semphase.errors import SemphaseError
from semphase.measure.attention import Attending, groups_fused, softmax_outputs
from semphase.measure.changes import FORMS, Ablated, Constant, Reformed, Together, reformed
from semphase.measure.preflight import model_loss
from semphase.measure.replay import Replay
from semphase.measure.seam import NAME, attending
from semphase.models import reference
from semphase.tolerances import loss_tolerance, stream_tolerance

# What is asked of the mean loss; rounding alone moves it by about 1e-6.
CLOSE = 1e-4
# A change that moved the loss by no more than the tolerance would prove nothing.
SEEN = 10 * CLOSE
CHUNKS, POSITIONS, LAYERS, HEADS, D_HEAD = 2, 24, 3, 4, 8
CONSTANT = Constant(torch.linspace(-1, 1, HEADS * D_HEAD).view(HEADS, D_HEAD))
SINGLE = {1: (2,)}
JOINT = {0: (0, 3), 1: (1,), 2: (1, 2)}
WINDOWS = {"gemma3_text": {0: 4, 1: 4}}
# Its attention computes inside transformers, and TransformerLens drops edits of its weights.
WITHOUT_PATTERN = {"opt"}


@pytest.fixture(scope="module")
def ids():
    return torch.randint(3, 100, (CHUNKS, POSITIONS), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def of_family(loaded, ids):
    """Model, replay and bridge of a family, made once."""
    made = {}

    def found(family):
        if family not in made:
            model = loaded(family)
            made[family] = model, Replay(model, ids), Lens(model, ids)
        return made[family]

    yield found
    for _, replay, _ in made.values():
        replay.__exit__()


class Lens:
    """TransformerLens on the same text: its loss under edits of the heads' outputs and weights."""

    def __init__(self, model, ids):
        self.family, self.ids, self.bridge = model.family, ids, reference.bridge(model)
        self.windows = WINDOWS.get(model.family, {})
        with reference.edits_must_count():
            _, self.cache = self.bridge.run_with_cache(ids)

    def z(self, layer):
        return self.cache[f"blocks.{layer}.attn.hook_z"].reshape(CHUNKS, POSITIONS, HEADS, D_HEAD)

    def loss(self, hooks=()):
        with reference.edits_must_count():
            logits = self.bridge.run_with_hooks(self.ids, fwd_hooks=list(hooks))
        return float(functional.cross_entropy(logits[:, :-1].flatten(0, 1).double(), self.ids[:, 1:].flatten()))

    def edited(self, heads_by_layer, edit):
        """Hooks by which `edit(layer, head, z)` gives the outputs of the chosen heads."""

        def hook(layer, heads):
            def change(z, hook):
                heads_apart = z.clone().view(CHUNKS, POSITIONS, HEADS, D_HEAD)
                for head in heads:
                    heads_apart[:, :, head] = edit(layer, head, heads_apart[:, :, head])
                return heads_apart.view(z.shape)

            return f"blocks.{layer}.attn.hook_z", change

        return [hook(layer, heads) for layer, heads in heads_by_layer.items()]

    def reformed(self, heads_by_layer, form):
        """Hooks that give the chosen heads another form of attention, by the formulas below."""
        make = self._by_outputs if self.family in WITHOUT_PATTERN else self._by_weights
        return [hook for layer, heads in heads_by_layer.items() for hook in make(layer, heads, form)]

    def _by_weights(self, layer, heads, form):
        seen = []

        def weights(pattern, hook):
            pattern = pattern.clone()
            for head in heads:
                made = slow_weights(form, seen[0], head, self.windows.get(layer))
                pattern[:, head] = torch.from_numpy(made).to(pattern)
            return pattern

        return [
            (f"blocks.{layer}.attn.hook_attn_scores", lambda scores, hook: seen.append(scores.double().numpy())),
            (f"blocks.{layer}.attn.hook_pattern", weights),
        ]

    def _by_outputs(self, layer, heads, form):
        seen = {}

        def keep(x, name):
            seen[name] = x.double().reshape(CHUNKS, POSITIONS, HEADS, D_HEAD).numpy()

        def outputs(z, hook):
            scores = np.einsum("bqhd,bkhd->bhqk", seen["q"], seen["k"]) / np.sqrt(D_HEAD)
            z = z.clone()
            for head in heads:
                made = slow_weights(form, scores, head, self.windows.get(layer)) @ seen["v"][:, :, head]
                z.view(CHUNKS, POSITIONS, HEADS, D_HEAD)[:, :, head] = torch.from_numpy(made).to(z)
            return z

        inputs = [(f"blocks.{layer}.attn.hook_{name}", lambda x, hook, name=name: keep(x, name)) for name in "qkv"]
        return [*inputs, (f"blocks.{layer}.attn.hook_z", outputs)]


def slow_weights(form, scores, head, window=None):
    """Weights of one head, [batch, position, key], row by row from scores [batch, head, position, key]."""
    batch, heads, positions, _ = scores.shape
    weights = np.zeros((batch, positions, positions))
    for b in range(batch):
        for i in range(positions):
            first = 0 if window is None else max(0, i - window + 1)
            keys = slice(first, i + 1)
            own, partner = scores[b, head, i, keys], scores[b, (head + 1) % heads, i, keys]
            weights[b, i, keys] = slow_row(form, own, partner)
    return weights


def slow_row(form, own, partner):
    """The weights of the visible keys by the table of `semphase.measure.changes`."""
    if form == "identity":
        return own
    if form == "identity-l1":
        return own / np.abs(own).sum()
    raw = {
        "softmax": lambda: np.exp(own),
        "relu": lambda: np.maximum(own, 0),
        "absolute": lambda: np.abs(own),
        "product": lambda: np.maximum(own, 0) * np.maximum(partner, 0),
        "threshold": lambda: np.where((own >= own.mean()) & (partner >= partner.mean()), 1.0, 0.0),
    }[form]()
    return raw / raw.sum() if raw.sum() else np.zeros_like(raw)


def mean_loss(replay, changes):
    return float(replay.losses(changes).double().mean())


@pytest.mark.parametrize("family", FAMILIES)
def test_head_outputs_are_hook_z(of_family, family):
    model, replay, lens = of_family(family)
    for layer in range(LAYERS):
        ours, theirs = replay.outputs(layer), lens.z(layer)
        close = stream_tolerance("float32", model.layers, model.d_model)
        assert float((ours - theirs).norm()) <= close * float(theirs.norm())


@pytest.mark.parametrize("family", FAMILIES)
def test_the_unchanged_loss_is_that_of_the_model_and_of_transformer_lens(of_family, ids, family):
    model, replay, lens = of_family(family)
    loss = float(replay.in_force.double().mean())
    assert loss == pytest.approx(model_loss(model, ids), rel=loss_tolerance("float32"))
    assert loss == pytest.approx(lens.loss(), rel=loss_tolerance("float32"))


@pytest.mark.parametrize("heads", [SINGLE, JOINT], ids=["single", "joint"])
@pytest.mark.parametrize("family", FAMILIES)
def test_ablating_and_scaling_agree_with_edits_of_hook_z(of_family, family, heads):
    _, replay, lens = of_family(family)
    base = lens.loss()
    means = {layer: lens.z(layer).flatten(0, 1).mean(dim=0) for layer in heads}
    cases = [
        (lambda layer, chosen: Ablated(chosen), lambda layer, head, z: 0),
        (lambda layer, chosen: Ablated(chosen, Constant(means[layer])), lambda layer, head, z: means[layer][head]),
        (lambda layer, chosen: Scaled(chosen, 2.5), lambda layer, head, z: 2.5 * z),
    ]
    for ours, theirs in cases:
        loss = mean_loss(replay, {layer: ours(layer, chosen) for layer, chosen in heads.items()})
        assert loss == pytest.approx(lens.loss(lens.edited(heads, theirs)), abs=CLOSE)
        assert abs(loss - base) > SEEN


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_form_agrees_with_its_formula_in_transformer_lens(of_family, family, form):
    _, replay, lens = of_family(family)
    for heads in (SINGLE, JOINT):
        loss = mean_loss(replay, {layer: Reformed(chosen, form) for layer, chosen in heads.items()})
        assert loss == pytest.approx(lens.loss(lens.reformed(heads, form)), abs=CLOSE)
    base = float(replay.in_force.double().mean())
    if form == "softmax":
        assert loss == pytest.approx(base, rel=loss_tolerance("float32"))
    else:
        assert abs(loss - base) > SEEN


@pytest.mark.parametrize("family", ["llama", "gemma3_text"])
def test_two_changes_of_one_layer_agree_with_both_edits(of_family, family):
    _, replay, lens = of_family(family)
    loss = mean_loss(replay, {1: Together((Ablated((0, 2)), Reformed((1,), "product")))})
    hooks = [*lens.reformed({1: (1,)}, "product"), *lens.edited({1: (0, 2)}, lambda layer, head, z: 0)]
    assert loss == pytest.approx(lens.loss(hooks), abs=CLOSE)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("family", ["gpt2", "gemma3_text", "phi"])
def test_a_later_token_changes_no_earlier_loss(loaded, ids, family, form):
    model, at = loaded(family), 15
    changes = {layer: Reformed((0, 1, 3), form) for layer in range(LAYERS)}
    other = ids.clone()
    other[:, at] = 3 + (other[:, at] + 1) % 90
    with Replay(model, ids) as before, Replay(model, other) as after:
        first, second = before.losses(changes), after.losses(changes)
    # The sums are the same but for zeros: ten roundings of a loss of about 8.
    np.testing.assert_allclose(second[:, : at - 1], first[:, : at - 1], atol=1e-5)
    assert float((second - first)[:, at - 1 :].abs().max()) > SEEN


@pytest.mark.parametrize("form", FORMS)
def test_a_layer_of_one_head_crosses_it_with_itself(form):
    seen = attention_of(heads=1)
    scores = (seen.query @ seen.key.transpose(-1, -2) * seen.scaling).double().numpy()
    expected = slow_weights(form, scores, 0) @ seen.value[:, 0].double().numpy()
    np.testing.assert_allclose(reformed(seen, [0], form)[:, :, 0], expected, atol=CLOSE)


def test_all_weights_zero_give_the_output_zero():
    seen = attention_of(heads=2)
    seen = replace(seen, key=-seen.query.abs(), query=seen.query.abs())
    for form in ("relu", "product"):
        assert torch.equal(reformed(seen, [0, 1], form), torch.zeros(1, 6, 2, 4))


def attention_of(heads, kv=None, softcap=None, mask=None):
    """Random queries, keys and values of 6 positions, 4 wide."""
    rng = torch.Generator().manual_seed(5)
    shape = (1, kv or heads, 6, 4)
    q, k, v = (torch.randn(size, generator=rng) for size in ((1, heads, 6, 4), shape, shape))
    return Attending(torch.nn.Module(), q, k, v, mask, 0.7, softcap)


def test_grouped_keys_are_repeated_where_no_fused_kernel_takes_them():
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert all(groups_fused(cpu, dtype) for dtype in (torch.float32, torch.bfloat16))
    assert groups_fused(cuda, torch.bfloat16)
    assert groups_fused(cuda, torch.float16)
    assert not groups_fused(cuda, torch.float32)
    assert not groups_fused(cuda, torch.float64)


@pytest.mark.parametrize(("queries", "keys"), [(9, 9), (1, 9), (4, 9)])
def test_repeated_keys_give_the_same_outputs(loaded, monkeypatch, queries, keys):
    """Also for the last token of a text that goes on, and where a cache has room for more than it holds."""
    module = loaded("llama").anatomy.attention[0]
    assert module.num_key_value_groups == 2
    draw = torch.Generator().manual_seed(0)
    query, key, value = (
        torch.randn(2, heads, length, D_HEAD, generator=draw, dtype=torch.float64)
        for heads, length in ((4, queries), (2, keys), (2, keys))
    )
    seen = Attending(module, query, key, value, None, 0.3)
    fused = softmax_outputs(seen)
    monkeypatch.setattr(measured, "groups_fused", lambda _device, _dtype: False)
    np.testing.assert_allclose(softmax_outputs(seen), fused, atol=1e-14)


def test_losses_with_repeated_keys_are_the_same(loaded, ids, monkeypatch):
    model = loaded("llama")
    changes = {1: Ablated((2,)), 2: Reformed((0,), "relu")}
    with Replay(model, ids) as replay:
        before = replay.in_force, replay.losses(changes)
    monkeypatch.setattr(measured, "groups_fused", lambda _device, _dtype: False)
    with Replay(model, ids) as replay:
        for own, expected in zip((replay.in_force, replay.losses(changes)), before, strict=True):
            np.testing.assert_allclose(own, expected, atol=CLOSE)


@pytest.mark.parametrize("masked", [False, True])
def test_capped_scores_follow_the_formula(masked):
    visible = torch.ones(6, 6).tril().triu(-2).bool()[None, None] if masked else None
    seen = attention_of(heads=4, kv=2, softcap=0.5, mask=visible)
    expected = np.zeros((6, 4, 4))
    for head in range(4):
        q, k, v = (
            x[0, at].double().numpy() for x, at in ((seen.query, head), (seen.key, head // 2), (seen.value, head // 2))
        )
        for i in range(6):
            keys = range(max(0, i - 2) if masked else 0, i + 1)
            weights = [np.exp(0.5 * np.tanh(0.7 * (q[i] @ k[j]) / 0.5)) for j in keys]
            expected[i, head] = sum(w * v[j] for w, j in zip(weights, keys, strict=True)) / sum(weights)
    # Four products in float32 each way.
    np.testing.assert_allclose(seen.outputs[0], expected, atol=1e-6)


def test_a_family_that_caps_its_scores_is_reproduced(tmp_path, monkeypatch, ids):
    capped = {**CONFIGS["llama"], "sliding_window": 4, "attn_logit_softcapping": 2.0, "query_pre_attn_scalar": 8}
    monkeypatch.setitem(CONFIGS, "gemma2", capped)
    model = random_model("gemma2", tmp_path)
    with Replay(model, ids) as replay:
        assert float(replay.in_force.double().mean()) == pytest.approx(
            model_loss(model, ids), rel=loss_tolerance("float32")
        )
        lens = Lens(model, ids)
        lens.windows = {0: 4, 2: 4}
        for form in ("softmax", "identity", "threshold"):
            loss = mean_loss(replay, {layer: Reformed((0, 3), form) for layer in range(LAYERS)})
            hooks = lens.reformed(dict.fromkeys(range(LAYERS), (0, 3)), form)
            assert loss == pytest.approx(lens.loss(hooks), abs=CLOSE)


def test_a_class_that_takes_no_attention_function_is_changed_at_the_projection(tmp_path, monkeypatch, loaded, ids):
    with Replay(loaded("llama"), ids) as replay:
        wanted = [replay.losses({1: own}) for own in (Ablated((2,)), Ablated((0, 3), CONSTANT))]
    model = random_model("llama", tmp_path)  # one that has not been asked before
    monkeypatch.setattr(PreTrainedModel, "_can_set_attn_implementation", classmethod(lambda cls: False))
    with Replay(model, ids) as replay:
        found = [replay.losses({1: own}) for own in (Ablated((2,)), Ablated((0, 3), CONSTANT))]
        for own, expected in zip(found, wanted, strict=True):
            np.testing.assert_allclose(own, expected, atol=CLOSE)
        with pytest.raises(SemphaseError, match=r"^attention that computes inside transformers shows .*[^.]\.$"):
            replay.losses({1: Reformed((2,), "relu")})
    assert model.module.config._attn_implementation == "sdpa"


def test_an_inner_block_at_the_projection_has_its_own_changes(tmp_path, monkeypatch, ids):
    monkeypatch.setitem(CONFIGS, "gptj", {**CONFIGS["gpt2"], "rotary_dim": 4})
    model = random_model("gptj", tmp_path)
    with torch.no_grad():
        plain = model.module(ids).logits
        with attending(model, {1: Ablated((2,))}):
            outer = model.module(ids).logits
            with attending(model, {}):
                assert torch.equal(model.module(ids).logits, plain)
            assert torch.equal(model.module(ids).logits, outer)
    assert float((outer - plain).abs().max()) > SEEN


@pytest.mark.parametrize("form", FORMS)
def test_a_sink_is_a_further_key_of_value_0_in_every_form(form):
    sinks = torch.tensor([0.4, -0.3, 1.2, 0.0])
    seen = replace(attention_of(heads=4), sinks=sinks)
    scores = seen.query.double() @ seen.key.double().transpose(-1, -2) * seen.scaling
    expected = np.zeros((6, 4, 4))
    for head in range(4):
        for i in range(6):
            own, partner = (np.append(scores[0, at, i, : i + 1], sinks[at].double()) for at in (head, (head + 1) % 4))
            expected[i, head] = slow_row(form, own, partner)[:-1] @ seen.value[0, head, : i + 1].double().numpy()
    np.testing.assert_allclose(reformed(seen, [0, 1, 2, 3], form)[0], expected, atol=1e-6)


def test_biases_of_the_scores_are_refused(loaded):
    model = loaded("gpt2")
    with attending(model, {}):
        attend = model.anatomy.attention[0].__class__.forward.__globals__["ALL_ATTENTION_FUNCTIONS"][NAME]
    x = torch.zeros(1, 1, 2, 4)
    with pytest.raises(SemphaseError, match="adds position_bias to its attention, which no change here keeps"):
        attend(torch.nn.Module(), x, x, x, None, position_bias=torch.ones(1))


@pytest.mark.parametrize("own", ["sdpa", "eager"])
def test_the_implementation_before_comes_back(loaded, own):
    model = loaded("qwen2")
    model.module.set_attn_implementation(own)
    try:
        with attending(model, {}):
            assert model.module.config._attn_implementation == NAME
        assert model.module.config._attn_implementation == own
        with pytest.raises(ZeroDivisionError), attending(model, {}):
            raise ZeroDivisionError
        assert model.module.config._attn_implementation == own
    finally:
        model.module.set_attn_implementation("sdpa")


def test_no_change_outlives_its_block(loaded, ids):
    model = loaded("gpt2")
    before = model.module(ids).logits
    with pytest.raises(KeyError), attending(model, {1: failing}):
        model.module(ids)
    with attending(model, {}):
        unchanged = model.module(ids).logits
    np.testing.assert_allclose(unchanged, before, atol=CLOSE)
    assert torch.equal(model.module(ids).logits, before)


def failing(_seen):
    raise KeyError


def test_an_inner_block_has_its_own_changes_and_gives_the_outer_ones_back(loaded, ids):
    model = loaded("mistral")
    outer, inner = {0: Ablated((0, 1))}, {2: Scaled((3,), 0.0)}
    found = {}
    for name, changes in (("outer", outer), ("inner", inner), ("none", {})):
        with attending(model, changes):
            found[name] = model.module(ids).logits
    with attending(model, outer):
        with attending(model, inner):
            assert torch.equal(model.module(ids).logits, found["inner"])
            with attending(model, {}):
                assert torch.equal(model.module(ids).logits, found["none"])
        assert torch.equal(model.module(ids).logits, found["outer"])
        with pytest.raises(KeyError), attending(model, {0: failing}):
            model.module(ids)
        assert torch.equal(model.module(ids).logits, found["outer"])
    assert not torch.allclose(found["outer"], found["inner"], atol=SEEN)


def test_a_change_reaches_its_own_model_only(loaded, ids):
    model, other = loaded("llama"), loaded("llama", dtype="float64")
    with attending(other, {}):
        before = other.module(ids).logits
    with attending(model, {1: Ablated((0, 1, 2, 3))}), attending(other, {}):
        assert torch.equal(other.module(ids).logits, before)


def test_a_form_in_one_layer_leaves_the_outputs_of_other_heads(of_family):
    _, replay, _ = of_family("gpt_neox")
    own = replay.outputs(1)
    changed = replay.probe(1, Reformed((2,), "relu"))
    kept = [0, 1, 3]
    assert torch.equal(changed[:, :, kept], own[:, :, kept])
    assert not torch.allclose(changed[:, :, 2], own[:, :, 2], atol=CLOSE)
