"""Settings of a run on a small lexicon and a corpus."""

from __future__ import annotations

import pytest

from semphase.data.lexicon import dump
from semphase.study import RunSettings


@pytest.fixture
def files(tmp_path, lexicon, corpus):
    """A folder with a small lexicon and a corpus."""
    (tmp_path / "words.toml").write_text(dump(lexicon), encoding="utf-8")
    (tmp_path / "text.txt").write_text(corpus.text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def settings(files) -> RunSettings:
    return RunSettings(
        models=("tiny",),
        device="cpu",
        corpus=str(files / "text.txt"),
        lexicons=(files / "words.toml",),
        budget="quick",
        out=files / "out",
        store=files / "store",
        seed=3,
        dtype="float32",
        memory=None,
    )
