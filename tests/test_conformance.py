"""test262: a restored context passes exactly what a plain one passes, and fails what this V8 is known to fail."""

import importlib.util
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

spec = importlib.util.spec_from_file_location("test262", Path(__file__).parent / "test262.py")
test262 = importlib.util.module_from_spec(spec)
spec.loader.exec_module(test262)


@pytest.fixture(scope="module")
def suite(pytestconfig):
    """The folder of the suite."""
    return test262.suite(pytestconfig.cache.mkdir("conformance"))


@pytest.fixture(scope="module")
def outcomes(suite):
    """What came of each test, by way."""
    return test262.run_ways(suite, test262.FOLDERS)


def test_a_restored_context_does_what_a_plain_one_does(outcomes):
    assert test262.differences(outcomes) == {}


def test_what_fails_is_what_this_v8_is_known_to_fail(suite, outcomes, record_property):
    found = test262.summary(suite, test262.FOLDERS, outcomes["plain"])
    record_property("tests", found["tests"])
    record_property("left out", sum(found["not_runnable"].values()))
    record_property("fail for want of a feature", sum(found["lacks"].values()))
    record_property("fail otherwise", len(found["fails"]))
    expected = test262.expected()
    for part in ("fails", "lacks", "not_runnable"):
        assert found[part] == expected[part]
    assert found == expected
