"""A function's hash follows what it does: its own code, what it calls in its project, and the plain values it names."""

from __future__ import annotations

import importlib.util
import sys
import textwrap

import numpy as np
import pytest

from semphase.code import code_hash, require_plain
from semphase.errors import SemphaseError

BASE = '''
import numpy as np
import neighbour

SCALE = 2.0
TABLE = np.arange(3)


class Shape:
    def area(self, x):
        return x * x


def helper(x):
    """Says what it does."""
    return x + 1  # a remark


def unused(x):
    return x


def measured(model, data, n=3):
    """A measurement."""
    inner = lambda y: helper(y) * SCALE
    return inner(data) + neighbour.far(n) + Shape().area(data) + TABLE.sum() + np.abs(n)
'''
NEIGHBOUR = """
def far(x):
    return deep(x)


def deep(x):
    return x - 1
"""


@pytest.fixture
def hashed(tmp_path, monkeypatch):
    """The hash of `measured` in a module of some source, beside a module `neighbour`."""
    monkeypatch.syspath_prepend(tmp_path)
    count = iter(range(100))

    def made(source=BASE, neighbour=NEIGHBOUR, name="measured"):
        folder = tmp_path / f"v{next(count)}"
        folder.mkdir()
        for module, text in (("neighbour", neighbour), ("mine", source)):
            (folder / f"{module}.py").write_text(textwrap.dedent(text))
            spec = importlib.util.spec_from_file_location(module, folder / f"{module}.py")
            monkeypatch.setitem(sys.modules, module, importlib.util.module_from_spec(spec))
            spec.loader.exec_module(sys.modules[module])
        return code_hash(getattr(sys.modules["mine"], name))

    return made


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # a remark", "  # another remark"),
        ('"""Says what it does."""', '"""Says it in other words."""'),
        ('    """A measurement."""\n', ""),
        ("return x + 1 ", "return (x   +   1) "),
        ("def unused(x):\n    return x", "def unused(x):\n    return -x"),
    ],
)
def test_words_layout_and_what_is_not_called_do_not_count(hashed, old, new):
    assert old in BASE
    assert hashed(BASE.replace(old, new)) == hashed()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return x + 1", "return x + 2"),
        ("SCALE = 2.0", "SCALE = 3.0"),
        ("np.arange(3)", "np.arange(1, 4)"),
        ("return x * x", "return x * x * x"),
        ("n=3", "n=4"),
        ("inner(data) +", "inner(data) -"),
    ],
)
def test_what_runs_counts(hashed, old, new):
    assert old in BASE
    assert hashed(BASE.replace(old, new)) != hashed()


def test_functions_of_a_neighbouring_module_count_however_deep(hashed):
    assert hashed(neighbour=NEIGHBOUR.replace("x - 1", "x - 2")) != hashed()
    assert hashed(neighbour=NEIGHBOUR + "\n\ndef other():\n    pass\n") == hashed()


def test_functions_that_call_each_other_have_a_hash(hashed):
    source = "def measured(x):\n    return other(x)\n\n\ndef other(x):\n    return measured(x)\n"
    assert len(hashed(source)) == 64


def test_what_was_typed_into_a_prompt_is_one_sentence():
    space = {"__name__": "typed"}
    exec("def typed(x):\n    return x", space)
    with pytest.raises(SemphaseError, match=r"^the source of typed cannot be read.*write it in a file\.$"):
        code_hash(space["typed"])


def plain(x, weights=(1, 2)):
    return x


def test_functions_of_a_module_and_lambdas_of_their_arguments_pass():
    require_plain(plain, "replaced")
    require_plain(lambda x: x + 1, "replaced")
    assert code_hash(lambda x: x + 1) != code_hash(lambda x: x + 2)


def closing_over(value):
    def inner(x):
        return x + value

    return inner


class Kept:
    def method(self, x):
        return x


KEPT = Kept()


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (closing_over(3), r"^replaced refuses the function inner, which keeps the value of value inside"),
        (
            (lambda array: lambda x: x + array)(np.ones(2)),
            r"^replaced refuses the lambda, which keeps the value of array",
        ),
        (lambda x, kept=KEPT: x, r"^replaced refuses the lambda, which keeps the value of kept inside"),
        (KEPT.method, r"^replaced takes a function and got .*; write it with def at the top level of a module\.$"),
        (3, r"^replaced takes a function and got 3; write it"),
    ],
)
def test_what_keeps_values_inside_is_refused(function, sentence):
    with pytest.raises(SemphaseError, match=sentence):
        require_plain(function, "replaced")
