"""Greedy generation by the engine, unedited and with fewer heads, beside transformers' own `generate`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from semphase.errors import SemphaseError

HERE = Path(__file__).resolve().parent
SMOKE = {"rows": [1, 3], "contexts": [32, 64], "tokens": 6, "repeats": 2}


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="generation.py", description=__doc__)
    parser.add_argument("--model", default="tiny", help="a name, a folder, a .gguf file or a hub id")
    parser.add_argument(
        "--corpus", help="a text file, wikitext-2, ultrachat, grammar or pydoc; by default what suits the model"
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 16], help="prompts side by side")
    parser.add_argument("--contexts", type=int, nargs="+", default=[128, 1024], help="tokens of a prompt")
    parser.add_argument("--tokens", type=int, default=32, help="tokens generated behind each prompt")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each method, in turns")
    parser.add_argument(
        "--out", type=Path, default=HERE / "generation-results.md", help="where the results are written"
    )
    parser.add_argument("--smoke", action="store_true", help="a few tokens: does everything run?")
    options = parser.parse_args(arguments)
    for name, value in SMOKE.items() if options.smoke else ():
        setattr(options, name, value)
    if min(*options.rows, *options.contexts, options.repeats) < 1 or options.tokens < 2:
        parser.error("--rows, --contexts and --repeats must be 1 or more, --tokens 2 or more")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0, or 2 with one sentence."""
    options = parsed(arguments)
    from generation_methods import measured  # slow to import
    from generation_results import markdown, show_circumstances, show_table

    try:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        console = Console()
        found = measured(options, lambda rows: show_table(rows, console))
        show_circumstances(found, console)
        options.out.write_text(markdown(found), encoding="utf-8")
    except (SemphaseError, OSError) as problem:
        print(f"generation.py: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
