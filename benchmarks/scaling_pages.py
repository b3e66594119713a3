"""The tables of docs/scaling.md, from what was measured and the laws fitted to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from results import grid
from scaling_laws import FLOAT32, Law, Point, Shape, measured_sweep

GPT2_XL = Shape("gpt2-xl", 48, 25, 1600, 1600, 12 * 1600**2, 50257)
PYTHIA = Shape("pythia-6.9b", 32, 32, 4096, 4096, 12 * 4096**2, 50432)
SEVENTY = Shape("70 B (Llama 2)", 80, 64, 8192, 8192, 2 * 8192 * (8192 + 1024) + 3 * 8192 * 28672, 32000)
FORETOLD = (GPT2_XL, PYTHIA, SEVENTY)
TOKENS, PASS, LENGTH = 145_000, 32_768, 1024
"""Of the budget full on WikiText-2's test part."""
H100 = Law((1 / 44.6e12, 1 / 13e12, 0.0), 1 / 38e12, 24.0, 2e9)
"""Float32, with an earlier version: products, 174 GFLOP in 3.9 ms, and the readout of SmolLM2, 1.86 TFLOP in 49 ms, on an
H200; attention and all that is beside products from 0.159 s a head in GPT-2's shape on an H100."""
FASTER = 2.2
"""TF32 against float32, all of a sweep, as measured on the H200."""
CARD = 80 * 10**9
TABLE = r"(<!-- {name} -->\n).*?(<!-- end -->)"
HEADING = re.compile(r"^## Measured on .*$", flags=re.MULTILINE)


def with_tables(text: str, machine: str, fitted: Sequence[Point], held_out: Point, law: Law) -> str:
    """The page with its tables written anew, and the machine in the heading of what was measured."""
    text = HEADING.sub(lambda _: f"## Measured on {machine}, float32", text)
    made = {"measured": measured(fitted, held_out, law), "foretold": foretold(H100)}
    for name, lines in made.items():
        pattern = re.compile(TABLE.format(name=name), flags=re.DOTALL)
        text = pattern.sub(lambda found, lines=lines: f"{found[1]}\n" + "\n".join(lines) + f"\n\n{found[2]}", text)
    return text


def measured(fitted: Sequence[Point], held_out: Point, law: Law) -> list[str]:
    """What was measured beside what the law says; the last row was held out."""
    heads = (
        "model",
        "parameters",
        "layers × heads × d",
        "tokens, in chunks of",
        "all heads, from one block and one readout",
        "law",
        "peak memory",
        "law",
    )
    return grid(heads, [_compared(own, law) for own in (*fitted, held_out)])


def _compared(own: Point, law: Law) -> list[str]:
    shape, found = own.shape, measured_sweep(own)
    foretold, memory = law.sweep(shape, own.tokens, own.length), law.memory(shape, own.tokens, own.tokens)
    return [
        shape.name, f"{shape.parameters / 1e6:.3g} M", f"{shape.layers} × {shape.heads} × {shape.d_model}",
        f"{own.tokens:,}, {own.length:,}", told(found), f"{told(foretold)} ({foretold / found - 1:+.0%})",
        f"{own.peak / 1e9:.2f} GB", f"{memory / 1e9:.2f} GB ({memory / own.peak - 1:+.0%})",
    ]  # fmt: skip


def foretold(law: Law) -> list[str]:
    """Larger models on one and on eight cards of 80 GB."""
    heads = (
        "model", "weights, float32 / bfloat16", "peak memory, float32", "cards for one copy", "one card", "eight cards",
        "eight, screened",
    )  # fmt: skip
    return grid(heads, [list(_foretold(shape, law)) for shape in FORETOLD])


def _foretold(shape: Shape, law: Law) -> Iterable[str]:
    weights, half = shape.parameters * FLOAT32, shape.parameters * FLOAT32 // 2
    yield shape.name
    yield f"{weights / 1e9:.3g} / {half / 1e9:.3g} GB"
    needed = law.memory(shape, TOKENS, PASS // 8)
    yield f"{needed / 1e9:.3g} GB"
    copies = next(cards for cards in (1, 2, 4, 8, 16) if needed <= cards * CARD)
    seconds = law.sweep(shape, TOKENS, LENGTH)
    yield str(copies)
    yield told(seconds) if copies == 1 else "does not fit"
    share = max(1, 8 // copies)
    yield told(seconds / share) if copies <= 8 else "does not fit"
    yield told(seconds / share / FASTER) if copies <= 8 else "does not fit"


def told(seconds: float) -> str:
    """A duration in the unit that suits it."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
