"""Keep the TypeScript compiler in a snapshot and compile with it: pip install 'v8snap[demo]'."""

from pathlib import Path

import v8snap
from v8snap.demo import PROGRAMS, program_files

SNAPSHOT = Path("typescript.v8snap")

if not SNAPSHOT.exists():
    blob = v8snap.build(program_files(PROGRAMS["typescript"]), warmup="ts.transpile('let x: number = 1')")
    blob.save(SNAPSHOT)

with v8snap.Isolate(v8snap.StartupData.load(SNAPSHOT)) as iso, iso.new_context() as ctx:
    transpile = ctx.globals["ts"].transpile
    print(transpile("const area = (r: number): number => Math.PI * r ** 2;", {"target": 1}))
