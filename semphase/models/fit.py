"""Do the weights in the files fit the model that the configuration describes, one to one, as numbers?

A loader that fills what it can leaves out the rest without a word, and another model is measured under the same name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from semphase.errors import SemphaseError
from semphase.models import integrity

_FLOATS = ("F64", "F32", "F16", "BF16")
_BUFFERS = re.compile(
    r"(rotary_emb|rotary|rope)\.(inv_freq|cos_cached|sin_cached)$|(^|\.)position_ids$|\.masked_bias$|^(model\.)?decoder\.version$"
)
"""What old versions of transformers saved though no training ever moved it."""
_MASKS = re.compile(r"(attn|attention)\.(bias|causal_mask|mask)$")
_BESIDE_TEXT = re.compile(r"(^|\.)(vision|visual|image|audio|speech|multi_modal|mm|embed_vision|embed_audio)(_\w+)?\.")
_SENSES = re.compile(r"(vision|visual|image|audio|speech)_config")


def require_numbers(folder: Path, files: Iterable[Path]) -> None:
    """SemphaseError for weights that are no plain floating-point numbers and come without word of how to read them."""
    config = integrity.read_json(folder / "config.json")
    if config.get("quantization_config"):
        return  # transformers reads them by it, or says why not
    for name, entry in _tensors(files).items():
        if entry["dtype"] not in _FLOATS and not _is_buffer(name, entry["shape"]):
            raise SemphaseError(
                f"the weights in {folder} are packed numbers ({name} is of the type {entry['dtype']}) and config.json has "
                "no quantization_config that says how to read them; store them as float32, float16 or bfloat16"
            )


def require_fit(module: PreTrainedModel, notes: Mapping[str, Any], folder: Path) -> None:
    """SemphaseError if loading, by its notes, left a part of the module without weights or weights without a part."""
    lost = {*notes["missing_keys"], *(str(key[0]) for key in notes["mismatched_keys"])}
    if lost:
        raise SemphaseError(f"the weights in {folder} do not fit its configuration: {listed(lost)}")
    if left := _left_over(notes["unexpected_keys"], folder):
        raise SemphaseError(
            f"the weights in {folder} hold {listed(left)}, which the model that config.json describes has no part for; "
            "correct config.json, or remove what is not to be measured"
        )
    if untied := _untied(module):
        raise SemphaseError(
            f"the weights in {folder} hold {listed(untied)} apart from the embedding, and config.json ties the two; "
            "set tie_word_embeddings to false, or remove the copy"
        )
    _require_unpacked(module, folder)


def listed(names: Collection[str], most: int = 3) -> str:
    """The first few of some names, and how many more there are."""
    shown, more = sorted(names)[:most], len(names) - most
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _left_over(names: Collection[str], folder: Path) -> list[str]:
    """What no part takes, but for buffers that every version drops and the other senses of a model read for its text."""
    if not names:
        return []
    shapes = {name: entry["shape"] for name, entry in _tensors(integrity.weight_files(folder)).items()}
    beside = any(map(_SENSES.fullmatch, integrity.read_json(folder / "config.json")))
    return [
        name
        for name in names
        if not _is_buffer(name, _shape(name, shapes)) and not (beside and _BESIDE_TEXT.search(name))
    ]


def _shape(name: str, shapes: Mapping[str, list[int]]) -> list[int]:
    """Of a tensor that transformers may have given a prefix or freed of one."""
    own = (shape for known, shape in shapes.items() if known.endswith(name) or name.endswith(known))
    return next(own, [])


def _is_buffer(name: str, shape: list[int]) -> bool:
    is_mask = len(shape) == 4 and shape[:2] == [1, 1] and shape[2] == shape[3]
    return bool(_BUFFERS.search(name)) or (is_mask and bool(_MASKS.search(name)))


def _untied(module: PreTrainedModel) -> set[str]:
    """Weights that the configuration ties to others and that the files hold with other values."""
    return set(module.get_expanded_tied_weights_keys(all_submodels=True)) - set(module.all_tied_weights_keys)


def _require_unpacked(module: PreTrainedModel, folder: Path) -> None:
    for name, weight in module.named_parameters():
        if not weight.is_floating_point() or weight.dtype.itemsize < 2:
            raise SemphaseError(
                f"the weights in {folder} stay quantised when they are read ({name} is {weight.dtype}); "
                "dequantise them first"
            )


def _tensors(files: Iterable[Path]) -> dict[str, dict[str, Any]]:
    return {name: entry for path in files for name, entry in integrity.tensors(path).items()}
