"""A study: its generators, its copies, and what it says of itself; phenomena are facets, made once."""

from __future__ import annotations

import copy
import pkgutil
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from semphase.errors import SemphaseError
from semphase.measure.edits import zeroed
from semphase.measure.sites import head
from semphase.science.heads.facet import Heads
from semphase.study.sample import Sample, Sampled
from semphase.study.study import Study
from semphase.study.subject import Trained


class Own:
    """A facet of somebody else's."""

    def __init__(self, study: Study) -> None:
        self.study = study


class Repeated(Own):
    """A facet that declares a sample."""

    def samples(self) -> Iterator[Sample]:
        yield Sample("nothing", lambda _: 0.0, 1.0)


def test_a_facet_is_made_once_for_each_study(study_of, random_gpt2):
    study = study_of(random_gpt2)
    assert study.facet(Own) is study.facet(Own)
    assert study.facet(Own).study is study
    assert study.untrained[0].facet(Own).study is study.untrained[0]


def test_facets_with_samples_are_named_for_verification(study_of, random_gpt2):
    study = study_of(random_gpt2)
    study.facet(Own)
    assert study.sampled == ()
    study.facet(Repeated)
    assert study.sampled == (f"{__name__}:Repeated",)


def test_samples_can_stand_beside_a_facet(study_of, random_gpt2):
    study = study_of(random_gpt2)
    study.facet(Heads)
    assert study.sampled == ("semphase.science.heads.samples:Samples",)
    assert isinstance(study.facet(pkgutil.resolve_name(study.sampled[0])), Sampled)


def test_losses_under_edits_are_sampled_once_they_were_read(study_of, random_gpt2):
    study = study_of(random_gpt2)
    study.text.losses()
    assert study.sampled == ()
    study.text.losses(zeroed(head(0, 1)))
    assert study.sampled == ("semphase.study.text_samples:Samples",)
    assert isinstance(study.facet(pkgutil.resolve_name(study.sampled[0])), Sampled)


def test_copies_beyond_the_memory_are_forgotten_and_built_again(random_gpt2):
    subject = Trained(random_gpt2, memory=1)
    first = subject.copy(0)
    weight = first.anatomy.embed.weight.clone()
    subject.copy(1)
    assert list(subject.copies) == [1]
    assert torch.equal(subject.copy(0).anatomy.embed.weight, weight)
    roomy = Trained(random_gpt2, memory=10**9)
    assert [roomy.copy(seed) for seed in (0, 1, 2)] == [roomy.copy(seed) for seed in (0, 1, 2)]


def test_another_configuration_of_the_same_weights_is_another_model(random_gpt2):
    other = copy.deepcopy(random_gpt2.module)
    other.config.layer_norm_epsilon = 1.0
    names = [Trained(own).identity for own in (random_gpt2, replace(random_gpt2, module=other))]
    assert names[0] != names[1]
    other.config.layer_norm_epsilon = random_gpt2.module.config.layer_norm_epsilon
    other.config.name_or_path = "elsewhere"
    assert Trained(replace(random_gpt2, module=other)).identity == names[0]


def test_one_model_plays_no_roles(study_of, random_gpt2):
    with pytest.raises(
        SemphaseError, match=r"^no model plays the role 'base' here: declare it with @claim\(models=…\)\.$"
    ):
        study_of(random_gpt2)["base"]


def test_generators_differ_by_purpose_and_seed(study_of, random_gpt2):
    numbers = [
        study_of(random_gpt2, seed=seed).rng(purpose).integers(2**62)
        for seed, purpose in ((0, "words"), (0, "plane"), (1, "words"))
    ]
    assert len(set(numbers)) == 3
    assert study_of(random_gpt2).rng("words").integers(2**62) == numbers[0]


def test_provenance_names_model_corpus_and_lexicon(study_of, tiny, lexicon, corpus):
    told = study_of(tiny).provenance()
    assert told["models"][0]["sha256"] == tiny.sha256
    assert told["lexicon"] == {"sha256": lexicon.sha256, "words": 3}
    assert told["corpus"]["tokens"] == len(tiny.encode(corpus.text))
    assert told["precision"] == {"dtype": "float32", "matmul_mantissa_bits": 23}
