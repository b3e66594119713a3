"""The frozen embedding: rows of the types that occur, and streams of tokens that are read from them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from semphase.errors import SemphaseError
from semphase.models import Model

Documents = Int[np.ndarray, "document position"]


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """The types that occur in some documents, with their rows of a model's input embedding.

    `rows` are normalised (zero mean, unit variance, no gain) and are what the blocks read; `head` are the rows as they
    are, to which the output is tied; `types` are the model's token ids, ascending. Nothing of it is trained.
    """

    rows: Float[Tensor, "type d"]
    head: Float[Tensor, "type d"]
    types: Int[np.ndarray, " type"]

    @property
    def width(self) -> int:
        """Width of the embedding."""
        return self.rows.shape[1]

    def index(self, documents: Documents) -> Documents:
        """Rows of the model's token ids; SemphaseError where a type has none."""
        found = np.searchsorted(self.types, documents)
        strange = self.types[np.minimum(found, len(self.types) - 1)] != documents
        if strange.any():
            raise SemphaseError(
                f"the vocabulary has no row for token {np.asarray(documents)[strange][0]}; "
                "make it of all documents that are used."
            )
        return found


def vocabulary_of(model: Model, *documents: Int[np.ndarray, "_ _"]) -> Vocabulary:
    """The vocabulary of some documents of the model's token ids, on the model's device and in its dtype.

    Raises SemphaseError for float16, in which the slopes of phase 1 are too small to be kept.
    """
    weight = model.module.get_input_embeddings().weight
    assert isinstance(weight, Tensor)
    if weight.dtype == torch.float16:
        raise SemphaseError("CVFP models cannot be trained in float16; choose --dtype float32 or bfloat16.")
    types = np.unique(np.concatenate([np.ravel(each) for each in documents]))
    return normalised(weight.detach()[torch.from_numpy(types).to(weight.device)], types)


def normalised(head: Float[Tensor, "type d"], types: Int[np.ndarray, " type"]) -> Vocabulary:
    """A vocabulary of given rows."""
    return Vocabulary(functional.layer_norm(head, head.shape[1:]), head, types)


def with_unit_rows(vocabulary: Vocabulary) -> Vocabulary:
    """The same with inputs that are scaled to length 1 instead of being normalised."""
    return replace(vocabulary, rows=functional.normalize(vocabulary.head, dim=1))


def with_normalised_head(vocabulary: Vocabulary) -> Vocabulary:
    """The same with the output tied to the normalised rows."""
    return replace(vocabulary, head=functional.layer_norm(vocabulary.head, vocabulary.head.shape[1:]))


@dataclass(frozen=True, slots=True, eq=False)
class TokenStream:
    """Documents laid end to end, as one stream of tokens.

    `table` are the normalised rows with one of zeros behind them, `windows` the rows of the last few tokens at each
    position, the newest last; before the stream there are zeros.
    """

    table: Float[Tensor, "row d"]
    windows: Int[Tensor, "token window"]
    length: int

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def ids(self) -> Int[Tensor, " token"]:
        """The newest token at each position."""
        return self.windows[:, -1]

    @property
    def documents(self) -> int:
        """How many there are."""
        return len(self) // self.length

    def inputs(self, part: slice) -> Float[Tensor, "token input"]:
        """The concatenated embeddings e of some positions."""
        return self.table[self.windows[part]].flatten(1)

    def by_document(self, values: Tensor) -> Tensor:
        """One number for each token, as [document, position]."""
        return values.view(-1, self.length)

    def parts(self, size: int, tokens: int | None = None) -> list[slice]:
        """The first tokens, all by default, a batch at a time."""
        end = len(self) if tokens is None else tokens
        return [slice(start, min(start + size, end)) for start in range(0, end, size)]


def stream_of(vocabulary: Vocabulary, documents: Documents, tokens: int) -> TokenStream:
    """The stream of documents of row indices, each position with its last `tokens` tokens.

    SemphaseError where a document is shorter than that.
    """
    length = np.shape(documents)[1]
    if tokens > length:
        raise SemphaseError(
            f"{tokens} input tokens are more than the {length} tokens of a document; take fewer, or longer documents."
        )
    table = functional.pad(vocabulary.rows, (0, 0, 0, 1))
    ids = torch.from_numpy(np.ravel(documents).astype(np.int64)).to(table.device)
    padded = functional.pad(ids, (tokens - 1, 0), value=len(table) - 1)
    return TokenStream(table, padded.unfold(0, tokens, 1), length)
