#!/usr/bin/env bash
# Build v8snap against another Debian release's libnode-dev and run its tests there, in a fresh root. What its V8 does with
# each hazard goes into docs/reference/hazards.json and hazards.md of this folder.
#   tools/debian_root.sh SUITE [FOLDER]      (trixie: V8 11.3; forky: V8 13.6)
# Needs root, debootstrap and npm. The root stays in FOLDER and is used again.
set -euo pipefail
suite=${1:?usage: debian_root.sh SUITE [FOLDER]}
root=${2:-${TMPDIR:-/var/tmp}/v8snap-root-$suite}
source=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
packages=python3-dev,python3-venv,python3-pip,g++,libnode-dev,pkg-config,ninja-build,ca-certificates

if [ ! -e "$root/.v8snap-root" ]; then
  # debootstrap knows new suites by the script of the development one.
  script=/usr/share/debootstrap/scripts/$suite
  [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
  debootstrap --variant=minbase --include="$packages" "$suite" "$root" "" "$script"
  umount -l "$root/proc" 2> /dev/null || true  # where debootstrap left its own, to go at a time of its choosing
  touch "$root/.v8snap-root"
fi

# The root reaches the network as this machine does.
cp /etc/resolv.conf /etc/hosts "$root/etc/"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
mkdir -p "$root/src"
for folder in proc dev dev/pts; do
  mountpoint -q "$root/$folder" || mount --bind "/$folder" "$root/$folder"
done
trap 'umount -l "$root/proc" "$root/dev/pts" "$root/dev"' EXIT
rm -rf "$root/src" && mkdir "$root/src"
git -C "$source" archive HEAD | tar x -C "$root/src"
mkdir -p "$root/packages" && (cd "$root/packages" && xargs npm pack --silent < "$source/tests/packages.txt")
env -i HOME=/root PATH=/usr/bin:/bin:/usr/sbin:/sbin PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
  V8SNAP_TEST_PACKAGES=/packages ${https_proxy:+https_proxy="$https_proxy"} \
  chroot "$root" bash -ceu '
    cd /src
    python3 -m venv --clear /venv
    /venv/bin/pip -q install ".[test]"
    cd /tmp && /venv/bin/python -c "import v8snap; print(v8snap.build_config())"
    cd /src && /venv/bin/pytest -q && /venv/bin/pytest -q -m slow tests/test_libraries.py && /venv/bin/python -P tests/hazards.py
  '
cp "$root"/src/docs/reference/hazards.* "$source/docs/reference/"
