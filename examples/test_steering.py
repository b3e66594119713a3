"""Activation addition: the difference of two prompts' streams turns what a model goes on to say (2308.10248)."""

import numpy as np

import semphase as s

PAIR = s.Prompts.of("weddings", ["I talk about weddings constantly", "I do not talk about weddings constantly"])
STARTS = ["I went up to my friend and said", "Yesterday evening she told me that", "The first thing we discussed was"]
STARTS += ["My neighbour wrote a long letter about", "On the radio they were talking about", "He often thought of"]
STARTS += ["At dinner everybody wanted to hear about", "The newspaper had a whole page on"]
OPENINGS = s.Prompts.of("openings", STARTS)
WORDS = (" wedding", " bride", " marriage", " love", " husband", " wife", " ceremony", " engaged")


@s.claim(
    "steering.weddings",
    statement="adding the difference of two prompts' streams steers the topic and leaves other text alone",
    criterion="mean log p of a word list rises by more than along a random direction; other text loses < 10 % more",
    parts=(s.above(0, "gain over chance"), s.below(1.1, "loss ratio")),
    estimator="added to the stream at an eighth of the depth; over openings, over blocks of the second half of the text",
    source="Turner et al. 2023",
    control="another random direction of the same norm",
    data=(s.TEXT, PAIR, OPENINGS),
    published={"gpt2-xl": s.Published("supported", "topic in > 90 % of completions, 2 % without; perplexity × 0.994")},
)
def test_weddings(study: s.Study, judge: s.Judge) -> None:
    layer = max(1, study.model.layers // 8)
    talks, avoids = study.prompts(PAIR).read(s.stream(layer, positions="at")).squeeze("layer").values
    chance, another = (s.random_direction(talks - avoids, seed=seed) for seed in (2 * study.seed, 2 * study.seed + 1))

    def gain(direction: np.ndarray) -> np.ndarray:
        run = study.prompts(OPENINGS, s.added(s.stream(layer), direction))
        return np.mean([run.log_probabilities(word) for word in WORDS], axis=0)

    def parts(direction: np.ndarray) -> dict:
        losses = [study.text.losses(edits).sums for edits in (s.added(s.stream(layer), direction), ())]
        gained = s.difference(gain(direction), gain(chance), over="prompts", unit="nats")
        return {
            "gain over chance": gained,
            "loss ratio": s.estimate(lambda a, b: a.mean(-1) / b.mean(-1), *losses, over="blocks"),
        }

    judge(parts(talks - avoids), control=parts(another), detail={"norm": np.linalg.norm(talks - avoids)})
