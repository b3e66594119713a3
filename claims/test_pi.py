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
)
from semphase.science.audit.published import stated
from semphase.science.lexical import between_models, facet, figures, shapes, widths
from semphase.science.lexical import evidence as lexical
from semphase.science.lexical import total_rotation as rotation
from semphase.science.lexical.universes import RESPONSES, TURNS
from semphase.stats.nested import BestLead, Quantity
from semphase.stats.ranges import POSITIVE

REINITIALISED = "re-initialised weights"
WITH_PI = ("cos_pi", "cos_pi_power", "sin_pi", "sin_pi_power")
WITHOUT_PARAMETER = ("cos_pi", "sin_pi")
SCALING = Needs(models=3, layers=5)
OF = 5
"""Copies of a model, which numbers of copies are told of."""


@claim(
    "pi.sigma-not-rejected",
    statement="the erf width equals 1/√π",
    criterion="σ = 1/√π is not rejected over words: p > 0.05, two-sided; confirmed only if equivalent within ±5 %",
    parts=not_rejected(0.5642, 0.05, "σ_free", within=POSITIVE),
    estimator="erf(x/(σ√2)) on g_mean over the full depth, words left out; the source's χ² = n·ln(RSS_fixed/RSS_free) takes "
    "the residuals of neighbouring layers as independent and is told in the detail",
    unit="l/L",
    source="001 exp8",
    control=REINITIALISED,
    needs=Needs(layers=5),
    published={
        "gpt2": Published("supported", "p 0.535", stated("001", "exp8 A, B", "gpt2")),
        "gpt2-medium": Published("supported", "p 0.245", stated("001", "exp8 A, B", "gpt2-medium")),
    },
    data=LEXICON,
    universes=RESPONSES,
)
def test_sigma_not_rejected(study: Study, judge: Judge) -> None:
    def width(own: Study) -> Evidence:
        return widths.width_of(own.facet(facet.Lexical).response)

    words, found = study.facet(facet.Lexical), width(study)
    test = widths.width_test_of(study, words.response)
    detail = words.reading | {
        "the source's test": test,
        "h from the prompt's step": widths.width_test_of(study, words.response_by_step),
        "curves": widths.fitted(test, words.response.point),
    }
    told = {"reason": widths.meaning(found)} | on_copies(study, width)
    judge(found, detail=detail, figures=[figures.shape_fits], **told)


@claim(
    "pi.learned",
    statement="an agreement with 1/√π is a product of training",
    criterion="pi.sigma-not-rejected holds for the model and fails in at least 4 of 5 re-initialised copies",
    parts=(
        not_rejected(0.5642, 0.05, "σ_free", within=POSITIVE),
        above(3.5, "copies that reject", within=(0, 5)),
    ),
    estimator="the width test of the model; the number of copies with p ≤ 0.05, of five, words left out in each",
    source="ours",
    control="the first untrained copy in the model's place, the other four as its copies: one draw",
    needs=Needs(layers=5),
    data=LEXICON,
    universes=RESPONSES,
)
def test_learned(study: Study, judge: Judge) -> None:
    words = study.facet(facet.Lexical)
    copies = [copy.facet(facet.Lexical).response for copy in study.copies]
    own = widths.width_of(words.response)
    detail = words.reading | {
        "p of the copies": [widths.width_of(curves).p_value for curves in copies],
        "the source's test": widths.width_test_of(study, words.response),
        "curves": {
            "x": words.response.point.x,
            "trained": words.response.point.g_mean,
            "untrained": [copy.point.g_mean for copy in copies],
        },
    }
    evidence: dict[str, Evidence | Estimate] = {"σ_free": own, "copies that reject": widths.rejections(copies, OF)}
    control: list[dict[str, Evidence | Estimate]] = [
        {"σ_free": widths.width_of(copies[0]), "copies that reject": widths.rejections(copies[1:], OF)}
    ]
    judge(evidence, control=control, reason=widths.meaning(own), detail=detail, figures=[figures.g_untrained])


@claim(
    "pi.family-bic-best",
    statement="a family containing π wins on BIC",
    criterion="one of (1−cos πx)/2, (1−cos πx^α)/2, sin(πx/2), sin(πx^α/2) is lowest in BIC of all nine",
    parts=above(0, "BIC lead"),
    estimator="BIC of the best family without π minus BIC of the best with it, on g_mean, every pair of families with "
    "bounds of its own; words left out",
    unit="ΔBIC",
    source="001 exp8",
    control=REINITIALISED,
    needs=Needs(layers=5),
    published={
        "gpt2": Published("refuted", setting=stated("001", "exp8 A, B", "gpt2")),
        "gpt2-medium": Published("supported", "sin(πx^α/2)", stated("001", "exp8 A, B", "gpt2-medium")),
    },
    data=LEXICON,
    universes=RESPONSES,
)
def test_family_bic_best(study: Study, judge: Judge) -> None:
    judge(**bic_lead(study, WITH_PI), figures=[figures.shape_fits])


@claim(
    "pi.zero-parameter-bic-best",
    statement="a family containing π and no free parameter wins on BIC",
    criterion="(1−cos πx)/2 or sin(πx/2) is lowest in BIC",
    parts=above(0, "BIC lead"),
    estimator="BIC of the best other family minus BIC of the better of the two, on g_mean, every pair of families with "
    "bounds of its own; words left out",
    unit="ΔBIC",
    source="001 exp8",
    control=REINITIALISED,
    needs=Needs(layers=5),
    published={
        "gpt2": Published("refuted", setting=stated("001", "exp8 A, B", "gpt2")),
        "gpt2-medium": Published("refuted", setting=stated("001", "exp8 A, B", "gpt2-medium")),
    },
    data=LEXICON,
    universes=RESPONSES,
)
def test_zero_parameter_bic_best(study: Study, judge: Judge) -> None:
    judge(**bic_lead(study, WITHOUT_PARAMETER), figures=[figures.shape_fits])


def bic_lead(study: Study, names: tuple[str, ...]) -> dict[str, Any]:
    """By how much the BIC of the best of some families lies below that of the best rival."""
    return lexical.on_responses(
        study,
        BestLead(shapes.leads_of(shapes.G, names, shapes.full_curve, "bic")),
        population="words",
        curves=lambda words: shapes.fitted(shapes.G, shapes.full_curve, words.response.point),
        fits=lambda point: shapes.fit_table(shapes.G, shapes.full_curve, point),
    )


@claim(
    "pi.rotation",
    statement="the cumulative rotation angle is π",
    criterion="≥ 90 % of token positions have Θ within ±0.1 rad of π",
    parts=at_least(0.9, "share of positions", within=(0, 1)),
    estimator="Θ = Σ angle(φ(l), φ(l−1)) at the first 500 positions of the corpus; exact interval of a share of positions "
    "in blocks of 10",
    source="001 exp8",
    control=REINITIALISED,
    published={
        "gpt2": Published("refuted", "Θ/π ≈ 1.58", stated("001", "exp8 C")),
        "gpt2-medium": Published("refuted", "Θ/π ≈ 1.58", stated("001", "exp8 C")),
    },
    data=TEXT,
    universes=TURNS,
)
def test_rotation(study: Study, judge: Judge) -> None:
    def near_pi(own: Study) -> Estimate:
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
    judge(near_pi(study), **on_copies(study, near_pi), detail=detail, figures=[figures.rotation])


@claim(
    "pi.sigma-converges",
    statement="σ_free → 1/√π as models grow",
    criterion="over ≥ 3 models ordered by size, |σ_free − 1/√π| never grows and the largest model's width is not told from "
    "1/√π (p > 0.05, confirmed only if equivalent within ±5 %)",
    parts=(at_most(0, "growth"), not_rejected(0.5642, 0.05, "σ_free of the largest", within=POSITIVE)),
    estimator="largest growth of |σ_free − 1/√π| to the next larger model, every step with bounds of its own; σ_free of the "
    "largest model; words left out, the same in all models",
    source="001 exp9",
    control="re-initialised weights of every model",
    needs=SCALING,
    data=LEXICON,
    universes=RESPONSES,
)
def test_sigma_converges(study: JointStudy, judge: Judge) -> None:
    def evidence(joint: JointStudy) -> Any:
        ordered = [own.facet(facet.Lexical).response for own in joint.by_size]
        growth = Quantity(between_models.growths_away_from_pi, "largest")
        return {
            "growth": growth.estimate(*ordered, population="words", what="growth"),
            "σ_free of the largest": widths.width_of(ordered[-1]),
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
    estimator="largest growth of the distance to the next larger model, every step with bounds of its own; blocks of 10 "
    "positions left out, the same in all models",
    source="001 exp9",
    control="re-initialised weights of every model",
    needs=Needs(models=3),
    data=TEXT,
    universes=TURNS,
)
def test_rotation_scaling(study: JointStudy, judge: Judge) -> None:
    def growth(joint: JointStudy) -> Any:
        turns = [own.facet(rotation.Rotation).mean_turns() for own in joint.by_size]
        return rotation.largest_growth(turns, between_models.growths_away_from_integer)

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
    estimator="BIC of the best other family minus BIC of (1−cos πx)/2, the smallest over models, every rival in every model "
    "with bounds of its own; words left out",
    unit="ΔBIC",
    source="001 exp9",
    control="re-initialised weights of every model",
    needs=Needs(models=2, layers=5),
    published={
        "gpt2+gpt2-medium": Published("refuted", "follows from exp8 B", stated("001", "exp9 C", "gpt2+gpt2-medium"))
    },
    data=LEXICON,
    universes=RESPONSES,
)
def test_cos_bic_all_models(study: JointStudy, judge: Judge) -> None:
    lead = shapes.leads(shapes.G, "cos_pi", shapes.full_curve, "bic")
    every = Quantity(lambda *models: np.concatenate([lead(own) for own in models], axis=-1), "smallest")
    judge(**lexical.on_all_responses(study, every, "words"), figures=[figures.g_models])
