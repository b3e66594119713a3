"""Samples that facets declare are measured again with the model on the CPU, and a difference shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from semphase.data.lexicon import Lexicon, dump
from semphase.models import Model
from semphase.study import RunSettings, Study
from semphase.study.repetition import check_precision, repeat_samples
from semphase.study.sample import Sample


class Layers:
    """A facet that counts layers, and is one off where it says so."""

    off = 0.0

    def __init__(self, study: Study) -> None:
        self.study = study

    def samples(self) -> Iterator[Sample]:
        def difference(reference: Model) -> float:
            return abs(self.study.model.layers + self.off - reference.layers)

        yield Sample("layers", difference, 0.5)


class Wrong(Layers):
    off = 1.0


def named(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


@pytest.fixture
def settings(tmp_path: Path, lexicon: Lexicon) -> RunSettings:
    words = tmp_path / "words.toml"
    words.write_text(dump(lexicon), encoding="utf-8")
    return RunSettings(
        models=("tiny",), device="cpu", corpus="grammar", lexicons=(words,), budget="quick", out=tmp_path / "out",
        store=tmp_path / "store", seed=0, dtype="float32", memory=None,
    )  # fmt: skip


def test_what_agrees_passes_and_what_does_not_fails(settings: RunSettings) -> None:
    found = dict(repeat_samples(settings, "tiny", {"tiny": [named(Layers)]}))
    assert found == {"layers": ("largest difference 0, 0.5 allowed", True)}
    found = dict(repeat_samples(settings, "tiny", {"tiny": [named(Wrong)]}))
    assert found == {"layers": ("largest difference 1, 0.5 allowed", False)}


def test_only_what_a_model_was_measured_for_is_repeated(settings: RunSettings) -> None:
    assert list(repeat_samples(settings, "tiny", {"another": [named(Wrong)]})) == []


def test_float32_keeps_its_mantissa_on_the_cpu(settings: RunSettings) -> None:
    assert check_precision(settings) == ("matrix products on cpu keep 23 mantissa bits in float32", True)
