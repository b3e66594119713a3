"""The benchmark of single heads runs, its methods agree, and bad input ends it with one sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "heads.py"
# Sums of float32 losses in another order; a hundred times what they differ by on the tiny model.
CLOSE = 1e-4
SAME = 1e-6
# Of a loss of 500 tokens: what rounding factors to 10 and to 7 bits may change.
ROUGH = {"pt": 1e-3, "pb": 1e-2}
ALONE = [[0, 0], [3, 1], [11, 2]]


def bench(*arguments: str, asked: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, input=asked, capture_output=True, text=True, env=environment, timeout=300)


def answers(method: str, model: str) -> tuple[dict[str, Any], list[float]]:
    """What one method says first, and losses: the unchanged one, and those with some heads zeroed."""
    asked = [["warm", {}], ["heads", {"group": 0, "heads": ALONE}]]
    lines = "".join(json.dumps(line) + "\n" for line in asked)
    done = bench("--only", method, "--smoke", "--model", model, asked=lines)
    assert done.returncode == 0, done.stderr
    first, warm, heads = map(json.loads, done.stdout.splitlines())
    assert heads["seconds"] > 0
    return first, [warm["baseline"], *heads["sums"]]


def table(text: str) -> dict[str, list[str]]:
    """The cells of the methods' table by the name of the row."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:3] == "| ("]
    return {row[0]: row[1:] for row in rows}


@pytest.mark.slow
def test_a_smoke_run_writes_the_table(tmp_path):
    out = tmp_path / "new" / "results.md"
    done = bench("--smoke", "--reduced", "--out", str(out), "--peer-python", str(tmp_path / "no-python"))
    assert done.returncode == 0, done.stderr
    text = out.read_text(encoding="utf-8")
    rows = table(text)
    plain, tf32, bfloat16, lens, kept, left_out, engine, screened = rows
    assert (plain, tf32, bfloat16) == ("(p) plain hook loop", "(p) in TF32, emulated", "(p) in bfloat16")
    assert (lens, kept, engine) == ("(a) TransformerLens", "(a') (a), memory kept", "(c) engine, float32")
    assert left_out == "(b) nnsight, left out: no-python cannot be run (No such file or directory)"
    assert screened == "(d) engine, screened; does not pay here"
    del rows[left_out]
    assert [row[0] for row in rows.values()] == ["4"] * 5 + ["48"] * 2
    assert all(float(cell) > 0 for row in rows.values() for cell in row[1:5])
    assert rows[plain][2] == rows[lens][3] == "1"
    assert rows[plain][5:] == ["–"] * 3
    assert all(float(cell) < CLOSE for name in (lens, kept, engine) for cell in rows[name][5:])
    assert 0 < float(rows[tf32][5]) < float(rows[bfloat16][5])
    assert "% of the" in text
    assert "Removable heads" in text
    assert "(c) makes all products in float32" in text
    assert "\nOn cpu; " in text
    assert str(tmp_path) not in text


@pytest.mark.slow
def test_the_plain_loop_finds_the_engine_s_losses_and_rounds_where_it_should():
    exact = answers("p", "tiny")[1]
    assert answers("c", "tiny")[1] == pytest.approx(exact, rel=SAME)
    for method, rough in ROUGH.items():
        found = answers(method, "tiny")[1]
        assert found == pytest.approx(exact, rel=rough)
        assert found != pytest.approx(exact, rel=SAME)


@pytest.mark.slow
def test_a_random_model_of_gpt2_s_shape_is_the_same_for_both():
    facts, exact = answers("p", "gpt2-shape")
    assert (facts["parameters"], facts["layers"], facts["heads"]) == (124_439_808, 12, 12)
    assert (facts["corpus"], facts["device"]) == ("random text", "cpu")
    assert answers("c", "gpt2-shape") == (facts, pytest.approx(exact, rel=SAME))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        # No machine has so many.
        ("--device", "cuda:99", "the device cuda:99 was asked for but this machine has none"),
        ("--device", "gpu", "there is no device 'gpu'"),
        ("--model", "tinny", "there is no model 'tinny'"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, option, value, told):
    out = tmp_path / "results.md"
    done = bench(option, value, "--out", str(out))
    assert done.returncode == 2
    assert done.stderr.startswith(f"heads.py: {told}")
    assert done.stderr.count("\n") == 1
    assert not out.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--tokens", "4096", "--growth"], "the corpus short.txt has 3072 tokens but 8192 are needed"),
        (["--model", "gpt2-shape"], "gpt2-shape reads random tokens; leave --corpus out"),
    ],
)
def test_a_measured_process_refuses_a_corpus(tmp_path, arguments, told):
    corpus = tmp_path / "short.txt"
    corpus.write_text("the bank near the boat . " * 600, encoding="utf-8")
    done = bench("--only", "c", "--corpus", str(corpus), *arguments)
    assert done.returncode == 2
    assert f'"error": "{told}' in done.stdout
    assert "Traceback" not in done.stderr


def test_attention_on_cuda_is_counted_as_on_a_cpu(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import counting

    batch, heads, length, width = 2, 3, 8, 4
    drawn = torch.empty(3, batch, heads, length, width, device="meta").unbind()
    with counting._counting() as counter:
        torch.ops.aten._scaled_dot_product_efficient_attention(*drawn, None, False, 0.0, True)
    assert counter.get_total_flops() == 2 * batch * heads * length**2 * width


def test_the_engine_s_rows_are_made_as_the_engine_makes_them(monkeypatch, loaded):
    """On a device that gains by split products all that is exact is made of them, (d)'s confirmation too."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import methods
    from subject import Subject

    import semphase.measure.products.exact as exact

    monkeypatch.setattr(exact, "splitting_pays", lambda _model: True)
    monkeypatch.setattr(exact, "free_memory", lambda _device: 2**40)
    model = loaded("llama")
    text = torch.randint(3, 90, (4, 20), generator=torch.Generator().manual_seed(0))
    own = Subject(model, text, 4, "random text")
    heads = [[layer, head] for layer in range(model.layers) for head in range(model.heads)]
    engine, screening = methods.Engine(own), methods.Screening(own)
    assert engine.warm()["split"]
    sums = engine.heads(0, heads)["sums"]
    assert engine._replay is not None
    assert engine._replay.model is not model
    confirmed = screening.confirm([float(k) for k in range(len(heads))], heads, len(heads))
    assert [sums[k] for k in confirmed["chosen"]] == pytest.approx(confirmed["sums"], rel=1e-6)
    near = methods.near_decisions(np.arange(12.0), 3)
    assert set(near.tolist()) < set(confirmed["chosen"])
    monkeypatch.setattr(exact, "splitting_pays", lambda _model: False)
    assert not engine.warm()["split"]
