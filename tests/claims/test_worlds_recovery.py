"""The recovery claims on planted answers and planted speeds, the whole way to the verdict and its figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from semphase import NotApplicable
from semphase.models import load
from semphase.science.recovery import figures, speed
from semphase.science.recovery.answering import Answered
from semphase.science.recovery.calibration import Calibrated, Tried
from semphase.science.recovery.equal_flops import EqualFlops
from semphase.science.recovery.facet import Recovery
from semphase.study import JointStudy, Study
from semphase.verdict import Verdict
from semphase.verdict.universe import Universe

ITEMS = 96
TASKS = ("senses", "copying", "object")
UNMODIFIED, LIGHT, RANDOM = (), ("light",), ("random",)
Shares = Sequence[float]
"""The accuracy after each round."""
Judged = Callable[[str, Any], Verdict]


def answered(share: float, number: int = 0) -> Answered:
    """Of two such answers the worse one is right where the better one is."""
    right = np.arange(ITEMS) < round(share * ITEMS)
    return Answered(right, np.where(right, -0.2, -3.0), np.full(ITEMS, 1e6 * (number + 1)), np.full(ITEMS, 0.1))


def by_task(shares: Mapping[str, Shares] | Shares, k: int) -> list[Answered]:
    own = shares if isinstance(shares, Mapping) else dict.fromkeys(TASKS, shares)
    return [answered(own[task][k], k) for task in TASKS]


def but_for(task: str, shares: Shares, other: Shares) -> dict[str, Shares]:
    """These shares in all tasks but one."""
    return {own: other if own == task else shares for own in TASKS}


def worlds(claim: str, *rows: tuple[Any, ...], verdict: int = -3) -> list[Any]:
    """Rows of arguments whose ids name the claim and the verdict, which stands at that place."""
    return [pytest.param(*row, id=f"{claim}-{row[verdict]}") for row in rows]


@pytest.fixture
def study(study_of: Callable[..., Study], tiny: Any, monkeypatch: pytest.MonkeyPatch) -> Study:
    tasks = tuple(SimpleNamespace(name=name, level="planted") for name in TASKS)
    tried = tuple(Tried(name, "planted", 0.5) for name in TASKS)
    monkeypatch.setattr(Recovery, "calibrated", Calibrated(tasks, tasks, tried))  # type: ignore[arg-type]
    monkeypatch.setattr("semphase.science.heads.forms.lightened", lambda _heads: LIGHT)
    monkeypatch.setattr("semphase.science.heads.forms.lightened_at_random", lambda _heads: RANDOM)
    return study_of(tiny)


@pytest.fixture
def plant_rounds(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`plant_rounds({(edits, feedback): shares})`"""

    def plant(world: Mapping[tuple[Any, str], Any], best: int = 1) -> None:
        def rounds(_self, edits=(), feedback="own", tasks=None, rounds=3):
            return [by_task(world[tuple(edits), feedback], k) for k in range(rounds)]

        monkeypatch.setattr(Recovery, "rounds", rounds)
        monkeypatch.setattr(Recovery, "best_number_of_rounds", best)

    return plant


def drawn(verdict: Verdict) -> list[str]:
    """Titles of the panels of the figure, and a line for each way of answering."""
    figure = figures.accuracy_flops(verdict.detail)
    ways = verdict.detail["answers"]
    assert all(len(axis.lines) == len(ways) for axis in figure.axes)
    return [axis.get_title() for axis in figure.axes]


# Recursion

RISES, LOSES, FALLS, STAYS = (0.3, 0.5, 0.7), (0.3, 0.2, 0.1), (0.7, 0.5, 0.3), (0.4, 0.4, 0.4)
OTHER = "another item's"


def recursion(own: Any, shuffled: Any, other: Any) -> dict[tuple[Any, str], Any]:
    return {(LIGHT, "own"): own, (LIGHT, "shuffled"): shuffled, (LIGHT, OTHER): other}


@pytest.mark.parametrize(
    ("world", "verdict", "specific", "relation"),
    worlds(
        "recovery.recursion",
        (recursion(RISES, LOSES, LOSES), "supported", True, "model only"),
        (recursion(RISES, (0.3, 0.3, 0.3), LOSES), "supported", False, "undecided"),
        (recursion(RISES, RISES, FALLS), "supported", False, "both"),
        (recursion(RISES, FALLS, RISES), "supported", False, "both"),
        (recursion(FALLS, FALLS, FALLS), "refuted", False, "neither"),
        (recursion(FALLS, (0.7, 0.8, 0.95), FALLS), "refuted", False, "control only"),
        (recursion(STAYS, STAYS, STAYS), "inconclusive", False, "undecided"),
        (recursion(but_for("object", RISES, (0.5, 0.6, 0.5)), FALLS, FALLS), "inconclusive", False, "undecided"),
        (recursion(but_for("copying", RISES, FALLS), FALLS, FALLS), "refuted", False, "neither"),
    ),
)
def test_recursion(
    study: Study, verdict_on: Judged, plant_rounds: Any, world: Any, verdict: str, specific: bool, relation: str
) -> None:
    plant_rounds(world)
    found = verdict_on("recovery.recursion", study)
    assert found.verdict == verdict, found.detail["parts"]
    assert found.point == (verdict == "supported")
    assert (found.specific, found.control.relation) == (specific, relation)
    assert set(found.detail["controls"]) == {"shuffled feedback", "feedback of another item"}
    assert drawn(found) == list(TASKS)


def test_the_gain_is_that_of_three_rounds_over_one_in_the_worst_task(study, verdict_on, plant_rounds):
    plant_rounds(recursion(but_for("copying", RISES, (0.25, 0.9, 0.5)), STAYS, STAYS))
    found = verdict_on("recovery.recursion", study)
    assert found.estimate.value == pytest.approx(0.25)
    assert found.detail["by task"]["senses"]["gain"] == pytest.approx(0.4, abs=0.01)
    assert found.detail["tasks"] == dict.fromkeys(TASKS, "planted")
    assert [own["accuracy"] for own in found.detail["answers"]["lightened"]["copying"]] == pytest.approx(
        [0.25, 0.9, 0.5], abs=0.01
    )


@pytest.mark.parametrize("claim", ["recursion", "hypothesis-5"])
def test_universes_generate_no_control(
    study: Study,
    verdict_in: Callable[..., Verdict],
    universes_of: Callable[[str], tuple[Universe, ...]],
    plant_rounds: Any,
    claim: str,
) -> None:
    """The planted world has no shuffled feedback and no random heads."""
    plant_rounds({(LIGHT, "own"): RISES, (UNMODIFIED, "own"): (0.9, 0.9, 0.9)})
    universes = universes_of(f"recovery.{claim}")
    assert len(universes) >= 3
    for own in universes:
        found = verdict_in(f"recovery.{claim}", study, own)
        assert found.control is None
        assert found.point == (claim == "recursion")


# Best of several


@pytest.mark.parametrize(
    ("first", "likeliest", "random", "verdict", "specific", "relation"),
    worlds(
        "recovery.best-of-n",
        (0.5, 0.8, 0.3, "supported", True, "model only"),
        (0.3, 0.6, 0.3, "supported", False, "undecided"),
        (0.3, 0.6, 0.6, "supported", False, "both"),
        (0.6, 0.3, 0.3, "refuted", False, "neither"),
        (0.6, 0.3, 0.9, "refuted", False, "control only"),
        (0.5, 0.52, 0.5, "inconclusive", False, "undecided"),
    ),
)
def test_best_of_n(
    study: Study,
    verdict_on: Judged,
    monkeypatch: pytest.MonkeyPatch,
    first: float,
    likeliest: float,
    random: float,
    verdict: str,
    specific: bool,
    relation: str,
) -> None:
    shares = {"first": first, "likeliest": likeliest, "random": random}

    def chosen(_self, edits=(), choice="likeliest", tasks=None, samples=5):
        assert tuple(edits) == LIGHT
        return [answered(shares[choice], 0 if choice == "first" else samples - 1) for _ in TASKS]

    monkeypatch.setattr(Recovery, "chosen", chosen)
    found = verdict_on("recovery.best-of-n", study)
    assert (found.verdict, found.specific, found.control.relation) == (verdict, specific, relation), found.detail[
        "parts"
    ]
    assert found.estimate.value == pytest.approx(likeliest - first, abs=0.015)
    assert drawn(found) == list(TASKS)


def test_best_of_n_must_gain_in_every_task(study, verdict_on, monkeypatch):
    def chosen(_self, edits=(), choice="likeliest", tasks=None, samples=5):
        better = choice == "likeliest"
        return [answered(0.3 + 0.4 * (better and task != "object")) for task in TASKS]

    monkeypatch.setattr(Recovery, "chosen", chosen)
    found = verdict_on("recovery.best-of-n", study)
    assert (found.verdict, found.p_value) == ("inconclusive", 1.0)


# Lighter attention and recursion together


@pytest.mark.parametrize(
    ("light", "random", "best", "verdict", "specific", "relation"),
    worlds(
        "recovery.hypothesis-5",
        ((0.5, 0.6, 0.7), (0.3, 0.3, 0.3), 1, "supported", False, "model only"),
        ((0.5, 0.6, 0.7), (0.5, 0.6, 0.8), 1, "supported", False, "both"),
        ((0.2, 0.2, 0.2), (0.1, 0.1, 0.1), 1, "refuted", False, "neither"),
        ((0.2, 0.2, 0.2), (0.5, 0.6, 0.8), 1, "refuted", False, "control only"),
        ((0.5, 0.6, 0.7), (0.3, 0.3, 0.3), 3, "refuted", False, "neither"),
        ((0.5, 0.5, 0.48), (0.3, 0.3, 0.3), 1, "inconclusive", False, "undecided"),
        (but_for("senses", (0.5, 0.6, 0.7), (0.2, 0.2, 0.2)), (0.3, 0.3, 0.3), 1, "refuted", False, "neither"),
    ),
)
def test_hypothesis_5(
    study: Study,
    verdict_on: Judged,
    plant_rounds: Any,
    light: Any,
    random: Any,
    best: int,
    verdict: str,
    specific: bool,
    relation: str,
) -> None:
    """The unmodified model is right in half of the items, and in 95 % after three rounds."""
    plant_rounds({(UNMODIFIED, "own"): (0.5, 0.5, 0.95), (LIGHT, "own"): light, (RANDOM, "own"): random}, best)
    found = verdict_on("recovery.hypothesis-5", study)
    assert (found.verdict, found.specific, found.control.relation) == (verdict, specific, relation), found.detail[
        "parts"
    ]
    assert found.detail["rounds of the unmodified model"] == best
    assert found.detail["FLOPs of 3 rounds, lightened over unmodified"] == [1.0] * len(TASKS)
    assert drawn(found) == list(TASKS)


# A small model and a large one


@pytest.fixture(scope="module")
def models() -> tuple[Any, ...]:
    return tuple(load(name, device="cpu") for name in ("tiny-deep", "tiny-short"))


@pytest.mark.parametrize(
    ("large", "small", "random", "verdict", "specific", "relation"),
    worlds(
        "recovery.equal-flops",
        (0.5, 0.7, 0.3, "supported", True, "model only"),
        (0.5, 0.7, 0.7, "supported", False, "both"),
        (0.5, 0.3, 0.3, "refuted", False, "neither"),
        (0.5, 0.3, 0.7, "refuted", False, "control only"),
        (0.5, 0.5, 0.3, "inconclusive", False, "undecided"),
    ),
)
def test_equal_flops(
    study: Study,
    study_of: Callable[..., Study],
    models: tuple[Any, ...],
    verdict_on: Judged,
    monkeypatch: pytest.MonkeyPatch,
    large: float,
    small: float,
    random: float,
    verdict: str,
    specific: bool,
    relation: str,
) -> None:
    monkeypatch.setattr(EqualFlops, "tasks", [SimpleNamespace(name=name) for name in TASKS])
    monkeypatch.setattr(EqualFlops, "once", [answered(large) for _ in TASKS])
    monkeypatch.setattr(EqualFlops, "way", "samples")
    monkeypatch.setattr(EqualFlops, "judged_counts", [3, 4, 5])
    monkeypatch.setattr(EqualFlops, "repeated", lambda _: [answered(small) for _ in TASKS])
    monkeypatch.setattr(EqualFlops, "at_random", lambda _: [answered(random) for _ in TASKS])
    found = verdict_on("recovery.equal-flops", JointStudy(tuple(study_of(model) for model in models)))
    assert (found.verdict, found.specific, found.control.relation) == (verdict, specific, relation), found.detail[
        "parts"
    ]
    assert (found.detail["small"], found.detail["large"]) == ("tiny-short", "tiny-deep")
    assert found.detail["N"] == dict(zip(TASKS, (3, 4, 5), strict=True))
    assert found.detail["FLOPs, small × N over large × 1"] == [1.0] * len(TASKS)
    assert drawn(found) == list(TASKS)


# Speed


def planted_rates(ratios: Sequence[float], spread: float = 0.01) -> xr.Dataset:
    runs = np.linspace(1 - spread, 1 + spread, speed.REPEATS)
    unmodified = np.array([50.0, 40.0, 300.0, 200.0])
    rates = np.stack([np.outer(unmodified, np.ones(speed.REPEATS)), np.outer(unmodified * ratios, runs)], axis=1)
    names = [speed.name_of(*setting) for setting in speed.SETTINGS]
    return xr.Dataset(
        {"rate": (("setting", "kind", "repeat"), rates)}, coords={"setting": names, "kind": list(speed.KINDS)}
    )


@pytest.mark.parametrize(
    ("ratios", "spread", "verdict"),
    worlds(
        "recovery.speed",
        ((1.2, 1.3, 1.15, 1.4), 0.01, "supported"),
        ((1.2, 1.3, 1.02, 1.4), 0.01, "refuted"),
        ((0.9, 0.8, 0.7, 0.6), 0.01, "refuted"),
        ((1.2, 1.3, 1.12, 1.4), 0.1, "inconclusive"),
        verdict=2,
    ),
)
def test_speed(
    study: Study,
    verdict_on: Judged,
    monkeypatch: pytest.MonkeyPatch,
    ratios: Sequence[float],
    spread: float,
    verdict: str,
) -> None:
    def rates(_study: Study, lightened: Any) -> xr.Dataset:
        assert lightened == LIGHT
        return planted_rates(ratios, spread)

    monkeypatch.setattr(speed, "rates", rates)
    monkeypatch.setattr(speed, "flops_ratios", lambda *_: {"context 128": 0.8, "context 1024": 0.7})
    found = verdict_on("recovery.speed", study)
    assert found.verdict == verdict, found.detail["parts"]
    assert found.control is None
    assert [part["part"] for part in found.detail["parts"]] == [speed.name_of(*setting) for setting in speed.SETTINGS]
    assert [part["estimate"]["value"] for part in found.detail["parts"]] == pytest.approx(list(ratios))
    (axis,) = figures.decoding_speed(found.detail).axes
    assert len(axis.patches) == 2 * len(speed.SETTINGS)


def test_speed_of_a_model_with_a_short_context(study_of, study, random_gpt2, verdict_on):
    with pytest.raises(NotApplicable, match="reads 64 tokens, and speed is taken at 1024"):
        verdict_on("recovery.speed", study_of(random_gpt2))
