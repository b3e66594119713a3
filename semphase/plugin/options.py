"""The command line: options of the group "semphase", and the run settings they amount to."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from semphase.study.settings import RunSettings

DEFAULT_MODEL = "tiny"
DEFAULT_OUT = "reports/latest"
_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12,
          "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}  # fmt: skip


def add_options(parser: pytest.Parser) -> None:
    """Declare every option of the plugin."""
    group = parser.getgroup("semphase", "semphase: claims about language models")
    add = group.addoption
    add("--model", action="append", metavar="NAME", help="model to judge, repeatable (default: tiny)")
    add("--device", default="auto", type=_device, help="auto, cpu, cuda or mps (default: auto)")
    add("--corpus", metavar="NAME|PATH", help="wikitext-2, ultrachat, grammar, pydoc or a UTF-8 text file")
    add("--lexicon", action="append", metavar="PATH", help="lexicon file, repeatable")
    add("--budget", choices=("quick", "standard", "full"), default="standard", help="how much to measure")
    add("--claims", action="append", metavar="GLOB", help="run only claims whose id matches, repeatable")
    add("--out", metavar="DIR", help=f"where the report goes (default: {DEFAULT_OUT})")
    add("--store", metavar="DIR", help="where measurements are kept (default: the user's cache)")
    add("--seed", type=_seed, metavar="N", help="seed of every random choice (default: 0)")
    add("--dtype", choices=("float32", "float64", "bfloat16", "float16"), help="default: float32")
    add("--memory", type=_memory, metavar="SIZE", help="memory the measurements may use, e.g. 8GiB")
    add("--fail-inconclusive", action="store_true", help="an inconclusive verdict fails the run")
    add("--strict-expectations", action="store_true", help="any change of a recorded verdict fails the run")
    add("--accept", action="store_true", help=argparse.SUPPRESS)
    add("--verify", action="store_true", help="probe the precision first, repeat a sample on the CPU after")


def given(config: pytest.Config) -> bool:
    """Did the user say anything about models or data? Then it is checked before anything runs."""
    names = ("model", "corpus", "lexicon", "out", "store", "dtype", "memory")
    return config.getoption("device") != "auto" or any(config.getoption(name) for name in names)


def settings_of(config: pytest.Config) -> RunSettings:
    """The run settings; relative paths start at the folder where pytest was called."""
    from semphase.study.settings import RunSettings

    here = config.invocation_params.dir
    return RunSettings(
        models=tuple(dict.fromkeys(config.getoption("model") or [DEFAULT_MODEL])),
        device=config.getoption("device"),
        corpus=config.getoption("corpus"),
        lexicons=tuple(here / path for path in config.getoption("lexicon") or ()),
        budget=config.getoption("budget"),
        out=out_folder(config),
        store=_store_folder(config),
        seed=config.getoption("seed") or 0,
        dtype=config.getoption("dtype") or "float32",
        memory=config.getoption("memory"),
    )


def out_folder(config: pytest.Config) -> Path:
    """The folder of the report, absolute."""
    asked: str = config.getoption("out") or DEFAULT_OUT
    return (config.invocation_params.dir / asked).resolve()


def _store_folder(config: pytest.Config) -> Path:
    asked: str | None = config.getoption("store")
    if asked:
        return config.invocation_params.dir / asked
    from platformdirs import user_cache_path

    return user_cache_path("semphase", appauthor=False)


def _device(text: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?|mps", text):
        raise argparse.ArgumentTypeError(f"there is no device {text!r}: choose auto, cpu, cuda or mps")
    return text


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"a seed is a whole number from 0 to 2^32 - 1, not {text!r}")
    return int(text)


def _memory(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?", text.strip().lower())
    if match is None or float(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of memory: write it like 8GiB or 500MB")
    return int(float(match[1]) * _BYTES[match[2] or ""])
