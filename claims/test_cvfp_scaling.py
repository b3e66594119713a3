"""The CVFP language model: how perplexity falls with the tokens of training (003, 004 §4).

Nine configurations, layers 1–3 by input tokens 1–3, at 50, 100, 200 and 500 documents (at `quick` 12, 24 and 48).
Perplexities are of the validation documents with the best epoch's parameters, geometric means over seeds;
A and α are those of PPL = A · n^α.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from semphase import (
    TEXT,
    Estimate,
    Judge,
    Published,
    Study,
    above,
    between,
    claim,
)
from semphase.science.audit.published import stated
from semphase.science.cvfp import evidence as cvfp
from semphase.science.cvfp import facet, figures, grids, orderings, power_laws
from semphase.science.cvfp import universes as other
from semphase.stats.ranges import POSITIVE, SHARE

MATRIX = stated("003", "matrix")
UNTRAINED = "untrained context block"
UNITS = "each validation document and each seed left out, of all trainings at once"
LINE = "least squares of log validation PPL on log training tokens over the sizes"
CONFIGURATIONS = [(layers, tokens) for layers in range(3) for tokens in range(3)]


@claim(
    "cvfp.power-law",
    statement="validation PPL falls as a power of the tokens",
    criterion="R² > 0.98 of log PPL on log tokens in all nine configurations",
    parts=above(0.98, "smallest R²", within=SHARE),
    estimator=f"{LINE}; the smallest R² of nine, each with its own bounds; {UNITS}",
    source="003",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "0.984–0.998", MATRIX)},
    data=TEXT,
    universes=other.LAWS,
)
def test_power_law(study: Study, judge: Judge) -> None:
    def smallest_r2(measured: grids.Measured) -> Estimate:
        return measured.law("r2").smallest("R²", cut=SHARE)

    def detail() -> dict[str, Any]:
        matrix = study.facet(facet.Cvfp).matrix
        return {
            "laws": cvfp.laws(matrix),
            "with a floor": matrix.saturations(),
            "what a floor can show": "three or four sizes leave the form with a floor one degree of freedom at "
            "most: they can show that no floor is needed up to here, hardly that there is none",
            "epochs by size and seed (one that used all 20 was still learning)": matrix.table(matrix.epochs),
            "controls": cvfp.what_remains(study),
            "maps": alphas(study)["maps"] | cvfp.best_perplexities(matrix),
        }

    judge(**cvfp.on_matrix(study, smallest_r2, detail), figures=[figures.cvfp_scaling, figures.cvfp_maps])


@claim(
    "cvfp.one-layer-steepest",
    statement="one layer, one token has the steepest exponent",
    criterion="α(1L,1tok) is the most negative of nine",
    parts=above(0, "lead over the next"),
    estimator=f"{LINE}; every other α less that of one layer, one token, each with its own bounds; {UNITS}",
    source="003",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "−0.546", MATRIX)},
    data=TEXT,
    universes=other.LAWS,
)
def test_one_layer_steepest(study: Study, judge: Judge) -> None:
    def lead(measured: grids.Measured) -> Estimate:
        leads = measured.law("alpha").of(lambda alpha: orderings.leads_of(flat(alpha), CONFIGURATIONS.index((0, 0))))
        return leads.smallest("lead over each rival")

    judge(**cvfp.on_matrix(study, lead, lambda: alphas(study)), figures=[figures.cvfp_maps])


@claim(
    "cvfp.two-layer-flattest",
    statement="depth acts non-linearly",
    criterion="the mean α of two layers is the least negative",
    parts=above(0, "lead over the next"),
    estimator=f"{LINE}; mean α of two layers over input tokens less those of one and of three layers, each with its own "
    f"bounds; {UNITS}",
    source="003",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "−0.493", MATRIX)},
    data=TEXT,
    universes=other.LAWS,
)
def test_two_layer_flattest(study: Study, judge: Judge) -> None:
    def lead(measured: grids.Measured) -> Estimate:
        leads = measured.law("alpha").of(lambda alpha: orderings.leads_of(-alpha.mean(axis=-1), 1))
        return leads.smallest("lead over each rival")

    def detail() -> dict[str, Any]:
        by_layers = study.facet(facet.Cvfp).matrix.law("alpha").of(lambda values: values.mean(axis=-1))
        return {"mean alpha by layers": by_layers.estimates("mean α"), **alphas(study)}

    judge(**cvfp.on_matrix(study, lead, detail), figures=[figures.cvfp_maps])


@claim(
    "cvfp.two-layer-smallest-a",
    statement="two layers suit few data",
    criterion="the mean A of two layers is the smallest",
    parts=above(0, "lead over the next"),
    estimator=f"{LINE}; log of the mean A over input tokens, those of one and of three layers less that of two, each with "
    f"its own bounds; {UNITS}",
    source="003",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "1.41×10⁵", MATRIX)},
    data=TEXT,
    universes=other.LAWS,
)
def test_two_layer_smallest_a(study: Study, judge: Judge) -> None:
    def log_mean_a(log_a: np.ndarray) -> np.ndarray:
        return np.logaddexp.reduce(log_a, axis=-1) - np.log(log_a.shape[-1])

    def lead(measured: grids.Measured) -> Estimate:
        leads = measured.law("log_a").of(lambda log_a: orderings.leads_of(log_mean_a(log_a), 1))
        return leads.smallest("lead over each rival")

    def detail() -> dict[str, Any]:
        matrix = study.facet(facet.Cvfp).matrix
        log_a = matrix.law("log_a")
        by_layers = log_a.of(lambda values: np.exp(log_mean_a(values)))
        return {
            "mean a by layers": by_layers.estimates("mean A", cut=POSITIVE),
            "maps": {"A": matrix.table(log_a.of(np.exp), "A", POSITIVE)},
        }

    judge(**cvfp.on_matrix(study, lead, detail), figures=[figures.cvfp_maps])


@claim(
    "cvfp.doubling",
    statement="twice the data cuts PPL by about 27 %",
    criterion="1 − 2^α within 0.27 ± 0.05 for the mean α of the nine",
    parts=between(0.22, 0.32, "1 − 2^α", within=(-math.inf, 1)),
    estimator=f"{LINE}; mean α of nine; {UNITS}",
    source="004 §4",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "α −0.459", stated("004", "§4"))},
    data=TEXT,
    universes=other.LAWS,
)
def test_doubling(study: Study, judge: Judge) -> None:
    def saving(measured: grids.Measured) -> Estimate:
        alpha = measured.law("alpha").of(lambda alpha: alpha.mean(axis=(-2, -1)))
        return alpha.of(power_laws.reduction_by_doubling).smooth("1 − 2^α of the mean α", within=(-math.inf, 1))

    def detail() -> dict[str, Any]:
        trained = study.facet(facet.Cvfp)
        others = {"shuffled text": trained.shuffled, "bigram": trained.bigram}
        return {
            "laws": cvfp.laws(trained.matrix),
            "other controls": {name: cvfp.laws(own)["1 − 2^α"] for name, own in others.items()},
        }

    judge(**cvfp.on_matrix(study, saving, detail), figures=[figures.cvfp_scaling])


def alphas(study: Study) -> dict[str, Any]:
    """For a figure: the exponent of every configuration."""
    matrix = study.facet(facet.Cvfp).matrix
    return {"maps": {"α": matrix.table(matrix.law("alpha"), "α")}}


def flat(values: np.ndarray) -> np.ndarray:
    """[…, layers, tokens] as […, configuration]."""
    return values.reshape(*values.shape[:-2], -1)
