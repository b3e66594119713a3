"""The CVFP language model: convergence of its contexts, and the rank that they fill (003, 004 §1, §2 and §4).

Nine configurations, layers 1–3 by input tokens 1–3, at 50, 100, 200 and 500 documents (at `quick` 12, 24 and 48).
An iteration of phase 1
converges a token whose context changed by a mean square below 0.03; 99 % of them end the phase, after 5 to 40
iterations. Effective rank is exp(entropy of the normalised singular values) over the width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from semphase import (
    TEXT,
    Estimate,
    Judge,
    Published,
    Study,
    above,
    at_least,
    at_most,
    below,
    between,
    claim,
)
from semphase.science.audit.published import stated
from semphase.science.cvfp import evidence as cvfp
from semphase.science.cvfp import facet, figures, grids, orderings, trainings
from semphase.science.cvfp import universes as other
from semphase.stats.ranges import CORRELATION, POSITIVE, SHARE

MATRIX = stated("003", "matrix")
UNTRAINED = "untrained context block"
SHUFFLED = "training on shuffled text"
ITERATIONS = (
    "iterations until 99 % of the tokens have converged, linear between whole ones, one more than were run (41 of 40) "
    "where they have not"
)
SEEDS = "the median over seeds, by order statistics"
RANK = "each group of documents and each seed left out, of all trainings at once"
LARGEST = -1
LIMIT = 40
TOKENS, LAYERS = [1.0, 2.0, 3.0] * 3, [1.0] * 3 + [2.0] * 3 + [3.0] * 3


@claim(
    "cvfp.no-fixed-point-1l1t",
    statement="one layer, one token does not converge",
    criterion="reaches the iteration limit (40) unconverged, all others converge",
    parts=(
        above(LIMIT, "one layer, one token", within=POSITIVE),
        at_most(LIMIT, "slowest of the others", within=POSITIVE),
    ),
    estimator=f"{ITERATIONS}; for each seed the fewest over sizes of one layer, one token, and the most over sizes and "
    f"configurations of the others; {SEEDS}",
    unit="iterations",
    source="003",
    control=SHUFFLED,
    cost="minutes",
    published={"gpt2": Published("supported", "40, others 6–24", MATRIX)},
    data=TEXT,
    universes=(*other.ITERATIONS, "without the smallest size"),
)
def test_no_fixed_point(study: Study, judge: Judge) -> None:
    of_seeds = cvfp.over_seeds(study)

    def evidence(needed: np.ndarray) -> dict[str, Estimate]:
        by_configuration = needed.reshape(9, *needed.shape[2:])
        return {
            "one layer, one token": of_seeds(by_configuration[0].min(axis=0), within=POSITIVE),
            "slowest of the others": of_seeds(by_configuration[1:].max(axis=(0, 1)), within=POSITIVE),
        }

    judge(**cvfp.on_convergence(study, evidence, lambda: iterations(study)), figures=[figures.cvfp_convergence])


@claim(
    "cvfp.tokens-speed-convergence",
    statement="more input tokens converge sooner",
    criterion="at the largest size, phase-1 iterations never rise with tokens and are fewer at three than at one, at "
    "every depth",
    parts=(at_most(0, "largest rise"), above(0, "smallest saving from one token to three")),
    estimator=f"{ITERATIONS}; for each seed the largest rise and the smallest saving over depths; {SEEDS}",
    unit="iterations",
    source="003",
    control=SHUFFLED,
    cost="minutes",
    published={"gpt2": Published("supported", "40 20 12, 16 8 7, 10 7 7", MATRIX)},
    data=TEXT,
    universes=(*other.ITERATIONS, "without the largest size"),
)
def test_tokens_speed_convergence(study: Study, judge: Judge) -> None:
    of_seeds = cvfp.over_seeds(study)

    def evidence(needed: np.ndarray) -> dict[str, Estimate]:
        at_largest = needed[:, :, LARGEST]
        saving = at_largest[:, 0] - at_largest[:, 2]
        return {
            "largest rise": of_seeds(np.diff(at_largest, axis=1).max(axis=(0, 1))),
            "smallest saving from one token to three": of_seeds(saving.min(axis=0)),
        }

    judge(**cvfp.on_convergence(study, evidence, lambda: iterations(study)), figures=[figures.cvfp_convergence])


@claim(
    "cvfp.rank-grows-with-tokens",
    statement="effective rank grows with input tokens",
    criterion="Pearson's r > 0.8 over the nine configurations",
    parts=above(0.8, "r", within=CORRELATION),
    estimator="mean effective rank over seeds of the training contexts at the largest size against input tokens, nine "
    f"configurations; {RANK}",
    source="003",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "78.6 → 87 %", MATRIX)},
    data=TEXT,
    universes=other.RANKS,
)
def test_rank_grows_with_tokens(study: Study, judge: Judge) -> None:
    made = cvfp.on_matrix(study, rank_against(study, TOKENS), lambda: contexts(study))
    judge(**made, figures=[figures.cvfp_spectra])


@claim(
    "cvfp.rank-weak-in-depth",
    statement="effective rank hardly grows with depth",
    criterion="abs(r) < 0.4, Pearson's r over the nine configurations",
    parts=between(-0.4, 0.4, "r", within=CORRELATION),
    estimator="mean effective rank over seeds of the training contexts at the largest size against layers, nine "
    f"configurations; {RANK}",
    source="003",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "two layers slightly higher", MATRIX)},
    data=TEXT,
    universes=other.RANKS,
)
def test_rank_weak_in_depth(study: Study, judge: Judge) -> None:
    made = cvfp.on_matrix(study, rank_against(study, LAYERS), lambda: contexts(study))
    judge(**made, figures=[figures.cvfp_spectra])


@claim(
    "cvfp.token-input-raises-rank",
    statement="feeding the token to every layer raises the effective rank",
    criterion="rank with the token in every layer ≥ 2 × the first-layer-only variant's",
    parts=at_least(2, "ratio of ranks", within=POSITIVE),
    estimator="three layers, one token at the largest size: effective rank of the validation contexts with the token in "
    f"every layer over that with the token in the first layer only, everything else equal; {RANK}",
    source="004 §1",
    control=UNTRAINED,
    cost="minutes",
    published={"gpt2": Published("supported", "76.3 against 8.6 %", stated("004", "§1"))},
    data=TEXT,
    universes=("contexts of the other split", "without the largest size", *other.CONTEXTS),
)
def test_token_input_raises_rank(study: Study, judge: Judge) -> None:
    def ratio(matrix: grids.Measured, first: grids.Measured) -> Estimate:
        every, only = matrix.rank("validation").at((2, 0, LARGEST)), first.rank("validation").at((0, 0, LARGEST))
        return trainings.combined(np.divide, every, only).smooth("ratio of ranks", within=POSITIVE)

    def detail() -> dict[str, Any]:
        first = study.facet(facet.Cvfp).first_only
        return contexts(study) | {
            "first layer only": first.rank("validation").at((0, 0, LARGEST)).smooth("effective rank", cut=SHARE),
            "spectrum of the first layer only": cvfp.spectra(first),
        }

    made = cvfp.on_grids(
        study,
        ratio,
        lambda own: (own.matrix, own.first_only),
        lambda own: (own.reservoir, own.first_only_reservoir),
        detail,
    )
    judge(**made, figures=[figures.cvfp_spectra])


@claim(
    "cvfp.rank-flat-in-tokens",
    statement="effective rank does not depend on the amount of data",
    criterion="validation rank over the sizes varies by < 15 % of its mean",
    parts=below(0.15, "largest range over mean", within=POSITIVE),
    estimator="effective rank of the validation contexts, differences between any two sizes by the mean over sizes, nine "
    f"configurations, each with its own bounds; {RANK}",
    source="004 §4",
    control=SHUFFLED,
    cost="minutes",
    published={"gpt2": Published("supported", "7.8–8.6 %", stated("004", "§4"))},
    data=TEXT,
    universes=("contexts of the other split", "without the smallest size", *other.CONTEXTS),
)
def test_rank_flat_in_tokens(study: Study, judge: Judge) -> None:
    def spread(measured: grids.Measured) -> Estimate:
        relative = measured.rank("validation").of(lambda r: orderings.differences(r) / r.mean(axis=-1, keepdims=True))
        return relative.largest("differences between two sizes over the mean", cut=POSITIVE)

    judge(**cvfp.on_matrix(study, spread, lambda: ranks(study), cvfp.shuffled))


@claim(
    "cvfp.rank-is-not-the-cause",
    statement="effective rank does not drive PPL",
    criterion="validation rank and log PPL pooled over configurations and sizes, configuration means removed: abs(r) < "
    "0.5, while log tokens and log PPL: r < −0.95",
    parts=(
        between(-0.5, 0.5, "r of rank and log PPL", within=CORRELATION),
        below(-0.95, "r of log tokens and log PPL", within=CORRELATION),
    ),
    estimator=f"Pearson's r of validation numbers, means over seeds, nine configurations at all sizes; {RANK}",
    source="004 §4",
    control=SHUFFLED,
    cost="minutes",
    published={"gpt2": Published("supported", "R² 0.993 of tokens", stated("004", "§4"))},
    data=TEXT,
    universes=(
        "Spearman",
        "contexts of the other split",
        "arithmetic mean over seeds",
        "without the smallest size",
        *other.EMBEDDING,
    ),
)
def test_rank_is_not_the_cause(study: Study, judge: Judge) -> None:
    def pooled(values: np.ndarray) -> np.ndarray:
        return orderings.within_rows(values.reshape(*values.shape[:-3], 9, -1))

    correlation = orderings.rank_correlation if study.choice("correlation") == "Spearman" else orderings.correlation

    def evidence(measured: grids.Measured) -> dict[str, Estimate]:
        rank, ppl = measured.rank("validation").of(pooled), measured.log_ppl_in_groups.of(pooled)
        log_n = pooled(np.broadcast_to(np.log(measured.tokens), measured.log_ppl.point.shape))
        with_rank = trainings.combined(correlation, rank, ppl)
        with_tokens = ppl.of(lambda own: correlation(own, log_n))
        return {
            "r of rank and log PPL": with_rank.smooth("r", within=CORRELATION),
            "r of log tokens and log PPL": with_tokens.smooth("r", within=CORRELATION),
        }

    judge(**cvfp.on_matrix(study, evidence, lambda: ranks(study), cvfp.shuffled))


def rank_against(study: Study, other: list[float]) -> Callable[[grids.Measured], Estimate]:
    """Correlation of the training contexts' rank at the largest size with a property of the nine configurations."""
    correlation = orderings.rank_correlation if study.choice("correlation") == "Spearman" else orderings.correlation

    def found(measured: grids.Measured) -> Estimate:
        at_largest = measured.rank("training").of(lambda rank: rank[..., LARGEST].reshape(*rank.shape[:-3], 9))
        return at_largest.of(lambda rank: correlation(rank, np.array(other))).smooth("r", within=CORRELATION)

    return found


def ranks(study: Study) -> dict[str, Any]:
    """Effective ranks by size, of both splits."""
    matrix, splits = study.facet(facet.Cvfp).matrix, grids.OTHER
    return {"rank": {split: matrix.table(matrix.rank(split), "effective rank", SHARE) for split in splits}}


def contexts(study: Study) -> dict[str, Any]:
    """Effective ranks by size, and the spectra behind those at the largest."""
    return {**ranks(study), "spectra": cvfp.spectra(study.facet(facet.Cvfp).matrix)}


def iterations(study: Study) -> dict[str, Any]:
    """Iterations, the share of converged tokens by iteration, and at the last one of every training."""
    grids_of_seeds = study.facet(facet.Cvfp).convergence()
    matrix = grids_of_seeds[0]
    return {
        "iterations by size and seed": matrix.table(
            trainings.seeds_together([own.iterations for own in grids_of_seeds])
        ),
        "share converged": matrix.last_shares,
        "share converged by iteration at the largest size": cvfp.convergence(matrix),
        "share that ends phase 1": matrix.grid.recipe.share,
    }
