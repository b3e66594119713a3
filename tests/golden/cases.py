"""What semphase's own measurements give on the tiny model: a few numbers of each, kept in `numbers.npz`.

Their keys in a store hold a version and no code, so numbers that move without a new version would be mixed with old
ones. `python tests/golden/record.py` writes the file anew; do so only together with a raised version.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import semphase.science.heads.facet as heads
from semphase.measure.readout import logit_lens_top1
from semphase.measure.rotation import rotation_angles
from semphase.measure.streams import capture_streams
from semphase.science.lexical import derived
from semphase.science.lexical.facet import Lexical
from semphase.science.lexical.total_rotation import Rotation
from semphase.science.wqk.facet import WeightBasis, head_products
from semphase.science.writes.facet import INDIVIDUAL, WRITES_VERSION, Writes
from semphase.study import Study
from semphase.study.text import LOSSES_VERSION
from semphase.tolerances import angle_tolerance, loss_tolerance, stream_tolerance

LAYERS, WIDTH = 12, 64
STREAM = stream_tolerance("float32", LAYERS, WIDTH)
ANGLE = angle_tolerance("float32", LAYERS, WIDTH)
LOSS = loss_tolerance("float32")
EXACT = 1e-9
"""Relative rounding of sums in float64 that another library may order otherwise."""


@dataclass(frozen=True)
class Case:
    """Numbers of one measurement and how far another machine may move them, relative to the largest."""

    version: int
    numbers: Callable[[Study], Any]
    tolerance: float


def words(study: Study) -> Lexical:
    return study.facet(Lexical)


CASES = {
    "streams": Case(capture_streams.version, lambda own: words(own).streams["stream"].values[::40, ::2, ::9], STREAM),
    "attention": Case(
        capture_streams.version, lambda own: words(own).streams["attention"].values[::40, ::2, ::9], STREAM
    ),
    "prefixed streams": Case(
        capture_streams.version, lambda own: words(own).prefixed["stream"].values[::3, ::3, ::9], STREAM
    ),
    # Rounding to ten bits is the same everywhere, but a last bit before it may tip a number to its neighbour.
    "rounded streams": Case(
        derived.streams_in_rounded_products.version,
        lambda own: derived.rounded_streams(words(own), 10)["stream"].values[::9, ::3, ::9],
        2.0**-10,
    ),
    "logit lens": Case(logit_lens_top1.version, lambda own: words(own).top1[:, :, ::3], 0.0),
    "rotation": Case(rotation_angles.version, lambda own: own.facet(Rotation).angle[::25, ::2], ANGLE),
    "head products": Case(head_products.version, lambda own: own.facet(WeightBasis).basis().gram[::7, ::7], EXACT),
    "head products, basis-free": Case(
        head_products.version, lambda own: own.facet(WeightBasis).basis("basis-free").gram[::7, ::7], EXACT
    ),
    "losses": Case(LOSSES_VERSION, lambda own: own.text.baseline("both").sums[::4], LOSS),
    "single heads": Case(LOSSES_VERSION, lambda own: own.facet(heads.Heads).single("zero", "judge").mean[::5], LOSS),
    "joint heads": Case(
        LOSSES_VERSION,
        lambda own: own.facet(heads.Heads).joint({0: "zero", 9: "relu", 20: "mean", 40: "product"}, "judge").sums[::4],
        LOSS,
    ),
    "gradient": Case(LOSSES_VERSION, lambda own: own.facet(heads.Heads).gradient("mean")[::5], 100 * LOSS),
    # Eigenvalues are squares of streams, so their rounding counts twice.
    "write spectra": Case(WRITES_VERSION, lambda own: own.facet(Writes).spectra.layers[0, :, ::2, :5], 2 * STREAM),
    "write norms": Case(WRITES_VERSION, lambda own: own.facet(Writes).spectra.norm[0], STREAM),
    "write cosines": Case(WRITES_VERSION, lambda own: own.facet(Writes).cosines(INDIVIDUAL)[::2, ::2], STREAM),
}


def measured(study: Study) -> dict[str, np.ndarray]:
    """The numbers of every case, named with the version of what measured them."""
    return {f"{name}, version {case.version}": np.asarray(case.numbers(study)) for name, case in CASES.items()}
