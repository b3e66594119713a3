"""What is trained and how: the shape of the two blocks, and every constant of the protocol."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from semphase.errors import SemphaseError

TokenInput = Literal["every", "first"]
CARRIED: tuple[Carried, ...] = ("as trained", "without noise")
TOKEN_INPUTS: tuple[TokenInput, ...] = ("every", "first")
Kind = Literal["fixed-point", "contexts", "settled", "reservoir", "bigram"]
Carried = Literal["as trained", "without noise"]


@dataclass(frozen=True, slots=True)
class Configuration:
    """The shape of a context block and its token block.

    `layers` of each block, `tokens` that both read at a position (the last ones), the width of the frozen embedding,
    the width of a context, and whether the tokens are fed to every context layer or to the first alone.
    Raises SemphaseError where a number is below 1 or the token input unknown.
    """

    layers: int
    tokens: int
    embedding_width: int
    context_width: int
    token_input: TokenInput = "every"  # noqa: S105 - no secret

    def __post_init__(self) -> None:
        for name in ("layers", "tokens", "embedding_width", "context_width"):
            if getattr(self, name) < 1:
                raise SemphaseError(f"a CVFP configuration has {name} = {getattr(self, name)}; give 1 or more.")
        if self.token_input not in TOKEN_INPUTS:
            raise SemphaseError(f"there is no token input {self.token_input!r}: choose every or first.")

    @property
    def name(self) -> str:
        """As in the source, "1L-576d-2tok", the width being the context's; "-first" where only one layer is fed."""
        return f"{self.layers}L-{self.context_width}d-{self.tokens}tok" + "-first" * (not self.feeds_every)

    @property
    def feeds_every(self) -> bool:
        """Whether every context layer reads the tokens."""
        return self.token_input == TOKEN_INPUTS[0]

    def with_tokens(self, tokens: int) -> Configuration:
        """The same with another number of input tokens."""
        return replace(self, tokens=tokens)

    @property
    def input_width(self) -> int:
        """Width of the concatenated tokens."""
        return self.tokens * self.embedding_width

    @property
    def fed_widths(self) -> tuple[int, ...]:
        """What each context layer reads beside the context: the concatenated tokens, or nothing."""
        later = self.input_width if self.feeds_every else 0
        return (self.input_width, *[later] * (self.layers - 1))

    @property
    def token_widths(self) -> tuple[int, ...]:
        """Widths between the token layers, from the concatenated tokens down to the embedding in equal steps.

        The last is the embedding's, for the head is tied to it. With one token all are equal and no layer projects.
        """
        drop = self.input_width - self.embedding_width
        return tuple(self.input_width - round(drop * layer / self.layers) for layer in range(self.layers + 1))

    @property
    def context_parameters(self) -> int:
        """Trained numbers of the context block: W with its bias, and the norm's gain and shift, in each layer."""
        width = self.context_width
        return sum((width + fed) * width + 3 * width for fed in self.fed_widths)

    @property
    def token_parameters(self) -> int:
        """Trained numbers of the token block: W, the norm, and P with its bias where the width changes."""
        return sum(
            (self.context_width + a) * b + 3 * b + (a != b) * (a * b + b) for a, b in pairwise(self.token_widths)
        )


@dataclass(frozen=True, slots=True)
class Recipe:
    """The protocol's constants; the defaults are the source's, and what it leaves open is marked.

    Phase 1: `noise` on the contexts that are read, weight of the `diversity` term, Adam's `context_rate`, the bound
    `context_clip` of the gradient's norm, `context_batch` tokens at a time, a token having `converged` below that mean
    squared change, a `share` of them ending the phase, `fewest` and `most` iterations, the size of the noise that
    contexts `start` as (open), and whether the contexts `carried` to the next iteration are those that were trained on,
    made with noise, or are made once more without (open). Phase 2: `token_rate`, `token_clip`, `token_batch` (open),
    `epochs` at most, and the `patience`: epochs without a better validation perplexity that end it. `vocabulary_chunk`
    rows of the head are multiplied at a time, which changes memory, not results. Raises SemphaseError for values that
    cannot be meant.
    """

    noise: float = 0.1
    diversity: float = 0.9
    context_rate: float = 2e-3
    context_clip: float = 2.0
    context_batch: int = 5000
    converged: float = 0.03
    share: float = 0.99
    fewest: int = 5
    most: int = 40
    start: float = 0.01
    token_rate: float = 1e-3
    token_clip: float = 1.0
    token_batch: int = 512
    epochs: int = 20
    patience: int = 1
    vocabulary_chunk: int = 8192
    carried: Carried = "as trained"

    def __post_init__(self) -> None:
        for name in ("context_batch", "fewest", "most", "token_batch", "epochs", "patience", "vocabulary_chunk"):
            if getattr(self, name) < 1:
                raise SemphaseError(f"a CVFP recipe has {name} = {getattr(self, name)}; give 1 or more.")
        if not (0 <= self.diversity <= 1 and 0 <= self.share <= 1):
            raise SemphaseError("a CVFP recipe's diversity and share are parts of a whole; give 0 to 1.")
        for name in ("context_rate", "context_clip", "token_rate", "token_clip"):
            if not getattr(self, name) > 0:
                raise SemphaseError(f"a CVFP recipe has {name} = {getattr(self, name)}; give more than 0.")
        if self.carried not in CARRIED:
            raise SemphaseError(f"there are no contexts carried {self.carried!r}: choose {' or '.join(CARRIED)}.")
        # "Not at least 0" is true of NaN as well.
        if not self.noise >= 0 or self.fewest > self.most:
            raise SemphaseError("a CVFP recipe needs noise of at least 0, and most iterations not below the fewest.")
