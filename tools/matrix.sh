#!/usr/bin/env bash
# Builds v8snap and runs its tests on each V8 and each Python that it is for.
#   tools/matrix.sh [--record] [--slow] [--willing] [NAME...]    NAMEs: trixie forky 3.10 3.12 3.13; all if none is given
# Debian's releases are roots (debian_root.sh); Pythons are pyenv's, beside the V8 of this machine (pyenv_python.sh). All
# are run, and it fails at the end where one failed or couldn't be had; with --willing, what can't be had is only said,
# unless CI is set. --record and --slow are those of the two scripts.
set -uo pipefail
tools=$(cd "$(dirname "$0")" && pwd)
options=()
willing=no
while [[ "${1:-}" == --* ]]; do
  if [ "$1" = --willing ]; then willing=yes; else options+=("$1"); fi
  shift
done
names=("$@")
[ $# -gt 0 ] || names=(trixie forky 3.10 3.12 3.13)
failed=()
absent=()
for name in "${names[@]}"; do
  printf '\n=== %s (%ss)\n' "$name" "$SECONDS"
  case $name in
    3.*) "$tools/pyenv_python.sh" "$name" "${options[@]}" ;;
    *) "$tools/debian_root.sh" "$name" "${options[@]}" ;;
  esac
  case $? in
    0) ;;
    69) absent+=("$name") ;;
    *) failed+=("$name") ;;
  esac
done
printf '\n=== done (%ss)\n' "$SECONDS"
[ ${#absent[@]} = 0 ] || echo "NOT TESTED: ${absent[*]}"
[ ${#failed[@]} = 0 ] || { echo "FAILED: ${failed[*]}"; exit 1; }
[ ${#absent[@]} = 0 ] || { [ $willing = yes ] && [ -z "${CI:-}" ]; }
