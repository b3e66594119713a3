"""A universal basis of attention weights: principal components of all heads' W_QK = W_QᵀW_K (001 exp6).

Weights are rebuilt as W_Q + W_K (W_KᵀW_K)⁻¹ (W_QK′ − W_QK)ᵀ, so that all components give the model back. W_QK is
taken before rotary positions and before query-key norms. Absolute numbers are for 144 heads.
"""

from __future__ import annotations

from typing import Any

from semphase import (
    TEXT,
    Estimate,
    Judge,
    Needs,
    Published,
    Study,
    above,
    at_least,
    at_most,
    claim,
    on_copies,
)
from semphase.science.audit.published import stated
from semphase.science.wqk import agreement, facet, figures, universes
from semphase.stats.ranges import POSITIVE

EXP6 = stated("001", "exp6")
REINITIALISED = "re-initialised weights"
RANDOM_BASIS = "as many random orthonormal directions of the space that the heads' matrices span"
AS_FAR = f"{RANDOM_BASIS}, of what they leave out as much taken away as changes the matrices as far, in sum of squares"
LAYERS = Needs(layers=2)
BLOCKS = "each of the contiguous blocks left out in turn"
FORMS: tuple[facet.Form, ...] = ("registered", "basis-free")

FEW = at_most(32, "K(90 %)", within=(0, 144))
KEPT = at_most(1.1, "smallest ratio", within=POSITIVE)
BROKEN = at_least(2, "ratio at 99 %", within=POSITIVE)
RESTORED = at_most(1.1, "ratio at 99.7 %", within=POSITIVE)
IRREPLACEABLE = at_least(5, "ratio with clusters", within=POSITIVE)
ENCODED = above(0.5, "|ρ|", within=(0, 1))
VERDICTS = {
    "wqk.low-dimensional": (FEW,),
    "wqk.compressible": (KEPT,),
    "wqk.variance-is-not-function": (BROKEN,),
    "wqk.tail-matters": (BROKEN, RESTORED),
    "wqk.heads-irreplaceable": (IRREPLACEABLE,),
    "wqk.components-encode-layer": (ENCODED,),
}


@claim(
    "wqk.low-dimensional",
    statement="few components hold 90 % of the variance of the heads' query-key matrices",
    criterion="K(90 %) ≤ 32 of 144 heads",
    parts=FEW,
    estimator="fewest principal components of W_QᵀW_K (centred over all heads) with 90 % of the variance, times 144 / "
    "heads; of all weights, which are not a sample",
    unit="components of 144",
    source="001 exp6",
    control=REINITIALISED,
    needs=LAYERS,
    published={"gpt2": Published("refuted", "82 of 144", EXP6)},
    universes=universes.SPECTRUM,
)
def test_low_dimensional(study: Study, judge: Judge) -> None:
    def dimension(own: Study) -> Estimate:
        return own.facet(facet.WeightBasis).dimension(0.9)

    other = study.facet(facet.WeightBasis).dimension(0.9, "basis-free")
    detail = spectrum(study) | {"K(90 %) in the basis-free form": other}
    judge(dimension(study), detail=detail, **on_copies(study, dimension))


@claim(
    "wqk.compressible",
    statement="few components keep perplexity",
    criterion="ratio ≤ 1.1 at some K ≤ 32/144 of the heads",
    parts=KEPT,
    estimator="smallest perplexity ratio with W_QK rebuilt from K = 10, 16, 24 or 32 components of 144 (rounded down), "
    f"on all of the text; bounds for each, {BLOCKS}",
    source="001 exp6",
    control=RANDOM_BASIS,
    cost="minutes",
    needs=LAYERS,
    published={"gpt2": Published("refuted", "K = 32: 19×", EXP6)},
    data=TEXT,
    universes=(*universes.REBUILT, "K rounded up"),
)
def test_compressible(study: Study, judge: Judge) -> None:
    own = study.facet(facet.WeightBasis)
    ratios = {count: own.ratio("leading", count) for count in own.grid}
    control = [copy.smallest_ratio("random", own.grid) for copy in own.copies]
    judge(own.smallest_ratio("leading", own.grid), control=control, detail=text(study) | {"ratio at K": ratios})


@claim(
    "wqk.variance-is-not-function",
    statement="99 % of the variance is not enough",
    criterion="ratio ≥ 2.0 at the smallest K with ≥ 99 % of the variance",
    parts=BROKEN,
    estimator=f"perplexity ratio with W_QK rebuilt from K(99 %) components, on all of the text; {BLOCKS}",
    source="001 exp6",
    control=AS_FAR,
    cost="minutes",
    needs=LAYERS,
    published={"gpt2": Published("supported", "2.2×", EXP6)},
    data=TEXT,
    universes=universes.REBUILT,
)
def test_variance_is_not_function(study: Study, judge: Judge) -> None:
    own = study.facet(facet.WeightBasis)
    count = own.components(0.99)
    control = [copy.ratio("as far as leading", count) for copy in own.copies]
    judge(own.ratio("leading", count), control=control, detail=text(study) | spectrum(study))


@claim(
    "wqk.tail-matters",
    statement="the last < 1 % of the variance restores function",
    criterion="from K(99 %) to K(99.7 %) the ratio falls from ≥ 2 to ≤ 1.1",
    parts=(BROKEN, RESTORED),
    estimator=f"perplexity ratio with W_QK rebuilt from K(99 %) and K(99.7 %) components, on all of the text; {BLOCKS}",
    source="001 exp6",
    control=AS_FAR,
    cost="minutes",
    needs=LAYERS,
    published={"gpt2": Published("supported", "2.2 → 1.07", EXP6)},
    data=TEXT,
    universes=universes.REBUILT,
)
def test_tail_matters(study: Study, judge: Judge) -> None:
    own = study.facet(facet.WeightBasis)
    counts = {BROKEN.part: own.components(0.99), RESTORED.part: own.components(0.997)}
    leading = {part: own.ratio("leading", count) for part, count in counts.items()}
    control = [{part: copy.ratio("as far as leading", count) for part, count in counts.items()} for copy in own.copies]
    judge(leading, control=control, detail=text(study) | spectrum(study))


@claim(
    "wqk.heads-irreplaceable",
    statement="a head cannot stand in for its cluster",
    criterion="k-means with k = 4/9 of the heads, members replaced by the nearest head: ratio ≥ 5",
    parts=IRREPLACEABLE,
    estimator="perplexity ratio with every W_QK replaced by that of the head of its k-means cluster (best of ten starts) "
    f"nearest to the centroid, on all of the text; {BLOCKS}",
    source="001 exp6",
    control="as many random heads stay, and the others become random ones of them in part, so that all together change as "
    "far, in sum of squares",
    cost="minutes",
    needs=LAYERS,
    published={"gpt2": Published("supported", "no figure", EXP6)},
    data=TEXT,
    universes=universes.CLUSTERS,
)
def test_heads_irreplaceable(study: Study, judge: Judge) -> None:
    own = study.facet(facet.WeightBasis)
    stand_in = own.mixing("clusters", own.clusters).argmax(axis=1)
    detail = text(study) | {"clusters": own.clusters, "head that stands for each head": stand_in}
    control = [copy.ratio("as far as clusters", own.clusters) for copy in own.copies]
    judge(own.ratio("clusters", own.clusters), control=control, detail=detail)


@claim(
    "wqk.components-encode-layer",
    statement="the leading component encodes the layer's position",
    criterion="|Spearman| between a head's score on component 1 and its layer > 0.5",
    parts=ENCODED,
    estimator="absolute Spearman correlation over all heads, which are not a sample",
    source="001 exp6",
    control=REINITIALISED,
    needs=LAYERS,
    published={"gpt2": Published("supported", "qualitative", EXP6)},
    universes=universes.LEADING_COMPONENT,
)
def test_components_encode_layer(study: Study, judge: Judge) -> None:
    def correlation(own: Study) -> Estimate:
        return own.facet(facet.WeightBasis).layer_correlation()

    basis = study.facet(facet.WeightBasis).basis()
    detail = {
        "score of each head on component 1": basis.scores[:, 0],
        "layer of each head": basis.layer,
        "share of component 1": basis.cumulative[0],
    }
    judge(correlation(study), detail=detail, **on_copies(study, correlation))


@claim(
    "wqk.basis-free",
    statement="the verdicts on the heads' query-key matrices do not depend on the basis inside a head",
    criterion="the same PCA on W_Q W_Kᵀ, through its Gram matrix, gives the same six verdicts; a rebuilt W′ enters by "
    "W_Q ← W′ W_K (W_KᵀW_K)⁻¹ with W_K kept",
    parts=above(5.5, "verdicts that agree", within=(0, len(VERDICTS))),
    estimator="number of the six criteria of the group that both forms meet or both miss by their bare values; at least "
    "those that both meet or both miss for certain, at most all but those that one meets and the other misses for certain, "
    f"at a level that the ratios of both forms share; ratios with {BLOCKS}, K(90 %) and the correlation as they are",
    unit="verdicts",
    source="ours",
    control="the registered form after a random change of basis inside every head, against the basis-free form",
    cost="minutes",
    needs=LAYERS,
    data=TEXT,
    universes=universes.FORMS,
)
def test_basis_free(study: Study, judge: Judge) -> None:
    weights = study.facet(facet.WeightBasis)
    registered, free = weights.evidence("registered"), weights.evidence("basis-free")
    others = [copy.evidence("other basis") for copy in weights.copies]
    numbers = dict(zip(("registered", "basis-free", "other basis"), (registered, free, *others), strict=False))
    detail = text(study) | {
        "numbers": {form: {name: own.value for name, own in found.items()} for form, found in numbers.items()},
        "criteria met": {
            form: {name: all(part.met_by(found[part.part].value) for part in parts) for name, parts in VERDICTS.items()}
            for form, found in numbers.items()
        },
        "spectra": {form: weights.spectrum(form) for form in FORMS},
    }
    control = [agreement.agreeing(VERDICTS, other, free) for other in others]
    judge(
        agreement.agreeing(VERDICTS, registered, free), control=control, detail=detail, figures=[figures.wqk_spectrum]
    )


def spectrum(study: Study) -> dict[str, Any]:
    """For the report: heads, variance and numbers of components."""
    own = study.facet(facet.WeightBasis)
    shares = {f"K({share:.1%})": own.components(share) for share in (0.5, 0.9, 0.95, 0.99, 0.997)}
    return {"heads": own.heads, "components": shares, "cumulative variance": own.basis().cumulative}


def text(study: Study) -> dict[str, Any]:
    """For the report: what the ratios were measured on."""
    return {"tokens": study.text.tokens("both"), "baseline perplexity": float(study.text.baseline("both").perplexity)}
