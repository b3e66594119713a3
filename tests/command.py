"""What the tests of the command share: a file with two claims, a report, what a command said."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from semphase.report.schema import Document, Entry, entry_of
from semphase.stats.estimate import Estimate
from semphase.verdict import Claim, Control, Published, Verdict, above

SOURCE = """
from semphase import above, claim

@claim("a.one", statement="one is large", criterion="r > 0.96", parts=above(0.96, "r"), estimator="min", source="001",
       control="random direction")
def test_one(study, judge): ...

@claim("a.two", statement="two is large", criterion="r > 0.5", parts=above(0.5, "r"), estimator="min", source="001",
       control="random direction")
def test_two(study, judge): ...
"""
CLAIM = Claim(
    "a.one", "one is large", "r > 0.96", (above(0.96, "r"),), "min", "001", "random direction",
    published={"gpt2": Published("supported", "> 0.96")},
)  # fmt: skip
HIGH = Estimate(0.9712, 0.9633, 0.9801, "t over prompts", 120, "r", population=("prompts",), units=(120,))
LOW = Estimate(0.2, 0.1, float("inf"), "bootstrap", 5)
DETAIL = {
    "per_word": {"bank": 0.98, "seal": 0.97, "mint": None, "bat": 0.99, "crane": 0.975, "ring": 0.971},
    "curve": [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]],
    "copies": [{"verdict": "refuted"}, {"verdict": "refuted"}],
    "note": "several\nlines",
}


@dataclass(frozen=True)
class Ran:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out, parse_constant=pytest.fail)

    @property
    def refusal(self) -> str:
        """The one sentence of a refusal."""
        assert self.code == 1
        assert self.out == ""
        (sentence,) = self.err.splitlines()
        assert sentence.startswith("semphase: ")
        return sentence.removeprefix("semphase: ")


Run = Callable[..., Ran]


def entry(model: str = "gpt2") -> Entry:
    control = Control("random direction", LOW, "refuted", False, "model only", HIGH)
    verdict = Verdict(CLAIM, "supported", True, HIGH, 0.96, 0.01, 1e-4, control, True, "", DETAIL)
    return entry_of(CLAIM, model, verdict, "passed", "", 1.5)


def document(*entries: Entry, **run: Any) -> Document:
    told: Any = {
        "id": "0123", "started": "2026-01-31T10:00:00+00:00", "seconds": 12.5, "command": "pytest --model gpt2",
        "git": None, "versions": {}, "device": "cpu", "hardware": {}, "precision": None, "seed": 0,
        "budget": "quick", "corpus": None, "lexicon": None, "models": [{"name": "gpt2"}],
    }  # fmt: skip
    counts: Any = {
        "supported": 1, "specific": 1, "firm": 0, "nominal": 1, "refuted": 0, "inconclusive": 0, "not_applicable": 0,
        "failed": 0,
    }  # fmt: skip
    return {"schema": 2, "run": {**told, **run}, "claims": list(entries), "summary": counts}
