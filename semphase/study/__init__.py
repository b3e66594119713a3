"""The study of a model: its data and its measurements, made once and on demand."""

from semphase.study.evidence import by_step, estimates, on_all_responses, on_copies, on_measurement, on_responses
from semphase.study.joint import JointStudy
from semphase.study.opening import check_settings, open_study
from semphase.study.settings import RunSettings
from semphase.study.study import Study

__all__ = [
    "JointStudy", "RunSettings", "Study", "by_step", "check_settings", "estimates", "on_all_responses", "on_copies",
    "on_measurement", "on_responses", "open_study",
]  # fmt: skip
