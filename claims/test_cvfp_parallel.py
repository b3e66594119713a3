"""The CVFP language model: contexts made in parallel against their definition, token after token (004 §2 and §3).

Three layers, one token in every layer, the smallest training set. Parallel contexts are those of phase 1's last
iteration, which phase 2 reads; sequential ones are made by the trained block without noise.
"""

from __future__ import annotations

from semphase import (
    TEXT,
    Estimate,
    Judge,
    Published,
    Study,
    above,
    at_least,
    below,
    claim,
)
from semphase.science.audit.published import stated
from semphase.science.cvfp import evidence as cvfp
from semphase.science.cvfp import facet
from semphase.science.cvfp import universes as other
from semphase.stats.ranges import CORRELATION, POSITIVE

ELSEWHERE = "sequential contexts of other positions"


@claim(
    "cvfp.parallel-matches-sequential",
    statement="parallel contexts equal sequential ones",
    criterion="cosine mean > 0.99, minimum > 0.98",
    parts=(
        above(0.99, "mean cosine", within=CORRELATION),
        above(0.98, "lowest cosine", within=CORRELATION),
    ),
    estimator="cosine of a token's context in the last iteration of phase 1 with its sequential one: mean over tokens "
    "and seeds, each document and each seed left out; and mean over seeds of the lowest over tokens, each seed left out",
    source="004 §2",
    control=ELSEWHERE,
    cost="minutes",
    published={"gpt2": Published("supported", "0.9969, 0.9890", stated("004", "§2"))},
    data=TEXT,
    universes=other.FAST_FORMS,
)
def test_parallel_matches_sequential(study: Study, judge: Judge) -> None:
    def evidence(name: str) -> dict[str, Estimate]:
        values = cvfp.cosines(study, name)
        return {
            "mean cosine": cvfp.mean_cosine(values).smooth("mean cosine", cut=CORRELATION),
            "lowest cosine": cvfp.lowest_cosine(values).smooth("lowest cosine", cut=CORRELATION),
        }

    found = cvfp.agreements(study)
    detail = study.facet(facet.Cvfp).reading_of_smallest | {
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
    parts=below(0.005, "largest difference", within=(0, 2)),
    estimator="cosines as in cvfp.parallel-matches-sequential; differences between the means of the three, each with its "
    "own bounds; each block of ten tokens and each seed left out",
    source="004 §2",
    control=ELSEWHERE,
    cost="minutes",
    published={"gpt2": Published("supported", "0.9966, 0.9969, 0.9972", stated("004", "§2"))},
    data=TEXT,
    universes=other.FAST_FORMS,
)
def test_parallel_position_free(study: Study, judge: Judge) -> None:
    own, other = (cvfp.window_cosines(cvfp.cosines(study, name)) for name in ("cosine", "cosine_elsewhere"))
    names = ("first", "middle", "last")
    means = {name: own.at((i,)).smooth("mean cosine", cut=CORRELATION) for i, name in enumerate(names)}
    detail = study.facet(facet.Cvfp).reading_of_smallest | {"mean cosine": means}
    judge(cvfp.largest_difference(own), control=cvfp.largest_difference(other), detail=detail)


@claim(
    "cvfp.parallel-cache",
    statement="the phase-2 cache can be built in parallel",
    criterion="same contexts in, same layer outputs out (max abs < 1e-5), ≥ 5 × faster",
    parts=(below(1e-5, "largest difference", within=POSITIVE), at_least(5, "speed ratio", within=POSITIVE)),
    estimator="largest absolute difference over layers, tokens and channels of a document, mean over documents, each left "
    "out; seconds of the sequential form over the parallel one's, median over repeats by order statistics",
    source="004 §3",
    control="the sequential form a second time",
    cost="minutes",
    published={"gpt2": Published("supported", "51 s → seconds", stated("004", "§3"))},
    data=TEXT,
    timed=True,
    universes="none: a time belongs to a machine, and the outputs of one block are equal in one way",
)
def test_parallel_cache(study: Study, judge: Judge) -> None:
    times = study.facet(facet.Cvfp).cache_times

    def evidence(form: str) -> dict[str, Estimate]:
        return {
            "largest difference": cvfp.output_difference(times, form),
            "speed ratio": cvfp.speed_ratio(times["seconds"], form),
        }

    detail = study.facet(facet.Cvfp).reading_of_smallest | {
        "median seconds": times["seconds"].median("repeat"),
        "largest difference of all documents": times["largest_difference"].max("training_document"),
        "tokens": int(times.attrs["tokens"]),
    }
    judge(evidence("parallel"), control=evidence("sequential again"), detail=detail)
