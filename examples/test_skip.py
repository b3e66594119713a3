"""Layers that hardly turn the stream can be left out (2403.03853)."""

import numpy as np

from semphase import ALL, TEXT, Judge, Needs, Published, Study, above, claim, difference, skipped, stream

OTHERS = 5


def block_influence(study: Study) -> np.ndarray:
    """1 − mean cosine of what enters and what leaves each block, on the half of the text that chooses; [layer]."""
    states = study.text.read(stream(ALL), "choose").transpose("layer", ...).values
    states = states / np.linalg.norm(states, axis=-1, keepdims=True)
    return 1 - (states[:-1] * states[1:]).sum(axis=-1).mean(axis=(1, 2))


@claim(
    "skip.least-influence",
    statement="the layer of least block influence is the one to remove",
    criterion="removing it costs less than removing one of five random others",
    parts=above(0, "loss saved"),
    estimator="mean loss with one of them removed less the loss without the layer of least influence, which the first half "
    "of the text chooses and the second judges; paired over blocks",
    unit="nats",
    source="Men et al. 2024",
    control="untrained copies",
    data=(TEXT,),
    needs=Needs(layers=3),
    published={"Llama-2-7B": Published("supported", "about 90 % of performance without a quarter of the parameters")},
)
def test_least_influence(study: Study, judge: Judge) -> None:
    def saved(own: Study):
        least = int(block_influence(own).argmin())
        others = study.rng("other layers").permutation(np.delete(np.arange(study.model.layers), least))[:OTHERS]
        losses = own.sweep(
            own.text, {int(layer): [skipped(int(layer))] for layer in (least, *others)}, read="losses"
        ).values
        return difference(losses[1:].mean(axis=0), losses[0], over="blocks", unit="nats")

    influence = block_influence(study)
    judge(saved(study), control=[saved(copy) for copy in study.untrained], detail={"block influence": influence})
