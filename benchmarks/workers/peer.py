"""What workers of other packages share: the works, in terms of a few things that a package can or can't do."""

import json
import os
from abc import ABC, abstractmethod

from protocol import (
    CALLS,
    RECORDS,
    Stopwatch,
    Unable,
    digest,
    once,
    read_text,
    serve,
    timed,
    timed_calls,
    timed_gets,
    timed_sets,
)


class Engine(ABC):
    """A package. What it doesn't override it can't do, and says why. A `vm` is whatever the package runs scripts in."""

    @abstractmethod
    def open(self, snapshot=None):
        """A `vm`."""

    def close(self, vm):  # noqa: B027 (most have nothing to do)
        pass

    @abstractmethod
    def eval(self, vm, source):
        """What a script gives, as Python has it."""

    def function(self, vm, source):
        """A function of JavaScript's that Python can call."""
        return self.eval(vm, source)

    def object(self, vm, source):
        """An object of JavaScript's whose properties Python can get and set by their names."""
        return self.eval(vm, source)

    def make_snapshot(self, sources, warmup):
        raise Unable("it makes no snapshots")

    def snapshot_from(self, content):
        """What `open` takes, of a snapshot's bytes."""
        return content

    def new_context(self, sources, call):
        """(open, close): functions that make a new context in a warm isolate, with the program in it, and end it."""
        raise Unable("an isolate of its own has one context")

    #: Why JavaScript can't call a Python function, where it can't.
    no_callbacks = ""

    def open_with_callback(self, function):
        """A `vm` in which `cb` is that Python function, where the package can do that."""
        vm = self.open()
        if not self.no_callbacks:
            self.bind(vm, "cb", function)
        return vm

    def bind(self, vm, name, function):
        raise Unable("JavaScript can't call Python")

    def to_py(self, vm, name):
        raise Unable("it has no deep conversion")

    def give(self, vm, name, data):
        raise Unable("it has no deep conversion")

    def buffer(self, vm, source):
        """(array, view): a typed array, and what makes a buffer of it that Python can read."""
        return self.eval(vm, source), memoryview

    # ------------------------------------------------------------ the works

    def __init__(self):
        self._kept = {}

    def start(self, arguments):
        sources = [read_text(path) for path in arguments["scripts"].split(":")]
        call = read_text(arguments["call"])
        snapshot = None
        if arguments["how"] == "file":
            return self.start_from_file(sources, call, arguments["call"] + "." + type(self).__name__)
        if arguments["how"] != "scripts":  # "snapshot", or "warm" where the call was run once while it was made
            if "snapshot" not in self._kept:
                self._kept["snapshot"] = self.make_snapshot(sources, call if arguments["how"] == "warm" else None)
            snapshot, sources = self._kept["snapshot"], []
        watch = Stopwatch()
        vm = self.open(snapshot)
        watch.note("isolate and context")
        for source in sources:
            self.eval(vm, source)
        watch.note("load")
        result = self.eval(vm, call)
        watch.note("call")
        self.close(vm)
        return watch.counts, result

    def start_from_file(self, sources, call, path):
        """From a snapshot's bytes, which the first start of all makes."""
        if not os.path.exists(path):
            snapshot = bytes(self.make_snapshot(sources, call))
            with open(path, "wb") as file:
                file.write(snapshot)
        watch = Stopwatch()
        with open(path, "rb") as file:
            vm = self.open(self.snapshot_from(file.read()))
        result = self.eval(vm, call)
        watch.note("all")
        self.close(vm)
        return watch.counts, result

    def build(self, arguments):
        sources = [read_text(path) for path in arguments["scripts"].split(":")]
        watch = Stopwatch()
        snapshot = self.make_snapshot(sources, None)
        watch.note("build")
        if not snapshot:
            raise RuntimeError("the snapshot is empty")
        return watch.counts, "made"

    def fresh_context(self, arguments):
        call = read_text(arguments["call"])
        if "context" not in self._kept:
            sources = [read_text(path) for path in arguments["scripts"].split(":")]
            self._kept["context"] = self.new_context(sources, call)
        open_context, close_context = self._kept["context"]
        watch = Stopwatch()
        vm = open_context()
        watch.note("context")
        result = self.eval(vm, call)
        watch.note("call")
        close_context(vm)
        return watch.counts, result

    def _vm(self):
        """One with the functions that are called, and with `cb` where it can be."""
        if "vm" not in self._kept:
            self._kept["vm"] = self.open_with_callback(lambda number: None)
            self.eval(self._kept["vm"], CALLS)
        return self._kept["vm"]

    def call(self, arguments):
        return timed_calls(int(arguments["count"]), self.function(self._vm(), "f"))

    def callback(self, arguments):
        vm = self._vm()
        if self.no_callbacks:
            raise Unable(self.no_callbacks)
        return once(lambda: self.eval(vm, f"loop({arguments['count']})"))

    def get(self, arguments):
        return timed_gets(int(arguments["count"]), self.object(self._vm(), "object"))

    def set(self, arguments):
        return timed_sets(int(arguments["count"]), self.object(self._vm(), "object"))

    def string_in(self, arguments):
        length = self.function(self._vm(), "(text) => text.length")
        letters = "x" * int(arguments["size"])
        return timed(int(arguments["count"]), lambda: length(letters))

    def string_out(self, arguments):
        vm = self._vm()
        self.eval(vm, f"var text = 'x'.repeat({arguments['size']}); text.indexOf('y')")
        make = self.function(vm, "() => text")
        counts, letters = timed(int(arguments["count"]), make)
        return counts, len(letters)

    def array_in(self, arguments):
        length = self.function(self._vm(), "(array) => array.byteLength")
        content = b"x" * int(arguments["size"])
        return timed(int(arguments["count"]), lambda: length(content))

    def array_out(self, arguments):
        array, view = self.buffer(self._vm(), f"new Uint8Array({arguments['size']})")
        counts, last = timed(int(arguments["count"]), lambda: view(array))
        return counts, len(last)

    def _records(self, arguments):
        vm = self._vm()
        if "records" not in self._kept:
            text = self.eval(vm, f"{RECORDS.format(count=arguments['values'])}; JSON.stringify(records)")
            self._kept["records"] = json.loads(text)
        return vm, self._kept["records"]

    def to_python(self, arguments):
        vm, _ = self._records(arguments)
        counts, result = once(lambda: self.to_py(vm, "records"))
        return counts, digest(result)

    def to_javascript(self, arguments):
        vm, data = self._records(arguments)
        counts, _ = once(lambda: self.give(vm, "given", data))
        return counts, digest(json.loads(self.eval(vm, "JSON.stringify(given)")))

    def serve(self):
        names = ("start", "build", "fresh_context", "call", "callback", "get", "set", "string_in", "string_out")
        works = {name: getattr(self, name) for name in (*names, "array_in", "array_out")}
        serve({**works, "to_py": self.to_python, "to_js": self.to_javascript})
