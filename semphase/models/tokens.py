"""What a tokenizer makes of texts: tokens that the model has, and special ones only where they are put on purpose."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from semphase.errors import SemphaseError
from semphase.models.model import Model
from semphase.models.remembered import remembered

Written = tuple[tuple[str, int], ...]
"""Strings that are special tokens, and how often a text writes each."""


def require_rows(tokenizer: PreTrainedTokenizerBase, rows: int, folder: Path) -> None:
    """SemphaseError for a tokenizer that can make a token beyond the embedding's rows.

    Special tokens do not count, such as Gemma's for images, since no text becomes one.
    """
    ids = set(tokenizer.get_vocab().values())
    if max(ids) >= rows:
        ids -= {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    most = max(ids.union(tokenizer.encode("a")))
    if most >= rows:
        raise SemphaseError(
            f"the tokenizer in {folder} has {most + 1} tokens and the model's embedding {rows} rows; put the tokenizer that "
            "belongs to these weights beside them"
        )


@remembered
def specials_in(model: Model, text: str) -> Written:
    """The special tokens of a model whose names stand in a text, with their numbers."""
    names = {token.content for token in model.tokenizer.added_tokens_decoder.values() if token.special}
    if not names:
        return ()
    found = re.findall("|".join(map(re.escape, sorted(names, key=len, reverse=True))), text)
    return tuple(sorted(Counter(found).items()))


def special_notice(model: Model, what: str, text: str) -> str | None:
    """What becomes of special tokens that a text writes out; None where it writes none."""
    written = specials_in(model, text)
    if not written:
        return None
    names, times = ", ".join(name for name, _ in written[:3]), sum(count for _, count in written)
    taken = [name for name, _ in written if _is_taken(model.tokenizer, name)]
    fate = f"{', '.join(taken[:3])} as the token, a word of its tokenizer" if taken else "as any other text"
    often = "once" if times == 1 else f"{times} times"
    return f"{what} writes out special tokens of {model.name} {often} ({names}), read {fate}"


def _is_taken(tokenizer: PreTrainedTokenizerBase, name: str) -> bool:
    return tokenizer.convert_tokens_to_ids(name) in tokenizer.encode(name, add_special_tokens=False)
