"""The command line: what `semphase` understands; each command's work is in the module of its name.

Modules are imported where a command needs them, so that help and completion come at once.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from semphase.errors import SemphaseError

app = typer.Typer(
    help="Claims about language models: list and register them, read their verdicts, begin a new one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


class Kind(StrEnum):
    """What a new claim is about."""

    RESPONSES = "responses"
    EDIT = "edit"
    PROMPTS = "prompts"


@app.command("list")
def list_claims(
    paths: Annotated[list[Path] | None, typer.Argument(help="Test files and folders (default: claims).")] = None,
    run: Annotated[Path | None, typer.Option(help="Folder of a report (default: reports/latest).")] = None,
    json: AsJson = False,
) -> None:
    """List claims: are they registered, changed since, or not; and what did the last run find?"""
    from semphase.cli import listing, output

    found = listing.listing(paths or [default_place()], run)
    output.tell(found, json)
    if found.problems:
        raise SemphaseError("; ".join(found.problems))


@app.command()
def show(
    run: Annotated[Path, typer.Argument(help="Folder of a report, or its verdicts.json.")],
    claim: Annotated[str, typer.Argument(help="Id of a claim.")],
    json: AsJson = False,
) -> None:
    """Show all that a report says of one claim."""
    from semphase.cli import output, showing

    found = showing.showing(run, claim)
    output.tell(found, json)


@app.command()
def render(
    run: Annotated[Path, typer.Argument(help="Folder of a report, or its verdicts.json.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the files (default: that of the report).")] = None,
    json: AsJson = False,
) -> None:
    """Write report.html and verdicts.md of a report anew, from its verdicts.json and figures."""
    from semphase.cli import output, rendering

    output.tell(rendering.rendering(run, out), json)


@app.command()
def power(
    run: Annotated[Path, typer.Argument(help="Folder of a report, or its verdicts.json.")],
    claim: Annotated[str | None, typer.Argument(help="Id of a claim (default: all that are undecided).")] = None,
    json: AsJson = False,
) -> None:
    """Show what would decide the undecided: how many units, and which effects this run could decide."""
    from semphase.cli import output, power

    output.tell(power.weighing(run) if claim is None else power.weighing_one(run, claim), json)


@app.command()
def register(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Test files, or folders of them.")],
    amend: Annotated[bool, typer.Option("--amend", help="Register claims that changed since, too.")] = False,
    reason: Annotated[str, typer.Option(help="Why registered claims changed; needed by --amend.")] = "",
    run: Annotated[
        Path | None,
        typer.Option(
            help="Report whose output is kept, or shows that changed code finds what it found; or did change."
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Append claims to registry.jsonl beside their files, before anything is measured."""
    from semphase.cli import output, registering

    if reason and not amend:
        raise SemphaseError("--reason is for changed claims: say --amend as well")
    if amend:
        found = registering.amending(files, reason, run)
    else:
        found = registering.re_implementing(files, run) if run else registering.registering(files)
    output.tell(found, json)


@app.command()
def compare(
    before: Annotated[Path, typer.Argument(help="Folder of a report, its verdicts.json, or an archive.")],
    after: Annotated[Path, typer.Argument(help="The run to compare with it.")],
    json: Annotated[str, typer.Option(metavar="FILE|-", help="Write JSON for programs; - prints it.")] = "",
    html: Annotated[str, typer.Option(metavar="FILE", help="Write a page.")] = "",
    renamed: Annotated[
        list[str] | None, typer.Option(metavar="OLD=NEW", help="A model's names in both runs, repeatable.")
    ] = None,
) -> None:
    """Compare two runs: what changed, by how much? Exits with 0 for nothing, 1 for something, 2 for bad input."""
    from semphase.cli import comparing

    try:
        comparing.refuse_places(before, after, json, html)
        found = comparing.comparing(before, after, renamed or ())
        comparing.tell(found, json, html)
    except BrokenPipeError:
        raise
    except (SemphaseError, OSError) as problem:
        raise SystemExit(comparing.refused(str(problem))) from None
    raise SystemExit(comparing.CHANGED if found.found.changed else 0)


@app.command()
def check(
    place: Annotated[
        Path | None, typer.Argument(help="A registry.jsonl or its folder (default: claims), or an archive of a run.")
    ] = None,
    against: Annotated[
        str, typer.Option(metavar="REPORT|REVISION", help="A report, or a git revision, that saw the registry before.")
    ] = "",
    hashes: Annotated[
        bool, typer.Option("--hashes", help="Of an archive only its files: run none of its code.")
    ] = False,
    model: Annotated[
        list[str] | None, typer.Option(metavar="[ROLE=]NAME", help="Where the models of an archive are, repeatable.")
    ] = None,
    corpus: Annotated[str | None, typer.Option(metavar="PATH", help="Where the text of an archive is.")] = None,
    json: AsJson = False,
) -> None:
    """Compare a registry with one that somebody saw, or an archive with its hashes and with its claims judged again."""
    from semphase.cli import archived, checking, output
    from semphase.report.archive import is_archive

    found: archived.CheckedArchive | checking.Checked
    if place is not None and is_archive(place):
        if against:
            raise SemphaseError("an archive is checked by what it holds itself: leave --against out")
        again = None if hashes else archived.Again(tuple(model or ()), corpus)
        found = archived.checking_archive(place, again)
    else:
        if hashes or model or corpus:
            raise SemphaseError("--hashes, --model and --corpus are for archives: name the archive.zip of a run")
        found = checking.checking(place or default_place(), against)
    output.tell(found, json)
    if found.problems:
        raise SemphaseError("; ".join(found.problems))


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The group's name; the file is test_NAME.py.")],
    kind: Annotated[Kind, typer.Option(help="On the lexicon's responses, with an edit, or with own prompts.")] = (
        Kind.RESPONSES
    ),
    json: AsJson = False,
) -> None:
    """Write a claim to start from, which runs as it is on the tiny model."""
    from semphase.cli import output, starting

    found = starting.start(name, kind.value, Path())
    output.tell(found, json)


def default_place() -> Path:
    """Where claims are looked for when nobody says: in `claims`, else here."""
    return Path("claims") if Path("claims").is_dir() else Path()


def main() -> None:
    """Run the command; bad input is told in one sentence on standard error, with exit code 1."""
    try:
        app(prog_name="semphase")
    except SemphaseError as problem:
        _refuse(str(problem))
    except OSError as problem:
        # What nobody foresaw of a file that somebody named; the system says why.
        from semphase.files import short

        _refuse(f"{short(problem.filename or 'a file')} cannot be used: {problem.strerror or problem}")


def _refuse(sentence: str) -> NoReturn:
    print(f"semphase: {sentence}", file=sys.stderr)
    raise SystemExit(1)
