"""One claim test: what it needs, how its verdict becomes an outcome, what the report says of it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from semphase.data.prompts import Prompts
from semphase.errors import NotApplicable, SemphaseError
from semphase.machine import hardware
from semphase.plugin import durations, expectations
from semphase.plugin.archiving import for_archive
from semphase.plugin.collect import claim_of, label_of, unfilled
from semphase.plugin.expectations import NO_CHOICE, Expected, RunKey
from semphase.plugin.known import Known, known_of
from semphase.plugin.measured_on import counted, measured_on
from semphase.plugin.needs import lacks, repeated
from semphase.plugin.options import archives, as_typed, value
from semphase.plugin.outcome import Decision, Rules, decide
from semphase.plugin.registered import registration_of
from semphase.plugin.session import session_of
from semphase.report import schema
from semphase.report.drawing import Drawn, draw
from semphase.report.properties import properties
from semphase.report.specification import specification, specification_curve
from semphase.study.substitutes import Substitutes
from semphase.verdict import Claim, Verdict
from semphase.verdict.judge import Judge
from semphase.verdict.plain import plain
from semphase.verdict.scope import scope_of

JUDGE = pytest.StashKey[Judge]()
UNFIT = pytest.StashKey[str]()
USED = pytest.StashKey[int]()
"""How many sets of prompts had been replaced in the run before the test."""
MEASURED = pytest.StashKey[float]()
"""Seconds that the study had measured before the test."""
FIGURES = pytest.StashKey[Drawn]()
ORIGIN = pytest.StashKey[dict[str, Any] | None]()
"""What the study said of itself when the test was over; None without a study of a model."""
RESTORED = pytest.StashKey[bool]()
"""Is the verdict one that was kept?"""
NOTICES = pytest.StashKey[list[str]]()
"""What the report is to say of the run besides, for the item's sake."""
UNIVERSE = pytest.StashKey[str]()
"""The universe in which the test broke."""
KEPT = pytest.StashKey[bool]()
"""Will the next run find the verdict?"""


WITHOUT_MODEL: dict[str, Any] = {"models": [], "corpus": None, "lexicon": None, "precision": None}
"""What a study without a model says of itself, for the circumstances of a verdict."""


@contextmanager
def skipping(item: pytest.Item) -> Iterator[None]:
    """Let pytest skip a test whose study lacks what the claim needs."""
    try:
        yield
    except NotApplicable as lack:
        item.stash[UNFIT] = reason = as_typed(item.config, str(lack))
        raise pytest.skip.Exception(reason, _use_item_location=True) from None


def require_roles(item: pytest.Item) -> None:
    """Raise NotApplicable when no model plays one of the roles of the item's claim."""
    lack = unfilled(item)
    if lack:
        raise NotApplicable(lack)


def require(item: pytest.Item) -> None:
    """Raise NotApplicable when the item's study offers less than its claim needs."""
    study = _study(item)
    item.stash[RESTORED] = item.stash[KEPT] = False
    item.stash[USED] = len(substitutes_of(item).used)
    item.stash[MEASURED] = _measuring(item)
    lack = lacks(_claim(item), study) if study is not None else ""
    if lack:
        item.stash[NOTICES] = [alike] if (alike := repeated(study)) else []
        raise NotApplicable(lack)


def require_verdict(item: pytest.Item) -> None:
    """After a test's body: insist on a verdict."""
    judge = item.stash.get(JUDGE, None)
    if judge is None or judge.verdict is None:
        raise SemphaseError(f"the test of {_claim(item).id} ended without a verdict: it must call judge once")


def finish(item: pytest.Item) -> None:
    """Draw the figures of a verdict, and its specification curve where universes were run."""
    claim, judge = _claim(item), item.stash[JUDGE]
    assert judge.verdict is not None
    session = session_of(item.config)
    place = (claim.id, _label(item), session.staging, session.settings.store / "figures")
    drawn = draw(judge.figures, judge.verdict.detail, *place)
    curve = draw([specification_curve], specification(judge.verdict), *place) if judge.verdict.universes else Drawn()
    item.stash[FIGURES] = Drawn(drawn.images | curve.images, drawn.notices + curve.notices)


def conclude(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Give the report of a claim test its outcome, and attach the entry that the session gathers."""
    decisive = call.when == "call" or (call.when == "setup" and call.excinfo is not None)
    if not decisive:
        return
    claim = _claim(item)
    item.stash[ORIGIN], lost = _origin(item)
    judge = item.stash.get(JUDGE, None)
    verdict = judge.verdict if judge is not None else None
    error = call.excinfo.value if call.excinfo is not None else lost
    unfit = item.stash.get(UNFIT, None) or _skipped(error)
    if unfit and verdict is not None:
        error = SemphaseError(f"its test gave a verdict and then said: {unfit}; judge, or say why not, not both")
    elif unfit:
        verdict, error = Verdict(claim, "not-applicable", reason=unfit), None
    if error is not None:
        _insist_on_failure(report)
    if isinstance(error, SemphaseError):
        report.longrepr = f"{claim.id}: {as_typed(item.config, str(error))}"
    if error is not None:
        kept = verdict if FIGURES in item.stash else None
        _attach(item, report, kept, Decision("error", as_typed(item.config, _told(error, item))))
        return
    assert verdict is not None
    decision = _decide(item, verdict)
    _apply(report, decision, claim)
    _attach(item, report, verdict, decision)


def _skipped(error: BaseException | None) -> str:
    """Why somebody skips the test of a claim; empty where nobody does."""
    return f"its test was skipped: {error.msg or 'no reason given'}" if isinstance(error, pytest.skip.Exception) else ""


def _insist_on_failure(report: pytest.TestReport) -> None:
    """A measurement that broke is an error, also where its test is expected to fail."""
    if not report.failed:
        report.outcome = "failed"
        report.longrepr = report.longrepr or getattr(report, "wasxfail", "")
    vars(report).pop("wasxfail", None)


def _decide(item: pytest.Item, verdict: Verdict) -> Decision:
    config = item.config
    rules = Rules(
        fail_inconclusive=value(config, "fail-inconclusive"),
        strict=value(config, "strict-expectations"),
        accept=value(config, "accept"),
    )
    return decide(verdict, _expected(item, verdict), rules)


def _expected(item: pytest.Item, verdict: Verdict) -> Expected | None:
    """What the verdict should be; None where nobody knows, as of other data."""
    if not _usual(item):
        return None
    folders = expectations.record_folders(item.config.rootpath)
    scope = _scoped(item, verdict)["kind"]
    return expectations.expectation(verdict.claim, _known(item).label, _run_key(item), folders, scope)


def _usual(item: pytest.Item) -> bool:
    """Does the run read what every run reads, so that one can be expected of another?"""
    return not _replaced(item) and session_of(item.config).settings.bos == "default"


def _scoped(item: pytest.Item, verdict: Verdict | None) -> schema.ScopeForm:
    """The scope of the item's verdict, in the report's form."""
    claim, replaced = _claim(item), _replaced(item)
    found = scope_of(
        claim, _known(item).published, measured_on(claim, item.stash[ORIGIN], _study(item), verdict), replaced
    )
    form: schema.ScopeForm = {"kind": found.kind, "ratios": dict(found.ratios)}
    if replaced:
        form["prompts"] = replaced
    if told := list(counted(verdict)):
        form["told"] = told
    return form


def _apply(report: pytest.TestReport, decision: Decision, claim: Claim) -> None:
    if decision.outcome == "failed":
        report.outcome = "failed"
        report.longrepr = f"{claim.id}: {decision.message}"
    elif decision.outcome == "xfailed":
        report.outcome = "skipped"
        report.wasxfail = decision.message


def _attach(item: pytest.Item, report: pytest.TestReport, verdict: Verdict | None, decision: Decision) -> None:
    claim, label, origin = _claim(item), _label(item), item.stash[ORIGIN]
    reason = decision.message if verdict is None or decision.outcome == "error" else verdict.reason
    entry = schema.entry_of(claim, label or None, verdict, decision.outcome, reason, report.duration)
    drawn = item.stash.get(FIGURES, Drawn())
    entry["published"] = schema.published_for(claim, _known(item).published or None)
    entry["figures"] = list(drawn.images)
    entry["scope"] = _scoped(item, verdict)
    settings = session_of(item.config).settings
    told = {**(origin or WITHOUT_MODEL), "budget": settings.budget, "seed": settings.seed}
    entry["registration"], registries = registration_of(item, entry, told)
    report.semphase = {  # type: ignore[attr-defined]
        "entry": entry,
        "key": plain(_run_key(item)),
        "known": _known(item).label,
        "expected": None if verdict is None else plain(_expected(item, verdict)),
        "expectable": _usual(item) and not claim.timed,
        "provenance": origin,
        "hardware": hardware() if origin else None,
        "notices": [*drawn.notices, *item.stash.get(NOTICES, ())],
        "sampled": _sampled(item),
        "registries": registries,
        "judged": durations.name_of(claim.id, label_of(item)),
        "restored": item.stash.get(RESTORED, False),
        "kept": item.stash.get(KEPT, False),
        "measuring": _measuring(item) - item.stash.get(MEASURED, 0.0),
        **(for_archive(_study(item), verdict) if archives(item.config) else {}),
    }
    item.user_properties += properties(entry)


def _run_key(item: pytest.Item) -> RunKey:
    """What the verdict depends on; without a model on nothing that a run could choose, so one record serves all."""
    origin = item.stash[ORIGIN]
    if origin is None:
        return NO_CHOICE
    settings = session_of(item.config).settings
    corpus, lexicon = origin["corpus"] or {}, origin["lexicon"] or {}
    data = corpus.get("name", ""), lexicon.get("sha256", "")
    return RunKey(*data, settings.budget, settings.seed, _known(item).weights)


def _known(item: pytest.Item) -> Known:
    return known_of(item, _study(item))


def _origin(item: pytest.Item) -> tuple[dict[str, Any] | None, SemphaseError | None]:
    """What the item's study says of itself, and why it cannot where its store refuses."""
    study = _study(item)
    try:
        return (plain(study.provenance()) if study is not None and study.models else None), None
    except SemphaseError as problem:
        return None, problem


def _told(error: BaseException, item: pytest.Item) -> str:
    """What broke, in one line, and in which universe."""
    universe = f"in the universe {item.stash[UNIVERSE]!r}: " if UNIVERSE in item.stash else ""
    return sentence(error) if isinstance(error, SemphaseError) else universe + sentence(error)


def sentence(error: BaseException) -> str:
    """What broke, in one line."""
    if isinstance(error, SemphaseError):
        return str(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    written = traceback.TracebackException.from_exception(error)
    written.__notes__ = []  # they say again what is said here
    told = " ".join(list(written.format_exception_only())[-1].split())
    return f"{told} ({Path(last.filename).name}:{last.lineno})"


def _claim(item: pytest.Item) -> Claim:
    claim = claim_of(item)
    assert claim is not None
    return claim


def _study(item: pytest.Item) -> Any:
    return getattr(item, "funcargs", {}).get("study")


def _sampled(item: pytest.Item) -> dict[str, list[str]]:
    """By model, the facets used so far whose samples `--verify` repeats."""
    return {own.label: list(own.sampled) for own in getattr(_study(item), "each", ()) if own.sampled}


def _measuring(item: pytest.Item) -> float:
    """Seconds that the item's study has measured so far, and not found in the store."""
    return sum(own.store.measuring.seconds for own in getattr(_study(item), "each", ()))


def substitutes_of(item: pytest.Item) -> Substitutes:
    """The user's sets of prompts; the studies of a run share them."""
    return next((study.substitutes for study in getattr(_study(item), "each", ())), Substitutes())


def _replaced(item: pytest.Item) -> list[str]:
    """Names of the sets that --prompts replaced among those that the claim names, or that its test used."""
    substitutes = substitutes_of(item)
    named = [own.name for own in _claim(item).data if isinstance(own, Prompts) and substitutes.replaces(own)]
    return sorted({*named, *substitutes.used[item.stash.get(USED, 0) :]})


def _label(item: pytest.Item) -> str:
    study = _study(item)
    return study.label if study is not None and study.models else label_of(item)
