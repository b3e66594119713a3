"""What layers write to the residual stream, Δφ(l): its size, its rank, and running on few components (002 exp7).

Moments and bases come from the first 1,000 positions of the first half of the text, losses from the second half.
Numbers of components are compared as fractions of the source's d = 768.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from semphase import (
    TEXT,
    Estimate,
    Judge,
    Needs,
    Published,
    Study,
    Undefined,
    above,
    at_least,
    below,
    claim,
    on_copies,
    proportion,
    where_defined,
)
from semphase.science.writes import facet, figures, spectra

REINITIALISED = "re-initialised weights"
NEEDS = Needs(layers=3)
JACKKNIFE = "jackknife over contiguous groups of positions"
POSITIVE = (0.0, math.inf)
ANY: Mapping[str, tuple[float, float]] = {}
RANK_ONE = 3
THIRD, TWO_THIRDS = 256, 512


def on_spectra(
    study: Study,
    statistics: spectra.Statistic | Mapping[str, spectra.Statistic],
    within: Mapping[str, tuple[float, float]] = ANY,
) -> dict[str, Any]:
    """Arguments of `judge`: statistics of the spectra, above 0 if not told otherwise; the control are the copies."""

    def made(own: Study) -> Estimate | dict[str, Estimate]:
        if callable(statistics):
            return own.facet(facet.Writes).spectra.estimate(statistics, POSITIVE)
        measured = own.facet(facet.Writes).spectra
        return {name: measured.estimate(of, within.get(name, POSITIVE)) for name, of in statistics.items()}

    return {"evidence": made(study), "detail": study.facet(facet.Writes).detail, **on_copies(study, made)}


@claim(
    "writes.norm-grows",
    statement="deeper layers write more",
    criterion="Spearman of mean norm with depth from block 1 on > 0.8, last layer ≥ 5 × the median",
    parts=(above(0.8, "Spearman"), at_least(5, "last over median")),
    estimator=f"mean length of Δφ(l) over 1,000 positions, position 0 included; median over all blocks; {JACKKNIFE}",
    source="002 exp7",
    control=REINITIALISED,
    needs=NEEDS,
    published={"gpt2": Published("supported", "16 … 354")},
    data=TEXT,
)
def test_norm_grows(study: Study, judge: Judge) -> None:
    def last_over_median(ranks: spectra.Ranks) -> float:
        return float(ranks.norm[spectra.WITH_FIRST, -1] / np.median(ranks.norm[spectra.WITH_FIRST]))

    def with_depth(ranks: spectra.Ranks) -> float:
        return spectra.spearman_with_depth(ranks.norm[spectra.WITH_FIRST, 1:])

    statistics = {"Spearman": with_depth, "last over median": last_over_median}
    judge(**on_spectra(study, statistics, within={"Spearman": (-1.0, 1.0)}))


@claim(
    "writes.not-low-rank",
    statement="Δφ is not low-rank",
    criterion="K(90 %) > 50 in all layers but at most two (50 of 768 components)",
    parts=above(50, "third smallest K(90 %)"),
    estimator="fewest principal components with 90 % of the variance of Δφ(l) over 1,000 positions, position 0 included, "
    f"times 768/d; the third smallest over layers; {JACKKNIFE}",
    unit="components of 768",
    source="002 exp7",
    control=REINITIALISED,
    needs=NEEDS,
    published={"gpt2": Published("supported", "K 85–235, layers 2 and 11 excepted")},
    data=TEXT,
)
def test_not_low_rank(study: Study, judge: Judge) -> None:
    made = on_spectra(study, lambda ranks: np.sort(ranks.layers[spectra.WITH_FIRST])[2])
    judge(**made, figures=[figures.writes_spectra])


@claim(
    "writes.outliers-are-first-token",
    statement="the rank-1 layers come from the first token",
    criterion="layers with K(90 %) ≤ 3 rise above 50 when position 0 is left out (50 of 768 components)",
    parts=above(50, "smallest K(90 %) without position 0"),
    estimator="the smallest K(90 %) without position 0, times 768/d, among the layers with K(90 %) ≤ 3 with it; 1,000 "
    f"positions; {JACKKNIFE}",
    unit="components of 768",
    source="ours",
    control=REINITIALISED,
    needs=NEEDS,
    data=TEXT,
)
def test_outliers_are_first_token(study: Study, judge: Judge) -> None:
    def evidence(own: Study) -> Estimate:
        chosen = own.facet(facet.Writes).spectra.ranks().raw[spectra.WITH_FIRST] <= RANK_ONE
        if not chosen.any():
            raise Undefined("no layer has K(90 %) ≤ 3.")
        return own.facet(facet.Writes).spectra.estimate(
            lambda ranks: ranks.layers[spectra.WITHOUT_FIRST, chosen].min(), POSITIVE
        )

    with where_defined():
        found = evidence(study)
    detail, control = study.facet(facet.Writes).detail, on_copies(study, evidence)
    judge(found, detail=detail, figures=[figures.writes_spectra], **control)


@claim(
    "writes.shared-basis-dominated",
    statement="a shared basis only looks low-rank",
    criterion="shared K(90 %) < 10 while the median layer needs > 80, and ≥ 5 × more after every layer is scaled to unit "
    "norm (10 and 80 of 768 components)",
    parts=(below(10, "shared K(90 %)"), above(80, "median layer's K(90 %)"), at_least(5, "rise by scaling")),
    estimator="K(90 %) of Δφ of all layers stacked and centred on their common mean, of the median layer (both times "
    "768/d), and of all layers stacked after division by their mean norms over that as written; 1,000 positions, "
    f"position 0 included; {JACKKNIFE}",
    source="002 exp7",
    control=REINITIALISED,
    needs=NEEDS,
    published={"gpt2": Published("supported", "6; the scaling was not tried")},
    data=TEXT,
)
def test_shared_basis_dominated(study: Study, judge: Judge) -> None:
    statistics: dict[str, spectra.Statistic] = {
        "shared K(90 %)": lambda ranks: ranks.shared[spectra.WITH_FIRST, spectra.RAW],
        "median layer's K(90 %)": lambda ranks: float(np.median(ranks.layers[spectra.WITH_FIRST])),
        "rise by scaling": lambda ranks: (
            ranks.shared[spectra.WITH_FIRST, spectra.SCALED] / ranks.shared[spectra.WITH_FIRST, spectra.RAW]
        ),
    }
    judge(**on_spectra(study, statistics), figures=[figures.writes_spectra])


@claim(
    "writes.shared-reconstruction",
    statement="a shared basis reconstructs badly",
    criterion="mean cosine at K = d/3 < 0.9",
    parts=below(0.9, "mean cosine"),
    estimator="cosine of Δφ with mean + P Pᵀ(Δφ − mean), P and mean of all layers stacked; averaged over layers and the "
    f"1,000 positions that P comes from, position 0 included; {JACKKNIFE}, P kept",
    source="002 exp7",
    control="the individual basis of every layer in place of the shared one",
    needs=NEEDS,
    published={"gpt2": Published("supported", "0.845")},
    data=TEXT,
)
def test_shared_reconstruction(study: Study, judge: Judge) -> None:
    writes = study.facet(facet.Writes)
    third = writes.scaled(THIRD)
    kinds: tuple[facet.Kind, ...] = ("shared", "individual", "random shared")
    detail = {"K": writes.grid} | {f"cosine by layer and K, {kind}": writes.cosines(kind) for kind in kinds}
    judge(
        writes.cosine("shared", third),
        control=writes.cosine("individual", third),
        detail=detail,
    )


@claim(
    "writes.low-rank-inference",
    statement="running on K components breaks the model",
    criterion="individual bases: ratio > 5 at K = d/3 and > 1.2 at K = 2d/3",
    parts=(above(5, "ratio at d/3"), above(1.2, "ratio at 2d/3")),
    estimator="perplexity with every block's Δφ replaced by mean + P Pᵀ(Δφ − mean), P the K leading components of its "
    "layer, over the baseline's; paired bootstrap of contiguous blocks of the second half of the text",
    source="002 exp7",
    control="a random orthonormal basis of the same K in every layer",
    cost="minutes",
    needs=NEEDS,
    published={"gpt2": Published("supported", "8.3×, 1.49×")},
    data=TEXT,
)
def test_low_rank_inference(study: Study, judge: Judge) -> None:
    writes, widths = study.facet(facet.Writes), {"ratio at d/3": THIRD, "ratio at 2d/3": TWO_THIRDS}

    def evidence(kind: facet.Kind, draws: int) -> dict[str, Estimate]:
        return {name: writes.ratio(kind, writes.scaled(k), draws) for name, k in widths.items()}

    detail = {"baseline perplexity": study.text.baseline("judge").perplexity, **writes.ratios_told("individual")}
    judge(
        evidence("individual", study.budget.draws),
        control=evidence("random individual", study.budget.control_draws),
        detail=detail,
        figures=[figures.writes_inference],
    )


@claim(
    "writes.shared-worse",
    statement="the shared basis is worse than individual ones, and not monotone",
    criterion="ratio(shared) > ratio(individual) at every K from 16 to 2d/3, and some larger K is worse than a smaller "
    "one (16 of 768 components)",
    parts=(above(0, "smallest margin"), above(0, "largest rise")),
    estimator="smallest log ratio(shared) − log ratio(individual) over the source's K as fractions of d, from 16 to 512 of "
    "768; largest rise of log ratio(shared) from a smaller K to a larger one over all of them; Δφ of all layers stacked "
    "and centred on their common mean; paired bootstrap of contiguous blocks of the second half of the text, simultaneous "
    "over K",
    unit="nats per token",
    source="002 exp7",
    control="a random basis in place of the shared one",
    cost="minutes",
    needs=NEEDS,
    published={"gpt2": Published("supported", "383× against 122× at 16; 136× at 8, 463× at 32")},
    data=TEXT,
)
def test_shared_worse(study: Study, judge: Judge) -> None:
    writes = study.facet(facet.Writes)
    chosen = [writes.scaled(16) <= k <= writes.scaled(TWO_THIRDS) for k in writes.grid]

    def evidence(kind: facet.Kind, draws: int) -> dict[str, Estimate]:
        curves = writes.curves((kind, "individual"), draws)
        return {"smallest margin": curves.smallest_margin(chosen), "largest rise": curves.largest_rise()}

    kinds: tuple[facet.Kind, ...] = ("shared", "individual", "random shared")
    judge(
        evidence("shared", study.budget.draws),
        control=evidence("random shared", study.budget.control_draws),
        detail=writes.ratios_told(*kinds),
        figures=[figures.writes_inference],
    )


@claim(
    "writes.attention-lower-rank",
    statement="attention writes in fewer dimensions than the MLP",
    criterion="K(90 %) attention / MLP < 0.7 in ≥ 75 % of the layers",
    parts=at_least(0.75, "share of layers"),
    estimator="K(90 %) of what attention and MLP write at 1,000 positions, position 0 included; Wilson interval over "
    "layers",
    source="002 exp7",
    control=REINITIALISED,
    needs=NEEDS,
    published={"gpt2": Published("supported", "0.42–0.68 in the middle")},
    data=TEXT,
)
def test_attention_lower_rank(study: Study, judge: Judge) -> None:
    def share(own: Study) -> Estimate:
        attention, mlp = own.facet(facet.Writes).spectra.part_ranks[spectra.WITH_FIRST]
        lower = attention / mlp < 0.7
        return proportion(int(lower.sum()), len(lower))

    detail, control = study.facet(facet.Writes).detail, on_copies(study, share)
    judge(share(study), detail=detail, figures=[figures.writes_spectra], **control)
