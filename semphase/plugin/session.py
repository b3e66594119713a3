"""One pytest session: its settings, the studies it opens, and what every worker told of its claims."""

from __future__ import annotations

import gc
import sys
import time
import uuid
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from semphase.errors import SemphaseError
from semphase.plugin import options
from semphase.plugin.roles import assigned, name_of
from semphase.report.save import check_place, staging_folder
from semphase.verdict.claim import TEXT

if TYPE_CHECKING:
    from semphase.cluster.connecting import Cluster
    from semphase.report.schema import VerificationForm
    from semphase.report.strength import Reach
    from semphase.study.settings import RunSettings


def session_of(config: pytest.Config) -> Session:
    """The session that the plugin registered with this configuration."""
    session = config.pluginmanager.get_plugin("semphase-session")
    assert isinstance(session, Session)
    return session


class Session:
    """The state of a run. In an xdist worker it opens studies only; the controller gathers.

    `told` holds what each judged claim reported, by id and model; `notices` and `problems` go into the report,
    `refusals` are reasons why nothing ran. `roles` are those of all collected claims, `family` holds all claims that
    could have been judged. `reads` is the data that each model reads. `prepared` says that nothing speaks against the run,
    `verification` is what `--verify` concluded.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.worker: dict[str, Any] | None = getattr(config, "workerinput", None)
        self.run_id: str = self.worker["semphase_run"] if self.worker else uuid.uuid4().hex[:12]
        self.started = datetime.now(UTC)
        self.clock = time.monotonic()
        self.told: dict[tuple[str, str | None], dict[str, Any]] = {}
        self.collected: int | None = None
        self.notices: list[str] = []
        self.problems: list[str] = []
        self.refusals: list[str] = []
        self.roles: set[str] = set()
        self.family: dict[str, Reach] = {}
        self.uses: Counter[str] = Counter()
        self.reads: Mapping[str, tuple[Any, ...]] = {}
        self.prepared = False
        self.verification: VerificationForm | None = None
        self.cluster: Cluster | None = None

    @cached_property
    def settings(self) -> RunSettings:
        """The options of the run, once the roles of its models are known."""
        given = options.given_models(self.config)
        names = dict.fromkeys(name_of(model, self.roles) for model in given)
        return options.settings_of(self.config, names, assigned(given, self.roles))

    @property
    def staging(self) -> Path:
        """Where figures wait until the report is complete."""
        return staging_folder(options.out_folder(self.config), self.run_id)

    @property
    def restored(self) -> int:
        """How many verdicts were those of earlier runs."""
        return sum(told["restored"] for told in self.told.values())

    def prepare(self, claims: int, uses: Iterable[str], reads: Mapping[str, tuple[Any, ...]]) -> None:
        """Check what the collected tests need, unless they are only listed.

        `uses` are the models of each test, one after the other; `reads` is the data that each model is to read.
        """
        self.collected = claims
        self.uses.update(uses)
        self.reads = reads
        if self.config.option.collectonly:
            return
        self._check(reads)
        self.prepared = True
        if self.worker is not None:
            self.config.workeroutput["semphase_roles"] = sorted(self.roles)  # type: ignore[attr-defined]
            self.config.workeroutput["semphase_family"] = self.family  # type: ignore[attr-defined]

    @contextmanager
    def refusing(self, items: list[pytest.Item]) -> Iterator[None]:
        """Leave a refusal to the controller: a worker cannot stop the run, so it drops its tests."""
        try:
            yield
        except pytest.UsageError as refusal:
            if self.worker is None:
                raise
            items.clear()
            self.config.workeroutput["semphase_refusal"] = str(refusal)  # type: ignore[attr-defined]

    def open(self, given: Iterable[str]) -> Any:
        """Open the study of these models, when those that no later test needs, and others' copies, have left the memory."""
        from semphase.study import close_studies, open_study

        names = tuple(name_of(model, self.roles) for model in given)
        _forget_last_error()
        close_studies(keep={*names, *(name for name, tests in self.uses.items() if tests > 0)}, using=names)
        study = open_study(self.settings, names, [name for name in names if TEXT in self.reads.get(name, ())])
        if self.cluster is not None:
            for own in study.each:
                self.cluster.serve(own)
        return study

    def done(self, models: Iterable[str]) -> None:
        """A test of these models is over."""
        self.uses.subtract(models)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather; of a test that ran again only the last run counts."""
        told = getattr(report, "semphase", None)
        if told is not None and self.worker is None:
            self.told[told["entry"]["id"], told["entry"]["model"]] = told

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str) -> None:
        """Say which test took a worker down: it has no entry."""
        self.problems.append(f"{crashitem} crashed its worker and is missing from the report")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what only a worker can know: a refusal, the roles of the claims that it collected, and their family."""
        output = getattr(node, "workeroutput", {})
        self.roles.update(output.get("semphase_roles", ()))
        self.family.update(output.get("semphase_family", {}))
        refusal = output.get("semphase_refusal")
        if refusal is not None and refusal not in self.refusals:
            self.refusals.append(refusal)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self) -> Generator[None, Any, Any]:
        """Let others see what refers to what: here Hypothesis imports itself, and asks that of trio's random numbers."""
        if not self.prepared:
            return (yield)
        gc.unfreeze()
        try:
            return (yield)
        finally:
            gc.freeze()

    def _check(self, reads: Mapping[str, tuple[Any, ...]]) -> None:
        from semphase.plugin.expectations import check_records, require_recordable

        try:
            check_records(self.config.rootpath)
            if options.value(self.config, "accept"):
                require_recordable(self.config.rootpath)
            options.require_folder(self.config)
            check_place(self.settings.out, self.config.invocation_params.dir)
            if reads:
                with _importing():
                    from semphase.study import check_settings
                check_settings(self.settings, reads)
                self.cluster = self.cluster or self._connected()
            elif options.value(self.config, "store"):
                from semphase.store import opened

                opened(self.settings.store, self.settings.remote).require_usable()
        except SemphaseError as problem:
            raise pytest.UsageError(options.as_typed(self.config, str(problem))) from None

    def _connected(self) -> Cluster | None:
        """The cluster that --scheduler named."""
        address: str | None = options.value(self.config, "scheduler")
        if not address:
            return None
        from semphase.cluster.connecting import connected
        from semphase.store import opened

        return connected(address, self.settings.device, opened(self.settings.store, self.settings.remote))

    def leave_cluster(self) -> None:
        """Leave the cluster, and say what it could not take."""
        if self.cluster is not None:
            self.cluster.close()
            self.notices += [
                f"{name} was measured here and not on the cluster, since it holds what cannot be sent: {reason}"
                for name, reason in self.cluster.kept_here.items()
            ]


@contextmanager
def _importing() -> Iterator[None]:
    """The block imports torch and what stands on it, which stays until the end.

    Looking through a million new objects for garbage takes a sixth of that time, and as long again each time that a
    study is let go.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()


def _forget_last_error() -> None:
    """Drop the traceback that pytest keeps for a debugger: its frames hold the study of the test that broke."""
    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        vars(sys).pop(name, None)
