"""What registration freezes of a claim: its rule, and the code that judges it, each as a hash."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from semphase.code import claim_hash
from semphase.errors import SemphaseError
from semphase.verdict.claim import Claim

PHENOMENA = ("semphase.science",)
"""Packages of semphase whose functions count as a claim's own: they make its statistics and its controls."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """A claim with the hashes of its rule and of its code."""

    claim: Claim
    rule: str
    code: str

    @property
    def id(self) -> str:
        """The claim's."""
        return self.claim.id


def frozen(claim: Claim, test: Callable[..., Any]) -> Frozen:
    """The claim that a test judges, as registration sees it.

    The code is the test, the project's functions that it calls, and those of `semphase.science`, without comments,
    docstrings and the decorator that declares the claim. Raises SemphaseError where a source cannot be read.
    """
    try:
        return Frozen(claim, claim.fingerprint(), claim_hash(test, claim.id, PHENOMENA))
    except SemphaseError as problem:
        raise SemphaseError(f"{claim.id} cannot be registered: {problem}") from problem
    except Exception as problem:
        # What a test reaches can be anything.
        raise SemphaseError(f"{claim.id} cannot be registered: its code cannot be hashed ({problem!r}).") from problem
