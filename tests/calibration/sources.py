"""What a calibration was made with: the code of the intervals and of the worlds, without comments and docstrings."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

HERE = Path(__file__).parent
STATS = HERE.parents[1] / "semphase" / "stats"
VERDICT = HERE.parents[1] / "semphase" / "verdict"
READ = (
    *(
        STATS / f"{name}.py"
        for name in (
            "pivot", "scale", "pseudovalues", "estimates", "estimate", "binomial", "least", "units", "left_out",
            "sampling", "median", "ranked",
        )
    ),
    VERDICT / "contrast.py",
    *(HERE / f"{name}.py" for name in ("worlds", "cells")),
)  # fmt: skip


def fingerprint() -> str:
    """SHA-256 of the code of all that is read."""
    digest = hashlib.sha256()
    for path in READ:
        digest.update(ast.dump(_bare(ast.parse(path.read_text(encoding="utf-8")))).encode() + b"\0")
    return digest.hexdigest()


def _bare(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            node.body = body[1:] or [ast.Pass()]  # type: ignore[attr-defined]
    return tree
