#!/usr/bin/env bash
# Builds v8snap and runs its tests on each V8 and each Python that it is for.
#   tools/matrix.sh [--record] [NAME...]      NAMEs: trixie forky 3.10 3.12 3.13; all of them if none is given
# Debian's releases are roots (debian_root.sh); Pythons are pyenv's, beside the V8 of this machine (pyenv_python.sh). All
# are run, and it fails at the end: with 1 where one failed, with 3 where one couldn't be had and the others passed.
set -uo pipefail
tools=$(cd "$(dirname "$0")" && pwd)
record=()
[ "${1:-}" != --record ] || { record=(--record); shift; }
names=("$@")
[ $# -gt 0 ] || names=(trixie forky 3.10 3.12 3.13)
failed=()
absent=()
for name in "${names[@]}"; do
  printf '\n=== %s (%ss)\n' "$name" "$SECONDS"
  case $name in
    3.*) "$tools/pyenv_python.sh" "$name" "${record[@]}" ;;
    *) "$tools/debian_root.sh" "$name" "${record[@]}" ;;
  esac
  case $? in
    0) ;;
    3) absent+=("$name") ;;
    *) failed+=("$name") ;;
  esac
done
printf '\n=== done (%ss)\n' "$SECONDS"
[ ${#absent[@]} = 0 ] || echo "NOT TESTED: ${absent[*]}"
[ ${#failed[@]} = 0 ] || { echo "FAILED: ${failed[*]}"; exit 1; }
[ ${#absent[@]} = 0 ] || exit 3
