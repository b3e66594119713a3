"""Prompts made from the lexicon's own: shortened contexts, suffixes and changed prefixes."""

from __future__ import annotations

from semphase.data.lexicon import Lexicon, Prompt, Word
from semphase.data.lexicon.words import ending
from semphase.errors import NotApplicable

TEXTS = 4
"""Suffixed and prefixed prompts come in fours: without a foreign text and with each of three."""
LEAST_CONTEXT = 4
MOST_CONTEXT = 8


def shortened_prompts(lexicon: Lexicon) -> tuple[Prompt, ...]:
    """The first strong prompt of each sense with only the last 0, 1, … words of its context; `index` is their number.

    The longest context is the shortest one that all these prompts have, at most eight words.
    """
    strong = [(word, role) for word in lexicon.words for role in ("strong_a", "strong_b")]
    contexts = {key: _context(key[0], key[0].prompts(key[1])[0]) for key in strong}
    longest = min(MOST_CONTEXT, min(len(words) for words in contexts.values()))
    if longest < LEAST_CONTEXT:
        raise NotApplicable(
            f"the shortest strong prompt has {longest} words of context and the plane needs {LEAST_CONTEXT}"
        )
    return tuple(
        ending(word, role, length, " ".join([*contexts[word, role][len(contexts[word, role]) - length :], word.word]))
        for word, role in strong
        for length in range(longest + 1)
    )


def suffixed_prompts(lexicon: Lexicon) -> tuple[Prompt, ...]:
    """Each word's neutral and strong prompts, followed by nothing and by three foreign texts (`index`).

    The word is read where the prompt ends.
    """
    return tuple(
        Prompt(word.word, role, index, f"{text} {suffix}".rstrip(), len(text) - len(word.word))
        for word, texts in _with_foreign_texts(lexicon)
        for role in ("neutral", "strong_a", "strong_b")
        for text in word.prompts(role)[:1]
        for index, suffix in enumerate(("", *texts))
    )


def prefixed_prompts(lexicon: Lexicon) -> tuple[Prompt, ...]:
    """The same texts before the neutral prompt instead, where a causal model must see them."""
    return tuple(
        ending(word, "neutral", index, f"{prefix} {word.neutral[0]}".lstrip())
        for word, texts in _with_foreign_texts(lexicon)
        for index, prefix in enumerate(("", *texts))
    )


def _with_foreign_texts(lexicon: Lexicon) -> list[tuple[Word, tuple[str, str, str]]]:
    words = lexicon.words
    following = (*words[1:], words[0])
    return [
        (word, (word.strong_a[0], word.strong_b[0], after.neutral[0]))
        for word, after in zip(words, following, strict=True)
    ]


def _context(word: Word, prompt: str) -> list[str]:
    return prompt[: -len(word.word)].split()
