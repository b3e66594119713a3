"""The report's form, version 2: what `verdicts.json` holds, key by key.

Readers of stored reports depend on these names, so they are frozen: a change means a new `SCHEMA`. Reports of version 1
have no population, units, `specific`, `p_decision` and `strength`, and their controls are `discriminating` or not.
`run.notices` is there only when there is something to say, `run.verification` in runs with --verify, `run.restored` where
verdicts are those of earlier runs, `run.registry` (by path) where claims have a registry, and an entry's `universes` where
they were run. Older reports have no `registration`, no `undecided`, and no `scope` but where --prompts replaced a set that
the claim names or uses, then without `ratios`. An unbounded end of an interval is null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Literal, NotRequired, TypedDict

from semphase.report.strength import Reach, Strength, strengths
from semphase.report.undecided import UndecidedForm, undecided_form
from semphase.verdict import Claim, Verdict
from semphase.verdict.agreement import agreement
from semphase.verdict.decision import Relation
from semphase.verdict.plain import plain
from semphase.verdict.registry import Status
from semphase.verdict.scope import Kind

SCHEMA = 2
Outcome = Literal["passed", "failed", "xfailed", "inconclusive", "skipped", "error"]


class EstimateForm(TypedDict):
    """A measured quantity with its interval, and the populations that it speaks of with the number of units of each."""

    value: float | None
    low: float | None
    high: float | None
    level: float
    method: str
    n: int
    unit: str
    population: list[str]
    units: list[int]


class PartForm(TypedDict):
    """A part of the criterion in `detail`, judged; `deciding` where the verdict is its own."""

    part: str
    criterion: str
    threshold: float | list[float]
    within: NotRequired[list[float | None]]
    estimate: EstimateForm
    p_value: float | None
    verdict: str
    deciding: bool


class CopyForm(TypedDict):
    """A copy of the control in `detail`."""

    verdict: str
    parts: list[PartForm]


class DetailForm(TypedDict, total=False):
    """What a judge puts into `detail`, beside what the claim does."""

    parts: list[PartForm]
    combine: Literal["all", "any"]
    control_parts: list[PartForm]
    control_copies: list[CopyForm]
    controls: dict[str, DetailForm]


class ControlForm(TypedDict):
    """The same estimate where the claim should fail; `contrast` is the model's margin less that of the control."""

    name: str
    estimate: EstimateForm
    relation: NotRequired[Relation]
    contrast: NotRequired[EstimateForm | None]
    discriminating: NotRequired[bool]
    """Instead of both in reports of schema 1."""


class PublishedForm(TypedDict):
    """What the source reported."""

    verdict: str
    value: str


class RegistrationForm(TypedDict):
    """How the claim stands to the registry beside it; `date` is that of its last line there (ISO, UTC).

    `rule` and `code` are the hashes of the claim that was judged, empty where its code could not be read; reports from
    before code was hashed have neither. `remarks` say what else is wrong: another output than the one kept, a date that
    cannot be true.
    """

    status: Status
    date: str | None
    rule: NotRequired[str]
    code: NotRequired[str]
    remarks: NotRequired[list[str]]


class ScopeForm(TypedDict):
    """How what was measured on relates to what the claim's author measured on.

    `ratios` holds run over published of what the run had less of; `prompts` names the sets that --prompts replaced, `told`
    the quantities that the claim counted itself.
    """

    kind: Kind
    ratios: NotRequired[dict[str, float]]
    prompts: NotRequired[list[str]]
    told: NotRequired[list[str]]


class UniverseForm(TypedDict):
    """What a claim came to in one universe; the reason says why it does not apply, or that nothing moved."""

    name: str
    verdict: str
    point: bool | None
    estimate: EstimateForm | None
    reason: str


class UniversesForm(TypedDict):
    """How a verdict fares in the universes that count; `share` is agree / n."""

    n: int
    agree: int
    share: float | None
    fragile: bool
    undecided: int
    list: list[UniverseForm]


class RegistryForm(TypedDict):
    """A registry as the run saw it: the SHA-256 of its last line, and how many lines there were."""

    head: str
    length: int


class CheckForm(TypedDict):
    """One thing that a verification looked at."""

    name: str
    found: str
    passed: bool


class VerificationForm(TypedDict):
    """What `--verify` concluded; it passed when every check did.

    `findings` are the claims of which nobody expected a verdict ("claim on model", by verdict): they fail nothing.
    `repeated` counts the samples that were measured again on the CPU, where another device measured: none leaves what it
    gave unchecked.
    """

    passed: bool
    checks: list[CheckForm]
    findings: dict[str, list[str]]
    repeated: NotRequired[int]


class Entry(TypedDict):
    """One claim for one model (or one set of models)."""

    id: str
    group: str
    statement: str
    criterion: str
    source: str
    model: str | None
    verdict: str | None
    point: bool | None
    outcome: Outcome
    estimate: EstimateForm | None
    threshold: float | list[float] | None
    p_value: float | None
    p_adjusted: float | None
    p_decision: float | None
    strength: Strength | None
    specific: bool | None
    control: ControlForm | None
    published: PublishedForm | None
    reason: str
    seconds: float
    detail: dict[str, Any]
    figures: list[str]
    undecided: NotRequired[UndecidedForm | None]
    registration: NotRequired[RegistrationForm]
    scope: NotRequired[ScopeForm]
    universes: NotRequired[UniversesForm]


class ModelForm(TypedDict):
    """A model of the run; more is told of it than this."""

    name: str
    sha256: NotRequired[str]


class Run(TypedDict):
    """How the verdicts were made."""

    id: str
    started: str
    seconds: float
    command: str
    git: dict[str, Any] | None
    versions: dict[str, str]
    device: str | None
    hardware: dict[str, Any]
    precision: dict[str, Any] | None
    seed: int
    budget: str
    corpus: dict[str, Any] | None
    lexicon: dict[str, Any] | None
    models: list[ModelForm]
    restored: NotRequired[int]
    verification: NotRequired[VerificationForm]
    registry: NotRequired[dict[str, RegistryForm]]
    notices: NotRequired[list[str]]


class Summary(TypedDict):
    """How many entries have each verdict, and how many failed or broke.

    Of those supported some are `specific`; those supported or refuted are `firm` or `nominal`. `fragile` are those that
    another defensible analysis turns.
    """

    supported: int
    specific: int
    refuted: int
    firm: int
    nominal: int
    fragile: NotRequired[int]
    inconclusive: int
    not_applicable: int
    failed: int


class Document(TypedDict):
    """The whole of `verdicts.json`."""

    schema: int
    run: Run
    claims: list[Entry]
    summary: Summary


def entry_of(
    claim: Claim, model: str | None, verdict: Verdict | None, outcome: Outcome, reason: str, seconds: float
) -> Entry:
    """The entry for one judged claim; `verdict` is None where the measurement broke."""
    entry: Entry = {
        "id": claim.id,
        "group": claim.group,
        "statement": claim.statement,
        "criterion": claim.criterion,
        "source": claim.source,
        "model": model,
        "verdict": verdict.verdict if verdict else None,
        "point": verdict.point if verdict else None,
        "outcome": outcome,
        "estimate": plain(verdict.estimate) if verdict else None,
        "threshold": plain(verdict.threshold) if verdict else None,
        "p_value": plain(verdict.p_value) if verdict else None,
        "p_adjusted": None,
        "p_decision": plain(verdict.p_decision) if verdict else None,
        "strength": None,
        "specific": verdict.specific if verdict else None,
        "control": _control(verdict) if verdict else None,
        "published": published_for(claim, model),
        "reason": reason,
        "seconds": round(seconds, 3),
        "detail": plain(verdict.detail) if verdict else {},
        "figures": [],
    }
    if verdict is not None and verdict.universes:
        entry["universes"] = _universes(verdict)
    entry["undecided"] = undecided_form(entry)
    return entry


def published_for(claim: Claim, model: str | None) -> PublishedForm | None:
    """What the source reported for this model, else its first verdict, with the source's model named."""
    if model is not None and model in claim.published:
        found = claim.published[model]
        return {"verdict": found.verdict, "value": found.value}
    for name, first in claim.published.items():
        return {"verdict": first.verdict, "value": f"{name}: {first.value}" if first.value else name}
    return None


def summary_of(entries: Iterable[Entry]) -> Summary:
    """Count the verdicts; an entry whose outcome is failed or error counts as failed as well."""
    listed = list(entries)
    verdicts = [entry["verdict"] for entry in listed]
    strength = [entry["strength"] for entry in listed]
    return {
        "supported": verdicts.count("supported"),
        "specific": sum(map(leads, listed)),
        "refuted": verdicts.count("refuted"),
        "firm": strength.count("firm"),
        "nominal": strength.count("nominal"),
        "fragile": sum(entry["universes"]["fragile"] for entry in listed if "universes" in entry),
        "inconclusive": verdicts.count("inconclusive"),
        "not_applicable": verdicts.count("not-applicable"),
        "failed": sum(entry["outcome"] in ("failed", "error") for entry in listed),
    }


def broke(entry: Entry) -> bool:
    """Did it end without a verdict that counts?"""
    return entry["verdict"] is None or entry["outcome"] == "error"


def leads(entry: Entry) -> bool:
    """Is the claim supported, and specific to the model?"""
    return entry["verdict"] == "supported" and entry.get("specific") is True


def document_of(run: Run, entries: Sequence[Entry], family: Mapping[str, Reach] | None = None) -> Document:
    """The report: entries in order of model, group and id, p-values corrected over the run.

    `family` holds all claims that could have been judged, which the strength of a verdict allows for.
    """
    ordered = sorted(entries, key=lambda entry: (entry["model"] or "", entry["group"], entry["id"]))
    judged = _strengthened(_adjusted(ordered), family or {})
    return {"schema": SCHEMA, "run": run, "claims": judged, "summary": summary_of(judged)}


def _universes(verdict: Verdict) -> UniversesForm:
    told = agreement(verdict.verdict, verdict.point, verdict.universes)
    return {
        "n": told.n,
        "agree": told.agree,
        "share": told.share,
        "fragile": told.fragile,
        "undecided": told.undecided,
        "list": [plain(own) for own in verdict.universes],
    }


def _control(verdict: Verdict) -> ControlForm | None:
    control = verdict.control
    if control is None:
        return None
    return {
        "name": control.name,
        "estimate": plain(control.estimate),
        "relation": control.relation,
        "contrast": plain(control.contrast),
    }


def _strengthened(entries: list[Entry], family: Mapping[str, Reach]) -> list[Entry]:
    """The entries with their strength, one model after the other."""
    told: list[Entry] = []
    for _, own in groupby(entries, key=lambda entry: entry["model"]):
        listed = list(own)
        found = strengths(listed, family)
        told += [{**entry, "strength": found[entry["id"]]} for entry in listed]
    return told


def _adjusted(entries: list[Entry]) -> list[Entry]:
    """The entries with Holm's correction over all that have a p-value."""
    tested = [entry["p_value"] for entry in entries if entry["p_value"] is not None]
    if not tested:
        return entries
    from statsmodels.stats.multitest import multipletests

    corrected = iter(multipletests(tested, method="holm")[1].tolist())
    return [{**entry, "p_adjusted": next(corrected) if entry["p_value"] is not None else None} for entry in entries]
