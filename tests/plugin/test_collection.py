"""Models, markers, selection and order, as pytest collects them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Make, Project, Ran

CLAIMS = Path(__file__).parents[2] / "claims"


@pytest.fixture(scope="module")
def project(make: Make) -> Project:
    return make()


def collected(ran: Ran) -> list[str]:
    return re.findall(r"test_it\.py::(\S+)", ran.out)


def test_each_model_gets_its_own_test_and_comparisons_get_all(project: Project) -> None:
    found = collected(project.run("--co", "-qq", "--model", "gpt2", "--model", "gpt2-medium"))
    assert found.count("test_high[gpt2]") == found.count("test_high[gpt2-medium]") == 1
    assert "test_two_models[gpt2+gpt2-medium]" in found
    assert "test_two_models[gpt2]" not in found
    assert "test_study_without_model[no-model]" in found
    assert "test_table" in found


def test_tests_of_one_model_run_together_and_comparisons_last(project: Project) -> None:
    found = collected(project.run("--co", "-qq", "--model", "gpt2", "--model", "tiny"))
    labels = [name.partition("[")[2].rstrip("]") for name in found]
    runs = [label for label, before in zip(labels, [None, *labels], strict=False) if label != before]
    assert runs == ["", "gpt2", "tiny", "no-model", "gpt2+tiny"]


def test_the_default_model_is_tiny(project: Project) -> None:
    assert "test_high[tiny]" in collected(project.run("--co", "-qq"))


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        ("small and cpu", {"gpt2"}),
        ("tiny", {"tiny"}),
        ("medium or tiny", {"gpt2-medium", "tiny", "gpt2+gpt2-medium+tiny"}),
        ("cuda", set()),
        ("slow", set()),
        ("large", set()),
    ],
)
def test_markers_know_the_size_and_the_device_without_weights(
    project: Project, expression: str, labels: set[str]
) -> None:
    models = ("--model", "gpt2", "--model", "gpt2-medium", "--model", "tiny")
    found = collected(project.run("--co", "-qq", "-m", expression, *models))
    assert {name.partition("[")[2].rstrip("]") for name in found} - {""} == labels


def test_the_device_marker_follows_the_option(project: Project) -> None:
    assert collected(project.run("--co", "-qq", "-m", "cuda", "--device", "cuda:1"))
    assert not collected(project.run("--co", "-qq", "-m", "cpu and tiny", "--device", "mps"))


@pytest.mark.parametrize(
    ("globs", "names"),
    [
        (["order.high"], {"test_high"}),
        (["order.*h*"], {"test_high"}),
        (["audit.*", "needs.cuda"], {"test_table", "test_study_without_model", "test_cuda"}),
    ],
)
def test_globs_select_claims_by_id(project: Project, globs: list[str], names: set[str]) -> None:
    ran = project.run("--co", "-qq", *[f"--claims={glob}" for glob in globs])
    assert {name.partition("[")[0] for name in collected(ran)} == names


def test_a_glob_without_a_match_is_refused(project: Project) -> None:
    ran = project.run("--claims", "order.*", "--claims", "ordre.*")
    assert ran.code == 4
    assert ran.err.strip() == "ERROR: no collected claim has an id like 'ordre.*'"
    assert not project.report.exists()


def test_a_claim_judged_twice_is_refused(make: Make) -> None:
    ran = make("from stubs import *\ntest_again = test_high\n").run()
    assert ran.code == 4
    assert "ERROR: the claim order.high is judged twice: " in ran.err


def test_two_folders_of_one_name_are_told_apart_by_the_user(make: Make) -> None:
    project = make()
    for home in ("a", "b"):
        (project.folder / home / "final").mkdir(parents=True)
    ran = project.run("--model=a/final", "--model=b/final", "--co")
    assert "ERROR: the models a/final and b/final are both called final, and verdicts go by that name" in ran.err


def test_slow_claims_are_marked(make: Make) -> None:
    source = "from stubs import *\n@declare('a.slow', cost='hours')\ndef test_slow(study, judge): pass\n"
    assert collected(make(source).run("--co", "-qq", "-m", "slow")) == ["test_slow[tiny]"]


def test_a_study_is_opened_once_for_each_label(make: Make) -> None:
    project = make()
    project.run("--model", "tiny", "--model", "gpt2", "--claims", "order.*", "--claims", "needs.*")
    assert project.opened == ["tiny", "gpt2", "tiny+gpt2"]


def test_the_markers_are_listed(project: Project) -> None:
    ran = project.run("--markers")
    for name in ("tiny", "small", "medium", "large", "xl", "cpu", "cuda", "mps", "slow", "claim"):
        assert f"@pytest.mark.{name}" in ran.out


def test_a_list_of_claims_needs_no_torch(make: Make) -> None:
    project = make("import sys\nfrom stubs import *\n")
    source = "import sys\ndef pytest_unconfigure(): print('heavy:', {'torch', 'xarray', 'scipy'} & set(sys.modules))\n"
    (project.folder / "conftest.py").write_text('pytest_plugins = ["semphase.plugin.short"]\n' + source)
    ran = project.run("--co", "-qq", "--model=gpt2-xl", "--device=cuda", "--lexicon=nowhere.toml", "-s")
    assert ran.code == 0
    assert "test_high[gpt2-xl]" in collected(ran)
    assert "heavy: set()" in ran.out


def test_a_list_of_all_claims_of_this_repository_needs_no_torch(make: Make) -> None:
    project = make("")
    heavy = ("torch", "transformers", "xarray", "scipy.stats", "scipy.optimize", "statsmodels", "lmfit", "matplotlib")
    source = f"import sys\ndef pytest_unconfigure(): print('heavy:', {set(heavy)} & set(sys.modules))\n"
    project.write("watching.py", source)
    ran = project.run("--co", "-qq", "-s", "--import-mode=importlib", str(CLAIMS), plugins=("watching",))
    assert ran.code == 0
    assert "claims/test_heads.py" in ran.out
    assert "heavy: set()" in ran.out


def test_a_sentence_raised_in_a_test_file_stands_alone(make: Make) -> None:
    ran = make("from stubs import *\ndeclare('a.b', universes=['half'])\n").run()
    assert ran.code == 2
    assert "a.b: there is no universe 'half'; choose" in ran.out
    assert "Traceback" not in ran.out
    assert "declare.py" not in ran.out
