"""Claims of every kind, as a user's test file holds them."""

import pytest

from semphase import Needs, Published, above, claim
from semphase.errors import NotApplicable, SemphaseError
from semphase.stats.estimate import Estimate


def estimate(value):
    return Estimate(value, value - 0.1, value + 0.1, "bootstrap", 20)


def declare(id, **rest):
    usual = {
        "statement": f"{id} holds",
        "criterion": "x > 0",
        "parts": above(0.0),
        "estimator": "mean",
        "source": "001 exp1",
        "control": "random direction",
    }
    return claim(id, **(usual | rest))


SETTING = {"model": "gpt2"}
SUPPORTED = {"gpt2": Published("supported", "> 0.96", SETTING)}
REFUTED = {"gpt2": Published("refuted", "0.2", SETTING)}
HIGH, NEAR, LOW = estimate(1.0), estimate(0.05), estimate(-1.0)


def line(detail):
    from matplotlib.figure import Figure

    figure = Figure()
    figure.add_subplot().plot([0, 1], detail["per_word"])
    return figure


def broken_plot(detail):
    return detail["nothing"]


@declare("order.high")
def test_high(study, judge):
    judge(HIGH, control=LOW, detail={"per_word": [1.0, float("nan")]}, figures=[line])


@declare("order.low")
def test_low(study, judge):
    judge(LOW, control=LOW)


@declare("order.near")
def test_near(study, judge):
    judge(NEAR, control=LOW)


@declare("order.no-news")
def test_no_news(study, judge):
    judge(HIGH, control=[HIGH, HIGH, LOW])


@declare("pi.high-as-published", published=SUPPORTED)
def test_high_as_published(study, judge):
    judge(HIGH, control=LOW)


@declare("pi.low-against-published", published=SUPPORTED)
def test_low_against_published(study, judge):
    judge(LOW, control=LOW)


@declare("pi.low-as-published", published=REFUTED)
def test_low_as_published(study, judge):
    judge(LOW, control=LOW)


@declare("pi.high-against-published", published=REFUTED)
def test_high_against_published(study, judge):
    judge(HIGH, control=LOW)


@declare("pi.near-published", published=SUPPORTED)
def test_near_published(study, judge):
    judge(NEAR, control=LOW)


@declare("needs.two-models", needs=Needs(models=2))
def test_two_models(study, judge):
    judge(HIGH, control=LOW)


@declare("needs.words", needs=Needs(words=3))
def test_words(study, judge):
    raise AssertionError


@declare("needs.layers", needs=Needs(layers=13))
def test_layers(study, judge):
    raise AssertionError


@declare("needs.cuda")
def test_cuda(study, judge):
    raise NotApplicable("needs CUDA")


@declare("audit.table", needs=Needs(model=False), control="none: arithmetic", cost="minutes")
def test_table(judge):
    judge(HIGH)


@declare("audit.study", needs=Needs(model=False), control="none: arithmetic")
def test_study_without_model(study, judge):
    judge(HIGH)


@declare("broken.silent")
def test_silent(study, judge):
    pass


@declare("broken.twice")
def test_twice(study, judge):
    judge(HIGH, control=LOW)
    judge(HIGH, control=LOW)


@declare("broken.measurement")
def test_measurement(study, judge):
    raise SemphaseError("zeroing heads moved no loss: this model cannot be ablated")


@declare("broken.code")
def test_code(study, judge):
    return 1 / 0


@declare("broken.after")
def test_after(study, judge):
    judge(HIGH, control=LOW)
    raise ValueError("too late")


@declare("drawn.badly")
def test_figure(study, judge):
    judge(HIGH, control=LOW, detail={"per_word": [1, 2]}, figures=[broken_plot, line])


@declare("broken.nameless-figure")
def test_nameless_figure(study, judge):
    judge(HIGH, control=LOW, figures=[lambda detail: None])


@declare("skipped.by-hand")
def test_skipped(study, judge):
    pytest.skip("not today")


def test_plain():
    pass


def test_exploration(study):
    assert study.label
