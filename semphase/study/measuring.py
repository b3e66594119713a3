"""Measurements of a study, made once: the key, and what a function returns as the store holds it and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sized
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Int

from semphase.code import value_identity
from semphase.data.corpus import Corpus
from semphase.data.lexicon import Lexicon
from semphase.data.prompts import Prompts
from semphase.errors import SemphaseError
from semphase.measure.halving import within_memory
from semphase.measure.locating import items_of
from semphase.measure.measurement import Measurement, installed
from semphase.models import Model
from semphase.models.remembered import remembered
from semphase.models.tokens import specials_in
from semphase.study.owner import Owner
from semphase.study.subject import Trained

KIND = "returned"
VALUES = "measured"


def measured(study: Owner, function: Measurement[..., Any], data: Any, parameters: Mapping[str, Any]) -> Any:
    """The function's result for the study's model, from the store where it is there."""
    if not isinstance(function, Measurement):
        raise SemphaseError(
            f"{getattr(function, '__name__', function)!r} is not a measurement; declare it with "
            "@measurement(version=1)."
        )

    def measure() -> xr.Dataset:
        steps = len(data) if isinstance(data, Sized) else None
        shown = steps if function.takes_advance else 1
        with study.progress(f"{function.name} of {study.label}", shown) as advance:
            told = {"advance": advance} if function.takes_advance else {}
            with within_memory(study.model):
                found = function(study.model, data, **parameters, **told)
            if not function.takes_advance:
                advance(1)
        return as_dataset(found, function.name)

    return as_returned(study.store.get(measurement_key(study, function, data, parameters), measure))


def token_ids(study: Owner, corpus: Corpus) -> Int[np.ndarray, " token"]:
    """The ids of a corpus's tokens, kept by tokenizer and text: a long text is split in seconds, at each start."""
    model = study.tokenizing_model
    key = {"measurement": "token_ids", "version": 1, "data": data_identity(study, corpus)}
    made_by = {package: installed(package) for package in ("tokenizers", "transformers")}
    found: np.ndarray = as_returned(
        study.store.get(key | made_by, lambda: as_dataset(np.asarray(model.encode(corpus.text)), "token_ids"))
    )
    return found


def measurement_key(
    study: Owner, function: Measurement[..., Any], data: Any, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """The store's key of a measurement on data."""
    return function.key(study.subject.identity, data_identity(study, data), parameters)


def data_identity(study: Owner, data: Any) -> str | None:
    """SHA-256 of all that a measurement sees of its data; texts count as the model's tokenizer splits them."""
    if data is None:
        return None
    told = json.dumps(_named(study, data), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(told.encode()).hexdigest()


def _named(study: Owner, data: Any) -> Any:
    model = study.tokenizing_model
    if isinstance(data, tuple | list):
        return [_named(study, part) for part in data]
    if isinstance(data, Prompts):
        return {"prompts": data.sha256, "seen": items_of(model, data).identity}
    if isinstance(data, Model):
        return Trained(data).identity
    if isinstance(data, Corpus):
        named = {"corpus": hashlib.sha256(data.text.encode()).hexdigest(), "tokenizer": tokenizer_hash(model)}
        # Stores may hold what was measured when these were read as special tokens.
        return named | ({"as text": specials} if (specials := specials_in(model, data.text)) else {})
    if isinstance(data, str | Lexicon):
        return [value_identity(data), tokenizer_hash(model)]
    return value_identity(data)


@remembered
def tokenizer_hash(model: Model) -> str:
    """SHA-256 of what decides how a text becomes tokens."""
    tokenizer = model.tokenizer
    inner = getattr(tokenizer, "backend_tokenizer", None)
    told = inner.to_str() if inner is not None else json.dumps(tokenizer.get_vocab(), sort_keys=True)
    return hashlib.sha256(f"{told} {model.prepend_bos}".encode()).hexdigest()


def as_dataset(found: Any, name: str) -> xr.Dataset:
    """What a measurement returned, as the store holds it; SemphaseError, naming the measurement, for another kind."""
    match found:
        case xr.Dataset():
            made = found.assign_attrs({KIND: "dataset"})
        case xr.DataArray():
            told = {KIND: "array with labels", "name": "" if found.name is None else str(found.name)}
            made = found.rename(VALUES).to_dataset().assign_attrs(told)
        case Mapping():
            parts = {str(part): _array(value, f"{name}[{part!r}]") for part, value in found.items()}
            made = xr.Dataset({part: _dims(part, value) for part, value in parts.items()}, attrs={KIND: "arrays"})
        case _:
            made = xr.Dataset({VALUES: _dims(VALUES, _array(found, name))}, attrs={KIND: "array"})
    _require_storable(made, name)
    return made


def as_returned(stored: xr.Dataset) -> Any:
    """What the measurement returned, read back."""
    kind = stored.attrs.get(KIND)
    if kind == "array":
        return stored[VALUES].values
    if kind == "arrays":
        return {str(part): stored[part].values for part in stored.data_vars}
    if kind == "array with labels":
        return stored[VALUES].rename(stored.attrs["name"] or None)
    return stored


def _dims(part: str, value: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    return tuple(f"{part}_{axis}" for axis in range(value.ndim)), value


def _array(value: Any, name: str) -> np.ndarray:
    """A tensor, an array or a number as an array; SemphaseError for anything else."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = (value.float() if "bfloat16" in str(value.dtype) else value).numpy()
    if not isinstance(value, np.ndarray | np.generic | bool | int | float):
        raise SemphaseError(
            f"the measurement {name} returned {_article(type(value).__name__)}; return an array, a DataArray, a "
            "Dataset or a dict of arrays."
        )
    return np.asarray(value)


def _article(kind: str) -> str:
    return "nothing" if kind == "NoneType" else f"an object of the type {kind}"


def _require_storable(made: xr.Dataset, name: str) -> None:
    stacked = [str(dim) for dim in made.indexes if made.indexes[dim].nlevels > 1]
    if stacked:
        raise SemphaseError(
            f"the measurement {name} returned the coordinate {stacked[0]!r} with several levels, which a file of arrays "
            f"cannot hold; return it with reset_index({stacked[0]!r})."
        )
    for part, values in made.variables.items():
        texts = values.dtype.kind == "O" and all(isinstance(value, str) for value in values.values.flat)
        if values.dtype.kind not in "biufUM" and not texts:
            raise SemphaseError(
                f"the measurement {name} returned {values.dtype} values as {part!r}, which a file of arrays cannot "
                "hold; return real numbers, booleans or texts."
            )
    _require_plain_attributes(made, name)


def _require_plain_attributes(made: xr.Dataset, name: str) -> None:
    attributes = [made.attrs, *(values.attrs for values in made.variables.values())]
    for part in attributes:
        for attribute, value in part.items():
            if isinstance(value, bool) or not isinstance(
                value, str | int | float | np.ndarray | np.number | list | tuple
            ):
                raise SemphaseError(
                    f"the measurement {name} returned the attribute {attribute!r} with {value!r}, which a file of "
                    "arrays cannot hold; use texts and numbers."
                )
