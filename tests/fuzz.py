"""Random calls, files and values for as long as one likes, each kind in a process of its own.

    python tests/fuzz.py --minutes 10 [--record] [KIND...]

``--record`` puts the figures into docs/reference/proof.json. ``test_fuzz.py`` runs the same for a shorter time.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parent

#: Kind -> the program, what it is told behind the seconds
KINDS = {
    "sequences of calls": ("fuzz_api.py", "calls.txt"),
    "files and raw headers": ("fuzz_properties.py", TESTS / "test_fuzz_files.py"),
    "values": (
        "fuzz_properties.py",
        *(TESTS / f"test_{name}.py" for name in ("values", "deep_copies", "conversion")),
    ),
}


def run(kind, seconds, folder):
    """Run one kind in an empty folder: dict of its facts; AssertionError where it found something."""
    program, *arguments = KINDS[kind]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, TESTS / program, str(seconds), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=seconds + 400, cwd=folder, env=environment
    )
    log = Path(folder, "calls.txt")
    calls = log.read_text().splitlines()[-40:] if log.exists() else []
    if done.returncode != 0:
        raise AssertionError((done.returncode, done.stdout[-3000:], done.stderr[-8000:], calls))
    return json.loads(done.stdout.splitlines()[-1])


def main():
    """Run it as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--record", action="store_true", help="put the figures into docs/reference/proof.json")
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], metavar="KIND")
    options = parser.parse_args()
    for kind in options.kinds or KINDS:
        with tempfile.TemporaryDirectory() as folder:
            facts = run(kind, options.minutes * 60, folder)
        print(f"{kind}: {facts}", flush=True)
        if options.record:
            sys.path.insert(0, str(TESTS.parent / "tools"))
            import proof_page

            import v8snap

            versions = {"V8": v8snap.v8_version(), "Python": platform.python_version()}
            proof_page.record("fuzz", kind, {**versions, "minutes": options.minutes, "findings": 0, **facts})


if __name__ == "__main__":
    main()
