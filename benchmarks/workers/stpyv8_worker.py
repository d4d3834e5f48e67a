"""STPyV8."""

import STPyV8
from peer import Engine
from protocol import Unable


class STPyV8Engine(Engine):
    def open(self, snapshot=None):
        isolate = STPyV8.JSIsolate()
        isolate.enter()
        context = STPyV8.JSContext()
        context.enter()
        context.isolate_of_ours = isolate
        return context

    def close(self, vm):
        vm.leave()
        vm.isolate_of_ours.leave()

    def eval(self, vm, source):
        return vm.eval(source)

    def new_context(self, sources, call):
        isolate = STPyV8.JSIsolate()
        isolate.enter()

        def open_context():
            context = STPyV8.JSContext()
            context.enter()
            for source in sources:
                context.eval(source)
            return context

        return open_context, lambda context: context.leave()

    def bind(self, vm, name, function):
        setattr(vm.locals, name, function)

    def to_py(self, vm, name):
        raise Unable("it has proxies, no copies")

    def give(self, vm, name, data):
        raise Unable("it has proxies, no copies")


STPyV8Engine().serve()
