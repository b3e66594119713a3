"""The context-vector fixed-point model: parallel against sequential forms, and its training against a plain loop."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from worker import Failed, Reply, Worker, serve

from semphase.errors import SemphaseError

HERE = Path(__file__).resolve().parent
SIZES, SMOKE = [1_000, 10_000, 100_000], [200, 1_000]
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="cvfp.py", description=__doc__)
    parser.add_argument("--model", default="tiny", help="whose embedding: a name, a folder, a .gguf file or a hub id")
    parser.add_argument(
        "--corpus", help="a text file, wikitext-2, ultrachat, grammar or pydoc; by default what suits the model"
    )
    parser.add_argument("--tokens", type=int, nargs="+", default=SIZES, help="numbers of tokens, multiples of 20")
    parser.add_argument("--out", type=Path, default=HERE / "cvfp-results.md", help="where the results are written")
    parser.add_argument("--smoke", action="store_true", help="200 and 1,000 tokens: does everything run?")
    parser.add_argument("--only", choices=("library", "plain"), help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.smoke:
        options.tokens = SMOKE
    if any(tokens < 20 or tokens % 20 for tokens in options.tokens):
        parser.error("--tokens must be multiples of 20")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0, or 2 with one sentence."""
    options = parsed(arguments)
    if options.only:
        from cvfp_methods import ready  # slow to import, and needed in the measured processes only

        return serve(lambda: ready(options), SemphaseError)
    from cvfp_results import markdown

    from semphase.machine import hardware

    try:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        found = [_measured(options, tokens) for tokens in options.tokens]
        text = markdown(found[0][0], hardware(), [size for _, size in found])
        options.out.write_text(text, encoding="utf-8")
        print(text)
    except (Failed, OSError) as problem:
        print(f"cvfp.py: {problem}", file=sys.stderr)
        return 2
    return 0


def _measured(options: argparse.Namespace, tokens: int) -> tuple[Reply, Any]:
    from cvfp_results import Size

    print(f"{tokens:,} tokens", file=sys.stderr, flush=True)
    with Worker(_command(options, "library", tokens), **OFFLINE) as worker:
        facts = worker.reply()
        # Training first: its memory is counted, and what the others leave behind would be counted with it.
        library = worker.ask("training") | worker.ask("memory")
        contexts, cache = worker.ask("contexts"), worker.ask("cache")
    with Worker(_command(options, "plain", tokens), **OFFLINE) as worker:
        worker.reply()
        plain = worker.ask("training") | worker.ask("memory")
    return facts, Size(tokens, contexts, cache, library, plain)


def _command(options: argparse.Namespace, method: str, tokens: int) -> list[str]:
    corpus = ["--corpus", options.corpus] if options.corpus else []
    sizes = ["--tokens", *map(str, options.tokens), "--size", str(tokens)]
    return [sys.executable, str(HERE / "cvfp.py"), "--only", method, "--model", options.model, *corpus, *sizes]


if __name__ == "__main__":
    sys.exit(main())
