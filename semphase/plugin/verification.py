"""`--verify`: a plan and the precision probe before the claims, the checks after them, which decide the exit code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pytest

from semphase.errors import SemphaseError
from semphase.plugin import checks
from semphase.plugin.checks import Check
from semphase.plugin.options import as_typed, value
from semphase.plugin.session import Session
from semphase.plugin.watch import Watch

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

DECIDABLE = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
"""Other exit codes say that pytest did not get through its tests; they stay."""


class Verification:
    """Collects the checks of a verification run and gives it its exit code."""

    def __init__(self, session: Session, watch: Watch) -> None:
        self.session = session
        self.watch = watch
        self.checks: list[Check] = []
        self.others: list[str] = []
        self.repeated: int | None = None
        """How many samples were compared; None where there was nothing to compare or no device but the CPU."""
        self.begun = False

    # Before the claims

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Show the plan, and refuse to measure on a device that does not keep the precision asked for."""
        if self.session.prepared:
            self._begin(session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: WorkerController) -> None:  # noqa: ARG002
        """The same when the first worker knows its claims."""
        if not self.begun:
            self._begin(())

    def _begin(self, items: Sequence[pytest.Item]) -> None:
        self.begun = True
        if self._measures:
            self._probe()
        if self.watch.plan:
            self._show_plan(items)

    def _probe(self) -> None:
        try:
            self.checks.append(self._precision("precision probe"))
        except SemphaseError as problem:
            raise pytest.UsageError(as_typed(self.session.config, str(problem))) from None

    def _precision(self, name: str) -> Check:
        from semphase.study.repetition import check_precision

        return Check(name, *check_precision(self.session.settings))

    def _probed_again(self) -> Iterator[Check]:
        """What lowers the precision while claims are measured and leaves it so has spoilt what came after it."""
        if not any(check.name == "precision probe" for check in self.checks):
            return
        name = "precision probe after the claims"
        try:
            yield self._precision(name)
        except SemphaseError as problem:
            yield Check(name, as_typed(self.session.config, str(problem)), passed=False)

    def _show_plan(self, items: Sequence[pytest.Item]) -> None:
        from semphase.plugin.planning import lines, rows
        from semphase.plugin.sizing import Sizes

        reporter = self._reporter
        if reporter is None:
            return
        reporter.section("plan of the verification")
        for line in lines(rows(self.watch.plan, Sizes(self.session, items).seconds), reporter._tw.fullwidth):
            reporter.write_line(line)
        for check in self.checks:
            reporter.write_line(f"first: {check}")
        for line in self._last(items):
            reporter.write_line(line)

    def _last(self, items: Sequence[pytest.Item]) -> list[str]:
        """What will be repeated, as far as is known: in workers' tests nobody here can look."""
        from semphase.plugin.sampling import declared

        if not self._measures:
            return []
        head = "last: repeated on the CPU in float32, of what the claims will have used"
        if not items:
            return [head]
        samples = declared({getattr(item, "module", None) for item in items})
        return [f"{head}:", *(f"  {sample}" for sample in samples)] if samples else []

    @property
    def _reporter(self) -> pytest.TerminalReporter | None:
        found: pytest.TerminalReporter | None = self.session.config.pluginmanager.get_plugin("terminalreporter")
        return found

    # Beside the claims

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what fails without being the verdict of a claim."""
        if report.failed and not hasattr(report, "semphase"):
            self.others.append(f"{report.nodeid} ({report.when})")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not be collected."""
        if report.failed:
            self.others.append(f"{report.nodeid} (collection)")

    # After the claims

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
        """Check what was judged, before the report is written; refuted claims alone fail nothing."""
        told = list(self.session.told.values())
        if not told:
            return
        decidable = exitstatus in DECIDABLE
        self.checks += self._judged()
        self.checks += self._probed_again()
        try:
            self.checks += self._repeated() if decidable else []
        except KeyboardInterrupt:
            self.checks.append(Check("repeated on the CPU", "interrupted", passed=False))
            session.exitstatus, decidable = pytest.ExitCode.INTERRUPTED, False
        self.session.verification = form = checks.verification_form(self.checks, told, self.repeated)
        if decidable:
            session.exitstatus = pytest.ExitCode.OK if form["passed"] else pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the summary."""
        form = self.session.verification
        if form is None:
            return
        from semphase.report.wording import conclusion, finding_lines

        terminalreporter.section("verification")
        for check in self.checks:
            terminalreporter.write_line(str(check), green=check.passed, red=not check.passed)
        for line in finding_lines(form):
            terminalreporter.write_line(line)
        told = f"verification: {conclusion(form, 'PASS', 'FAIL')}"
        terminalreporter.write_line(told, bold=True, green=form["passed"], red=not form["passed"])

    def _judged(self) -> Iterator[Check]:
        told, config = list(self.session.told.values()), self.session.config
        yield checks.all_judged(len(told), len(self.watch.plan) or self.session.collected)
        yield checks.nothing_broken(told)
        yield checks.as_expected(told, strict=value(config, "strict-expectations"))
        if value(config, "fail-inconclusive"):
            yield checks.all_decided(told)
        if self.others:
            yield Check("other tests", f"failed: {', '.join(self.others)}", passed=False)

    def _repeated(self) -> Iterator[Check]:
        from semphase.models.device import resolve

        used, counted = self._used(), self._measures and resolve(self.session.settings.device).type != "cpu"
        self.repeated = 0 if counted else None
        if not used:
            yield Check("repeated on the CPU", "nothing that was measured declares a sample", passed=True)
            return
        for name in self.session.settings.models:
            for check in self._repeat(name, used):
                self.repeated = None if self.repeated is None else self.repeated + 1
                yield check

    @property
    def _measures(self) -> bool:
        """Does the run measure a model?"""
        return any(own.models for own in self.watch.plan)

    def _used(self) -> dict[str, list[str]]:
        """By model, what declares samples of the facets that this run's claims used."""
        found: dict[str, dict[str, None]] = {}
        for told in self.session.told.values():
            for label, facets in told["sampled"].items():
                found.setdefault(label, {}).update(dict.fromkeys(facets))
        return {label: list(facets) for label, facets in found.items()}

    def _repeat(self, name: str, used: dict[str, list[str]]) -> Iterator[Check]:
        """Whatever goes wrong here is a failed check: the verdicts are judged, and their report is to be written."""
        from semphase.plugin.running import sentence
        from semphase.study.repetition import repeat_samples

        try:
            for what, found in repeat_samples(self.session.settings, name, used):
                yield Check(f"{name} on the CPU, {what}", *found)
        except Exception as problem:
            yield Check(f"{name} on the CPU", as_typed(self.session.config, sentence(problem)), passed=False)
