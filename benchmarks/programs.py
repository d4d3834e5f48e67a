"""The JavaScript programs that are started, and their blobs."""

import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import v8snap
from v8snap.demo import PROGRAMS, DemoError, program_files

KATEX = r"""katex.renderToString("x = \\frac{-b \\pm \\sqrt{b^2 - 4ac}}{2a}", { throwOnError: true })"""
LODASH = "JSON.stringify(_.mapValues(_.groupBy(_.range(100), (n) => n % 7), (group) => _.sum(group)))"
#: npm package, file in it, first call
FROM_NPM = {
    "katex": ("KaTeX", "katex@0.16.47", "dist/katex.min.js", KATEX),
    "lodash": ("lodash", "lodash@4.17.21", "lodash.min.js", LODASH),
}
BUNDLES = (*PROGRAMS, *FROM_NPM)
#: Sizes of generated bundles, bytes.
GROWTH = (10_000, 100_000, 1_000_000, 10_000_000)

CPU_BOUND = """
let found = 0;
for (let n = 2; n < 1500000; ++n) {
  let prime = true;
  for (let d = 2; d * d <= n; ++d) if (n % d === 0) { prime = false; break }
  if (prime) ++found;
}
found
"""


@dataclass(frozen=True)
class Material:
    """A program's files: its scripts, its first call, and snapshots of it."""

    title: str
    scripts: tuple
    call: Path
    warm: Path  # .v8snap
    blob: Path  # the warm one's bytes, for the C++ program
    one_seed: Path  # .v8snap, warm, which keeps its hash seed
    one_seed_blob: Path
    expected: str | None

    @property
    def joined(self):
        return ":".join(map(str, self.scripts))


def _from_npm(package, member, cache):
    archive = cache / f"{package.replace('@', '-')}.tgz"
    if not archive.exists():
        try:
            subprocess.run(
                ["npm", "pack", "--silent", package], cwd=cache, check=True, timeout=120, capture_output=True
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise DemoError(f"{package} has to come from npm: {error}") from None
    with tarfile.open(archive) as files:
        return files.extractfile(f"package/{member}").read().decode()


def _sources(key, cache):
    """(title, {name: source}, call, expected)."""
    if key in PROGRAMS:
        program = PROGRAMS[key]
        sources = {path.name: path.read_text(encoding="utf-8") for path in program_files(program)}
        return program.title, sources, program.call, program.expected
    title, package, member, call = FROM_NPM[key]
    return title, {Path(member).name: _from_npm(package, member, cache)}, call, None


def _prepare(folder, title, sources, call, expected):
    folder.mkdir()
    for name, source in sources.items():
        (folder / name).write_text(source, encoding="utf-8")
    (folder / "call.js").write_text(call, encoding="utf-8")
    paths = [folder / "call.js"]
    for name, rehash in (("warm", True), ("one-seed", False)):
        blob = v8snap.build(sources, warmup=call, rehash=rehash)
        paths += [folder / f"{name}.v8snap", folder / f"{name}.blob"]
        blob.save(paths[-2])
        paths[-1].write_bytes(bytes(blob))
    scripts = tuple(folder / name for name in sources)
    return Material(title, scripts, *paths, expected)


def prepare(key, folder, cache):
    """A program's material in `folder`; npm's archives stay in `cache`."""
    return _prepare(folder / key, *_sources(key, cache))


def generated_source(size):
    """A script of about that many bytes: functions that call one another, and data of theirs."""
    parts, length, number = [], 0, 0
    while length < size:
        part = (
            f"function step{number}(value) {{ const data = {{id: {number}, text: 'text {number}', list: [1, 2, 3]}};\n"
            f"  return value + data.list.length + data.text.length }}\nvar kept{number} = {{step: step{number}}};\n"
        )
        parts.append(part)
        length += len(part)
        number += 1
    return "".join(parts)


def prepare_growth(size, folder):
    call = "step0(1) + Object.keys(kept0).length"
    return _prepare(folder / f"growth-{size}", f"{size:,} bytes", {"generated.js": generated_source(size)}, call, None)


def prepare_spin(folder):
    path = folder / "spin.js"
    path.write_text(CPU_BOUND)
    return path
