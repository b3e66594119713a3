"""`semphase render`: the reports for people, written anew from a stored verdicts.json."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from semphase.files import short, write_or_refuse
from semphase.report.html import to_html
from semphase.report.markdown import to_markdown
from semphase.report.stored import read_report


@dataclass(frozen=True, slots=True)
class Rendered:
    """The files that were written."""

    files: tuple[Path, ...]

    def form(self) -> dict[str, Any]:
        """For programs."""
        return {"files": [str(file) for file in self.files]}

    def __rich__(self) -> RenderableType:
        """A line for each file."""
        return Text("\n".join(f"wrote {short(file)}" for file in self.files))


def rendering(run: Path, out: Path | None) -> Rendered:
    """Write report.html and verdicts.md of a stored report into `out`, its own folder by default.

    Figures are read beside the report. Raises SemphaseError for what is no report, and for a disk that refuses.
    """
    document, folder = read_report(run), run if run.is_dir() else run.parent
    place = out or folder
    texts = {"report.html": to_html(document, folder), "verdicts.md": to_markdown(document)}
    for name, text in texts.items():
        write_or_refuse(place / name, text.encode(errors="replace"), "the report")
    return Rendered(tuple(place / name for name in texts))
