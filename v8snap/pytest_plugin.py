"""pytest's plugin: ``js_context`` gives each test a clean context of one snapshot.

pytest loads it by itself where v8snap is installed; ``-p no:v8snap`` leaves it out. V8 is not started, nor even loaded,
before a test uses one of the fixtures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from v8snap import Context, IsolatePool, StartupData

__all__ = ["js_context", "js_pool", "js_snapshot", "pytest_addoption"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ini options ``v8snap_snapshot`` and ``v8snap_timeout``."""
    parser.addini(
        "v8snap_snapshot", "the .v8snap file that js_context starts from; V8's bare one if not given", "string"
    )
    parser.addini("v8snap_timeout", "seconds after which JavaScript in js_context is stopped", "string", "60")


@pytest.fixture(scope="session")
def js_snapshot(pytestconfig: pytest.Config) -> StartupData | Path | None:
    """What ``js_context`` starts from; override it to build the snapshot.

    A StartupData, bytes, a path, or None for V8's bare snapshot. If it isn't overridden, the file of the ini option
    ``v8snap_snapshot``, relative to the ini file.
    """
    path: str = pytestconfig.getini("v8snap_snapshot")
    folder = pytestconfig.rootpath if pytestconfig.inipath is None else pytestconfig.inipath.parent
    return folder / path if path else None


@pytest.fixture(scope="session")
def js_pool(js_snapshot: StartupData | Path | None, pytestconfig: pytest.Config) -> Iterator[IsolatePool]:
    """The pool that the contexts of ``js_context`` are from; override it for external references or host objects."""
    from v8snap import IsolatePool

    with IsolatePool(js_snapshot, 1, timeout=float(pytestconfig.getini("v8snap_timeout"))) as pool:
        yield pool


@pytest.fixture
def js_context(js_pool: IsolatePool) -> Iterator[Context]:
    """A clean context for this test: a fresh copy of the snapshot's. No test sees what another one left."""
    with js_pool.context() as context:
        yield context
