"""Where in a tokenised prompt the ambiguous word is read: at its last piece."""

from __future__ import annotations

from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from semphase.errors import SemphaseError
from semphase.models import Model
from semphase.models.remembered import remembered


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text in which the `word` that begins at character `start` is read; role and index name the prompt."""

    word: str
    role: str
    index: int
    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Target:
    """A prompt as the model sees it: token ids, the position that is read, the number of the word's pieces."""

    prompt: Prompt
    tokens: tuple[int, ...]
    position: int
    pieces: int


def locate(model: Model, prompt: Prompt) -> Target:
    """Tokenise a prompt and find its word; raises `SemphaseError` when the tokenizer loses the word."""
    tokens = tuple(model.encode(prompt.text))
    plain, pieces = word_pieces(model.tokenizer, prompt, model.name)
    prefix = _prefix_length(tokens, plain, prompt, model)
    if len(tokens) > model.context:
        raise SemphaseError(
            f"the prompt {prompt.text[:60]!r}… has {len(tokens)} tokens and {model.name} reads {model.context}; "
            "shorten it."
        )
    return Target(prompt, tokens, prefix + pieces[-1], len(pieces))


def word_pieces(tokenizer: PreTrainedTokenizerBase, prompt: Prompt, name: str) -> tuple[tuple[int, ...], list[int]]:
    """The prompt's tokens without special ones, and the indices of its word's pieces among them."""
    plain = tokenizer(prompt.text, add_special_tokens=False, return_offsets_mapping=True)
    ids, end = tuple(plain["input_ids"]), prompt.start + len(prompt.word)
    spans = enumerate(plain["offset_mapping"])
    pieces = [i for i, (low, high) in spans if low < end and high > prompt.start]
    if not pieces or any(ids[i] == tokenizer.unk_token_id for i in pieces):
        raise SemphaseError(
            f"the word {prompt.word!r} cannot be found by {name}'s tokenizer in the prompt {prompt.text!r}; "
            "choose a lexicon in the model's language with --lexicon."
        )
    return ids, pieces


@remembered
def locate_all(model: Model, prompts: tuple[Prompt, ...]) -> tuple[Target, ...]:
    """`locate` for each prompt; remembered, since every untrained copy reads what its parent reads."""
    return tuple(locate(model, prompt) for prompt in prompts)


def _prefix_length(tokens: tuple[int, ...], plain: tuple[int, ...], prompt: Prompt, model: Model) -> int:
    for prefix in range(len(tokens) - len(plain) + 1):
        if tokens[prefix : prefix + len(plain)] == plain:
            return prefix
    raise SemphaseError(
        f"{model.name}'s special tokens change how {prompt.text!r} is split; its words cannot be located."
    )
