"""Can chain of thought buy back what lighter attention loses? (001 exp10, phase 3)

The lightened model is the one of `linear.pruned-and-linear`: 30 % of the heads zeroed and 10 % more without softmax, in
orders found on the first half of the text's chunks. Tasks have exact answers (`semphase.science.recovery.tasks`); of
each the level is taken at which the unmodified model is nearest to 55 % on the items that calibrate, if it is between
20 and 90 %. Other items judge. A text has 16 tokens; in rounds it is put behind its question and the question is asked
again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from semphase import LEXICON, TEXT, JointStudy, Judge, Needs, Study, at_least, claim, significant
from semphase.measure.edit_base import Edit
from semphase.science.heads import facet as heads
from semphase.science.heads import forms
from semphase.science.recovery import comparing, equal_flops, facet, figures, speed
from semphase.science.recovery import universes as other
from semphase.science.recovery.spending import SAMPLES, SETTINGS, name_of

SOURCE = "001 exp10"
LIGHT = Needs(layers=2, heads=10)
GAIN = "gain in accuracy"
WITHIN = (-1.0, 1.0)


@claim(
    "recovery.speed",
    statement="the lightened model generates faster",
    criterion="tokens/s ≥ 1.1 × the unmodified model's, same engine, same cache, at batch 1 and 16 and context 128 and "
    "1,024",
    parts=tuple(at_least(1.1, name_of(*setting), within=(0, math.inf)) for setting in SETTINGS),
    estimator="tokens per second of greedy steps behind a prompt that has been read, lightened over unmodified, in runs "
    "that take turns; median over 9 runs, order statistics",
    source=SOURCE,
    control="none: a speed is a property of the machine and the program; FLOPs are counted beside it",
    cost="minutes",
    needs=LIGHT,
    data=TEXT,
    timed=True,
    universes="none: a time belongs to a machine, and its settings are parts of the claim",
)
def test_speed(study: Study, judge: Judge) -> None:
    light = forms.lightened(study.facet(heads.Heads))
    found = speed.rates(study, light)
    ratios = {name: speed.ratio(found, name) for name in found["setting"].values}
    detail = {
        "tokens per second": {
            name: {kind: found["rate"].sel(setting=name, kind=kind).values for kind in speed.KINDS} for name in ratios
        },
        "FLOPs of a token, lightened over unmodified": speed.flops_ratios(study, light),
        "device": str(study.model.device),
    }
    judge(ratios, detail=detail, figures=[figures.decoding_speed])


@claim(
    "recovery.recursion",
    statement="feeding generated text back raises task accuracy",
    criterion="accuracy after 3 rounds > after 1 in every task (paired over items, one-sided p < 0.05 after correction)",
    parts=significant(0.05, GAIN, within=WITHIN),
    estimator="exact matches of the lightened model after three rounds less those after one; McNemar's exact p, Holm over "
    "tasks, the largest; smallest gain over tasks",
    unit="share",
    source=SOURCE,
    control="the text's words shuffled; the text of another item of the same length",
    cost="minutes",
    needs=LIGHT,
    data=(TEXT, LEXICON),
    universes=other.ROUNDS,
)
def test_recursion(study: Study, judge: Judge) -> None:
    recovery, light = study.facet(facet.Recovery), lightened(study)
    own = recovery.rounds(light)

    def beside() -> dict[str, Any]:
        shuffled = recovery.rounds(light, feedback="shuffled")
        anothers = recovery.rounds(light, feedback="another item's")
        answers = {
            "lightened": own,
            "lightened, shuffled feedback": shuffled,
            "lightened, feedback of another item": anothers,
        }
        control = {
            "shuffled feedback": comparing.gain(own[0], shuffled[-1]),
            "feedback of another item": comparing.gain(own[0], anothers[-1]),
        }
        detail = {**told(recovery, answers), "by task": comparing.by_task(names(recovery), own[0], own[-1])}
        return {"control": control, "detail": detail}

    judge(comparing.gain(own[0], own[-1]), **facet.beside(study, beside), figures=[figures.accuracy_flops])


@claim(
    "recovery.best-of-n",
    statement="choosing among N samples raises task accuracy",
    criterion="accuracy of best-of-5 > one sample in every task (paired over items, one-sided p < 0.05 after correction)",
    parts=significant(0.05, GAIN, within=WITHIN),
    estimator="exact matches of the lightened model's likeliest of five samples (temperature 0.7, mean log p of a text's "
    "tokens under the model itself) less those of the first sample; McNemar's exact p, Holm over tasks, the largest; "
    "smallest gain over tasks",
    unit="share",
    source="ours",
    control="one of the five samples at random",
    cost="minutes",
    needs=LIGHT,
    data=(TEXT, LEXICON),
    universes=other.SAMPLES,
)
def test_best_of_n(study: Study, judge: Judge) -> None:
    recovery, light = study.facet(facet.Recovery), lightened(study)
    one, best = (recovery.chosen(light, choice) for choice in ("first", "likeliest"))

    def beside() -> dict[str, Any]:
        random = recovery.chosen(light, "random")
        answers = {"lightened, best of samples": [one, best], "lightened, one of them at random": [random]}
        by_task = {"samples": SAMPLES, "by task": comparing.by_task(names(recovery), one, best)}
        return {"control": comparing.gain(one, random), "detail": {**told(recovery, answers), **by_task}}

    judge(comparing.gain(one, best), **facet.beside(study, beside), figures=[figures.accuracy_flops])


@claim(
    "recovery.equal-flops",
    statement="small × N beats large × 1 at equal FLOPs",
    criterion="for two models, at equal counted FLOPs, accuracy(small × N) ≥ accuracy(large × 1) in every task; of more "
    "models the smallest and the largest",
    parts=at_least(0, GAIN, within=WITHIN),
    estimator="exact matches of the small model, after as many rounds or of the likeliest of as many samples as the large "
    "model's FLOPs for one answer pay for, less the large one's; rounds or samples by accuracy on the calibrating items, "
    "tasks by the large model; smallest gain over tasks",
    unit="share",
    source=SOURCE,
    control="one of the small model's N answers at random",
    cost="minutes",
    needs=Needs(models=2),
    data=(TEXT, LEXICON),
    universes=(*other.ANSWERS, "other samples"),
)
def test_equal_flops(study: JointStudy, judge: Judge) -> None:
    small, *_, large = (own.facet(facet.Recovery) for own in study.by_size)
    both = equal_flops.EqualFlops(small, large)
    repeated, once = both.repeated(), both.once

    def beside() -> dict[str, Any]:
        tasks = [task.name for task in both.tasks]
        detail = {
            "small": small.study.label,
            "large": large.study.label,
            "tasks tried": large.calibrated.told(),
            "small × N by": both.way,
            "N": dict(zip(tasks, both.judged_counts, strict=True)),
            "FLOPs, small × N over large × 1": comparing.flops_ratios(repeated, once),
            "answers": {
                f"{large.study.label} × 1": by_task(tasks, [once]),
                f"{small.study.label} × N": by_task(tasks, [repeated]),
            },
            "by task": comparing.by_task(tasks, once, repeated),
        }
        return {"control": comparing.smallest_gain(once, both.at_random()), "detail": detail}

    gain = comparing.smallest_gain(once, repeated)
    judge(gain, **facet.beside(study, beside), figures=[figures.accuracy_flops])


@claim(
    "recovery.hypothesis-5",
    statement="lighter attention plus recursion keeps performance",
    criterion="accuracy of the lightened model after 3 rounds ≥ that of the unmodified model, whose 3 rounds take no fewer "
    "FLOPs, in every task",
    parts=at_least(0, GAIN, within=WITHIN),
    estimator="exact matches of the lightened model after three rounds less those of the unmodified model after one, two "
    "or three rounds, whichever has the highest mean accuracy on the calibrating items; smallest gain over tasks",
    unit="share",
    source=SOURCE,
    control="as many random heads zeroed and without softmax",
    cost="minutes",
    needs=LIGHT,
    data=(TEXT, LEXICON),
    universes=other.ROUNDS,
)
def test_hypothesis_5(study: Study, judge: Judge) -> None:
    recovery = study.facet(facet.Recovery)
    light, unmodified, best = recovery.rounds(lightened(study)), recovery.rounds(), recovery.best_number_of_rounds
    comparing.require_no_more_flops(light[-1], unmodified[-1])

    def beside() -> dict[str, Any]:
        random = recovery.rounds(forms.lightened_at_random(study.facet(heads.Heads)))
        answers = {"unmodified": unmodified, "lightened": light, "random heads": random}
        detail = {
            **told(recovery, answers),
            "rounds of the unmodified model": best,
            "FLOPs of 3 rounds, lightened over unmodified": comparing.flops_ratios(light[-1], unmodified[-1]),
            "by task": comparing.by_task(names(recovery), unmodified[best - 1], light[-1]),
        }
        # One draw of the heads, so that nobody knows how such models scatter.
        return {"control": [comparing.smallest_gain(unmodified[best - 1], random[-1])], "detail": detail}

    gain = comparing.smallest_gain(unmodified[best - 1], light[-1])
    judge(gain, **facet.beside(study, beside), figures=[figures.accuracy_flops])


def lightened(study: Study) -> Sequence[Edit]:
    """The edits of the lightened model, which is one in all universes."""
    return forms.lightened((study.base or study).facet(heads.Heads))


def names(recovery: facet.Recovery) -> list[str]:
    return [task.name for task in recovery.tasks]


def told(recovery: facet.Recovery, answers: Mapping[str, Sequence[facet.ByTask]]) -> dict[str, Any]:
    """Of every way to answer, task by task, what came of each round; and at which levels tasks were tried."""
    tasks = names(recovery)
    return {
        "tasks": {task.name: task.level for task in recovery.tasks},
        "tasks tried": recovery.calibrated.told(),
        "answers": {name: by_task(tasks, rounds) for name, rounds in answers.items()},
    }


def by_task(tasks: Sequence[str], rounds: Sequence[facet.ByTask]) -> dict[str, list[dict[str, float]]]:
    return {task: [answered[k].told() for answered in rounds] for k, task in enumerate(tasks)}
