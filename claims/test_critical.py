"""The two experiments that the source skipped: is there a critical layer, or a phase boundary? (001 exp4, exp5)"""

from __future__ import annotations

from math import inf

from semphase import (
    LEXICON,
    Judge,
    Needs,
    Study,
    above,
    at_least,
    claim,
)
from semphase.science.lexical import critical, derived, figures
from semphase.science.lexical import evidence as lexical
from semphase.science.lexical.universes import CONDITIONS, RESPONSES
from semphase.stats.nested import Peak


@claim(
    "critical.no-susceptibility-peak",
    statement="no critical layer: χ(l) = dσ/dh has no interior peak",
    criterion="the maximum of mean χ lies at x ≥ 0.8, or χ there exceeds the value two layers either side by < 10 %",
    parts=(at_least(0.8, "depth of the maximum", within=(0, 1)), above(1 / 1.1, "larger side over the maximum")),
    combine="any",
    estimator="mean over words of the slope f(l), h from σ(L), below l = L, where h is σ itself; the layers that no other "
    "one exceeds; the larger of both sides of the maximum of all words, each with bounds of its own; words left out",
    source="001 exp4",
    control="re-initialised weights",
    needs=Needs(layers=5, words=2),
    data=LEXICON,
    universes=RESPONSES,
)
def test_no_susceptibility_peak(study: Study, judge: Judge) -> None:
    made = lexical.on_measurement(
        study,
        derived.susceptibility,
        {
            "depth of the maximum": Peak(lambda own: own.mean, at=lambda own: own.x),
            "larger side over the maximum": critical.LargerSide(),
        },
        with_step=derived.susceptibility_by_step,
        population="words",
        curves=lexical.f_curves,
        mean_χ=lambda own: own.mean,
    )
    judge(**made, figures=[figures.f_overlay])


@claim(
    "critical.no-phase-boundary",
    statement="no boundary in the plane of context length × layer",
    criterion="along both axes the logistic transition width of mean |σ| exceeds 20 % of the axis",
    parts=(above(0.2, "context axis", within=(0, inf)), above(0.2, "layer axis", within=(0, inf))),
    estimator="10–90 % width of the logistic step fitted to mean |σ|, averaged over the other axis, with errors "
    "of w / (w + distance of points); words left out",
    source="001 exp5",
    control="re-initialised weights",
    needs=Needs(words=2),
    data=LEXICON,
    universes=CONDITIONS,
)
def test_no_phase_boundary(study: Study, judge: Judge) -> None:
    widths = {
        "context axis": critical.Width(critical.CONTEXT),
        "layer axis": critical.Width(critical.LAYERS),
    }
    made = lexical.on_measurement(
        study, derived.context_plane, widths, population="words", plane=lambda found: found.mean
    )
    judge(**made, figures=[figures.context_plane])
