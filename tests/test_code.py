"""What counts as the same code: comments and layout do not, everything that moves a number does."""

from __future__ import annotations

import importlib
import sys
from functools import partial

import numpy as np
import pytest
import torch

from semphase.code import code_hash, of_package, require_plain, value_identity
from semphase.errors import SemphaseError
from semphase.measure.preflight import preflight

HELPER = "SCALE = 2.0\n\ndef grow(x):\n    return SCALE * x\n"
MINE = '''
import functools
import re
import numpy as np
import torch
import helper
from dataclasses import dataclass
from helper import grow
from numpy import mean as agg
from torch import relu as act

LIMIT = 3

class State:
    def __init__(self, weight):
        self.weight = weight

@dataclass(frozen=True)
class Rule:
    power: float
    def of(self, x):
        return x**self.power

def make(shift):
    def shifted(x):
        return x + shift
    return shifted

CONSTANTS = [
    agg, act, {"a": torch.sigmoid}, functools.partial(max, 1.0), slice(0, 2), b"one", 1j, re.compile("a"),
    torch.float32, State(1.5), [State(2.5), 7], Rule(2.0), make(10.0), np.ma.masked_array([1, 2], [True, False]),
]

def constant():
    return CONSTANTS

def measured(x, times=1):
    """Some words."""
    # A remark.
    return [grow(np.minimum(x, LIMIT)) for _ in range(times)]

def by_module(x):
    return helper.grow(x)

def inside(x):
    from helper import grow as own
    return own(x)

def twice(x):
    return again(x - 1) if x else 0

def again(x):
    return twice(x)

pair = [lambda x: x + 1, lambda x: x + 2]
'''


@pytest.fixture
def hash_of(tmp_path, monkeypatch):
    """`hash_of(name, changes)` is the hash of a function of a project in which texts were replaced."""
    monkeypatch.syspath_prepend(tmp_path)

    def found(name, *changes, helper=HELPER):
        text = MINE
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "mine.py").write_text(text)
        (tmp_path / "helper.py").write_text(helper)
        for module in ("mine", "helper"):
            sys.modules.pop(module, None)
        importlib.invalidate_caches()
        sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
        try:
            return code_hash(eval(f"module.{name}", {"module": importlib.import_module("mine")}))
        finally:
            sys.dont_write_bytecode = before

    yield found
    for module in ("mine", "helper"):
        sys.modules.pop(module, None)


@pytest.mark.parametrize(
    "change",
    [("# A remark.", "# Another, longer remark."), ('"""Some words."""', '"""Others."""'), ("times=1", "times = 1")],
)
def test_what_moves_no_number_keeps_the_hash(hash_of, change):
    assert hash_of("measured") == hash_of("measured", change)


@pytest.mark.parametrize("change", [("LIMIT = 3", "LIMIT = 4"), ("times=1", "times=2"), ("np.minimum", "np.maximum")])
def test_what_moves_a_number_changes_the_hash(hash_of, change):
    assert hash_of("measured") != hash_of("measured", change)


@pytest.mark.parametrize(
    "change",
    [
        ("from numpy import mean", "from numpy import median"), ("import relu", "import sigmoid"),
        ("torch.sigmoid", "torch.tanh"), ("partial(max, 1.0)", "partial(max, 2.0)"), ("slice(0, 2)", "slice(0, 4)"),
        ('b"one"', 'b"two"'), ("1j", "2j"), ('compile("a")', 'compile("b")'), ("torch.float32", "torch.float16"),
        ("State(1.5)", "State(3.5)"), ("[State(2.5), 7]", "[State(2.5), 8]"), ("State(2.5)", "State(4.5)"),
        ("x**self.power", "x * self.power"), ("make(10.0)", "make(20.0)"), ("x + shift", "x - shift"),
        ("[True, False]", "[False, True]"),
    ],
)  # fmt: skip
def test_every_kind_of_constant_counts(hash_of, change):
    assert hash_of("constant") == hash_of("constant", ("# A remark.", "# Another."))
    assert hash_of("constant") != hash_of("constant", change)


@pytest.mark.parametrize("name", ["measured", "by_module", "inside"])
@pytest.mark.parametrize("helper", [HELPER.replace("2.0", "3.0"), HELPER.replace("SCALE * x", "SCALE + x")])
def test_a_called_function_of_the_project_counts_however_it_is_reached(hash_of, name, helper):
    assert hash_of(name) != hash_of(name, helper=helper)


def test_functions_that_call_each_other_end(hash_of):
    assert hash_of("twice") != hash_of("twice", ("return twice(x)", "return twice(x) + 1"))


def test_lambdas_of_one_line_differ(hash_of):
    assert hash_of("pair[0]") != hash_of("pair[1]")
    assert hash_of("pair[0]") == hash_of("pair[0]", ("x + 2]", "x + 3]"))


def test_the_package_s_own_functions_are_known():
    assert of_package(preflight)
    assert not of_package(test_the_package_s_own_functions_are_known)


def test_captured_values_are_refused_by_name():
    threshold = 3
    with pytest.raises(SemphaseError, match=r"^replaced refuses the lambda, which captures threshold .*\.$"):
        require_plain(lambda x: x > threshold, "replaced")
    require_plain(lambda x: x > 3, "replaced")
    with pytest.raises(SemphaseError, match=r"^replaced takes a function and got .*\.$"):
        require_plain(partial(max, 1), "replaced")


def test_equal_values_have_equal_identities_and_others_not():
    values = [1, 1.5, True, "a", None, [1, 2], {"a": 1}, np.arange(3), np.arange(3.0), np.arange(3)[None], {3, 1, 2}]
    found = [repr(value_identity(value)) for value in values]
    assert len(set(found)) == len(values)
    assert value_identity(torch.arange(3)) == value_identity(np.arange(3))
    assert value_identity(np.int64(3)) == 3
    assert value_identity({3, 1, 2}) == value_identity({2, 1, 3})
    assert value_identity((1, [2])) == value_identity([1, (2,)])
    with pytest.raises(SemphaseError, match=r"^a value of the type generator cannot be part of a store key"):
        value_identity(i for i in "ab")
