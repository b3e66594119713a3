"""`--verify`: the precision probe before the claims, a sample of measurements repeated on the CPU after them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from semphase.errors import SemphaseError
from semphase.plugin.options import settings_of
from semphase.plugin.session import session_of

if TYPE_CHECKING:
    from semphase.study.settings import RunSettings


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the summary."""

    name: str
    found: str
    passed: bool

    def __str__(self) -> str:
        return f"{'PASS' if self.passed else 'FAIL'}  {self.name}: {self.found}"


class Verification:
    """Collects the checks of a verification run and gives it its exit code."""

    def __init__(self, config: pytest.Config) -> None:
        self.settings: RunSettings = settings_of(config)
        self.checks: list[Check] = []

    def pytest_sessionstart(self) -> None:
        """Refuse to measure on a device that does not keep the precision asked for."""
        from semphase.study.repetition import check_precision

        try:
            self.checks.append(Check("precision probe", *check_precision(self.settings)))
        except SemphaseError as problem:
            raise pytest.UsageError(str(problem)) from None

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
        """Repeat the sample once the claims are judged."""
        from semphase.study.repetition import repeat_samples

        passed = exitstatus == pytest.ExitCode.OK
        self.checks.append(Check("claims", "as expected" if passed else "see the verdicts above", passed))
        for name in self.settings.models:
            try:
                repeated = repeat_samples(self.settings, name, self._sampled(session))
                self.checks += [Check(f"{name} on the CPU, {what}", *found) for what, found in repeated]
            except SemphaseError as problem:
                self.checks.append(Check(f"{name} on the CPU", str(problem), passed=False))
        if session.exitstatus == pytest.ExitCode.OK and not all(check.passed for check in self.checks):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _sampled(self, session: pytest.Session) -> dict[str, list[str]]:
        """By model, the facets that this run's claims used and that declare samples."""
        found: dict[str, dict[str, None]] = {}
        for told in session_of(session.config).told.values():
            for label, facets in told["sampled"].items():
                found.setdefault(label, {}).update(dict.fromkeys(facets))
        return {label: list(facets) for label, facets in found.items()}

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the summary."""
        terminalreporter.section("verification")
        for check in self.checks:
            terminalreporter.write_line(str(check), green=check.passed, red=not check.passed)
