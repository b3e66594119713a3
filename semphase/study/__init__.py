"""The study of a model: its data and its measurements, made once and on demand."""

from semphase.study.evidence import estimates, on_copies
from semphase.study.joint import JointStudy
from semphase.study.opening import check_settings, open_study
from semphase.study.settings import RunSettings
from semphase.study.study import Study

__all__ = [
    "JointStudy", "RunSettings", "Study", "check_settings", "estimates", "on_copies", "open_study",
]  # fmt: skip
