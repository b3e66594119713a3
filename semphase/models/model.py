"""A loaded model: the weights, where their parts are, and what a report says about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from semphase.errors import SemphaseError, Unreachable
from semphase.models.size import class_of

Start = Literal["default", "yes", "no"]
"""Are texts read with a BOS token in front: as the family and its tokenizer have it, always, never?"""


class Unwritten(tuple[nn.Module, ...]):
    """In place of the parts that write, where blocks do anything but add what these give: Unreachable for who asks."""

    family: str

    @classmethod
    def of(cls, family: str) -> Unwritten:
        """Those of a family."""
        made = cls()
        made.family = family
        return made

    def __getitem__(self, _place: Any) -> Any:
        raise self._refusal

    def __iter__(self) -> Iterator[nn.Module]:
        raise self._refusal

    @property
    def _refusal(self) -> Unreachable:
        return Unreachable(
            f"the blocks of the family {self.family!r} do not add exactly one output of attention and one of an MLP to the "
            "stream, so what either writes is not defined; choose the sites stream, embedding or head."
        )


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """The modules of a causal language model whose outputs the residual stream is made of.

    The outputs of `attention[k]` and `mlp[k]` are what block k adds to the stream, norms behind it included.
    Read them with `semphase.models.write_of`, because some families return tuples or flattened batches; `Unwritten` where
    blocks do anything else to the stream.
    `neurons[k]` is the output projection of MLP k, whose input its neurons are; empty where MLPs have no single one.
    """

    embed: nn.Module
    blocks: tuple[nn.Module, ...]
    attention: tuple[nn.Module, ...]
    mlp: tuple[nn.Module, ...]
    final_norm: nn.Module
    unembed: nn.Module
    neurons: tuple[nn.Module, ...] = ()

    def exchanged(self, instead: Mapping[nn.Module, nn.Module]) -> Anatomy:
        """The same with other modules in the place of some."""

        def own(part: Any) -> Any:
            if isinstance(part, Unwritten):
                return part
            return tuple(map(own, part)) if isinstance(part, tuple) else instead.get(part, part)

        return Anatomy(**{each.name: own(getattr(self, each.name)) for each in fields(self)})


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A causal language model, ready to measure: evaluation mode, no gradients.

    `processing` is "raw" or "folded"; `prepend_bos` says whether `encode` starts with the BOS token; `sha256`
    is of the weight files; `parameters` counts each shared parameter once, before folding; `context` is the
    largest number of positions; `bos` is what was asked for, "default" being the rule of the family and its tokenizer.
    """

    name: str
    family: str
    module: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    anatomy: Anatomy
    processing: str
    prepend_bos: bool
    device: torch.device
    dtype: torch.dtype
    sha256: str
    layers: int
    heads: int
    key_heads: int
    d_model: int
    d_head: int
    parameters: int
    context: int
    bos: Start = "default"

    @property
    def size_class(self) -> str:
        """tiny, small, medium, large or xl: below 50M, 250M, 500M, 1.2B parameters, and above."""
        return class_of(self.parameters)

    @property
    def devices(self) -> tuple[torch.device, ...]:
        """Where the weights lie: several for a model that is spread, the one that it is run from first."""
        return tuple(dict.fromkeys(own.device for own in self.module.parameters()))

    @property
    def vocabulary(self) -> int:
        """The number of tokens that the embedding has a row for."""
        weight: torch.Tensor = self.module.get_input_embeddings().weight  # type: ignore[assignment]
        return weight.shape[0]

    def encode(self, text: str) -> list[int]:
        """Token ids of a text under the model's BOS rule.

        The gpt2 family gets its BOS token in front, although its tokenizer adds none; the others get what
        their tokenizer adds by default, without an EOS at the end. Where `bos` is "yes" or "no", they get that.
        """
        if self.bos == "no":
            return self._bare(text)
        own = self._by_default(text)
        if self.bos == "default":
            return own
        bos = bos_token(self.module, self.tokenizer)
        begun = len(own) > len(self._bare(text)) and own[0] in (bos, self.tokenizer.bos_token_id)
        return own if begun else [bos, *own]

    def _by_default(self, text: str) -> list[int]:
        if self.family == "gpt2":
            return [bos_token(self.module, self.tokenizer), *self._bare(text)]
        full: list[int] = self.tokenizer.encode(text)
        ends = full[-1:] == [self.tokenizer.eos_token_id] and self._bare(text)[-1:] != full[-1:]
        return full[:-1] if ends else full

    def _bare(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids


def bos_token(module: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """The id of the beginning-of-text token, the configuration's or else the tokenizer's.

    SemphaseError if neither names one that the model has an embedding for.
    """
    return bos_in(module.config, tokenizer)


def bos_in(config: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int:
    """The same before the model is there."""
    own = config.get_text_config()
    for token in (getattr(own, "bos_token_id", None), tokenizer.bos_token_id):
        if token is not None and token < own.vocab_size:
            return int(token)
    raise SemphaseError(
        f"this {own.model_type} model has no BOS token within its vocabulary of {own.vocab_size}; set bos_token_id in its "
        "config.json, or read texts without one by --bos no"
    )
