"""What is planted is what is measured: streams, σ, f, g, angles and shifts in closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted import CONTEXT, LENGTH, Plan, same_shape, strengths
from planted_worlds import LAYERS, WORLDS, X, drop

from semphase.science.lexical.derived import (
    attention_and_mlp,
    context_plane,
    exact_conditions,
    first_prompt_sigma,
    rounded_conditions,
    shifts_by_prefix,
    shifts_by_suffix,
)
from semphase.science.lexical.facet import Lexical
from semphase.science.lexical.overlap_tables import STEP
from semphase.science.lexical.total_rotation import Rotation

pytestmark = pytest.mark.usefixtures("planted_copies")
WORDS = 3
PROFILES = same_shape(drop(X), WORDS)
EXACT = Plan(PROFILES, written=0.8 * PROFILES, turning=1.3 * np.pi * X)
# Angles, their sums over eight tokens and the stream's twelve steps are rounded to float32 (6e-8 of numbers below 2).
CLOSE = 2e-6


@pytest.fixture
def exact(studies):
    return studies(EXACT).facet(Lexical)


@pytest.fixture
def turned(studies):
    return studies(EXACT).facet(Rotation).angle


def test_sigma_is_strength_times_profile(exact):
    expected = STEP[None, :, None] * PROFILES[:, None, :]
    np.testing.assert_allclose(exact.response.point.sigma, expected, atol=CLOSE)


def test_the_response_is_the_profile_scaled_by_the_largest_strength(exact):
    point = exact.response.point
    # h is 1 for the strongest gradient prompt, whose planted strength is 1 as well.
    np.testing.assert_allclose(point.f, PROFILES, atol=10 * CLOSE)
    np.testing.assert_allclose(point.g_mean, drop(X), atol=50 * CLOSE)
    np.testing.assert_allclose(exact.response_by_step.point.f, PROFILES, atol=10 * CLOSE)


def test_without_noise_no_prompt_moves_the_response(exact):
    # Each side has a prompt of the full strength, so that h stays what it is without one of them.
    for made in (exact.response, exact.response_by_step):
        f = made.without_prompts.data.f
        np.testing.assert_allclose(f, np.broadcast_to(PROFILES, f.shape), atol=50 * CLOSE)


def test_conditions_have_their_planted_strengths(exact):
    strength = np.array([-1, -0.5, 0, 0.5, 1])
    point = exact.conditions.point
    np.testing.assert_allclose(point.sigma, strength[:, None] * PROFILES[:, None, :], atol=CLOSE)
    np.testing.assert_allclose(point.h, np.broadcast_to(strength, (WORDS, 5)), atol=10 * CLOSE)
    np.testing.assert_allclose(point.f, PROFILES, atol=10 * CLOSE)
    np.testing.assert_allclose(first_prompt_sigma(exact), point.sigma, atol=CLOSE)


def test_attention_and_mlp_write_their_planted_shares(exact):
    writes = attention_and_mlp(exact).point
    steps = LENGTH * np.diff(PROFILES, axis=-1)
    np.testing.assert_allclose(writes.attention, 0.8 * steps, atol=20 * CLOSE)
    np.testing.assert_allclose(writes.mlp, 0.2 * steps, atol=20 * CLOSE)


def test_the_plane_grows_with_the_context_that_is_left(exact):
    arrived = np.arange(CONTEXT + 1)[:, None] / CONTEXT * np.arcsin(PROFILES)[:, None, :]
    np.testing.assert_allclose(context_plane(exact).point.magnitude, np.sin(arrived), atol=CLOSE)


def test_a_suffix_changes_nothing_and_a_prefix_adds_its_angle(exact):
    # A longer batch row may round its matrix products in another order.
    np.testing.assert_allclose(shifts_by_suffix(exact), 0, atol=CLOSE)
    largest = PROFILES.max(axis=-1)
    # Before the neutral prompt stand a strong text of each sense, which carries σ's full angle, and a neutral one.
    expected = np.stack([largest, largest, np.zeros(WORDS)], axis=-1)
    np.testing.assert_allclose(shifts_by_prefix(exact).reshape(WORDS, 3), expected, atol=CLOSE)


def test_the_corpus_turns_the_stream_by_the_planted_angle(turned):
    assert turned.shape == (500, LAYERS)
    # Nothing is written at the first token, which is no word; arctan2 of float32 directions is good to 1e-7.
    np.testing.assert_allclose(turned[0], 0, atol=1e-12)
    np.testing.assert_allclose(turned[1:], 1.3 * np.pi / LAYERS, atol=CLOSE)


def test_the_logit_lens_turns_where_the_tangent_passes_the_threshold(exact):
    sigma = np.array([-1, -0.5, 0, 0.5, 1])[:, None] * PROFILES[:, None, :]
    tangent = np.tan(np.arcsin(sigma))
    chosen = np.where(np.abs(tangent) <= EXACT.unmoved, 0, np.where(tangent > 0, 1, 2))
    np.testing.assert_array_equal(exact.top1, 3 * np.arange(WORDS)[:, None, None] + chosen)


def test_rounding_to_all_bits_changes_nothing(exact):
    unrounded = exact_conditions(exact)
    kept = rounded_conditions(exact, 23)
    np.testing.assert_allclose(kept.point.sigma, unrounded.point.sigma, atol=CLOSE)
    found, expected = (own.without_prompts.data.sigma for own in (kept, unrounded))
    np.testing.assert_allclose(found, expected, atol=CLOSE)


def test_what_lies_below_the_tenth_bit_is_lost(studies):
    words = studies(replace(EXACT, hidden=512.0, arrival=(0.97 / 7,) * 7 + (0.03,))).facet(Lexical)
    # Near 512 float32 rounds each of seven angles by up to 2⁻¹⁵, near 7 · 512 each of six sums by up to 2⁻¹³.
    close = 7 * 2**-15 + 6 * 2**-13
    np.testing.assert_allclose(words.conditions.point.sigma[:, 4], PROFILES, atol=close)
    # Ten bits see the last token's share only: rounded by 2⁻¹¹ of its size, then by 2⁻¹³ when it is added.
    seen = rounded_conditions(words, 10).point.sigma[:, 4]
    np.testing.assert_allclose(seen, np.sin(0.03 * np.arcsin(PROFILES)), rtol=2**-11, atol=2**-13 + CLOSE)


def test_every_prompt_of_the_lexicon_has_a_planted_strength(exact):
    texts = [target.prompt.text for target in exact.targets]
    assert len(set(texts)) == len(texts) == sum(len(strengths(word)) for word in exact.lexicon.words)


def test_copies_are_planted_too(exact):
    copies = [copy.facet(Lexical).response.point.f for copy in exact.study.untrained]
    assert len(copies) == 5
    assert all(np.abs(copies[i] - copies[j]).max() > 0.1 for i in range(5) for j in range(i))


def test_a_claim_that_holds_for_the_copies_too_is_not_specific(studies, verdict_on):
    verdict = verdict_on("permeation.word-correlation", studies(WORLDS["the same, as are its copies"]))
    assert verdict.verdict == "supported"
    assert verdict.control.relation == "both"
    assert verdict.specific is False
