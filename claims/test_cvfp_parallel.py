"""The CVFP language model: contexts made in parallel against their definition, token after token (004 §2 and §3).

Three layers, one token in every layer, the smallest training set. Parallel contexts are those of phase 1's last
iteration, which phase 2 reads; sequential ones are made by the trained block without noise.
"""

from __future__ import annotations

from semphase import (
    TEXT,
    Estimate,
    Evidence,
    Judge,
    Published,
    Study,
    above,
    at_least,
    below,
    claim,
)
from semphase.science.cvfp import evidence as cvfp
from semphase.science.cvfp import facet

ELSEWHERE = "sequential contexts of other positions"
SEEDS = "seeds of the training"


@claim(
    "cvfp.parallel-matches-sequential",
    statement="parallel contexts equal sequential ones",
    criterion="cosine mean > 0.99, minimum > 0.98",
    parts=(above(0.99, "mean cosine"), above(0.98, "lowest cosine")),
    estimator="cosine of a token's context in the last iteration of phase 1 with its sequential one, mean and minimum "
    f"over tokens and seeds; documents and {SEEDS} resampled, for the minimum documents only",
    source="004 §2",
    control=ELSEWHERE,
    cost="minutes",
    published={"gpt2": Published("supported", "0.9969, 0.9890")},
    data=TEXT,
)
def test_parallel_matches_sequential(study: Study, judge: Judge) -> None:
    def evidence(name: str) -> dict[str, Evidence | Estimate]:
        values = cvfp.cosines(study, name)
        return {
            "mean cosine": cvfp.mean_cosine(study, values).estimate(),
            "lowest cosine": cvfp.lowest_cosine(study, values).estimate(),
        }

    found = cvfp.agreements(study)
    detail = study.facet(facet.Cvfp).reading | {
        "mean by form and seed": {
            name: [own[name].mean("position") for own in found]
            for name in ("cosine", "squared_error", "relative_error")
        },
        "iterations": [own.attrs["iterations"] for own in found],
    }
    judge(evidence("cosine"), control=evidence("cosine_elsewhere"), detail=detail)


@claim(
    "cvfp.parallel-position-free",
    statement="parallel contexts equal sequential ones at every position",
    criterion="mean cosine of the first, middle and last 100 tokens differ by < 0.005",
    parts=below(0.005, "largest difference"),
    estimator="cosines as in cvfp.parallel-matches-sequential; largest difference between the means of the three; blocks "
    f"of ten tokens and {SEEDS} resampled",
    source="004 §2",
    control=ELSEWHERE,
    cost="minutes",
    published={"gpt2": Published("supported", "0.9966, 0.9969, 0.9972")},
    data=TEXT,
)
def test_parallel_position_free(study: Study, judge: Judge) -> None:
    own, other = (cvfp.window_cosines(study, cvfp.cosines(study, name)) for name in ("cosine", "cosine_elsewhere"))
    means = dict(zip(("first", "middle", "last"), (window.estimate() for window in own), strict=True))
    detail = study.facet(facet.Cvfp).reading | {"mean cosine": means}
    judge(cvfp.largest_difference(own).estimate(), control=cvfp.largest_difference(other).estimate(), detail=detail)


@claim(
    "cvfp.parallel-cache",
    statement="the phase-2 cache can be built in parallel",
    criterion="same contexts in, same layer outputs out (max abs < 1e-5), ≥ 5 × faster",
    parts=(below(1e-5, "largest difference"), at_least(5, "speed ratio")),
    estimator="largest absolute difference over layers, tokens and channels; median seconds of the sequential form over "
    "the parallel one's, repeats resampled",
    source="004 §3",
    control="none: that two programs agree, and which is faster, are properties of the programs and the machine",
    cost="minutes",
    published={"gpt2": Published("supported", "51 s → seconds")},
    data=TEXT,
    timed=True,
)
def test_parallel_cache(study: Study, judge: Judge) -> None:
    times = study.facet(facet.Cvfp).cache_times
    tokens, difference = int(times.attrs["tokens"]), float(times["largest_difference"])
    found = Estimate(difference, difference, difference, "the largest over all tokens: no sample", tokens)
    detail = study.facet(facet.Cvfp).reading | {"median seconds": times["seconds"].median("repeat"), "tokens": tokens}
    judge({"largest difference": found, "speed ratio": cvfp.speed_ratio(study, times["seconds"])}, detail=detail)
