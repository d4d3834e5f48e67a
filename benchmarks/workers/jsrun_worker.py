"""jsrun."""

import jsrun
from peer import Engine
from protocol import Unable


class JsrunEngine(Engine):
    def open(self, snapshot=None):
        return jsrun.Runtime(jsrun.RuntimeConfig(snapshot=snapshot))

    def close(self, vm):
        vm.close()

    def eval(self, vm, source):
        return vm.eval(source)

    def make_snapshot(self, sources, warmup):
        builder = jsrun.SnapshotBuilder()
        for number, source in enumerate([*sources, warmup] if warmup else sources):
            builder.execute_script(f"script-{number}.js", source)
        return builder.build()

    def new_context(self, sources, call):
        raise Unable("a runtime has one context")

    def object(self, vm, source):
        raise Unable("objects are copied, as JSON is")

    def bind(self, vm, name, function):
        vm.bind_function(name, function)

    def to_py(self, vm, name):
        return vm.eval(name)

    def give(self, vm, name, data):
        vm.eval(f"(data) => {{ globalThis.{name} = data }}")(data)

    def buffer(self, vm, source):
        vm.eval(f"var array = {source}")
        return vm.eval("() => array"), lambda get: memoryview(get())


JsrunEngine().serve()
