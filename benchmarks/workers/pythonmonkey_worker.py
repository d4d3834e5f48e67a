"""PythonMonkey: SpiderMonkey, with one global context for the process."""

import pythonmonkey
from peer import Engine
from protocol import Unable


class PythonMonkeyEngine(Engine):
    def open(self, snapshot=None):
        return None

    def eval(self, vm, source):
        return pythonmonkey.eval(source)

    def start(self, arguments):
        raise Unable("it can't make a second context: there is one for the process")

    def bind(self, vm, name, function):
        pythonmonkey.globalThis[name] = function

    def to_py(self, vm, name):
        raise Unable("it has proxies, no copies")

    def give(self, vm, name, data):
        raise Unable("it has proxies, no copies")


PythonMonkeyEngine().serve()
