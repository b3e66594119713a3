"""Claims: their declaration as a marker and the fingerprint that registration keeps."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.data.prompts import Prompts
from semphase.errors import SemphaseError
from semphase.verdict import Claim, Needs, Published, above, between
from semphase.verdict.claim import require_sound
from semphase.verdict.universe import Universe

BASE = Claim("a.b", "s", "x > 0", (above(0.5, "r"),), "mean", "001 exp1", "random", unit="nats")


@pytest.mark.parametrize(
    "change",
    [
        {"statement": "t"},
        {"criterion": "x > 1"},
        {"parts": (above(0.51, "r"),)},
        {"parts": (above(0.5, "q"),)},
        {"parts": (above(0.5, "r"), above(0.5, "q"))},
        {"parts": (between(0.5, 1, "r"),)},
        {"estimator": "median"},
        {"unit": "bits"},
        {"parts": (above(0.5, "r", within=(0, 1)),)},
        {"combine": "any"},
        {"control": "shuffled labels"},
        {"published": {"gpt2": Published("supported")}},
        {"published": {"gpt2": Published("supported", setting={"words": 4})}},
        {"needs": Needs(words=4)},
        {"data": ("text",)},
        {"data": (Prompts.of("a", ["one"]),)},
        {"models": ("base", "tuned")},
        {"universes": (Universe("ranks", len),)},
        {"timed": True},
    ],
)
def test_what_is_frozen_changes_the_fingerprint(change: dict[str, Any]) -> None:
    assert dataclasses.replace(BASE, **change).fingerprint() != BASE.fingerprint()


@pytest.mark.parametrize(
    "change",
    [
        {"source": "002"},
        {"cost": "hours"},
    ],
)
def test_what_may_grow_does_not(change: dict[str, Any]) -> None:
    assert dataclasses.replace(BASE, **change).fingerprint() == BASE.fingerprint()


@pytest.mark.parametrize(
    ("field", "value", "way"),
    [
        ("combine", "All", "give all or any"), ("combine", None, "give all or any"),
        ("cost", "years", "give seconds, minutes, hours"), ("timed", "yes", "give True or False"),
        ("control", "none: ", "say after none: why there is none"), ("unit", "a\nb", "give a text of one line"),
        ("needs", Needs(words=-1), "whole numbers"), ("needs", Needs(layers="a"), "whole numbers"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_a_field_that_no_run_could_use_is_told_in_a_sentence(field: str, value: object, way: str) -> None:
    with pytest.raises(SemphaseError, match=rf"^{BASE.id} has {field}=.*; .*{way}"):
        require_sound(dataclasses.replace(BASE, **{field: value}))


def half(study: Any) -> Any:
    return study / 2


def third(study: Any) -> Any:
    return study / 3


def test_sets_count_by_content_and_universes_of_a_project_by_code() -> None:
    def rule(**change: Any) -> str:
        return dataclasses.replace(BASE, **change).fingerprint()

    assert rule(data=(Prompts.of("a", ["one"]),)) != rule(data=(Prompts.of("a", ["two"]),))
    assert rule(universes=(Universe("less", half),)) != rule(universes=(Universe("less", third),))
    assert rule(universes=(Universe("less", half),)) != rule(universes=(Universe("more", half),))
    assert rule(universes=(Universe("less", half),)) != rule(universes=(Universe("less", half, passes=True),))


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
def test_thresholds_that_differ_visibly_have_different_fingerprints(one: float, other: float) -> None:
    first = dataclasses.replace(BASE, parts=(above(one),))
    second = dataclasses.replace(BASE, parts=(above(other),))
    if f"{one:g}" != f"{other:g}":
        assert first.fingerprint() != second.fingerprint()
