"""Four claims that researchers would bring, run by test_on_paper.py from the wheel: no test of this repository."""

from __future__ import annotations

from typing import Any

import matplotlib.figure as mpl
import numpy as np

import semphase as s

THINGS = ("box", "book", "letter", "picture", "clock", "hat", "chair", "house")
NAMES = ("kate", "emma", "ben", "jack", "grace", "iris", "kate", "ben")
OTHERS = ("grace", "jack", "kate", "emma", "iris", "ben", "jack", "emma")
LABELS = {"right": [f" {thing}" for thing in THINGS], "wrong": [" found"] * len(THINGS)}
CLEAN = s.Prompts.of(
    "clean", [f"near the {a} {b} saw the" for a, b in zip(THINGS, NAMES, strict=True)], subject=[3] * 8, **LABELS
)
CORRUPT = s.Prompts.of("corrupt", [f"near the {a} {b} saw {c}" for a, b, c in zip(THINGS, NAMES, OTHERS, strict=True)])


def declare(name: str, *parts: s.Criterion, **rest: Any) -> Any:
    return s.claim(
        f"paper.{name}", statement=name, criterion=" and ".join(part.part for part in parts), parts=parts,
        estimator="mean over prompts", source="ours", control="none: the interface is tried", **rest,
    )  # fmt: skip


def heat_map(detail: dict[str, Any]) -> mpl.Figure:
    """Layers down, positions to the right."""
    figure = mpl.Figure()
    figure.subplots().imshow(detail["grid"])
    return figure


@declare("patching", s.above(0.9, "moved at the end"), data=(CLEAN, CORRUPT))
def test_patching(study, judge):
    clean, corrupt = CLEAN, study.prompts(CORRUPT)
    n, layers = int(study.prompts(clean).read(s.embedding()).length.min()), range(study.model.layers)
    effect = study.sweep(
        clean,
        {(layer, p): [s.patched(s.stream(layer, positions=p), corrupt)] for layer in layers for p in range(n)},
        read="logit_difference",
    )
    grid = effect.set_index(label=["label_0", "label_1"]).unstack("label")
    assert grid.sizes == {"prompt": len(clean), "label_0": study.model.layers, "label_1": n}
    whole = study.prompts(clean).logit_difference()
    lost = whole - corrupt.logit_difference(clean.right, clean.wrong)
    moved = ((whole - grid) / lost).transpose("label_0", "label_1", "prompt").values
    assert not moved[:, 0].any()  # both sets of prompts start alike
    judge(s.mean(moved[-1, -1]), detail={"grid": moved.mean(-1)}, figures=[heat_map])


def drop_feature(stream, encoder, decoder, feature):
    """Without one feature of an autoencoder, whose error stays."""
    return stream - (stream @ encoder).relu()[..., feature, None] * decoder[feature]


@declare("feature", s.above(1.0, "ratio"), data=s.TEXT)
def test_feature(study, judge):
    layer = study.model.layers // 2
    stream = study.text.read(s.stream(layer)).values
    directions = np.linalg.svd(stream.reshape(-1, stream.shape[-1])[:500], full_matrices=False)[2]
    directions *= np.sign(stream.reshape(-1, stream.shape[-1]).mean(0) @ directions.T)[
        :, None
    ]  # so that all are active
    without_7 = s.replaced(s.stream(layer), drop_feature, encoder=directions.T, decoder=directions, feature=7)
    judge(s.perplexity_ratio(study.text.losses(without_7), study.text.losses()))


@declare("blind", s.above(0.0, "change"), data=CLEAN)
def test_blind(study, judge):
    blind = s.hidden_keys(range(1, study.model.layers), s.ALL, query="at", key=CLEAN.subject)
    seen, unseen = study.prompts(CLEAN), study.prompts(CLEAN, blind)
    weight = unseen.read(s.pattern(1, 0)).values[:, 0, 0, -1, 3]
    np.testing.assert_array_equal(weight, 0)
    judge(s.mean(abs(seen.logit_difference() - unseen.logit_difference())))


@declare("tuned", s.above(-100.0, "difference"), models=("base", "tuned"), data=CLEAN)
def test_tuned(study, judge):
    base, tuned = (study[role].prompts(CLEAN).logit_difference() for role in ("base", "tuned"))
    judge(s.difference(tuned, base, over="prompts"))
