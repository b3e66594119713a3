"""The conftest of the plugin's test projects: a study and models that cost nothing."""

import sys
import types
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import semphase.study
from semphase.data.corpus.sources import SOURCES
from semphase.errors import NotApplicable, SemphaseError

pytest_plugins = ["semphase.plugin.short"]

LAYERS = {"tiny": 6, "tiny-deep": 12, "gpt2": 12, "gpt2-medium": 24}
REPORTED = ("name", "family", "layers", "heads", "d_model", "parameters", "sha256")


@dataclass
class Model:
    name: str
    family: str = "gpt2"
    heads: int = 4
    d_model: int = 64
    parameters: int = 1000

    @property
    def sha256(self):
        return self.name

    @property
    def layers(self):
        return LAYERS[self.name]


def lexicon():
    return types.SimpleNamespace(words=("bank", "spring"), sha256="ab12")


def corpus():
    return types.SimpleNamespace(name="grammar", sha256="cd34")


@dataclass
class Study:
    names: tuple
    settings: object
    roles: dict
    lexicon: object = field(default_factory=lexicon)
    corpus: object = field(default_factory=corpus)

    @property
    def budget(self):
        from semphase.study.budget import BUDGETS

        return BUDGETS[self.settings.budget]

    @property
    def models(self):
        return tuple(Model(name) for name in self.names)

    @property
    def twins(self):
        return next((pair for pair in combinations(self.names, 2) if pair[0] == pair[1]), None)

    def __getitem__(self, role):
        return Study((self.roles[role],), self.settings, {})

    @property
    def label(self):
        return "+".join(self.names)

    def provenance(self):
        return {
            "models": [{key: getattr(model, key) for key in REPORTED} for model in self.models],
            "corpus": {"name": "grammar", "sha256": "cd34", "tokens": 1000},
            "lexicon": {"sha256": "ab12", "words": 2},
            "device": "cpu",
            "precision": {"dtype": "float32", "matmul_mantissa_bits": 23},
            "notices": ["the corpus is generated"],
        }


def open_study(settings, names, reading=()):
    with Path("opened.txt").open("a") as log:
        log.write("+".join(names) + "\n")
    if "broken" in names:
        raise SemphaseError("the weights of broken are cut short: fetch them again")
    if "unfit" in names:
        raise NotApplicable("unfit cannot be studied here")
    roles = {role: name for role, name in settings.roles if name in names}
    return Study(names, settings, roles)


def close_studies(keep=(), using=None):
    with Path("kept.txt").open("a") as log:
        log.write("+".join(sorted(keep)) + "\n")


def check_settings(settings, reads):
    Path("reads.txt").write_text(repr(dict(reads)))
    Path("lexicons.txt").write_text("\n".join(map(str, settings.lexicons)))
    for name in reads:
        if name not in (*LAYERS, "broken", "unfit"):
            raise SemphaseError(f"there is no model {name!r}: tiny is one, see --model")
    if Path("refuse.txt").exists():
        raise SemphaseError("the packaged lexicon is damaged: install semphase again")


def _module(name, **content):
    module = types.ModuleType(name)
    module.__dict__.update(content)
    sys.modules[name] = module
    return module


vars(semphase.study).update(open_study=open_study, check_settings=check_settings, close_studies=close_studies)
SOURCES["grammar"] = lambda: "the dog sees the cat."
_module("semphase.models.device", resolve=lambda name: types.SimpleNamespace(type="cpu"))
