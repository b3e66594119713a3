"""The CVFP language model: which configuration predicts best, and what it owes to token input (003, 004 §1 and §5).

Nine configurations, layers 1–3 by input tokens 1–3, at 50, 100, 200 and 500 documents. Perplexities are geometric
means over seeds; the best PPL of a configuration is its lowest over the sizes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from semphase import (
    TEXT,
    Judge,
    Published,
    Study,
    above,
    at_least,
    below,
    claim,
)
from semphase.science.cvfp import evidence as cvfp
from semphase.science.cvfp import facet, figures, grids, orderings, trainings

UNTRAINED = "untrained context block"
DRAWS = "validation documents resampled, the same for all trainings, and seeds of each configuration"
ONE, TWO, THREE = 0, 1, 2
LARGEST = -1


@claim(
    "cvfp.two-token-best",
    statement="one layer, two tokens has the best PPL",
    criterion="lowest best-PPL of nine",
    parts=above(0, "lead over the next"),
    estimator=f"lowest other best log validation PPL less that of one layer, two tokens; {DRAWS}",
    unit="nats",
    source="003",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "189.4")},
    data=TEXT,
)
def test_two_token_best(study: Study, judge: Judge) -> None:
    def lead(measured: grids.Measured) -> trainings.Drawn:
        return measured.best.of(
            lambda best: orderings.lead_of_smallest(best.reshape(*best.shape[:-2], 9), 3 * ONE + TWO)
        )

    judge(**cvfp.margins_on_matrix(study, lead, maps=best(study)), figures=[figures.cvfp_maps])


@claim(
    "cvfp.depth-unneeded",
    statement="one layer suffices",
    criterion="best PPL of one layer ≤ best of three layers",
    parts=at_least(0, "saving"),
    estimator=f"lowest best log validation PPL of three layers less that of one layer, over input tokens; {DRAWS}",
    unit="nats",
    source="003",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "189.4, 193.7")},
    data=TEXT,
)
def test_depth_unneeded(study: Study, judge: Judge) -> None:
    def saving(measured: grids.Measured) -> trainings.Drawn:
        return measured.best.of(lambda best: best[..., THREE, :].min(axis=-1) - best[..., ONE, :].min(axis=-1))

    judge(**cvfp.margins_on_matrix(study, saving, maps=best(study)), figures=[figures.cvfp_maps])


@claim(
    "cvfp.three-token-plateau",
    statement="the third token adds little",
    criterion="mean gain 2→3 tokens < 25 % of the gain 1→2",
    parts=below(0, "gain 2→3 less a quarter of gain 1→2"),
    estimator=f"best validation PPL, mean over layers; gains are falls of it from fewer to more input tokens; {DRAWS}",
    unit="PPL",
    source="003",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "qualitative")},
    data=TEXT,
)
def test_three_token_plateau(study: Study, judge: Judge) -> None:
    def gains(measured: grids.Measured) -> trainings.Drawn:
        return measured.best.of(lambda best: -np.diff(np.exp(best).mean(axis=-2), axis=-1))

    def excess(measured: grids.Measured) -> trainings.Drawn:
        return gains(measured).of(lambda gain: gain[..., 1] - 0.25 * gain[..., 0])

    own = gains(study.facet(facet.Cvfp).matrix)
    told = {"gain_1→2": own.at((0,)).estimate(), "gain_2→3": own.at((1,)).estimate()}
    judge(**cvfp.on_matrix(study, excess, maps=best(study), **told), figures=[figures.cvfp_maps])


@claim(
    "cvfp.train-ppl-falls-with-tokens",
    statement="more input tokens express more",
    criterion="training PPL at the largest size falls with tokens at every depth",
    parts=above(0, "smallest fall"),
    estimator="log training PPL with the best epoch's parameters; its smallest fall from one number of input tokens to "
    "the next at any depth; training documents resampled, trainings as they were, and seeds of each configuration",
    unit="nats",
    source="003",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "“consistently”")},
    data=TEXT,
)
def test_train_ppl_falls_with_tokens(study: Study, judge: Judge) -> None:
    def fall(measured: grids.Measured) -> trainings.Drawn:
        return measured.training_log_ppl.of(orderings.smallest_fall)

    matrix = study.facet(facet.Cvfp).matrix
    judge(**cvfp.margins_on_matrix(study, fall, training_PPL=matrix.table(matrix.training_log_ppl.of(np.exp))))


@claim(
    "cvfp.width-unneeded",
    statement="doubling the context width is not needed",
    criterion="one layer at width d, two tokens: PPL below three layers at width 2d, two tokens",
    parts=above(0, "saving"),
    estimator=f"log validation PPL at the largest size, three layers at width 2d less one layer at width d; {DRAWS}",
    unit="nats",
    source="003",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "189.4 < 197.0")},
    data=TEXT,
)
def test_width_unneeded(study: Study, judge: Judge) -> None:
    def saving(matrix: grids.Measured, wide: grids.Measured) -> trainings.Drawn:
        narrow = matrix.log_ppl.at((ONE, TWO, LARGEST))
        return trainings.combined(np.subtract, wide.log_ppl.at((0, 0, LARGEST)), narrow)

    trained = study.facet(facet.Cvfp)
    own, control = (trained.matrix, trained.wide), (trained.reservoir, trained.wide_reservoir)
    judge(**cvfp.on_margins(study, saving, own, control, three_layers_at_2d=cvfp.perplexities(trained.wide)))


@claim(
    "cvfp.token-in-every-layer",
    statement="feeding the token to every layer is essential",
    criterion="PPL at least 20 % below the first-layer-only variant, same data",
    parts=at_least(0.2, "share of PPL saved"),
    estimator="three layers, one token at the largest size: 1 − validation PPL with the token in every layer over PPL "
    f"with the token in the first layer only, everything else equal; {DRAWS}",
    source="004 §1",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "334 against 536")},
    data=TEXT,
)
def test_token_in_every_layer(study: Study, judge: Judge) -> None:
    def saved(matrix: grids.Measured, first: grids.Measured) -> trainings.Drawn:
        every, only = matrix.log_ppl.at((THREE, ONE, LARGEST)), first.log_ppl.at((0, 0, LARGEST))
        return trainings.combined(lambda a, b: 1 - np.exp(a - b), every, only)

    trained = study.facet(facet.Cvfp)
    own, control = (trained.matrix, trained.first_only), (trained.reservoir, trained.first_only_reservoir)
    detail = {
        "PPL_by_size": cvfp.perplexities(trained.matrix),
        "first_layer_only": cvfp.perplexities(trained.first_only),
    }
    judge(**cvfp.on_grids(study, saved, own, control, **detail))


@claim(
    "cvfp.early-stopping",
    statement="the accuracy dip at 500 documents is early stopping",
    criterion="with patience ≥ 3, validation accuracy at the largest size ≥ at the next smaller",
    parts=at_least(0, "gain in accuracy"),
    estimator="three layers, one token in the first layer only, as where the dip was seen: validation accuracy with the "
    f"best epoch's parameters at the largest size less that at the next smaller, patience 3; {DRAWS}",
    source="004 §5",
    control="patience 1, with which the dip was seen",
    cost="minutes",
    data=TEXT,
)
def test_early_stopping(study: Study, judge: Judge) -> None:
    def gain(measured: grids.Measured) -> trainings.Drawn:
        return measured.accuracy.at((0, 0)).of(lambda accuracy: accuracy[..., -1] - accuracy[..., -2])

    patient, hasty = study.facet(facet.Cvfp).patient, study.facet(facet.Cvfp).first_only
    detail = {
        "accuracy_by_size": {
            name: own.table(own.accuracy) for name, own in (("patience 3", patient), ("patience 1", hasty))
        },
        "epochs_by_size_and_seed": {"patience 3": patient.epochs, "patience 1": hasty.epochs},
    }
    judge(**cvfp.on_grids(study, gain, (patient,), (hasty,), **detail))


def best(study: Study) -> dict[str, Any]:
    """For a figure: the best validation PPL of every configuration."""
    matrix = study.facet(facet.Cvfp).matrix
    return {"best validation PPL": matrix.table(matrix.best.of(np.exp))}
