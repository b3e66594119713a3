"""The CVFP language model: which configuration predicts best, and what it owes to token input (003, 004 §1 and §5).

Nine configurations, layers 1–3 by input tokens 1–3, at 50, 100, 200 and 500 documents (at `quick` 12, 24 and 48).
Perplexities are geometric means over seeds; the best PPL of a configuration is its lowest over the sizes: the first half
of the validation documents chooses the size, the second judges.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from semphase import (
    TEXT,
    Estimate,
    Judge,
    NotApplicable,
    Published,
    Study,
    above,
    at_least,
    below,
    claim,
)
from semphase.science.audit.published import stated
from semphase.science.cvfp import evidence as cvfp
from semphase.science.cvfp import facet, figures, grids, orderings, trainings
from semphase.science.cvfp import universes as other
from semphase.stats.ranges import POSITIVE, SHARE

MATRIX = stated("003", "matrix")
UNTRAINED = "untrained context block"
UNITS = "each validation document and each seed left out, of all trainings at once"
CHOSEN = "sizes chosen on the first half of the validation documents and judged on the second"
ONE, TWO, THREE = 0, 1, 2
LARGEST = -1


@claim(
    "cvfp.two-token-best",
    statement="one layer, two tokens has the best PPL",
    criterion="lowest best-PPL of nine",
    parts=above(0, "lead over the next"),
    estimator=f"every other best log validation PPL less that of one layer, two tokens, each with its own bounds; {CHOSEN}; "
    f"{UNITS}",
    unit="nats",
    source="003",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "189.4", MATRIX)},
    data=TEXT,
    universes=other.BEST,
)
def test_two_token_best(study: Study, judge: Judge) -> None:
    def lead(measured: grids.Measured) -> Estimate:
        _, judged = measured.best
        leads = judged.of(lambda best: orderings.leads_of(best.reshape(*best.shape[:-2], 9), 3 * ONE + TWO))
        return leads.smallest("lead over each rival", unit="nats")

    judge(**cvfp.on_matrix(study, lead, lambda: maps(study)), figures=[figures.cvfp_maps])


@claim(
    "cvfp.depth-unneeded",
    statement="one layer suffices",
    criterion="best PPL of one layer ≤ best of three layers",
    parts=at_least(0, "saving"),
    estimator=f"lowest log validation PPL of three layers less that of one layer; input tokens and {CHOSEN}; {UNITS}",
    unit="nats",
    source="003",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "189.4, 193.7", MATRIX)},
    data=TEXT,
    universes=other.BEST,
)
def test_depth_unneeded(study: Study, judge: Judge) -> None:
    def saving(measured: grids.Measured) -> Estimate:
        chosen, judged = measured.best
        one, three = (int(chosen.point[layers].argmin()) for layers in (ONE, THREE))
        return judged.of(lambda best: best[..., THREE, three] - best[..., ONE, one]).smooth("saving", unit="nats")

    judge(**cvfp.on_matrix(study, saving, lambda: maps(study)), figures=[figures.cvfp_maps])


@claim(
    "cvfp.three-token-plateau",
    statement="the third token adds little",
    criterion="mean gain 2→3 tokens < 25 % of the gain 1→2, which is above 0",
    parts=(above(0, "gain 1→2"), below(0, "gain 2→3 less a quarter of gain 1→2")),
    estimator=f"best validation PPL, mean over layers; gains are falls of it from fewer to more input tokens; {CHOSEN}; "
    f"{UNITS}",
    unit="PPL",
    source="003",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "qualitative", MATRIX)},
    data=TEXT,
    universes=other.BEST,
)
def test_three_token_plateau(study: Study, judge: Judge) -> None:
    def gains(measured: grids.Measured) -> trainings.Jackknifed:
        _, judged = measured.best
        return judged.of(lambda best: orderings.falls(np.exp(best).mean(axis=-2)))

    def evidence(measured: grids.Measured) -> dict[str, Estimate]:
        own = gains(measured)
        excess = own.of(lambda gain: gain[..., 1] - 0.25 * gain[..., 0])
        return {
            "gain 1→2": own.at((0,)).smooth("gain 1→2", unit="PPL"),
            "gain 2→3 less a quarter of gain 1→2": excess.smooth("gain 2→3 less a quarter of gain 1→2", unit="PPL"),
        }

    def detail() -> dict[str, Any]:
        third = gains(study.facet(facet.Cvfp).matrix).at((1,))
        return {"gain 2→3": third.smooth("gain 2→3", unit="PPL"), **maps(study)}

    judge(**cvfp.on_matrix(study, evidence, detail), figures=[figures.cvfp_maps])


@claim(
    "cvfp.train-ppl-falls-with-tokens",
    statement="more input tokens express more",
    criterion="training PPL at the largest size falls with tokens at every depth",
    parts=above(0, "smallest fall"),
    estimator="log training PPL with the best epoch's parameters; its falls from one number of input tokens to the "
    "next at every depth, each with its own bounds; each training document (trainings as they were) and each seed left out",
    unit="nats",
    source="003",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "“consistently”", MATRIX)},
    data=TEXT,
    universes=("while training", "arithmetic mean over seeds", "without the largest size", *other.EMBEDDING),
)
def test_train_ppl_falls_with_tokens(study: Study, judge: Judge) -> None:
    def fall(measured: grids.Measured) -> Estimate:
        return measured.training_log_ppl.of(orderings.falls).smallest("falls of log training PPL", unit="nats")

    def detail() -> dict[str, Any]:
        matrix = study.facet(facet.Cvfp).matrix
        return {"training PPL": matrix.table(matrix.training_log_ppl.of(np.exp), "training PPL", POSITIVE)}

    judge(**cvfp.on_matrix(study, fall, detail))


@claim(
    "cvfp.width-unneeded",
    statement="doubling the context width is not needed",
    criterion="one layer at width d, two tokens: PPL below three layers at width 2d, two tokens",
    parts=above(0, "saving"),
    estimator=f"log validation PPL at the largest size, three layers at width 2d less one layer at width d; {UNITS}",
    unit="nats",
    source="003",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "189.4 < 197.0", MATRIX)},
    data=TEXT,
    universes=("arithmetic mean over seeds", "last epoch", *other.EMBEDDING),
)
def test_width_unneeded(study: Study, judge: Judge) -> None:
    def saving(matrix: grids.Measured, wide: grids.Measured) -> Estimate:
        narrow, other = matrix.log_ppl.at((ONE, TWO, LARGEST)), wide.log_ppl.at((0, 0, LARGEST))
        return trainings.combined(np.subtract, other, narrow).smooth("saving", unit="nats")

    made = cvfp.on_grids(
        study,
        saving,
        lambda own: (own.matrix, own.wide),
        lambda own: (own.reservoir, own.wide_reservoir),
        lambda: {"three layers at 2d": cvfp.perplexities(study.facet(facet.Cvfp).wide)},
    )
    judge(**made)


@claim(
    "cvfp.token-in-every-layer",
    statement="feeding the token to every layer is essential",
    criterion="PPL at least 20 % below the first-layer-only variant, same data",
    parts=at_least(0.2, "share of PPL saved", within=(-math.inf, 1)),
    estimator="three layers, one token at the largest size: 1 − validation PPL with the token in every layer over PPL "
    f"with the token in the first layer only, everything else equal; {UNITS}",
    source="004 §1",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "334 against 536", stated("004", "§1"))},
    data=TEXT,
    universes=("arithmetic mean over seeds", "last epoch", "without the largest size", *other.EMBEDDING),
)
def test_token_in_every_layer(study: Study, judge: Judge) -> None:
    def saved(matrix: grids.Measured, first: grids.Measured) -> Estimate:
        every, only = matrix.log_ppl.at((THREE, ONE, LARGEST)), first.log_ppl.at((0, 0, LARGEST))
        saving = trainings.combined(lambda a, b: 1 - np.exp(a - b), every, only)
        return saving.smooth("share of PPL saved", within=(-math.inf, 1))

    def detail() -> dict[str, Any]:
        trained = study.facet(facet.Cvfp)
        every, first = trained.matrix, trained.first_only
        return {"PPL by size": cvfp.perplexities(every), "first layer only": cvfp.perplexities(first)}

    made = cvfp.on_grids(
        study,
        saved,
        lambda own: (own.matrix, own.first_only),
        lambda own: (own.reservoir, own.first_only_reservoir),
        detail,
    )
    judge(**made)


@claim(
    "cvfp.early-stopping",
    statement="the accuracy dip at 500 documents is early stopping",
    criterion="with patience ≥ 3, validation accuracy at the largest size ≥ at the next smaller; where with patience 1 it "
    "is lower",
    parts=at_least(0, "gain in accuracy", within=(-1, 1)),
    estimator="three layers, one token in the first layer only, as where the dip was seen: validation accuracy with the "
    "best epoch's parameters at the largest size less that at the next smaller, patience 3, on the second half of the "
    "validation documents; applies where the same with patience 1 lies below 0 on the first half, by its interval; "
    f"{UNITS}",
    source="004 §5",
    control="none: patience 1, with which the dip was seen, is the condition under which the claim applies",
    cost="minutes",
    data=TEXT,
    universes=("documents exchanged", "all documents", "patience 5", *other.EMBEDDING),
)
def test_early_stopping(study: Study, judge: Judge) -> None:
    def gain(measured: grids.Measured, half: slice) -> Estimate:
        gains = measured.accuracy(half).at((0, 0)).of(lambda accuracy: accuracy[..., -1] - accuracy[..., -2])
        return gains.smooth("gain in accuracy", cut=(-1, 1))

    patient, hasty = study.facet(facet.Cvfp).patient, study.facet(facet.Cvfp).first_only
    first, second = patient.halves
    dip = gain(hasty, first)
    if dip.high >= 0 or dip.lacks:
        raise NotApplicable(f"no dip to explain: with patience 1 accuracy changes by {dip}")
    detail = study.facet(facet.Cvfp).reading | {
        "gain with patience 1": gain(hasty, second),
        "accuracy by size": {
            name: own.table(own.accuracy(), "accuracy", SHARE)
            for name, own in (("patience 3", patient), ("patience 1", hasty))
        },
        "epochs by size and seed": {"patience 3": patient.epochs, "patience 1": hasty.epochs},
    }
    judge(gain(patient, second), detail=detail)


def maps(study: Study) -> dict[str, Any]:
    """For a figure: the best perplexity of every configuration."""
    return {"maps": cvfp.best_perplexities(study.facet(facet.Cvfp).matrix)}
