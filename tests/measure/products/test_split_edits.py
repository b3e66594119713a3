"""Every kind of edit and site, of every family, where products are split and groups are small."""

from __future__ import annotations

import numpy as np
import pytest
from random_models import FAMILIES

import semphase.measure.products.exact as exact
from semphase.measure import reading, sites, sweeping
from semphase.measure.edits import added, set_to, without, zeroed
from semphase.measure.items import Items
from semphase.measure.looks import Losses
from semphase.measure.sites import ALL
from semphase.measure.sweeping import groups, sweep_site, swept_group
from semphase.measure.wiring import form, hidden_keys, keys, skipped

pytestmark = pytest.mark.slow
CLOSE = 1e-3
"""As in `test_exact`."""
LENGTHS = (12, 5, 9, 12, 7)
WAY = np.linspace(-1, 1, 32)
EDITS = {
    "embedding": [zeroed(sites.embedding(positions=2))],
    "head": [zeroed(sites.head(1, [1, 2]))],
    "stream": [added(sites.stream(1, positions="at"), WAY)],
    "skipped": [skipped(1)],
    "neurons": [set_to(sites.neurons(2), 3, 1.0)],
    "attention": [without(sites.attention(1), WAY)],
    "mlp": [zeroed(sites.mlp(1))],
    "query": [zeroed(sites.query(1, 1))],
    "window": [keys(3, first=1)],
    "hidden keys and a form": [hidden_keys(1, ALL, query="at", key=1), form(sites.head(2, 0), "relu")],
    "pattern": [zeroed(sites.pattern(1, 0))],
}
SITES = (sites.neurons(1), sites.stream(ALL, positions="at"), sites.mlp(1))


@pytest.fixture(autouse=True)
def split(monkeypatch):
    """A device that gains by split products, and groups of about two prompts."""
    monkeypatch.setattr(exact, "splitting_pays", lambda _model: True)
    monkeypatch.setattr(exact, "free_memory", lambda _device: 2**40)
    monkeypatch.setattr(sweeping, "replay_tokens", lambda *_: 24)


@pytest.fixture
def items():
    draw = np.random.default_rng(0)
    return Items.of([draw.integers(3, 90, size=length).tolist() for length in LENGTHS], [10, 4, 8, 11, 5])


@pytest.mark.parametrize("family", FAMILIES)
def test_edits(loaded, items, family):
    model, reader = loaded(family), Losses()
    parts = {label: [] for label in EDITS}
    for group in groups(model, items, reader.rows(items)):
        for label, values, _ in swept_group(model, group, EDITS, reader):
            parts[label].append((group, values))
    for label, edits in EDITS.items():
        alone = reading.final(model, items, reader, edits)
        np.testing.assert_allclose(reader.gathered(items, parts[label]), alone, atol=CLOSE, err_msg=label)


@pytest.mark.parametrize("family", FAMILIES)
def test_sites(loaded, items, family):
    model = loaded(family)
    for site in SITES:
        found = sweep_site(model, items, {"head": EDITS["head"], "neurons": EDITS["neurons"]}, site)
        for label, values in found.items():
            expected = reading.read(model, items, site, EDITS[label])
            np.testing.assert_allclose(values, expected, atol=CLOSE, err_msg=f"{site} under {label}")
