#!/usr/bin/env bash
# Runs v8snap under a sanitizer or valgrind and fails on the first finding.
#   tools/sanitize.sh asan [--record]       the engine's tests in C++ under AddressSanitizer, UBSan and LeakSanitizer
#   tools/sanitize.sh python [--record]     Python's tests of what lives how long and of conversion, likewise but for leaks
#   tools/sanitize.sh valgrind [--record]   the engine's tests in C++ under memcheck, V8 without its compilers
# Needs g++ with its sanitizers, doctest (Debian: doctest-dev) and, for the last, valgrind. Builds into folders named
# build-* in V8SNAP_PROOF_BUILDS (this folder if not given). V8SNAP_SETUP has more options for Meson. With --record the
# figures go into docs/reference/proof.json.
set -euo pipefail
mode=${1:?usage: sanitize.sh asan|python|valgrind [--record]}
record=${2:-}
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/tools/own_build.sh"
builds=${V8SNAP_PROOF_BUILDS:-$top}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$work/log

build() {
  local folder=$builds/$1
  shift
  install_v8snap "$folder" -Dengine_tests=true -Dbuildtype=debug -Doptimization=1 "$@"
  tests=$folder/meson/tests/cpp/v8snap-engine-tests
  v8=$(grep -oE '[0-9]+(\.[0-9]+){3}' "$folder/meson/v8snap/_build_config.py" | head -n 1)
}

# Findings of all processes, also of those whose death a test expects.
mkdir "$work/findings"
logged=log_path=$work/findings/of
findings() {
  tail -n 60 "$work"/findings/* 2> /dev/null || return 0
  echo "$mode: findings"
  exit 1
}

# Puts into docs/reference/proof.json how long it took, on what, and what pytest or doctest said at its end.
note() {
  local said
  said=$(grep -E '^\[doctest\] test cases|^=+ .* (passed|failed)|^[0-9]+ passed' "$log" | tail -n 1 | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
  [ -n "$said" ] || { echo 'no test ran'; exit 1; }
  echo "$mode: $said tests, no findings"
  [ "$record" != --record ] || (cd / && python "$top/tools/proof_page.py" record sanitizers "$1" "V8=$v8" \
    "Python=$(python -c 'import platform; print(platform.python_version())')" "tests=$said" "seconds=$SECONDS" "findings=$(find "$work/findings" -type f | wc -l)")
}

export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1:$logged
export PYTHONMALLOC=malloc  # each of Python's objects by itself, or no use after its end would be seen

sanitized() { build build-asan -Db_sanitize=address,undefined -Db_lundef=false; }

case $mode in
  asan)
    sanitized
    SECONDS=0
    ASAN_OPTIONS=$logged "$tests" 2>&1 | tee "$log" || { findings; exit 1; }
    findings
    note "AddressSanitizer, UBSan, LeakSanitizer: the engine in C++"
    ;;
  python)
    sanitized
    SECONDS=0
    # Python itself isn't built with the sanitizer, so its library has to be there first; and the C++ library, in which
    # it looks for what throws.
    preload="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libstdc++.so)"
    cd "$top/tests"
    # Leaks are looked for in C++, in tests/leaks.py and by each test's count of live objects: Python doesn't free all it
    # has, and many of these tests end processes in the middle of something.
    export ASAN_OPTIONS=detect_leaks=0:$logged
    module=$(cd / && LD_PRELOAD=$preload python -c 'import v8snap._v8; print(v8snap._v8.__file__)')
    [ "$(nm -D "$module" | grep -c __asan_report)" -gt 0 ] || { echo 'v8snap has no sanitizer in it'; exit 1; }
    ulimit -s 65536  # frames are larger
    # One measures; in the others the sanitizer itself finds no more memory, and ends the process.
    unfit=(--deselect tests/test_deep_copies.py::test_the_quick_ways_are_taken
      --deselect "tests/test_webassembly.py::test_bombs_end_in_errors[the address space]"
      --deselect tests/test_cpu_profiles.py::test_no_thread_to_sample_with_is_an_error)
    LD_PRELOAD=$preload pytest -n 0 -q --timeout 1200 -p no:cacheprovider "${unfit[@]}" \
      test_lifetime.py test_conversion.py test_values.py test_callbacks.py test_deep_copies.py test_array_proxies.py \
      test_threads.py test_staying.py test_promises.py test_finalizers.py test_errors.py test_code_cache.py \
      test_layers.py test_modules.py test_startup_data.py test_pool.py test_pool_asyncio.py test_pool_isolation.py \
      test_hostile_values.py test_pollution.py test_escapes.py test_webassembly.py test_async_iteration.py \
      test_cpu_profiles.py test_code_cache_sources.py test_timers_interrupted.py 2>&1 | tee "$log" || { findings; exit 1; }
    # Freed memory is kept for a while, which would look like growth.
    ASAN_OPTIONS=$ASAN_OPTIONS:quarantine_size_mb=8 LD_PRELOAD=$preload python fuzz_api.py 60 || { findings; exit 1; }
    findings
    note "AddressSanitizer, UBSan: Python's tests, and a minute of random calls"
    ;;
  valgrind)
    build build-valgrind
    SECONDS=0
    # In a forked child the engine leaves memory alone on purpose, and valgrind would hold that against it.
    valgrind --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite --show-leak-kinds=definite \
      --suppressions="$top/tools/sanitizers/valgrind.supp" --num-callers=40 --max-threads=2000 \
      "$tests" --v8=--jitless --test-case-exclude='a child made by fork*' 2>&1 | tee "$log"
    note "valgrind's memcheck: the engine in C++"
    ;;
  *)
    echo "no such mode: $mode"
    exit 2
    ;;
esac
