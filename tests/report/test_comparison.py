"""Two reports side by side: what changed, in which order, by how much, and how that is known."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from semphase.errors import SemphaseError
from semphase.report.comparison.compared import ORDER, Comparison, compared
from semphase.report.comparison.page import to_html
from semphase.report.comparison.shift import Samples, Side
from semphase.report.comparison.wording import changed, sentence
from semphase.report.schema import Document, Entry, document_of, entry_of
from semphase.stats.estimate import Estimate, census
from semphase.stats.estimates import difference, mean
from semphase.verdict import Claim, Verdict, above
from semphase.verdict.judge import Judge

RNG = np.random.default_rng(0)
FIRST = RNG.normal(1.0, 0.3, 20)
SECOND = FIRST + RNG.normal(0.1, 0.02, 20)
HIGH, LOW = Estimate(1.0, 0.5, 1.5, "t", 20), Estimate(-1.0, -1.5, -0.5, "t", 20)
NEAR = Estimate(0.1, -0.4, 0.6, "t", 20)


def claim(name: str, **rest: Any) -> Claim:
    return Claim(name, "s", "x > 0", (above(0.0, "x"),), "mean", "ours", "none: -", **rest)


def entry(name: str, estimate: Estimate | None, model: str | None = "tiny", **over: Any) -> Entry:
    if estimate is None:
        made = entry_of(claim(name), model, None, "error", "ValueError: broke", 0.1)
    else:
        verdict = Judge(claim(name))(estimate, detail=over.pop("told", {}))
        made = entry_of(claim(name), model, verdict, "passed", "", 0.1)
    return {**made, **over}  # type: ignore[typeddict-item]


def skipped(name: str) -> Entry:
    return entry_of(claim(name), "tiny", Verdict(claim(name), "not-applicable", reason="too few"), "skipped", "", 0)


def side(run: Any, *entries: Entry, samples: Samples | None = None, **over: Any) -> Side:
    document: Document = document_of({**run, **over}, entries)
    # The strength is given, not that of so small a family.
    kept = {(own["id"], own["model"]): own for own in entries}
    claims = [
        {**own, "strength": kept[own["id"], own["model"]]["strength"] or own["strength"]} for own in document["claims"]
    ]
    return Side({**document, "claims": claims}, samples or {})  # type: ignore[typeddict-item]


def models(*named: tuple[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "sha256": sha256} for name, sha256 in named]


def of(before: Side, after: Side, **renamed: str) -> Comparison:
    return compared(before, after, ("a", "b"), renamed)


def kinds(found: Comparison) -> list[tuple[str, str]]:
    return [(row.id, row.kind) for row in found.rows]


def test_the_gravest_comes_first(run):
    before = side(
        run, entry("a.same", HIGH), entry("b.gone", HIGH), entry("c.broke", HIGH), entry("d.firm", HIGH, strength="firm"),
        skipped("e.fit"), entry("f.open", NEAR), entry("g.turned", HIGH),
    )  # fmt: skip
    after = side(
        run, entry("a.same", HIGH), entry("c.broke", None), entry("d.firm", HIGH, strength="nominal"),
        entry("e.fit", HIGH), entry("f.open", LOW), entry("g.turned", LOW), entry("h.new", LOW),
    )  # fmt: skip
    found = of(before, after)
    assert kinds(found) == [
        ("g.turned", "reversed"), ("f.open", "decision"), ("e.fit", "applicability"), ("d.firm", "standing"),
        ("c.broke", "error"), ("b.gone", "one run only"), ("h.new", "one run only"), ("a.same", "none"),
    ]  # fmt: skip
    assert list(found.counts()) == list(ORDER)
    assert next(row for row in found.rows if row.kind == "standing").standing == ("firm → nominal",)
    assert sentence(found).startswith("8 claims: 1 supported ↔ refuted, 1 decided ↔ undecided")
    assert sentence(found).endswith("1 unchanged")


@pytest.mark.parametrize(
    ("key", "first", "second", "told"),
    [
        ("specific", True, False, "specific → not specific"),
        ("strength", "nominal", "firm", "nominal → firm"),
        ("universes", {"fragile": False}, {"fragile": True}, "not fragile → fragile"),
        ("specific", None, True, None),
    ],
)
def test_standing_changes_only_where_both_tell_it(run, key, first, second, told):
    usual = {"n": 1, "agree": 1, "share": 1.0, "undecided": 0, "list": []}
    values = [{**usual, **own} if isinstance(own, dict) else own for own in (first, second)]
    found = of(*(side(run, entry("a.one", HIGH, **{"strength": "firm", key: value})) for value in values))
    assert [row.standing for row in found.changed] == ([(told,)] if told else [])


def test_one_report_twice_has_nothing_to_tell(run, document):
    found = of(Side(document, {}), Side(document, {}))
    assert not found.changed
    assert not found.differences
    assert len(found.unchanged) == len(document["claims"])
    assert "both reports are of one run" in found.notices
    assert sentence(found).endswith("nothing changed")


def test_errors_alone_are_no_change(run):
    broken = side(run, entry("a.one", None), entry("a.two", None))
    assert not of(broken, broken).changed
    mended = of(broken, side(run, entry("a.one", HIGH), entry("a.two", None)))
    assert [row.id for row in mended.changed] == ["a.one"]
    assert mended.changed[0].shift.change is None


def test_renamed_models_meet(run):
    before = side(run, entry("a.one", HIGH, "base"), models=models(("base", "1" * 64)))
    after = side(run, entry("a.one", LOW, "tuned"), models=models(("tuned", "2" * 64)))
    found = of(before, after)
    assert kinds(found) == [("a.one", "reversed")]
    assert found.rows[0].model == "base → tuned"
    assert found.notices == ("taken for the same model: base → tuned", "both reports are of one run")
    assert {own.what for own in found.differences} == {"model", "base → tuned sha256"}


def test_weights_tell_models_apart_before_names_are_guessed(run):
    before = side(
        run, entry("a.one", HIGH, "x"), entry("a.one", LOW, "y"), entry("a.two", HIGH, "x+y"),
        models=models(("x", "1" * 64), ("y", "2" * 64)),
    )  # fmt: skip
    after = side(
        run, entry("a.one", LOW, "p"), entry("a.one", HIGH, "q"), entry("a.two", HIGH, "q+p"),
        models=models(("p", "2" * 64), ("q", "1" * 64)),
    )  # fmt: skip
    assert not of(before, after).changed
    swapped = of(before, after, x="p", y="q")
    assert [row.kind for row in swapped.rows].count("reversed") == 2
    with pytest.raises(SemphaseError, match="the second run judged no model 'z'; it judged p, q"):
        of(before, after, x="z")
    with pytest.raises(SemphaseError, match="twice"):
        of(before, after, x="p", y="p")


def test_models_that_nobody_can_match_stay_apart(run):
    before = side(run, entry("a.one", HIGH, "x"), entry("a.one", HIGH, "y"), models=[])
    after = side(run, entry("a.one", HIGH, "p"), entry("a.one", HIGH, "q"), models=[])
    found = of(before, after)
    assert {row.kind for row in found.rows} == {"one run only"}
    assert any("--renamed OLD=NEW" in notice for notice in found.notices)


def deviations(estimate: Estimate) -> tuple[np.ndarray, ...]:
    assert estimate.sampling is not None
    return estimate.sampling.deviations


def sampled(run: Any, values: np.ndarray, **over: Any) -> Side:
    estimate = mean(values, over="words", unit="nats")
    return side(run, entry("a.one", estimate), samples={("a.one", "tiny"): deviations(estimate)}, **over)


def test_kept_samples_are_paired(run):
    (row,) = of(sampled(run, FIRST), sampled(run, SECOND)).rows
    assert row.shift.how == "paired: 20 samples that both runs kept"
    expected = difference(SECOND, FIRST, over="words")
    assert row.shift.change is not None
    assert row.shift.change.value == pytest.approx(expected.value)
    assert row.shift.change.low == pytest.approx(expected.low, abs=0.005)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"seed": 7}, "another seed"),
        ({"budget": "full"}, "another budget"),
        ({"lexicon": {"sha256": "0" * 64, "words": 4}}, "another lexicon"),
    ],
)
def test_samples_of_other_units_are_not_paired(run, other, why):
    (row,) = of(sampled(run, FIRST), sampled(run, SECOND, **other)).rows
    assert row.shift.how == f"as independent: {why}"
    alike = of(sampled(run, FIRST), sampled(run, SECOND)).rows[0].shift.change
    assert row.shift.change is not None
    assert alike is not None
    assert row.shift.change.high - row.shift.change.low > 3 * (alike.high - alike.low)


def test_words_do_not_ask_for_the_same_text(run):
    corpus = {"name": "else", "sha256": "0" * 64, "tokens": 9}
    assert of(sampled(run, FIRST), sampled(run, SECOND, corpus=corpus)).rows[0].shift.how.startswith("paired")


def told(values: np.ndarray, *, by: str) -> dict[str, Any]:
    return {"by word": {f"w{n}": v for n, v in enumerate(values.tolist())}} if by == "name" else {"by word": values}


@pytest.mark.parametrize("by", ["name", "place"])
def test_the_detail_is_paired_where_its_mean_is_the_estimate(run, by):
    sides = [
        side(run, entry("a.one", mean(own, over="words"), told=told(own, by=by))) for own in (FIRST, SECOND)
    ]  # fmt: skip
    (row,) = of(*sides).rows
    assert row.shift.how == "paired: 20 words of the detail 'by word'"
    assert row.shift.change == difference(SECOND, FIRST, over="words")


def test_the_detail_pairs_nothing_else(run):
    def how(first: dict[str, Any], second: dict[str, Any], **other: Any) -> str:
        early = entry("a.one", mean(FIRST, over="words"), told=first)
        late = entry("a.one", mean(SECOND, over="words"), told=second)
        return of(side(run, early), side(run, late, **other)).rows[0].shift.how

    kept = "as independent: no samples of both are kept"
    assert how(told(FIRST + 1, by="name"), told(SECOND + 1, by="name")) == kept  # another quantity
    assert how(told(FIRST, by="name"), {"by word": {f"v{n}": v for n, v in enumerate(SECOND.tolist())}}) == kept
    places = told(FIRST, by="place"), told(SECOND, by="place")
    assert how(*places, seed=9) == "as independent: another seed"  # other words may stand at the same places
    names = told(FIRST, by="name"), told(SECOND, by="name")
    assert how(*names, seed=9).startswith("paired")


def test_what_cannot_be_subtracted_is_not(run):
    nats, bits = (Estimate(1.0, 0.5, 1.5, "t", 20, unit) for unit in ("nats", "bits"))
    (row,) = of(side(run, entry("a.one", nats)), side(run, entry("a.one", bits))).rows
    assert row.shift.change is None
    assert changed(row) == "not compared: the unit was nats and is bits"
    broken = {**entry("a.one", HIGH), "estimate": {**entry("a.one", HIGH)["estimate"], "low": 5.0}}
    (row,) = of(side(run, broken), side(run, entry("a.one", HIGH))).rows
    assert changed(row).startswith("not compared: an estimate is no number")


def test_a_census_changes_exactly(run):
    sides = [side(run, entry("a.one", census(own, "all", 12, "components"))) for own in (2, 5)]
    (row,) = of(*sides).rows
    assert changed(row) == "+3 exact components"


def test_the_same_part_is_compared(run):
    both = Claim("a.two", "s", "x > 0, y > 0", (above(0.0, "x"), above(0.0, "y")), "mean", "ours", "none: -")

    def judged(x: Estimate, y: Estimate) -> Entry:
        return entry_of(both, "tiny", Judge(both)({"x": x, "y": y}), "passed", "", 0)

    (row,) = of(side(run, judged(LOW, HIGH)), side(run, judged(HIGH, NEAR))).rows
    assert row.shift.change is not None
    assert row.shift.change.value == pytest.approx(0.1 - 1.0)  # y, which decides now, and not x


def test_what_differed_is_told(run):
    after = {
        **run, "seed": 3, "git": {"revision": "0" * 40, "dirty": False}, "versions": {"python": "3.12", "torch": "2.13"},
        "precision": {"dtype": "bfloat16", "matmul_mantissa_bits": 7}, "corpus": None,
        "registry": {"claims/registry.jsonl": {"head": "a" * 64, "length": 3}},
    }  # fmt: skip
    found = of(side(run, entry("a.one", HIGH)), side(after, entry("a.one", HIGH)))
    told = {own.what: (own.before, own.after) for own in found.differences}
    assert told == {
        "seed": ("0", "3"), "git revision": ("f" * 12, "0" * 12), "git dirty": ("true", "false"),
        "version of python": ("3.11", "3.12"), "precision dtype": ("float32", "bfloat16"),
        "precision matmul_mantissa_bits": ("23", "7"), "corpus name": ("grammar", "–"),
        "corpus sha256": ("c" * 12, "–"), "corpus tokens": ("1000", "–"),
        "registry claims/registry.jsonl head": ("–", "a" * 12), "registry claims/registry.jsonl length": ("–", "3"),
    }  # fmt: skip


def test_another_rule_code_and_scope_stand_at_the_claim(run):
    def judged(rule: str, code: str, kind: str) -> Entry:
        registration = {"status": "registered", "date": None, "rule": rule, "code": code}
        return entry("a.one", HIGH, registration=registration, scope={"kind": kind})

    (row,) = of(side(run, judged("r", "c", "reduced")), side(run, judged("s", "d", "other data"))).rows
    assert row.claim == ("another rule", "other code", "scope reduced → other data")
    assert row.shift.how == "as independent: the claim's rule is another"


def test_older_reports_are_compared_as_far_as_they_tell(run):
    old = entry("a.one", HIGH)
    for key in ("p_decision", "strength", "specific", "undecided"):
        old.pop(key, None)
    form = {key: own for key, own in old["estimate"].items() if key not in ("population", "units")}
    document = {**side(run).document, "schema": 1, "claims": [{**old, "estimate": form}]}
    found = of(Side(document, {}), side(run, entry("a.one", LOW)))  # type: ignore[arg-type]
    assert kinds(found) == [("a.one", "reversed")]
    assert any("schema 1" in notice for notice in found.notices)
    assert found.rows[0].shift.change is not None


def test_the_page_needs_nothing_else_and_escapes(run):
    before = side(run, entry("a.one", HIGH, reason="<script>alert(1)</script>"))
    found = of(before, side(run, entry("a.one", LOW)))
    page = to_html(found)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "prefers-color-scheme: dark" in page
    assert "a.one" in page


def test_programs_read_plain_json(run):
    found = of(sampled(run, FIRST), sampled(run, SECOND)).form()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    (own,) = found["claims"]
    assert (own["kind"], own["how"]) == ("none", "paired: 20 samples that both runs kept")
    assert own["change"]["low"] < own["change"]["value"] < own["change"]["high"]
