"""Writes `numbers.npz` anew: python tests/golden/record.py, after raising the version of what moved."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

if __name__ == "__main__":
    from cases import measured
    from study_fixtures import golden_study

    with tempfile.TemporaryDirectory() as folder:
        np.savez_compressed(HERE / "numbers.npz", **measured(golden_study(Path(folder))))
