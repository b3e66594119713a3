"""The published matrix of CVFP trainings: all of them as the claims have them made, against one after the other."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from semphase.errors import SemphaseError

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Row:
    """Seconds of the trainings at one size; those of one seed are timed, and times the seeds they are of all."""

    tokens: int
    trainings: int
    alone: float


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="cvfp_grid.py", description=__doc__)
    parser.add_argument("--model", default="tiny", help="whose embedding: a name, a folder, a .gguf file or a hub id")
    parser.add_argument(
        "--corpus", help="a text file, wikitext-2, ultrachat, grammar or pydoc; else what suits the model"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--budget", default="quick", choices=("quick", "standard", "full"), help="sizes and seeds")
    parser.add_argument("--largest", action="store_true", help="the largest size alone")
    parser.add_argument("--out", type=Path, default=HERE / "cvfp-grid-results.md", help="where the results are written")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0, or 2 with one sentence."""
    options = parsed(arguments)
    try:
        text = measured(options)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text, encoding="utf-8")
    except (SemphaseError, OSError) as problem:
        print(f"cvfp_grid.py: {problem}", file=sys.stderr)
        return 2
    print(text)
    return 0


def measured(options: argparse.Namespace) -> str:
    """Both ways, one after the other, as Markdown."""
    from clock import Clock  # slow to import, as all of these

    from semphase.machine import hardware
    from semphase.science.cvfp.facet import Cvfp
    from semphase.science.cvfp.grids import Grid
    from semphase.store import Store
    from semphase.study import RunSettings, Study, open_study

    with tempfile.TemporaryDirectory() as home:
        settings = RunSettings(
            models=(options.model,), device=options.device, corpus=options.corpus, lexicons=(), budget=options.budget,
            out=Path(home), store=Path(home, "warming"), seed=0, dtype="float32", memory=None,
        )  # fmt: skip
        study = open_study(settings, (options.model,))
        assert isinstance(study, Study)
        warming, together, alone = (
            replace(study, store=Store(Path(home, name))).facet(Cvfp) for name in ("warming", "together", "alone")
        )
        sizes = together.sizes[-1:] if options.largest else together.sizes
        grid = Grid("matrix", sizes, together.seeds)
        every = grid.trainings(together.vocabulary.width)
        warming.trained(every[:1])
        clock = Clock(study.model.device)
        together.found(grid)
        seconds = clock.seconds()
        rows = []
        for size in sizes:
            own = [each for each in every if each.documents == size and each.seed == together.seeds[0]]
            clock = Clock(study.model.device)
            for each in own:
                alone.trained((each,))
            taken = clock.seconds() * len(together.seeds)
            rows.append(Row(size * together.documents.length, len(own) * len(together.seeds), taken))
        facts = f"{study.model.name}, {study.corpus.name}, {study.model.device}, budget {options.budget}"
        return markdown(facts, hardware(), rows, seconds)


def markdown(facts: str, machine: dict[str, object], rows: Sequence[Row], together: float) -> str:
    """A table, and what it comes to."""
    whole = sum(row.alone for row in rows)
    lines = [
        f"# The matrix of CVFP trainings: {facts}", "",
        f"{machine['gpu'] or machine['cpu']}, {machine['cores']} cores; {time.strftime('%Y-%m-%d')}.", "",
        "| tokens | trainings | one after the other, s |", "| ---: | ---: | ---: |",
        *(f"| {row.tokens:,} | {row.trainings} | {row.alone:.1f} |" for row in rows), "",
        f"All {sum(row.trainings for row in rows)} together: {together:.1f} s, {whole / together:.1f} times as fast as the "
        f"{whole:.1f} s of one after the other (timed with one seed).", "",
        "Written by `nox -s bench -- --cvfp-grid`; [README.md](README.md) says what is compared.", "",
    ]  # fmt: skip
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
