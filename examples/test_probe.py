"""A linear probe and its control task: what of an answer is the representation's, what the probe's (1909.03368)."""

import numpy as np
from sklearn.linear_model import LogisticRegression

import semphase as s

SIDES = (("gradient_a", "gradient_b"), ("direction_a", "direction_b"))


def accuracies(study: s.Study, site: s.Site) -> np.ndarray:
    """Per cent right on other sentences, [task, word]: of the sense, and of a sense drawn for each sentence."""
    sets = [s.Prompts.from_lexicon(study.lexicon, roles) for roles in SIDES]
    found = []
    read = [(own, study.prompts(own).read(site).squeeze("layer").values) for own in sets]
    for i, word in enumerate(study.lexicon.names):
        (x, y), (at, asked) = ((rows[own.word == word], own.sense[own.word == word]) for own, rows in read)
        tasks = (y, asked), (s.shuffled(y, seed=2 * i), s.shuffled(asked, seed=2 * i + 1))
        found.append([100 * LogisticRegression(max_iter=2000).fit(x, own).score(at, held) for own, held in tasks])
    return np.array(found).T


@s.claim(
    "probe.sense",
    statement="a word's sense is linearly readable, by training and not by the probe",
    criterion="a linear probe beats its control task by > 20 points, and by more than in untrained copies",
    parts=(s.above(20, "selectivity"), s.above(0, "beyond untrained")),
    estimator="logistic regression for each word on the middle stream, from graded to other sentences; over words",
    unit="points",
    source="Hewitt & Liang 2019, Table 1",
    control="untrained copies",
    needs=s.Needs(words=5),
    data=(s.LEXICON,),
    published={"ELMo layer 1, part of speech": s.Published("supported", "97.2, control 71.2, selectivity 26.0")},
)
def test_sense(study: s.Study, judge: s.Judge) -> None:
    middle = s.stream(study.model.layers // 2, positions="at")
    own, copies = accuracies(study, middle), [accuracies(copy, middle) for copy in study.untrained]
    chance = np.mean(copies, axis=0)

    def parts(found: np.ndarray) -> dict:
        gains = {"selectivity": found[1], "beyond untrained": found[1] + chance[0] - chance[1]}
        return {name: s.difference(found[0], other, over="words", unit="points") for name, other in gains.items()}

    judge(parts(own), control=[parts(copy) for copy in copies], detail={"accuracy, control task": own.mean(axis=1)})
