"""The plan before a verification: times of earlier runs, bounds by size where there are none, and what nobody knows."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

import pytest
import torch

from semphase.plugin import sampling
from semphase.plugin.planning import lines, rows, total
from semphase.plugin.sizing import Sizes, declared
from semphase.plugin.watch import Planned

if TYPE_CHECKING:
    from semphase.plugin.planning import Row

PLAN = [
    Planned("heads.a", 1200.0, "g", "gpt2", timed=False),
    Planned("heads.b", 1200.0, "g", "gpt2", timed=False),
    Planned("order.a", 12.0, "g", "gpt2"),
    Planned("order.b", 1.0, "g", "gpt2", timed=False),
    Planned("order.a", 30.0, "g", "tiny"),
    Planned("audit.a", 1.0, "g", timed=False),
]


def by_size(group: str, models: str) -> float | None:
    assert (group, models) != ("order", "tiny"), "what was timed needs no guess"
    return 600.0 if group == "heads" else None


def planned() -> list[Row]:
    return rows(PLAN, by_size)


def test_a_row_says_how_long_and_how_that_is_known() -> None:
    told = [(row.group, row.models, row.claims, row.time, row.known) for row in planned()]
    assert told == [
        ("heads", "gpt2", 2, "at least about 10 min", "2 not timed yet, by size"),
        ("order", "gpt2", 2, "about 12 s", "as last time, 1 not timed yet"),
        ("order", "tiny", 1, "about 30 s", "as last time"),
        ("audit", "", 1, "–", "1 not timed yet"),
    ]


def test_the_total_adds_what_is_known_and_counts_what_is_not() -> None:
    assert total(planned()) == (
        "total: about 42 s for 2 claims as last time, at least about 10 min by size for 2 claims, 2 claims not timed "
        "yet; what the store holds is not measured again"
    )


def test_the_table_fits_its_width() -> None:
    shown = list(lines(planned(), 80))
    assert len(shown) == 1 + 4 + 1
    assert all(len(line) <= 80 for line in shown[:-1])


class Opening:
    """A session that opens one model, and counts how often."""

    opened = 0
    size = "tiny"

    def open(self, models: tuple[str, ...]) -> Any:
        self.opened += 1
        if models == ("broken",):
            raise OSError
        unembed = types.SimpleNamespace(weight=torch.empty(10, 600))
        model = types.SimpleNamespace(
            layers=4,
            heads=3,
            size_class=self.size,
            device="cpu",
            devices=("cpu",),
            dtype=torch.float32,
            anatomy=types.SimpleNamespace(unembed=unembed, blocks=[torch.nn.Sequential(torch.nn.Linear(100, 20))]),
        )
        return types.SimpleNamespace(model=model, text=types.SimpleNamespace(tokens=lambda half: 2048))


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> Sizes:
    import semphase.models.speed

    monkeypatch.setattr(semphase.models.speed, "products_per_second", lambda *_: 2.048e9)
    found = Sizes(Opening(), [])  # type: ignore[arg-type]
    found.models = {"tiny": ("tiny",), "broken": ("broken",), "tiny+gpt2": ("tiny", "gpt2")}
    found.passes = {"heads": lambda group, layers, heads: float(layers * heads), "linear": lambda *_: None}
    return found


def test_a_bound_is_passes_times_operations_over_speed(sizes: Sizes) -> None:
    assert sizes.seconds("heads", "tiny") == pytest.approx(12 * 2 * (2000 + 6000) * 2048 / 2.048e9)
    assert sizes.seconds("heads", "tiny") is not None
    assert sizes.session.opened == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(("speedups", "faster"), [({"tf32": 6.0, "bfloat16": 3.0}, 6.0), ({"bfloat16": 0.5}, 1.0)])
def test_where_heads_may_be_screened_the_bound_is_that_of_screening(
    sizes: Sizes, monkeypatch: pytest.MonkeyPatch, speedups: dict[str, float], faster: float
) -> None:
    monkeypatch.setattr("semphase.measure.screening.ways.speedups", lambda _model: speedups)
    sizes.session.size = "small"  # type: ignore[attr-defined]
    assert sizes.seconds("heads", "tiny") == pytest.approx(12 * 2 * 2000 * 2048 / 2.048e9 / faster)


@pytest.mark.parametrize(
    ("group", "label"), [("order", "tiny"), ("linear", "tiny"), ("heads", "tiny+gpt2"), ("heads", "broken")]
)
def test_where_nothing_tells_there_is_no_bound(sizes: Sizes, group: str, label: str) -> None:
    assert sizes.seconds(group, label) is None


def test_a_phenomenon_declares_its_passes_beside_its_facet() -> None:
    from semphase.science.heads import facet as heads
    from semphase.science.lexical import facet as lexical

    file = types.ModuleType("test_file")
    vars(file).update(heads=heads, lexical=lexical)
    (passes,) = declared(file)
    # Two ablations of 3 heads in 4 layers on half of the text: layer k replays 4 − k of 4 blocks.
    assert passes("heads", 4, 3) == pytest.approx(2 * 3 * (4 + 3 + 2 + 1) / 4 / 2)
    assert passes("order", 4, 3) is None


def test_samples_are_told_in_the_words_of_what_makes_them() -> None:
    from semphase.science.heads import facet as heads
    from semphase.science.lexical import figures, total_rotation

    file = types.ModuleType("test_file")
    vars(file).update(heads=heads, figures=figures, rotation=total_rotation)
    assert sampling.declared([file, file, None]) == [
        "heads: Losses of about 1,024 tokens with one head changed, in three layers",
        "lexical: All angles, their largest difference in radians",
    ]
    assert sampling.declared([types.ModuleType("test_nothing")]) == []
