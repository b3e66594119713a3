"""Records of verdicts: written, read back, looked up; published verdicts for the models of the source."""

from __future__ import annotations

import tempfile
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semphase.errors import SemphaseError
from semphase.plugin.expectations import Expected, RunKey, expectation, record, record_folders
from semphase.verdict import Claim, Published, above
from semphase.verdict.scope import Kind

EXPECTED = Path(__file__).parents[2] / "fixtures" / "expected"
KEY = RunKey("grammar", "ab12", "standard", 0)
OTHER = RunKey("grammar", "ab12", "standard", 1)
VERDICTS = ["supported", "refuted", "inconclusive", "not-applicable"]


def claim(id: str = "a.b", **published: str) -> Claim:
    told = {name.replace("_", "-"): Published(verdict) for name, verdict in published.items()}  # type: ignore[arg-type]
    return Claim(id, "s", "x > 0", (above(0),), "mean", "001", "random", published=told)


def test_a_record_is_found_under_its_key_only(tmp_path: Path) -> None:
    record("tiny", KEY, {"a.b": "refuted"}, tmp_path)
    assert expectation(claim(), "tiny", KEY, [tmp_path], "as published") == Expected("refuted", "recorded")
    assert expectation(claim("a.c"), "tiny", KEY, [tmp_path], "as published") == Expected("", "missing")
    assert expectation(claim(), "tiny", OTHER, [tmp_path], "as published") is None
    assert expectation(claim(), "tiny-deep", KEY, [tmp_path], "as published") is None


def test_a_record_is_kept_sorted_and_updated_in_place(tmp_path: Path) -> None:
    record("tiny", OTHER, {"a.b": "supported"}, tmp_path)
    record("tiny", KEY, {"b.b": "supported", "a.b": "refuted"}, tmp_path)
    path = record("tiny", KEY, {"a.b": "supported", "a.c": "inconclusive"}, tmp_path)
    runs = tomllib.loads(path.read_text())["run"]
    assert [run["seed"] for run in runs] == [0, 1]
    assert list(runs[0]["verdicts"].items()) == [
        ("a.b", "supported"), ("a.c", "inconclusive"), ("b.b", "supported"),
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.toml"]


@settings(max_examples=40, deadline=None)
@given(
    verdicts=st.dictionaries(st.text(min_size=1), st.sampled_from(VERDICTS), min_size=1),
    corpus=st.text(),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_id_and_corpus_survive_the_file(verdicts: dict[str, str], corpus: str, seed: int) -> None:
    key = RunKey(corpus, "ab", "quick", seed)
    with tempfile.TemporaryDirectory() as folder:
        record("org/model", key, verdicts, Path(folder))
        for name, verdict in verdicts.items():
            found = expectation(claim(name), "org/model", key, [Path(folder)], "as published")
            assert found == Expected(verdict, "recorded")


def test_the_project_comes_before_the_package(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    record("tiny", KEY, {"a.b": "refuted"}, first)
    record("tiny", KEY, {"a.b": "supported"}, second)
    assert expectation(claim(), "tiny", KEY, [first, second], "as published") == Expected("refuted", "recorded")
    assert record_folders(tmp_path)[0] == tmp_path / "fixtures" / "expected"


def test_claims_about_time_have_no_expectation(tmp_path: Path) -> None:
    record("tiny", KEY, {"a.b": "supported"}, tmp_path)
    assert expectation(replace(claim(), timed=True), "tiny", KEY, [tmp_path], "as published") is None


@pytest.mark.parametrize(
    ("label", "published", "expected"),
    [
        ("gpt2", {"gpt2": "supported"}, Expected("supported", "published")),
        ("gpt2", {"gpt2": "refuted"}, Expected("refuted", "published")),
        ("gpt2", {"gpt2": "partly"}, None),
        ("gpt2", {"gpt2_medium": "refuted"}, None),
        ("gpt2-medium", {"gpt2": "supported", "gpt2_medium": "refuted"}, Expected("refuted", "published")),
        ("gpt2-medium+gpt2", {"gpt2+gpt2_medium": "supported"}, Expected("supported", "published")),
        ("tiny", {"tiny": "supported"}, None),
        ("", {"gpt2": "supported"}, None),
    ],
)
def test_published_verdicts_count_for_the_models_of_the_source(
    tmp_path: Path, label: str, published: dict[str, str], expected: Expected | None
) -> None:
    assert expectation(claim(**published), label, KEY, [tmp_path], "as published") == expected


@pytest.mark.parametrize("scope", ["reduced", "unstated", "other model", "other data"])
@pytest.mark.parametrize("published", ["supported", "refuted"])
def test_a_published_verdict_is_expected_of_runs_of_its_size_only(tmp_path: Path, published: str, scope: Kind) -> None:
    told = claim(gpt2=published)
    assert expectation(told, "gpt2", KEY, [tmp_path], "as published") == Expected(published, "published")
    assert expectation(told, "gpt2", KEY, [tmp_path], scope) is None


def test_a_refutation_at_a_small_budget_is_not_expected_at_a_large_one(tmp_path: Path) -> None:
    small, large = replace(KEY, budget="quick"), replace(KEY, budget="full")
    record("gpt2", small, {"a.b": "refuted"}, tmp_path)
    told = claim(gpt2="supported")
    assert expectation(told, "gpt2", small, [tmp_path], "reduced") == Expected("refuted", "recorded")
    assert expectation(told, "gpt2", large, [tmp_path], "reduced") is None
    assert expectation(told, "gpt2", large, [tmp_path], "as published") == Expected("supported", "published")


def test_a_record_overrules_the_published_verdict(tmp_path: Path) -> None:
    record("gpt2", KEY, {"a.b": "refuted"}, tmp_path)
    told = claim(gpt2="supported")
    assert expectation(told, "gpt2", KEY, [tmp_path], "as published") == Expected("refuted", "recorded")
    assert expectation(told, "gpt2", OTHER, [tmp_path], "as published") == Expected("supported", "published")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[run", "cannot be read"),
        ("[[run]]\ncorpus = 'x'", "without corpus, lexicon, budget, seed and verdicts"),
        (
            "[[run]]\ncorpus=''\nlexicon=''\nbudget=''\nseed=0\n[run.verdicts]\n'a.b'='proven'",
            "records 'proven': a verdict is one of",
        ),
    ],
)
def test_a_damaged_record_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "tiny.toml").write_text(text)
    with pytest.raises(SemphaseError, match=sentence):
        expectation(claim(), "tiny", KEY, [tmp_path], "as published")


@pytest.mark.parametrize("written", sorted(EXPECTED.glob("*.toml")), ids=lambda path: path.stem)
def test_writing_a_record_again_keeps_its_meaning(written: Path, tmp_path: Path) -> None:
    (tmp_path / written.name).write_bytes(written.read_bytes())
    before = tomllib.loads(written.read_text(encoding="utf-8"))
    run = before["run"][0]
    key = RunKey(run["corpus"], run["lexicon"], run["budget"], run["seed"])
    record(written.stem if written.stem != "no-model" else "", key, run["verdicts"], tmp_path)
    assert tomllib.loads((tmp_path / written.name).read_text(encoding="utf-8")) == before
