"""A sample of a run's measurements, repeated on the CPU and compared with what the device gave."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from semphase.measure.rotation import rotation_angles
from semphase.measure.streams import capture_streams
from semphase.models import load, require_precision
from semphase.models.device import resolve
from semphase.models.precision import dtype_of
from semphase.study.opening import open_study
from semphase.study.settings import RunSettings
from semphase.study.study import Study
from semphase.tolerances import angle_tolerance, stream_tolerance

SAMPLE = 24

Finding = tuple[str, bool]


def check_precision(settings: RunSettings) -> Finding:
    """The mantissa bits that matrix products keep on the device; raises when they are short of the dtype's."""
    device = resolve(settings.device)
    bits = require_precision(device, dtype_of(settings.dtype), settings.dtype)
    return f"matrix products on {device} keep {bits} mantissa bits in {settings.dtype}", True


def repeat_sample(settings: RunSettings, name: str) -> Iterator[tuple[str, Finding]]:
    """Streams at 24 prompts and rotation angles of one model, against the CPU in float32; what, and the finding."""
    study = open_study(settings, (name,))
    assert isinstance(study, Study)
    reference = load(name, device="cpu")
    dtype, layers, width = settings.dtype, reference.layers, reference.d_model
    rows = np.unique(np.linspace(0, len(study.targets) - 1, SAMPLE).astype(int))
    again = capture_streams(reference, [study.targets[row] for row in rows])["stream"].values
    error = _relative(study.streams["stream"].values[rows], again)
    yield f"streams of {len(rows)} prompts", _finding(error, stream_tolerance(dtype, layers, width))
    angles = rotation_angles(reference, study.rotation_tokens)["angle"].values
    turned = float(np.abs(study.rotation - angles).max())
    yield "rotation angles", _finding(turned, angle_tolerance(dtype, layers, width))


def _relative(found: np.ndarray, again: np.ndarray) -> float:
    distance = np.linalg.norm(found - again, axis=-1)
    return float((distance / np.linalg.norm(again, axis=-1)).max())


def _finding(difference: float, allowed: float) -> Finding:
    return f"largest difference {difference:.2g}, {allowed:.2g} allowed", difference <= allowed
