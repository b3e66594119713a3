"""The same training as a plain PyTorch loop: modules, autograd, everything of all tokens held at once.

It follows the protocol like the library, in the same batches and from the same start values, but as one writes it
down: inputs and layer outputs of all tokens are made first, losses come from PyTorch and are read after every batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from semphase.science.cvfp.model import Configuration, Recipe, TokenBlock, TokenStream
from semphase.science.cvfp.model.phase1 import initial_block
from semphase.science.cvfp.model.seeds import generator


class Step(nn.Module):
    """x ← LayerNorm(P x + ReLU(W given)), with the start values of a layer of the library."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        weight = layer.mix.weight
        self.mix, self.norm = nn.Linear(weight.shape[1], weight.shape[0]), nn.LayerNorm(weight.shape[0])
        shrinks = isinstance(layer.project, nn.Linear)
        self.project = nn.Linear(layer.project.in_features, weight.shape[0]) if shrinks else nn.Identity()
        self.load_state_dict(layer.state_dict())

    def forward(self, x: Tensor, given: Tensor) -> Tensor:
        """The next x."""
        return self.norm(self.project(x) + functional.relu(self.mix(given)))


@dataclass
class Plain:
    """The two blocks as lists of steps, and all inputs of a stream."""

    context_steps: nn.ModuleList
    token_steps: nn.ModuleList
    inputs: Tensor
    ids: Tensor
    head: Tensor

    @classmethod
    def of(cls, configuration: Configuration, stream: TokenStream, head: Tensor, seed: int) -> Plain:
        """What the library would begin with."""
        context = initial_block(configuration, seed, stream.table)
        token = TokenBlock(configuration, generator(seed, "token block")).to(head)
        steps = [nn.ModuleList(Step(layer) for layer in block.layers) for block in (context, token)]
        return cls(*steps, stream.inputs(slice(0, len(stream))), stream.ids, head)

    def contexts_of(self, context: Tensor, inputs: Tensor) -> list[Tensor]:
        """The output of every context layer."""
        outputs = []
        for step in self.context_steps:
            context = step(context, torch.cat([context, inputs], dim=1))
            outputs.append(context)
        return outputs

    def phase_1(self, recipe: Recipe, width: int, iterations: int, seed: int) -> Tensor:
        """The contexts after some iterations."""
        adam = torch.optim.Adam(self.context_steps.parameters(), lr=recipe.context_rate)
        contexts = recipe.start * torch.randn(len(self.ids), width, generator=generator(seed, "start"))
        for iteration in range(iterations):
            noise = generator(seed, "noise", iteration)
            seen, made = torch.roll(contexts, 1, dims=0), []
            adam.zero_grad()
            for start in range(0, len(seen), recipe.context_batch):
                part = slice(start, start + recipe.context_batch)
                read = seen[part] + recipe.noise * torch.randn(seen[part].shape, generator=noise)
                made.append(self._fixed_point_step(recipe, read, contexts, part))
            nn.utils.clip_grad_norm_(self.context_steps.parameters(), recipe.context_clip)
            adam.step()
            contexts = torch.cat(made)
        return contexts

    def _fixed_point_step(self, recipe: Recipe, read: Tensor, contexts: Tensor, part: slice) -> Tensor:
        made = self.contexts_of(read, self.inputs[part])[-1]
        fixed = functional.mse_loss(made, contexts[part])
        spread = -torch.linalg.matrix_norm(made - made.mean(dim=0)) / len(made)
        loss = (1 - recipe.diversity) * fixed + recipe.diversity * spread
        (loss * len(made) / len(contexts)).backward()
        return made.detach()

    def phase_2(self, recipe: Recipe, contexts: Tensor, epochs: int) -> float:
        """Mean nats of the last epoch's batches."""
        adam = torch.optim.Adam(self.token_steps.parameters(), lr=recipe.token_rate)
        with torch.no_grad():
            before = torch.cat([torch.zeros_like(contexts[:1]), contexts[:-1]])
            cache = torch.stack(self.contexts_of(before, self.inputs))
        total = 0.0
        for _ in range(epochs):
            total = 0.0
            for start in range(0, len(contexts) - 1, recipe.token_batch):
                part = slice(start, min(start + recipe.token_batch, len(contexts) - 1))
                stream = self.inputs[part]
                for step, context in zip(self.token_steps, cache[:, part], strict=True):
                    stream = step(stream, torch.cat([context, stream], dim=1))
                loss = functional.cross_entropy(stream @ self.head.T, self.ids[part.start + 1 : part.stop + 1])
                adam.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.token_steps.parameters(), recipe.token_clip)
                adam.step()
                total += loss.item() * (part.stop - part.start)
        return total / (len(contexts) - 1)
