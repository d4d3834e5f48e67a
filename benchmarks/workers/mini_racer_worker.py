"""mini-racer."""

from peer import Engine
from py_mini_racer import MiniRacer


class MiniRacerEngine(Engine):
    no_callbacks = "only async functions can be called, as promises"

    def open(self, snapshot=None):
        return MiniRacer()

    def close(self, vm):
        vm.close()

    def eval(self, vm, source):
        return vm.eval(source)

    def buffer(self, vm, source):
        # It gives a memoryview at once: what is measured is getting one.
        vm.eval(f"var array = {source}")
        return vm.eval("() => array"), lambda get: get()


MiniRacerEngine().serve()
