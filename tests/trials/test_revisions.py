"""A revision of a model on the hub is the model that is measured, and the one that the report names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import errors
from random_models import random_folder

from semphase.errors import SemphaseError
from semphase.models import load

COMMITS = {"main": "0" * 40, "step1000": "1" * 40, "refs/pr/1": "2" * 40}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def hub(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`hub(id)` keeps a repository with three revisions of other weights in a cache, with no network behind it."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    def keep(name: str) -> None:
        place = tmp_path / f"models--{name.replace('/', '--')}"
        for seed, (revision, commit) in enumerate(COMMITS.items()):
            shutil.copytree(random_folder("llama", home, seed), place / "snapshots" / commit)
            (place / "refs" / revision).parent.mkdir(parents=True, exist_ok=True)
            (place / "refs" / revision).write_text(commit)

    return keep


def refused(name: str) -> str:
    with pytest.raises(SemphaseError) as caught:
        load(name, device="cpu")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("revision", COMMITS)
def test_a_branch_a_tag_or_a_pull_request(hub, revision):
    hub("some/llama")
    model, main = load(f"some/llama@{revision}", device="cpu"), load("some/llama", device="cpu")
    assert model.name == f"some/llama@{revision}"
    assert (model.sha256 == main.sha256) == (revision == "main")


def test_a_commit(hub):
    hub("some/llama")
    commit = COMMITS["step1000"]
    assert load(f"some/llama@{commit}", device="cpu").sha256 == load("some/llama@step1000", device="cpu").sha256


def test_a_revision_of_a_model_that_the_catalogue_knows(hub):
    hub("openai-community/gpt2")
    model = load("gpt2@step1000", device="cpu")
    assert (model.name, model.sha256) == ("gpt2@step1000", load("openai-community/gpt2@step1000", device="cpu").sha256)


def test_a_revision_that_the_cache_lacks(hub):
    hub("some/llama")
    assert refused("some/llama@step2000").startswith("some/llama@step2000 is not in the cache")


def test_a_revision_that_the_hub_lacks(hub, monkeypatch):
    def snapshot(*_: object, local_files_only: bool = False, **__: object) -> str:
        if local_files_only:
            raise errors.LocalEntryNotFoundError("nothing")
        raise errors.RevisionNotFoundError("no", response=Answer())  # type: ignore[arg-type]

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("semphase.hub._answers", lambda _: True)
    assert "some/llama has no revision 'stepp' on the hub" in refused("some/llama@stepp")


class Answer:
    """As much of a response as the hub's errors look at."""

    status_code, headers, request = 404, dict[str, str](), None


@pytest.mark.parametrize("revision", ["", "a b", "../../x", "a@b", "-x", "/main", "main/"])
def test_what_can_be_no_revision(hub, revision):
    hub("some/llama")
    assert "is no revision; give a branch, a tag or a commit of some/llama" in refused(f"some/llama@{revision}")


@pytest.mark.parametrize("name", ["tiny", "smollm2-135m"])
def test_a_packaged_model_has_no_revisions(name):
    assert (
        refused(f"{name}@main")
        == f"{name} comes with its one revision, from no hub; write {name} instead of {name}@main"
    )


def test_a_misspelt_name_with_a_revision():
    assert "did you mean tiny" in refused("tyni@main")


def test_a_folder_and_a_file_may_have_the_sign_in_their_names(home, tmp_path):
    folder = shutil.copytree(random_folder("llama", home), tmp_path / "llama@v2")
    assert load(str(folder), device="cpu").name == "llama@v2"
    assert json.loads((folder / "config.json").read_text())["model_type"] == "llama"
    assert refused(str(tmp_path / "none@v2")) == f"there is no model file or folder {tmp_path / 'none@v2'}"
