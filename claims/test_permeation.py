"""The universal permeation function: σ(l,h) = h · f_max(word) · g(l/L) (001 exp3; 000; 002)."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from semphase import (
    LEXICON,
    Evidence,
    JointStudy,
    Judge,
    Needs,
    Published,
    Study,
    Undefined,
    above,
    at_least,
    at_most,
    below,
    between,
    claim,
    on_copies,
    paired_increase,
    significant,
    where_defined,
)
from semphase.science.audit.published import stated
from semphase.science.lexical import between_models, derived, facet, figures, nulls, response, shapes
from semphase.science.lexical import evidence as lexical
from semphase.science.lexical import write_origin as origin
from semphase.science.lexical.universes import CONDITIONS, RESPONSES
from semphase.stats.nested import Nested, Peak, Quantity

REINITIALISED = "re-initialised weights"
FALLING_WORDS = 6
PERMUTED = 5


def both(value_small: str, value_medium: str) -> dict[str, Published]:
    """Published as supported for gpt2 and for gpt2-medium."""
    return {
        "gpt2": Published("supported", value_small, stated("000", "exp3", "gpt2")),
        "gpt2-medium": Published("supported", value_medium, stated("000", "exp3", "gpt2-medium")),
    }


@claim(
    "permeation.linear-when-deep",
    statement="σ is linear in h in the deep half, not at the embedding",
    criterion="median over words of R²(l) > 0.95 for every 0.6 ≤ x < 1, and < 0.5 at l = 0 (R² = 0 where σ has no "
    "variance)",
    parts=(above(0.95, "R² when deep", within=(0, 1)), below(0.5, "R² at l = 0", within=(0, 1))),
    estimator="R² of the least-squares line of σ(l) on h; medians between order statistics of the words, each deep layer "
    "with bounds of its own",
    source="001 exp3",
    control=REINITIALISED,
    needs=Needs(layers=3, words=2),
    published=both("R² > 0.95", "R² > 0.95"),
    data=LEXICON,
    universes=RESPONSES,
)
def test_linear_when_deep(study: Study, judge: Judge) -> None:
    made = lexical.on_responses(
        study,
        {"R² when deep": response.Medians(response.deep_r2), "R² at l = 0": response.Medians(response.embedding_r2)},
        population="words",
        curves=lexical.r2_curves,
        median_r2=lambda r: np.median(r.r2, axis=0),
    )
    judge(**made, figures=[figures.r2_by_layer])


@claim(
    "permeation.word-correlation",
    statement="f(l) has one shape for all words",
    criterion="the smallest pairwise Pearson r of f over words > 0.96",
    parts=above(0.96, "smallest r", within=(-1, 1)),
    estimator="slope f(l) of σ on h from σ(L), r of every pair of words with bounds of its own; prompts left out within "
    "words",
    source="001 exp3",
    control=REINITIALISED,
    needs=Needs(words=2),
    published=both("> 0.96", "> 0.96"),
    data=LEXICON,
    universes=(*RESPONSES, "Spearman"),
)
def test_word_correlation(study: Study, judge: Judge) -> None:
    def random_curves(own: response.Response) -> Any:
        words, layers = own.f.shape
        return nulls.share_above(0.96, words, layers - 1, seed=study.seed)

    pairs = response.rank_correlations if study.choice("correlation") == "Spearman" else response.correlations
    made = lexical.on_responses(
        study,
        Quantity(pairs, "smallest", (-1, 1)),
        curves=lexical.f_curves,
        pairwise_r=response.correlations,
        share_of_random_rising_curves_that_pass=random_curves,
    )
    judge(**made, figures=[figures.f_overlay])


@claim(
    "permeation.word-residual",
    statement="g_word deviates little from g_mean",
    criterion="RMSE(g_word − g_mean) < 0.08 for all words",
    parts=below(0.08, "largest RMSE", within=(0, inf)),
    estimator="RMSE over layers of every word, with bounds of its own; prompts left out within words",
    source="000 part E",
    control=REINITIALISED,
    needs=Needs(words=2),
    published=both("0.031–0.071", "0.033–0.055"),
    data=LEXICON,
    universes=RESPONSES,
)
def test_word_residual(study: Study, judge: Judge) -> None:
    made = lexical.on_responses(
        study,
        Quantity(response.word_residuals, "largest", (0, inf)),
        curves=lexical.g_curves,
        rmse=response.word_residuals,
    )
    judge(**made, figures=[figures.g_overlay])


@claim(
    "permeation.separable",
    statement="σ(l,h) = h · f_max(word) · g(l/L)",
    criterion="the product form explains > 90 % of the pooled variance of σ − intercept",
    parts=above(0.90, "explained share", within=(0, 1)),
    estimator="1 − residual / pooled variance over words, prompts and layers, g = g_mean; words left out",
    source="000",
    control=REINITIALISED,
    needs=Needs(words=2),
    published=both("complete decomposition", "complete decomposition"),
    data=LEXICON,
    universes=RESPONSES,
)
def test_separable(study: Study, judge: Judge) -> None:
    made = lexical.on_responses(
        study, Quantity(response.separable_share, within=(0, 1)), population="words", curves=lexical.g_curves
    )
    judge(**made, figures=[figures.g_overlay])


@claim(
    "permeation.rise-then-drop",
    statement="g rises to a peak late and drops at the end",
    criterion="peak of g_mean at 0.80 ≤ x ≤ 0.92 and g_mean(L) < peak − 0.05",
    parts=(between(0.80, 0.92, "peak at x", within=(0, 1)), above(0.05, "drop")),
    estimator="the layers that no other one exceeds in g_mean; the largest fall of g_mean from a block before the "
    "last to l = L, each with bounds of its own; words left out",
    source="000",
    control=REINITIALISED,
    needs=Needs(layers=2, words=2),
    published=both("x 0.833, drop 0.249", "x 0.875, drop 0.106"),
    data=LEXICON,
    universes=RESPONSES,
)
def test_rise_then_drop(study: Study, judge: Judge) -> None:
    made = lexical.on_responses(
        study,
        {
            "peak at x": Peak(lambda own: own.g_mean, at=lambda own: own.x),
            "drop": Quantity(response.falls, "largest"),
        },
        population="words",
        curves=lexical.g_curves,
    )
    judge(**made, figures=[figures.g_overlay])


@claim(
    "permeation.linear-rise",
    statement="before the peak g is linear",
    criterion="power-law exponent with the last two points dropped: 0.85 ≤ α ≤ 1.10",
    parts=between(0.85, 1.10, "α", within=(0, inf)),
    estimator="least squares of x^α on g_mean without its last two points, both axes rescaled to end at 1; words left out",
    source="000",
    control=REINITIALISED,
    needs=Needs(layers=5, words=2),
    published=both("0.913", "0.974"),
    data=LEXICON,
    universes=RESPONSES,
)
def test_linear_rise(study: Study, judge: Judge) -> None:
    made = lexical.on_responses(
        study,
        Quantity(shapes.power_exponent, within=(0, inf)),
        population="words",
        curves=fitted(("power",), shapes.truncated_curve),
        depth_not_rescaled=shapes.parameter(shapes.SHAPES["power"], "alpha", shapes.drop_without_rescaling),
    )
    judge(**made, figures=[figures.shape_fits])


@claim(
    "permeation.equal-increments",
    statement="every layer injects an equal share",
    criterion="coefficient of variation of the increments of g_mean up to the peak < 0.5",
    parts=below(0.5, "variation", within=(0, inf)),
    estimator="standard deviation over mean of g_mean(l) − g_mean(l−1) up to the peak of all words, on the log scale; "
    "words left out",
    source="001 exp3",
    control=REINITIALISED,
    needs=Needs(words=2),
    published=both("qualitative", "qualitative"),
    data=LEXICON,
    universes=RESPONSES,
)
def test_equal_increments(study: Study, judge: Judge) -> None:
    made = lexical.on_measurement(
        study,
        derived.rise,
        Quantity(response.increment_variation, within=(0, inf)),
        with_step=derived.rise_by_step,
        population="words",
        curves=lexical.g_curves,
    )
    judge(**made, figures=[figures.g_overlay])


@claim(
    "permeation.erf-best-full",
    statement="over the full depth erf fits best",
    criterion="erf has the lowest AIC of erf, log, exponential, sigmoid, power",
    parts=above(0, "AIC lead"),
    estimator="the smallest AIC of a rival minus that of erf on g_mean, each rival with bounds of its own; words left out",
    unit="ΔAIC",
    source="000",
    control=REINITIALISED,
    needs=Needs(layers=5, words=2),
    published={
        "gpt2": Published("supported", "−66.6", stated("000", "exp3", "gpt2")),
        "gpt2-medium": Published("refuted", "sigmoid −151.3, erf −126.0", stated("000", "exp3", "gpt2-medium")),
    },
    data=LEXICON,
    universes=RESPONSES,
)
def test_erf_best_full(study: Study, judge: Judge) -> None:
    judge(**aic_lead(study, "erf", shapes.full_curve), figures=[figures.shape_fits])


@claim(
    "permeation.power-best-truncated",
    statement="without the drop the power law fits best",
    criterion="power is lowest in AIC, or within 2 of the lowest, with the last two points dropped",
    parts=at_least(-2, "AIC lead"),
    estimator="the smallest AIC of a rival minus that of the power law on the truncated g_mean, each rival with bounds of "
    "its own; words left out",
    unit="ΔAIC",
    source="000",
    control=REINITIALISED,
    needs=Needs(layers=5, words=2),
    published={
        "gpt2": Published("supported", "R² 0.9937", stated("000", "exp3", "gpt2")),
        "gpt2-medium": Published("refuted", "sigmoid", stated("000", "exp3", "gpt2-medium")),
    },
    data=LEXICON,
    universes=RESPONSES,
)
def test_power_best_truncated(study: Study, judge: Judge) -> None:
    judge(**aic_lead(study, "power", shapes.truncated_curve), figures=[figures.shape_fits])


def aic_lead(study: Study, family: str, curve: shapes.Curve) -> dict[str, Any]:
    """By how much a family's AIC lies below that of the best rival."""
    return lexical.on_responses(
        study,
        Quantity(shapes.leads(shapes.SHAPES, family, curve, "aic"), "smallest"),
        population="words",
        curves=fitted(tuple(shapes.SHAPES), curve),
        fits=lambda point: shapes.fit_table(shapes.SHAPES, curve, point),
    )


def fitted(names: tuple[str, ...], curve: shapes.Curve) -> lexical.Curves:
    """For a figure: g_mean and some families fitted to it."""
    families = {name: shapes.SHAPES[name] for name in names}
    return lambda words: shapes.fitted(families, curve, words.response.point)


@claim(
    "permeation.cross-model",
    statement="g is the same for models of different depth",
    criterion="Pearson r of g_mean over x > 0.96 and RMSE < 0.08, interpolated on the shallower grid",
    parts=(above(0.96, "smallest r", within=(-1, 1)), below(0.08, "largest RMSE", within=(0, inf))),
    estimator="g_mean of each pair of models on the shallower grid, the worst pair, each with bounds of its own; words left "
    "out, the same in all models",
    source="000 part G",
    control="re-initialised weights of every model",
    needs=Needs(models=2),
    published={"gpt2+gpt2-medium": Published("supported", "0.982, 0.072", stated("000", "exp3", "gpt2+gpt2-medium"))},
    data=LEXICON,
    universes=RESPONSES,
)
def test_cross_model(study: JointStudy, judge: Judge) -> None:
    quantities = {
        "smallest r": Quantity(between_models.mean_correlations, "smallest", (-1, 1)),
        "largest RMSE": Quantity(between_models.mean_rmses, "largest", (0, inf)),
    }
    judge(**lexical.on_all_responses(study, quantities, "words"), figures=[figures.g_models])


@claim(
    "permeation.cross-model-per-word",
    statement="g is the same for models of different depth, for every single word",
    criterion="r > 0.96 for all words",
    parts=above(0.96, "smallest r", within=(-1, 1)),
    estimator="f of each word in each pair of models on the shallower grid, the worst, each with bounds of its own; prompts "
    "left out within words",
    source="000 part G",
    control="re-initialised weights of every model",
    needs=Needs(models=2),
    published={"gpt2+gpt2-medium": Published("supported", "0.965–0.991", stated("000", "exp3", "gpt2+gpt2-medium"))},
    data=LEXICON,
    universes=RESPONSES,
)
def test_cross_model_per_word(study: JointStudy, judge: Judge) -> None:
    smallest = Quantity(between_models.word_correlations, "smallest", (-1, 1))
    judge(**lexical.on_all_responses(study, smallest, "prompts"), figures=[figures.g_models])


@claim(
    "permeation.diffusion-constant",
    statement="the erf width does not depend on the model",
    criterion="the σ_free of the models differ by < 10 %; D = σ²/2 within 0.15 ± 0.03",
    parts=(below(0.10, "spread of σ", within=(0, inf)), at_most(0.03, "deviation of D", within=(0, inf))),
    estimator="(largest − smallest) / mean of the widths; largest |σ²/2 − 0.15|; every difference with bounds of its own; "
    "words left out, the same in all models",
    source="000",
    control="re-initialised weights of every model",
    needs=Needs(models=2, layers=5),
    published={"gpt2+gpt2-medium": Published("partly", "σ 0.545, 0.591", stated("000", "exp3", "gpt2+gpt2-medium"))},
    data=LEXICON,
    universes=RESPONSES,
)
def test_diffusion_constant(study: JointStudy, judge: Judge) -> None:
    quantities = {
        "spread of σ": Quantity(between_models.width_differences, "largest"),
        "deviation of D": Quantity(between_models.diffusion_deviations, "largest"),
    }
    width = Quantity(shapes.erf_width, within=(0, inf))
    widths = {own.label: lexical.estimates([own.facet(facet.Lexical).response], width, "words") for own in study.each}
    judge(**lexical.on_all_responses(study, quantities, "words", widths=widths), figures=[figures.g_models])


@claim(
    "permeation.drop-is-nonlinearity",
    statement="the fall of f after its peak means that σ turns non-linear in h there",
    criterion="with h from the prompt's step, the quadratic term of σ on h after the peak explains more variance than "
    "before it (paired over the words whose f falls, p < 0.05)",
    parts=significant(0.05, "gain after − before"),
    estimator="R² gained by h² less what noise gains, averaged over the layers after and before the peak of the word's f; "
    "one-sided paired sign-flip test over the words whose f falls, of which alone it speaks",
    source="000",
    control=REINITIALISED,
    needs=Needs(words=FALLING_WORDS),
    published=both("interpretation", "interpretation"),
    data=LEXICON,
    universes=CONDITIONS,
)
def test_drop_is_nonlinearity(study: Study, judge: Judge) -> None:
    def by_step(own: Study) -> response.Response:
        return own.facet(facet.Lexical).response_by_step.point

    def evidence(own: Study) -> Evidence:
        if (falling := int(response.falling(by_step(own)).sum())) < FALLING_WORDS:
            raise Undefined(f"f falls after its peak in {falling} words, and {FALLING_WORDS} are needed")
        before, after = response.gain_around_peak(by_step(own))
        return Evidence(*paired_increase(before, after, seed=own.seed, over="words"))

    with where_defined():
        found = evidence(study)
    words = study.facet(facet.Lexical)
    before, after = response.gain_around_peak(by_step(study))
    detail = words.reading | {"gain before": before, "gain after": after, "curves": lexical.r2_curves(words)}
    judge(found, detail=detail, figures=[figures.r2_by_layer], **on_copies(study, evidence))


@claim(
    "permeation.increment-correlation",
    statement="the increments of f, not only its rise, agree between words",
    criterion="mean pairwise Pearson r of f(l)−f(l−1) > 0.6, and above that of every re-initialised copy",
    parts=(above(0.6, "mean r", within=(-1, 1)), above(0, "lead over the copies", within=(-2, 2))),
    estimator="mean r over pairs of words; the smallest lead over a copy's mean r, each copy with bounds of its own; words "
    "left out, in the model and its copies together",
    source="ours",
    control="increments permuted within each third of the depth, each word for itself",
    needs=Needs(words=4),
    data=LEXICON,
    universes=RESPONSES,
)
def test_increment_correlation(study: Study, judge: Judge) -> None:
    words = study.facet(facet.Lexical)
    copies = [copy.facet(facet.Lexical) for copy in study.copies]
    quantities = {
        "mean r": Quantity(lambda own, *_: response.increment_correlation(own), within=(-1, 1)),
        "lead over the copies": Quantity(response.increment_leads, "smallest", (-2, 2)),
    }

    def evidence(own: Nested[response.Response]) -> Any:
        return lexical.estimates([own, *(copy.response for copy in copies)], quantities, "words")

    judge(
        evidence(words.response),
        control=[evidence(derived.permuted_increments(words, number)) for number in range(PERMUTED)],
        detail=words.reading
        | {
            "mean r of each copy": [response.increment_correlation(copy.response.point) for copy in copies],
            lexical.BY_STEP: lexical.by_step([study, *study.copies], quantities, "words"),
            "curves": lexical.f_curves(words),
        },
        figures=[figures.f_overlay],
    )


@claim(
    "permeation.attention-origin",
    statement="g's regularity comes from attention",
    criterion="projecting each block's attention and MLP writes on e_diff, attention carries > 50 % of the rise, and the "
    "attention-only profile correlates more across words than the MLP-only one",
    parts=(above(0.5, "attention's share"), above(0, "lead in correlation", within=(-2, 2))),
    estimator="slopes on h of the writes' components along e_diff, summed up to the peak of their mean over all words; "
    "mean r over pairs of words of the cumulative profiles; words left out",
    source="002",
    control=REINITIALISED,
    needs=Needs(words=4),
    published={"gpt2": Published("partly", "conjectured", stated("002", "exp7"))},
    data=LEXICON,
    universes=tuple(name for name in RESPONSES if name != "final norm"),  # a norm is no sum of writes
)
def test_attention_origin(study: Study, judge: Judge) -> None:
    quantities = {
        "attention's share": Quantity(origin.attention_share),
        "lead in correlation": Quantity(origin.correlation_lead, within=(-2, 2)),
    }
    made = lexical.on_measurement(
        study,
        derived.attention_and_mlp,
        quantities,
        with_step=derived.attention_and_mlp_by_step,
        population="words",
        curves=derived.write_profiles,
    )
    judge(**made, figures=[figures.write_profiles])
