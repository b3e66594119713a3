"""Named sets of prompts: texts or token ids, the position that is read in each, and one value of each label a prompt.

    ioi = Prompts.of("ioi", texts, answer=names, wrong=others, item=items)
    first, second = ioi.split(by="item", seed=0)
    first.answer        # an array, one value for each prompt

Plain data: no model is needed to make, select or hash a set; `semphase.measure.locating` says what a model sees of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Int, Shaped

from semphase.data.lexicon import CONDITIONS, DIRECTIONS, GRADIENTS, Lexicon
from semphase.data.prompt_files import read_fields
from semphase.data.prompt_input import At, Value, at_of, ids_of, labels_of, require_name, texts_of
from semphase.errors import SemphaseError


@dataclass(frozen=True)
class Prompts:
    """Some prompts, their labels and the position that is read in each; make one with `of`, `of_tokens`, `load`.

    Either `texts` or `ids` is given. `at` is "end" for the last token, or for each prompt a word (the last piece of its
    last occurrence) or an integer that counts the tokens which the model sees, a BOS token included, from 0, or
    backwards from −1. `partner` is the set that `paired` joined to it, `origin` the set that it is a part of.
    Labels are read as attributes: arrays of one value for each prompt.
    """

    name: str
    texts: tuple[str, ...] | None
    ids: tuple[tuple[int, ...], ...] | None
    at: At
    labels: tuple[tuple[str, tuple[Value, ...]], ...] = ()
    partner: Prompts | None = None
    origin: Prompts | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(
        cls, name: str, texts: Iterable[str], at: str | int | Sequence[str] | Sequence[int] = "end", **labels: Any
    ) -> Prompts:
        """A set of texts; `labels` are sequences of one text, number or truth value for each.

        Raises SemphaseError for no or empty texts, for what does not count one a prompt, and for a label whose name is
        taken.
        """
        require_name(name)
        found = texts_of(name, texts)
        return cls(name, found, None, at_of(name, at, found), labels_of(name, labels, len(found), _taken_names()))

    @classmethod
    def of_tokens(
        cls, name: str, ids: Iterable[Iterable[int]], at: Literal["end"] | int | Sequence[int] = "end", **labels: Any
    ) -> Prompts:
        """A set of token ids [prompt][token]; the model sees them as they are, so give the BOS token too if it needs one."""
        require_name(name)
        found = ids_of(name, ids)
        return cls(name, None, found, at_of(name, at, found), labels_of(name, labels, len(found), _taken_names()))

    @classmethod
    def from_lexicon(cls, lexicon: Lexicon, role: str | Sequence[str]) -> Prompts:
        """The lexicon's prompts of one role or several, read at the word.

        Labels: word, role, sense ("a", "b", or "" for the neutral ones) and index among those of one role.
        """
        roles = (role,) if isinstance(role, str) else tuple(role)
        known = (*DIRECTIONS, *CONDITIONS, *GRADIENTS)
        for own in roles:
            if own not in known:
                raise SemphaseError(f"a lexicon has no role {own!r}; choose {', '.join(known)}.")
        rows = [
            (text, word.word, own, own[-1] if own[-2:] in ("_a", "_b") else "", index)
            for word in lexicon.words
            for own in roles
            for index, text in enumerate(word.prompts(own))
        ]
        texts, words, of_role, sense, index = zip(*rows, strict=True)
        named = {"word": words, "role": of_role, "sense": sense, "index": index}
        return cls.of(f"lexicon {' '.join(roles)}", texts, words, **named)

    @classmethod
    def load(cls, path: Path | str) -> Prompts:
        """A set from a TOML or JSON file with the keys name, texts or ids, at, and one for each label.

        Raises SemphaseError, in one sentence that names the file, for what cannot be read.
        """
        kind, name, content, rest = read_fields(Path(path))
        make: Any = cls.of if kind == "texts" else cls.of_tokens
        try:
            found: Prompts = make(name, content, **rest)
        except SemphaseError as problem:
            raise SemphaseError(f"{path}: {problem}") from problem
        return found

    def __len__(self) -> int:
        return len(self.texts if self.texts is not None else self.ids or ())

    def __str__(self) -> str:
        return f"{self.name} ({len(self)} prompts)"

    def __getattr__(self, name: str) -> Shaped[np.ndarray, " prompt"]:
        if not name.startswith("_"):
            found = self._arrays.get(name)
            if found is not None:
                return found
        raise AttributeError(f"the prompts {self.__dict__.get('name')!r} have no label {name!r}")

    @cached_property
    def _arrays(self) -> dict[str, Shaped[np.ndarray, " prompt"]]:
        made = {name: np.array(values) for name, values in self.labels}
        for array in made.values():
            array.flags.writeable = False
        return made

    @cached_property
    def sha256(self) -> str:
        """Hash of texts or ids, positions, labels and partner; the name does not count."""
        labels = sorted((name, list(values)) for name, values in self.labels)
        told = [self.texts, self.ids, self.at, labels, self.partner and self.partner.sha256]
        return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()

    def __getitem__(self, chosen: int | slice | Sequence[int] | Bool[np.ndarray, " prompt"]) -> Prompts:
        """Some of the prompts: an integer, a slice, integers or truth values; the partner's come along."""
        rows = np.atleast_1d(np.arange(len(self))[_index(chosen)])
        if len(rows) == 0:
            raise SemphaseError(f"no prompt of {self.name!r} is left in the choice; choose at least one.")
        return self._taken(rows, self.name)

    def where(self, **values: Any) -> Prompts:
        """The prompts whose labels have these values, or one of them where several are given in a list or set."""
        mask = np.ones(len(self), dtype=bool)
        for name, value in values.items():
            wanted = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
            mask &= np.isin(self.label(name), wanted)
        return self[mask]

    def label(self, name: str) -> Shaped[np.ndarray, " prompt"]:
        """A label by its name; SemphaseError that lists those there are."""
        if name not in self._arrays:
            known = ", ".join(self._arrays) or "none"
            raise SemphaseError(f"the prompts {self.name!r} have no label {name!r}; they have {known}.")
        return self._arrays[name]

    def split(self, by: str, seed: int = 0) -> tuple[Prompts, Prompts]:
        """Two parts that share no value of the label `by`, of nearly equal size; which values go where is drawn by `seed`.

        With values of very different frequency the sizes differ by at most the largest one's. SemphaseError for a
        label of fewer than two values.
        """
        values, of_prompt = np.unique(self.label(by), return_inverse=True)
        if len(values) < 2:
            raise SemphaseError(f"the prompts {self.name!r} cannot be split by {by!r}, which has one value only.")
        counts = np.bincount(of_prompt)
        sizes, side = [0, 0], np.zeros(len(values), dtype=int)
        for value in np.random.default_rng(seed).permutation(len(values)):
            side[value] = int(sizes[1] < sizes[0])
            sizes[side[value]] += int(counts[value])
        first, second = (np.flatnonzero(side[of_prompt] == half) for half in (0, 1))
        return self._taken(first, f"{self.name}/1"), self._taken(second, f"{self.name}/2")

    def paired(self, other: Prompts) -> Prompts:
        """The same set with `other` as its `partner`, prompt by prompt; choices and splits keep the pairs.

        SemphaseError unless there are as many. That each pair has equal numbers of tokens is checked when a model
        reads the set.
        """
        if len(self) != len(other):
            raise SemphaseError(
                f"{self} and {other} cannot be paired; give as many prompts in one as in the other, in the same order."
            )
        return replace(self, partner=other)

    @property
    def alone(self) -> Prompts:
        """The same set without its partner."""
        return self if self.partner is None else replace(self, partner=None)

    def _taken(self, rows: Int[np.ndarray, " chosen"], name: str) -> Prompts:
        def take(values: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(values[row] for row in rows)

        return Prompts(
            name,
            None if self.texts is None else take(self.texts),
            None if self.ids is None else take(self.ids),
            "end" if self.at == "end" else take(self.at),
            tuple((label, take(values)) for label, values in self.labels),
            self.partner and self.partner._taken(rows, name.replace(self.name, self.partner.name, 1)),
            self.origin or self,
        )


def _taken_names() -> frozenset[str]:
    """Names of the class's own attributes, which no label may have."""
    return frozenset(dir(Prompts)) | frozenset(Prompts.__dataclass_fields__)


def _index(chosen: Any) -> Any:
    return chosen if isinstance(chosen, int | slice) else np.asarray(chosen)
