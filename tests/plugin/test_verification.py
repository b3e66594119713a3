"""A verification run from its plan to its exit code: it fails for what went wrong, not for what was refuted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Make, Project, Ran

REPETITION = """
def _repeat(settings, name, used):
    {repeat}
    yield "layers", ("largest difference 0, 1 allowed", True)
_module("semphase.study.repetition", check_precision=lambda settings: ("23 bits", True), repeat_samples=_repeat)
from semphase.plugin.verification import Verification
Verification._used = lambda self: {{"tiny": ["a:B"]}}
"""
PASSING = "from stubs import test_high, test_near\n"
REFUTED = PASSING + "from stubs import test_low\n"
STOPPING = """
from stubs import declare, test_high
@declare("z.stop")
def test_stop(study, judge):
    raise KeyboardInterrupt
"""
RECORD = """
[[run]]
corpus = "grammar"
lexicon = "ab12"
budget = "standard"
seed = 0

[run.verdicts]
"order.high" = "refuted"
"""


def project(make: Make, source: str, repeat: str = "pass") -> Project:
    made = make(source)
    conftest = (made.folder / "conftest.py").read_text()
    made.write("conftest.py", conftest + REPETITION.format(repeat=repeat))
    return made


def verification(ran: Ran) -> dict[str, Any]:
    assert ran.document is not None, ran.out + ran.err
    found: dict[str, Any] = ran.document["run"]["verification"]
    return found


def failed(ran: Ran) -> list[str]:
    return [check["name"] for check in verification(ran)["checks"] if not check["passed"]]


def test_refuted_claims_without_an_expectation_are_findings_and_fail_nothing(make: Make) -> None:
    ran = project(make, REFUTED).run("--verify", width=200)
    assert ran.code == 0
    assert failed(ran) == []
    assert ran.word("test_low[tiny]") == "FAILED"
    assert verification(ran)["findings"] == {
        "supported": ["order.high on tiny"],
        "refuted": ["order.low on tiny"],
        "inconclusive": ["order.near on tiny"],
    }
    assert (
        "3 findings without an expectation: 1 supported, 1 refuted, 1 inconclusive\nrefuted: order.low on tiny"
        in ran.out
    )
    assert "verification: PASS" in ran.out


@pytest.mark.slow
def test_the_plan_stands_before_the_first_claim(make: Make) -> None:
    own = project(make, PASSING)
    first, again = own.run("--verify", "--store=kept", width=200), own.run("--verify", "--store=kept", width=200)
    assert "total: 2 claims not timed yet" in first.out
    assert "as last time" in again.out
    plan, probe, claim = (again.out.index(told) for told in ("total: about", "precision probe: 23 bits", "test_high"))
    assert plan < probe < claim


def test_without_verify_a_refuted_claim_fails_the_run_and_the_report_tells_of_no_verification(make: Make) -> None:
    ran = project(make, REFUTED).run()
    assert ran.code == 1
    assert ran.document is not None
    assert "verification" not in ran.document["run"]


def test_a_broken_measurement_fails(make: Make) -> None:
    ran = project(make, PASSING + "from stubs import test_measurement\n").run("--verify")
    assert ran.code == 1
    assert failed(ran) == ["no measurement broken"]


@pytest.mark.parametrize(
    ("repeat", "told"),
    [
        ('yield "planted", ("largest difference 2, 1 allowed", False)', "tiny on the CPU, planted"),
        ('raise ValueError("no such layer")', "ValueError: no such layer"),
    ],
)
def test_a_sample_that_differs_or_breaks_fails_and_the_report_is_written(make: Make, repeat: str, told: str) -> None:
    ran = project(make, PASSING, repeat).run("--verify", width=200)
    assert ran.code == 1
    assert len(failed(ran)) == 1
    assert told in ran.out
    assert "verification: FAIL" in ran.out


def test_a_repetition_that_is_interrupted_leaves_the_report(make: Make) -> None:
    ran = project(make, PASSING, "raise KeyboardInterrupt").run("--verify")
    assert ran.code == 2
    assert failed(ran) == ["repeated on the CPU"]


@pytest.mark.slow
def test_a_verdict_unlike_the_recorded_one_fails_and_is_named(make: Make) -> None:
    own = project(make, REFUTED)
    (own.folder / "fixtures" / "expected").mkdir(parents=True)
    (own.folder / "fixtures" / "expected" / "tiny.toml").write_text(RECORD)
    ran = own.run("--verify", width=200)
    assert ran.code == 1
    assert failed(ran) == ["verdicts as expected"]
    assert "1 unlike: order.high on tiny (supported, recorded refuted)" in ran.out
    (own.folder / "fixtures" / "expected" / "tiny.toml").write_text(RECORD.replace("refuted", "supported"))
    assert own.run("--verify").code == 0


@pytest.mark.slow
def test_a_verdict_unlike_the_published_one_of_this_model_fails(make: Make) -> None:
    source = "from stubs import test_high_as_published, test_low_against_published, test_low_as_published\n"
    ran = project(make, source).run("--verify", "--model=gpt2", width=200)
    assert ran.code == 1
    assert "1 unlike: pi.low-against-published on gpt2 (refuted, published supported)" in ran.out
    alike = project(make, source.replace(" test_low_against_published,", ""))
    assert alike.run("--verify", "--model=gpt2").code == 0
    # Of another model nobody published anything.
    other = project(make, source).run("--verify")
    assert other.code == 0
    assert len(verification(other)["findings"]["refuted"]) == 2


def test_another_test_that_fails_fails_the_run(make: Make) -> None:
    ran = project(make, PASSING + "def test_other(): assert False\n").run("--verify")
    assert ran.code == 1
    assert failed(ran) == ["other tests"]


def test_claims_that_were_left_out_fail(make: Make) -> None:
    ran = project(make, "from stubs import test_low, test_high\n").run("--verify", "-x")
    assert ran.code == 1
    assert failed(ran) == ["claims judged"]


def test_undecided_claims_fail_where_the_run_asks_for_it(make: Make) -> None:
    ran = project(make, PASSING).run("--verify", "--fail-inconclusive")
    assert ran.code == 1
    assert failed(ran) == ["verdicts decided"]


def test_a_refused_run_has_no_plan_and_keeps_its_exit_code(make: Make) -> None:
    ran = project(make, PASSING).run("--verify", "--claims=nothing.*")
    assert ran.code == 4
    assert "plan of the verification" not in ran.out


def test_an_interrupted_run_keeps_its_exit_code_and_repeats_nothing(make: Make) -> None:
    ran = project(make, STOPPING).run("--verify")
    assert ran.code == 2
    assert failed(ran) == ["claims judged"]
    assert "on the CPU, layers" not in ran.out


def test_workers_are_verified_too(make: Make) -> None:
    ran = project(make, REFUTED).run("--verify", "-n1", plugins=("xdist",), width=200)
    assert ran.code == 0
    assert "plan of the verification" in ran.out
    assert verification(ran)["checks"][0]["name"] == "precision probe"
    assert "verification: PASS" in ran.out


def test_the_reports_show_the_checks(make: Make) -> None:
    own = project(make, REFUTED)
    own.run("--verify")
    for name in ("verdicts.md", "report.html"):
        text = (own.report / name).read_text()
        assert "Verification: passed" in text
        assert "PASS precision probe: 23 bits" in text
        assert "refuted: order.low on tiny" in text


REAL = """
from semphase import Estimate, above, claim
from semphase.study.sample import Sample
OFF = {off}
class Layers:
    def __init__(self, study):
        self.study = study
    def samples(self):
        yield Sample("layers", lambda reference: abs(self.study.model.layers + OFF - reference.layers), 0.5)
@claim(
    "own.layers", statement="s", criterion="x > 0", parts=above(0.0), estimator="mean", source="ours",
    control="none: a count",
)
def test_layers(study, judge):
    layers = study.facet(Layers).study.model.layers
    judge(Estimate(layers, layers - 0.1, layers + 0.1, "bootstrap", 20))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("off", "code"), [(0, 0), (1, 1)])
def test_a_facet_whose_sample_differs_fails_a_run_on_a_real_model(make: Make, off: int, code: int) -> None:
    own = make(REAL.format(off=off))
    own.write("conftest.py", 'pytest_plugins = ["semphase.plugin.short"]\n')
    ran = own.run("--verify", "--budget=quick", "--device=cpu", "--store=kept", width=200)
    assert ran.code == code, ran.out + ran.err
    assert failed(ran) == ["tiny on the CPU, layers"] * code
    assert f"largest difference {off}, 0.5 allowed" in ran.out


NOTHING_DECLARED = """
from semphase.plugin.verification import Verification
Verification._used = lambda self: {}
_module("semphase.models.device", resolve=lambda name: types.SimpleNamespace(type="cuda"))
"""


@pytest.mark.slow
def test_a_device_of_which_nothing_was_repeated_passes_with_that_said(make: Make) -> None:
    own = project(make, PASSING)
    assert own.run("--verify").document["run"]["verification"].get("repeated") is None  # type: ignore[index]
    conftest = (own.folder / "conftest.py").read_text()
    own.write("conftest.py", conftest + NOTHING_DECLARED)
    ran = own.run("--verify", width=200)
    assert ran.code == 0
    assert "verification: PASS, nothing repeated" in ran.out
    assert verification(ran)["repeated"] == 0
    assert "Verification: passed, nothing repeated" in (own.report / "verdicts.md").read_text()
    own.write("conftest.py", conftest + NOTHING_DECLARED.replace("{}", '{"tiny": ["a:B"]}'))
    ran = own.run("--verify")
    assert verification(ran)["repeated"] == 1
    assert "nothing repeated" not in ran.out


def test_where_nothing_declares_a_sample_the_plan_promises_none(make: Make) -> None:
    ran = project(make, PASSING).run("--verify", width=200)
    assert "plan of the verification" in ran.out
    assert "last: repeated on the CPU" not in ran.out


LEAKED = """
seen = []
def _precision(settings):
    seen.append(1)
    if len(seen) > 1:
        from semphase.errors import SemphaseError
        raise SemphaseError("matrix products on cuda keep 10 mantissa bits")
    return "23 bits", True
_module("semphase.study.repetition", check_precision=_precision, repeat_samples=_repeat)
"""


@pytest.mark.slow
def test_a_precision_that_was_lowered_on_the_way_fails_and_the_report_is_written(make: Make) -> None:
    own = project(make, PASSING)
    own.write("conftest.py", (own.folder / "conftest.py").read_text() + LEAKED)
    ran = own.run("--verify", width=200)
    assert ran.code == 1
    assert failed(ran) == ["precision probe after the claims"]
    assert "keep 10 mantissa bits" in ran.out
    again = project(make, PASSING).run("--verify")
    assert [check["name"] for check in verification(again)["checks"]].count("precision probe after the claims") == 1


def test_claims_without_a_model_need_no_probe(make: Make) -> None:
    ran = project(make, "from stubs import test_table\n").run("--verify", width=200)
    assert ran.code == 0
    assert "plan of the verification" in ran.out
    assert "precision probe" not in ran.out
