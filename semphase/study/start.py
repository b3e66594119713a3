"""Is a model read with the start that it was trained on? A notice where a BOS token, or none, would suit it better."""

from __future__ import annotations

import math

import torch
import xarray as xr

from semphase.errors import SemphaseError
from semphase.measure.starts import perplexities
from semphase.measure.text import chunk_length, leading_tokens
from semphase.models.model import bos_token
from semphase.study.study import Study

WORSE = 1.1
"""How many times the perplexity of the other start is worth a word; attention uses any first token, so a little is usual."""


def start_notice(study: Study) -> str | None:
    """What one chunk of the text says about the start, in perplexity; None where it suits, or was asked for."""
    model = study.model
    if model.bos != "default" or model.tokenizer.bos_token_id is None:
        return None
    try:
        bos = bos_token(model.module, model.tokenizer)
    except SemphaseError:
        return None
    ids = leading_tokens(model.encode, study.corpus.text, chunk_length(model))
    tokens = torch.tensor(ids[int(model.prepend_bos) :][: chunk_length(model) - 1])
    if len(tokens) < 2:
        return None

    def measure() -> xr.Dataset:
        bare, begun = perplexities(model, tokens, bos)
        return xr.Dataset({"bare": bare, "begun": begun})

    found = study.store.get(study.text.key("start", tokens[None], bos=bos), measure)
    bare, begun = float(found["bare"]), float(found["begun"])
    own, other = (begun, bare) if model.prepend_bos else (bare, begun)
    if not own > WORSE * other or not math.isfinite(other):
        return None
    having, lacking, option = ("with", "without", "no") if model.prepend_bos else ("without", "with", "yes")
    return (
        f"{model.name} is read {having} a BOS token: on one chunk of {study.corpus.name} its perplexity is {own:.3g} so "
        f"and {other:.3g} {lacking} one; read it that way with --bos {option}"
    )
