"""A universal basis of attention weights: principal components of all heads' W_QK = W_QᵀW_K (001 exp6).

Weights are rebuilt as W_Q + W_K (W_KᵀW_K)⁻¹ (W_QK′ − W_QK)ᵀ, so that all components give the model back. W_QK is
taken before rotary positions and before query-key norms. Absolute numbers are for 144 heads.
"""

from __future__ import annotations

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
    above,
    at_least,
    at_most,
    claim,
    on_copies,
)
from semphase.science.wqk import facet, figures

REINITIALISED = "re-initialised weights"
RANDOM_BASIS = "as many random orthonormal directions of the space that the heads' matrices span"
LAYERS = Needs(layers=2)
BLOCKS = "paired bootstrap of contiguous blocks"

FEW = at_most(32, "K(90 %)")
KEPT = at_most(1.1, "smallest ratio")
BROKEN = at_least(2, "ratio at 99 %")
RESTORED = at_most(1.1, "ratio at 99.7 %")
IRREPLACEABLE = at_least(5, "ratio with clusters")
ENCODED = above(0.5, "|ρ|")
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
    "heads; delete-one-layer jackknife",
    unit="components of 144",
    source="001 exp6",
    control=REINITIALISED,
    needs=LAYERS,
    published={"gpt2": Published("refuted", "82 of 144")},
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
    f"on all of the text; {BLOCKS}, the smallest taken in every draw",
    source="001 exp6",
    control=RANDOM_BASIS,
    cost="minutes",
    needs=LAYERS,
    published={"gpt2": Published("refuted", "K = 32: 19×")},
    data=TEXT,
)
def test_compressible(study: Study, judge: Judge) -> None:
    own = study.facet(facet.WeightBasis)
    ratios = {count: own.ratio("leading", count) for count in own.grid}
    control = own.smallest_ratio("random", own.grid)
    judge(own.smallest_ratio("leading", own.grid), control=control, detail=text(study) | {"ratio at K": ratios})


@claim(
    "wqk.variance-is-not-function",
    statement="99 % of the variance is not enough",
    criterion="ratio ≥ 2.0 at the smallest K with ≥ 99 % of the variance",
    parts=BROKEN,
    estimator=f"perplexity ratio with W_QK rebuilt from K(99 %) components, on all of the text; {BLOCKS}",
    source="001 exp6",
    control=RANDOM_BASIS,
    cost="minutes",
    needs=LAYERS,
    published={"gpt2": Published("supported", "2.2×")},
    data=TEXT,
)
def test_variance_is_not_function(study: Study, judge: Judge) -> None:
    own = study.facet(facet.WeightBasis)
    count = own.components(0.99)
    judge(own.ratio("leading", count), control=own.ratio("random", count), detail=text(study) | spectrum(study))


@claim(
    "wqk.tail-matters",
    statement="the last < 1 % of the variance restores function",
    criterion="from K(99 %) to K(99.7 %) the ratio falls from ≥ 2 to ≤ 1.1",
    parts=(BROKEN, RESTORED),
    estimator=f"perplexity ratio with W_QK rebuilt from K(99 %) and K(99.7 %) components, on all of the text; {BLOCKS}",
    source="001 exp6",
    control=RANDOM_BASIS,
    cost="minutes",
    needs=LAYERS,
    published={"gpt2": Published("supported", "2.2 → 1.07")},
    data=TEXT,
)
def test_tail_matters(study: Study, judge: Judge) -> None:
    own = study.facet(facet.WeightBasis)
    counts = {BROKEN.part: own.components(0.99), RESTORED.part: own.components(0.997)}
    leading = {part: own.ratio("leading", count) for part, count in counts.items()}
    control = {part: own.ratio("random", count) for part, count in counts.items()}
    judge(leading, control=control, detail=text(study) | spectrum(study))


@claim(
    "wqk.heads-irreplaceable",
    statement="a head cannot stand in for its cluster",
    criterion="k-means with k = 4/9 of the heads, members replaced by the nearest head: ratio ≥ 5",
    parts=IRREPLACEABLE,
    estimator="perplexity ratio with every W_QK replaced by that of the head of its k-means cluster (best of ten starts) "
    f"nearest to the centroid, on all of the text; {BLOCKS}",
    source="001 exp6",
    control="as many random heads stay, the others are replaced by random ones of them",
    cost="minutes",
    needs=LAYERS,
    published={"gpt2": Published("supported", "no figure")},
    data=TEXT,
)
def test_heads_irreplaceable(study: Study, judge: Judge) -> None:
    own = study.facet(facet.WeightBasis)
    stand_in = own.mixing("clusters", own.clusters).argmax(axis=1)
    detail = text(study) | {"clusters": own.clusters, "head that stands for each head": stand_in}
    judge(own.ratio("clusters", own.clusters), control=own.ratio("scattered", own.clusters), detail=detail)


@claim(
    "wqk.components-encode-layer",
    statement="the leading component encodes the layer's position",
    criterion="|Spearman| between a head's score on component 1 and its layer > 0.5",
    parts=ENCODED,
    estimator="absolute Spearman correlation over all heads; bootstrap over heads, the component kept",
    source="001 exp6",
    control=REINITIALISED,
    needs=LAYERS,
    published={"gpt2": Published("supported", "qualitative")},
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
    parts=at_least(6, "verdicts that agree"),
    estimator="number of the six criteria of the group that both forms meet or both miss by their bare values; the ratios' "
    f"{BLOCKS}, shared by both forms, K(90 %) and the correlation as they are",
    unit="verdicts",
    source="ours",
    control="the registered form after a random change of basis inside every head, against the basis-free form",
    cost="minutes",
    needs=LAYERS,
    data=TEXT,
)
def test_basis_free(study: Study, judge: Judge) -> None:
    forms: tuple[facet.Form, ...] = ("registered", "basis-free", "other basis")
    weights = study.facet(facet.WeightBasis)
    numbers = {form: weights.numbers(form) for form in forms}
    met = {form: {name: meets(parts, numbers[form]) for name, parts in VERDICTS.items()} for form in forms}

    def agreement(form: facet.Form) -> Estimate:
        same = np.sum([met[form][name] == met["basis-free"][name] for name in VERDICTS], axis=0)
        return weights.estimate(float(same[0]), same[1:], "verdicts")

    detail = text(study) | {
        "numbers": {form: {name: values[0] for name, values in numbers[form].items()} for form in forms},
        "criteria met": {form: {name: bool(values[0]) for name, values in met[form].items()} for form in forms},
        "spectra": {form: weights.spectrum(form) for form in forms[:2]},
    }
    control = agreement("other basis")
    judge(agreement("registered"), control=control, detail=detail, figures=[figures.wqk_spectrum])


def meets(parts: tuple[Any, ...], numbers: Mapping[str, np.ndarray]) -> np.ndarray:
    """Whether the point and every draw meet all parts of a criterion, [1 + draw]."""
    return np.all([[part.met_by(value) for value in numbers[part.part]] for part in parts], axis=0)


def spectrum(study: Study) -> dict[str, Any]:
    """For the report: heads, variance and numbers of components."""
    own = study.facet(facet.WeightBasis)
    shares = {f"K({share:.1%})": own.components(share) for share in (0.5, 0.9, 0.95, 0.99, 0.997)}
    return {"heads": own.heads, "components": shares, "cumulative variance": own.basis().cumulative}


def text(study: Study) -> dict[str, Any]:
    """For the report: what the ratios were measured on."""
    return {"tokens": study.text.tokens("both"), "baseline perplexity": float(study.text.baseline("both").perplexity)}
