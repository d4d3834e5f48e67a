"""One run: the material, the sides, the races one after the other."""

import sys
from dataclasses import replace

from benchmarks import budgets, peers, programs, races
from benchmarks.node import NodeProcess, node_version
from benchmarks.rounds import run_race
from benchmarks.sides import Child, NewProcess

CONTEXTS_OF = "katex"  # bundles for works that one is enough for
MEMORY_OF = "react"


class Sides:
    """Opens sides by their names."""

    def __init__(self, program, cache):
        self.peers = peers.Peers(cache)
        python = sys.executable
        self._commands = {
            "C++": [str(program)],
            "v8snap": [python, str(peers.WORKERS / "v8snap_worker.py")],
            "C++, new process": [str(program)],
            "v8snap, new process": [python, str(peers.WORKERS / "v8snap_start.py")],
            "import json": [python, "-c", "import json"],
            "import v8snap": [python, "-c", "import v8snap"],
        }

    def open(self, side):
        """For one race. Raises SideError where there is no such side here."""
        if side == "Node":
            self.peers.versions["Node"] = node_version()
            return NodeProcess()
        new = side.endswith(races.NEW) or side.startswith("import ")
        return (NewProcess if new else Child)(self.command(side))

    def command(self, side):
        """What is run for it. Raises SideError where there is no such side here."""
        return self._commands.get(side) or self.peers.command(side.removesuffix(races.NEW))


def all_races(folder, cache, only_budgets):
    """Races in the order of the page; what they need is made in `folder` when its turn comes."""
    materials = {}

    def material(key):
        if key not in materials:
            materials[key] = programs.prepare(key, folder, cache)
        return materials[key]

    bundles = ("typescript",) if only_budgets else programs.BUNDLES
    for key in bundles:
        yield races.start_memory(key, material(key))
    if not only_budgets:
        for key in bundles:
            yield races.start_mapped(key, material(key))
            yield races.start_process(key, material(key))
    for key in (CONTEXTS_OF,) if only_budgets else bundles:
        yield races.fresh_context(key, material(key))
    yield from races.calls()
    yield from races.conversions()
    yield from races.arrays()
    yield races.imports()
    yield races.memory("isolates", MEMORY_OF, material(MEMORY_OF))
    yield races.spin(programs.prepare_spin(folder))
    if only_budgets:
        return
    yield from races.strings()
    yield races.memory("contexts", MEMORY_OF, material(MEMORY_OF))
    yield races.contexts(CONTEXTS_OF, material(CONTEXTS_OF))
    for key in bundles:
        yield races.building(key, material(key))
    for size in programs.GROWTH:
        yield races.growth(size, programs.prepare_growth(size, folder))


def run(sides, folder, cache, rounds, only_budgets, wanted, progress, finished):
    """(races by key, their lanes by key). `wanted` are beginnings of keys; all races if there are none."""
    run_races, results = {}, {}
    for race in all_races(folder, cache, only_budgets):
        if wanted and not race.key.startswith(wanted):
            continue
        if only_budgets:
            race = replace(race, entrants=budgets.entrants_needed(race))
            if not race.entrants:
                continue
        results[race.key] = run_race(race, sides.open, race.rounds or rounds, progress)
        run_races[race.key] = race
        finished(race, results[race.key])
    return run_races, results
