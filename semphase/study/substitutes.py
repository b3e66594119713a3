"""Sets of prompts that the user gave in place of the claims' own, by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from semphase.data.prompts import Prompts
from semphase.errors import SemphaseError


@dataclass(eq=False)
class Substitutes:
    """The user's sets; the names of those that took a claim's place, once for each time, and of all that were asked for."""

    sets: dict[str, Prompts] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)

    @classmethod
    def load(cls, paths: Iterable[Path]) -> Substitutes:
        """The sets in some files; SemphaseError for a file that cannot be read, and for two sets of one name."""
        sets: dict[str, Prompts] = {}
        for path in paths:
            prompts = Prompts.load(path)
            if prompts.name in sets:
                raise SemphaseError(
                    f"{path} has prompts named {prompts.name!r}, and so has another --prompts; keep one."
                )
            sets[prompts.name] = prompts
        return cls(sets)

    def replaces(self, prompts: Prompts) -> bool:
        """Did the user give another set of that name?"""
        whole = prompts.origin or prompts
        own = self.sets.get(whole.name)
        return own is not None and own.sha256 != whole.alone.sha256

    def chosen(self, prompts: Prompts) -> Prompts:
        """The user's set of that name, else the set itself; the same for its partner.

        Raises SemphaseError for a part of a set that was replaced: it has to be chosen before it is divided.
        """
        whole = prompts.origin or prompts
        self.asked.add(whole.name)
        found = prompts
        if self.replaces(prompts):
            if whole is not prompts:
                raise SemphaseError(
                    f"--prompts replaces {whole.name!r}, of which the claim uses a part; take study.chosen(prompts) before "
                    "it is divided."
                )
            found = self.sets[whole.name]
        if prompts.partner is not None:
            found = found.alone.paired(self.chosen(prompts.partner))
        if found != prompts:
            self.used.append(prompts.name)
        return found
