"""The universes that have a name: what an analyst of these measurements could have chosen as well.

Each sets choices that a study's facets ask for by `study.choice`; a claim lists those that apply to its analysis.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from typing import Any

from semphase.code import of_package
from semphase.errors import SemphaseError
from semphase.verdict.universe import Universe

CHOICES: Mapping[str, Mapping[str, Any]] = {
    "h from the step": {"h": "step"},
    "projection": {"overlap": "projection"},
    "final norm": {"stream": "final norm"},
    "processed weights": {"stream": "centred"},
    "4 words": {"words": 4},
    "9 words": {"words": 9},
    "Spearman": {"correlation": "Spearman"},
    "position 0 left out": {"positions": "without 0"},
    "mean ablation": {"ablation": "mean"},
    "zero ablation": {"ablation": "zero"},
    "basis-free": {"form": "basis-free"},
    "first block left out": {"blocks": "without 0"},
    "chunks as units": {"units": "chunks"},
    "blocks as units": {"units": "blocks"},
    "all positive values": {"cut-off": "smallest"},
    "Δloss": {"importance": "Δloss"},
    "analysis of variance": {"test": "analysis of variance"},
    "trend over layers": {"test": "trend"},
    "other identity form": {"identity": "other"},
    "other crossing": {"crossing": "other"},
    "without greedy orders": {"rules": ("single", "gradient")},
    "order of zero-ablation": {"order": "zero"},
    "shortest length left out": {"lengths": "without the shortest"},
    "first repeat left out": {"repeats": "without the first"},
    "Theil-Sen slope": {"slope": "Theil-Sen"},
    "without the smallest size": {"sizes": "without the smallest"},
    "without the largest size": {"sizes": "without the largest"},
    "nonlinear fit": {"fit": "nonlinear"},
    "arithmetic mean over seeds": {"seeds": "arithmetic mean"},
    "last epoch": {"epoch": "last"},
    "while training": {"epoch": "while training"},
    "documents exchanged": {"documents": "exchanged"},
    "all documents": {"documents": "all"},
    "whole iterations": {"iterations": "whole"},
    "contexts of the other split": {"contexts": "other split"},
    "answer anywhere": {"scoring": "anywhere"},
    "first word alone": {"scoring": "first word"},
    "majority of samples": {"sample": "majority"},
    "likeliest in sum": {"sample": "likeliest in sum"},
    "two rounds": {"rounds": 2},
    "without the hardest task": {"tasks": "without the hardest"},
    "centred in each layer": {"heads": "centred in each layer"},
    "Pearson": {"correlation": "Pearson"},
    "second half of the text": {"text": "second half"},
    "norms about the mean": {"norm": "about the mean"},
    "first layer left out": {"layers": "without 0"},
    "blocks of 20 positions": {"block": 20},
}
"""By what is stored already."""
OF_PASSES: Mapping[str, Mapping[str, Any]] = {
    "BOS the other way": {"bos": "other"},
    "halves exchanged": {"half": "other"},
    "chunks of half the length": {"chunk": 0.5},
    "gradient × activation": {"effects": "gradient"},
    "greedy order": {"order": "greedy"},
    "inputs of unit length": {"inputs": "unit length"},
    "normalised head": {"head": "normalised"},
    "start of SD 1": {"start": 1.0},
    "carried without noise": {"carried": "without noise"},
    "settled contexts": {"contexts": "settled"},
    "patience 5": {"patience": 5},
    "other samples": {"samples": "other"},
    "components not centred": {"heads": "not centred"},
    "heads of unit norm": {"heads": "unit norm"},
    "K rounded up": {"components": "rounded up"},
    "k-means started again": {"clustering": "started again"},
    "Ward's clusters": {"clustering": "Ward"},
    "k = 1/3 of the heads": {"clusters": 1 / 3},
    "2,000 positions": {"positions of moments": 2000},
    "covariance not centred": {"moments": "about zero"},
    "held-out positions": {"reconstructed": "judge"},
    "the next 500 positions": {"tokens": "next 500"},
}
"""By forward passes of their own, wherever more than weights is read."""


def universe(given: Any) -> Universe:
    """A universe by its name, or by a function from a study to a study, which names it.

    Raises SemphaseError for a name that is not known and for a function without one.
    """
    if isinstance(given, Universe):
        return given
    if isinstance(given, str):
        if given not in {**CHOICES, **OF_PASSES}:
            raise SemphaseError(f"there is no universe {given!r}; choose {', '.join([*CHOICES, *OF_PASSES])}.")
        return Universe(given, partial(_varied, **{**CHOICES, **OF_PASSES}[given]), passes=given in OF_PASSES)
    if not inspect.isfunction(given) or given.__name__ == "<lambda>":
        raise SemphaseError(f"{given!r} is no universe: give a name, or a function from a study to a study.")
    return Universe(given.__name__.replace("_", " "), given, passes=True)


def goes_by_its_name(own: Universe) -> bool:
    """Is it one of semphase, whose name says all, with nothing that somebody else chose?"""
    if not isinstance(own.of, partial):
        return inspect.isfunction(inspect.unwrap(own.of)) and of_package(own.of)
    choices = {**CHOICES, **OF_PASSES}.get(own.name)
    return own.of.func is _varied and not own.of.args and own.of.keywords == choices


def _varied(study: Any, **choices: Any) -> Any:
    return study.varied(**choices)
