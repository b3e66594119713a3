"""Who the models of a test are, whatever somebody called their folders: what expectations and sources go by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from semphase.models.catalogue import known_as
from semphase.plugin.collect import label_of, models_of


@dataclass(frozen=True, slots=True)
class Known:
    """The models' label for records, and the SHA-256 of their weights where a name alone says nothing, else empty.

    `published` is the label for what sources say: in it, a model of one's own has no name that a source could have.
    """

    label: str
    weights: str
    published: str


def known_of(item: pytest.Item, study: Any) -> Known:
    """The models of an item's study, None where it has none."""
    models = getattr(study, "models", ())
    names = models_of(item)
    if not models or len(names) != len(models):
        return Known(label_of(item), "", label_of(item))
    known = [known_as(name, model.sha256) for name, model in zip(names, models, strict=True)]
    pairs = list(zip(known, models, strict=True))
    return Known(
        label="+".join(own or model.name for own, model in pairs),
        weights="" if all(known) else "+".join(model.sha256 for model in models),
        published="+".join(own or f"the weights {model.sha256[:12]}" for own, model in pairs),
    )
