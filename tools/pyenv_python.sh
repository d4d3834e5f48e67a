#!/usr/bin/env bash
# Build v8snap for another Python, one of pyenv's, and run its tests there, in an environment of its own.
#   tools/pyenv_python.sh VERSION [--record] [--slow]      (3.10, 3.12, ...: the newest of pyenv's)
# V8SNAP_SETUP has more options for Meson. With --record the figures go into docs/reference/proof.json; with --slow the
# tests that take long run, too. Its end is 69 where pyenv has no such Python.
set -euo pipefail
version=${1:?usage: pyenv_python.sh VERSION [--record] [--slow]}
shift
record=no
slow=no
for option in "$@"; do
  case $option in
    --record) record=yes ;;
    --slow) slow=yes ;;
    *) echo "no such option: $option"; exit 2 ;;
  esac
done
top=$(cd "$(dirname "$0")/.." && pwd)
python=$(find "${PYENV_ROOT:-$HOME/.pyenv}/versions" -path "*/versions/$version.*/bin/python" 2> /dev/null | sort -V | tail -n 1 || true)
if [ -z "$python" ]; then
  printf '\n!!! NO PYTHON %s. (pyenv install %s)\n!!! v8snap was NOT tested there.\n\n' "$version" "$version" >&2
  exit 69
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
git -C "$top" archive HEAD | tar x -C "$work/src"
"$python" -m venv "$work/venv"
read -ra setup <<< "${V8SNAP_SETUP:-}"
options=()
for option in "${setup[@]}"; do options+=("-Csetup-args=$option"); done
"$work/venv/bin/pip" install -q "${options[@]}" "$work/src[test]"

# NAME ARGUMENT...: runs the tests that these arguments of pytest's mean, and notes under that name what came of it
tests() {
  local name=$1 began=$SECONDS
  shift
  (cd "$work/src" && PATH=$work/venv/bin:$PATH pytest -q "$@") | tee "$work/pytest.log"
  [ "$record" = yes ] || return 0
  "$python" "$top/tools/proof_page.py" record matrix "$name" \
    "V8=$(cd / && "$work/venv/bin/python" -c 'import v8snap; print(v8snap.v8_version())')" \
    "Python=$("$python" -c 'import platform; print(platform.python_version())')" \
    "pytest=$(tail -n 1 "$work/pytest.log")" "seconds=$((SECONDS - began))"
}

tests "CPython $version"
[ $slow = no ] || tests "CPython $version, what takes long" -m slow
