"""Single heads zeroed with nnsight, in an environment of its own: python peer_nnsight.py FOLDER.

The folder, written by heads.py, holds the model, the token ids, the device and the name of the attention's output
projection.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from device_memory import counted
from nnsight import TransformersModel
from torch.nn import functional
from worker import Operations, Reply, serve, timed


class Nnsight:
    """A traced model: the head's slice of what enters the output projection is set to 0."""

    def __init__(self, folder: Path) -> None:
        self.job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        self.device = torch.device(self.job["device"])
        ids = torch.from_numpy(np.load(folder / "ids.npy")).to(self.device)
        self.groups = ids.split(self.job["group"])
        self.model = TransformersModel(
            str(folder / "model"),
            task="text-generation",
            dtype=torch.float32,
            device_map={"": self.job["device"]},
            dispatch=True,
        )

    @property
    def operations(self) -> Operations:
        """What can be asked."""
        return {"warm": self.warm, "heads": self.heads, **counted(self.device)}

    def warm(self) -> Reply:
        """The unchanged loss, and one head on the way."""
        self.heads(0, [[0, 0]])
        return {"baseline": sum(self._loss(group, 0, 0, 0) for group in range(len(self.groups)))}

    def heads(self, group: int, heads: list[list[int]]) -> Reply:
        """Summed losses on one group of chunks."""
        return timed(lambda layer, head: self._loss(group, layer, head, self.job["d_head"]), heads, self._wait)

    def _loss(self, group: int, layer: int, head: int, width: int) -> float:
        ids, projection = self.groups[group], self._part(self.job["projection"].format(layer))
        start = head * width
        with torch.no_grad(), self.model.trace(input_ids=ids, use_cache=False):
            projection.input[..., start : start + width] = 0
            logits = self.model.output.logits.save()
        own, following = logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()
        return float(functional.cross_entropy(own, following, reduction="none").cpu().double().sum())

    def _wait(self) -> None:
        if self.device.type != "cpu":
            torch.accelerator.synchronize(self.device)

    def _part(self, path: str) -> Any:
        part: Any = self.model
        for name in path.split("."):
            part = part[int(name)] if name.isdigit() else getattr(part, name)
        return part


def _ready() -> tuple[Reply, Operations]:
    return {"version": version("nnsight"), "torch": version("torch")}, Nnsight(Path(sys.argv[1])).operations


if __name__ == "__main__":
    sys.exit(serve(_ready, Exception))
