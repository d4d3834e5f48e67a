"""Put V8's libraries, their licences and a list of them into a wheel.

    python tools/wheels/repair.py WHEEL FOLDER V8

``V8`` is what the wheel was compiled against: the folder that ``tools/v8_tree.py unpack`` made, or a prefix of
``tools/build_v8``, all of which is in the module. The finished wheel goes into ``FOLDER``. Runs in an environment with
``tools/wheels/requirements.txt``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).absolute().parents[1]))
import v8_tree
from compress import compress

#: Below ``.dist-info/licenses``.
BUNDLED = "bundled"


def run(*command: str | Path) -> None:
    """Run a program of this environment; its output goes where ours does."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    subprocess.run(command, check=True, env={**os.environ, "PATH": path})


def plain_name(path: Path) -> str:
    """The name that a library had before auditwheel made it unique."""
    return re.sub(r"-[0-9a-f]{8}\.", ".", path.name, count=1)


def add_licences(dist_info: Path, licences: Path) -> None:
    """Files into ``.dist-info/licenses``, and their names into the metadata."""
    target = dist_info / "licenses" / BUNDLED
    shutil.copytree(licences, target)
    metadata = dist_info / "METADATA"
    head, blank, description = metadata.read_text(encoding="utf-8").partition("\n\n")
    names = [f"License-File: {BUNDLED}/{path.name}" for path in sorted(target.iterdir())]
    metadata.write_text("\n".join([head, *names]) + blank + description, encoding="utf-8")


def repair(wheel: Path, into: Path, v8: Path) -> Path:
    """Make the wheel that can be given away; its path."""
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        grafted, unpacked = Path(folder, "grafted"), Path(folder, "unpacked")
        # Libraries get unique names: else a process that has loaded another libcrypto.so.3 (Python's own ssl does)
        # would give that to V8's library, and ours to whoever comes later.
        # What it makes is packed once more, so it needn't be compressed.
        command = ("auditwheel", "repair", "--zip-compression-level", "0", "--wheel-dir", grafted, wheel)
        run(sys.executable, "-m", *command)
        run(sys.executable, "-m", "wheel", "unpack", "--dest", unpacked, *grafted.iterdir())
        [root] = unpacked.iterdir()
        libraries = sorted((root / "v8snap.libs").glob("*"))
        if v8_tree.is_made(v8):
            shutil.rmtree(root / "v8snap" / "_libs")  # a wheel has licences where all wheels have them
            told = v8_tree.carried_of_made(v8, "wheel")
        else:
            told = v8_tree.carried(v8 / "root", [plain_name(path) for path in libraries], "wheel")
        (root / "v8snap" / "_carried.json").write_text(told)
        [dist_info] = root.glob("*.dist-info")
        add_licences(dist_info, v8 / "licences")
        run(sys.executable, "-m", "wheel", "pack", "--dest-dir", into, root)
        [made] = grafted.iterdir()
    compress(into / made.name)
    return into / made.name


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    print(repair(*map(Path, sys.argv[1:])))
