"""The study of a model: its data and its measurements, made once and on demand. Torch is imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from semphase.contents import contents
from semphase.study.settings import RunSettings

if TYPE_CHECKING:
    from semphase.study.checking import check_settings
    from semphase.study.evidence import on_copies
    from semphase.study.joint import JointStudy
    from semphase.study.opening import close_studies, open_study
    from semphase.study.study import Study

__all__ = [
    "JointStudy", "RunSettings", "Study", "check_settings", "close_studies", "on_copies", "open_study",
]  # fmt: skip

if not TYPE_CHECKING:  # a type checker sees the names themselves
    __getattr__, __dir__ = contents(
        __name__,
        {
            "semphase.study.checking": "check_settings",
            "semphase.study.evidence": "on_copies",
            "semphase.study.joint": "JointStudy",
            "semphase.study.opening": "close_studies open_study",
            "semphase.study.study": "Study",
        },
    )
