"""Traces of π: the erf width 1/√π, families with π in them, the angle the stream turns by (001 exp8, exp9)."""

from __future__ import annotations

from typing import Any

import numpy as np

from semphase import (
    LEXICON,
    TEXT,
    Estimate,
    Evidence,
    JointStudy,
    Judge,
    Needs,
    Published,
    Study,
    above,
    at_least,
    at_most,
    claim,
    not_rejected,
    on_copies,
    with_interval,
)
from semphase.science.lexical import between_models, facet, figures, shapes, widths
from semphase.science.lexical import evidence as lexical
from semphase.science.lexical import total_rotation as rotation

REINITIALISED = "re-initialised weights"
WITH_PI = ("cos_pi", "cos_pi_power", "sin_pi", "sin_pi_power")
WITHOUT_PARAMETER = ("cos_pi", "sin_pi")
SCALING = Needs(models=3, layers=5)


@claim(
    "pi.sigma-not-rejected",
    statement="the erf width equals 1/√π",
    criterion="likelihood-ratio test of σ = 1/√π, χ² = n·ln(RSS_fixed/RSS_free), df 1: p > 0.05; confirmed only if "
    "equivalent within ±5 %",
    parts=not_rejected(0.5642, 0.05, "σ_free"),
    estimator="erf(x/(σ√2)) on g_mean over the full depth; profile-likelihood interval",
    unit="l/L",
    source="001 exp8",
    control=REINITIALISED,
    needs=Needs(layers=5),
    published={"gpt2": Published("supported", "p 0.535"), "gpt2-medium": Published("supported", "p 0.245")},
    data=LEXICON,
)
def test_sigma_not_rejected(study: Study, judge: Judge) -> None:
    def test_of(own: Study) -> widths.WidthTest:
        return widths.width_test_of(own, own.facet(facet.Lexical).response)

    words, test = study.facet(facet.Lexical), test_of(study)
    detail = words.reading | {
        "test": test,
        "σ_free over words and prompts": estimate_from_draws(shapes.erf_width, words.response, population="words"),
        "h from the prompt's step": widths.width_test_of(study, words.response_by_step),
        "curves": widths.fitted(test, words.response.point),
    }
    control = on_copies(study, lambda copy: widths.evidence_of(test_of(copy)))
    told = {"reason": widths.meaning(test)} | control
    judge(widths.evidence_of(test), detail=detail, figures=[figures.shape_fits], **told)


@claim(
    "pi.learned",
    statement="an agreement with 1/√π is a product of training",
    criterion="pi.sigma-not-rejected holds for the model and fails in at least 4 of 5 re-initialised copies",
    parts=(not_rejected(0.5642, 0.05, "σ_free"), at_least(4, "copies that reject")),
    estimator="the width test of the model; the number of copies with p ≤ 0.05, prompts and words resampled",
    source="ours",
    control="the first untrained copy in the model's place",
    needs=Needs(layers=5),
    data=LEXICON,
)
def test_learned(study: Study, judge: Judge) -> None:
    words = study.facet(facet.Lexical)
    copies = [copy.facet(facet.Lexical).response for copy in study.untrained]
    rejecting = estimate_from_draws(widths.rejections, *copies, population="words")
    own, untrained = (widths.width_test_of(study, curves) for curves in (words.response, copies[0]))
    detail = words.reading | {
        "p of the copies": [widths.width_test_of(study, curves).p for curves in copies],
        "copies that reject, h from the prompt's step": lexical.by_step(study.untrained, widths.rejections, "words"),
        "curves": {
            "x": words.response.point.x,
            "trained": words.response.point.g_mean,
            "untrained": [copy.point.g_mean for copy in copies],
        },
    }

    def with_copies(test: widths.WidthTest) -> dict[str, Evidence | Estimate]:
        return {"σ_free": widths.evidence_of(test), "copies that reject": rejecting}

    control, reason = with_copies(untrained), widths.meaning(own)
    judge(with_copies(own), control=control, reason=reason, detail=detail, figures=[figures.g_untrained])


@claim(
    "pi.family-bic-best",
    statement="a family containing π wins on BIC",
    criterion="one of (1−cos πx)/2, (1−cos πx^α)/2, sin(πx/2), sin(πx^α/2) is lowest in BIC of all nine",
    parts=above(0, "BIC lead"),
    estimator="BIC of the best family without π minus BIC of the best with it, on g_mean; words and prompts resampled",
    unit="ΔBIC",
    source="001 exp8",
    control=REINITIALISED,
    needs=Needs(layers=5),
    published={"gpt2": Published("refuted"), "gpt2-medium": Published("supported", "sin(πx^α/2)")},
    data=LEXICON,
)
def test_family_bic_best(study: Study, judge: Judge) -> None:
    judge(**bic_lead(study, WITH_PI), figures=[figures.shape_fits])


@claim(
    "pi.zero-parameter-bic-best",
    statement="a family containing π and no free parameter wins on BIC",
    criterion="(1−cos πx)/2 or sin(πx/2) is lowest in BIC",
    parts=above(0, "BIC lead"),
    estimator="BIC of the best other family minus BIC of the better of the two, on g_mean; words and prompts resampled",
    unit="ΔBIC",
    source="001 exp8",
    control=REINITIALISED,
    needs=Needs(layers=5),
    published={"gpt2": Published("refuted"), "gpt2-medium": Published("refuted")},
    data=LEXICON,
)
def test_zero_parameter_bic_best(study: Study, judge: Judge) -> None:
    judge(**bic_lead(study, WITHOUT_PARAMETER), figures=[figures.shape_fits])


def bic_lead(study: Study, names: tuple[str, ...]) -> dict[str, Any]:
    """By how much the BIC of the best of some families lies below that of the best rival."""
    return lexical.on_responses(
        study,
        shapes.winning_margin(shapes.G, names, shapes.full_curve, "bic"),
        population="words",
        curves=lambda words: shapes.fitted(shapes.G, shapes.full_curve, words.response.point),
        fits=lambda point: shapes.fit_table(shapes.G, shapes.full_curve, point),
    )


@claim(
    "pi.rotation",
    statement="the cumulative rotation angle is π",
    criterion="≥ 90 % of token positions have Θ within ±0.1 rad of π",
    parts=at_least(0.9, "share of positions"),
    estimator="Θ = Σ angle(φ(l), φ(l−1)) at the first 500 positions of the corpus; block bootstrap, blocks of 20",
    source="001 exp8",
    control=REINITIALISED,
    published={"gpt2": Published("refuted", "Θ/π ≈ 1.58"), "gpt2-medium": Published("refuted", "Θ/π ≈ 1.58")},
    data=TEXT,
)
def test_rotation(study: Study, judge: Judge) -> None:
    def share(own: Study) -> Estimate:
        return own.facet(rotation.Rotation).share_near_pi()

    angle, turns = study.facet(rotation.Rotation).angle, study.facet(rotation.Rotation).turns
    detail = {
        "mean Θ/π": turns.mean(),
        "quantiles of Θ/π (5, 50, 95 %)": np.quantile(turns, [0.05, 0.5, 0.95]),
        "mean angle of each block (rad)": angle.mean(axis=0),
        "h from the prompt's step": "not used: the angle needs no h",
        "curves": {
            "angle by block (5, 50, 95 %)": np.percentile(angle, [5, 50, 95], axis=0),
            "percentiles of Θ/π (0 to 100 %)": np.percentile(turns, np.linspace(0, 100, 41)),
        },
    }
    judge(share(study), **on_copies(study, share), detail=detail, figures=[figures.rotation])


@claim(
    "pi.sigma-converges",
    statement="σ_free → 1/√π as models grow",
    criterion="over ≥ 3 models ordered by size, |σ_free − 1/√π| never grows and the largest model's 95 % interval holds "
    "1/√π",
    parts=(at_most(0, "growth"), at_most(0, "interval's distance")),
    estimator="largest growth of |σ_free − 1/√π| to the next larger model, words and prompts resampled; distance of 1/√π "
    "from the largest model's profile-likelihood interval",
    source="001 exp9",
    control="re-initialised weights of every model",
    needs=SCALING,
    data=LEXICON,
)
def test_sigma_converges(study: JointStudy, judge: Judge) -> None:
    def evidence(joint: JointStudy) -> Any:
        ordered = [own.facet(facet.Lexical).response for own in joint.by_size]
        largest = widths.width_test_of(joint.by_size[-1], ordered[-1])
        return {
            "growth": estimate_from_draws(between_models.growth_away_from_pi, *ordered, population="words"),
            "interval's distance": widths.distance_of_interval(largest, widths.INVERSE_ROOT_PI),
        }

    models = {own: own.facet(facet.Lexical) for own in study.by_size}
    by_step = {own.label: widths.width_test_of(own, words.response_by_step).width for own, words in models.items()}
    detail = {
        "tests": {own.label: widths.width_test_of(own, words.response) for own, words in models.items()},
        "σ_free with h from the prompt's step": by_step,
        "g_mean of each model": lexical.mean_curves(study),
    }
    judge(evidence(study), **on_copies(study, evidence), detail=detail, figures=[figures.g_models])


@claim(
    "pi.rotation-scaling",
    statement="Θ approaches a multiple of π as models grow",
    criterion="over ≥ 3 models, the distance of mean Θ/π to the nearest integer never grows",
    parts=at_most(0, "growth"),
    estimator="largest growth of the distance to the next larger model; block bootstrap of positions, blocks of 20",
    source="001 exp9",
    control="re-initialised weights of every model",
    needs=Needs(models=3),
    data=TEXT,
)
def test_rotation_scaling(study: JointStudy, judge: Judge) -> None:
    def growth(joint: JointStudy) -> Any:
        facets = [own.facet(rotation.Rotation) for own in joint.by_size]
        means, draws = zip(*(own.mean_with_draws(own.turns) for own in facets), strict=True)
        value, drawn = (between_models.growth_away_from_integer(turns) for turns in (means, draws))
        return with_interval(float(value), drawn, n=len(facets[0].turns), what=rotation.BLOCKS)

    detail = {
        "mean Θ/π": {own.label: own.facet(rotation.Rotation).turns.mean() for own in study.by_size},
        "parameters": {own.label: own.model.parameters for own in study.by_size},
        "h from the prompt's step": "not used: the angle needs no h",
    }
    judge(growth(study), **on_copies(study, growth), detail=detail, figures=[figures.rotation_models])


@claim(
    "pi.cos-bic-all-models",
    statement="(1−cos πx)/2 is BIC-best in all models",
    criterion="(1−cos πx)/2 is lowest in BIC of all nine in every model given",
    parts=above(0, "smallest BIC lead"),
    estimator="BIC of the best other family minus BIC of (1−cos πx)/2, the smallest over models; words and prompts "
    "resampled",
    unit="ΔBIC",
    source="001 exp9",
    control="re-initialised weights of every model",
    needs=Needs(models=2, layers=5),
    published={"gpt2+gpt2-medium": Published("refuted", "follows from exp8 B")},
    data=LEXICON,
)
def test_cos_bic_all_models(study: JointStudy, judge: Judge) -> None:
    lead = shapes.winning_margin(shapes.G, "cos_pi", shapes.full_curve, "bic")
    made = lexical.on_all_responses(study, lambda *all_: np.min([lead(own) for own in all_], axis=0), "words")
    judge(**made, figures=[figures.g_models])
