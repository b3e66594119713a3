"""Universes: defensible variants of a claim's analysis, registered before they are run (Steegen et al. 2016).

The claim is judged again in each, without its control.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from semphase.code import code_hash, of_package, require_plain
from semphase.errors import NotApplicable, SemphaseError
from semphase.stats.estimate import Estimate

UNMOVED = "the same numbers: it changes nothing here"


@dataclass(frozen=True, slots=True)
class Universe:
    """A variant by name; `of` makes of the run's study the one that this variant is judged on.

    `passes` says that it needs forward passes of its own, measured once for all claims that share it.
    """

    name: str
    of: Callable[[Any], Any]
    passes: bool = False

    @property
    def identity(self) -> dict[str, Any]:
        """What a key of the store knows it by: its name, and what it does; SemphaseError where that has no name."""
        if isinstance(self.of, partial):
            own = {"choices": _told(self.of)} if of_package(self.of.func) else {"code": code_hash(self.of)}
            return {"name": self.name} | own
        require_plain(self.of, "a key")
        return {"name": self.name, "code": code_hash(self.of)}

    @property
    def key(self) -> Hashable:
        """What tells it within a run from every other, also from one of the same name."""
        function = self.of.func if isinstance(self.of, partial) else self.of
        return self.name, function, _told(self.of) if isinstance(self.of, partial) else None

    def made_of(self, study: Any) -> Any:
        """What its function makes of a study; SemphaseError for one that takes something else, or breaks."""
        try:
            inspect.signature(self.of).bind(study)
        except TypeError as problem:
            raise SemphaseError(
                f"its function is given one argument, the study ({problem}): take it, and no other."
            ) from None
        except ValueError:  # a function in C need not tell what it takes
            pass
        try:
            return self.of(study)
        except (SemphaseError, NotApplicable):
            raise
        except (Exception, SystemExit) as problem:  # it is somebody else's code, which may raise anything
            last = traceback.extract_tb(problem.__traceback__)[-1]
            told = " ".join(traceback.format_exception_only(problem)[-1].split())
            raise SemphaseError(f"its function broke: {told} ({Path(last.filename).name}:{last.lineno}).") from problem


def _told(of: partial[Any]) -> str:
    return repr((of.args, sorted(of.keywords.items())) if of.args else sorted(of.keywords.items()))


@dataclass(frozen=True, slots=True)
class Found:
    """What a claim came to in one universe: the verdict, the rule on bare values, the deciding estimate.

    `reason` says why it is not applicable, or that nothing moved; either is left out of every count.
    """

    name: str
    verdict: Literal["supported", "refuted", "inconclusive", "not-applicable"]
    point: bool | None = None
    estimate: Estimate | None = None
    reason: str = ""

    @property
    def counts(self) -> bool:
        """Is it another analysis of the same claim?"""
        return self.verdict != "not-applicable" and self.reason != UNMOVED
