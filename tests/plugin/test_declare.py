"""The decorator: a marker with the claim, and one sentence for what it does not take."""

from __future__ import annotations

from typing import Any

import pytest

from semphase import LEXICON, Needs, Prompts, Published, SemphaseError, above, claim

USUAL: dict[str, Any] = {
    "statement": "s", "criterion": "x > 0", "parts": above(0), "estimator": "mean", "source": "001",
    "control": "none: a cost",
}  # fmt: skip


def declared(**rest: Any) -> Any:
    return claim("order.x", **USUAL | rest).args[0]  # type: ignore[attr-defined]


def test_the_decorator_leaves_a_marker_on_the_test() -> None:
    @claim("order.x", needs=Needs(model=False), **USUAL)
    def test_it() -> None: ...

    (mark,) = test_it.pytestmark  # type: ignore[attr-defined]
    declared = mark.args[0]
    assert mark.name == "claim"
    assert (declared.id, declared.group, declared.parts) == ("order.x", "order", (above(0),))


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(SemphaseError, match=r"^order\.x has 'colour', which no claim has"):
        declared(colour="red")


@pytest.mark.parametrize("id", ["", "x", "a b.c", "../../out.x", "a.b\nc", "a.b/c", None, 3, "a.", ".b"])
def test_an_id_is_a_group_and_a_name(id: Any) -> None:
    with pytest.raises(SemphaseError, match=r"is no id of a claim; write GROUP\.NAME"):
        claim(id, **USUAL)


@pytest.mark.parametrize(
    "wrong",
    [
        {"statement": ""}, {"statement": 3}, {"criterion": " "}, {"control": None}, {"parts": 3}, {"parts": ()},
        {"parts": (above(1), above(1))}, {"unit": 3}, {"needs": 3}, {"needs": {"words": 2}}, {"published": "supported"},
        {"published": {"gpt2": "supported"}}, {"data": "nope"}, {"data": 3}, {"data": None}, {"data": Published},
        {"models": 3},
    ],
)  # fmt: skip
def test_fields_of_another_kind_are_refused_by_name(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(SemphaseError, match=rf"^order\.x has (the )?{name.removesuffix('s')}[^\n]*\.$"):
        declared(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        3, {"layers": 12}, {"model": ""}, {"model": 2}, {"tokens": 0}, {"tokens": -1}, {"tokens": "1000"},
        {"words": 2.5}, {"seeds": True},
    ],
)  # fmt: skip
def test_a_setting_is_a_model_and_counts(wrong: Any) -> None:
    with pytest.raises(
        SemphaseError, match=r"^order\.x has the setting .* for gpt2; give model as a text, and [^\n]*\.$"
    ):
        declared(published={"gpt2": Published("supported", setting=wrong)})
    told = {"model": "gpt2", "tokens": 1000, "words": 4, "documents": 1, "seeds": 3}
    assert declared(published={"gpt2": Published("supported", setting=told)}).published["gpt2"].setting == told


def test_one_thing_to_read_is_as_good_as_several() -> None:
    words = Prompts.of("words", ["a b"])
    assert declared().data == ()
    assert declared(data=LEXICON).data == (LEXICON,)
    assert declared(data=[LEXICON, words]).data == (LEXICON, words)


def thirds(study: Any) -> Any:
    return study.varied(seed=3)


def test_universes_are_names_or_functions_or_a_reason() -> None:
    assert [own.name for own in declared(universes=["projection", thirds]).universes] == ["projection", "thirds"]
    assert declared(universes="none: a count").alone == "a count"
    for given, sentence in (
        (["other half"], r"^order\.x: there is no universe 'other half'; choose "),
        ("projection", r'^order\.x has universes=.*: give a list of universes, or "none: REASON"\.$'),
        ("none:", r'give a list of universes, or "none: REASON"\.$'),
        (["projection", "projection"], r"^order\.x names a universe twice; keep one\.$"),
        ([lambda study: study], r"^order\.x: .* is no universe"),
    ):
        with pytest.raises(SemphaseError, match=sentence):
            declared(universes=given)


@pytest.mark.parametrize("models", ["base", ("base",), ("base", "base"), ("base", "a tuned one")])
def test_roles_are_two_different_words_at_least(models: Any) -> None:
    with pytest.raises(SemphaseError, match="name the roles of two models or more"):
        declared(models=models)
