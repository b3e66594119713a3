"""The end of a session: the report is written, verdicts are recorded and shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from semphase.errors import SemphaseError
from semphase.plugin import options
from semphase.plugin.session import Session

if TYPE_CHECKING:
    from semphase.report.schema import Document


class Ending:
    """Writes the report of what a session's claims told, and shows it on the terminal."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.document: Document | None = None
        self.written = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
        """Write the report, and the record if verdicts are accepted; a failure to write fails the run."""
        ours = self.session
        ours.leave_cluster()
        if ours.refusals:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        if ours.worker is not None or not ours.told or ours.refusals:
            return
        cut = bool(session.shouldstop or session.shouldfail) and len(ours.told) != ours.collected
        if cut or exitstatus == pytest.ExitCode.INTERRUPTED:
            ours.notices.append("interrupted: the run ended before all claims were judged")
        self._write()
        if ours.problems and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the verdicts."""
        ours = self.session
        if self.document is not None:
            from semphase.report.console import lines

            writer = terminalreporter._tw
            terminalreporter.write_sep("=", "verdicts")
            for line in lines(self.document, writer.fullwidth, writer.hasmarkup):
                terminalreporter.write_line(line)
        if ours.restored:
            terminalreporter.write_line(options.as_typed(ours.config, _restored(ours)))
        if self.written:
            terminalreporter.write_line(f"report: {ours.settings.out}/report.html")
            for line in _archived(ours):
                terminalreporter.write_line(line)
        for problem in ours.refusals + ours.problems:
            terminalreporter.write_line(f"ERROR: {problem}", red=True)

    def _write(self) -> None:
        from semphase.plugin.writing import accept, gather, write

        try:
            if options.value(self.session.config, "accept"):
                accept(self.session)
            self.document = gather(self.session)
            write(self.document, self.session)
            self.written = True
        except SemphaseError as problem:
            self.session.problems.append(options.as_typed(self.session.config, str(problem)))


def _restored(session: Session) -> str:
    return (
        f"{session.restored} of {len(session.told)} verdicts from the store: same code, data and settings; "
        "--afresh judges again"
    )


def _archived(session: Session) -> Iterator[str]:
    """Where the archive lies, how large it is, and the hash by which others know it."""
    from semphase.plugin.archiving import archiving_of
    from semphase.report.save import ARCHIVE

    archiving = archiving_of(session.config)
    if archiving is not None and (found := archiving.written) is not None:
        place = f"{session.settings.out}/{ARCHIVE}"
        yield f"archive: {place}, {found.files} files, {found.size / 1e6:.1f} MB, SHA-256 {found.sha256}"
