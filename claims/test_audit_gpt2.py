"""Do the tables and the prose of exp3, exp6, exp7, exp8 and exp10 agree?

No model is needed: each claim recomputes printed figures from others and propagates the rounding of all of them.
"""
# ruff: noqa: ARG001 - the study of an audit is empty, but the report knows the claim by it

from __future__ import annotations

from semphase import (
    JointStudy,
    Judge,
    above,
    at_least,
    at_most,
    below,
    between,
)
from semphase.science.audit import exp3, exp6, exp7
from semphase.science.audit.declare import figures_agree, quantity, sentences_hold
from semphase.science.audit.evidence import audited
from semphase.science.audit.published import load


@sentences_hold(
    "audit.exp3-best-families",
    statement="erf is best over the full depth, the power law without the drop",
    source="000 exp3F",
    criterion="each has the lowest AIC of its table, in both models",
)
def test_exp3_best_families(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp3.best_families, load("000"), ("fits-small", "r2")))


@quantity(
    "audit.exp3-overwhelming-lead",
    statement="without the drop the power law is overwhelmingly better in the small model",
    source="000 exp3F",
    criterion="its AIC is more than 2 below that of the second family",
    parts=above(2, "AIC lead"),
    estimator="AIC of the best rival less that of the power law, from R², n and k",
)
def test_exp3_overwhelming_lead(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp3.overwhelming_lead, load("000"), ("truncated-small", "r2")))


@quantity(
    "audit.exp3-comparable",
    statement="without the drop the power law is comparable to the best family in the medium model",
    source="000 exp3F",
    criterion="its AIC is at most 2 above the lowest",
    parts=at_most(2, "AIC behind the best"),
    estimator="AIC of the power law less the lowest of its rivals, from R², n and k",
)
def test_exp3_comparable(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp3.comparable_lag, load("000"), ("truncated-medium", "r2")))


@quantity(
    "audit.exp3-rise-reaches-peak",
    statement="g ≈ (l/L)^0.9 describes the rise up to l/L = 0.85",
    source="000 exp3",
    criterion="at the depth of the peak it misses the published peak of g by less than 0.08, the bound that the "
    "source sets on residuals",
    parts=below(0.08, "distance at the peak"),
    estimator="largest abs(x^0.9 − peak of g) of the two models",
)
def test_exp3_rise_reaches_peak(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp3.rise_misses_peak, load("000"), ("peaks", "peak_layer")))


@sentences_hold(
    "audit.exp3-truncation",
    statement="the fits without the drop leave out what lies behind the peak",
    source="000 exp3F",
    criterion="in both models the last layer kept is not behind the peak of g",
)
def test_exp3_truncation(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp3.truncation, load("000"), ("ranges", "kept")))


@figures_agree(
    "audit.exp3-diffusion-constant",
    statement="the diffusion coefficient D = σ²/2 is about 0.15",
    source="000 exp3F",
    criterion="within rounding of 0.15 for the erf widths of both models, with and without the drop",
)
def test_exp3_diffusion_constant(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp3.diffusion, load("000"), ("fits-small", "parameter")))


@figures_agree(
    "audit.exp3-profile",
    statement="depths and drops of the peaks, the range of f_max and the largest difference repeat other figures",
    source="000 exp3E",
)
def test_exp3_profile(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp3.profile, load("000"), ("peaks", "final")))


@quantity(
    "audit.exp3-fits-compatible",
    statement="the published parameters and residuals of a table can belong to one curve",
    source="000 exp3F",
    criterion="no two published curves of a table lie farther apart than their residual norms together",
    parts=(
        at_most(1, "fits, small"),
        at_most(1, "fits, medium"),
        at_most(1, "truncated, small"),
        at_most(1, "truncated, medium"),
    ),
    estimator="largest distance of two curves over the sum of their residual norms; these from AIC, or from R² and "
    "the most that g can vary",
)
def test_exp3_fits_compatible(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp3.fits_compatible, load("000"), ("fits-small", "parameter")))


@figures_agree(
    "audit.exp6-remaining-variance",
    statement="the variance left when 99.1 % is kept is 0.6 %",
    source="001",
)
def test_exp6_remaining_variance(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp6.remaining_variance, load("001"), ("components-prose", "figure")))


@figures_agree(
    "audit.exp6-added-variance",
    statement="components 131–140 carry 0.6 % of the variance",
    source="001 exp6",
)
def test_exp6_added_variance(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp6.added_variance, load("001"), ("components", "variance")))


@quantity(
    "audit.exp6-sorted-variance",
    statement="the cumulative variances of exp6 are those of sorted components",
    source="001 exp6",
    criterion="the variance per component nowhere rises from one range of K to the next; 144 centred matrices have "
    "143 components",
    parts=at_most(0, "largest rise"),
    estimator="largest difference of the variance per component between successive ranges of K, in percent",
)
def test_exp6_sorted_variance(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp6.rising_variance, load("001"), ("components", "variance")))


@quantity(
    "audit.exp6-few-components",
    statement="a few components describe 90 % of the variance",
    source="001",
    criterion="K(90 %) is at most 32 of 144 components",
    parts=at_most(0.2222, "share of the components"),
    estimator="K(90 %) over the number of heads, as 002 gives them",
    control="none: one printed count against a threshold: there is no table to perturb",
)
def test_exp6_few_components(study: JointStudy, judge: Judge) -> None:
    found = exp6.share_for_ninety(load("002"))
    judge(found.estimate(), detail=found.detail())


@sentences_hold(
    "audit.exp7-norms-rise",
    statement="deeper layers write more",
    source="002 exp7",
    criterion="no layer has a smaller mean norm than the one before",
)
def test_exp7_norms_rise(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp7.norms_rise, load("002"), ("norms", "mean")))


@sentences_hold(
    "audit.exp7-spread-outliers",
    statement="the ratio of standard deviation to mean is exceptional in layers 2 and 11",
    source="002 exp7",
    criterion="each of the two exceeds every layer but the other",
)
def test_exp7_spread_outliers(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp7.spread_outliers, load("002"), ("norms", "deviation")))


@quantity(
    "audit.exp7-norm-factor",
    statement="layer 11 writes 20 times the norm of the middle layers",
    source="002 exp7",
    criterion="its norm over the mean norm of layers 3–8 is 20 to one digit, that is between 15 and 25",
    parts=between(15, 25, "norm ratio"),
    estimator="norm of layer 11 over the mean of layers 3–8",
)
def test_exp7_norm_factor(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp7.norm_factor, load("002"), ("norms", "mean")))


@figures_agree(
    "audit.exp7-norm-range",
    statement="the norms repeated in the prose are those of the table",
    source="002 exp7",
    criterion="within rounding: 354 for layer 11, 17 to 52 in the middle layers",
)
def test_exp7_norm_range(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp7.norm_range, load("002"), ("norms", "mean")))


@sentences_hold(
    "audit.exp7-fifty-components",
    statement='the criterion "50 components reach 90 %" is missed in all layers',
    source="002 exp7",
    criterion="K(90 %) > 50 in every layer",
)
def test_exp7_fifty_components(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp7.fifty_components, load("002"), ("components", "k90")))


@figures_agree(
    "audit.exp7-middle-ranges",
    statement="the ranges of the middle layers are their extremes",
    source="002 exp7",
    criterion="within rounding, for layers 3–8: K(90 %) 198 to 235, attention / MLP 0.42 to 0.68",
)
def test_exp7_middle_ranges(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp7.middle_ranges, load("002"), ("components", "k90")))


@sentences_hold(
    "audit.exp7-attention-lower",
    statement="attention is of lower rank than the MLP throughout",
    source="002 exp7",
    criterion="K(90 %) of attention is below that of the MLP in every layer",
)
def test_exp7_attention_lower(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp7.attention_lower, load("002"), ("parts", "attention")))


@figures_agree(
    "audit.exp7-shares",
    statement="ratios of ranks and percentages of exp7 follow from the counts",
    source="002 exp7",
)
def test_exp7_shares(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp7.shares, load("002"), ("parts", "ratio")))


@figures_agree(
    "audit.exp7-ratio-at-512",
    statement="K ≈ 512 is what a PPL ratio of about 1.1 needs",
    source="002",
    criterion="within rounding: the table has 1.1 at K = 512",
)
def test_exp7_ratio_at_512(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp7.ratio_at_512, load("002"), ("inference", "individual_ratio")))


@sentences_hold(
    "audit.exp7-cosines",
    statement="mean cosines and relative errors can belong to one projection",
    source="002 exp7",
    criterion="cos² + error² ≤ 1 at every K, as for means over vectors with cos² + error² = 1",
)
def test_exp7_cosines(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp7.cosines_and_errors, load("002"), ("reconstruction", "error")))


@quantity(
    "audit.exp8-resolution",
    statement="not rejecting σ = 1/√π is evidence for it",
    source="001 exp8",
    criterion="the test could tell 1/√π from a width 5 % away: half of the 95 % interval implied by p is below 0.05",
    parts=below(0.05, "relative half-width"),
    estimator="abs(σ − 1/√π) z_0.975 / z_p over 1/√π, the better of the two models",
)
def test_exp8_resolution(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp6.resolution, load("001"), ("pi-width", "p")))


@figures_agree(
    "audit.exp8-constants",
    statement="the erf width that exp8 compares with 1/√π is about 0.55",
    source="001 exp8",
    criterion="within rounding of 0.55 in both models, and 1/√π = 0.5642",
)
def test_exp8_constants(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp6.pi_constants, load("001"), ("pi", "figure")))


@quantity(
    "audit.exp10-share",
    statement="43 of 144 heads are at least 30 %",
    source="001 exp10",
    criterion="the share of 43 heads is not below 30 %",
    parts=at_least(0, "share above 30 %"),
    estimator="100 · 43/144 − 30",
    control="none: one printed count against another: there is no table to perturb",
)
def test_exp10_share(study: JointStudy, judge: Judge) -> None:
    found = exp6.removable_share(load("001"))
    judge(found.estimate(), detail=found.detail())
