"""Heads given another form of attention than softmax (001, exp10 E–G), and what attention costs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr

from semphase.machine import hardware
from semphase.measure.edit_base import Edit
from semphase.measure.edits import zeroed
from semphase.measure.sites import heads as named_heads
from semphase.measure.timing import LENGTHS, attention_times
from semphase.measure.wiring import form as in_form
from semphase.science.heads.facet import Heads, numbers
from semphase.science.heads.rankings import (
    Curve,
    Order,
    at_registered,
    curve,
    curve_counts,
    order,
    own_order,
    random_order,
    ratios_of,
)
from semphase.science.heads.scaling import log_slopes, median_log_slopes, slope_estimate
from semphase.stats.blocks import BlockLosses, paired_test
from semphase.stats.estimate import Estimate
from semphase.stats.ratios import difference_estimate
from semphase.study.study import Study
from semphase.verdict.decision import Evidence

IDENTITY = ("identity", "identity-l1")
CROSSING = ("product", "threshold")
FURTHER = 0.10
CURVE_POINTS = 5
REPEATS = 9
"""Fixed before any time was taken; each goes through all lengths, and the slopes' interval is over them."""


def better_identity(heads: Heads) -> str:
    """Raw or L1-normalised scores: the form with the lower loss at the registered count, on the choosing half.

    In a universe it can be the other one.
    """
    better = _lowest(heads, IDENTITY, {form: own_order(heads, form) for form in IDENTITY})
    return _other(IDENTITY, better) if heads.study.choice("identity") == "other" else better


def better_crossing(heads: Heads, by: Order) -> str:
    """Product or threshold: the form with the lower loss for the registered heads of an order, on the choosing half.

    In a universe it can be the other one.
    """
    better = _lowest(heads, CROSSING, dict.fromkeys(CROSSING, by))
    return _other(CROSSING, better) if heads.study.choice("crossing") == "other" else better


def _other(forms: tuple[str, str], form: str) -> str:
    return forms[1 - forms.index(form)]


def _lowest(heads: Heads, forms: Sequence[str], orders: dict[str, Order]) -> str:
    found = [float(at_registered(heads, orders[form], form, "choose").values[0]) for form in forms]
    return forms[int(np.argmin(found))]


def replaced(heads: Heads, by: Order, form: str) -> BlockLosses:
    """Losses on the judging half with the registered share of an order's heads in another form."""
    return heads.joint(numbers(by[: heads.registered_count], form), "judge")


def loss_saved(heads: Heads, by: Order, form: str, other: str) -> Evidence:
    """Loss with the registered heads in one form less that in another.

    Chunks of the judging half are the units; in a universe it can be their blocks.
    """
    one, another = (replaced(heads, by, own) for own in (form, other))
    if heads.study.choice("units") != "blocks":
        chunks = len(heads.text.chunks("judge"))
        one, another = one.in_runs(chunks), another.in_runs(chunks)
    effect = difference_estimate(one.sums - another.sums, one.counts)
    return Evidence(
        effect, 1.0 if effect.lacks else paired_test(one.sums, another.sums, one.counts, seed=heads.study.seed)
    )


def pruned_and_linear(heads: Heads, removed: Order, linear: Order, form: str, ablation: str = "zero") -> dict[int, str]:
    """The registered share of heads ablated, and of those left ⌊0.10 · heads⌋ more in another form."""
    pruned = numbers(removed[: heads.registered_count], ablation)
    left = [int(head) for head in linear if int(head) not in pruned]
    return pruned | numbers(left[: math.floor(FURTHER * heads.total)], form)


def lightened(heads: Heads) -> tuple[Edit, ...]:
    """The edits of `linear.pruned-and-linear`: heads zeroed in the order of `heads.removable`, others linearised."""
    form = better_identity(heads)
    return _edits(heads, pruned_and_linear(heads, order(heads, "single", "zero"), order(heads, "single", form), form))


def lightened_at_random(heads: Heads) -> tuple[Edit, ...]:
    """As many heads zeroed and in the same form, drawn at random."""
    chance = random_order(heads)
    return _edits(heads, pruned_and_linear(heads, chance, chance, better_identity(heads)))


def _edits(heads: Heads, assignment: dict[int, str]) -> tuple[Edit, ...]:
    per_layer = heads.study.tokenizing_model.heads
    pairs = {
        kind: [divmod(head, per_layer) for head, own in assignment.items() if own == kind]
        for kind in dict.fromkeys(assignment.values())
    }
    zeroing = zeroed(named_heads(pairs.pop("zero")))
    return (zeroing, *(in_form(named_heads(own), kind) for kind, own in pairs.items()))


def form_curves(heads: Heads) -> list[Curve]:
    """Curves of every form in its own order; the forms that choose no order of their own follow the nearest one's."""
    orders = {form: order(heads, "single", form) for form in (*IDENTITY, "relu")}
    followed = {"absolute": orders["relu"], **dict.fromkeys(CROSSING, orders[better_identity(heads)])}
    every = {**orders, **followed}
    counts = curve_counts(heads, CURVE_POINTS)
    heads.joints([numbers(by[:count], form) for form, by in every.items() for count in counts], "judge")  # together
    return [curve(heads, form, by, form, points=CURVE_POINTS) for form, by in every.items()]


def form_ratios(heads: Heads, by: Order, forms: Sequence[str]) -> dict[str, object]:
    """Ratios of several forms for the same heads, the registered share of an order."""
    sets = [numbers(by[: heads.registered_count], form) for form in forms]
    found = ratios_of(heads, sets)
    return {form: found.estimate(i) for i, form in enumerate(forms)}


def cost_slope(study: Study, form: str) -> Estimate:
    """With which power of the length a form's time grows.

    A universe leaves out the shortest length or the first repeat, or takes the median of the slopes between lengths.
    """
    seconds = attention_cost(study)["seconds"].sel(form=form).transpose("length", "repeat")
    if study.choice("lengths") == "without the shortest":
        seconds = seconds.isel(length=slice(1, None))
    if study.choice("repeats") == "without the first":
        seconds = seconds.isel(repeat=slice(1, None))
    slopes = median_log_slopes if study.choice("slope") == "Theil-Sen" else log_slopes
    return slope_estimate(seconds["length"].values, seconds.values, slopes)


def attention_cost(study: Study) -> xr.Dataset:
    """Seconds and FLOPs of causal attention by length, of as many heads as a layer has; kept for this machine."""
    model = study.model
    config = model.module.config.get_text_config()
    d_head = getattr(config, "head_dim", None) or model.d_model // model.heads
    key = {
        "measurement": "attention times",
        "hardware": hardware(),
        "device": str(model.device),
        "dtype": str(model.dtype),
        "heads": model.heads,
        "d_head": d_head,
        "lengths": LENGTHS,
        "repeats": REPEATS,
        "seed": study.seed,
    }

    def measure() -> xr.Dataset:
        with study.progress(f"attention times up to {LENGTHS[-1]} tokens", 1) as advance:
            found = attention_times(model.heads, d_head, LENGTHS, REPEATS, model.device, model.dtype, study.seed)
            advance(1)
        return found

    return study.store.get(key, measure)
