"""Scope: how what a run measured on relates to what the claim's source measured on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from semphase.verdict.claim import QUANTITIES, Claim, Published

Kind = Literal["as published", "other model", "reduced", "other data", "unstated"]


@dataclass(frozen=True, slots=True)
class Scope:
    """The kind that limits a reading most: other data, then nothing stated, less of it, another model.

    `ratios` holds run over published for every quantity of the setting that the run had less of.
    """

    kind: Kind
    ratios: Mapping[str, float] = field(default_factory=dict)


def scope_of(claim: Claim, label: str, measured: Mapping[str, float], replaced: Collection[str] = ()) -> Scope:
    """The scope of a claim judged on the models of a label, on so much of each quantity.

    `replaced` names the sets that the user's prompts took the place of. A quantity that either side is silent about does
    not count.
    """
    source = reported(claim, label)
    setting = source[1].setting if source else {}
    ratios = dict(_ratios(setting, measured))
    if replaced:
        return Scope("other data", ratios)
    if source is None or not setting:
        return Scope("unstated")
    if ratios:
        return Scope("reduced", ratios)
    same = models_of(str(setting.get("model", source[0]))) == models_of(label)
    return Scope("as published" if same else "other model")


def reported(claim: Claim, label: str) -> tuple[str, Published] | None:
    """What the source reported on these models, else what it reported first, with the models; None if nothing."""
    first = next(iter(claim.published.items()), None)
    own = (found for found in claim.published.items() if models_of(found[0]) == models_of(label))
    return next(own, first)


def models_of(label: str) -> frozenset[str]:
    """The models that a label joins with "+"; their order says nothing."""
    return frozenset(label.split("+"))


def _ratios(setting: Mapping[str, str | int], measured: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    for name in QUANTITIES:
        stated, own = setting.get(name), measured.get(name)
        if isinstance(stated, int) and own is not None and own < stated:
            yield name, own / stated
