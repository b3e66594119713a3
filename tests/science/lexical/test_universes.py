"""Universes of the lexical groups: each equals the same analysis made independently, and needs no pass of its own."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from semphase.data.lexicon import GRADIENTS, Lexicon
from semphase.errors import NotApplicable
from semphase.science.lexical.derived import context_plane, exact_streams, rounded_streams
from semphase.science.lexical.facet import Lexical
from semphase.science.lexical.response import rank_correlations
from semphase.verdict.universes import universe


def words_in(study, name: str) -> Lexical:
    return study.in_universe(universe(name)).facet(Lexical)


def sigma_of(stream: np.ndarray, own: Lexical, *, cosine: bool) -> np.ndarray:
    """σ of the first word's gradient prompts, written out for one word at a time."""
    words, roles = (own.captured[name].values for name in ("word", "role"))
    first = own.lexicon.names[0]

    def of(role: str) -> np.ndarray:
        return stream[(words == first) & (roles == role)].astype(float)

    e = of("direction_a")[:, -1].mean(axis=0) - of("direction_b")[:, -1].mean(axis=0)
    rows = np.concatenate([of(role) for role in GRADIENTS])
    along = rows @ (e / np.linalg.norm(e))
    return along / np.linalg.norm(rows, axis=-1) if cosine else along


def test_the_strength_by_step_is_the_second_definition(study_of, tiny):
    study = study_of(tiny)
    own, registered = words_in(study, "h from the step"), study.facet(Lexical)
    np.testing.assert_array_equal(own.response.point.f, registered.response_by_step.point.f)
    assert not np.allclose(own.response.point.f, registered.response.point.f)


def test_a_projection_is_the_component_along_the_direction(study_of, tiny):
    study = study_of(tiny)
    own = words_in(study, "projection")
    expected = sigma_of(own.captured["stream"].values, own, cosine=False)
    np.testing.assert_allclose(own.response.point.sigma[0], expected, rtol=1e-6, atol=1e-9)


def test_streams_behind_the_final_norm_and_without_their_mean(study_of, tiny):
    study = study_of(tiny)
    raw = study.facet(Lexical).captured["stream"].values.astype(float)
    centred = raw - raw.mean(axis=-1, keepdims=True)
    norm = tiny.anatomy.final_norm
    weight, bias = (part.detach().numpy().astype(float) for part in (norm.weight, norm.bias))
    normed = centred / np.sqrt(centred.var(axis=-1, keepdims=True) + norm.eps) * weight + bias
    for name, stream in (("final norm", normed), ("processed weights", centred)):
        own = words_in(study, name)
        np.testing.assert_allclose(
            own.response.point.sigma[0], sigma_of(stream, own, cosine=True), rtol=1e-4, atol=1e-6
        )


def test_fewer_words_are_those_of_a_run_on_them_alone(study_of, tiny, lexicon):
    study = study_of(tiny)
    whole = study.facet(Lexical)
    everything = (whole.captured, whole.captured_shortened, whole.captured_suffixed, rounded_streams(whole, 10))
    assert all(len(part["word"]) for part in everything)
    alone = study_of(tiny, lexicon=Lexicon(lexicon.words[1:]))
    expected = alone.facet(Lexical)
    streams = {name: getattr(expected, name)["stream"].values for name in ("streams", "shortened", "suffixed")}
    rounded = rounded_streams(expected, 10)["stream"].values
    plane = context_plane(expected).point.mean

    handle = tiny.module.base_model.register_forward_pre_hook(lambda *_: pytest.fail("a forward pass"))
    try:
        own = study.varied(lexicon=alone.lexicon).facet(Lexical)
        for name, values in streams.items():
            np.testing.assert_array_equal(getattr(own, name)["stream"].values, values)
        np.testing.assert_array_equal(rounded_streams(own, 10)["stream"].values, rounded)
        np.testing.assert_array_equal(context_plane(own).point.mean, plane)
        assert len(exact_streams(own)["word"]) < len(own.streams["word"])
    finally:
        handle.remove()


def test_another_start_adds_or_takes_the_token_in_front(study_of, tiny, random_gpt2):
    for model, added in ((tiny, -1 if tiny.prepend_bos else 1), (random_gpt2, -1)):
        study = study_of(model)
        try:
            own = words_in(study, "BOS the other way")
            targets = own.targets
        except NotApplicable:
            continue
        for before, after in zip(study.facet(Lexical).targets, targets, strict=True):
            assert len(after.tokens) - len(before.tokens) == after.position - before.position == added
            assert after.tokens[after.position] == before.tokens[before.position]


def test_norms_that_take_no_mean_off_leave_processed_weights_out(study_of, tmp_path):
    from random_models import random_model

    study = study_of(random_model("llama", tmp_path))
    with pytest.raises(NotApplicable, match="take no mean off"):
        _ = words_in(study, "processed weights").streams


def test_rank_correlations_are_spearmans(study_of, tiny):
    point = study_of(tiny).facet(Lexical).response.point
    first, second = np.triu_indices(len(point.f), 1)
    expected = [spearmanr(point.f[a], point.f[b]).statistic for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(rank_correlations(point), expected)
