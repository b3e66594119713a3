"""One pytest session: opens studies, gathers entries from every worker, reports at the end."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import pytest

from semphase import progress
from semphase.errors import SemphaseError
from semphase.plugin import options
from semphase.report.save import check_place, staging_folder

if TYPE_CHECKING:
    from semphase.report.schema import Document
    from semphase.study.settings import RunSettings


def session_of(config: pytest.Config) -> Session:
    """The session that the plugin registered with this configuration."""
    session = config.pluginmanager.get_plugin("semphase-session")
    assert isinstance(session, Session)
    return session


class Session:
    """The state of a run. In an xdist worker it opens studies only; the controller gathers and writes.

    `told` holds what each judged claim reported, by id and model; `notices` and `problems` go into the
    report, `refusals` are reasons why nothing ran.
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
        self.document: Document | None = None
        self.written = False
        self.terminal: TextIO | None = None
        self.checked = options.given(config)
        if self.checked and self.worker is None:
            self.check()

    @cached_property
    def settings(self) -> RunSettings:
        """The options of the run."""
        return options.settings_of(self.config)

    @property
    def staging(self) -> Path:
        """Where figures wait until the report is complete."""
        return staging_folder(options.out_folder(self.config), self.run_id)

    def check(self) -> None:
        """Refuse what cannot run before anything does; raises pytest.UsageError."""
        from semphase.plugin.expectations import check_records
        from semphase.study import check_settings

        self.checked = True
        try:
            check_records(self.config.rootpath)
            check_place(self.settings.out, self.config.invocation_params.dir)
            check_settings(self.settings)
        except SemphaseError as problem:
            raise pytest.UsageError(str(problem)) from None

    def prepare(self, claims: int) -> None:
        """Check what is not checked yet and show progress on the terminal, once claims are collected."""
        self.collected = claims
        if not self.checked and not self.config.option.collectonly:
            self.check()
        if self.worker is None and self.terminal is None:
            self.terminal = os.fdopen(os.dup(2), "w")
            progress.show_on(self.terminal)

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

    def open(self, names: tuple[str, ...]) -> Any:
        """Open the study of these models."""
        from semphase.study import open_study

        return open_study(self.settings, names)

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
        """Take over a worker's refusal."""
        refusal = getattr(node, "workeroutput", {}).get("semphase_refusal")
        if refusal is not None and refusal not in self.refusals:
            self.refusals.append(refusal)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
        """Write the report, and the record if verdicts are accepted; a failure to write fails the run."""
        if self.refusals:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        if self.worker is not None or not self.told or self.refusals:
            return
        from semphase.plugin.writing import accept, gather, write

        cut = bool(session.shouldstop or session.shouldfail) and len(self.told) != self.collected
        if cut or exitstatus == pytest.ExitCode.INTERRUPTED:
            self.notices.append("interrupted: the run ended before all claims were judged")
        try:
            if self.config.getoption("accept"):
                accept(self)
            self.document = gather(self)
            write(self.document, self)
            self.written = True
        except SemphaseError as problem:
            self.problems.append(str(problem))
        if self.problems and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the verdicts."""
        if self.document is not None:
            from semphase.report.console import show

            show(self.document, terminalreporter)
        if self.written:
            terminalreporter.write_line(f"report: {self.settings.out}/report.html")
        for problem in self.refusals + self.problems:
            terminalreporter.write_line(f"ERROR: {problem}", red=True)

    def pytest_unconfigure(self) -> None:
        """Give the terminal back."""
        if self.terminal is not None:
            progress.show_on(None)
            self.terminal.close()
