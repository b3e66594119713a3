"""Which positions of each prompt a site means: plain data, resolved when the prompts are known."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool

from semphase.errors import SemphaseError
from semphase.measure.arrays import as_array


class All(Enum):
    """Every layer, head or position there is."""

    ALL = "ALL"

    def __repr__(self) -> str:
        return "ALL"


ALL = All.ALL


@dataclass(frozen=True, slots=True)
class Span:
    """A slice of each prompt's positions; negative ends count from the prompt's own end."""

    start: int | None
    stop: int | None
    step: int | None

    def __repr__(self) -> str:
        ends = [self.start, self.stop] + ([] if self.step is None else [self.step])
        return "[" + ":".join("" if end is None else str(end) for end in ends) + "]"


@dataclass(frozen=True, slots=True)
class Each:
    """One position for each prompt; negative ones count from the prompt's own end."""

    of_prompt: tuple[int, ...]

    def __repr__(self) -> str:
        shown = ", ".join(map(str, self.of_prompt[:6])) + (", …" if len(self.of_prompt) > 6 else "")
        return f"one each ({shown})"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Any positions of each prompt: the bits of a boolean array [item, position]."""

    shape: tuple[int, int]
    bits: bytes

    def __repr__(self) -> str:
        return f"mask[{self.shape[0]}, {self.shape[1]}] {hashlib.sha256(self.bits).hexdigest()[:8]}"

    @property
    def mask(self) -> Bool[np.ndarray, "item position"]:
        """The array itself."""
        flat = np.unpackbits(np.frombuffer(self.bits, np.uint8), count=self.shape[0] * self.shape[1])
        return flat.astype(bool).reshape(self.shape)


Positions = All | Literal["at"] | int | Span | Each | Chosen


def positions_of(given: Any) -> Positions:
    """What the user gave as `positions=`, in hashable form; SemphaseError for anything else."""
    if given is ALL or isinstance(given, Span | Each | Chosen):
        return given
    if isinstance(given, str):
        if given == "at":
            return "at"
        raise _unknown(given)
    if isinstance(given, slice | range):
        return _span(given)
    found = as_array(given)
    if found.ndim == 0 and found.dtype.kind in "iu":
        return int(found)
    if found.ndim == 1 and found.dtype.kind in "iu":
        return Each(tuple(found.tolist()))
    if found.ndim == 2 and found.dtype.kind == "b":
        return Chosen((found.shape[0], found.shape[1]), np.packbits(found).tobytes())
    raise _unknown(given)


def identity(positions: Positions) -> str:
    """A string that is the same for the same positions only."""
    if isinstance(positions, Each):
        return f"each{list(positions.of_prompt)}"
    if isinstance(positions, Chosen):
        return f"mask{list(positions.shape)}{hashlib.sha256(positions.bits).hexdigest()}"
    return repr(positions)


def one_each(positions: Positions) -> bool:
    """Whether there is exactly one position in each prompt, so that a reading needs no axis for it."""
    return positions == "at" or isinstance(positions, int | Each)


def require_prompts(positions: Positions, count: int, what: str) -> None:
    """SemphaseError, naming the site, for positions that are those of another number of prompts."""
    if isinstance(positions, Each | Chosen):
        given = len(positions.of_prompt) if isinstance(positions, Each) else positions.shape[0]
        if given != count:
            raise SemphaseError(
                f"the positions of {what} are for {given} prompts and there are {count}; give one for each."
            )


def in_prompt(positions: Positions, prompt: int, length: int, at: int, what: str) -> Bool[np.ndarray, " position"]:
    """Which positions of a prompt are meant; SemphaseError, naming the site, where one lies outside."""
    if isinstance(positions, Chosen):
        return _cut(_unpacked(positions)[prompt], length, prompt, what)
    return _row(positions, prompt, length, at, what)


@lru_cache(maxsize=4)
def _unpacked(positions: Chosen) -> Bool[np.ndarray, "item position"]:
    return positions.mask


def _row(positions: Positions, k: int, length: int, at: int, what: str) -> Bool[np.ndarray, " position"]:
    row = np.zeros(length, dtype=bool)
    if positions is ALL:
        row[:] = True
    elif isinstance(positions, Span):
        row[slice(positions.start, positions.stop, positions.step)] = True
    else:
        assert not isinstance(positions, Chosen | All)
        wanted = at if positions == "at" else positions.of_prompt[k] if isinstance(positions, Each) else int(positions)
        if not -length <= wanted < length:
            raise _outside(what, wanted, k, length)
        row[wanted] = True
    return row


def _cut(row: Bool[np.ndarray, " given"], length: int, k: int, what: str) -> Bool[np.ndarray, " kept"]:
    if row[length:].any():
        raise _outside(what, length + int(np.argmax(row[length:])), k, length)
    return np.pad(row[:length], (0, max(0, length - len(row))))


def _outside(what: str, position: int, prompt: int, length: int) -> SemphaseError:
    return SemphaseError(
        f"{what} means position {position} and prompt {prompt} has {length} tokens; positions count from 0, or from −1 "
        "backwards."
    )


def _span(given: slice | range) -> Span:
    ends = [None if end is None else int(end) for end in (given.start, given.stop, given.step)]
    if ends[2] is not None and ends[2] < 1:
        raise SemphaseError(f"{given} goes backwards; positions are sets, so give it with a positive step.")
    return Span(ends[0], ends[1], None if ends[2] == 1 else ends[2])


def _unknown(given: Any) -> SemphaseError:
    return SemphaseError(
        f'positions={given!r} is not understood; give ALL, "at", an integer, a slice, one integer for each prompt, '
        "or a boolean array [item, position]."
    )
