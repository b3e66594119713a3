"""The pytest plugin: `pytest --semphase-model=NAME` judges claims and writes the report.

Hooks only; each says in one line which module does the work. Nothing heavy is imported before a claim is
collected, and without one nothing is done.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from semphase.errors import SemphaseError
from semphase.plugin import collect, options, reading, registered, workers
from semphase.plugin.ending import Ending
from semphase.plugin.fixtures import judge, study
from semphase.plugin.session import Session, session_of
from semphase.plugin.watch import Watch

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

__all__ = ["judge", "study"]


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add_options(parser)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    with workers.arranged(config):
        return (yield)


def pytest_report_header(config: pytest.Config) -> str | None:
    return config.stash.get(workers.REMARK, None)


def pytest_configure(config: pytest.Config) -> None:
    collect.register_markers(config)
    reading.watch(options.known_places(config))
    session = Session(config)
    config.pluginmanager.register(session, "semphase-session")
    watch = Watch(session)
    config.pluginmanager.register(watch, "semphase-watch")
    config.pluginmanager.register(Ending(session), "semphase-ending")
    if options.archives(config):
        from semphase.plugin.archiving import PLUGIN, Archiving

        config.pluginmanager.register(Archiving(session), PLUGIN)
    if options.value(config, "verify") and session.worker is None:
        from semphase.plugin.verification import Verification

        config.pluginmanager.register(Verification(session, watch), "semphase-verification")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, pytest.CollectReport, Any]:
    report = yield
    call = getattr(report, "call", None)
    if call is not None and call.excinfo is not None and isinstance(call.excinfo.value, SemphaseError):
        report.longrepr = f"{collector.nodeid}: {options.as_typed(collector.config, str(call.excinfo.value))}"
    return report


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    session_of(metafunc.config).roles.update(collect.declared_roles(metafunc))
    if collect.opens_study(metafunc):
        collect.parametrise(metafunc)


def pytest_itemcollected(item: pytest.Item) -> None:
    if collect.claim_of(item) is not None:
        from semphase.report.strength import reach_of

        # Whoever names one test of a file has seen the others.
        session_of(item.config).family |= {claim.id: reach_of(claim) for claim in collect.claims_beside(item)}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not any(map(collect.concerns, items)):
        reading.rest()
        return
    session = session_of(config)
    with session.refusing(items):
        collect.select(config, items)
        collect.refuse_unvaried(items)
        if not config.option.collectonly:
            registered.check_registries(items, config)
            session.family = registered.family_of(config) | session.family
        collect.order(items)
        models = [name for item in items for name in collect.models_of(item)]
        session.prepare(sum(collect.claim_of(item) is not None for item in items), models, collect.reads(items))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    result = yield
    session_of(item.config).done(collect.models_of(item))
    return result


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    if collect.claim_of(item) is None:
        return (yield)
    from semphase.plugin.running import require_roles, skipping

    with skipping(item):
        require_roles(item)
        return (yield)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    if collect.claim_of(item) is None:
        return (yield)
    from semphase.plugin.kept import keep
    from semphase.plugin.running import RESTORED, finish, require, require_verdict, skipping
    from semphase.plugin.universes import explore

    with skipping(item):
        require(item)
        result = yield
        if not item.stash[RESTORED]:
            require_verdict(item)
            explore(item)
            finish(item)
            keep(item)
        return result


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if collect.claim_of(pyfuncitem) is None:
        return None
    from semphase.plugin.kept import restore

    return restore(pyfuncitem) or None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if collect.claim_of(item) is not None:
        from semphase.plugin.running import conclude

        conclude(item, call, report)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> Any:
    told = getattr(report, "semphase", None)
    if told is not None and told["entry"]["outcome"] == "inconclusive":
        return "inconclusive", "I", ("INCONCLUSIVE", {"yellow": True})
    return None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    node.workerinput["semphase_run"] = session_of(node.config).run_id
