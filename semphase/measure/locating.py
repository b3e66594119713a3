"""What a model sees of a set of prompts, and the tokens that an answer has behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from semphase.data.prompt_input import start_of
from semphase.data.prompts import Prompts
from semphase.errors import NotApplicable, SemphaseError
from semphase.measure.items import Items
from semphase.measure.targets import pieces_between, prefix_length, require_context
from semphase.models import Model
from semphase.models.remembered import remembered

MOST_UNKNOWN = 0.5
Answers = tuple[tuple[int, ...], ...]


@remembered
def items_of(model: Model, prompts: Prompts) -> Items:
    """The token ids of each prompt, a BOS token in front where the model is read with one, and the position read.

    Raises SemphaseError for a prompt beyond the model's context, for an id or a position that it does not have, and for
    a pair of prompts with different numbers of tokens; NotApplicable for texts in a language that its tokenizer does
    not know.
    """
    found = _of_texts(model, prompts) if prompts.texts is not None else _of_ids(model, prompts)
    if prompts.partner is not None:
        _require_equal_lengths(prompts, found, items_of(model, prompts.partner), model)
    return found


def _of_texts(model: Model, prompts: Prompts) -> Items:
    assert prompts.texts is not None
    tokens = tuple(tuple(model.encode(text)) for text in prompts.texts)
    for text, own in zip(prompts.texts, tokens, strict=True):
        require_context(model, text, len(own))
    _require_known(model, prompts, tokens)
    at = tuple(_position(model, prompts, number, tokens[number]) for number in range(len(tokens)))
    return Items(tokens, at)


def _of_ids(model: Model, prompts: Prompts) -> Items:
    assert prompts.ids is not None
    vocabulary = _vocabulary(model)
    for number, own in enumerate(prompts.ids):
        if max(own) >= vocabulary:
            raise SemphaseError(
                f"prompt {number} of {prompts.name!r} has the token {max(own)} and {model.name} has {vocabulary} tokens."
            )
        require_context(model, f"number {number} of {prompts.name}", len(own))
    return Items(prompts.ids, tuple(_position(model, prompts, number, own) for number, own in enumerate(prompts.ids)))


def _vocabulary(model: Model) -> int:
    return int(model.module.config.get_text_config().vocab_size)


def _require_known(model: Model, prompts: Prompts, tokens: Sequence[Sequence[int]]) -> None:
    every = [token for own in tokens for token in own]
    unknown = sum(token == model.tokenizer.unk_token_id for token in every) / len(every)
    if unknown > MOST_UNKNOWN:
        raise NotApplicable(
            f"{unknown:.0%} of the prompts {prompts.name!r} is unknown to {model.name}'s tokenizer, which is for another "
            "language"
        )


def _position(model: Model, prompts: Prompts, number: int, tokens: Sequence[int]) -> int:
    wanted = -1 if prompts.at == "end" else prompts.at[number]
    if isinstance(wanted, str):
        return _of_word(model, prompts, number, wanted, tuple(tokens))
    if not -len(tokens) <= wanted < len(tokens):
        raise SemphaseError(
            f"prompt {number} of {prompts.name!r} is to be read at {wanted} and has {len(tokens)} tokens for {model.name}."
        )
    return wanted % len(tokens)


def _of_word(model: Model, prompts: Prompts, number: int, word: str, tokens: tuple[int, ...]) -> int:
    """The last piece of a word's last occurrence."""
    assert prompts.texts is not None
    text = prompts.texts[number]
    start = start_of(word, text)
    plain, pieces = pieces_between(model.tokenizer, text, start, start + len(word))
    if not pieces or any(plain[piece] == model.tokenizer.unk_token_id for piece in pieces):
        raise NotApplicable(f"{model.name}'s tokenizer does not know the word {word!r} in the prompt {text!r}")
    return prefix_length(tokens, plain, text, model) + pieces[-1]


def _require_equal_lengths(prompts: Prompts, one: Items, other: Items, model: Model) -> None:
    for number, (own, paired) in enumerate(zip(one.lengths, other.lengths, strict=True)):
        if own != paired:
            assert prompts.partner is not None
            raise SemphaseError(
                f"pair {number} of {prompts.name!r} and {prompts.partner.name!r} has {own} and {paired} tokens for "
                f"{model.name}; make the two of equal length."
            )


def answers_of(model: Model, prompts: Prompts, answers: Any, what: str = "answers") -> Answers:
    """The tokens of an answer to each prompt: those that follow the position read when it goes on with the answer.

    `answers` is a text or a token id for all prompts, or one for each, also sequences of token ids. A text is split
    as the continuation of what stands up to the position read, so it begins with a space where a word should begin.
    Raises SemphaseError where the two are not split in that place or a letter follows a letter, and for texts that the
    tokenizer does not know.
    """
    given = _one_each(prompts, answers, what)
    items = items_of(model, prompts)
    return tuple(_tokens(model, prompts, items, number, answer, what) for number, answer in enumerate(given))


def _one_each(prompts: Prompts, answers: Any, what: str) -> list[Any]:
    if isinstance(answers, str) or _is_id(answers):
        return [answers] * len(prompts)
    if isinstance(answers, Mapping) or not isinstance(answers, Iterable):
        raise SemphaseError(
            f"{what} is {answers!r}; give a text or a token id for all prompts, or a list of one for each."
        )
    given = list(answers.tolist() if hasattr(answers, "tolist") else answers)
    if len(given) != len(prompts):
        raise SemphaseError(
            f"{what} has {len(given)} entries for the {len(prompts)} prompts of {prompts.name!r}; give one for all, or one "
            "for each."
        )
    return given


def _tokens(model: Model, prompts: Prompts, items: Items, number: int, answer: Any, what: str) -> tuple[int, ...]:
    if isinstance(answer, str):
        return _continued(model, prompts, items, number, answer)
    plain = answer.tolist() if hasattr(answer, "tolist") else answer
    found = tuple(plain) if isinstance(plain, Iterable) else (plain,)
    vocabulary = _vocabulary(model)
    if not found or not all(_is_id(token) and 0 <= token < vocabulary for token in found):
        raise SemphaseError(
            f"{what} has {answer!r} for prompt {number}; give texts, or token ids of {model.name}, 0 to {vocabulary - 1}."
        )
    return tuple(int(token) for token in found)


def _is_id(given: object) -> bool:
    return isinstance(given, int | np.integer) and not isinstance(given, bool)


def _continued(model: Model, prompts: Prompts, items: Items, number: int, answer: str) -> tuple[int, ...]:
    before = items.tokens[number][: items.at[number] + 1]
    if prompts.texts is None:
        found = tuple(model.tokenizer.encode(answer, add_special_tokens=False))
    else:
        text = _until(model, prompts.texts[number], items.tokens[number], items.at[number])
        whole = tuple(model.encode(text + answer))
        if whole[: len(before)] != before or _glued(text, answer):
            raise SemphaseError(
                f"the answer {answer!r} goes on with the last word of {text!r} for {model.name}; begin it with a space, or "
                "give its token ids."
            )
        found = whole[len(before) :]
    if not found or model.tokenizer.unk_token_id in found:
        raise SemphaseError(
            f"the answer {answer!r} has no token of its own for {model.name} behind prompt {number} of {prompts.name!r}; "
            "give another, begin it with a space, or give token ids."
        )
    return found


def _glued(text: str, answer: str) -> bool:
    """Do a letter and a letter meet where, in a script with spaces, nobody means a word to go on?"""
    return all(side.isascii() and side.isalpha() for side in (text[-1:], answer[:1]))


def _until(model: Model, text: str, tokens: tuple[int, ...], at: int) -> str:
    """The text up to the end of the token at a position."""
    if at == len(tokens) - 1:
        return text
    plain = model.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    prefix = prefix_length(tokens, tuple(plain["input_ids"]), text, model)
    return text[: plain["offset_mapping"][at - prefix][1]] if at >= prefix else ""
