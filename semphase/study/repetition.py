"""Samples of a run's measurements, repeated on the CPU and compared with what the device gave."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Iterator, Mapping

from semphase.models import load, require_precision
from semphase.models.device import resolve
from semphase.models.precision import dtype_of
from semphase.study.opening import open_study
from semphase.study.sample import Sample
from semphase.study.settings import RunSettings
from semphase.study.study import Study

Finding = tuple[str, bool]


def check_precision(settings: RunSettings) -> Finding:
    """The mantissa bits that matrix products keep on the device; raises when they are short of the dtype's."""
    device = resolve(settings.device)
    bits = require_precision(device, dtype_of(settings.dtype), settings.dtype)
    return f"matrix products on {device} keep {bits} mantissa bits in {settings.dtype}", True


def repeat_samples(
    settings: RunSettings, name: str, used: Mapping[str, Iterable[str]]
) -> Iterator[tuple[str, Finding]]:
    """What the facets of one model's study declare as samples, against the CPU in float32; what, and the finding.

    `used` holds the facets that a run has used, by the study's label, each named as in `Study.sampled`.
    """
    study = open_study(settings, (name,))
    assert isinstance(study, Study)
    reference = load(name, device="cpu", bos=settings.bos)
    for facet in used.get(study.label, ()):
        for sample in study.facet(pkgutil.resolve_name(facet)).samples():
            yield sample.name, _finding(sample, sample.difference(reference))


def _finding(sample: Sample, found: float) -> Finding:
    return f"largest difference {found:.2g}, {sample.allowed:.2g} allowed", found <= sample.allowed
