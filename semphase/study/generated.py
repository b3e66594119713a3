"""What a model wrote behind some prompts."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Shaped

from semphase.data.prompts import Prompts
from semphase.errors import SemphaseError
from semphase.measure.items import NOTHING, Items
from semphase.stats.ngrams import repeated_share

if TYPE_CHECKING:
    import xarray as xr

    from semphase.models import Model


@dataclass(frozen=True, eq=False)
class Generated:
    """Texts behind prompts, `samples` of each.

    `tokens` [prompt, sample, step] are token ids, −1 behind a text's end; the end token belongs to the text.
    `log_probabilities` are those of the tokens under the model that wrote them, in nats, at temperature 1 whatever was
    drawn at; `flops` [prompt, sample] the operations that the tokens took, and `prompt_flops` [prompt] those of reading
    the prompt, once for all samples, nan where a family's are not counted. `answer_log_probabilities` [prompt] are those of
    the answers that were given, in nats, summed over their tokens. Arrays carry the prompts' labels.
    """

    prompts: Prompts
    tokens: xr.DataArray
    log_probabilities: xr.DataArray
    flops: xr.DataArray
    prompt_flops: xr.DataArray
    answer_log_probabilities: xr.DataArray | None
    _model: Model = field(repr=False)
    _items: Items = field(repr=False)

    @cached_property
    def texts(self) -> Shaped[np.ndarray, "prompt sample"]:
        """What each text adds to its prompt, the space in front included; special tokens are left out."""
        found = np.empty(self.tokens.shape[:2], dtype=object)
        for prompt, sample in np.ndindex(found.shape):
            found[prompt, sample] = self._text(self._items.tokens[prompt], self.written(prompt, sample))
        return found

    def written(self, prompt: int, sample: int = 0) -> tuple[int, ...]:
        """The token ids of one text."""
        own = self.tokens.values[prompt, sample]
        return tuple(int(token) for token in own[own != NOTHING])

    def repeated(self, n: int = 4) -> Float[np.ndarray, "prompt sample"]:
        """The share of each text's n-grams of tokens that occurred in it before; nan for texts shorter than n."""
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise SemphaseError(f"n-grams of {n!r} tokens are none; give a whole number from 1 on.")
        found = np.full(self.tokens.shape[:2], np.nan)
        for prompt, sample in np.ndindex(found.shape):
            found[prompt, sample] = repeated_share(self.written(prompt, sample), n)
        return found

    def _text(self, before: tuple[int, ...], written: tuple[int, ...]) -> str:
        # Some tokenizers drop a space at the beginning, so a text is read with its prompt in front.
        whole, prompt = self._decoded([*before, *written]), self._decoded(list(before))
        return whole[len(prompt) :] if whole.startswith(prompt) else self._decoded(list(written))

    def _decoded(self, ids: list[int]) -> str:
        return str(self._model.tokenizer.decode(ids, skip_special_tokens=True))
