"""Runs of transformers' `generate` and of the engine in turns, on the same weights and prompts."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from generation_results import PLAIN, THEIRS, Results, Row
from jaxtyping import Int
from torch import Tensor

from semphase.data.corpus import sources
from semphase.errors import SemphaseError
from semphase.machine import hardware
from semphase.measure.edit_base import Edit
from semphase.measure.edits import zeroed
from semphase.measure.generation import Decoding, generated
from semphase.measure.items import Items
from semphase.measure.sites import heads
from semphase.measure.text import text_chunks
from semphase.measure.wiring import form
from semphase.models import Model, load
from semphase.progress import progress

LINEAR = "identity"
TIE = 1e-3
"""Tokens whose log p differ by less, in nats, are as likely as each other: rounding may choose."""
Method = Callable[[], Int[Tensor, "row token"]]


def measured(options: Namespace, told: Callable[[Sequence[Row]], None]) -> Results:
    """Everything that the options ask for; `told` gets the rows of some prompts as soon as they are known."""
    model = load(options.model, device="cpu", processing="raw")
    corpus = sources.load(options.corpus) if options.corpus else sources.default_corpus(options.model)[0]
    settings: Any = model.module.generation_config
    # No token ends a text, for either: what has no such id cannot be generated.
    settings.eos_token_id, settings.pad_token_id = model.vocabulary, 0
    clock, rows, same = Clock(model), [], 0
    contexts = list(dict.fromkeys(min(context, model.context - options.tokens) for context in options.contexts))
    for count in options.rows:
        for context in contexts:
            found, equal = _compared(model, clock, _prompts(model, corpus, count, context), options)
            told(found)
            rows += found
            same += equal
    facts = {
        "model": model.name, "parameters": model.parameters, "layers": model.layers, "heads": model.heads,
        "corpus": corpus.name, "tokens": options.tokens, "repeats": options.repeats,
        "same": same, "texts": sum(options.rows) * len(contexts),
        "attention": model.module.config._attn_implementation,
        "torch": torch.__version__, "threads": torch.get_num_threads(),
    }  # fmt: skip
    return Results(facts, hardware(), rows)


class Clock:
    """Times a run: the prompts' pass up to where the first token is read, and what comes behind it."""

    def __init__(self, model: Model) -> None:
        self._later: list[float] = []
        model.module.base_model.register_forward_pre_hook(self._seen, with_kwargs=True)

    def _seen(self, _part: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if (args[0] if args else kwargs["input_ids"]).shape[1] == 1:
            self._later.append(time.perf_counter())

    def time(self, method: Method) -> tuple[float, float, Int[Tensor, "row token"]]:
        """Seconds of the prompts' pass and of the rest, and the tokens."""
        self._later.clear()
        begun = time.perf_counter()
        found = method()
        ended = time.perf_counter()
        return self._later[0] - begun, ended - self._later[0], found


def _prompts(model: Model, corpus: sources.Corpus, count: int, context: int) -> Int[Tensor, "row position"]:
    wanted = max(2, count) * context
    ids = text_chunks(model, corpus.text, wanted, name=f"the corpus {corpus.name}", length=context)
    sources.require_tokens(corpus, ids.size, wanted)
    return torch.from_numpy(ids[:count]).long()


def _compared(
    model: Model, clock: Clock, ids: Int[Tensor, "row position"], options: Namespace
) -> tuple[list[Row], int]:
    """A row for each method, and how many texts are the same to the last token."""
    methods: dict[str, Method] = {THEIRS: lambda: _theirs(model, ids, options.tokens)}
    for name, edits in _edits(model).items():
        methods[name] = lambda edits=edits: _ours(model, ids, edits, options.tokens)  # type: ignore[misc]
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in methods}
    label = f"{ids.shape[0]} × {ids.shape[1]:,} tokens"
    with progress(label, total=2 + options.repeats * len(methods)) as advance:
        same = _agreeing(model, ids, methods[THEIRS](), methods[PLAIN]())
        advance(2)
        for turn in range(options.repeats):
            # In turn, forwards and backwards, so that none always follows the same one.
            for name in list(methods)[:: -1 if turn % 2 else 1]:
                runs[name].append(clock.time(methods[name])[:2])
                advance(1)
    return [Row(name, *ids.shape, options.tokens, tuple(own)) for name, own in runs.items()], same


def _edits(model: Model) -> dict[str, tuple[Edit, ...]]:
    """The engine as it is, without a third of the heads, and with a tenth of them linear; drawn over all layers."""
    pairs = [(layer, head) for layer in range(model.layers) for head in range(model.heads)]
    order = [pairs[number] for number in np.random.default_rng(0).permutation(len(pairs))]
    third, tenth = max(1, len(pairs) // 3), max(1, len(pairs) // 10)
    return {
        PLAIN: (),
        "engine, ⅓ zeroed": (zeroed(heads(order[:third])),),
        "engine, ⅒ linear": (form(heads(order[:tenth]), LINEAR),),
    }


def _theirs(model: Model, ids: Int[Tensor, "row position"], tokens: int) -> Int[Tensor, "row token"]:
    module: Any = model.module
    asked = {"max_new_tokens": tokens, "do_sample": False, "use_cache": True}
    found: Tensor = module.generate(ids, attention_mask=torch.ones_like(ids), **asked)
    return found[:, ids.shape[1] :]


def _ours(
    model: Model, ids: Int[Tensor, "row position"], edits: Sequence[Edit], tokens: int
) -> Int[Tensor, "row token"]:
    found = generated(model, Items.of(ids.tolist()), edits=edits, decoding=Decoding(tokens), advance=lambda _: None)
    return torch.from_numpy(found["token"].values[:, 0])


def _agreeing(
    model: Model, ids: Int[Tensor, "row position"], theirs: Int[Tensor, "row token"], ours: Int[Tensor, "row token"]
) -> int:
    """How many texts are the same; SemphaseError where two differ at a token that is no tie."""
    apart = [row for row in range(len(ids)) if not torch.equal(theirs[row], ours[row])]
    for row in apart:
        step = int((theirs[row] != ours[row]).int().argmax())
        with torch.no_grad():
            logits = model.module(torch.cat([ids[row], ours[row, :step]])[None]).logits[0, -1]
        gap = float((logits[theirs[row, step]] - logits[ours[row, step]]).abs())
        if gap > TIE:
            raise SemphaseError(
                f"the engine and transformers give different tokens behind prompt {row}, at step {step}, {gap:.2g} nats "
                "apart; the engine is wrong, and its speed means nothing."
            )
    return len(ids) - len(apart)
