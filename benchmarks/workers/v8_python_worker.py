"""v8-python."""

import v8
from peer import Engine
from protocol import Unable


class V8PythonEngine(Engine):
    def open(self, snapshot=None):
        if snapshot is None:
            return v8.Isolate().create_context()
        return v8.Isolate(v8.StartupData(snapshot)).create_context_from_snapshot(0)

    def eval(self, vm, source):
        return vm.eval(source).to_python()

    def function(self, vm, source):
        function = vm.eval(source)
        return lambda *arguments: function(*arguments).to_python()

    def object(self, vm, source):
        return Target(vm.eval(source))

    def make_snapshot(self, sources, warmup):
        creator = v8.SnapshotCreator()
        for source in [*sources, warmup] if warmup else sources:
            creator.eval(source)
        creator.add_context("\n;".join(sources))
        return creator.create_blob("keep").to_bytes()

    def new_context(self, sources, call):
        raise Unable("an isolate has one context")

    def open_with_callback(self, function):
        builder = v8.Isolate().create_context_builder()
        builder.host_function(name="cb")(function)
        return builder.build()

    def to_py(self, vm, name):
        return vm.eval(name).to_python()

    def give(self, vm, name, data):
        vm.set_global(name, vm.from_python(data))

    def buffer(self, vm, source):
        return vm.eval(source).as_v8_typed_array(), lambda array: array.memoryview()


class Target:
    """Properties by name, in Python's way."""

    def __init__(self, value):
        self._value = value

    def __getitem__(self, name):
        return self._value.get(name).to_python()

    def __setitem__(self, name, new):
        self._value.set(name, new)


V8PythonEngine().serve()
