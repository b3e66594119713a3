"""Scope: what a verdict's reader must know of the run and the source, and nothing that either is silent about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.verdict import Claim, Published, above
from semphase.verdict.claim import QUANTITIES
from semphase.verdict.scope import Scope, scope_of


def claim(**settings: Mapping[str, Any]) -> Claim:
    told = {name.replace("_", "-"): Published("supported", setting=setting) for name, setting in settings.items()}
    return Claim("a.b", "s", "x > 0", (above(0),), "mean", "001", "random", published=told)


SMALL = claim(gpt2={"model": "gpt2", "tokens": 1000, "words": 4})
BOTH = claim(gpt2={"words": 4}, gpt2_medium={"words": 8})


@pytest.mark.parametrize(
    ("own", "label", "measured", "found"),
    [
        (SMALL, "gpt2", {"tokens": 1000, "words": 4}, Scope("as published")),
        (SMALL, "gpt2", {"tokens": 2048, "words": 26}, Scope("as published")),
        (SMALL, "gpt2", {"tokens": 30}, Scope("reduced", {"tokens": 0.03})),
        (SMALL, "gpt2", {"tokens": 30, "words": 2}, Scope("reduced", {"tokens": 0.03, "words": 0.5})),
        (SMALL, "gpt2", {"words": 2, "documents": 1, "seeds": 1}, Scope("reduced", {"words": 0.5})),
        (SMALL, "tiny", {"tokens": 1000, "words": 12}, Scope("other model")),
        (SMALL, "tiny", {"tokens": 500}, Scope("reduced", {"tokens": 0.5})),
        (SMALL, "gpt2", {}, Scope("as published")),
        (BOTH, "gpt2-medium", {"words": 6}, Scope("reduced", {"words": 0.75})),
        (BOTH, "gpt2", {"words": 6}, Scope("as published")),
        (BOTH, "gpt2+gpt2-medium", {"words": 6}, Scope("other model")),
        (claim(**{"gpt2+gpt2-medium": {"words": 4}}), "gpt2-medium+gpt2", {"words": 4}, Scope("as published")),
        (claim(gpt2={}), "gpt2", {"words": 1}, Scope("unstated")),
        (claim(), "gpt2", {"words": 1}, Scope("unstated")),
        (claim(), "", {}, Scope("unstated")),
    ],
)
def test_the_scope_follows_from_run_and_setting(
    own: Claim, label: str, measured: Mapping[str, float], found: Scope
) -> None:
    assert scope_of(own, label, measured) == found


@pytest.mark.parametrize(
    ("own", "ratios"), [(SMALL, {"tokens": 0.03}), (claim(gpt2={}), {}), (claim(), {})], ids=["small", "empty", "none"]
)
def test_other_prompts_come_before_all_else(own: Claim, ratios: dict[str, float]) -> None:
    assert scope_of(own, "tiny", {"tokens": 30}, ["own"]) == Scope("other data", ratios)


COUNTS = st.dictionaries(st.sampled_from(QUANTITIES), st.integers(1, 10**9))


@given(COUNTS, COUNTS)
def test_ratios_are_those_of_what_the_run_had_less_of(stated: dict[str, int], measured: dict[str, int]) -> None:
    found = scope_of(claim(gpt2={"model": "gpt2", **stated}), "gpt2", measured)
    less = {name for name in stated if name in measured and measured[name] < stated[name]}
    assert set(found.ratios) == less
    assert all(0 < ratio < 1 for ratio in found.ratios.values())
    assert found.kind == ("reduced" if less else "as published")
