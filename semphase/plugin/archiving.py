"""`--archive`: what a run used and found, gathered while it runs and packed when its report is there.

What packs is imported then: a run without a claim, which the option is given to as well, imports nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from semphase.data.corpus.sources import SOURCES
from semphase.files import is_there, place
from semphase.models.catalogue import CATALOGUE
from semphase.plugin import options
from semphase.plugin.collect import claim_of
from semphase.plugin.depends import files_behind_all
from semphase.plugin.roles import role_in

if TYPE_CHECKING:
    from semphase.plugin.session import Session
    from semphase.report.archive import Written
    from semphase.report.schema import Document, Run
    from semphase.study.settings import RunSettings
    from semphase.verdict import Verdict

PLUGIN = "semphase-archiving"
DATA = "data"
GENERATED = ("grammar", "pydoc")
"""The corpora that anybody may pass on: one is made here, the other comes with Python."""
_LOCK = "requirements.lock"


class Archiving:
    """Gathers the measurements, samples and files of a run; workers tell theirs to the controller."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.measurements: set[str] = set()
        self.samples: dict[tuple[str, str | None], list[list[float]]] = {}
        self.tests: set[Path] = set()
        self.files: set[Path] = set()
        self.written: Written | None = None

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Claims count with all of their file, also those that are not chosen."""
        if claim_of(item) is not None:
            self.tests.add(item.path)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take over what a claim read and what its units deviate by; of a test that ran again all that it read."""
        told = getattr(report, "semphase", None)
        if told is not None and self.session.worker is None:
            self.measurements.update(told["measurements"])
            if told["deviations"]:
                self.samples[told["entry"]["id"], told["entry"]["model"]] = told["deviations"]

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """The project's files are known when all tests have run."""
        self.files |= set(files_behind_all(self.tests))
        if self.session.worker is not None:
            told = sorted(map(str, self.files)), sorted(map(str, self.tests))
            self.session.config.workeroutput["semphase_files"] = told  # type: ignore[attr-defined]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over the files of a worker."""
        files, tests = getattr(node, "workeroutput", {}).get("semphase_files", ((), ()))
        self.files.update(map(Path, files))
        self.tests.update(map(Path, tests))

    def pack(self, document: Document, report: Mapping[str, str]) -> None:
        """Write the archive into the folder where the report is staged; SemphaseError where the disk refuses."""
        from semphase.report.archive import write_archive
        from semphase.report.save import ARCHIVE

        contents = {f"report/{name}": text.encode(errors="replace") for name, text in report.items()}
        self.written = write_archive(
            self.session.staging / ARCHIVE, document, {**contents, **dict(self._contents(document))}
        )

    def _contents(self, document: Document) -> Iterator[tuple[str, bytes | Path]]:
        from semphase.report.archive import SAMPLES, SETTINGS, samples_form

        settings, staging = self.session.settings, self.session.staging
        for path in sorted((staging / "figures").rglob("*.png")):
            yield f"report/{path.relative_to(staging).as_posix()}", path
        for name in sorted(self.measurements):
            yield f"store/{name}", settings.store / name
            checksum = Path(name).with_suffix(".sha256")
            yield f"store/{checksum.as_posix()}", settings.store / checksum
        for path in self._project():
            yield f"project/{path.relative_to(self._root).as_posix()}", path
        yield from _data(settings, document["run"])
        yield SAMPLES, samples_form(self.samples)
        yield SETTINGS, json.dumps(self._settings(document), indent=1, ensure_ascii=False).encode(errors="replace")
        yield "environment.txt", _environment()

    @property
    def _root(self) -> Path:
        return self.session.config.rootpath

    def _project(self) -> list[Path]:
        """Claims with their registries, what of the project they import, and its settings."""
        from semphase.verdict import registry

        beside = {registry.beside(test) for test in self.tests}
        own = {*self.tests, *self.files, *beside, self._root / _LOCK, *filter(None, [self.session.config.inipath])}
        return sorted(path for path in own if path.is_relative_to(self._root) and path.is_file())

    def _settings(self, document: Document) -> dict[str, Any]:
        """What judging the claims again takes."""
        config, settings, run = self.session.config, self.session.settings, document["run"]
        ini, corpus = config.inipath, (run["corpus"] or {}).get("name")
        return {
            "format": 1,
            "models": [_absolute(name) for name in options.given_models(config)],
            "device": run["device"],
            "dtype": settings.dtype,
            "bos": settings.bos,
            "seed": settings.seed,
            "budget": settings.budget,
            "memory": settings.memory,
            "universes": options.explores(config),
            "corpus": settings.corpus and _absolute(settings.corpus) if corpus not in SOURCES else corpus,
            "lexicon": f"{DATA}/lexicon.toml" if run["lexicon"] else None,
            "prompts": list(_prompts(settings)),
            "claims": sorted({entry["id"] for entry in document["claims"]}),
            "files": sorted(test.relative_to(self._root).as_posix() for test in self.tests if self._inside(test)),
            "inifile": ini.relative_to(self._root).as_posix() if ini is not None and self._inside(ini) else None,
            "importmode": config.getoption("importmode"),
        }

    def _inside(self, path: Path) -> bool:
        return path.is_relative_to(self._root)


def for_archive(study: Any, verdict: Verdict | None) -> dict[str, Any]:
    """Of a claim: the store's entries that were used since the last one, and what the units of its estimate deviate by.

    Entries are seen from the store's folder; what broke while it was measured is not there.
    """
    from semphase.verdict.plain import plain

    stores = [own.store for own in getattr(study, "each", ())]
    used = [(store.root, path) for store in stores for path in store.take_used() if path.exists()]
    sampling = verdict.estimate.sampling if verdict is not None and verdict.estimate is not None else None
    return {
        "measurements": [path.relative_to(root).as_posix() for root, path in used],
        "deviations": plain(sampling.deviations) if sampling is not None else [],
    }


def archiving_of(config: pytest.Config) -> Archiving | None:
    """What gathers for the archive; None where none is asked for."""
    found: Archiving | None = config.pluginmanager.get_plugin(PLUGIN)
    return found


def _data(settings: RunSettings, run: Run) -> Iterator[tuple[str, bytes | Path]]:
    """The lexicon and the prompts, and of the text what may be passed on; its hash is in the report."""
    from semphase.data import lexicon
    from semphase.study.given import corpus_of, lexicon_of

    if run["lexicon"]:
        yield f"{DATA}/lexicon.toml", lexicon.dump(lexicon_of(settings)).encode()
    if run["corpus"] and run["corpus"]["name"] in GENERATED:
        yield f"{DATA}/corpus.txt", corpus_of(settings)[0].text.encode()
    yield from zip(_prompts(settings), settings.prompts, strict=True)


def _prompts(settings: RunSettings) -> Iterator[str]:
    return (f"{DATA}/prompts/{number}-{path.name}" for number, path in enumerate(settings.prompts))


def _absolute(name: str) -> str:
    """A model or text by its name, or by a path that holds from everywhere."""
    role, own = role_in(name)
    path = place(own)
    if own in CATALOGUE or not is_there(path):
        return name
    return f"{role}={path.resolve()}" if role else str(path.resolve())


def _environment() -> bytes:
    """All installed packages, as pip would be told of them."""
    found = {f"{own.metadata['Name']}=={own.version}" for own in metadata.distributions()}
    return ("\n".join(sorted(found, key=str.lower)) + "\n").encode()
