"""See that an installed wheel works on its own; runs with that wheel's Python and nothing else.

    python smoke_test.py

A snapshot is made in a helper process, saved, mapped and run; ICU and WebAssembly are asked; and every library in the
process has to be the wheel's, Python's or the base system's.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import v8snap

#: Where libraries of the base system and its Python may be.
SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")


def snapshots() -> None:
    """Build, save, load, run."""
    blob = v8snap.build({"greet.js": "const greet = (name) => `Hello, ${name}!`"}, warmup="greet('you')")
    with tempfile.TemporaryDirectory() as folder:
        blob.save(Path(folder, "greet.v8snap"))
        loaded = v8snap.StartupData.load(Path(folder, "greet.v8snap"))
        with v8snap.Isolate(loaded) as isolate, isolate.new_context() as context:
            assert context.eval("greet('Ada')") == "Hello, Ada!"
            # ICU has data, in a library of its own or not; WebAssembly needs memory that may be run.
            assert context.eval("new Intl.NumberFormat('de').format(1234.5)") == "1.234,5"
            assert context.eval("WebAssembly.validate(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0))") is True


def check_libraries(package: Path) -> None:
    """All libraries of the wheel are in use, and none is from a folder where something was compiled.

    V8 is one of them, or in the module itself.
    """
    with Path("/proc/self/maps").open() as maps:
        mapped = {Path(line.split(maxsplit=5)[5].strip()) for line in maps if ".so" in line}
    site = package.parent
    idle = set((site / "v8snap.libs").glob("*")) - mapped
    assert not idle, idle
    allowed = (str(site), str(Path(sys.base_prefix).resolve()), *SYSTEM)
    foreign = [str(path) for path in mapped if not any(path.is_relative_to(folder) for folder in allowed)]
    assert not foreign, foreign
    engines = [path.name for path in mapped if path.name.startswith("libnode")]
    assert len(engines) == ("libv8.a" not in v8snap.build_config()["libraries"]), engines


def main() -> None:
    """Run everything; an assertion says what is wrong."""
    package = Path(v8snap._v8.__file__).resolve().parent
    config = v8snap.build_config()
    assert config["v8_source"] == "wheel", config
    assert config["libraries"], config
    assert all(config["libraries"].values()), config
    assert Path(v8snap.get_include(), "v8snap", "isolate.hpp").is_file()
    snapshots()
    check_libraries(package)
    print(f"v8snap {config['version']}, V8 {config['v8_version']}, Python {sys.version.split()[0]}: works")


if __name__ == "__main__":
    main()
