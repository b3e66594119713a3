"""How many tokens a second a model writes when it is lightened, beside the same model as it is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr

from semphase.errors import NotApplicable
from semphase.machine import hardware
from semphase.measure.decoding_speed import cost_of, decoding_rates
from semphase.measure.edit_base import Edit, identity_of
from semphase.science.recovery.spending import SETTINGS, name_of
from semphase.stats.estimate import Estimate
from semphase.stats.median import median
from semphase.study.study import Study

STEPS = 4
REPEATS = 9
"""The fewest whose second lowest and second highest value hold the median in 95 % of cases."""
KINDS = ("unmodified", "lightened")


def rates(study: Study, lightened: Sequence[Edit]) -> xr.Dataset:
    """Tokens per second (setting, kind, repeat); kept for this machine. NotApplicable where the context is too short."""
    model = study.model
    longest = max(context for _, context in SETTINGS)
    if model.context < longest:
        raise NotApplicable(f"{model.name} reads {model.context} tokens, and speed is taken at {longest}")
    key = study.subject.identity | {
        "measurement": "decoding rates",
        "version": 2,
        "hardware": hardware(),
        "device": str(model.device),
        "edits": identity_of(lightened),
        "settings": SETTINGS,
        "steps": STEPS,
        "repeats": REPEATS,
        "seed": study.seed,
    }

    def measure() -> xr.Dataset:
        edits = {"unmodified": (), "lightened": lightened}
        with study.progress(f"tokens per second of {study.label}", len(SETTINGS) * (REPEATS + 1)) as advance:
            found = [
                decoding_rates(model, edits, batch, context, STEPS, REPEATS, study.seed, advance)
                for batch, context in SETTINGS
            ]
        dims = ("setting", "kind", "repeat")
        return xr.Dataset(
            {"rate": (dims, np.stack(found), {"unit": "tokens per second"})},
            coords={"setting": [name_of(*own) for own in SETTINGS], "kind": list(KINDS)},
        )

    return study.store.get(key, measure)


def ratio(found: xr.Dataset, setting: str) -> Estimate:
    """The median over interleaved runs of the lightened model's rate over the unmodified one's.

    Both ends are order statistics, which hold the median whatever the distribution.
    """
    own = found["rate"].sel(setting=setting)
    values = (own.sel(kind="lightened") / own.sel(kind="unmodified")).values
    return median(values, over="repeats", unit="ratio", within=(0, math.inf))


def flops_ratios(study: Study, lightened: Sequence[Edit]) -> dict[str, float]:
    """FLOPs of a token at the end of each context, lightened over unmodified."""
    contexts = sorted({context for _, context in SETTINGS})
    costs = [cost_of(study.model, edits, contexts[-1]) for edits in (lightened, ())]
    light, own = ([cost.fixed + cost.per_key * n for n in contexts] for cost in costs)
    return {f"context {n}": a / b for n, a, b in zip(contexts, light, own, strict=True)}
