"""One run: the material, the sides, the races one after the other."""

import functools
import sys
from dataclasses import replace

from benchmarks import another_v8, budgets, peers, programs, races
from benchmarks.node import NodeProcess, node_version
from benchmarks.rounds import run_race
from benchmarks.sides import Child, NewProcess

CONTEXTS_OF = "katex"  # bundles for works that one is enough for
MEMORY_OF = "react"


class Sides:
    """Opens sides by their names."""

    def __init__(self, program, cache, beside=None, with_peers=True):
        self.peers = peers.Peers(cache)
        self.beside = beside
        self.with_peers = with_peers
        python = sys.executable
        self._commands = {
            "C++": [str(program)],
            "v8snap": [python, str(peers.WORKERS / "v8snap_worker.py")],
            "C++, new process": [str(program)],
            "v8snap, new process": [python, str(peers.WORKERS / "v8snap_start.py")],
            **{statement: [python, "-c", statement] for statement in races.IMPORTS},
        }
        if beside:
            self._commands[another_v8.SIDE] = beside.command

    def open(self, side):
        """For one race. Raises SideError where there is no such side here."""
        if side == "Node":
            self.peers.versions["Node"] = node_version()
            return NodeProcess()
        new = side.endswith(races.NEW) or side in races.IMPORTS
        return (NewProcess if new else Child)(self.command(side))

    def chosen(self, race):
        """The race with those who take part in this run."""
        if self.beside:
            race = self.beside.join(race)
        if self.with_peers:
            return race
        return replace(race, entrants=tuple(entrant for entrant in race.entrants if entrant.side in self._commands))

    def command(self, side):
        """What is run for it. Raises SideError where there is no such side here."""
        return self._commands.get(side) or self.peers.command(side.removesuffix(races.NEW))


class Workshop:
    """Makes what races need when their turn comes, each once."""

    def __init__(self, folder, cache):
        self.program = functools.cache(lambda key: programs.prepare(key, folder, cache))
        self.growth = functools.cache(lambda size: programs.prepare_growth(size, folder))
        self.spin = functools.cache(lambda: programs.prepare_spin(folder))


def _quick_plan(shop):
    """Key and maker of each race that has a limit."""
    yield "start-memory-typescript", lambda: races.start_memory("typescript", shop.program("typescript"))
    yield f"context-{CONTEXTS_OF}", lambda: races.fresh_context(CONTEXTS_OF, shop.program(CONTEXTS_OF))
    for race in (*races.calls(), *races.conversions(), *races.arrays(), races.imports()):
        yield race.key, lambda race=race: race
    yield f"memory-isolates-{MEMORY_OF}", lambda: races.memory("isolates", MEMORY_OF, shop.program(MEMORY_OF))
    yield "spin", lambda: races.spin(shop.spin())


def _plan(shop):
    """Key and maker of each race."""
    for beginning, make in (
        ("start-memory", races.start_memory),
        ("start-mapped", races.start_mapped),
        ("start-process", races.start_process),
        ("context", races.fresh_context),
        ("build", races.building),
    ):
        for key in programs.BUNDLES:
            yield f"{beginning}-{key}", lambda make=make, key=key: make(key, shop.program(key))
    for size in programs.GROWTH:
        yield f"growth-{size}", lambda size=size: races.growth(size, shop.growth(size))
    taken = {"start-memory-typescript", f"context-{CONTEXTS_OF}"}
    yield from ((key, make) for key, make in _quick_plan(shop) if key not in taken)
    for race in races.strings():
        yield race.key, lambda race=race: race
    yield f"memory-contexts-{MEMORY_OF}", lambda: races.memory("contexts", MEMORY_OF, shop.program(MEMORY_OF))
    yield f"contexts-{CONTEXTS_OF}", lambda: races.contexts(CONTEXTS_OF, shop.program(CONTEXTS_OF))


def all_races(folder, cache, only_budgets=False, wanted=()):
    """Races one after the other: those whose keys begin as `wanted` says, if it says anything."""
    shop = Workshop(folder, cache)
    for key, make in _quick_plan(shop) if only_budgets else _plan(shop):
        if not wanted or key.startswith(wanted):
            yield make()


def run(sides, folder, cache, rounds, only_budgets, wanted, progress, finished):
    """(races by key, their lanes by key). `wanted` are beginnings of keys; all races if there are none."""
    run_races, results = {}, {}
    for race in all_races(folder, cache, only_budgets, wanted):
        race = replace(race, entrants=budgets.entrants_needed(race)) if only_budgets else sides.chosen(race)
        if not race.entrants:
            continue
        results[race.key] = run_race(race, sides.open, race.rounds or rounds, progress)
        run_races[race.key] = race
        finished(race, results[race.key])
    return run_races, results
