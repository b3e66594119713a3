"""What the user asked of a run; made from the command line, read by the study."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

BudgetName = Literal["quick", "standard", "full"]


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The options of one run.

    `lexicons` is empty for the packaged lexicon, `corpus` None for the model's default, `memory` is in bytes
    and None without a limit. `roles` says which of the models plays which role, such as ("base", "gpt2");
    `prompts` are files whose sets take the place of the claims' own sets of the same name. `bos` is whether texts are read
    with a BOS token in front: "default" as the model's family and tokenizer have it. Where `sealed` names a device, nothing
    is measured: all comes from the store, whose entries were made there. Where `remote` is the URL of a store, `store` is
    the folder here in which its entries are kept.
    """

    models: tuple[str, ...]
    device: str
    corpus: str | None
    lexicons: tuple[Path, ...]
    budget: BudgetName
    out: Path
    store: Path
    seed: int
    dtype: str
    memory: int | None
    roles: tuple[tuple[str, str], ...] = ()
    prompts: tuple[Path, ...] = ()
    bos: Literal["default", "yes", "no"] = "default"
    sealed: str = ""
    remote: str = ""
