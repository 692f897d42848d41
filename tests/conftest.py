"""Real data sets and models that some tests use where they are at hand, and a token that no test may let out."""

import logging
import os
import sys
from pathlib import Path

import pytest
from canary import CANARY, files_with

# Whatever a test starts inherits it, but for clients with tokens of their own.
os.environ["HF_TOKEN"] = CANARY


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Fail what prints, logs or raises the canary."""
    report = (yield).get_result()
    printed = [report.longreprtext, *(text for _, text in report.sections)]
    if any(CANARY in text for text in printed):
        report.outcome = "failed"
        report.sections = []
        report.longrepr = f"{item.nodeid} let the token in HF_TOKEN out: it was printed, logged or in an error."


def pytest_sessionfinish(session):
    """Fail the run if the canary is in a file that it left; one process looks, for all workers."""
    factory = getattr(session.config, "_tmp_path_factory", None)
    if hasattr(session.config, "workerinput") or factory is None or factory._basetemp is None:
        return
    found = files_with(CANARY, factory.getbasetemp())
    if found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        reporter.write_line(f"The token in HF_TOKEN was written to {len(found)} file(s): {[*map(str, found[:5])]}")


@pytest.fixture
def canary() -> str:
    """The token in HF_TOKEN."""
    return CANARY


@pytest.fixture(autouse=True)
def logging_as_at_the_start():
    """Commands that run within a test set levels for their whole process; the next test is to see every warning."""
    logging.getLogger().setLevel(logging.WARNING)
    for name in ("extraction", "training", "fusion_model", "hub_config", "labelling", "tables"):
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def a_hub_that_is_asked_anew():
    """A process asks once whether the Hub answers; tests take it away and bring it back."""
    if "fusion_model.hub" in sys.modules:
        sys.modules["fusion_model.hub"].hub_is_reachable.cache_clear()


def _folder(variable: str) -> Path:
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"{variable} is not set")
    return Path(folder)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder with the real data sets."""
    return _folder("FUSION_TEST_DATA")


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """Folder with small real models."""
    return _folder("FUSION_TEST_MODELS")
