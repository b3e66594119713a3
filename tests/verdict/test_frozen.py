"""What registration freezes of a claim: whatever its numbers come from, and nothing that is only said."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from semphase.cli.declared import find
from semphase.code import sources
from semphase.errors import SemphaseError
from semphase.verdict.frozen import Frozen

ROOT = Path(sources.__file__).parents[2]
HELPER = "WEIGHT = 2.0\n\ndef weighed(x):\n    return WEIGHT * x\n"
MINE = '''
import semphase
from semphase import above, claim, head, replaced
from mine_helper import weighed

COPIES, HARM = 5, {"harsh": lambda x: -x, "mild": lambda x: x / 2}
UNUSED = 1

def kept(values):
    return values

EDIT = replaced(head(1, 2), kept)

class TestAll:
    def centre(self, values):
        return sum(values) / len(values)

    @claim("own.method", statement="s", criterion="x > 0", parts=above(0.0), estimator="mean", source="ours", control="c")
    def test_method(self, study, judge):
        """Some words."""
        judge(self.centre([weighed(1.0)]))

def declared(name, **rest):
    return claim(name, **{"statement": "s", "criterion": "x > 0", "parts": above(0.0), "estimator": "mean",
                          "source": "ours", "control": "c", **rest})

@declared("own.helped")
def test_helped(study, judge):
    judge(1.0, control=[HARM["harsh"](1.0) for _ in range(COPIES)])

@semphase.claim("own.edited", statement="s", criterion="x > 0", parts=above(0.0), estimator="mean", source="ours",
                control="c")
def test_edited(study, judge):
    # A remark.
    judge(study.prompts.under(EDIT))
'''
Hashes = Callable[..., dict[str, Frozen]]


@pytest.fixture
def hashes(tmp_path: Path) -> Hashes:
    """`hashes((before, after), …)` freezes the claims of a project in which texts were replaced."""
    numbers = iter(range(9))

    def of(*edits: tuple[str, str]) -> dict[str, Frozen]:
        # Each in a folder and a file of other names: neither counts.
        number = next(numbers)
        folder = tmp_path / f"project{number}"
        folder.mkdir()
        mine, helper = MINE, HELPER
        for before, after in edits:
            assert (mine + helper).count(before) == 1
            mine, helper = mine.replace(before, after), helper.replace(before, after)
        (folder / f"test_{number}.py").write_text(mine)
        (folder / "mine_helper.py").write_text(helper)
        return {own.id: own for own in find([folder]).frozen}

    return of


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        ("WEIGHT = 2.0", "WEIGHT = 2.5", "own.method"),
        ("WEIGHT * x", "WEIGHT + x", "own.method"),
        ("sum(values) / len(values)", "max(values)", "own.method"),
        ("COPIES, HARM = 5,", "COPIES, HARM = 2,", "own.helped"),
        ("lambda x: -x", "lambda x: -9 * x", "own.helped"),
        ("    return values\n\nEDIT", "    return 2 * values\n\nEDIT", "own.edited"),
        ("head(1, 2)", "head(1, 3)", "own.edited"),
    ],
)
def test_what_a_number_comes_from_moves_the_code_of_its_claim_alone(
    hashes: Hashes, before: str, after: str, moved: str
) -> None:
    was, now = hashes(), hashes((before, after))
    assert {name for name in was if was[name].code != now[name].code} == {moved}
    assert all(was[name].rule == now[name].rule for name in was)


@pytest.mark.parametrize(
    "edit",
    [
        ("# A remark.", "# Another, over\n    # two lines."),
        ("Some words.", "Other words."),
        ("UNUSED = 1", "UNUSED = 2"),
        ("import semphase\n", "import semphase\nimport json\n"),
    ],
)
def test_what_is_only_said_moves_nothing(hashes: Hashes, edit: tuple[str, str]) -> None:
    assert {name: (own.rule, own.code) for name, own in hashes().items()} == {
        name: (own.rule, own.code) for name, own in hashes(edit).items()
    }


def test_the_decorator_is_frozen_as_the_rule_and_not_as_code(hashes: Hashes) -> None:
    was = hashes()
    now = hashes(('@semphase.claim("own.edited", statement="s"', '@semphase.claim("own.edited", statement="t"'))
    assert was["own.edited"].code == now["own.edited"].code
    assert was["own.edited"].rule != now["own.edited"].rule


def test_code_that_cannot_be_read_is_refused_by_the_claim_s_name(hashes: Hashes) -> None:
    with pytest.raises(SemphaseError, match=r"own\.edited cannot be registered: the source of .*made.* cannot be read"):
        hashes(("UNUSED = 1", "exec('def made(): return 1')"), ("study.prompts.under(EDIT)", "made()"))


@pytest.fixture
def science(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the package's sources in which files may be edited."""
    copied = tmp_path / "semphase"
    shutil.copytree(ROOT / "semphase", copied, ignore=shutil.ignore_patterns("__pycache__", "_fixtures"))
    monkeypatch.setattr(sources, "HERE", copied)
    yield _cleared(copied / "science")
    monkeypatch.undo()
    _cleared(copied)


def _cleared(folder: Path) -> Path:
    sources._top.cache_clear()
    sources._file.cache_clear()
    return folder


def _pi() -> dict[str, str]:
    return {own.id: own.code for own in find([ROOT / "claims" / "test_pi.py"]).frozen}


def test_a_statistic_of_a_phenomenon_is_code_of_the_claims_that_reach_it(science: Path) -> None:
    was = _pi()
    assert was["pi.rotation"]
    text = (science / "lexical" / "total_rotation.py").read_text()
    assert text.startswith('"""')
    (science / "lexical" / "total_rotation.py").write_text("# A remark.\n" + text)
    _cleared(science)
    assert _pi() == was
    widths = (science / "lexical" / "widths.py").read_text()
    edited = widths.replace("def rejections(", "def rejections(*, one_more=None, ", 1)
    assert edited != widths
    (science / "lexical" / "widths.py").write_text(edited)
    _cleared(science)
    assert {name for name in was if _pi()[name] != was[name]} == {"pi.learned"}


@pytest.mark.slow
def test_hashes_are_those_of_another_process_that_has_imported_everything() -> None:
    program = (
        "from pathlib import Path\nimport torch, semphase.science.lexical.facet, semphase.science.lexical.figures\n"
        "from semphase.cli.declared import find\n"
        f"print({{own.id: own.code for own in find([Path({str(ROOT / 'claims' / 'test_pi.py')!r})]).frozen}} == {_pi()!r})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.stdout.strip(), done.stderr) == ("True", "")
