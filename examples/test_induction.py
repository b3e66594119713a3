"""Induction heads continue what they have seen once before (2209.11895)."""

import numpy as np

import semphase as s

LENGTH, PROMPTS, SHARE = 50, 20, 0.05


def repeated(study: s.Study, half: str) -> s.Prompts:
    once = study.rng(half).integers(3, study.model.vocabulary, size=(PROMPTS, LENGTH))
    return s.Prompts.of_tokens(f"repeated tokens, {half}", np.concatenate([once, once], axis=1))


@s.claim(
    "induction.heads-carry-it",
    statement="induction heads carry the continuation of what is repeated",
    criterion="on random tokens repeated the loss falls by > 0.4 nats at the second copy; ablating the heads of highest "
    "induction score takes back > half of that",
    parts=(s.above(0.4, "fall"), s.above(0.5, "taken back")),
    estimator="5 % of the heads, by attention to what followed last time on other prompts, zeroed; over prompts",
    source="Olsson et al. 2022",
    control="as many random heads",
    published={"2-layer attention-only": s.Published("supported", "0.4 nats between tokens 50 and 500, mostly lost")},
)
def test_heads_carry_it(study: s.Study, judge: s.Judge) -> None:
    attended = study.prompts(repeated(study, "choose")).read(s.pattern(s.ALL)).values
    after = np.arange(1, LENGTH)
    score = attended[..., LENGTH + after - 1, after].mean(axis=(0, -1))
    best = np.argwhere(score >= np.sort(score, axis=None)[-max(1, round(SHARE * score.size))])

    def falls(own: s.Study, *edits) -> np.ndarray:
        losses = own.prompts(repeated(study, "judge"), edits, must_move=False).losses().values
        return losses[:, : LENGTH - 1].mean(axis=1) - losses[:, LENGTH:].mean(axis=1)

    def parts(own: s.Study, ablated) -> dict:
        fall, without = falls(own), falls(own, s.zeroed(ablated))
        return {
            "fall": s.mean(fall, unit="nats"),
            "taken back": s.estimate(lambda a, b: 1 - a.mean(-1) / b.mean(-1), without, fall),
        }

    chance = parts(study, s.random_heads(study, len(best), but=best))
    judge(parts(study, s.heads(best)), control=chance, detail={"heads": best, "induction score": score})
