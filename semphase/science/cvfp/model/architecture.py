"""The two trained parts: the context block, and the token block that reads its layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import skip_init

from semphase.science.cvfp.model.configuration import Configuration


class Layer(nn.Module):
    """x ← LayerNorm(P x + ReLU(W [given; …])): the step that both blocks are made of.

    P is the identity where the width stays, a projection where it changes. W and P start uniform in ± 1/√(inputs),
    PyTorch's own rule for linear layers, drawn from the generator.
    """

    def __init__(self, given: int, width: int, out: int, generator: torch.Generator) -> None:
        super().__init__()
        self.mix = _linear(given, out, generator)
        self.project = nn.Identity() if width == out else _linear(width, out, generator)
        self.norm = nn.LayerNorm(out)

    def forward(
        self, x: Float[Tensor, "token width"], given: Float[Tensor, "token given"]
    ) -> Float[Tensor, "token out"]:
        """The next x."""
        return self.norm(self.project(x) + functional.relu(self.mix(given)))


class ContextBlock(nn.Module):
    """c ← LayerNorm(c + ReLU(W [c; e])) for each layer; e is fed to every layer or to the first alone."""

    def __init__(self, configuration: Configuration, generator: torch.Generator) -> None:
        super().__init__()
        width = configuration.context_width
        self.configuration = configuration
        self.layers = nn.ModuleList(Layer(width + fed, width, width, generator) for fed in configuration.fed_widths)

    def forward(
        self, context: Float[Tensor, "token width"], inputs: Float[Tensor, "token input"]
    ) -> list[Float[Tensor, "token width"]]:
        """The output of every layer; the last one is the new context."""
        outputs = []
        for layer, fed in zip(self.layers, self.configuration.fed_widths, strict=True):
            context = layer(context, torch.cat([context, inputs], dim=-1) if fed else context)
            outputs.append(context)
        return outputs


class TokenBlock(nn.Module):
    """t ← LayerNorm(P t + ReLU(W [c_i; t])): layer i reads the context block's layer i; t starts as the tokens e.

    The widths fall from the concatenated tokens to the embedding in equal steps, so P projects with several tokens.
    The published count of 3 layers and 3 tokens, 17.78 million, is that of this block at width 768.
    """

    def __init__(self, configuration: Configuration, generator: torch.Generator) -> None:
        super().__init__()
        given, widths = configuration.context_width, configuration.token_widths
        self.layers = nn.ModuleList(Layer(given + a, a, b, generator) for a, b in pairwise(widths))

    def forward(
        self, contexts: Sequence[Float[Tensor, "token width"]], inputs: Float[Tensor, "token input"]
    ) -> Float[Tensor, "token d"]:
        """What the tied head reads."""
        stream = inputs
        for layer, context in zip(self.layers, contexts, strict=True):
            stream = layer(stream, torch.cat([context, stream], dim=-1))
        return stream


def _linear(given: int, out: int, generator: torch.Generator) -> nn.Linear:
    # Built without PyTorch's own start values, which come from the global random state.
    made = skip_init(nn.Linear, given, out)
    with torch.no_grad():
        for parameter in (made.weight, made.bias):
            parameter.uniform_(-(given**-0.5), given**-0.5, generator=generator)
    return made


def parameters_of(block: nn.Module) -> int:
    """Trained numbers of a block as built."""
    return sum(parameter.numel() for parameter in block.parameters())
