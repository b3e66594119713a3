"""The lexicon's words in a study: measured once, keyed by what determines the numbers, its copies untrained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from random_models import random_model, word_tokenizer
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import PreTrainedTokenizerFast

from semphase.data.lexicon import Lexicon, Prompt
from semphase.errors import SemphaseError
from semphase.science.lexical.derived import rounded_streams, shifts_by_prefix, shifts_by_suffix
from semphase.science.lexical.facet import Lexical
from semphase.science.lexical.total_rotation import Rotation
from semphase.study.study import Study
from semphase.tolerances import stream_tolerance

DATASETS = ("streams", "shortened", "suffixed", "prefixed")


def everything(study: Study) -> list[np.ndarray]:
    """All that a study measures, and what it makes of it."""
    words = study.facet(Lexical)
    found = [getattr(words, name)["stream"].values for name in DATASETS]
    found += [words.top1, study.facet(Rotation).angle]
    found += [rounded_streams(words, 10)["stream"].values]
    found += [words.response.without_prompts.data.f, words.conditions.without_prompts.data.sigma]
    found += [words.response_by_step.point.f, study.untrained[0].facet(Lexical).response.without_words.f]
    return found


def test_a_second_run_needs_no_forward_pass(study_of, tiny, monkeypatch):
    first = everything(study_of(tiny))

    def refuse(*_: object) -> None:
        pytest.fail("a forward pass")

    handle = tiny.module.register_forward_pre_hook(refuse)
    inner = tiny.module.base_model.register_forward_pre_hook(refuse)
    monkeypatch.setattr("semphase.study.subject.reinitialised", refuse)
    try:
        second = everything(study_of(tiny))
    finally:
        handle.remove()
        inner.remove()
    for before, after in zip(first, second, strict=True):
        np.testing.assert_array_equal(before, after)


def test_the_logit_lens_needs_no_unembedding_the_second_time(study_of, tiny):
    study_of(tiny).facet(Lexical).top1  # noqa: B018
    handle = tiny.anatomy.unembed.register_forward_pre_hook(lambda *_: pytest.fail("an unembedding"))
    try:
        study_of(tiny).facet(Lexical).top1  # noqa: B018
    finally:
        handle.remove()


class Asked:
    """A store that measures nothing and keeps the keys."""

    def __init__(self) -> None:
        self.keys, self.notices = [], []

    def get(self, key, _measure):
        self.keys.append(dict(key))
        raise Stop


class Stop(Exception):
    """Ends a measurement at its key."""


def keys(study: Study) -> dict[str, dict]:
    store, found = Asked(), {}
    asked = {name: lambda words, name=name: getattr(words, name) for name in DATASETS}
    asked |= {"rounded": lambda words: rounded_streams(words, 10)}
    asked |= {"rotation": lambda words: words.study.facet(Rotation).angle}
    for name, measure in asked.items():
        with pytest.raises(Stop):
            measure(replace(study, store=store).facet(Lexical))
        found[name] = store.keys[-1]
    return found


def test_every_measurement_has_its_own_key(study_of, tiny):
    found = keys(study_of(tiny))
    assert len({repr(sorted(key.items())) for key in found.values()}) == len(found)


def test_keys_name_versions_weights_and_precision(study_of, tiny):
    for key in keys(study_of(tiny)).values():
        assert key["weights"] == tiny.sha256
        assert key["torch"] == torch.__version__.split("+")[0] or key["torch"] == torch.__version__
        assert (key["dtype"], key["device"], key["processing"]) == ("torch.float32", "cpu", tiny.processing)


@pytest.mark.parametrize(
    "change",
    [{"sha256": "0" * 64}, {"processing": "other"}, {"dtype": torch.bfloat16}, {"device": torch.device("meta")}],
    ids=lambda change: next(iter(change)),
)
def test_keys_differ_by_what_changes_the_numbers(study_of, tiny, change):
    before = keys(study_of(tiny))
    after = keys(study_of(replace(tiny, **change)))
    assert all(before[name] != after[name] for name in before)


def test_keys_differ_by_copy(study_of, tiny):
    made = [keys(study_of(tiny)), *map(keys, study_of(tiny).untrained[:2])]
    assert len({key["streams"]["weights"] for key in made}) == 3


def test_keys_differ_by_words_and_corpus(study_of, tiny, lexicon, corpus):
    before = keys(study_of(tiny))
    fewer = keys(study_of(tiny, lexicon=Lexicon(lexicon.words[:2])))
    assert all((before[name] != fewer[name]) == (name != "rotation") for name in before)
    other = keys(study_of(tiny, corpus=replace(corpus, text=corpus.text[5_000:])))
    assert all((before[name] != other[name]) == (name == "rotation") for name in before)


def test_keys_do_not_know_seed_budget_or_the_sense_of_a_name(study_of, tiny, lexicon):
    before = keys(study_of(tiny))
    renamed = Lexicon(tuple(replace(word, sense_a="other") for word in lexicon.words))
    budget = study_of(tiny).budget
    for change in ({"seed": 5}, {"budget": replace(budget, simulations=99)}, {"lexicon": renamed}):
        assert keys(study_of(tiny, **change)) == before


def test_the_seed_moves_nothing_at_the_words(study_of, tiny):
    one, other = (study.facet(Lexical).response for study in (study_of(tiny), study_of(tiny, seed=1)))
    np.testing.assert_array_equal(one.point.f, other.point.f)
    np.testing.assert_array_equal(one.without_prompts.data.f, other.without_prompts.data.f)


def test_words_keep_their_numbers_in_any_company(study_of, tiny, lexicon):
    whole = study_of(tiny).facet(Lexical).response.point
    reordered = study_of(tiny, lexicon=Lexicon((lexicon.words[2], lexicon.words[0]))).facet(Lexical).response.point
    # Other batches round differently; σ is a cosine, and f a slope over h of order one.
    close = 10 * stream_tolerance("float32", tiny.layers, tiny.d_model)
    np.testing.assert_allclose(reordered.f, whole.f[[2, 0]], atol=close)


def test_swapped_senses_swap_sigma(study_of, tiny, lexicon):
    swapped = Lexicon(tuple(replace(w, direction_a=w.direction_b, direction_b=w.direction_a) for w in lexicon.words))
    close = 10 * stream_tolerance("float32", tiny.layers, tiny.d_model)
    plain, turned = (
        study_of(tiny, lexicon=words).facet(Lexical).conditions.point.sigma for words in (lexicon, swapped)
    )
    np.testing.assert_allclose(turned, -plain, atol=close)


def test_copies_are_five_and_differ_and_leave_the_parent_alone(study_of, tiny):
    before = {name: value.clone() for name, value in tiny.module.state_dict().items()}
    study = study_of(tiny)
    own = study.facet(Lexical).response.point.f.copy()
    copies = study.untrained
    assert [copy.subject.seed for copy in copies] == [0, 1, 2, 3, 4]
    responses = [copy.facet(Lexical).response.point.f for copy in copies]
    for i, one in enumerate(responses):
        assert np.abs(one - own).max() > 0.01
        assert all(np.abs(one - other).max() > 0.01 for other in responses[:i])
    assert all(torch.equal(value, before[name]) for name, value in tiny.module.state_dict().items())
    np.testing.assert_array_equal(study_of(tiny).facet(Lexical).response.point.f, own)


def test_copies_leave_out_what_the_model_leaves_out(study_of, tiny):
    study = study_of(tiny)
    strata = study.facet(Lexical).response.without_prompts.strata
    for copy in study.untrained[:2]:
        np.testing.assert_array_equal(copy.facet(Lexical).response.without_prompts.strata, strata)


def test_a_copy_of_one_seed_is_always_the_same(study_of, random_gpt2, tmp_path):
    from semphase.store import Store

    first = study_of(random_gpt2).untrained[3].facet(Lexical).response.point.f
    again = study_of(random_gpt2, store=Store(tmp_path / "other")).untrained[3].facet(Lexical).response.point.f
    np.testing.assert_array_equal(first, again)


def splitting_tokenizer(word: str) -> PreTrainedTokenizerFast:
    """The tiny language's words, but for one that falls into two pieces."""
    plain = word_tokenizer().get_vocab()
    vocabulary = {piece: index for piece, index in plain.items() if piece != word}
    vocabulary |= {word[:2]: plain[word], f"##{word[2:]}": len(plain)}
    inner = Tokenizer(WordPiece(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<bos>", unk_token="<unk>")


def test_words_that_the_tokenizer_splits_are_listed(study_of, tmp_path, lexicon):
    model = random_model("llama", tmp_path)
    assert study_of(model).facet(Lexical).reading == {"words": lexicon.names, "split words": []}
    word = lexicon.names[1]
    split = replace(model, tokenizer=splitting_tokenizer(word))
    study = study_of(split)
    assert study.facet(Lexical).reading["split words"] == [word]
    pieces = {target.prompt.word: target.pieces for target in study.facet(Lexical).targets}
    assert pieces == {name: 2 if name == word else 1 for name in lexicon.names}


def test_a_suffix_moves_nothing_and_a_prefix_does(study_of, tiny):
    words = study_of(tiny).facet(Lexical)
    suffix, prefix = shifts_by_suffix(words), shifts_by_prefix(words)
    # Three words and foreign texts; behind a neutral and two strong prompts, or before the neutral one.
    assert (len(suffix), len(prefix)) == (27, 9)
    # The causal mask leaves only the rounding of other batch shapes: some hundred units in float32's last place.
    assert suffix.max() < 1e-5
    assert prefix.min() > 1e-4


def test_a_word_that_cannot_be_found_is_an_error(study_of, tiny, lexicon):
    foreign = Lexicon((replace(lexicon.words[0], word="palm", neutral=("the palm",)),))
    with pytest.raises(SemphaseError, match="the word 'palm' cannot be found"):
        study_of(tiny, lexicon=foreign).facet(Lexical).response  # noqa: B018


def test_a_corpus_that_is_too_short_is_named(study_of, tiny, corpus):
    study = study_of(tiny, corpus=replace(corpus, name="note.txt", text="the bank of the river ."))
    with pytest.raises(SemphaseError, match=r"the corpus note.txt has \d+ tokens but \d+ are needed"):
        study.facet(Rotation).angle  # noqa: B018


def test_the_rotation_reads_five_hundred_positions_or_as_many_as_the_model_has(study_of, tiny, random_gpt2):
    assert study_of(tiny).facet(Rotation).angle.shape == (min(500, tiny.context), tiny.layers)
    assert study_of(random_gpt2).facet(Rotation).angle.shape == (64, 3)
    tokens = study_of(random_gpt2).facet(Rotation).tokens
    assert list(tokens) == random_gpt2.encode(study_of(random_gpt2).corpus.text)[:64]


def test_progress_is_told_of_what_is_measured(study_of, random_gpt2, counted_progress):
    progress, told = counted_progress
    everything(study_of(random_gpt2, progress=progress))
    assert any(label.startswith("capture_streams of") for label in told)
    assert all(total == done for total, done in told.values())


def test_one_number_for_each_word_is_left_out_with_it(study_of, random_gpt2):
    data = study_of(random_gpt2).facet(Lexical).of_words(np.array([1.0, 2.0, 4.0]))
    np.testing.assert_array_equal(data.without_words.values, [[2, 4], [1, 4], [1, 2]])
    with pytest.raises(SemphaseError, match="let the claim speak of words"):
        data.without_prompts  # noqa: B018


def test_a_response_without_a_prompt_is_that_of_the_other_prompts(study_of, random_gpt2, lexicon):
    whole = study_of(random_gpt2).facet(Lexical).response
    word = lexicon.words[0]
    sentences = len(word.direction_a) + len(word.direction_b)
    gradient = [prompt for role in ("gradient_a", "gradient_b") for prompt in word.prompts(role)]
    made = whole.without_prompts.data.f[sentences, 0]
    kept = np.delete(np.arange(len(gradient)), 0)
    sigma = whole.point.sigma[0, kept]
    h = sigma[:, -1] / np.abs(sigma[:, -1]).max()
    expected = [np.polyfit(h, sigma[:, layer], 1)[0] for layer in range(sigma.shape[1])]
    np.testing.assert_allclose(made, expected, atol=1e-10)


def test_a_prompt_is_labelled_by_what_it_is(study_of, random_gpt2, lexicon):
    target = study_of(random_gpt2).facet(Lexical).targets[0]
    text = lexicon.words[0].direction_a[0]
    assert target.prompt == Prompt(lexicon.names[0], "direction_a", 0, text, len(text) - len(lexicon.names[0]))
