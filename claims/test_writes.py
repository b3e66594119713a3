"""What layers write to the residual stream, Δφ(l): its size, its rank, and running on few components (002 exp7).

Moments and bases come from the first 1,000 positions of the first half of the text, losses from the second half.
Numbers of components are compared as fractions of the source's d = 768.
"""

from __future__ import annotations

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
    share,
    where_defined,
)
from semphase.science.audit.published import stated
from semphase.science.writes import facet, figures, spectra, universes
from semphase.stats.left_out import median_row, ordered, smallest
from semphase.stats.ranges import POSITIVE

EXP7 = stated("002", "exp7")
REINITIALISED = "re-initialised weights"
NEEDS = Needs(layers=3)
GROUPS = "each of the contiguous groups of positions left out in turn"
BLOCKS = "each of the contiguous blocks of the second half of the text left out in turn"
KEPT_NEAR = "of what lies outside of them as much taken away as moves Δφ as far, in mean square"
COMPONENTS = (0.0, 768.0)
UNIT = "components of 768"
K90 = "K(90 %), the number of principal components (interpolated between whole ones) with 90 % of the variance"
RANK_ONE = 3
THIRD, TWO_THIRDS = 256, 512


@claim(
    "writes.norm-grows",
    statement="deeper layers write more",
    criterion="Spearman of mean norm with depth from block 1 on > 0.8, last layer ≥ 5 × the median",
    parts=(above(0.8, "Spearman", within=(-1, 1)), at_least(5, "last over median", within=POSITIVE)),
    estimator="mean length of Δφ(l) over 1,000 positions, position 0 included; Spearman by the orders of layers that agree "
    f"with the bounds of all pairs; median over all blocks; {GROUPS}",
    source="002 exp7",
    control=REINITIALISED,
    needs=NEEDS,
    published={"gpt2": Published("supported", "16 … 354", EXP7)},
    data=TEXT,
    universes=universes.NORMS,
)
def test_norm_grows(study: Study, judge: Judge) -> None:
    def made(own: Study) -> dict[str, Estimate]:
        writes = own.facet(facet.Writes)
        last = writes.spectra.estimate(
            lambda ranks: ranks.norm[writes.read, -1] / np.median(ranks.norm[writes.read]), "last over median", POSITIVE
        )
        return {"Spearman": writes.growth(), "last over median": last}

    with where_defined():
        found = made(study)
    judge(found, detail=study.facet(facet.Writes).detail, **on_copies(study, made))


@claim(
    "writes.not-low-rank",
    statement="Δφ is not low-rank",
    criterion="K(90 %) > 50 in all layers but at most two (50 of 768 components)",
    parts=above(50, "third smallest K(90 %)", within=COMPONENTS),
    estimator=f"{K90} of Δφ(l) over 1,000 positions, position 0 included, times 768/d; the third smallest over layers, each "
    f"layer with bounds of its own; {GROUPS}",
    unit=UNIT,
    source="002 exp7",
    control=REINITIALISED,
    needs=NEEDS,
    published={"gpt2": Published("supported", "K 85–235, layers 2 and 11 excepted", EXP7)},
    data=TEXT,
    universes=universes.RANKS,
)
def test_not_low_rank(study: Study, judge: Judge) -> None:
    def third(own: Study) -> Estimate:
        writes = own.facet(facet.Writes)
        layers, groups = writes.spectra.each(lambda ranks: ranks.layers[writes.read])
        return ordered(layers, (3, 3), groups, what="third smallest K(90 %)", unit=UNIT, within=COMPONENTS)

    detail, control = study.facet(facet.Writes).detail, on_copies(study, third)
    judge(third(study), detail=detail, figures=[figures.writes_spectra], **control)


@claim(
    "writes.outliers-are-first-token",
    statement="the rank-1 layers come from the first token",
    criterion="layers with K(90 %) ≤ 3 rise above 50 when position 0 is left out (50 of 768 components)",
    parts=above(50, "smallest K(90 %) without position 0", within=COMPONENTS),
    estimator=f"{K90} without position 0, times 768/d, the smallest among the layers where at most 3 whole ones hold 90 % "
    f"with it, each with bounds of its own; 1,000 positions; {GROUPS}",
    unit=UNIT,
    source="ours",
    control=REINITIALISED,
    needs=NEEDS,
    data=TEXT,
    universes=universes.FIRST_TOKEN,
)
def test_outliers_are_first_token(study: Study, judge: Judge) -> None:
    def evidence(own: Study) -> Estimate:
        measured = own.facet(facet.Writes).spectra
        chosen = measured.counts[spectra.WITH_FIRST] <= RANK_ONE
        if not chosen.any():
            raise Undefined("no layer has K(90 %) ≤ 3.")
        layers, groups = measured.each(lambda ranks: ranks.layers[spectra.WITHOUT_FIRST, chosen])
        return smallest(layers, groups, what="smallest K(90 %)", unit=UNIT, within=COMPONENTS)

    with where_defined():
        found = evidence(study)
    detail, control = study.facet(facet.Writes).detail, on_copies(study, evidence)
    judge(found, detail=detail, figures=[figures.writes_spectra], **control)


@claim(
    "writes.shared-basis-dominated",
    statement="a shared basis only looks low-rank",
    criterion="shared K(90 %) < 10 while the median layer needs > 80, and ≥ 5 × more after every layer is scaled to unit "
    "norm (10 and 80 of 768 components)",
    parts=(
        below(10, "shared K(90 %)", within=COMPONENTS),
        above(80, "median layer's K(90 %)", within=COMPONENTS),
        at_least(5, "rise by scaling", within=POSITIVE),
    ),
    estimator=f"{K90} of Δφ of all layers stacked and centred on their common mean, of the median layer, each layer with "
    "bounds of its own (both times 768/d), and of all layers stacked after division by their mean norms over that as "
    f"written; 1,000 positions, position 0 included; {GROUPS}",
    source="002 exp7",
    control=REINITIALISED,
    needs=NEEDS,
    published={"gpt2": Published("supported", "6; the scaling was not tried", EXP7)},
    data=TEXT,
    universes=universes.RANKS,
)
def test_shared_basis_dominated(study: Study, judge: Judge) -> None:
    def made(own: Study) -> dict[str, Estimate]:
        writes = own.facet(facet.Writes)
        measured, read = writes.spectra, writes.read
        layers, groups = measured.each(lambda ranks: ranks.layers[read])
        return {
            "shared K(90 %)": measured.estimate(
                lambda ranks: ranks.shared[read, spectra.RAW], "shared K(90 %)", COMPONENTS, UNIT
            ),
            "median layer's K(90 %)": median_row(layers, groups, what="median K(90 %)", unit=UNIT, within=COMPONENTS),
            "rise by scaling": measured.estimate(
                lambda ranks: ranks.shared[read, spectra.SCALED] / ranks.shared[read, spectra.RAW],
                "rise by scaling",
                POSITIVE,
            ),
        }

    detail, control = study.facet(facet.Writes).detail, on_copies(study, made)
    judge(made(study), detail=detail, figures=[figures.writes_spectra], **control)


@claim(
    "writes.shared-reconstruction",
    statement="a shared basis reconstructs badly",
    criterion="mean cosine at K = d/3 < 0.9",
    parts=below(0.9, "mean cosine", within=(-1, 1)),
    estimator="cosine of Δφ with mean + P Pᵀ(Δφ − mean), P and mean of all layers stacked; averaged over layers and the "
    f"1,000 positions that P comes from, position 0 included; P kept, {GROUPS}",
    source="002 exp7",
    control="the individual basis of every layer in place of the shared one",
    needs=NEEDS,
    published={"gpt2": Published("supported", "0.845", EXP7)},
    data=TEXT,
    universes=universes.RECONSTRUCTED,
)
def test_shared_reconstruction(study: Study, judge: Judge) -> None:
    writes = study.facet(facet.Writes)
    third = writes.scaled(THIRD)
    detail = {"K": writes.grid} | {
        f"cosine by layer and K, {kind.basis}": writes.cosines(kind) for kind in (facet.SHARED, facet.INDIVIDUAL)
    }
    judge(writes.cosine(facet.SHARED, third), control=writes.cosine(facet.INDIVIDUAL, third), detail=detail)


@claim(
    "writes.low-rank-inference",
    statement="running on K components breaks the model",
    criterion="individual bases: ratio > 5 at K = d/3 and > 1.2 at K = 2d/3",
    parts=(above(5, "ratio at d/3", within=POSITIVE), above(1.2, "ratio at 2d/3", within=POSITIVE)),
    estimator="perplexity with every block's Δφ replaced by mean + P Pᵀ(Δφ − mean), P the K leading components of its "
    f"layer, over the baseline's; {BLOCKS}",
    source="002 exp7",
    control=f"K random orthonormal directions in every layer, {KEPT_NEAR}",
    cost="minutes",
    needs=NEEDS,
    published={"gpt2": Published("supported", "8.3×, 1.49×", stated("002", "exp7 D"))},
    data=TEXT,
    universes=universes.RUN,
)
def test_low_rank_inference(study: Study, judge: Judge) -> None:
    writes, widths = study.facet(facet.Writes), {"ratio at d/3": THIRD, "ratio at 2d/3": TWO_THIRDS}

    def evidence(kind: facet.Kind) -> dict[str, Estimate]:
        return {name: writes.ratio(kind, writes.scaled(k)) for name, k in widths.items()}

    control = [evidence(kind) for kind in writes.random_like(facet.INDIVIDUAL)]
    detail = {"baseline perplexity": study.text.baseline("judge").perplexity, **writes.ratios_told(facet.INDIVIDUAL)}
    judge(evidence(facet.INDIVIDUAL), control=control, detail=detail, figures=[figures.writes_inference])


@claim(
    "writes.shared-worse",
    statement="the shared basis is worse than individual ones, and not monotone",
    criterion="ratio(shared) > ratio(individual) at every K from 16 to 2d/3, and some larger K is worse than a smaller "
    "one (16 of 768 components)",
    parts=(above(0, "smallest margin"), above(0, "largest rise")),
    estimator="smallest log ratio(shared) − log ratio(individual) over the source's K as fractions of d, from 16 to 512 of "
    "768; largest rise of log ratio(shared) from a smaller K to a larger one over all of them; Δφ of all layers stacked "
    f"and centred on their common mean; bounds for each margin and each rise, {BLOCKS}",
    unit="nats per token",
    source="002 exp7",
    control=f"K random orthonormal directions, the same in every layer, {KEPT_NEAR} as the shared ones do",
    cost="minutes",
    needs=NEEDS,
    published={
        "gpt2": Published("supported", "383× against 122× at 16; 136× at 8, 463× at 32", stated("002", "exp7 D"))
    },
    data=TEXT,
    universes=universes.RUN,
)
def test_shared_worse(study: Study, judge: Judge) -> None:
    writes = study.facet(facet.Writes)
    low, high = writes.scaled(16), writes.scaled(TWO_THIRDS)

    def evidence(kind: facet.Kind) -> dict[str, Estimate]:
        margin = writes.smallest_margin(kind, facet.INDIVIDUAL, low, high)
        return {"smallest margin": margin, "largest rise": writes.largest_rise(kind)}

    control = [evidence(kind) for kind in writes.random_like(facet.SHARED)]
    detail = writes.ratios_told(facet.SHARED, facet.INDIVIDUAL)
    judge(evidence(facet.SHARED), control=control, detail=detail, figures=[figures.writes_inference])


@claim(
    "writes.attention-lower-rank",
    statement="attention writes in fewer dimensions than the MLP",
    criterion="K(90 %) attention / MLP < 0.7 in ≥ 75 % of the layers",
    parts=at_least(0.75, "share of layers", within=(0, 1)),
    estimator=f"{K90} of what attention and MLP write at 1,000 positions, position 0 included; Clopper-Pearson interval of "
    "the share over layers",
    source="002 exp7",
    control=REINITIALISED,
    needs=NEEDS,
    published={"gpt2": Published("supported", "0.42–0.68 in the middle", EXP7)},
    data=TEXT,
    universes=universes.RANKS,
)
def test_attention_lower_rank(study: Study, judge: Judge) -> None:
    def lower(own: Study) -> Estimate:
        writes = own.facet(facet.Writes)
        attention, mlp = writes.spectra.part_ranks[writes.read]
        return share(attention / mlp < 0.7, over="layers")

    detail, control = study.facet(facet.Writes).detail, on_copies(study, lower)
    judge(lower(study), detail=detail, figures=[figures.writes_spectra], **control)
