"""Single-head zero-ablation by plain hooks, TransformerLens, nnsight and the engine, side by side on the same tokens."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from worker import Failed, serve

from semphase.errors import SemphaseError

HERE = Path(__file__).resolve().parent
METHODS = ("p", "a", "aa", "c", "d")
REDUCED = ("pt", "pb")
"""The plain loop in what a GPU multiplies faster."""
SMOKE = {"tokens": 512, "sample": 4}


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="heads.py", description=__doc__)
    parser.add_argument("--model", default="tiny", help="a name, a folder, a .gguf file, a hub id, or gpt2-shape")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, or auto: the fastest there is")
    parser.add_argument(
        "--corpus", help="a text file, wikitext-2, ultrachat, grammar or pydoc; by default what suits the model"
    )
    parser.add_argument("--tokens", type=whole, default=2048, help="tokens of text, two chunks at least")
    parser.add_argument("--sample", type=whole, default=12, help="heads that the loops are timed on")
    parser.add_argument("--engine-sample", type=whole, help="heads that the engine is timed on, instead of all")
    parser.add_argument("--peer-python", help="the interpreter of an environment with nnsight")
    parser.add_argument("--out", type=Path, help="where the results are written: results.md, or results-DEVICE.md")
    parser.add_argument("--growth", action="store_true", help="time the engine on twice the tokens as well")
    parser.add_argument(
        "--reduced", action="store_true", help="the plain loop in TF32 (emulated) and bfloat16 elsewhere than on CUDA"
    )
    parser.add_argument("--smoke", action="store_true", help="512 tokens and four heads: does everything run?")
    parser.add_argument("--only", choices=(*METHODS, *REDUCED), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    for name, value in SMOKE.items() if options.smoke else ():
        setattr(options, name, value)
    return options


def whole(text: str) -> int:
    """A whole number above 0."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def commands(options: argparse.Namespace, kind: str) -> dict[str, list[str]]:
    """How the measured processes are started on a kind of device."""
    shared = ["--model", options.model, "--tokens", str(options.tokens), "--device", options.device]
    shared += ["--corpus", options.corpus] if options.corpus else []
    shared += [flag for flag in ("--growth", "--smoke") if getattr(options, flag[2:])]
    keys = (*METHODS, *(REDUCED if kind == "cuda" or options.reduced else ()))
    return {key: [sys.executable, str(HERE / "heads.py"), "--only", key, *shared] for key in keys}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0, or 2 with one sentence."""
    options = parsed(arguments)
    if options.only:
        from methods import ready  # slow to import, and needed in the measured processes only

        return serve(lambda: ready(options), SemphaseError)
    try:
        compared(options)
    except (Failed, SemphaseError, OSError) as problem:
        print(f"heads.py: {problem}", file=sys.stderr)
        return 2
    return 0


def compared(options: argparse.Namespace) -> None:
    """Run the comparison, show it and write it down."""
    from comparison import compare
    from results import markdown, show

    from semphase.models.device import resolve

    kind = resolve(options.device).type
    out = options.out or HERE / ("results.md" if kind == "cpu" else f"results-{kind}.md")
    out.parent.mkdir(parents=True, exist_ok=True)
    peer = [options.peer_python, str(HERE / "peer_nnsight.py")] if options.peer_python else None
    found = compare(commands(options, kind), peer, options)
    show(found, Console())
    out.write_text(markdown(found), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
