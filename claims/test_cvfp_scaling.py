"""The CVFP language model: how perplexity falls with the tokens of training (003, 004 §4).

Nine configurations, layers 1–3 by input tokens 1–3, at 50, 100, 200 and 500 documents. Perplexities are of the
validation documents with the best epoch's parameters, geometric means over seeds; A and α are those of PPL = A · n^α.
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
    between,
    claim,
)
from semphase.science.cvfp import evidence as cvfp
from semphase.science.cvfp import facet, figures, grids, orderings, power_laws, trainings

UNTRAINED = "untrained context block"
DRAWS = "validation documents resampled, the same for all trainings, and seeds of each configuration"
LINE = "least squares of log validation PPL on log training tokens over four sizes"
CONFIGURATIONS = [(layers, tokens) for layers in range(3) for tokens in range(3)]


@claim(
    "cvfp.power-law",
    statement="validation PPL falls as a power of the tokens",
    criterion="R² > 0.98 of log PPL on log tokens in all nine configurations",
    parts=above(0.98, "smallest R²"),
    estimator=f"{LINE}; the smallest R² of nine; {DRAWS}",
    source="003",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "0.984–0.998")},
    data=TEXT,
)
def test_power_law(study: Study, judge: Judge) -> None:
    def smallest_r2(measured: grids.Measured) -> trainings.Drawn:
        return measured.law("r2").of(lambda r2: r2.min(axis=(-2, -1)))

    matrix = study.facet(facet.Cvfp).matrix
    detail = {
        "laws": cvfp.laws(matrix),
        "with_a_floor": matrix.saturations(),
        "what_a_floor_can_show": "four sizes leave the form with a floor one degree of freedom: they can show that no "
        "floor is needed up to here, hardly that there is none; AICc needs more points than one seed gives",
        "epochs_by_size_and_seed_(one_that_used_all_20_was_still_learning)": matrix.table(matrix.epochs),
        "controls": cvfp.what_remains(study),
    }
    detail["maps"] = {"α": matrix.table(matrix.law("alpha")), **best(matrix)}
    judge(**cvfp.on_matrix(study, smallest_r2, **detail), figures=[figures.cvfp_scaling, figures.cvfp_maps])


@claim(
    "cvfp.one-layer-steepest",
    statement="one layer, one token has the steepest exponent",
    criterion="α(1L,1tok) is the most negative of nine",
    parts=above(0, "lead over the next"),
    estimator=f"{LINE}; the lowest other α less that of one layer, one token; {DRAWS}",
    source="003",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "−0.546")},
    data=TEXT,
)
def test_one_layer_steepest(study: Study, judge: Judge) -> None:
    def lead(measured: grids.Measured) -> trainings.Drawn:
        return measured.law("alpha").of(
            lambda alpha: orderings.lead_of_smallest(flat(alpha), CONFIGURATIONS.index((0, 0)))
        )

    matrix = study.facet(facet.Cvfp).matrix
    made = cvfp.margins_on_matrix(study, lead, maps={"α": matrix.table(matrix.law("alpha"))})
    judge(**made, figures=[figures.cvfp_maps])


@claim(
    "cvfp.two-layer-flattest",
    statement="depth acts non-linearly",
    criterion="the mean α of two layers is the least negative",
    parts=above(0, "lead over the next"),
    estimator=f"{LINE}; mean α of two layers over input tokens less the higher of those of one and of three layers; "
    f"{DRAWS}",
    source="003",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "−0.493")},
    data=TEXT,
)
def test_two_layer_flattest(study: Study, judge: Judge) -> None:
    def lead(measured: grids.Measured) -> trainings.Drawn:
        return measured.law("alpha").of(lambda alpha: orderings.lead_of_smallest(-alpha.mean(axis=-1), 1))

    alpha = study.facet(facet.Cvfp).matrix.law("alpha")
    by_layers = alpha.of(lambda values: values.mean(axis=-1))
    detail = {
        "mean_alpha_by_layers": [by_layers.at((i,)).estimate() for i in range(3)],
        "maps": {"α": study.facet(facet.Cvfp).matrix.table(alpha)},
    }
    judge(**cvfp.margins_on_matrix(study, lead, **detail), figures=[figures.cvfp_maps])


@claim(
    "cvfp.two-layer-smallest-a",
    statement="two layers suit few data",
    criterion="the mean A of two layers is the smallest",
    parts=above(0, "lead over the next"),
    estimator=f"{LINE}; log of the mean A over input tokens, the lower of those of one and of three layers less that of "
    f"two; {DRAWS}",
    source="003",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "1.41×10⁵")},
    data=TEXT,
)
def test_two_layer_smallest_a(study: Study, judge: Judge) -> None:
    def log_mean_a(log_a: np.ndarray) -> np.ndarray:
        return np.logaddexp.reduce(log_a, axis=-1) - np.log(log_a.shape[-1])

    def lead(measured: grids.Measured) -> trainings.Drawn:
        return measured.law("log_a").of(lambda log_a: orderings.lead_of_smallest(log_mean_a(log_a), 1))

    log_a = study.facet(facet.Cvfp).matrix.law("log_a")
    by_layers = log_a.of(lambda values: np.exp(log_mean_a(values)))
    detail = {
        "mean_a_by_layers": [by_layers.at((i,)).estimate() for i in range(3)],
        "maps": {"A": study.facet(facet.Cvfp).matrix.table(log_a.of(np.exp))},
    }
    judge(**cvfp.margins_on_matrix(study, lead, **detail), figures=[figures.cvfp_maps])


@claim(
    "cvfp.doubling",
    statement="twice the data cuts PPL by about 27 %",
    criterion="1 − 2^α within 0.27 ± 0.05 for the mean α of the nine",
    parts=between(0.22, 0.32, "1 − 2^α"),
    estimator=f"{LINE}; mean α of nine; {DRAWS}",
    source="004 §4",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "α −0.459")},
    data=TEXT,
)
def test_doubling(study: Study, judge: Judge) -> None:
    def saving(measured: grids.Measured) -> trainings.Drawn:
        return measured.law("alpha").of(lambda alpha: power_laws.reduction_by_doubling(alpha.mean(axis=(-2, -1))))

    trained = study.facet(facet.Cvfp)
    single = {
        name: own.law("alpha").at((0, 0)).of(power_laws.reduction_by_doubling).estimate()
        for name, own in (("shuffled text", trained.shuffled), ("bigram", trained.bigram))
    }
    made = cvfp.on_matrix(study, saving, laws=cvfp.laws(trained.matrix), other_controls=single)
    judge(**made, figures=[figures.cvfp_scaling])


def best(measured: grids.Measured) -> dict[str, Any]:
    """For a figure: the best validation PPL of every configuration."""
    return {"best validation PPL": measured.table(measured.best.of(np.exp))}


def flat(values: np.ndarray) -> np.ndarray:
    """[…, layers, tokens] as […, configuration]."""
    return values.reshape(*values.shape[:-2], -1)
