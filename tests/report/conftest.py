"""A small report that holds every kind of entry."""

from __future__ import annotations

from typing import Any

import pytest

from semphase.report.schema import Document, Entry, Run, document_of, entry_of
from semphase.stats.estimate import Estimate
from semphase.verdict import Claim, Control, Published, Verdict, above, between
from semphase.verdict.plain import plain

ALMOST = Estimate(0.9712, 0.9633, 0.9801, "t over prompts", 120, "r", population=("prompts",), units=(120,))
LOW = Estimate(0.2, 0.1, 0.3, "t", 5, population=("documents", "seeds"), units=(5, 4))
EXACT = Estimate(0.2, 0.2, 0.2, "count", 5, population=("census",), units=(5,))
APART = Estimate(0.77, 0.6, 0.94, "contrast", 120, "r", population=("prompts",), units=(120,))
UNBOUNDED = Estimate(3.0, 1.0, float("inf"), "profile likelihood", 12)


def claim(name: str, **rest: Any) -> Claim:
    usual: dict[str, Any] = {
        "statement": "f(l) has one shape for all words | <b>bold</b>",
        "criterion": "the smallest pairwise Pearson r of f over words > 0.96",
        "parts": (above(0.96),),
        "estimator": "minimum of r",
        "source": "001 exp3",
        "control": "re-initialised weights",
        "published": {"gpt2": Published("supported", "> 0.96")},
    }
    return Claim(name, **(usual | rest))


def part(criterion: Any, estimate: Estimate, verdict: str) -> dict[str, Any]:
    return {
        "part": criterion.part, "criterion": str(criterion), "threshold": plain(criterion.threshold),
        "estimate": plain(estimate), "p_value": None, "equivalent": None, "verdict": verdict, "point": True,
        "deciding": True,
    }  # fmt: skip


def entries() -> list[Entry]:
    word, wide = claim("permeation.word-correlation"), claim("pi.sigma", parts=(between(0.5, 0.6),))
    same = Control("re-initialised weights", ALMOST, "supported", True, "both", LOW)
    other = Control("re-initialised weights", LOW, "refuted", False, "model only", APART)
    told = {"parts": [part(word.parts[0], ALMOST, "supported")], "per_word": {"bank": [0.97, None]}}
    supported = Verdict(word, "supported", True, ALMOST, 0.96, 0.01, 1e-6, other, True, "", told)
    undecided = Verdict(
        wide, "inconclusive", False, UNBOUNDED, (0.5, 0.6), 0.04, None, same, False,
        detail={"parts": [part(wide.parts[0], UNBOUNDED, "inconclusive")]},
    )  # fmt: skip
    hollow = Verdict(word, "supported", True, ALMOST, 0.96, 0.5, 0.02, same, False, "", told)
    unfit = Verdict(word, "not-applicable", reason="needs 2 models, the study has 1")
    refuted = Verdict(word, "refuted", False, EXACT, 0.96, None, None, None, None, "", told)
    return [
        entry_of(word, "gpt2", supported, "passed", "", 1.5),
        entry_of(word, "tiny", hollow, "failed", "", 1.5),
        entry_of(wide, "gpt2", undecided, "inconclusive", "", 0.1),
        entry_of(claim("order.two"), "gpt2", unfit, "skipped", "needs 2 models, the study has 1", 0),
        entry_of(claim("order.low"), "gpt2", refuted, "xfailed", "", 0),
        entry_of(claim("order.broken", published={}), "gpt2", None, "error", "ValueError: <no>", 0.2),
        entry_of(claim("audit.table"), None, refuted, "failed", "no control: arithmetic", 0.2),
    ]


@pytest.fixture(name="entries", scope="session")
def _entries() -> list[Entry]:
    return entries()


@pytest.fixture
def run() -> Run:
    return {
        "id": "0123", "started": "2026-01-31T10:00:00+00:00", "seconds": 12.5,
        "command": "pytest --model gpt2",
        "git": {"revision": "f" * 40, "dirty": True}, "versions": {"python": "3.11", "torch": "2.13"},
        "device": "cpu", "hardware": {"cpu": "test", "cores": 2, "memory": 1, "gpu": None, "system": "Linux"},
        "precision": {"dtype": "float32", "matmul_mantissa_bits": 23}, "seed": 0, "budget": "quick",
        "corpus": {"name": "grammar", "sha256": "c" * 64, "tokens": 1000},
        "lexicon": {"sha256": "d" * 64, "words": 4},
        "models": [{
            "name": "gpt2", "family": "gpt2", "layers": 12, "heads": 12, "d_model": 768,
            "parameters": 124439808, "sha256": "e" * 64,
        }],
        "notices": ["the corpus is generated"],
    }  # fmt: skip


@pytest.fixture
def document(run: Run) -> Document:
    return document_of(run, entries(), {f"other.claim-{number}" for number in range(50)})
