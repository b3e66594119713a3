"""A whole training: what it learns of planted languages, what its dataset says, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from semphase.errors import SemphaseError
from semphase.science.cvfp.model import Configuration, Recipe, agreement, cache_times, effective_rank, normalised, train
from semphase.science.cvfp.model.checkpoint import Checkpoints
from semphase.science.cvfp.model.phase1 import initial_block
from semphase.science.cvfp.model.phase2 import with_contexts as original

SHAPE = Configuration(1, 1, 16, 16)
BRIEF = Recipe(most=6, epochs=3, token_batch=64, context_batch=100)
# Enough steps for 2,000 tokens to be learnt by heart.
LEARN = Recipe(most=20, token_batch=50, token_rate=1e-2, patience=20)


def language(kind, documents=50, length=40):
    """Cycles: in "bigram" each token has one successor; in "trigram" type 0 has two, told apart by the one before."""
    cycle = {"bigram": [0, 1, 2, 3, 4], "trigram": [0, 1, 0, 2]}[kind]
    return np.resize(cycle, documents * length).reshape(documents, length)


def trained(tmp_path, kind, documents, validation, vocabulary, shape=SHAPE, recipe=LEARN, **options):
    options = {"seeds": [1], "advance": lambda _: None, "folder": tmp_path / "checkpoints"} | options
    return train(shape, recipe, vocabulary, documents, validation, kind=kind, **options)[0]


def perplexity(found, split="validation"):
    return float(np.exp(found[f"{split}_nats"].sum() / found[f"{split}_predicted"].sum()))


@pytest.mark.parametrize("kind", ["fixed-point", "reservoir", "bigram"])
def test_all_kinds_learn_where_the_last_token_suffices(tmp_path, vocabulary, kind):
    text = language("bigram")
    found = trained(tmp_path, kind, text[:40], text[40:], vocabulary)
    assert 1 <= perplexity(found) < 1.05
    assert float(found["validation_correct"].sum()) == float(found["validation_predicted"].sum())


@pytest.mark.parametrize("kind", ["fixed-point", "bigram"])
def test_only_contexts_know_the_token_before_the_last(tmp_path, vocabulary, kind):
    text, wide = language("trigram"), replace(SHAPE, context_width=64)
    found = trained(tmp_path, kind, text[:40], text[40:], vocabulary, wide)
    if kind == "fixed-point":
        assert perplexity(found) < 1.05
    else:
        # Half of the tokens are 0, whose successors are equally likely: √2 at best.
        assert perplexity(found) == pytest.approx(2**0.5, rel=0.03)


def test_the_bigram_reads_one_token_whatever_the_configuration(tmp_path, vocabulary):
    text = language("trigram")
    one = trained(tmp_path, "bigram", text[:40], text[40:], vocabulary, recipe=BRIEF)
    three = trained(tmp_path, "bigram", text[:40], text[40:], vocabulary, replace(SHAPE, tokens=3), BRIEF)
    xr.testing.assert_equal(one, three)
    assert one.attrs["token_parameters"] == three.attrs["token_parameters"]


def test_the_dataset_says_what_was_trained(tmp_path, vocabulary, documents):
    told = []
    found = trained(
        tmp_path, "fixed-point", documents[:8], documents[8:], vocabulary, recipe=BRIEF, advance=told.append
    )
    assert sum(told) == BRIEF.most + BRIEF.epochs
    assert dict(found.sizes) == {
        "training_document": 8, "validation_document": 4, "epoch": found.attrs["epochs"], "split": 2,
        "iteration": found.attrs["iterations"], "term": 2, "group": 4, "component": 16,
    }  # fmt: skip
    assert found["training_predicted"].values.tolist() == [19, *[20] * 7]
    assert found["validation_predicted"].values.tolist() == [19, 20, 20, 20]
    best = found["epoch_perplexity"].sel(split="validation").min()
    # Means of float32 numbers near 15, in an exponent.
    assert perplexity(found) == pytest.approx(float(best), rel=1e-5)
    assert found.attrs | {"configuration": "1L-16d-1tok", "kind": "fixed-point", "seed": 1} == found.attrs
    assert found.attrs["context_parameters"] == SHAPE.context_parameters
    known = set(documents[:8].flatten())
    assert int(found["unseen"]) == sum(token not in known for token in documents[8:].flatten())
    assert not (tmp_path / "checkpoints").exists()
    path = tmp_path / "found.nc"
    found.to_netcdf(path, engine="h5netcdf")
    xr.testing.assert_identical(xr.load_dataset(path, engine="h5netcdf"), found)


def test_kinds_without_phase_1_can_be_stored_too(tmp_path, vocabulary, documents):
    for kind in ("reservoir", "bigram"):
        found = trained(tmp_path, kind, documents[:8], documents[8:], vocabulary, recipe=BRIEF)
        assert found.sizes["iteration"] == 0
        assert bool(found["rank"].isnull().all()) == (kind == "bigram")
        found.to_netcdf(tmp_path / "found.nc", engine="h5netcdf")
        assert xr.load_dataset(tmp_path / "found.nc", engine="h5netcdf").equals(found)


def test_a_reservoir_is_the_block_as_it_starts(tmp_path, vocabulary, documents, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "semphase.science.cvfp.model.training.with_contexts",
        lambda block, stream, contexts: seen.append((block, contexts)) or original(block, stream, contexts),
    )
    found = trained(tmp_path, "reservoir", documents[:8], documents[8:], vocabulary, recipe=BRIEF)
    fresh = initial_block(SHAPE, 1, vocabulary.rows)
    for block, _ in seen:
        assert all(torch.equal(a, b) for a, b in zip(block.parameters(), fresh.parameters(), strict=True))
    np.testing.assert_allclose(found["rank"], [effective_rank(contexts) for _, contexts in seen], rtol=1e-9)
    assert found.attrs["iterations"] == 0


def test_the_rank_without_a_group_is_that_of_the_other_documents(tmp_path, vocabulary, documents, monkeypatch):
    kept = []
    monkeypatch.setattr(
        "semphase.science.cvfp.model.training.with_contexts",
        lambda block, stream, contexts: kept.append(contexts) or original(block, stream, contexts),
    )
    found = trained(tmp_path, "fixed-point", documents[:8], documents[8:], vocabulary, recipe=BRIEF)
    without = torch.cat([kept[0][:40], kept[0][80:]])
    assert float(found["rank_left_out"].sel(split="training")[1]) == pytest.approx(effective_rank(without), rel=1e-9)


def test_numbers_do_not_depend_on_pieces_of_the_vocabulary(tmp_path, vocabulary, documents):
    whole, pieces = (
        trained(tmp_path, "fixed-point", documents[:8], documents[8:], vocabulary, recipe=recipe)
        for recipe in (BRIEF, replace(BRIEF, vocabulary_chunk=7))
    )
    # Losses of some ten Adam steps of 1e-3 whose gradients are summed in another order.
    np.testing.assert_allclose(whole["validation_nats"], pieces["validation_nats"], rtol=1e-4)


def test_a_width_that_does_not_fit_the_embedding_is_refused(tmp_path, vocabulary, documents):
    with pytest.raises(
        SemphaseError, match=r"an embedding 12 wide but the vocabulary's is 16; .* embedding_width = 16"
    ):
        trained(tmp_path, "fixed-point", documents, documents, vocabulary, replace(SHAPE, embedding_width=12))


def test_contexts_of_another_width_than_the_embedding_are_trained(tmp_path, vocabulary, documents):
    shape = Configuration(3, 2, 16, 32)
    found = trained(tmp_path, "fixed-point", documents[:8], documents[8:], vocabulary, shape, BRIEF)
    assert found.sizes["component"] == 32
    assert np.isfinite(perplexity(found))


def test_more_input_tokens_than_a_document_has_are_refused(tmp_path, vocabulary, documents):
    with pytest.raises(SemphaseError, match="21 input tokens are more than the 20 tokens"):
        trained(tmp_path, "fixed-point", documents, documents, vocabulary, replace(SHAPE, tokens=21))


def test_validation_of_a_single_token_is_refused(tmp_path, vocabulary, documents):
    with pytest.raises(SemphaseError, match="the validation documents hold fewer than two tokens"):
        trained(tmp_path, "fixed-point", documents, documents[:1, :1], vocabulary)


class Most(TorchDispatchMode):
    """The largest tensor of numbers (not of token ids) that is made inside."""

    def __init__(self):
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        leaves = [t for t in tree_leaves(made) if isinstance(t, torch.Tensor) and t.is_floating_point()]
        self.numbers = max([self.numbers, *[t.numel() for t in leaves]])
        return made


def test_memory_grows_by_the_contexts_alone(tmp_path):
    """No tensor is larger than the contexts of all tokens, although layers, inputs and logits of all tokens would be."""
    rows = torch.randn(300, 16, generator=torch.Generator().manual_seed(0))
    vocabulary, shape = normalised(rows, np.arange(300)), Configuration(3, 4, 16, 16)
    text = np.random.default_rng(0).integers(300, size=(100, 40))
    recipe = replace(BRIEF, most=5, epochs=1, vocabulary_chunk=64)
    with Most() as most:
        trained(tmp_path, "fixed-point", text[:90], text[90:], vocabulary, shape, recipe)
    assert most.numbers == 3600 * 16


LIMITED = """
import resource, sys
from pathlib import Path
import numpy as np, torch
from semphase.science.cvfp.model import Configuration, Recipe, normalised, train
from semphase.errors import SemphaseError
from semphase.science.cvfp.model.checkpoint import Checkpoints
Checkpoints.due = lambda *_: True  # a brief training writes none otherwise
rows = torch.randn(40, 16, generator=torch.Generator().manual_seed(0))
text = np.random.default_rng(0).integers(40, size=(12, 20))
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    train(Configuration(1, 1, 16, 16), Recipe(), normalised(rows, np.arange(40)), text[:8], text[8:],
          seeds=[1], kind="fixed-point", folder=Path(sys.argv[1]))
except SemphaseError as problem:
    print(problem)
"""


@pytest.mark.slow
def test_no_space_for_a_checkpoint_is_one_sentence(tmp_path):
    done = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path / "full")], capture_output=True, text=True)
    assert done.stdout.startswith("the checkpoint of phase 1 cannot be written to "), done.stderr
    assert done.stdout.endswith("free some space or choose another store with --store.\n")
    assert done.stdout.count("\n") == 1


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path, vocabulary, documents, monkeypatch):
    monkeypatch.setattr(Checkpoints, "due", lambda *_: True)
    (tmp_path / "file").write_text("")
    with pytest.raises(SemphaseError, match="the checkpoint of phase 1 cannot be written"):
        trained(tmp_path, "fixed-point", documents, documents, vocabulary, folder=tmp_path / "file")


def test_agreement_at_every_position(vocabulary, documents):
    found = agreement(Configuration(2, 2, 16, 16), Recipe(), vocabulary, documents, seed=1)
    assert dict(found.sizes) == {"form": 2, "position": 240}
    assert bool((found["cosine"] <= 1 + 1e-6).all())
    # The evaluated contexts lack the noise and the last step; nothing but the iteration's end parts them.
    assert float(found["cosine"].sel(form="evaluated").mean()) >= float(found["cosine"].sel(form="phase 1").mean())
    assert float(found["squared_error"].sel(form="phase 1").max()) > 0


def test_cache_times_are_of_equal_outputs(vocabulary, documents):
    found = cache_times(Configuration(2, 2, 16, 16), BRIEF, vocabulary, documents, seed=1, repeats=2)
    assert dict(found.sizes) == {"form": 3, "repeat": 2, "training_document": 12}
    assert bool((found["seconds"] > 0).all())
    assert float(found["largest_difference"].max()) < 1e-5


def test_trainings_side_by_side_are_single_ones_and_end_each_on_its_own(tmp_path, documents):
    """In float64, so that what rounding does to a training is small beside what another seed does."""
    rows = torch.randn(40, 16, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    recipe = Recipe(most=30, converged=0.2, epochs=30, token_batch=64, context_batch=100, token_rate=3e-2)
    split = documents[:8], documents[8:], normalised(rows, np.arange(40))
    shape, seeds = Configuration(2, 2, 16, 16), [1, 2, 3]
    together = train(shape, recipe, split[2], *split[:2], seeds=seeds, kind="fixed-point", folder=tmp_path / "together")
    for seed, own in zip(seeds, together, strict=True):
        alone = trained(tmp_path, "fixed-point", *split, shape, recipe, seeds=[seed])
        assert own.attrs == alone.attrs
        # Steps of Adam pass rounding on, at most some thousandfold in so few.
        xr.testing.assert_allclose(own, alone, rtol=1e-6)
    ends = {(own.attrs["iterations"], own.attrs["epochs"]) for own in together}
    assert len(ends) > 1
