"""Sites are where the page says, gradients are those of finite differences, and no prompt notices its neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
import xarray as xr
from hooked_lens import LAYERS, Lens
from random_models import CONFIGS, FAMILIES, random_model

from semphase.errors import SemphaseError
from semphase.measure import reading, sites
from semphase.measure.batching import Batch, Row
from semphase.measure.compiling import Compiler
from semphase.measure.edits import added, averaged, patched, replaced, resampled, set_to, without, zeroed
from semphase.measure.items import Items
from semphase.measure.looks import Losses, Scored
from semphase.measure.passes import final_stream
from semphase.measure.reading import gradient, log_probabilities, logits, read, token_losses
from semphase.measure.scores import log_probability, logit_difference
from semphase.measure.sites import ALL
from semphase.measure.wiring import form, hidden_keys, keys, skipped
from semphase.tolerances import stream_tolerance

KINDS = ("embedding", "stream", "attention", "mlp", "neurons", "query", "key", "value", "head", "pattern")
LENGTHS = (12, 5, 9, 12, 7)
# A loss is a difference of logits below 64, which three blocks round by less than 200 units in their last place.
CLOSE = 1e-3


@dataclass(frozen=True)
class OwnRun:
    """A run of the same model on other prompts."""

    model: object
    items: Items
    identity: str = "own"

    def read(self, site):
        return read(self.model, self.items, site)

    def __hash__(self):
        return hash(self.identity)


def prompts(lengths=LENGTHS, seed=0):
    draw = np.random.default_rng(seed)
    tokens = [draw.integers(3, 90, size=length).tolist() for length in lengths]
    return Items.of(tokens, [length - 1 - k % 2 for k, length in enumerate(lengths)])


def site_of(kind, **where):
    return sites.embedding(**where) if kind == "embedding" else getattr(sites, kind)(ALL, **where)


UNLIKE = ("gpt2", "gpt_neox", "gemma3_text", "opt")
"""Families that differ most: biases, parallel blocks, norms behind what is written, positions."""
SOME_SLOW = [own if own in UNLIKE else pytest.param(own, marks=pytest.mark.slow) for own in FAMILIES]


@pytest.fixture
def narrow(monkeypatch):
    """Passes of so few tokens that prompts share one with some others only."""
    monkeypatch.setattr("semphase.measure.batching.pass_tokens", lambda _: 20)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", SOME_SLOW)
def test_every_site_is_that_of_transformer_lens(loaded, family, kind):
    model = loaded(family)
    items = prompts((12, 12))
    ids = torch.tensor(items.tokens)
    lens, found = Lens(model, ids), read(model, items, site_of(kind))
    if kind == "pattern":
        assert found.dims == ("prompt", "layer", "head", "query", "key")
        found = found.transpose("prompt", "layer", "query", "head", "key")
    for layer in [None] if kind == "embedding" else found["layer"].values:
        ours = found if layer is None else found.sel(layer=layer)
        theirs = lens.values(kind, layer)
        close = stream_tolerance("float32", model.layers, model.d_model)
        np.testing.assert_allclose(ours, theirs.reshape(ours.shape), atol=close * float(theirs.norm()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", ["gpt2", "gemma3_text", "opt"])
def test_prompts_read_together_are_those_read_alone(loaded, family, kind, narrow):
    model, items, edits = loaded(family), prompts(), [zeroed(sites.head(1, 2)), keys(4, first=1)]
    together = read(model, items, site_of(kind), edits)
    tokens = "key" if kind == "pattern" else "position"
    for k in range(len(items)):
        alone = read(model, Items.of([items.tokens[k]]), site_of(kind), edits).isel(prompt=0)
        own = together.isel(prompt=k, **{tokens: slice(LENGTHS[k])})
        own = own.isel(query=slice(LENGTHS[k])) if kind == "pattern" else own
        close = stream_tolerance("float32", model.layers, model.d_model) * float(np.linalg.norm(np.nan_to_num(alone)))
        np.testing.assert_allclose(own, alone, atol=close)
        beyond = together.isel(prompt=k, **{tokens: slice(LENGTHS[k], None)})
        assert np.isnan(beyond).all()


@pytest.mark.parametrize("family", SOME_SLOW)
def test_no_number_depends_on_neighbours_under_any_edit(loaded, family, narrow):
    model, items = loaded(family), prompts()
    other = OwnRun(model, prompts((14, 13, 12, 14, 15), seed=1))
    same = OwnRun(model, prompts(seed=2), "same lengths")
    edits = [
        averaged(sites.mlp(0), over=other),
        resampled(sites.value(1), other),
        patched(sites.stream(1, positions="at"), same),
        set_to(sites.neurons(2, positions=-1), 3, 1.0),
        hidden_keys(2, [0, 1], query="at", key=[0, 1, 0, 2, 3]),
        replaced(sites.stream(2), over_positions),
        form(sites.head(1, 3), "relu"),
        without(sites.attention(0), np.arange(32.0)),
    ]
    together = token_losses(model, items, edits)
    right, wrong = [[5, 6], [7], [8, 9, 10], [11], [12, 13]], [[14], [15], [16], [17, 18], [19]]
    scores = log_probabilities(model, items, right, edits) - log_probabilities(model, items, wrong, edits)
    everything = logits(model, items, edits)
    for k, length in enumerate(LENGTHS):
        alone = alone_in_its_batch(model, items, k, edits)
        np.testing.assert_allclose(together.values[k, : length - 1], alone, atol=CLOSE)
        assert np.isnan(together.values[k, length - 1 :]).all()
    assert np.isfinite(scores).all()
    assert np.isfinite(everything).all()


def over_positions(x):
    """A sum over all positions: what stands behind a prompt's end would show."""
    return x + 0.1 * x.sum(dim=1, keepdim=True)


def alone_in_its_batch(model, items, k, edits):
    """One prompt in a batch of its own."""
    batch, compiler = Batch(items, (Row(k),)), Compiler(model, items)
    with torch.no_grad():
        stream = final_stream(model, batch.ids, compiler.changes(edits, batch))
        return Losses().read(model, batch, stream)[0].numpy()


@pytest.mark.parametrize("family", ["gpt2", "gemma3_text", "phi"])
def test_losses_and_logits_are_those_of_the_model(loaded, family, narrow):
    model, items = loaded(family), prompts()
    losses, ends = token_losses(model, items), logits(model, items)
    for k, tokens in enumerate(items.tokens):
        with torch.no_grad():
            own = model.module(torch.tensor([tokens])).logits[0]
        np.testing.assert_allclose(ends[k], own[items.at[k]], atol=CLOSE)
        logs = own.double().log_softmax(dim=-1)
        for position in range(1, len(tokens)):
            found = float(losses.isel(prompt=k).sel(position=position))
            assert found == pytest.approx(-float(logs[position - 1, tokens[position]]), abs=CLOSE)


@pytest.mark.parametrize("family", ["llama", "opt"])
def test_an_answer_of_several_tokens_is_scored_by_its_sum(loaded, family, narrow):
    model, items = loaded(family), prompts()
    answers = [[5, 6], [7], [8, 9, 10], [11], [12, 13]]
    found = log_probabilities(model, items, answers)
    for k, answer in enumerate(answers):
        whole = [*items.tokens[k][: items.at[k] + 1], *answer]
        with torch.no_grad():
            logs = model.module(torch.tensor([whole])).logits[0].double().log_softmax(dim=-1)
        total = sum(float(logs[items.at[k] + j, token]) for j, token in enumerate(answer))
        assert float(found[k]) == pytest.approx(total, abs=CLOSE)


def test_gradients_of_a_pattern_for_answers_in_the_middle(loaded):
    """Answers of other lengths run in batches of their own, which end before a prompt does."""
    model, items = loaded("llama"), Items.of([[3, 4, 5, 6, 7, 8], [7, 8, 9, 4]], [1, 1])
    both = gradient(model, items, sites.pattern(0), log_probability([[5, 6], [7]]))
    for item, answer in enumerate(([5, 6], [7])):
        alone = gradient(model, Items.of([list(items.tokens[item])], [1]), sites.pattern(0), log_probability([answer]))
        size = len(items.tokens[item])
        largest = float(abs(alone).max())
        # Rounded, as losses are, by less than 200 units in the last place of what is largest.
        rounding = 200 * np.finfo(np.float32).eps * largest
        np.testing.assert_allclose(both[item, 0, :, :size, :size], alone[0, 0], rtol=0, atol=rounding)
        assert largest > 1e-3
    assert float(abs(both[0, 0, :, :, 2:]).max()) == 0  # keys of the answer


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("score", ["loss", "difference", "answer"])
def test_gradients_are_finite_differences(loaded, kind, score):
    model, items = loaded("gpt2", dtype="float64"), prompts((6, 4))
    edits, site = [zeroed(sites.head(2, 1)), keys(3, first=1)], site_of(kind)
    rule = {
        "loss": "loss",
        "difference": logit_difference([[5], [6]], [[7], [8]]),
        # Weights of an answer's keys are none of the prompt's.
        "answer": log_probability([[5], [6]] if kind == "pattern" else [[5, 9], [6, 3]]),
    }[score]
    slopes = gradient(model, items, site, rule, edits)
    assert slopes.dims == read(model, items, site).dims
    direction, step = np.random.default_rng(0).normal(size=128), 1e-6
    found = [total(model, items, rule, [*edits, pushed(kind, sign * step, direction)]) for sign in (1, -1)]
    rising = xr.DataArray(1 + np.arange(6), dims="query" if kind == "pattern" else "position")
    axis = "key" if kind == "pattern" else "d"
    expected = float((slopes * rising * xr.DataArray(direction[: slopes.sizes[axis]], dims=axis)).sum())
    # The third derivative times step², and rounding of some 1e-14 divided by the step.
    assert (found[0] - found[1]) / (2 * step) == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert abs(expected) > 1e-3


def pushed(kind, step, direction):
    return replaced(site_of(kind, positions=slice(0, None)), push, step=np.array(step), direction=direction)


def push(x, step, direction):
    """More at later positions, for attention does not notice when all keys move alike."""
    rising = (1 + torch.arange(x.shape[1])).reshape(1, -1, *(1,) * (x.ndim - 2))
    return x + step * rising * direction[: x.shape[-1]]


def total(model, items, rule, edits):
    if rule == "loss":
        return float(token_losses(model, items, edits).astype("float64").sum())
    return float(reading.final(model, items, Scored(rule), edits).sum())


def test_positions_narrow_what_is_read(loaded):
    model, items = loaded("qwen2"), prompts()
    whole = read(model, items, sites.stream([0, 2]))
    at = read(model, items, sites.stream([0, 2], positions="at"))
    ends = read(model, items, sites.stream([0, 2], positions=-1))
    spans = read(model, items, sites.stream([0, 2], positions=slice(-3, None)))
    mask = np.zeros((5, 12), bool)
    mask[1, 2] = mask[3, 10] = True
    chosen = read(model, items, sites.stream([0, 2], positions=mask))
    assert at.dims == ends.dims == ("prompt", "layer", "d")
    assert chosen["position"].values.tolist() == [2, 10]
    for k, length in enumerate(LENGTHS):
        np.testing.assert_array_equal(at[k], whole[k].sel(position=items.at[k]))
        np.testing.assert_array_equal(ends[k], whole[k].sel(position=length - 1))
        own = spans[k].dropna("position")
        np.testing.assert_array_equal(own["position"], range(length - 3, length))
        np.testing.assert_array_equal(own, whole[k].sel(position=own["position"]))
    np.testing.assert_array_equal(chosen.sel(position=2)[1], whole.sel(position=2)[1])
    assert int(np.isfinite(chosen).all(dim=("layer", "d")).sum()) == 2


def test_a_list_of_pairs_reads_those_heads_only(loaded):
    model, items = loaded("llama"), prompts()
    found, whole = read(model, items, sites.heads([(2, 3), (0, 1)])), read(model, items, sites.head(ALL))
    assert found["layer"].values.tolist() == [2, 0]
    np.testing.assert_array_equal(found.sel(layer=2, head=3), whole.sel(layer=2, head=3))
    assert np.isnan(found.sel(layer=2, head=1)).all()


def test_a_query_that_sees_no_key_gets_nothing(loaded):
    model, items = loaded("gpt2"), prompts()
    blind = [hidden_keys(1, [0, 2], query=3, key=ALL)]
    heads, weights = (read(model, items, site(1), blind) for site in (sites.head, sites.pattern))
    assert (heads.sel(position=3, head=[0, 2]).fillna(0) == 0).all()
    assert (weights.sel(query=3, head=[0, 2]).fillna(0) == 0).all()
    assert float(abs(heads.sel(position=3, head=1)).min()) > 0
    assert float(weights.sel(query=4, head=0).sum("key").min()) == pytest.approx(1, abs=1e-6)


def test_edits_work_where_scores_are_capped(tmp_path, monkeypatch):
    capped = {**CONFIGS["llama"], "sliding_window": 4, "attn_logit_softcapping": 2.0, "query_pre_attn_scalar": 8}
    monkeypatch.setitem(CONFIGS, "gemma2", capped)
    model, items = random_model("gemma2", tmp_path), prompts((12, 12))
    ids = torch.tensor(items.tokens)
    lens, shift = Lens(model, ids), torch.arange(8.0)
    edits = [
        added(sites.query(1), shift),
        zeroed(sites.pattern(0, [1])),
        hidden_keys(2, ALL, query=slice(3, None), key=2),
    ]
    hidden = (torch.arange(12)[:, None] >= 3) & (torch.arange(12) == 2)
    theirs = [
        ("query", 1, lambda x: x + shift),
        ("pattern", 0, lambda x: x * (torch.arange(4) != 1)[:, None]),
        ("scores", 2, lambda x: x.masked_fill(hidden, -torch.inf)),
    ]
    loss = float(token_losses(model, items, edits).mean())
    assert loss == pytest.approx(lens.loss(theirs), abs=1e-4)
    assert abs(loss - lens.loss()) > 1e-2


@pytest.mark.parametrize(
    ("site", "sentence"),
    [
        (sites.stream(LAYERS + 1), r"has no layer 4; choose from 0 to 3\."),
        (sites.mlp([0, 3]), r"^mlp\(\[0, 3\]\): llama-0 has no layer 3; choose from 0 to 2\."),
        (sites.head(0, 4), r"has no head 4; choose from 0 to 3\."),
        (sites.key(0, 2), r"has no key head 2; choose from 0 to 1\."),
        (sites.stream(0, positions=5), r"means position 5 and prompt 1 has 5 tokens"),
        (sites.stream(0, positions=[0, 1]), r"are for 2 prompts and there are 5; give one for each\."),
    ],
)
def test_what_a_model_or_its_prompts_lack_is_one_sentence(loaded, site, sentence):
    for act in (
        lambda: read(loaded("llama"), prompts(), site),
        lambda: token_losses(loaded("llama"), prompts(), [zeroed(site)]),
        lambda: gradient(loaded("llama"), prompts(), site, "loss"),
    ):
        with pytest.raises(SemphaseError, match=sentence):
            act()


def test_runs_and_directions_that_do_not_fit_are_one_sentence(loaded):
    model, items = loaded("llama"), prompts()
    fewer, longer = OwnRun(model, prompts((12, 5))), OwnRun(model, prompts((12, 5, 9, 12, 8)))
    wider = OwnRun(loaded("gpt2"), prompts())
    for edit, sentence in [
        (patched(sites.stream(1), fewer), "needs a run of 5 prompts, and this one has 2; pair them first"),
        (patched(sites.stream(1), longer), "with the same numbers of tokens, and this one has 5 of other lengths"),
        (patched(sites.neurons(1), wider), "takes values of 128 components and 48 are needed"),
        (resampled(sites.stream(1), fewer), "no other prompt of the run is as long as prompt 0"),
        (added(sites.stream(1), np.ones(31)), r"has shape \[31\] and the site \[1, 32\]; give 32 components"),
        (set_to(sites.mlp(1), 32, 0.0), "there is no coordinate 32; choose from 0 to 31"),
        (replaced(sites.mlp(1), narrowed), r"narrowed was given values of shape .* return a tensor of the same shape"),
    ]:
        with pytest.raises(SemphaseError, match=sentence):
            token_losses(model, items, [edit])


def narrowed(x):
    return x[..., 1:]


def test_a_skipped_block_has_nothing_to_read(loaded):
    with pytest.raises(SemphaseError, match=r"^block 1 is skipped, so there is nothing to read at mlp\(1\)"):
        read(loaded("gpt2"), prompts(), sites.mlp(1), [skipped(1)])


def test_a_prompt_longer_than_the_model_reads_is_one_sentence(loaded):
    with pytest.raises(SemphaseError, match=r"^prompt 1 has 65 tokens and gpt2-0 reads 64; shorten it\.$"):
        token_losses(loaded("gpt2"), prompts((5, 65)))


def test_no_hook_stays_behind(loaded):
    model = loaded("phi")
    read(model, prompts(), sites.neurons(1), [zeroed(sites.mlp(0)), zeroed(sites.embedding()), skipped(2)])
    with pytest.raises(SemphaseError):
        token_losses(model, prompts(), [replaced(sites.mlp(1), narrowed)])
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.module.modules())
