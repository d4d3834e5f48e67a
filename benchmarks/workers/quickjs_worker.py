"""quickjs."""

import json

import quickjs
from peer import Engine
from protocol import Unable


class QuickjsEngine(Engine):
    def open(self, snapshot=None):
        return quickjs.Context()

    def eval(self, vm, source):
        return vm.eval(source)

    def object(self, vm, source):
        raise Unable("objects have no properties in Python")

    def bind(self, vm, name, function):
        vm.add_callable(name, function)

    def to_py(self, vm, name):
        return json.loads(vm.eval(name).json())

    def give(self, vm, name, data):
        vm.set(name, vm.parse_json(json.dumps(data)))

    def buffer(self, vm, source):
        raise Unable("typed arrays have no buffers in Python")


QuickjsEngine().serve()
