"""Several studies seen as one: what claims that compare models receive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from semphase.errors import SemphaseError
from semphase.study import description

if TYPE_CHECKING:
    from semphase.data.lexicon import Lexicon
    from semphase.models import Model
    from semphase.study.study import Study
    from semphase.verdict.universe import Universe


@dataclass(frozen=True, slots=True)
class JointStudy:
    """The studies of the models of a run, in the order of the command line; one, several, or none for an audit.

    `roles` names the places in `each` of models that play a role: `study["base"]` is the study of that model.
    """

    each: tuple[Study, ...]
    roles: tuple[tuple[str, int], ...] = ()

    def __getitem__(self, role: str) -> Study:
        """The study of the model in a role; raises `SemphaseError` for a role that no model of the run plays."""
        places = dict(self.roles)
        if role not in places:
            raise SemphaseError(
                f"no model plays the role {role!r} here: declare it with @claim(models=…) and give --model {role}=NAME."
            )
        return self.each[places[role]]

    @property
    def models(self) -> tuple[Model, ...]:
        """The models."""
        return tuple(study.model for study in self.each)

    @property
    def label(self) -> str:
        """The models' names joined with "+"."""
        return "+".join(model.name for model in self.models)

    @property
    def twins(self) -> tuple[str, str] | None:
        """The names of two models that hold the same weights, so that comparing them says nothing; None as a rule."""
        # Torch, which a joint study of no models does without.
        from semphase.models.alike import twins

        return twins(self.models)

    def provenance(self) -> dict[str, Any]:
        """What the report says about where the numbers come from."""
        notices = [notice for study in self.each for notice in study.store.notices]
        first = self.each[0]
        return description.provenance(self.models, first.corpus, lambda: len(first.tokens), self.lexicon, notices)

    @property
    def by_size(self) -> tuple[Study, ...]:
        """The studies ordered by the number of parameters."""
        return tuple(sorted(self.each, key=lambda study: study.model.parameters))

    @property
    def lexicon(self) -> Lexicon:
        """The lexicon, the same for all."""
        return self.each[0].lexicon

    @property
    def registered(self) -> bool:
        """Are these the studies of the registered analysis, not of a universe?"""
        return all(study.registered for study in self.each)

    @property
    def untrained(self) -> tuple[JointStudy, ...]:
        """Joint studies of untrained copies: the copies of one seed together."""
        copies = zip(*(study.untrained for study in self.each), strict=True)
        return tuple(JointStudy(each, self.roles) for each in copies)

    def in_universe(self, universe: Universe) -> JointStudy:
        """The same of the studies that a universe makes of these."""
        return JointStudy(tuple(own.in_universe(universe) for own in self.each), self.roles)

    @property
    def budget(self) -> object:
        """The budget, the same for all."""
        return self.each[0].budget
