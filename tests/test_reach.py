"""An edit that can change a claim's numbers changes its hashes, whatever kind of statement it stands in; others do not."""
# ruff: noqa: E501 - each little file stays on its line

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from semphase.cli.declared import find
from semphase.code import code_hash
from semphase.verdict.frozen import Frozen

HEAD = """
import functools
import pytest
from semphase import above, claim
C = dict(statement="s", criterion="x > 0", parts=above(0.0), estimator="mean", source="ours", control="c")
"""
TEST = """
@claim("own.x", **C)
def test_x(study, judge):
    judge({use}(study.number))
"""
WRAPS = """
import functools
def cheat(f):
    @functools.wraps(f)
    def wrapped(*a):
        return f(*a) * 1.0
    return wrapped
"""
SCORER = "class Sc{bases}:\n    def score(self, v):\n        return v * 1.0\nS = Sc({given})\n"


@dataclass(frozen=True)
class Case:
    """A helper module, the test's file, and an edit of one of them."""

    name: str
    edit: tuple[str, str]
    helper: str = ""
    use: str = "f"
    before: str = ""
    after: str = ""
    files: dict[str, str] = field(default_factory=dict)
    test: str = TEST

    def written(self) -> dict[str, str]:
        text = HEAD + self.before + self.test.replace("{use}", self.use) + self.after
        return {"helper.py": self.helper, "test_x.py": text} | self.files

    def edited(self) -> dict[str, str]:
        files = self.written()
        assert sum(text.count(self.edit[0]) for text in files.values()) == 1, self.name
        return {name: text.replace(*self.edit) for name, text in files.items()}


def helped(name: str, helper: str, *edit: str, use: str = "f", before: str = "") -> Case:
    old, new = edit or ("* 1.0", "* 9.0")
    root = use.split(".")[0].split("(")[0].split("[")[0]
    return Case(name, (old, new), helper, use, before or f"from helper import {root}\n")


def scored(name: str, bases: str, given: str) -> Case:
    return helped(name, SCORER.format(bases=bases, given=given), use="S.score")


def own(name: str, edit: tuple[str, str], before: str = "", after: str = "", use: str = "", helper: str = "") -> Case:
    return Case(name, edit, helper, use, before, after)


Freeze = Callable[[dict[str, str]], Frozen]


@pytest.fixture
def freeze(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Freeze:
    """`freeze(files)` is the one claim that they declare, as registration sees it, each time in another folder."""
    numbers = itertools.count()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def frozen(files: dict[str, str]) -> Frozen:
        folder = tmp_path / f"project{next(numbers)}"
        _write(folder, files, monkeypatch)
        (found,) = find([folder]).frozen
        return found

    return frozen


NUMBERS = "class S:\n    k = 1.0\n    def score(self, v):\n        return v * self.k\n"
STATEMENTS = [
    helped("wraps", WRAPS + "def f(v):\n    return v\nf = cheat(f)\n"),
    helped("wraps added", WRAPS + "def f(v):\n    return v\n#X\n", "#X", "f = cheat(f)"),
    helped("wraps as decorator", WRAPS + "@cheat\ndef f(v):\n    return v\n"),
    own("test wrapped", ("#X", "test_x = cheat(test_x)"), before=WRAPS, after="#X\n"),
    own("wrapper of the test", ("* 1.0", "* 9.0"), before=WRAPS, after="test_x = cheat(test_x)\n"),
    own("test wrapped by a helper", ("* 1.0", "* 9.0"), "from helper import cheat\n", "test_x = cheat(test_x)\n",
        helper=WRAPS),
    own("test wrapped without wraps", ("(a)", "(a * 9)"), after="def cheat(f):\n    def w(study, judge):\n"
        "        return f(study, lambda a: judge(a))\n    w.pytestmark = f.pytestmark\n    return w\ntest_x = cheat(test_x)\n"),
    helped("class twice", "class S:\n    def score(self, v):\n        return v\nclass S:\n    def score(self, v):\n"
           "        return v * 1.0\n", use="S().score"),
    helped("function in a branch", "if False:\n    def f(v):\n        return v\nelse:\n    def f(v):\n        return v * 1.0\n"),
    helped("class after a failed import", "try:\n    import nonexistent\n    class S:\n        def score(self, v):\n"
           "            return v\nexcept ImportError:\n    class S:\n        def score(self, v):\n            return v * 1.0\n",
           use="S().score"),
    helped("method set", NUMBERS + "#X\n", "#X", "S.score = lambda self, v: v * 9", use="S().score"),
    helped("class attribute set", NUMBERS + "#X\n", "#X", "S.k = 9.0", use="S().score"),
    helped("class attribute by setattr", NUMBERS + "#X\n", "#X", "setattr(S, 'k', 9.0)", use="S().score"),
    helped("class attribute in a loop", NUMBERS + "for x in (S,):\n    x.k = 1.0 + 0\n", "+ 0", "+ 8", use="S().score"),
    helped("function attribute", "def f(v):\n    return v * f.k\nf.k = 1.0\n", "k = 1.0", "k = 9.0"),
    own("semphase patched", ("#X", "import semphase.verdict.judge as J\nJ.Judge.__call__ = J.Judge.__call__\n"), after="#X\n"),
    own("helper patched", ("#X", "helper.g = lambda v: v * 9\n"), "import helper\n", "#X\n", "helper.f",
        "def f(v):\n    return g(v)\ndef g(v):\n    return v\n"),
    own("patched by a helper that is imported", ("#X", "J.Judge.__call__ = J.Judge.__call__\n"), "import helper\n",
        helper="import semphase.verdict.judge as J\n#X\n"),
    own("patched by a function that is called", ("pass", "base.k = 9"), "def base(v):\n    return v\n"
        "def change():\n    pass\nchange()\n", use="base"),
    helped("item set", "def f(v):\n    return v * MAP['a']\nMAP = {'a': 1.0}\n#X\n", "#X", "MAP['a'] = 9.0"),
    helped("table filled by a decorator", "R = {}\ndef add(f):\n    R[f.__name__] = f\n    return f\n@add\ndef f(v):\n"
           "    return v * 1.0\n", use="helper.R['f']", before="import helper\n"),
    helped("registered by a call", "class Reg(list):\n    pass\nREG = Reg()\ndef g(v):\n    return v * 1.0\n"
           "REG.append(g)\ndef f(v):\n    return REG[0](v)\n"),
    helped("singledispatch", "import functools\n@functools.singledispatch\ndef f(v):\n    return v\n@f.register(object)\n"
           "def _(v):\n    return v * 1.0\n"),
    own("singledispatch of a helper", ("* 1.0", "* 9.0"), "from helper import f\n@f.register(int)\ndef _(v):\n"
        "    return v * 1.0\n", use="f", helper="import functools\n@functools.singledispatch\ndef f(v):\n    return v\n"),
]  # fmt: skip
PATCHES = [
    own(f"patched by {name}", ("#X", text), "import semphase.verdict.judge as J\nimport helper\n", "#X\n")
    for name, text in {
        "a class's body": "class P:\n    J.Judge.k = 1\n",
        "a call in a class's body": "class P:\n    setattr(J.Judge, 'k', 1)\n",
        "a function that is called for nothing": "_ = setattr(J.Judge, 'k', 1)\n",
        "a function whose value is kept": "def go():\n    J.Judge.k = 1\nX = go()\n",
        "an alias in a function": "def go():\n    j = J.Judge\n    j.k = 1\nX = go()\n",
        "a decorator": "def go(f):\n    setattr(J.Judge, 'k', 1)\n    return f\n@go\ndef g(): pass\n",
        "a default": "def go():\n    J.Judge.k = 1\ndef g(x=go()): pass\n",
        "an alias": "j = J.Judge\nj.k = 1\n",
        "a member of a list": "MODS = [J]\nMODS[0].Judge.k = 1\n",
        "a loop": "for c in (J.Judge,):\n    c.k = 1\n",
        "a branch": "if True:\n    J.Judge.k = 1\n",
        "pytest": "pytest.MonkeyPatch().setattr('semphase.verdict.judge.Judge.k', 1, raising=False)\n",
        "a plugin": "pytest_plugins = ['helper']\n",
        "a list of modules": "import sys\nsys.modules['any'] = J\n",
    }.items()
]
FACTORY = "from types import SimpleNamespace\ndef f(v):\n    return v * 1.0\nS = SimpleNamespace(f=f, k=2)\n"
BOUND = "class Sc:\n    def __init__(self, k): self.k = k\n    def score(self, v):\n        return v * self.k * 1.0\n"
OBJECTS = [
    helped("NamedTuple", "from typing import NamedTuple\nclass Sc(NamedTuple):\n    k: float\n    def score(self, v):\n"
           "        return v * 1.0\nS = Sc(2.0)\n", use="S.score"),
    scored("float", "(float)", "2"),
    scored("dict", "(dict)", "a=2"),
    helped("StrEnum", "from enum import StrEnum\nclass Sc(StrEnum):\n    A = 'a'\n    def score(self, v):\n"
           "        return v * 1.0\nS = Sc.A\n", use="S.score"),
    helped("slots", "class Sc:\n    __slots__ = ('k',)\n    def __init__(self, k): self.k = k\n    def score(self, v):\n"
           "        return v * self.k\nS = Sc(1.0)\n", "Sc(1.0)", "Sc(9.0)", use="S.score"),
    *(helped(name, f"class Sc:\n    {name} = 'x'\n    def score(self, v):\n        return v * 1.0\nS = Sc()\n", use="S.score")
      for name in ("identity", "sha256")),
    helped("namespace's function", FACTORY, use="S.f"),
    helped("namespace's number", FACTORY, "k=2", "k=9", use="S.f"),
    helped("vectorized", "import numpy as np\ndef g(v):\n    return v * 1.0\nf = np.vectorize(g)\n"),
    helped("set of functions", "def g(v):\n    return v * 1.0\nS = {g}\ndef f(v):\n    return [h(v) for h in S][0]\n"),
    helped("keys that are functions", "def g(v):\n    return v * 1.0\nS = {g: 1}\ndef f(v):\n    return [h(v) for h in S][0]\n"),
    helped("generator", "import numpy as np\nR = np.random.default_rng(1)\ndef f(v):\n    return v + R.normal()\n",
           "rng(1)", "rng(9)"),
    helped("bound method's object", BOUND + "f = Sc(2.0).score\n", "Sc(2.0)", "Sc(9.0)"),
    helped("bound method's body", BOUND + "f = Sc(2.0).score\n"),
    helped("class made in a function", "def make(k):\n    class S:\n        def score(self, v): return v * k\n    return S\n"
           "S = make(1.0)\n", "make(1.0)", "make(9.0)", use="S().score"),
    helped("class changed by its decorator", "def deco(c):\n    c.score = lambda self, v: v * 1.0\n    return c\n@deco\n"
           "class S:\n    pass\n", use="S().score"),
    helped("object of a factory", "class S:\n    def score(self, v):\n        return v * 1.0\ndef make():\n    return S()\n",
           use="make().score"),
    helped("star", "def f(v):\n    return v * 1.0\n", before="from helper import *\n"),
    helped("number of a star", "K = [1.0]\ndef f(v): return v\n", "[1.0]", "[9.0]", use="K.index", before="from helper import *\n"),
    helped("module's __getattr__", "def __getattr__(name):\n    if name.startswith('__'):\n        raise AttributeError(name)\n"
           "    return lambda v: v * 1.0\n", use="helper.f", before="import helper\n"),
    helped("cached function", "import functools\n@functools.lru_cache\ndef k():\n    return 1.0\ndef f(v):\n    return v * k()\n",
           "return 1.0", "return 9.0"),
]  # fmt: skip
SCALED = "def scaled(v):\n    return v * 1.0\n"
MODULES = [
    own("module in a local name", ("* 1.0", "* 9.0"), "import helper\ndef g(v):\n    m = helper\n    return m.scaled(v)\n",
        use="g", helper=SCALED),
    own("module in a tuple", ("* 1.0", "* 9.0"), use="(helper,)[0].scaled", before="import helper\n", helper=SCALED),
    own("module in a constant", ("* 1.0", "* 9.0"), "import helper\nM = (helper,)\n", use="M[0].scaled", helper=SCALED),
    own("asked of a module by a text", ("* 1.0", "* 9.0"), "import helper\n", use="getattr(helper, 'scaled')", helper=SCALED),
    own("asked of globals", ("* 1.0", "* 9.0"), SCALED, use="globals()['scaled']"),
    own("imported inside", ("* 1.0", "* 9.0"), "def g(v):\n    import helper as h\n    return h.scaled(v)\n", use="g",
        helper=SCALED),
    *(Case(f"named as {name} is", ("* 1.0", "* 9.0"), use="scaled", before=f"from {name} import scaled\n",
           files={f"{name}.py": SCALED}) for name in ("sched", "profile")),
    Case("module of a package", ("* 1.0", "* 9.0"), use="a.scaled", before="from pkg import a\n",
         files={"pkg/__init__.py": "", "pkg/a.py": "from .b import scaled\n", "pkg/b.py": SCALED}),
]  # fmt: skip
FIXTURE = "@pytest.fixture{options}\ndef {name}({takes}):\n    return 1.0\n"
METHODS = """
class TestX({bases}):
    {inside}
    @claim("own.x", **C)
    def test_x({me}, study, judge):
        judge({me}.f(study.number))
"""


def method(
    name: str, inside: str, *edit: str, bases: str = "", me: str = "self", before: str = "", after: str = ""
) -> Case:
    old, new = edit or ("* 1.0", "* 9.0")
    test = METHODS.replace("{bases}", bases).replace("{inside}", inside).replace("{me}", me)
    return Case(name, (old, new), before=before, after=after, test=test)


SURROUNDINGS = [
    own("autouse fixture", ("#X", FIXTURE.format(options="(autouse=True)", name="any", takes="")), after="#X\n"),
    own("judge of the file", ("#X", FIXTURE.format(options="", name="judge", takes="judge")), after="#X\n"),
    Case("fixture that is taken", ("1.0", "9.0"), before=FIXTURE.format(options="", name="k", takes=""),
         test=TEST.replace("judge):", "judge, k):").replace("{use}", "k * ")),
    Case("fixture of another name that a fixture takes", ("1.0", "9.0"), test=TEST.replace("judge):", "judge, k):"),
         before="@pytest.fixture(name='k')\ndef _k(j):\n    return j\n" + FIXTURE.format(options="", name="j", takes=""), use="k * "),
    own("fixture that a mark names", ("1.0", "9.0"), FIXTURE.format(options="", name="k", takes=""),
        "test_x = pytest.mark.usefixtures('k')(test_x)\n"),
    *(own(name, ("pass", "global C; C = None"), after=f"def {name}():\n    pass\n")
      for name in ("setup_function", "setup_module", "teardown_module")),
    *(Case(f"conftest: {edit}", ("#X", edit), files={"conftest.py": "import pytest\n#X\n"}) for edit in (
        "def pytest_runtest_setup(item):\n    pass\n", "import semphase.verdict.judge as J\nJ.Judge.k = 1\n",
        FIXTURE.format(options="(autouse=True)", name="any", takes=""))),
    Case("helper of a conftest", ("* 1.0", "* 9.0"), SCALED, files={"conftest.py": "from helper import scaled\n"}),
    method("method", "def f(self, v): return v * 1.0"),
    method("method by another name of self", "def f(this, v): return v * 1.0", me="this"),
    method("attribute", "k = 1.0\n    def f(self, v): return v * self.k", "k = 1.0", "k = 9.0"),
    method("setup_method", "def setup_method(self): self.q = 1\n    def f(self, v): return v", "self.q = 1", "self.q = 9"),
    method("fixture of the class", "@pytest.fixture(autouse=True)\n    def any(self): self.q = 1\n    def f(self, v): return v",
           "self.q = 1", "self.q = 9"),
    method("cached property", "@functools.cached_property\n    def f(self): return lambda v: v * 1.0"),
    method("base class", "pass", bases="Base", before="class Base:\n    def f(self, v): return v * 1.0\n"),
    method("derived class", "k = 1.0\n    def f(self, v): return v * self.k", "k = 2.0", "k = 9.0",
           after="class TestY(TestX):\n    k = 2.0\n"),
]  # fmt: skip
UNIVERSE = "def u(study, k):\n    return study.varied(seed=k + 0)\n"
PARTIAL = "U = semphase.verdict.universe.Universe('mine', functools.partial(u, k=1), True)\nC['universes'] = U\n"
LIMIT = "import semphase\nclass L(semphase.verdict.criterion.Criterion):\n    def met_by(self, value):\n        return value > 1\n"
RULES = [
    *(own(f"partial universe {edit[1]}", edit, f"import semphase.verdict.universe\n{UNIVERSE}{PARTIAL}")
      for edit in (("k=1", "k=2"), ("k + 0", "k + 5"))),
    own("semphase's choice with another value", ("words=4", "words=5"), "import semphase.verdict.universes as S\n"
        "C['universes'] = S.Universe('4 w', functools.partial(S._varied, words=4), True)\n"),
    own("wrapped universe", ("* 1.0", "* 9.0"), WRAPS + "def u(study):\n    return study\nu = cheat(u)\nC['universes'] = [u]\n"),
    own("derived criterion", ("value > 1", "True"), "import semphase.verdict.criterion\n" + LIMIT + "C['parts'] = L('>', 2.0)\n"),
    own("timed", ("#X", "C['timed'] = True"), "#X\n"),
]  # fmt: skip


MEASURED = [case for case in [*STATEMENTS, *OBJECTS, *MODULES] if "test_x" not in case.after + case.edit[1]]


def named(cases: list[Case]) -> list[object]:
    return [pytest.param(case, id=case.name.splitlines()[0]) for case in cases]


@pytest.mark.parametrize("case", named([*STATEMENTS, *PATCHES, *OBJECTS, *MODULES, *SURROUNDINGS]))
def test_what_moves_a_number_is_code(freeze: Freeze, case: Case) -> None:
    was, now = freeze(case.written()), freeze(case.edited())
    assert was.code != now.code
    assert was.rule == now.rule
    assert freeze(case.written()).code == was.code


@pytest.mark.parametrize("case", named(RULES))
def test_what_moves_a_verdict_is_rule(freeze: Freeze, case: Case) -> None:
    was = freeze(case.written())
    assert was.rule != freeze(case.edited()).rule
    assert was.rule == freeze(case.written()).rule


@pytest.mark.parametrize("case", named(MEASURED))
def test_what_moves_a_number_is_in_the_key_of_a_measurement(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    measured = "\ndef measured(v):\n    return {use}(v)\n".replace("{use}", case.use)
    found = []
    for number, edited in enumerate([False, True, False]):
        files = case.edited() if edited else case.written()
        files["mine.py"] = files.pop("test_x.py").replace(TEST.replace("{use}", case.use), measured)
        monkeypatch.syspath_prepend(project := tmp_path / str(number))
        _write(project, files, monkeypatch)
        found.append(code_hash(importlib.import_module("mine").measured))
    assert found[0] == found[2] != found[1]


def _write(folder: Path, files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    importlib.invalidate_caches()
    for name in [own for own in sys.modules if own.partition(".")[0] in ("mine", "helper", "pkg", "sched", "profile")]:
        monkeypatch.delitem(sys.modules, name)


LAID_OUT = """
'''A module.'''
import numpy as np
L = 1
'''What L is.'''
def f(v):
    # c
    return v * 1.0
def unrelated():
    return L
class Unrelated:
    pass
TABLE = {}
TABLE['a'] = unrelated
"""


@pytest.mark.parametrize(
    "edit",
    [
        ("# c", "# d"), ("'''A module.'''", "'''Another.'''\n\n"), ("'''What L is.'''", ""), ("v * 1.0", "(v *\n        1.0)"),
        ("L = 1", "L = 2"), ("    return L", "    return L + 1"), ("    pass", "    k = 1"), ("TABLE['a']", "TABLE['b']"),
        ("def f(v):", "def f(v):\n    '''Says.'''"), ("import numpy as np", "import json\nimport numpy as np"),
        ("import pytest", "import json\nimport pytest"), ("def test_o(): pass", "def test_o(): assert 1"),
        ("    def test_o(self): pass", "    pass"), ("#X", "Z = 1"), ("#X", "def test_n(study):\n    pass"),
        ("'k')\ndef _k", "'k')\n# why\ndef _k"), ("return 7.0", "return 8.0"), ("if __name__ == '__main__':\n    test_o()\n", ""),
    ],
    ids=lambda edit: edit[0].splitlines()[0],
)  # fmt: skip
def test_what_moves_no_number_moves_no_hash(freeze: Freeze, edit: tuple[str, str]) -> None:
    after = "def test_o(): pass\nclass TestO:\n    def test_o(self): pass\n#X\n@pytest.fixture(name='k')\ndef _k():\n    return 7.0\n"
    case = Case("", edit, LAID_OUT, "f", "from helper import f\n", after + "if __name__ == '__main__':\n    test_o()\n")
    was, now = freeze(case.written()), freeze(case.edited())
    assert (was.rule, was.code) == (now.rule, now.code)


@pytest.mark.parametrize(
    "before",
    [
        "import logging\nLOG = logging.getLogger(__name__)\ndef f(v):\n    LOG.info('x')\n    return v\n",
        "def f(v):\n    return v, __name__, __file__\n",
        "from pathlib import Path\nHERE = Path(__file__).parent\nDATA = [str(HERE / 'a.csv')]\ndef f(v):\n    return v, HERE, DATA\n",
        "import numpy as np\nMAP = {np.mean: 1.0}\ndef f(v):\n    return MAP[np.mean](v)\n",
        "from collections import namedtuple\nQ = namedtuple('P', 'k')\ndef f(v):\n    return v * Q(1.0).k\n",
        "from pathlib import Path\nclass S:\n    def __init__(self):\n        self.at = Path(__file__)\nOBJECT = S()\ndef f(v):\n"
        "    return OBJECT\n",
    ],
)
@pytest.mark.parametrize("helped", [False, True])
def test_the_hash_is_one_wherever_the_file_lies(freeze: Freeze, before: str, helped: bool) -> None:
    case = Case("", ("", ""), before, "f", "from helper import f\n") if helped else Case("", ("", ""), "", "f", before)
    assert freeze(case.written()) == freeze(case.written())


def test_numbers_that_no_text_tells_count(freeze: Freeze, monkeypatch: pytest.MonkeyPatch) -> None:
    case = own("", ("", ""), "import os\nK = float(os.environ['OWN_K'])\ndef f(v):\n    return v * K\n", use="f")
    found = []
    for value in ("1.0", "2.0"):
        monkeypatch.setenv("OWN_K", value)
        found.append(freeze(case.written()).code)
    assert found[0] != found[1]
