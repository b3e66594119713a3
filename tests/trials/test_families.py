"""Folders of families that multiply what they add, attend inside transformers, or have sinks, are measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from families.reference import Eager, eager
from families.small import small
from families.sweep import HEAD, IDS, LOSS, require_streams
from random_models import word_tokenizer
from transformers import AutoModelForCausalLM
from transformers.models.gpt_oss import modeling_gpt_oss
from wandering import generate

from semphase.errors import Unreachable
from semphase.measure.changes import Ablated, Reformed
from semphase.measure.items import Items
from semphase.measure.preflight import preflight
from semphase.measure.replay import Replay
from semphase.models import Model, load
from semphase.models.quiet import quiet

Loaded = Callable[[str], tuple[Model, Eager]]
"""A family to the model that is measured, and to transformers' own with eager attention."""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    made: dict[str, tuple[Model, Eager]] = {}

    def found(family: str) -> tuple[Model, Eager]:
        if family not in made:
            folder: Path = tmp_path_factory.mktemp("models") / family
            with quiet():
                small(family).save_pretrained(folder)
                word_tokenizer().save_pretrained(folder)
                own = AutoModelForCausalLM.from_pretrained(folder).eval()
            model = load(str(folder), device="cpu")
            made[family] = model, eager(own, IDS, model.layers, model.heads)
        return made[family]

    return found


def require_equal(model: Model, own: Eager) -> None:
    """Streams, losses and the loss without a head of the last layer; the change is seen."""
    last = model.layers - 1
    with Replay(model, IDS) as replay:
        require_streams(replay, own)
        found = float(replay.losses({last: Ablated((HEAD,))}).double().mean())
    wanted = own.loss_without(last, HEAD)
    assert abs(wanted - own.loss()) > LOSS
    assert found == pytest.approx(wanted, abs=LOSS)


# olmo and biogpt are of its kind: no multipliers, and parts of other names.
@pytest.mark.parametrize(
    "family", ["granite", "falcon", "bloom", "mpt", "ministral", "helium", "minimax", "olmo", "biogpt"]
)
def test_streams_need_no_adapter(loaded, family):
    model, own = loaded(family)
    require_equal(model, own)
    preflight(model, IDS)


# bloom and mpt of those above are of its kind.
INSIDE = ("gptj", "gpt_neo", "codegen", "xglm", "bloom", "mpt")


@pytest.mark.parametrize("family", INSIDE)
def test_heads_of_attention_inside_transformers_are_changed_at_the_output_projection(loaded, family):
    model, own = loaded(family)
    require_equal(model, own)
    with Replay(model, IDS) as replay:
        before = replay.in_force.clone()
        with pytest.raises(Unreachable, match="shows what its heads give, but no queries, keys and weights"):
            replay.losses({1: Reformed((HEAD,), "relu")})
        # The refusal leaves nothing behind.
        assert torch.equal(replay.losses({}), before)


# mimo_v2_flash and granite_swa are of its kind.
SUNK = ("gpt_oss", "mimo_v2_flash", "granite_swa")


@pytest.mark.parametrize("family", SUNK)
def test_sinks_are_kept(loaded, family):
    model, own = loaded(family)
    assert sinks_of(own)
    require_equal(model, own)


def sinks_of(own: Eager) -> list[str]:
    return [name for name, _ in own.module.named_parameters() if name.endswith(("sinks", "sink", "sink_bias"))]


WEIGHTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": lambda scores: scores.relu() / scores.relu().sum(dim=-1, keepdim=True),
    "identity-l1": lambda scores: scores / scores.abs().sum(dim=-1, keepdim=True),
    "absolute": lambda scores: scores.abs() / scores.abs().sum(dim=-1, keepdim=True),
}


@pytest.mark.parametrize("form", WEIGHTS)
def test_sinks_are_kept_by_other_forms(loaded, monkeypatch, form):
    model, own = loaded("gpt_oss")
    layer, softmax = 1, modeling_gpt_oss.eager_attention_forward

    def formed(part: Any, query: Any, key: Any, value: Any, mask: Any, scaling: float, **named: Any) -> Any:
        outputs, weights = softmax(part, query, key, value, mask, scaling, **named)
        if part.layer_idx != layer:
            return outputs, weights
        keys, values = (given.repeat_interleave(part.num_key_value_groups, dim=1)[:, HEAD] for given in (key, value))
        scores = query[:, HEAD] @ keys.transpose(-1, -2) * scaling
        scores = scores.masked_fill(mask[:, 0] < 0, 0)
        sink = part.sinks[HEAD].expand(*scores.shape[:2], 1)
        own_weights = WEIGHTS[form](torch.cat([scores, sink], dim=-1))[..., :-1]
        outputs = outputs.clone()
        outputs[:, :, HEAD] = own_weights @ values
        return outputs, weights

    with Replay(model, IDS) as replay:
        found = float(replay.losses({layer: Reformed((HEAD,), form)}).double().mean())
    before = own.loss()
    monkeypatch.setattr(modeling_gpt_oss, "eager_attention_forward", formed)
    assert found == pytest.approx(own.loss(), abs=LOSS)
    assert abs(found - before) > LOSS


@pytest.mark.parametrize("family", ["granite", "falcon", "gptj", "gpt_oss"])
def test_text_is_generated_as_by_whole_passes(loaded, family):
    model, own = loaded(family)
    tokens = IDS[:1, :6]
    found = generate(model, Items.of([tokens[0].tolist()]), tokens=5).token.values[0, 0]
    wanted = tokens
    with torch.no_grad():
        for _ in range(5):
            logits = own.module(wanted, use_cache=False).logits
            wanted = torch.cat([wanted, logits[:, -1:].argmax(dim=-1)], dim=1)
    assert [own for own in found if own >= 0] == wanted[0, 6 : 6 + (found >= 0).sum()].tolist()


def test_writes_of_blocks_that_do_more_than_add_are_refused(loaded):
    model, _ = loaded("minimax")
    with pytest.raises(Unreachable, match="do not add exactly one output of attention and one of an MLP to the stream"):
        list(model.anatomy.attention)
