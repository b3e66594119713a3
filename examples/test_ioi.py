"""Indirect object identification: two names, and the heads that choose between them (2211.00593)."""

from itertools import permutations

import semphase as s

NAMES = {"choose": ("Mary", "John", "Tom", "Anna"), "judge": ("Paul", "Sarah", "Peter", "Laura", "Mark")}


def prompts(half: str, giver: int) -> s.Prompts:
    """The second of three names gives, so that the first is asked for; or the third, who was not there."""
    rows = [(*r, " and ".join(r[1::-1] if i % 2 else r[:2])) for i, r in enumerate(permutations(NAMES[half], 3))]
    texts = [f"When {two} went to the store, {row[giver]} gave a drink to" for *row, two in rows]
    answers = {side: [f" {row[i]}" for row in rows] for i, side in enumerate(("right", "wrong"))}
    return s.Prompts.of(f"{half} {giver}", texts, **answers)


CLEAN, CORRUPT = ({half: prompts(half, giver) for half in NAMES} for giver in (1, 2))


@s.claim(
    "ioi.circuit",
    statement="the indirect object is preferred, and a few heads see to it",
    criterion="mean logit difference >= 3.56, preferred in >= 99.3 % of prompts; 26 of 144 heads recover >= 80 % of it",
    parts=(s.at_least(3.56, "logit difference"), s.at_least(0.993, "preferred"), s.at_least(0.8, "recovered")),
    estimator="heads by what patching one from corrupted prompts (a stranger gives) takes; together on other names",
    source="Wang et al. 2022",
    control="as many random heads",
    data=(*CLEAN.values(), *CORRUPT.values()),
    published={"gpt2": s.Published("supported", "3.56; 99.3 % of 100,000 prompts; circuit within 13 %")},
)
def test_circuit(study: s.Study, judge: s.Judge) -> None:
    (names, others), (broken, corrupt) = CLEAN.values(), map(study.prompts, CORRUPT.values())
    every = [(layer, head) for layer in range(study.model.layers) for head in range(study.model.heads)]
    one_by_one = {f"{own}": s.patched(s.head(*own), broken) for own in every}
    moved = study.sweep(names, one_by_one, read="logit_difference").mean("prompt").values
    best = [every[i] for i in moved.argsort()[: round(26 / 144 * len(every))]]
    lost, clean = corrupt.logit_difference(), study.prompts(others).logit_difference()

    def parts(chosen) -> dict:
        back = study.prompts(corrupt.prompts, s.patched(chosen, study.prompts(others))).logit_difference()
        recovered = s.estimate(lambda a, b, c: (a - b).mean(-1) / (c - b).mean(-1), back, lost, clean)
        return {"logit difference": s.mean(clean), "preferred": s.share(clean > 0), "recovered": recovered}

    judge(parts(s.heads(best)), control=parts(s.random_heads(study, len(best), but=best)), detail={"heads": best})
