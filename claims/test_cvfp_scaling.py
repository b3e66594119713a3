"""The CVFP language model: how perplexity falls with the tokens of training (003, 004 §4).

Nine configurations, layers 1–3 by input tokens 1–3, at 50, 100, 200 and 500 documents. Perplexities are of the
validation documents with the best epoch's parameters, geometric means over seeds; A and α are those of PPL = A · n^α.
"""

from __future__ import annotations

import numpy as np

from semphase import Published, above, between, claim
from semphase.science.cvfp.evidence import laws, margins_on_matrix, on_matrix, perplexities, what_remains
from semphase.science.cvfp.grids import Measured
from semphase.science.cvfp.orderings import lead_of_smallest
from semphase.science.cvfp.power_laws import reduction_by_doubling
from semphase.science.cvfp.trainings import Drawn
from semphase.study import Study
from semphase.verdict.judge import Judge

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
    figures=("cvfp-scaling", "cvfp-maps"),
)
def test_power_law(study: Study, judge: Judge) -> None:
    def smallest_r2(measured: Measured) -> Drawn:
        return measured.law("r2").of(lambda r2: r2.min(axis=(-2, -1)))

    matrix = study.cvfp.matrix
    detail = {
        "laws": laws(matrix),
        "with_a_floor": matrix.saturations(),
        "what_a_floor_can_show": "four sizes leave the form with a floor one degree of freedom: they can show that no "
        "floor is needed up to here, hardly that there is none; AICc needs more points than one seed gives",
        "epochs_by_size_and_seed_(one_that_used_all_20_was_still_learning)": matrix.table(matrix.epochs),
        "controls": what_remains(study),
    }
    judge(**on_matrix(study, smallest_r2, **detail))


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
    figures=("cvfp-maps",),
)
def test_one_layer_steepest(study: Study, judge: Judge) -> None:
    def lead(measured: Measured) -> Drawn:
        return measured.law("alpha").of(lambda alpha: lead_of_smallest(flat(alpha), CONFIGURATIONS.index((0, 0))))

    matrix = study.cvfp.matrix
    judge(**margins_on_matrix(study, lead, alpha=matrix.table(matrix.law("alpha"))))


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
    figures=("cvfp-maps",),
)
def test_two_layer_flattest(study: Study, judge: Judge) -> None:
    def lead(measured: Measured) -> Drawn:
        return measured.law("alpha").of(lambda alpha: lead_of_smallest(-alpha.mean(axis=-1), 1))

    by_layers = study.cvfp.matrix.law("alpha").of(lambda alpha: alpha.mean(axis=-1))
    judge(**margins_on_matrix(study, lead, mean_alpha_by_layers=[by_layers.at((i,)).estimate() for i in range(3)]))


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
    figures=("cvfp-maps",),
)
def test_two_layer_smallest_a(study: Study, judge: Judge) -> None:
    def log_mean_a(log_a: np.ndarray) -> np.ndarray:
        return np.logaddexp.reduce(log_a, axis=-1) - np.log(log_a.shape[-1])

    def lead(measured: Measured) -> Drawn:
        return measured.law("log_a").of(lambda log_a: lead_of_smallest(log_mean_a(log_a), 1))

    by_layers = study.cvfp.matrix.law("log_a").of(lambda log_a: np.exp(log_mean_a(log_a)))
    judge(**margins_on_matrix(study, lead, mean_a_by_layers=[by_layers.at((i,)).estimate() for i in range(3)]))


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
    figures=("cvfp-scaling",),
)
def test_doubling(study: Study, judge: Judge) -> None:
    def saving(measured: Measured) -> Drawn:
        return measured.law("alpha").of(lambda alpha: reduction_by_doubling(alpha.mean(axis=(-2, -1))))

    single = {
        name: own.law("alpha").at((0, 0)).of(reduction_by_doubling).estimate()
        for name, own in (("shuffled text", study.cvfp.shuffled), ("bigram", study.cvfp.bigram))
    }
    judge(**on_matrix(study, saving, PPL_by_size=perplexities(study.cvfp.matrix), other_controls=single))


def flat(values: np.ndarray) -> np.ndarray:
    """[…, layers, tokens] as […, configuration]."""
    return values.reshape(*values.shape[:-2], -1)
