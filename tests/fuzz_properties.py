"""The tests of generated data in a file of tests, again and again with other data.

    python tests/fuzz_properties.py SECONDS FILE...

Prints how many examples there were.
"""

import faulthandler
import gc
import importlib.util
import itertools
import json
import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, is_hypothesis_test, settings

from v8snap import _v8

HANG = 200  # seconds for one test


def tests_of(path):
    """A file's tests of generated data: list."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [each for name, each in vars(module).items() if name.startswith("test_") and is_hypothesis_test(each)]


def counted(test, examples):
    """The same test, each of whose examples adds one to `examples`."""
    inner = test.hypothesis.inner_test

    def count_and_test(*args, **kwargs):
        examples[test.__name__] = examples.get(test.__name__, 0) + 1
        return inner(*args, **kwargs)

    test.hypothesis.inner_test = count_and_test
    return test


def main(seconds, paths):
    # Before the tests are made: in a CI's environment each run would otherwise be the same.
    settings.register_profile("other data", derandomize=False, database=None, suppress_health_check=list(HealthCheck))
    settings.load_profile("other data")
    faulthandler.enable()
    examples = {}
    tests = [counted(test, examples) for path in paths for test in tests_of(path)]
    end = time.monotonic() + seconds
    for test in itertools.cycle(tests):
        faulthandler.dump_traceback_later(HANG, exit=True)
        test()
        gc.collect()
        left = {name: count for name, count in _v8._live_counts().items() if count}
        assert not left, (test.__name__, left)
        if time.monotonic() > end and len(examples) == len(tests):
            break
    faulthandler.cancel_dump_traceback_later()
    print(json.dumps({"tests": len(tests), "examples": sum(examples.values())}))


if __name__ == "__main__":
    main(float(sys.argv[1]), [Path(path) for path in sys.argv[2:]])
