"""Which verdicts stay when all claims of the registry are counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.report.strength import LEVEL, strengths

VERDICTS = st.lists(st.tuples(st.sampled_from(["supported", "refuted"]), st.floats(1e-12, 0.025)), max_size=12)


def test_holm_by_hand() -> None:
    # Of a family of 10: 0.002 · 10 and 0.0027 · 9 are below 2.5 %, 0.004 · 8 is not.
    verdicts = ["supported"] * 3 + ["inconclusive", "not-applicable"]
    assert strengths(verdicts, [0.002, 0.004, 0.0027, None, None], 10) == ["firm", "nominal", "firm", None, None]


def test_each_direction_has_a_procedure_of_its_own() -> None:
    assert strengths(["supported", "refuted"], [0.012, 0.012], 2) == ["firm", "firm"]
    assert strengths(["supported", "supported"], [0.014, 0.014], 2) == ["nominal", "nominal"]


def test_what_is_not_sampled_is_firm_and_costs_nothing() -> None:
    assert strengths(["refuted", "supported", None], [None, 0.02, None], 1) == ["firm", "firm", None]


@given(VERDICTS, st.integers(0, 200), st.data())
def test_choosing_claims_makes_none_firm(judged: list[tuple[str, float]], others: int, data: st.DataObject) -> None:
    family = len(judged) + others
    whole = strengths([verdict for verdict, _ in judged], [p for _, p in judged], family)
    kept = data.draw(st.lists(st.sampled_from(range(len(judged))), unique=True)) if judged else []
    some = strengths([judged[at][0] for at in kept], [judged[at][1] for at in kept], family)
    assert all(whole[at] == "firm" for at, strength in zip(kept, some, strict=True) if strength == "firm")


@given(VERDICTS, st.integers(1, 200))
def test_a_wall_of_claims_makes_none_firm(judged: list[tuple[str, float]], more: int) -> None:
    verdicts, p_values = [verdict for verdict, _ in judged], [p for _, p in judged]
    alone = strengths(verdicts, p_values, len(judged))
    among = strengths([*verdicts, *["inconclusive"] * more], [*p_values, *[None] * more], len(judged) + more)
    assert all(before == "firm" for before, after in zip(alone, among, strict=False) if after == "firm")


@pytest.mark.parametrize("size", [5, 60])
def test_true_nulls_are_seldom_firm(size: int) -> None:
    rng, worlds = np.random.default_rng(0), 2000
    wrong = 0
    for p_values in rng.uniform(0, 1, (worlds, size)):
        verdicts = ["supported" if p <= LEVEL else "inconclusive" for p in p_values]
        found = strengths(verdicts, [p if p <= LEVEL else None for p in p_values], size)
        wrong += "firm" in found
    # 2.5 % of worlds, three standard errors more.
    assert wrong / worlds <= LEVEL + 3 * np.sqrt(LEVEL * (1 - LEVEL) / worlds)
