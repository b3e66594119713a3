"""Model folders that are wrong: files that are not there, are none of theirs, or say what cannot be."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

Change = Callable[[bytes, random.Random], bytes]
FILES = TOKENIZER, CONFIG, WEIGHTS = "tokenizer.json", "config.json", "model.safetensors"


def _json(name: str, **changes: object) -> Callable[[Path, random.Random], None]:
    """Keys of a JSON file given other values; those of None are left out."""

    def change(folder: Path, _: random.Random) -> None:
        told = json.loads((folder / name).read_text())
        told = {key: value for key, value in (told | changes).items() if value is not None}
        (folder / name).write_text(json.dumps(told))

    return change


def _bytes(name: str, change: Change) -> Callable[[Path, random.Random], None]:
    return lambda folder, draw: (folder / name).write_bytes(change((folder / name).read_bytes(), draw)) and None


def _gone(name: str) -> Callable[[Path, random.Random], None]:
    return lambda folder, _: (folder / name).unlink()


def _folder_instead(name: str) -> Callable[[Path, random.Random], None]:
    def change(folder: Path, _: random.Random) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return change


def _loop(name: str) -> Callable[[Path, random.Random], None]:
    def change(folder: Path, _: random.Random) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to(folder / name)

    return change


def _header(content: bytes, draw: random.Random) -> bytes:
    """Another length of the header, or bytes in it that are none of JSON."""
    size = int.from_bytes(content[:8], "little")
    if draw.random() < 0.5:
        return (size + draw.choice((-7, 9, 10**12))).to_bytes(8, "little") + content[8:]
    at = 8 + draw.randrange(4, 60)
    return content[:at] + b"\xff\xff\xff" + content[at + 3 :]


MODELS: dict[str, Callable[[Path, random.Random], None]] = {
    **{f"no {name}": _gone(name) for name in FILES},
    **{f"a folder for {name}": _folder_instead(name) for name in FILES},
    **{f"a loop for {name}": _loop(name) for name in FILES},
    **{f"{name} empty": _bytes(name, lambda *_: b"") for name in FILES},
    **{f"{name} binary": _bytes(name, lambda _, draw: draw.randbytes(400) + b"\xff\xfe\x80") for name in FILES},
    **{f"{name} cut": _bytes(name, lambda own, draw: own[: draw.randrange(9, len(own) - 9)]) for name in FILES},
    **{f"{name} a list": _bytes(name, lambda *_: b"[1, 2]") for name in (CONFIG, TOKENIZER)},
    **{f"{name} in UTF-16": _bytes(name, lambda own, _: own.decode().encode("utf-16")) for name in (CONFIG, TOKENIZER)},
    "weights' header": _bytes(WEIGHTS, _header),
    "an unknown kind": _json(CONFIG, model_type="zebra", architectures=["ZebraForCausalLM"]),
    "no kind": _json(CONFIG, model_type=None, architectures=None),
    "layers of another number": _json(CONFIG, n_layer=50),
    "layers of no number": _json(CONFIG, n_layer="two"),
    "heads that do not divide": _json(CONFIG, n_head=7),
    "no heads": _json(CONFIG, n_head=0),
    "another width": _json(CONFIG, n_embd=128),
    "a vocabulary of another size": _json(CONFIG, vocab_size=5),
    "a negative vocabulary": _json(CONFIG, vocab_size=-3),
    "a huge width": _json(CONFIG, n_embd=10**9),
    "nan in the configuration": _json(CONFIG, n_embd=float("nan")),
    "code of its own": _json(CONFIG, auto_map={"AutoModelForCausalLM": "own.Own"}, model_type="own"),
    "a tokenizer without a model": _json(TOKENIZER, model={"type": "Nothing"}),
    "a tokenizer of another kind": _json(TOKENIZER, model=None),
}  # fmt: skip
