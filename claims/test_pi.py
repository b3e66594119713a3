"""Traces of π: the erf width 1/√π, families with π in them, the angle the stream turns by (001 exp8, exp9)."""

from __future__ import annotations

from typing import Any

import numpy as np

from semphase import (
    Estimate,
    Evidence,
    Needs,
    Published,
    above,
    at_least,
    at_most,
    claim,
    estimate_from_draws,
    not_rejected,
)
from semphase.science.lexical import between_models, shapes, widths
from semphase.science.lexical import total_rotation as rotation
from semphase.stats.families import G
from semphase.stats.interval import with_interval
from semphase.stats.likelihood import INVERSE_ROOT_PI, WidthTest, width_test
from semphase.study import JointStudy, Study, by_step, on_all_responses, on_copies, on_responses
from semphase.verdict.judge import Judge

REINITIALISED = "re-initialised weights"
WITH_PI = ("cos_pi", "cos_pi_power", "sin_pi", "sin_pi_power")
WITHOUT_PARAMETER = ("cos_pi", "sin_pi")
SCALING = Needs(models=3, layers=5)


def width_test_of(study: Study, curves: Any) -> WidthTest:
    """The likelihood-ratio test of σ = 1/√π on g_mean."""
    point = curves.point
    return width_test(point.x, point.g_mean, draws=study.budget.simulations, seed=study.seed)


def evidence_of(test: WidthTest) -> Evidence:
    return Evidence(test.estimate(), test.p, test.equivalent)


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
    figures=("shape-fits",),
)
def test_sigma_not_rejected(study: Study, judge: Judge) -> None:
    test = width_test_of(study, study.response)
    over_prompts = estimate_from_draws(shapes.erf_width, study.response, population="words")
    detail = study.reading | {
        "test": test,
        "σ_free over words and prompts": over_prompts,
        "h from the prompt's step": width_test_of(study, study.response_by_step),
    }
    control = on_copies(study, lambda copy: evidence_of(width_test_of(copy, copy.response)))
    judge(evidence_of(test), detail=detail, **({"reason": widths.meaning(test)} | control))


@claim(
    "pi.learned",
    statement="an agreement with 1/√π is a product of training",
    criterion="pi.sigma-not-rejected holds for the model and fails in at least 4 of 5 re-initialised copies",
    parts=(not_rejected(0.5642, 0.05, "σ_free"), at_least(4, "copies that reject")),
    estimator="the width test of the model; the number of copies with p ≤ 0.05, prompts and words resampled",
    source="ours",
    control="the first untrained copy in the model's place",
    needs=Needs(layers=5),
    figures=("g-reinitialised",),
)
def test_learned(study: Study, judge: Judge) -> None:
    copies = [copy.response for copy in study.untrained]
    rejecting = estimate_from_draws(widths.rejections, *copies, population="words")
    own, untrained = (width_test_of(study, curves) for curves in (study.response, copies[0]))
    detail = study.reading | {
        "p of the copies": [width_test_of(study, curves).p for curves in copies],
        "copies that reject, h from the prompt's step": by_step(study.untrained, widths.rejections, "words"),
    }

    def with_copies(test: WidthTest) -> dict[str, Evidence | Estimate]:
        return {"σ_free": evidence_of(test), "copies that reject": rejecting}

    judge(with_copies(own), control=with_copies(untrained), reason=widths.meaning(own), detail=detail)


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
    figures=("shape-fits",),
)
def test_family_bic_best(study: Study, judge: Judge) -> None:
    judge(**bic_lead(study, WITH_PI))


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
    figures=("shape-fits",),
)
def test_zero_parameter_bic_best(study: Study, judge: Judge) -> None:
    judge(**bic_lead(study, WITHOUT_PARAMETER))


def bic_lead(study: Study, names: tuple[str, ...]) -> dict[str, Any]:
    lead = shapes.winning_margin(G, names, shapes.full_curve, "bic")
    table = shapes.fit_table(G, shapes.full_curve, study.response.point)
    return on_responses(study, lead, population="words", fits=lambda _: table)


@claim(
    "pi.rotation",
    statement="the cumulative rotation angle is π",
    criterion="≥ 90 % of token positions have Θ within ±0.1 rad of π",
    parts=at_least(0.9, "share of positions"),
    estimator="Θ = Σ angle(φ(l), φ(l−1)) at the first 500 positions of the corpus; block bootstrap, blocks of 20",
    source="001 exp8",
    control=REINITIALISED,
    published={"gpt2": Published("refuted", "Θ/π ≈ 1.58"), "gpt2-medium": Published("refuted", "Θ/π ≈ 1.58")},
    figures=("rotation",),
)
def test_rotation(study: Study, judge: Judge) -> None:
    def share(own: Study) -> Any:
        near = rotation.near_pi(own.rotation)
        draws = rotation.block_means(near, own.budget.draws, own.rng("rotation"))
        return with_interval(float(near.mean()), draws, n=len(near), what=rotation.BLOCKS)

    turns = rotation.turns(study.rotation)
    detail = {
        "mean Θ/π": turns.mean(),
        "quantiles of Θ/π (5, 50, 95 %)": np.quantile(turns, [0.05, 0.5, 0.95]),
        "mean angle of each block (rad)": study.rotation.mean(axis=0),
        "h from the prompt's step": "not used: the angle needs no h",
    }
    judge(share(study), **on_copies(study, share), detail=detail)


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
    figures=("g-models",),
)
def test_sigma_converges(study: JointStudy, judge: Judge) -> None:
    def evidence(joint: JointStudy) -> Any:
        ordered = [own.response for own in joint.by_size]
        largest = width_test_of(joint.by_size[-1], ordered[-1])
        return {
            "growth": estimate_from_draws(between_models.growth_away_from_pi, *ordered, population="words"),
            "interval's distance": widths.distance_of_interval(largest, INVERSE_ROOT_PI),
        }

    tests = {own.model.name: width_test_of(own, own.response) for own in study.by_size}
    by_step = {own.model.name: width_test_of(own, own.response_by_step).width for own in study.by_size}
    detail = {"tests": tests, "σ_free with h from the prompt's step": by_step}
    judge(evidence(study), **on_copies(study, evidence), detail=detail)


@claim(
    "pi.rotation-scaling",
    statement="Θ approaches a multiple of π as models grow",
    criterion="over ≥ 3 models, the distance of mean Θ/π to the nearest integer never grows",
    parts=at_most(0, "growth"),
    estimator="largest growth of the distance to the next larger model; block bootstrap of positions, blocks of 20",
    source="001 exp9",
    control="re-initialised weights of every model",
    needs=Needs(models=3),
    figures=("rotation-models",),
)
def test_rotation_scaling(study: JointStudy, judge: Judge) -> None:
    def growth(joint: JointStudy) -> Any:
        turns = [rotation.turns(own.rotation) for own in joint.by_size]
        draws = [
            rotation.block_means(turn, own.budget.draws, own.rng("rotation"))
            for turn, own in zip(turns, joint.by_size, strict=True)
        ]
        value = between_models.growth_away_from_integer([turn.mean() for turn in turns])
        drawn = between_models.growth_away_from_integer(draws)
        return with_interval(float(value), drawn, n=len(turns[0]), what=rotation.BLOCKS)

    means = {own.model.name: rotation.turns(own.rotation).mean() for own in study.by_size}
    detail = {"mean Θ/π": means, "h from the prompt's step": "not used: the angle needs no h"}
    judge(growth(study), **on_copies(study, growth), detail=detail)


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
    figures=("g-models",),
)
def test_cos_bic_all_models(study: JointStudy, judge: Judge) -> None:
    lead = shapes.winning_margin(G, "cos_pi", shapes.full_curve, "bic")
    judge(**on_all_responses(study, lambda *all_: np.min([lead(own) for own in all_], axis=0), "words"))
