#!/usr/bin/env bash
# Builds v8snap and runs its tests on each V8 and each Python that it is for.
#   tools/matrix.sh [--record] [NAME...]      NAMEs: trixie forky 3.10 3.12 3.13; all of them if none is given
# Debian's releases are roots (see debian_root.sh); Pythons are pyenv's, beside the V8 of this machine. V8SNAP_SETUP has
# more options for Meson there. All are run, and it fails at the end where one failed or couldn't be had.
set -uo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
record=()
[ "${1:-}" != --record ] || { record=(--record); shift; }
names=("$@")
[ $# -gt 0 ] || names=(trixie forky 3.10 3.12 3.13)
read -ra setup <<< "${V8SNAP_SETUP:-}"
failed=()

# The tests on a Python of pyenv's.
on_python() (
  set -euo pipefail
  python=$(ls -d "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python 2> /dev/null | sort -V | tail -n 1)
  [ -n "$python" ] || { printf '\n!!! NO PYTHON %s: v8snap was NOT tested there. (pyenv install %s)\n\n' "$1" "$1" >&2; exit 3; }
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/src"
  git -C "$top" archive HEAD | tar x -C "$work/src"
  "$python" -m venv "$work/venv"
  options=()
  for option in "${setup[@]}"; do options+=("-Csetup-args=$option"); done
  "$work/venv/bin/pip" install -q "${options[@]}" "$work/src[test]"
  began=$SECONDS
  (cd "$work/src" && PATH=$work/venv/bin:$PATH pytest -q) | tee "$work/pytest.log"
  [ ${#record[@]} = 0 ] || "$work/venv/bin/python" -P "$top/tools/proof_page.py" record matrix "CPython $1" \
    "V8=$(cd / && "$work/venv/bin/python" -c 'import v8snap; print(v8snap.v8_version())')" \
    "Python=$("$python" -c 'import platform; print(platform.python_version())')" \
    "pytest=$(tail -n 1 "$work/pytest.log")" "seconds=$((SECONDS - began))"
)

for name in "${names[@]}"; do
  printf '\n=== %s (%ss)\n' "$name" "$SECONDS"
  case $name in
    3.*) on_python "$name" ;;
    *) "$top/tools/debian_root.sh" "$name" "${record[@]}" ;;
  esac || failed+=("$name")
done

printf '\n=== done (%ss)\n' "$SECONDS"
[ ${#failed[@]} = 0 ] || { echo "FAILED: ${failed[*]}"; exit 1; }
