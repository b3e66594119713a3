"""Whole trainings: both phases, and the figures that come out of it as one labelled dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from jaxtyping import Float, Int
from torch import Tensor

from semphase.errors import SemphaseError
from semphase.science.cvfp.model.architecture import TokenBlock
from semphase.science.cvfp.model.checkpoint import Checkpoints
from semphase.science.cvfp.model.configuration import Configuration, Kind, Recipe
from semphase.science.cvfp.model.contexts import Contexts, parallel_contexts
from semphase.science.cvfp.model.embedding import Documents, TokenStream, Vocabulary, stream_of
from semphase.science.cvfp.model.phase1 import ContextRecord, TrainedContexts, initial_block, train_contexts
from semphase.science.cvfp.model.phase2 import (
    EpochRecord,
    Reading,
    TrainedTokens,
    every_prediction,
    train_tokens,
    with_contexts,
    without_contexts,
)
from semphase.science.cvfp.model.rank import GROUPS, group_products, rank_of, singular_values

HeldOut = Int[np.ndarray, "held_out held_out_position"]
SPLITS = ("training", "validation")


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """What trainings that differ in their seed alone are asked for."""

    configuration: Configuration
    recipe: Recipe
    vocabulary: Vocabulary
    streams: tuple[TokenStream, TokenStream]
    seeds: Sequence[int]
    kind: Kind
    checkpoints: Checkpoints
    advance: Callable[[int], None]


@dataclass(frozen=True, slots=True, eq=False)
class _Contexts:
    """The contexts of both splits in one training, what phase 2 reads of them, and how they came about."""

    contexts: tuple[Contexts, Float[Tensor, "held_out width"]]
    readings: tuple[Reading, Reading]
    record: ContextRecord


def train(
    configuration: Configuration,
    recipe: Recipe,
    vocabulary: Vocabulary,
    training: Documents,
    validation: HeldOut,
    *,
    seeds: Sequence[int],
    kind: Kind,
    folder: Path,
    advance: Callable[[int], None] = lambda _: None,
) -> list[xr.Dataset]:
    """Train one configuration on documents of vocabulary rows, [document, position], for each seed; a split is one stream.

    The trainings take their steps together, as one batched product each, and every one ends by its own rule; alone
    each gives the same numbers, but for the rounding of such products.

    `kind`: "fixed-point" is the protocol; "contexts" ends with phase 1 and tells nothing of predictions;
    "settled" does so too, its training contexts being a parallel iteration's, without noise; "reservoir" leaves the
    context block as it starts; "bigram" reads the last token alone and zeros for contexts, so that its token block has
    one input token whatever the configuration says.
    Training contexts are those of phase 1's last iteration, validation contexts (and a reservoir's) a parallel
    iteration's.

    Per split, by document: `…_nats` and `…_correct` (sums over `…_predicted` tokens, with the best epoch's
    parameters; the first token of a split is not predicted, any other first token of a document is). By epoch and
    split: `epoch_perplexity` and `epoch_accuracy` (0 to 1; training's as they were before each step). By iteration:
    `phase1_loss` of each term, and the `converged` share of each training document's tokens; without rows where there
    is no phase 1. `rank` by split (0 to 1), `rank_left_out` without one of up to ten groups of documents,
    `singular_values` relative to their sum; NaN for the bigram. `unseen`: validation tokens whose type is not in
    training. The attributes hold what was trained and how it ended.

    Killed trainings go on in `folder` from a state that is some seconds old at most; whoever keeps what they give takes
    it away. `advance` is told `most` + `epochs` steps in all. Raises SemphaseError for widths or documents that do not
    fit, on divergence, and where no checkpoint can be written.
    """
    _fit(configuration, vocabulary, training, validation)
    tokens = 1 if kind == "bigram" else configuration.tokens
    streams = (stream_of(vocabulary, training, tokens), stream_of(vocabulary, validation, tokens))
    checkpoints = Checkpoints(folder, _identity(configuration, recipe, vocabulary, streams, seeds, kind))
    task = _Task(configuration, recipe, vocabulary, streams, seeds, kind, checkpoints, advance)
    contexts = _contexts(task)
    if kind in ("contexts", "settled"):
        advance(recipe.epochs)
        return [_of_contexts(task, *each) for each in zip(seeds, contexts, strict=True)]
    shape = configuration.with_tokens(tokens)
    readings = zip(*(own.readings for own in contexts), strict=True)
    trained = train_tokens(
        shape, recipe, vocabulary.head, *readings, seeds=seeds, checkpoints=checkpoints, advance=advance
    )
    return [_dataset(task, shape, *each) for each in zip(seeds, contexts, trained, strict=True)]


def _fit(configuration: Configuration, vocabulary: Vocabulary, training: Documents, validation: HeldOut) -> None:
    if configuration.embedding_width != vocabulary.width:
        raise SemphaseError(
            f"{configuration.name} expects an embedding {configuration.embedding_width} wide but the vocabulary's is "
            f"{vocabulary.width}; the token block's head is tied to it, so give embedding_width = {vocabulary.width} "
            "(the context may have any width)."
        )
    for split, documents in zip(SPLITS, (training, validation), strict=True):
        if np.size(documents) < 2:
            raise SemphaseError(f"the {split} documents hold fewer than two tokens; give more of them.")


def _identity(
    configuration: Configuration,
    recipe: Recipe,
    vocabulary: Vocabulary,
    streams: tuple[TokenStream, TokenStream],
    seeds: Sequence[int],
    kind: Kind,
) -> str:
    digest = hashlib.sha256(repr((configuration, recipe, [*seeds], kind, [s.length for s in streams])).encode())
    for tensor in (vocabulary.rows, vocabulary.head, *[stream.ids for stream in streams]):
        digest.update(str(tensor.dtype).encode() + tensor.cpu().double().numpy().tobytes())
    return digest.hexdigest()


def _contexts(task: _Task) -> list[_Contexts]:
    make = {"reservoir": _reservoir, "bigram": _bigram}
    return make.get(task.kind, _fixed_point)(task)


def _fixed_point(task: _Task) -> list[_Contexts]:
    found = train_contexts(
        task.configuration, task.recipe, task.streams[0],
        seeds=task.seeds, checkpoints=task.checkpoints, advance=task.advance,
    )  # fmt: skip
    return [_settled(task, own) for own in found]


def _settled(task: _Task, found: TrainedContexts) -> _Contexts:
    training, validation = task.streams
    settled = parallel_contexts(found.block, validation, task.recipe).contexts
    own = parallel_contexts(found.block, training, task.recipe).contexts if task.kind == "settled" else found.contexts
    readings = with_contexts(found.block, training, own), with_contexts(found.block, validation, settled)
    return _Contexts((own, settled), readings, found.record)


def _reservoir(task: _Task) -> list[_Contexts]:
    task.advance(task.recipe.most)
    return [_untrained(task, seed) for seed in task.seeds]


def _untrained(task: _Task, seed: int) -> _Contexts:
    block = initial_block(task.configuration, seed, task.vocabulary.rows).requires_grad_(False)
    training, validation = (parallel_contexts(block, stream, task.recipe).contexts for stream in task.streams)
    readings = with_contexts(block, task.streams[0], training), with_contexts(block, task.streams[1], validation)
    return _Contexts((training, validation), readings, ContextRecord())


def _bigram(task: _Task) -> list[_Contexts]:
    training, validation = (without_contexts(task.configuration, stream) for stream in task.streams)
    task.advance(task.recipe.most)
    zeros = [
        task.vocabulary.rows.new_zeros(1, task.configuration.context_width).expand(len(s), -1) for s in task.streams
    ]
    return [_Contexts((zeros[0], zeros[1]), (training, validation), ContextRecord())] * len(task.seeds)


def _of_contexts(task: _Task, seed: int, contexts: _Contexts) -> xr.Dataset:
    facts = {
        "configuration": task.configuration.name, "kind": task.kind, "seed": seed, "types": len(task.vocabulary.rows),
        "iterations": contexts.record.iterations, "fixed_point_reached": int(contexts.record.reached),
    }  # fmt: skip
    return xr.merge([_iterations(task, contexts.record), _ranks(task, contexts)]).assign_attrs(facts)


def _dataset(task: _Task, shape: Configuration, seed: int, contexts: _Contexts, trained: TrainedTokens) -> xr.Dataset:
    documents = [
        _by_document(task, trained.block, reading, split)
        for reading, split in zip(contexts.readings, SPLITS, strict=True)
    ]
    own = _of_contexts(task, seed, contexts)
    known = np.unique(task.streams[0].ids.cpu().numpy())
    unseen = int((~np.isin(task.streams[1].ids.cpu().numpy(), known)).sum())
    facts = own.attrs | {
        "epochs": trained.record.epochs, "best_epoch": trained.record.best,
        "context_parameters": 0 if task.kind == "bigram" else task.configuration.context_parameters,
        "token_parameters": shape.token_parameters,
    }  # fmt: skip
    found = xr.merge([*documents, _epochs(trained.record), own])
    return found.assign(unseen=((), unseen, {"unit": "token"})).assign_attrs(facts)


def _by_document(task: _Task, block: TokenBlock, reading: Reading, split: str) -> xr.Dataset:
    nats, correct = every_prediction(block, task.recipe, task.vocabulary.head, reading)
    owner = (np.arange(reading.predicted) + 1) // reading.stream.length
    count = reading.stream.documents
    units = {"nats": "nat", "predicted": "token", "correct": "token"}
    values = {
        "nats": np.bincount(owner, nats.cpu().double().numpy(), count),
        "predicted": np.bincount(owner, minlength=count),
        "correct": np.bincount(owner, correct.cpu().numpy(), count).astype(int),
    }
    return xr.Dataset(
        {f"{split}_{name}": (f"{split}_document", values[name], {"unit": unit}) for name, unit in units.items()}
    )


def _epochs(record: EpochRecord) -> xr.Dataset:
    return xr.Dataset(
        {
            "epoch_perplexity": (("epoch", "split"), np.array(record.perplexity)),
            "epoch_accuracy": (("epoch", "split"), np.array(record.accuracy)),
        },
        coords={"split": list(SPLITS)},
    )


def _iterations(task: _Task, record: ContextRecord) -> xr.Dataset:
    documents = task.streams[0].documents
    return xr.Dataset(
        {
            "phase1_loss": (("iteration", "term"), np.array(record.losses).reshape(-1, 2)),
            "converged": (("iteration", "training_document"), np.array(record.converged).reshape(-1, documents)),
        },
        coords={"term": ["fixed point", "diversity"]},
    )


def _ranks(task: _Task, contexts: _Contexts) -> xr.Dataset:
    groups = min(GROUPS, *(stream.documents for stream in task.streams))
    values, left_out = [], []
    for stream, own in zip(task.streams, contexts.contexts, strict=True):
        each = group_products(own, stream, groups)
        total = sum(each[1:], each[0])
        values.append(singular_values(total))
        left_out.append([rank_of(singular_values(total - part)) for part in each])
    return xr.Dataset(
        {
            "rank": ("split", [rank_of(each) for each in values]),
            "rank_left_out": (("split", "group"), np.array(left_out)),
            "singular_values": (("split", "component"), np.array(values)),
        },
        coords={"split": list(SPLITS)},
    )
