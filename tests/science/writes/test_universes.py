"""Writes in universes: what each does otherwise, against dense algebra and forward passes of the model itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hooks import passes
from torch.nn import functional

from semphase.errors import NotApplicable
from semphase.measure.text import with_other_start
from semphase.models import Model
from semphase.science.writes import spectra, sums
from semphase.science.writes.facet import INDIVIDUAL, SHARED, Writes
from semphase.study import Study
from semphase.verdict.universes import universe

Studies = Callable[..., Study]


def within(study: Study, name: str) -> Writes:
    return study.in_universe(universe(name)).facet(Writes)


def written(writes: Writes) -> np.ndarray:
    """Δφ at the positions that moments are taken over, [layer, position, d]."""
    found: list[list[np.ndarray]] = [[] for _ in range(writes.layers)]
    for ids in writes.rows:
        sums._watch(
            writes.study.model,
            np.asarray(ids),
            range(writes.layers),
            ("all",),
            lambda layer, _part, write: found[layer].append(write.numpy()),
        )
    return np.stack([np.concatenate(rows) for rows in found])


def test_a_covariance_that_is_not_centred_is_the_mean_square(study_of: Studies, random_gpt2: Model) -> None:
    writes = within(study_of(random_gpt2), "covariance not centred")
    dense = written(writes)
    values = np.linalg.eigvalsh(dense.transpose(0, 2, 1) @ dense / writes.positions)[:, ::-1]
    np.testing.assert_allclose(
        writes.spectra.layers[0, spectra.WITH_FIRST], values, rtol=1e-6, atol=1e-6 * values.max()
    )
    pooled = np.linalg.eigvalsh(np.concatenate(dense).T @ np.concatenate(dense) / dense[..., 0].size)[::-1]
    np.testing.assert_allclose(
        writes.spectra.shared[0, spectra.WITH_FIRST, spectra.RAW], pooled, rtol=1e-6, atol=1e-6 * pooled.max()
    )
    assert not writes.bases.mean.any()
    assert not writes.bases.shared_mean.any()
    for layer, basis in enumerate(writes.bases.individual.double().numpy()):
        np.testing.assert_allclose(
            np.square(dense[layer] @ basis).mean(axis=0), values[layer], rtol=1e-4, atol=1e-4 * values[layer, 0]
        )


def test_norms_about_the_mean_are_what_varies(study_of: Studies, random_gpt2: Model) -> None:
    study = study_of(random_gpt2)
    dense = written(study.facet(Writes))
    wanted = np.sqrt(dense.var(axis=1).sum(axis=-1))
    with passes(random_gpt2) as entered:
        study.facet(Writes).spectra  # noqa: B018
        measured = len(entered)
        found = within(study, "norms about the mean").spectra
    assert measured == len(entered) > 0
    np.testing.assert_allclose(found.norm[0, spectra.WITH_FIRST], wanted, rtol=1e-6)


def test_growth_by_pearson_is_that_of_the_norms(study_of: Studies, random_gpt2: Model) -> None:
    deep = study_of(random_gpt2)
    norms = deep.facet(Writes).spectra.norm[0, spectra.WITH_FIRST, 1:]
    found = within(deep, "Pearson").growth()
    assert found.value == pytest.approx(np.sign(norms[1] - norms[0]))  # of two layers


def test_position_0_writes_as_it_does_where_it_is_left_out(study_of: Studies, random_gpt2: Model) -> None:
    """What follows the first token hangs on that token alone: its loss is the model's own."""
    writes = within(study_of(random_gpt2), "position 0 left out")
    ids = torch.from_numpy(writes.study.text.chunks("judge")[:2])
    with torch.no_grad():
        logits = random_gpt2.module(ids).logits[:, :-1]
    whole = functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")
    means, bases = writes.in_basis(INDIVIDUAL)
    kept, changed = (sums.low_rank_losses(random_gpt2, ids, means, bases[..., :2], start=start) for start in (1, 0))
    np.testing.assert_allclose(kept[:, 0], whole[:, 0], atol=1e-5)
    assert bool(((changed[:, 0] - whole[:, 0]).abs() > 1e-3).all())
    found = writes.losses(INDIVIDUAL, 2)
    assert found.sums[0] == pytest.approx(float(kept[0].double().sum()), rel=1e-5)
    assert found.sums[0] != writes.study.base.facet(Writes).losses(INDIVIDUAL, 2).sums[0]


def test_bases_without_position_0_are_of_the_others(study_of: Studies, random_gpt2: Model) -> None:
    writes = within(study_of(random_gpt2), "position 0 left out")
    others = np.concatenate([np.arange(len(row)) > 0 for row in writes.rows])
    dense = written(writes)[:, others]
    np.testing.assert_allclose(writes.bases.mean, dense.mean(axis=1), atol=1e-4)
    values = writes.spectra.layers[0, writes.read]
    for layer, basis in enumerate(writes.bases.individual.double().numpy()):
        np.testing.assert_allclose(
            (dense[layer] @ basis).var(axis=0), values[layer], rtol=1e-3, atol=1e-3 * values.max()
        )


def test_held_out_positions_are_the_other_half_s(study_of: Studies, random_gpt2: Model) -> None:
    study = study_of(random_gpt2)
    writes = within(study, "held-out positions")
    rows = sums.leading_rows(study.text.chunks("judge"))
    there = sums.cosine_sums(random_gpt2, rows, *study.facet(Writes).in_basis(SHARED), writes.grid)
    k = writes.grid[1]
    mean = there.cosine.sum(dim=0).mean(dim=0)[1] / there.count.sum()
    assert writes.cosine(SHARED, k).value == pytest.approx(float(mean))
    assert writes.cosine(SHARED, k).value != study.facet(Writes).cosine(SHARED, k).value


def test_cosines_without_position_0_are_of_the_others(study_of: Studies, random_gpt2: Model) -> None:
    writes = within(study_of(random_gpt2), "position 0 left out")
    dense, k = written(writes), writes.grid[2]
    others = np.concatenate([np.arange(len(row)) > 0 for row in writes.rows])
    means, bases = (part.double().numpy() for part in writes.in_basis(INDIVIDUAL))
    made = [
        mean + (own - mean) @ basis[:, :k] @ basis[:, :k].T
        for own, mean, basis in zip(dense, means, bases, strict=True)
    ]
    lengths = np.linalg.norm(dense, axis=-1) * np.linalg.norm(made, axis=-1)
    cosines = np.sum(dense * np.array(made), axis=-1) / lengths
    assert writes.cosine(INDIVIDUAL, k).value == pytest.approx(cosines[:, others].mean(), abs=1e-6)


def test_rows_of_universes(study_of: Studies, random_gpt2: Model) -> None:
    study = study_of(random_gpt2)
    own, other = study.facet(Writes), within(study, "BOS the other way")
    bos = random_gpt2.encode("")[0]
    assert [row[0] for row in own.rows] == [bos] * len(own.rows)
    for row, without in zip(own.rows, other.rows, strict=True):
        np.testing.assert_array_equal(without, row[1:])
    exchanged = within(study, "halves exchanged")
    np.testing.assert_array_equal(exchanged.rows[0], study.text.chunks("judge")[0])
    assert within(study, "2,000 positions").positions == min(2000, study.text.chunks("choose").size)


def test_another_start_is_a_bos_where_there_was_none(random_gpt2: Model) -> None:
    bos = random_gpt2.encode("")[0]
    assert with_other_start(random_gpt2, [7, 8, 9]) == (bos, 7, 8)
    assert with_other_start(random_gpt2, [bos, 8, 9]) == (8, 9)


def test_a_model_without_a_bos_token_has_no_other_start(random_gpt2: Model) -> None:
    config = SimpleNamespace(bos_token_id=None, vocab_size=337, model_type="gpt2")
    config.get_text_config = lambda: config
    none = replace(
        random_gpt2, module=SimpleNamespace(config=config), tokenizer=SimpleNamespace(bos_token_id=None), anatomy=None
    )
    with pytest.raises(NotApplicable, match="has no BOS token"):
        with_other_start(none, [7, 8, 9])


def test_no_universe_draws_a_control_or_tells_of_ratios(study_of: Studies, random_gpt2: Model) -> None:
    writes = within(study_of(random_gpt2), "halves exchanged")
    with passes(random_gpt2) as entered:
        assert writes.random_like(SHARED) == []
        assert writes.ratios_told(SHARED, INDIVIDUAL) == {}
    assert entered == []
