"""The two experiments that the source skipped: is there a critical layer, or a phase boundary? (001 exp4, exp5)"""

from __future__ import annotations

from semphase import (
    LEXICON,
    Judge,
    Study,
    above,
    at_least,
    below,
    claim,
)
from semphase.science.lexical import critical, derived, figures
from semphase.science.lexical import evidence as lexical


@claim(
    "critical.no-susceptibility-peak",
    statement="no critical layer: χ(l) = dσ/dh has no interior peak",
    criterion="the maximum of mean χ lies at x ≥ 0.8, or χ there exceeds the value two layers either side by < 10 %",
    parts=(at_least(0.8, "depth of the maximum"), below(0.10, "excess")),
    combine="any",
    estimator="mean over words of the slope f(l), h from σ(L); excess over the larger side; words and prompts resampled",
    source="001 exp4",
    control="re-initialised weights",
    data=LEXICON,
)
def test_no_susceptibility_peak(study: Study, judge: Judge) -> None:
    statistics = {"depth of the maximum": critical.peak_depth, "excess": critical.peak_excess}
    made = lexical.on_responses(
        study, statistics, population="words", curves=lexical.f_curves, mean_χ=critical.susceptibility
    )
    judge(**made, figures=[figures.f_overlay])


@claim(
    "critical.no-phase-boundary",
    statement="no boundary in the plane of context length × layer",
    criterion="along both axes the logistic transition width of mean |σ| exceeds 20 % of the axis",
    parts=(above(0.2, "context axis"), above(0.2, "layer axis")),
    estimator="10–90 % width of the logistic step fitted to mean |σ|, averaged over the other axis; words and prompts "
    "resampled",
    source="001 exp5",
    control="re-initialised weights",
    data=LEXICON,
)
def test_no_phase_boundary(study: Study, judge: Judge) -> None:
    widths = {"context axis": critical.context_width, "layer axis": critical.layer_width}
    made = lexical.on_measurement(
        study, derived.context_plane, widths, population="words", plane=lambda found: found.mean
    )
    judge(**made, figures=[figures.context_plane])
