# Sourced by tools that build v8snap in a way of their own.

# install_v8snap FOLDER OPTION...
# Enters the environment FOLDER/venv, made where it isn't there, with v8snap and its tests' packages; built in FOLDER/meson
# with these options for Meson and those of V8SNAP_SETUP, such as "-Dv8=prefix -Dv8_prefix=...".
install_v8snap() {
  local folder=$1 sources setup option options=()
  shift
  sources=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
  [ -e "$folder/venv" ] || python3 -m venv "$folder/venv"
  . "$folder/venv/bin/activate"
  pip install -q meson-python Cython ninja meson
  read -ra setup <<< "${V8SNAP_SETUP:-}"
  for option in "$@" "${setup[@]}"; do options+=("-Csetup-args=$option"); done
  pip install -q --no-build-isolation -Cbuild-dir="$folder/meson" "${options[@]}" "$sources[test]"
}
