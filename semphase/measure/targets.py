"""Where in a tokenised prompt the ambiguous word is read: at its last piece."""

from __future__ import annotations

from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from semphase.data.lexicon import Prompt
from semphase.errors import SemphaseError
from semphase.models import Model
from semphase.models.remembered import remembered


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
    prefix = prefix_length(tokens, plain, prompt.text, model)
    require_context(model, prompt.text, len(tokens))
    return Target(prompt, tokens, prefix + pieces[-1], len(pieces))


def require_context(model: Model, text: str, tokens: int) -> None:
    """SemphaseError for a text of more tokens than the model reads."""
    if tokens > model.context:
        raise SemphaseError(
            f"the prompt {text[:60]!r}… has {tokens} tokens and {model.name} reads {model.context}; shorten it."
        )


def word_pieces(tokenizer: PreTrainedTokenizerBase, prompt: Prompt, name: str) -> tuple[tuple[int, ...], list[int]]:
    """The prompt's tokens without special ones, and the indices of its word's pieces among them."""
    ids, pieces = pieces_between(tokenizer, prompt.text, prompt.start, prompt.start + len(prompt.word))
    if not pieces or any(ids[i] == tokenizer.unk_token_id for i in pieces):
        raise SemphaseError(
            f"the word {prompt.word!r} cannot be found by {name}'s tokenizer in the prompt {prompt.text!r}; "
            "choose a lexicon in the model's language with --lexicon."
        )
    return ids, pieces


def pieces_between(
    tokenizer: PreTrainedTokenizerBase, text: str, start: int, end: int
) -> tuple[tuple[int, ...], list[int]]:
    """A text's tokens without special ones, and the indices of those that hold characters from start to end."""
    plain = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    spans = enumerate(plain["offset_mapping"])
    return tuple(plain["input_ids"]), [i for i, (low, high) in spans if low < end and high > start]


@remembered
def locate_all(model: Model, prompts: tuple[Prompt, ...]) -> tuple[Target, ...]:
    """`locate` for each prompt; remembered, since every untrained copy reads what its parent reads."""
    return tuple(locate(model, prompt) for prompt in prompts)


def prefix_length(tokens: tuple[int, ...], plain: tuple[int, ...], text: str, model: Model) -> int:
    """How many special tokens stand before those of the text."""
    for prefix in range(len(tokens) - len(plain) + 1):
        if tokens[prefix : prefix + len(plain)] == plain:
            return prefix
    raise SemphaseError(f"{model.name}'s special tokens change how {text!r} is split; its words cannot be located.")
