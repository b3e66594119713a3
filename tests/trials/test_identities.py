"""Who a model is says its hub id or its weights, never the name of its folder."""

from __future__ import annotations

import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from semphase.models import CATALOGUE, fixture
from semphase.models.catalogue import known_as
from semphase.models.locate import locate
from semphase.plugin import known
from semphase.plugin.expectations import Expected, RunKey, expectation, record
from semphase.plugin.known import Known, known_of
from semphase.verdict import Claim, Published, above
from semphase.verdict.scope import scope_of

CLAIM = Claim(
    "a.b", "s", "x > 0", (above(0),), "mean", "001", "random",
    published={"gpt2": Published("supported", setting={"model": "gpt2", "words": 8})},
)  # fmt: skip
KEY = RunKey("grammar", "ab12", "full", 0)
OWN, OTHER = "1" * 64, "2" * 64


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with models called gpt2 and openai-community/gpt2."""
    for name in ("own/gpt2", "openai-community/gpt2"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def seen(monkeypatch: pytest.MonkeyPatch, name: str, sha256: str) -> Known:
    """A test of one model, as expectations see it; its folder's name is the model's."""
    monkeypatch.setattr(known, "models_of", lambda _: (name,))
    study = SimpleNamespace(models=(SimpleNamespace(name=Path(name).name, sha256=sha256),))
    return known_of(SimpleNamespace(), study)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [name for name in CATALOGUE if name.startswith("gpt2")])
def test_a_name_of_the_catalogue_and_its_hub_id_are_one_model(name):
    assert known_as(name, OWN) == name
    assert {known_as(own, OWN) for own in CATALOGUE[name].hub} == {name}


@pytest.mark.parametrize("name", ["own/gpt2", "./own/gpt2", "openai-community/gpt2"])
def test_a_folder_called_like_a_model_takes_none_of_its_verdicts(here, monkeypatch, name):
    found = seen(monkeypatch, name, OWN)
    assert (found.label, found.weights) == ("gpt2", OWN)
    scope = scope_of(CLAIM, found.published, {"words": 8})
    assert scope.kind == "other model"
    key = replace(KEY, weights=found.weights)
    assert expectation(CLAIM, found.label, key, [here], "as published") is None
    record("gpt2", KEY, {"a.b": "refuted"}, here)
    assert expectation(CLAIM, found.label, key, [here], scope.kind) is None


def test_the_model_itself_takes_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("gpt2", "openai-community/gpt2"):
        found = seen(monkeypatch, name, OWN)
        assert found == Known("gpt2", "", "gpt2")
        scope = scope_of(CLAIM, found.published, {"words": 8})
        assert expectation(CLAIM, found.label, KEY, [tmp_path], scope.kind) == Expected("supported", "published")


def test_a_revision_is_another_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert seen(monkeypatch, "openai-community/gpt2@step1", OWN).label != "gpt2"


@pytest.mark.parametrize("name", ["tiny", "tiny-deep"])
def test_a_copy_of_a_packaged_model_is_known_by_its_weights(tmp_path, name):
    copy = shutil.copytree(fixture(name), tmp_path / "other-name")
    assert known_as(str(copy), locate(str(copy)).sha256) == name


@pytest.mark.parametrize("name", [name for name, entry in CATALOGUE.items() if entry.sha256])
def test_packaged_models_are_known_by_name(name):
    assert known_as(name, CATALOGUE[name].sha256 or "") == name


def test_a_record_of_a_model_of_ones_own_is_for_those_weights(tmp_path):
    own, other = replace(KEY, weights=OWN), replace(KEY, weights=OTHER)
    path = record("mine", own, {"a.b": "refuted"}, tmp_path)
    record("mine", other, {"a.b": "inconclusive"}, tmp_path)
    assert [run["weights"] for run in tomllib.loads(path.read_text())["run"]] == [OWN, OTHER]
    assert expectation(CLAIM, "mine", own, [tmp_path], "unstated") == Expected("refuted", "recorded")
    assert expectation(CLAIM, "mine", KEY, [tmp_path], "unstated") is None


def test_a_record_of_a_known_model_holds_no_weights(tmp_path):
    path = record("tiny", KEY, {"a.b": "refuted"}, tmp_path)
    assert "weights" not in path.read_text()
