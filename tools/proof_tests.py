"""Put into docs/reference/proof.json how many tests there are of what, and how long they take.

    python tools/proof_tests.py DEFAULT SLOW     what pytest wrote with --junit-xml, without a choice and with `-m slow`

Run it where v8snap can be imported, with the V8 of the reports. A report with a test that failed is refused.
"""

import collections
import platform
import sys
import xml.etree.ElementTree

import proof_page

#: What they are about -> the files of tests
SUBJECTS = {
    "faults of the machine, signals, forks, exits": "faults disks hostile process limits obstacles",
    "sandbox: escapes, pollution, hostile values, pools": "escapes pollution hostile_values pool_isolation",
    "conformance: what V8's own tests of snapshots check": "v8_behaviours rehash layers function_code unserializable",
    "conformance: test262, restored and plain": "conformance",
    "damaged, foreign and invented files": "corruption fuzz_files startup_data",
    "each method in each state": "misuse",
    "each known way to kill V8": "hazards",
    "other packages' V8s in the process": "other_v8s",
    "real programs: TypeScript, Babel, React, KaTeX, Vega ...": "main_job programs scenarios libraries",
    "leaks": "leaks pool_memory lifetime",
    "random calls, files and values": "fuzz",
}


def main(default: str, slow: str) -> None:
    """Read the reports and record what they say."""
    import v8snap

    versions = {"V8": v8snap.v8_version(), "Python": platform.python_version()}
    here = f"Debian {platform.freedesktop_os_release()['VERSION_CODENAME']}"
    tests: collections.Counter[str] = collections.Counter()
    seconds: collections.defaultdict[str, float] = collections.defaultdict(float)
    properties: dict[tuple[str, str], str] = {}  # by file of tests and name
    for path, which in ((default, here), (slow, f"{here}, what takes long")):
        report = xml.etree.ElementTree.parse(path)
        for case in report.iter("testcase"):
            if any(case.find(outcome) is not None for outcome in ("failure", "error", "skipped")):
                sys.exit(f"{path}: {case.get('classname')}::{case.get('name')} did not pass")
            name = case.get("classname", "").rpartition(".")[2].removeprefix("test_")
            tests[name] += 1
            seconds[name] += float(case.get("time", 0))
            properties |= {(name, each.get("name", "")): each.get("value", "") for each in case.iter("property")}
        suite = next(report.iter("testsuite"))
        said = f"{suite.get('tests')} passed in {float(suite.get('time', 0)):.2f}s"
        proof_page.record("matrix", which, {**versions, "pytest": said, "seconds": round(float(suite.get("time", 0)))})
    test262 = {fact: int(value) for (name, fact), value in properties.items() if name == "conformance"}
    proof_page.record("test262", f"V8 {versions['V8']}", test262)
    others = [f"{package} {version}" for (name, package), version in properties.items() if name == "other_v8s"]
    rows = {}
    for subject, names in SUBJECTS.items():
        files = names.split()
        missing = [name for name in files if not tests[name]]
        if missing:
            sys.exit(f"no test of {missing} is in the reports")
        title = f"{subject}: {', '.join(others)}" if "other_v8s" in files else subject
        rows[title] = {"tests": sum(tests[each] for each in files), "seconds": sum(seconds[each] for each in files)}
    rows["all"] = {"tests": tests.total(), "seconds": sum(seconds.values())}
    proof_page.replace(
        "tests", {name: {**versions, **facts, "seconds": round(facts["seconds"])} for name, facts in rows.items()}
    )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
