"""Options under their full names, which clash with nobody's, and under short ones where a project asks for them."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from semphase.errors import SemphaseError
from semphase.mirrors import mirror
from semphase.models import fixture
from semphase.plugin import options

if TYPE_CHECKING:
    from tests.plugin.conftest import Make, Project, Ran

NAMES = {
    "model", "device", "corpus", "lexicon", "prompts", "budget", "claims", "out", "store", "seed", "dtype", "memory",
    "bos", "scheduler", "fail-inconclusive", "strict-expectations", "afresh", "archive", "no-archive", "verify",
    "universes", "no-universes",
}  # fmt: skip
OWN_OPTIONS = """
def pytest_addoption(parser):
    for name in ("--seed", "--model", "--device"):
        parser.addoption(name, default="theirs")
"""
PLAYWRIGHT = """
def pytest_addoption(parser):
    group = parser.getgroup("playwright", "Playwright")
    group.addoption("--browser", action="append", default=[])
    group.addoption("--device", action="store", default=None)
    group.addoption("--output", default="test-results")
"""
PLAIN = """
import sys
def test_theirs(request):
    told = [request.config.getoption(name) for name in ("--seed", "--model", "--device")]
    assert told == ["7", "cuda", "theirs"]
    assert not {"torch", "xarray", "scipy"} & set(sys.modules)
"""
SHORT = 'pytest_plugins = ["semphase.plugin.short"]\n'


def listed(ran: Ran) -> set[str]:
    return {name for group in re.findall(r"^semphase: .*?(?=\n\n|\Z)", ran.out, re.DOTALL | re.MULTILINE)
            for name in re.findall(r"^ +(--[a-z-]+)", group, re.MULTILINE)}  # fmt: skip


def without_claims(make: Make, conftest: str, source: str = "def test_plain(): pass\n") -> Project:
    project = make(source)
    project.write("conftest.py", conftest)
    return project


def test_every_option_has_its_full_name_and_only_that(make: Make) -> None:
    assert listed(without_claims(make, "").run("--help")) == {f"--semphase-{name}" for name in NAMES}


def test_a_line_in_the_root_conftest_adds_the_short_names(make: Make) -> None:
    both = {f"--{name}" for name in NAMES} | {f"--semphase-{name}" for name in NAMES}
    assert listed(make().run("--help")) == both


def test_both_names_mean_the_same(make: Make) -> None:
    project = make()
    ran = project.run(
        "--model=tiny", "--semphase-model=gpt2", "--claims=order.high", "--semphase-seed=7", "--budget=quick"
    )
    assert project.opened == ["tiny", "gpt2"]
    assert ran.document is not None
    assert (ran.document["run"]["seed"], ran.document["run"]["budget"]) == (7, "quick")


def test_a_lexicon_is_a_name_or_a_path(make: Make) -> None:
    project = make()
    assert "english, english-2, grammar or a lexicon file" in " ".join(project.run("--help").out.split())
    project.run("--claims=order.high", "--lexicon=english-2", "--lexicon=mine.toml")
    found = (project.folder / "lexicons.txt").read_text(encoding="utf-8").splitlines()
    assert found == [str(fixture("lexicon/english-2.toml")), str(project.folder / "mine.toml")]


def test_a_project_with_options_of_our_short_names_does_not_notice_the_package(make: Make) -> None:
    project = without_claims(make, OWN_OPTIONS, PLAIN)
    assert project.run("--seed=7", "--model", "cuda").code == 0


def test_nor_does_a_project_with_playwright(make: Make) -> None:
    project = without_claims(make, "")
    project.write("playwright_stub.py", PLAYWRIGHT)
    ran = project.run("--device=iPhone 13", "--browser=webkit", "--output=there", plugins=("playwright_stub",))
    assert ran.code == 0


def test_such_a_project_judges_claims_under_the_full_names(make: Make) -> None:
    project = make()
    conftest = (project.folder / "conftest.py").read_text()
    project.write("conftest.py", conftest.replace(SHORT, OWN_OPTIONS))
    ran = project.run("--seed=7", "--model=theirs", "--semphase-model=gpt2", "--semphase-claims=order.high")
    assert ran.code == 0
    assert ran.entries["order.high"]["model"] == "gpt2"


@pytest.mark.parametrize(("source", "plugins"), [(OWN_OPTIONS, ()), ("", ("playwright_stub",))])
def test_a_short_name_that_is_taken_is_one_sentence(make: Make, source: str, plugins: tuple[str, ...]) -> None:
    project = without_claims(make, SHORT + source)
    project.write("playwright_stub.py", PLAYWRIGHT)
    ran = project.run(plugins=plugins)
    taken = "device" if plugins else "model"
    assert ran.code == 4
    assert ran.err.strip() == (
        f"ERROR: semphase.plugin.short cannot add --{taken}, which this project or one of its plugins has already: "
        f"take 'semphase.plugin.short' out of pytest_plugins and write --semphase-{taken}."
    )


@pytest.mark.parametrize(
    "given",
    [
        ("--semphase-device=cuda",),
        ("--semphase-store=nonsense://x", "--semphase-scheduler=nowhere"),
        ("--semphase-model=gpt2-xl", "--semphase-lexicon=no.toml", "--semphase-verify"),
    ],
)
def test_without_a_claim_no_option_does_anything(make: Make, given: tuple[str, ...]) -> None:
    source = "import sys\ndef test_it(): assert not {'torch', 'xarray', 'scipy', 'jinja2'} & set(sys.modules)\n"
    project = without_claims(make, "", source)
    before = set(project.folder.iterdir())
    ran = project.run(*given)
    assert ran.code == 0
    assert "verif" not in ran.out.partition("passed")[2]
    assert set(project.folder.iterdir()) == before


@pytest.mark.parametrize(
    ("asked", "folder", "url"),
    [
        ("kept", "HERE/kept", ""),
        ("~/kept", str(Path.home() / "kept"), ""),
        ("file:///shared/a%20b", "/shared/a b", ""),
        ("s3://bucket/folder", str(mirror("s3://bucket/folder")), "s3://bucket/folder"),
    ],
)
def test_a_store_is_a_folder_or_a_url(tmp_path: Path, asked: str, folder: str, url: str) -> None:
    given = SimpleNamespace(getoption=lambda name: asked, invocation_params=SimpleNamespace(dir=tmp_path))
    config = cast(pytest.Config, given)
    assert options.store_folder(config) == Path(folder.replace("HERE", str(tmp_path)))
    assert options.store_url(config) == url


def test_a_report_goes_to_a_folder(tmp_path: Path) -> None:
    def given(asked: str) -> pytest.Config:
        own = SimpleNamespace(getoption=lambda name: asked, invocation_params=SimpleNamespace(dir=tmp_path))
        return cast(pytest.Config, own)

    (tmp_path / "loop").symlink_to("loop")
    assert options.out_folder(given("a/../new")) == tmp_path.resolve() / "new"
    assert options.out_folder(given("~/new")) == (Path.home() / "new").resolve()
    for asked, told in (
        ("loop", "leads to itself"),
        ("s3://bucket/a", "is a URL, and a report is written to a folder"),
    ):
        with pytest.raises(SemphaseError, match=told):
            options.require_folder(given(asked))


def test_a_sentence_names_options_as_the_project_must_write_them(make: Make) -> None:
    project = make()
    assert "see --model" in project.run("--model=nonsense").err
    conftest = (project.folder / "conftest.py").read_text()
    project.write("conftest.py", conftest.replace(SHORT, ""))
    assert "see --semphase-model" in project.run("--semphase-model=nonsense").err
