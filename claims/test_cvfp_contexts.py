"""The CVFP language model: convergence of its contexts, and the rank that they fill (003, 004 §1, §2 and §4).

Nine configurations, layers 1–3 by input tokens 1–3, at 50, 100, 200 and 500 documents. An iteration of phase 1
converges a token whose context changed by a mean square below 0.03; 99 % of them end the phase, after 5 to 40
iterations. Effective rank is exp(entropy of the normalised singular values) over the width.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from semphase import (
    TEXT,
    Judge,
    Published,
    Study,
    above,
    at_least,
    at_most,
    below,
    claim,
)
from semphase.science.cvfp import evidence as cvfp
from semphase.science.cvfp import facet, figures, grids, orderings, trainings

UNTRAINED = "untrained context block"
SHUFFLED = "training on shuffled text, smallest size"
ITERATIONS = (
    "iterations until 99 % of the tokens of resampled training documents have converged, one more than were run (41 of "
    "40) where they have not"
)
RANK = "groups of documents resampled by the jackknife, and seeds of each configuration"
LARGEST = -1
LIMIT = 40


@claim(
    "cvfp.no-fixed-point-1l1t",
    statement="one layer, one token does not converge",
    criterion="reaches the iteration limit (40) unconverged, all others converge",
    parts=(above(LIMIT, "one layer, one token"), at_most(LIMIT, "slowest of the others")),
    estimator=f"{ITERATIONS}; the fewest over sizes and seeds of one layer, one token; the most over sizes, seeds and "
    "configurations of the others",
    unit="iterations",
    source="003",
    control=SHUFFLED,
    cost="minutes",
    published={"gpt2": Published("supported", "40, others 6–24")},
    data=TEXT,
)
def test_no_fixed_point(study: Study, judge: Judge) -> None:
    def by_configuration(measured: grids.Measured) -> trainings.Drawn:
        return measured.iterations_of_seeds.of(lambda n: n.reshape(*n.shape[:-4], 9, -1))

    statistics = {
        "one layer, one token": lambda own: by_configuration(own).of(lambda n: n[..., 0, :].min(axis=-1)),
        "slowest of the others": lambda own: by_configuration(own).of(lambda n: n[..., 1:, :].max(axis=(-2, -1))),
    }
    trained = study.facet(facet.Cvfp)
    made = cvfp.on_grids(study, statistics, (trained.matrix,), (trained.shuffled_matrix,), **iterations(trained.matrix))
    judge(**made, figures=[figures.cvfp_convergence])


@claim(
    "cvfp.tokens-speed-convergence",
    statement="more input tokens converge sooner",
    criterion="at the largest size, phase-1 iterations never rise with tokens and are fewer at three than at one, at "
    "every depth",
    parts=(at_most(0, "largest rise"), above(0, "smallest saving from one token to three")),
    estimator=f"{ITERATIONS}, mean over seeds, which are resampled for each configuration",
    unit="iterations",
    source="003",
    control=SHUFFLED,
    cost="minutes",
    published={"gpt2": Published("supported", "40 20 12, 16 8 7, 10 7 7")},
    data=TEXT,
)
def test_tokens_speed_convergence(study: Study, judge: Judge) -> None:
    def at_largest(measured: grids.Measured) -> trainings.Drawn:
        return measured.iterations.of(lambda n: n[..., LARGEST])

    statistics = {
        "largest rise": lambda own: at_largest(own).of(lambda n: np.diff(n, axis=-1).max(axis=(-2, -1))),
        "smallest saving from one token to three": lambda own: at_largest(own).of(
            lambda n: (n[..., 0] - n[..., 2]).min(axis=-1)
        ),
    }
    trained = study.facet(facet.Cvfp)
    made = cvfp.on_grids(study, statistics, (trained.matrix,), (trained.shuffled_matrix,), **iterations(trained.matrix))
    judge(**made, figures=[figures.cvfp_convergence])


@claim(
    "cvfp.rank-grows-with-tokens",
    statement="effective rank grows with input tokens",
    criterion="Spearman > 0.8 over the nine configurations",
    parts=above(0.8, "Spearman"),
    estimator=f"effective rank of the training contexts at the largest size against input tokens; {RANK}",
    source="003",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "78.6 → 87 %")},
    data=TEXT,
)
def test_rank_grows_with_tokens(study: Study, judge: Judge) -> None:
    made = cvfp.on_matrix(study, lambda own: rank_against(own, [1, 2, 3] * 3), **contexts(study))
    judge(**made, figures=[figures.cvfp_spectra])


@claim(
    "cvfp.rank-weak-in-depth",
    statement="effective rank hardly grows with depth",
    criterion="abs(Spearman) < 0.4",
    parts=below(0.4, "abs(Spearman)"),
    estimator=f"effective rank of the training contexts at the largest size against layers, nine configurations; {RANK}",
    source="003",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "two layers slightly higher")},
    data=TEXT,
)
def test_rank_weak_in_depth(study: Study, judge: Judge) -> None:
    def strength(measured: grids.Measured) -> trainings.Drawn:
        return rank_against(measured, [1] * 3 + [2] * 3 + [3] * 3).of(np.abs)

    judge(**cvfp.on_matrix(study, strength, **contexts(study)), figures=[figures.cvfp_spectra])


@claim(
    "cvfp.token-input-raises-rank",
    statement="feeding the token to every layer raises the effective rank",
    criterion="rank with the token in every layer ≥ 2 × the first-layer-only variant's",
    parts=at_least(2, "ratio of ranks"),
    estimator="three layers, one token at the largest size: effective rank of the validation contexts with the token in "
    f"every layer over that with the token in the first layer only, everything else equal; {RANK}",
    source="004 §1",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "76.3 against 8.6 %")},
    data=TEXT,
)
def test_token_input_raises_rank(study: Study, judge: Judge) -> None:
    def ratio(matrix: grids.Measured, first: grids.Measured) -> trainings.Drawn:
        every, only = matrix.rank("validation").at((2, 0, LARGEST)), first.rank("validation").at((0, 0, LARGEST))
        return trainings.combined(np.divide, every, only)

    trained = study.facet(facet.Cvfp)
    own, control = (trained.matrix, trained.first_only), (trained.reservoir, trained.first_only_reservoir)
    detail = contexts(study) | {
        "first_layer_only": trained.first_only.rank("validation").at((0, 0, LARGEST)).estimate(),
        "spectrum_of_the_first_layer_only": cvfp.spectra(trained.first_only),
    }
    judge(**cvfp.on_grids(study, ratio, own, control, **detail), figures=[figures.cvfp_spectra])


@claim(
    "cvfp.rank-flat-in-tokens",
    statement="effective rank does not depend on the amount of data",
    criterion="validation rank over the four sizes varies by < 15 % of its mean",
    parts=below(0.15, "largest range over mean"),
    estimator="effective rank of the validation contexts, its range over the sizes by its mean, the largest of nine "
    f"configurations; {RANK}",
    source="004 §4",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "7.8–8.6 %")},
    data=TEXT,
)
def test_rank_flat_in_tokens(study: Study, judge: Judge) -> None:
    def spread(measured: grids.Measured) -> trainings.Drawn:
        return measured.rank("validation").of(lambda r: (np.ptp(r, axis=-1) / r.mean(axis=-1)).max(axis=(-2, -1)))

    judge(**cvfp.on_matrix(study, spread, rank=ranks(study.facet(facet.Cvfp).matrix)))


@claim(
    "cvfp.rank-is-not-the-cause",
    statement="effective rank does not drive PPL",
    criterion="validation rank and log PPL pooled over configurations and sizes, configuration means removed: abs(r) < "
    "0.5, while log tokens and log PPL: r < −0.95",
    parts=(below(0.5, "abs(r) of rank and log PPL"), below(-0.95, "r of log tokens and log PPL")),
    estimator=f"Pearson's r of validation numbers, nine configurations by four sizes; for PPL validation documents and "
    f"for rank {RANK}",
    source="004 §4",
    control="perplexities dealt to the sizes at random",
    cost="minutes",
    published={"gpt2": Published("supported", "R² 0.993 of tokens")},
    data=TEXT,
)
def test_rank_is_not_the_cause(study: Study, judge: Judge) -> None:
    def pooled(values: np.ndarray) -> np.ndarray:
        return orderings.within_rows(values.reshape(*values.shape[:-3], 9, -1))

    matrix = study.facet(facet.Cvfp).matrix
    rank, ppl = matrix.rank("validation").of(pooled), matrix.log_ppl
    order = np.argsort(study.rng("dealt sizes").random(ppl.point.shape), axis=-1)
    log_n = pooled(np.broadcast_to(np.log(matrix.tokens), ppl.point.shape))

    def evidence(log_ppl: trainings.Drawn) -> dict[str, Any]:
        with_rank = trainings.combined(orderings.correlation, rank, log_ppl).of(np.abs)
        with_tokens = log_ppl.of(lambda own: orderings.correlation(own, log_n))
        return {
            "abs(r) of rank and log PPL": with_rank.estimate(),
            "r of log tokens and log PPL": with_tokens.estimate(),
        }

    dealt = ppl.of(lambda own: np.take_along_axis(own, np.broadcast_to(order, own.shape), axis=-1))
    detail = study.facet(facet.Cvfp).reading | {"rank": ranks(matrix)}
    judge(evidence(ppl.of(pooled)), control=evidence(dealt.of(pooled)), detail=detail)


def rank_against(measured: grids.Measured, other: list[int]) -> trainings.Drawn:
    """Spearman's correlation of the training contexts' rank at the largest size with a property of configurations."""
    at_largest = measured.rank("training").of(lambda rank: rank[..., LARGEST].reshape(*rank.shape[:-3], 9))
    return at_largest.of(lambda rank: orderings.rank_correlation(rank, other))


def ranks(measured: grids.Measured) -> dict[str, Any]:
    """Effective ranks by size, of both splits."""
    return {split: measured.table(measured.rank(split)) for split in ("training", "validation")}


def contexts(study: Study) -> dict[str, Any]:
    """Effective ranks by size, and the spectra behind those at the largest."""
    matrix = study.facet(facet.Cvfp).matrix
    return {"rank": ranks(matrix), "spectra": cvfp.spectra(matrix)}


def iterations(measured: grids.Measured) -> dict[str, Any]:
    """Mean iterations by size, the share of converged tokens by iteration, and at the last one of every training."""
    return {
        "iterations_by_size": measured.table(measured.iterations),
        "share_converged": measured.last_shares,
        "share_converged_by_iteration_at_the_largest_size": cvfp.convergence(measured),
        "share_that_ends_phase_1": measured.grid.recipe.share,
    }
