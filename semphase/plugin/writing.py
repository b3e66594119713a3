"""The end of a run: from what the claims told to the report's files and to recorded expectations."""

from __future__ import annotations

import shlex
import time
from typing import Any

from semphase.errors import SemphaseError
from semphase.machine import hardware as machine
from semphase.plugin.archiving import archiving_of
from semphase.plugin.expectations import RunKey, record
from semphase.plugin.options import as_typed
from semphase.plugin.session import Session
from semphase.report import provenance
from semphase.report.html import to_html
from semphase.report.json_report import to_json
from semphase.report.markdown import to_markdown
from semphase.report.save import save
from semphase.report.schema import Document, Run, document_of
from semphase.study.substitutes import Substitutes


def gather(session: Session) -> Document:
    """The report of all that was told."""
    return document_of(_run(session), [told["entry"] for told in session.told.values()], session.family)


def write(document: Document, session: Session) -> None:
    """Write the report's files; raises SemphaseError where the disk refuses."""
    files = {
        "verdicts.json": to_json(document),
        "verdicts.md": to_markdown(document),
        "report.html": to_html(document, session.staging),
    }
    if (archiving := archiving_of(session.config)) is not None:
        try:
            archiving.pack(document, files)
        except SemphaseError as problem:
            # The report comes first; whoever reads it learns why there is no archive.
            session.problems.append(as_typed(session.config, str(problem)))
    save(session.settings.out, session.staging, files)


def accept(session: Session) -> None:
    """Record the verdicts of this run as expectations.

    Claims about time and verdicts on other data, which no run can expect of another, are left out; so is a broken claim,
    which becomes a problem.
    """
    runs: dict[tuple[str, RunKey], dict[str, str]] = {}
    for (name, model), told in session.told.items():
        if not told["expectable"]:
            continue
        verdicts = runs.setdefault((told["known"], RunKey(**told["key"])), {})
        if told["entry"]["outcome"] == "error":
            session.problems.append(f"{name} broke on {model or 'no model'}: its verdict is not recorded")
        else:
            verdicts[name] = told["entry"]["verdict"]
    for (label, key), verdicts in runs.items():
        if verdicts:
            record(label, key, verdicts, session.config.rootpath / "fixtures" / "expected")


def _run(session: Session) -> Run:
    known = [told["provenance"] for told in session.told.values() if told["provenance"]]
    hardware = [told["hardware"] for told in session.told.values() if told["hardware"]]
    models = {model["name"]: model for found in known for model in found["models"]}
    run: Run = {
        "id": session.run_id,
        "started": session.started.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - session.clock, 3),
        "command": shlex.join(["pytest", *map(str, session.config.invocation_params.args)]),
        "git": provenance.git_state(session.config.rootpath),
        "versions": provenance.versions(),
        "device": _first(known, "device"),
        "hardware": hardware[0] if hardware else machine(),
        "precision": _first(known, "precision"),
        "seed": session.settings.seed,
        "budget": session.settings.budget,
        "corpus": _first(known, "corpus"),
        "lexicon": _first(known, "lexicon"),
        "models": list(models.values()),
    }
    registries = {path: form for told in session.told.values() for path, form in told["registries"].items()}
    if session.restored:
        run["restored"] = session.restored
    if session.verification is not None:
        run["verification"] = session.verification
    if registries:
        run["registry"] = registries
    drawn = [notice for told in session.told.values() for notice in told["notices"]]
    notices = [notice for found in known for notice in found["notices"]] + drawn
    notices += _idle_prompts(session) + session.notices + session.problems
    if notices:
        run["notices"] = list(dict.fromkeys(notices))
    return run


def _idle_prompts(session: Session) -> list[str]:
    """A notice for each set of --prompts that took the place of no claim's."""
    used = {name for told in session.told.values() for name in told["entry"]["scope"].get("prompts", ())}
    return [
        f"the prompts {name!r} of --prompts took the place of no claim's own set"
        for name in Substitutes.load(session.settings.prompts).sets
        if name not in used
    ]


def _first(known: list[dict[str, Any]], key: str) -> Any:
    return next((found[key] for found in known if found[key] is not None), None)
