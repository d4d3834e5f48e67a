#!/usr/bin/env bash
# Build v8snap against another Debian release's libnode-dev and run its tests there, in a root of that release. What its V8
# does with each hazard goes into docs/reference/hazards.json and hazards.md of this folder.
#   tools/debian_root.sh SUITE [--record] [--slow] [TESTS...] (trixie: V8 11.3; forky: V8 13.6)
#   tools/debian_root.sh SUITE [--record] --wheel FILE        (only the smoke test of a wheel for that release's Python)
# Needs root, debootstrap and npm. Roots stay in the folder V8SNAP_ROOTS (/var/tmp if not given) and are used again; one
# that is not there, or was never finished, is made. With --slow the tests that take long run there, too. With TESTS only
# these files run, and no hazards. With --record the figures go into docs/reference/proof.json. Its end is 69 where no root
# can be had.
set -euo pipefail
suite=${1:?usage: debian_root.sh SUITE [--record] [--slow] [TESTS...]}
shift
record=no
slow=no
wheel=
while [[ "${1:-}" == --* ]]; do
  case $1 in
    --record) record=yes ;;
    --slow) slow=yes ;;
    --wheel) wheel=$(realpath "${2:?--wheel needs a file}"); shift ;;
    *) echo "no such option: $1"; exit 2 ;;
  esac
  shift
done
root=${V8SNAP_ROOTS:-${TMPDIR:-/var/tmp}}/v8snap-root-$suite
source=$(cd "$(dirname "$0")/.." && pwd)
packages=python3-dev,python3-venv,python3-pip,g++,libnode-dev,pkg-config,ninja-build,ca-certificates,git

cannot() {
  printf '\n!!! NO ROOT OF %s: %s\n!!! v8snap was NOT tested there.\n\n' "$suite" "$1" >&2
  exit 69  # sysexits' EX_UNAVAILABLE: pytest ends with none such
}

unmount() {
  for folder in proc dev/pts dev; do
    ! mountpoint -q "$root/$folder" || umount -l "$root/$folder"
  done
}

[ "$(id -u)" = 0 ] || cannot 'only root can make and enter one'
command -v npm > /dev/null || cannot 'npm is missing, which brings the packages of some tests'
if [ ! -e "$root/.v8snap-root" ]; then
  command -v debootstrap > /dev/null || cannot 'debootstrap is missing'
  unmount
  rm -rf --one-file-system "$root"
  # debootstrap knows new suites by the script of the development one.
  script=/usr/share/debootstrap/scripts/$suite
  [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
  debootstrap --variant=minbase --include="$packages" "$suite" "$root" "" "$script" ||
    cannot "debootstrap failed; it says why in $root/debootstrap/debootstrap.log"
  umount -l "$root/proc" 2> /dev/null || true  # where debootstrap left its own, to go at a time of its choosing
  echo "$packages" > "$root/.v8snap-root"
fi

# The root reaches the network as this machine does.
cp /etc/resolv.conf /etc/hosts "$root/etc/"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
trap unmount EXIT
for folder in proc dev dev/pts; do
  mountpoint -q "$root/$folder" || mount --bind "/$folder" "$root/$folder" || cannot "/$folder can't be mounted in it"
done
if [ "$(< "$root/.v8snap-root")" != "$packages" ]; then  # made by an older version of this
  # Lists may be as old as a mirror likes: debootstrap takes them, too.
  env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin DEBIAN_FRONTEND=noninteractive ${https_proxy:+https_proxy="$https_proxy"} \
    ${http_proxy:+http_proxy="$http_proxy"} chroot "$root" \
    bash -c "apt-get update -q -o Acquire::Check-Valid-Until=false &&
      apt-get install -qy --no-install-recommends ${packages//,/ }" ||
    cannot 'its packages could not be brought up to date'
  echo "$packages" > "$root/.v8snap-root"
fi
rm -rf "$root/src" && mkdir "$root/src"
git -C "$source" archive HEAD | tar x -C "$root/src"
mkdir -p "$root/packages" && (cd "$root/packages" && xargs npm pack --silent < "$source/tests/packages.txt")

inside() {
  env -i HOME=/root PATH=/venv/bin:/usr/bin:/bin:/usr/sbin:/sbin PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    V8SNAP_TEST_PACKAGES=/packages ${https_proxy:+https_proxy="$https_proxy"} \
    chroot "$root" bash -ceu "$@"
}

note() {  # NAME FACT...
  [ "$record" = yes ] || return 0
  local facts name=$1
  shift
  facts=$(inside 'cd /tmp && /venv/bin/python -c "
import platform, v8snap
print(v8snap.v8_version(), platform.python_version())"')
  python3 "$source/tools/proof_page.py" record matrix "$name" "V8=${facts% *}" "Python=${facts#* }" "$@"
}

if [ -n "$wheel" ]; then
  rm -rf "$root/wheel" && mkdir "$root/wheel" && cp "$wheel" "$root/wheel/"
  inside 'python3 -m venv --clear /venv && /venv/bin/pip -q install /wheel/*.whl'
  inside 'cd /tmp && /venv/bin/python -I /src/tools/wheels/smoke_test.py' | tee "$root/smoke.log"
  note "Debian $suite, a wheel" "pytest=smoke test: $(tail -n 1 "$root/smoke.log" | grep -o 'works$')"
  exit
fi

inside '
  cd /src
  python3 -m venv --clear /venv
  /venv/bin/pip -q install -Csetup-args=-Dv8=system ".[test]"
  cd /tmp && /venv/bin/python -c "
import v8snap
print(v8snap.build_config())
assert v8snap.build_config()[\"v8_source\"] == \"system\""'

# NAME ARGUMENT...: runs the tests that these arguments of pytest's mean, and notes under that name what came of it
tests() {
  local name=$1 began=$SECONDS
  shift
  inside 'cd /src && pytest -q -o cache_dir=/var/cache/v8snap-tests "$@"' pytest "$@" | tee "$root/pytest.log"
  note "$name" "pytest=$(tail -n 1 "$root/pytest.log")" "seconds=$((SECONDS - began))"
}

tests "Debian $suite" "$@"
[ $# -gt 0 ] || {
  if [ $slow = yes ]; then
    tests "Debian $suite, what takes long" -m slow
  else
    inside 'cd /src && pytest -n 0 -q -m slow tests/test_libraries.py'
  fi
  inside 'cd /src && python -P tests/hazards.py'
  cp "$root"/src/docs/reference/hazards.* "$source/docs/reference/"
}
