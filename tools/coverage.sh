#!/usr/bin/env bash
# Which lines of Python, Cython and C++ the default test suite runs.
#   tools/coverage.sh [--record] [TESTS...]
# Builds into the folder build-coverage in V8SNAP_PROOF_BUILDS (this folder if not given) and writes there html/index.html
# (Python and Cython), cpp/index.html (the engine) and summary.txt. V8SNAP_SETUP has more options for Meson. With --record
# the figures go into docs/reference/proof.json, if no test failed. Its end is the tests' own: a report is made in any case.
set -euo pipefail
record=
[ "${1:-}" != --record ] || { record=yes; shift; }
top=$(cd "$(dirname "$0")/.." && pwd)
folder=${V8SNAP_PROOF_BUILDS:-$top}/build-coverage
. "$top/tools/own_build.sh"
export V8SNAP_COVERAGE_BUILD=$folder/meson

install_v8snap "$folder" -Dbuildtype=debug -Dcoverage=true -Db_coverage=true
pip install -q 'coverage>=7.10' 'gcovr>=8'
installed=$(cd / && python -c 'import importlib.util as u; print(u.find_spec("v8snap").submodule_search_locations[0])')

cat > "$folder/coveragerc" << EOF
[run]
plugins = cython_coverage
source =
    $installed
    $top/v8snap
parallel = true
data_file = $folder/data/coverage
omit = */_build_config.py
patch =
    subprocess
    _exit
[paths]
v8snap =
    $top/v8snap
    $installed
[html]
directory = $folder/html
EOF
rm -rf "$folder/data" "$folder/html" "$folder/cpp" && mkdir "$folder/data" "$folder/cpp"
find "$folder/meson" -name '*.gcda' -delete
export PYTHONPATH=$top/tools COVERAGE_RCFILE=$folder/coveragerc

# What these are about hinders coverage itself: files that may not grow, folders that nobody may write to.
unfit=(
  --deselect tests/test_disks.py::test_a_full_disk_leaves_the_old_file_and_no_other
  --deselect tests/test_disks.py::test_a_disk_that_is_full_in_the_middle_of_a_snapshot
  --deselect tests/test_disks.py::test_a_cache_on_a_full_disk_gives_what_was_built
  --deselect tests/test_disks.py::test_a_folder_that_is_read_only
)
status=0
(cd "$top" && python -P -m coverage run -m pytest -p measured_tests -q "${unfit[@]}" "$@") || status=$?

cd "$top"
# Processes that tests stopped left data behind: some that nobody can read, and some with lines of a file, but without
# whose plugin they are.
python - "$folder"/data/* << 'EOF'
import sqlite3, sys
from pathlib import Path
from coverage import CoverageData, CoverageException

lost = 0
for path in map(Path, sys.argv[1:]):
    try:
        data = CoverageData(str(path))
        data.read()
        cython = [name for name in data.measured_files() if name.endswith((".pyx", ".pxi"))]
        data.add_file_tracers({name: "cython_coverage.Plugin" for name in cython if not data.file_tracer(name)})
    except (CoverageException, sqlite3.Error):
        lost += 1
        path.unlink()
print(f"data of {len(sys.argv) - 1} processes, of which {lost} can't be read")
EOF
coverage combine -q
coverage html -q --ignore-errors
{
  coverage report --ignore-errors
  gcovr --root "$top" --filter "$top/v8snap/engine/" --filter "$top/include/" --object-directory "$folder/meson" \
    --gcov-ignore-parse-errors=all --json-summary "$folder/cpp/summary.json" --json "$folder/cpp/lines.json" --html-details "$folder/cpp/index.html" \
    --txt - "$folder/meson"
} | tee "$folder/summary.txt"

[ -z "$record" ] || [ $status != 0 ] || python - "$folder" << 'EOF'
import json, subprocess, sys
from pathlib import Path
import proof_page

subprocess.run(["coverage", "json", "-q", "--ignore-errors", "-o", sys.argv[1] + "/coverage.json"], check=True)
files = json.loads(Path(sys.argv[1], "coverage.json").read_text())["files"]

def note(name, endings):
    found = [facts["summary"] for path, facts in files.items() if path.endswith(endings)]
    lines = sum(each["num_statements"] for each in found)
    covered = sum(each["covered_lines"] for each in found)
    proof_page.record("coverage", name, {"lines": lines, "covered": covered, "percent": round(100 * covered / lines, 1)})

def ranges(numbers):
    """Such as "3-5, 9"."""
    starts = [number for number in numbers if number - 1 not in numbers]
    ends = [number for number in numbers if number + 1 not in numbers]
    return ", ".join(f"{a}-{b}" if a < b else f"{a}" for a, b in zip(starts, ends))

note("Python", ".py")
note("Cython", (".pyx", ".pxi"))
cpp = json.loads(Path(sys.argv[1], "cpp", "summary.json").read_text())
proof_page.record("coverage", "C++", {"lines": cpp["line_total"], "covered": cpp["line_covered"],
                                      "percent": round(cpp["line_percent"], 1)})

missing = {path: facts["missing_lines"] for path, facts in files.items()}
for each in json.loads(Path(sys.argv[1], "cpp", "lines.json").read_text())["files"]:
    missing[each["file"]] = sorted({line["line_number"] for line in each["lines"] if not line["count"]})
proof_page.replace("uncovered", {path: {"lines": ranges(missing[path])} for path in sorted(missing) if missing[path]})
EOF
exit $status
