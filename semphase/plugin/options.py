"""The command line: options of the group "semphase", and the run settings they amount to.

Every option is `--semphase-NAME`, so that no project breaks by having this package installed;
`semphase.plugin.short` adds the names without the prefix.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from semphase.data.corpus.sources import SOURCES
from semphase.errors import SemphaseError
from semphase.files import is_folder, place, short
from semphase.models.packaged import lexicon_names, lexicon_path
from semphase.plugin.reading import beginnings
from semphase.plugin.roles import role_in

if TYPE_CHECKING:
    from semphase.study.settings import RunSettings

PREFIX = "semphase-"
SHORT_NAMES = "semphase.plugin.short"
DEFAULT_MODEL = "tiny"
DEFAULT_OUT = "reports/latest"
FILE = "file://"
_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12,
          "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}  # fmt: skip


def add_options(parser: pytest.Parser) -> None:
    """Declare every option of the plugin under its full name."""
    add = parser.getgroup("semphase", "semphase: claims about language models").addoption
    for name, attributes in _options().items():
        add(f"--{PREFIX}{name}", dest=_destination(name), **attributes)


def add_short_names(parser: pytest.Parser) -> None:
    """Declare every option once more, without the prefix.

    Raises pytest.UsageError for a name that another plugin or conftest has declared.
    """
    add = parser.getgroup("semphase-short", "semphase: the same options by their short names").addoption
    for name, attributes in _options().items():
        told = attributes["help"] if attributes["help"] == argparse.SUPPRESS else f"the same as --{PREFIX}{name}"
        try:
            add(f"--{name}", dest=_destination(name), **attributes | {"help": told})
        except (argparse.ArgumentError, ValueError):
            raise pytest.UsageError(
                f"{SHORT_NAMES} cannot add --{name}, which this project or one of its plugins has already: "
                f"take {SHORT_NAMES!r} out of pytest_plugins and write --{PREFIX}{name}."
            ) from None


def value(config: pytest.Config, name: str) -> Any:
    """What the user gave for the option of this name, or its default."""
    return config.getoption(_destination(name))


def as_typed(config: pytest.Config, sentence: str) -> str:
    """The sentence with the options that it names as this project must write them."""
    if config.pluginmanager.hasplugin(SHORT_NAMES):
        return sentence
    names = "|".join(map(re.escape, _options()))
    return re.sub(rf"(?<![\w-])--({names})(?![\w-])", rf"--{PREFIX}\1", sentence)


def explores(config: pytest.Config) -> bool:
    """Are claims judged in their universes? At standard and full, unless the command says otherwise."""
    asked: bool | None = value(config, "universes")
    return value(config, "budget") != "quick" if asked is None else asked


def archives(config: pytest.Config) -> bool:
    """Is the run put into an archive? With --verify, unless the command says otherwise."""
    asked: bool | None = value(config, "archive")
    return bool(value(config, "verify")) if asked is None else asked


def stands_by_itself(config: pytest.Config) -> bool:
    """Is each verdict judged in this very run, which checks, records or archives it?"""
    return archives(config) or any(value(config, name) for name in ("verify", "accept", "sealed"))


def given_models(config: pytest.Config) -> tuple[str, ...]:
    """What follows each `--model`, such as `gpt2` or `base=gpt2`, without repeats."""
    return tuple(dict.fromkeys(value(config, "model") or [DEFAULT_MODEL]))


def settings_of(config: pytest.Config, models: Iterable[str], roles: Iterable[tuple[str, str]] = ()) -> RunSettings:
    """The run settings for these models; relative paths start at the folder where pytest was called."""
    from semphase.study.settings import RunSettings

    here = config.invocation_params.dir
    return RunSettings(
        models=tuple(models),
        device=value(config, "device"),
        corpus=value(config, "corpus"),
        lexicons=tuple(lexicon_path(name, here) for name in value(config, "lexicon") or ()),
        budget=value(config, "budget"),
        out=out_folder(config),
        store=store_folder(config),
        seed=value(config, "seed") or 0,
        dtype=value(config, "dtype") or "float32",
        memory=value(config, "memory"),
        roles=tuple(roles),
        prompts=tuple(here / path for path in value(config, "prompts") or ()),
        bos=value(config, "bos") or "default",
        sealed=value(config, "sealed") or "",
        remote=store_url(config),
    )


def out_folder(config: pytest.Config) -> Path:
    """The folder of the report, absolute."""
    asked: str = value(config, "out") or DEFAULT_OUT
    # Path.resolve raises for a link to itself.
    return Path(os.path.realpath(config.invocation_params.dir / place(asked)))


def require_folder(config: pytest.Config) -> None:
    """SemphaseError where --out names none on this machine."""
    asked: str = value(config, "out") or ""
    if "://" in asked:
        raise SemphaseError(f"--out {asked} is a URL, and a report is written to a folder: choose a folder")
    if out_folder(config).is_symlink():
        raise SemphaseError(f"--out {asked} is a link that leads to itself: choose another folder")


def store_folder(config: pytest.Config) -> Path:
    """The folder of measurements; that in which they are kept here, where --store is a URL."""
    asked: str | None = value(config, "store")
    if url := store_url(config):
        from semphase.mirrors import mirror

        return mirror(url)
    if asked:
        return config.invocation_params.dir / (unquote(asked[len(FILE) :]) if asked.startswith(FILE) else place(asked))
    from platformdirs import user_cache_path

    return user_cache_path("semphase", appauthor=False)


def store_url(config: pytest.Config) -> str:
    """The URL of measurements, or nothing where they are in a folder, which file:// names as well."""
    asked: str = value(config, "store") or ""
    return asked if "://" in asked and not asked.startswith(FILE) else ""


def known_places(config: pytest.Config) -> list[str]:
    """How the paths begin where nothing lies but what verdicts are named by: in the store, in caches, with models."""
    from platformdirs import user_cache_path, user_config_path

    named = [place(role_in(name)[1]) for name in given_models(config)]
    models = [
        path for path in named if is_folder(path) and path.resolve() not in (config.rootpath, *config.rootpath.parents)
    ]
    store = store_folder(config)
    caches = [user_cache_path(name) for name in ("semphase", "matplotlib", "huggingface", "fontconfig")]
    folders = [store / "figures", store / "verdicts", *caches, user_config_path("matplotlib"), *models]
    return [*beginnings(folders), f"{store.absolute()}{os.sep}format-"]


def _options() -> dict[str, dict[str, Any]]:
    """What argparse is told of each option, by its short name."""
    several: dict[str, Any] = {"action": "append", "type": _told}
    switch: dict[str, Any] = {"action": "store_true"}
    return {
        "model": several
        | {"metavar": "[ROLE=]NAME", "help": "model to judge, repeatable; base=NAME where a claim has roles: tiny"},
        "device": {"default": "auto", "type": _device, "help": "auto, cpu, cuda or mps (default: auto)"},
        "corpus": {"type": _told, "metavar": "NAME|PATH", "help": f"{', '.join(SOURCES)} or a UTF-8 text file"},
        "lexicon": several
        | {"metavar": "NAME|PATH", "help": f"{', '.join(lexicon_names())} or a lexicon file, repeatable"},
        "prompts": several
        | {"metavar": "PATH", "help": "file with a prompt set that replaces a claim's own, repeatable"},
        "budget": {"choices": ("quick", "standard", "full"), "default": "standard", "help": "how much to measure"},
        "claims": several | {"metavar": "GLOB", "help": "run only claims whose id matches, repeatable"},
        "universes": {"action": "store_const", "const": True}
        | {"help": "judge each claim by other defensible analyses as well (default: at standard and full)"},
        "no-universes": {"action": "store_const", "const": False, "help": "judge by the registered analysis alone"},
        "out": {"type": _told, "metavar": "DIR", "help": f"where the report goes (default: {DEFAULT_OUT})"},
        "store": {"type": _told, "metavar": "DIR|URL"}
        | {"help": "where measurements are kept (default: the user's cache)"},
        "seed": {"type": _seed, "metavar": "N", "help": "seed of every random choice (default: 0)"},
        "dtype": {"choices": ("float32", "float64", "bfloat16", "float16"), "help": "default: float32"},
        "bos": {
            "choices": ("default", "yes", "no"),
            "help": "read texts with a BOS token in front (default: as the tokenizer)",
        },
        "memory": {"type": _memory, "metavar": "SIZE", "help": "memory the measurements may use, e.g. 8GiB"},
        "scheduler": {"metavar": "ADDRESS", "help": "Dask scheduler whose workers measure, e.g. tcp://host:8786"},
        "fail-inconclusive": switch | {"help": "an inconclusive verdict fails the run"},
        "strict-expectations": switch | {"help": "any change of a recorded verdict fails the run"},
        "accept": switch | {"help": argparse.SUPPRESS},
        "afresh": switch | {"help": "judge every claim anew, also where the store has its verdict"},
        "archive": {"action": "store_const", "const": True}
        | {"help": "put the report and all that its verdicts rest on into archive.zip (default: with --verify)"},
        "no-archive": {"action": "store_const", "const": False, "help": "write no archive, even with --verify"},
        "sealed": {"metavar": "DEVICE", "help": argparse.SUPPRESS},
        "verify": switch | {"help": "plan and precision probe first, checks after, which decide the exit code"},
    }


def _destination(name: str) -> str:
    return f"semphase_{name.removeprefix('no-').replace('-', '_')}"


def _told(text: str) -> str:
    """What an unset variable makes of an option is not taken for its default; nor is what no disk can be asked about."""
    if not text.strip():
        raise argparse.ArgumentTypeError("nothing is given: name something, or leave the option out")
    try:
        Path(text).exists()
    except OSError as problem:
        raise argparse.ArgumentTypeError(f"{short(text)} cannot be looked up: {problem.strerror}") from None
    return text


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
