"""What a study's numbers depend on, in the types that JSON knows."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from semphase.study.joint import JointStudy
from semphase.study.measuring import tokenizer_hash
from semphase.study.unread import Unread

if TYPE_CHECKING:
    from semphase.study.study import Study


def identity_of(study: Study | JointStudy) -> dict[str, Any]:
    """Models with their roles and names, data, budget, seed, memory and the user's prompts; not what the code is."""
    roles = study.roles if isinstance(study, JointStudy) else ()
    return {"studies": [_of_one(own) for own in study.each], "roles": [list(pair) for pair in roles]}


def _of_one(study: Study) -> dict[str, Any]:
    return {
        "model": study.subject.identity,
        "name": study.label,
        "tokenizer": tokenizer_hash(study.tokenizing_model),
        "corpus": None if isinstance(study.corpus, Unread) else [study.corpus.name, study.corpus.sha256],
        "lexicon": None if isinstance(study.lexicon, Unread) else study.lexicon.sha256,
        "budget": asdict(study.budget),
        "seed": study.seed,
        "memory": study.memory,
        "prompts": {name: prompts.sha256 for name, prompts in study.substitutes.sets.items()},
    }
