"""Finalizers run while a blob is made, and at low_memory_notification(): they do no harm there."""

import pytest

import v8snap

HELD = """
    sc = v8snap.SnapshotCreator(external_references={"f": lambda *arguments: f(*arguments)})
    sc.context.globals["f"] = sc.external("f")
    held = sc.context.eval('''
        var calls = 0;
        var registry = new FinalizationRegistry((n) => { calls++; %s });
        (() => { const target = {}; registry.register(target, 3); return target })()
    ''')
"""


def program(callback, rest):
    lines = [line[4:] if line.startswith("    ") else line for line in (HELD % callback).splitlines()]
    return "import sys, threading, v8snap\n" + "\n".join(lines) + "\n" + rest


def test_what_python_held_is_finalized_before_the_blob_is_made(child_ok):
    """V8 dies of a registry with work to do."""
    code = program(
        "if (n) registry.register({}, n - 1)",
        "with v8snap.Isolate(sc.create_blob(), external_references={'f': print}) as iso:\n"
        "    ctx = iso.new_context()\n"
        "    iso.low_memory_notification()\n"
        "    print(ctx.eval('calls'))",
    )
    assert child_ok(code) == "4\n"


@pytest.mark.parametrize("stop", ["sc.isolate.terminate", "lambda: signal.raise_signal(signal.SIGINT)"])
def test_an_endless_one_can_be_stopped_while_a_blob_is_made(child_ok, stop):
    code = program(
        "for (;;);",
        f"import signal\nthreading.Timer(0.3, {stop}).start()\n"
        "try:\n    sc.create_blob()\n"
        "except (v8snap.JSTerminatedError, KeyboardInterrupt):\n    print(sc.closed)",
    )
    assert child_ok(code) == "True\n"


def test_what_it_freezes_is_seen(child_ok):
    code = program(
        "Object.freeze(Error)",
        "try:\n    sc.create_blob()\n"
        "except v8snap.UnserializableError as error:\n    print('globalThis.Error' in error.paths)",
    )
    assert child_ok(code) == "True\n"


@pytest.mark.slow
def test_one_that_never_rests(child_ok):
    code = program(
        "registry.register({}, n)",
        "try:\n    sc.create_blob()\nexcept v8snap.UnserializableError as error:\n    print(error)",
    )
    assert "doesn't come to rest" in child_ok(code)


def test_nothing_more_goes_into_a_blob_that_is_being_made(child_ok):
    rest = """
def f():
    uses = [
        lambda: sc.external("f"),
        lambda: sc.add_data(5, name="late"),
        lambda: sc.new_context(),
        lambda: sc.check(),
        lambda: sc.create_blob(),
        lambda: sc.__exit__(None, None, None),
    ]
    for use in uses:
        try:
            use()
        except v8snap.SnapshotError as error:
            assert "being made" in str(error)
            print("refused", end=" ")

blob = sc.create_blob()
print(blob.external_references, blob.context_names, blob._header["isolate_data"])
"""
    assert child_ok(program("f()", rest)) == "refused " * 6 + "('f',) () {}\n"


def test_its_exception_goes_where_pythons_unraisable_ones_go(child_ok):
    rest = """
seen = []
sys.unraisablehook = lambda args: seen.append((type(args.exc_value).__name__, str(args.exc_value)))
blob = sc.create_blob()
with v8snap.Isolate() as iso, iso.new_context() as ctx:
    ctx.eval("var r = new FinalizationRegistry(() => { throw 'there' }); r.register({}, 1); 1", name="plain.js")
    iso.low_memory_notification()
print(seen)
"""
    said = child_ok(program("throw new TypeError('here')", rest))
    assert "JSError" in said
    assert "TypeError: here" in said
    assert "there (plain.js:1)" in said
    assert said.count("\n") == 1  # V8 itself writes nothing


@pytest.mark.parametrize(
    ("callback", "timer", "error"),
    [
        ("for (;;) all.push({})", None, v8snap.JSMemoryError),
        ("for (;;);", "terminate", v8snap.JSTerminatedError),
        ("for (;;);", "interrupt", KeyboardInterrupt),
    ],
)
def test_an_endless_one_can_be_stopped_at_low_memory_notification(child_ok, callback, timer, error):
    code = f"""
        import signal, threading, v8snap
        iso = v8snap.Isolate(heap_limit=64 * 2**20)
        ctx = iso.new_context()
        ctx.eval("var all = []; var r = new FinalizationRegistry((n) => {{ {callback} }}); r.register({{}}, 2); 1")
        stop = {{"terminate": iso.terminate, "interrupt": lambda: signal.raise_signal(signal.SIGINT)}}.get({timer!r})
        if stop is not None:
            threading.Timer(0.3, stop).start()
        try:
            iso.low_memory_notification()
        except (v8snap.V8SnapError, KeyboardInterrupt) as error:
            print(type(error).__name__, iso.new_context().eval("1 + 1"))
    """
    assert child_ok(code) == f"{error.__name__} 2\n"


def test_python_functions_can_be_called_there():
    seen = []
    with v8snap.Isolate() as iso, iso.new_context() as ctx:
        ctx.globals["f"] = lambda number, array: seen.append((number, array.to_py()))
        ctx.eval("var r = new FinalizationRegistry((n) => f(n, [n])); r.register({}, 7); 1")
        iso.low_memory_notification()
    assert seen == [(7, [7])]


def test_with_no_context_at_all():
    with v8snap.Isolate() as iso:
        iso.low_memory_notification()
        iso.new_context().close()
        iso.low_memory_notification()


DROPS = {
    "by the finalizer itself": """
        def f():
            global ctx
            ctx = None
        ctx.globals["f"] = f
        ctx.eval("var r = new FinalizationRegistry(() => { f() }); r.register({}, 1); r.register({}, 2); 1")
        iso.low_memory_notification()
    """,
    "by another thread, while V8 collects": """
        keep = iso.new_context()
        keep.eval("var big = []; for (let i = 0; i < 5e5; i++) big.push({i}); 1")
        for _ in range(20):
            box = [iso.new_context()]
            box[0].eval("var r = new FinalizationRegistry(() => { try { null.x } catch {} }); r.register({}, 1); 1")
            threading.Timer(0.01, box.clear).start()
            iso.low_memory_notification()
    """,
    "in the middle of a call, where its handle can't be given back yet": """
        def f():
            other = iso.new_context()
            del other
            iso.low_memory_notification()
        ctx.globals["f"] = f
        ctx.eval("var r = new FinalizationRegistry((x) => { [1].map(String) }); r.register({}, 1); f()")
        for _ in range(20):
            ctx.eval("r.register({}, 1); f()")
    """,
    "by the hook that is told of exceptions": """
        def hook(args):
            global ctx
            ctx = None
        sys.unraisablehook = hook
        ctx.eval("var r = new FinalizationRegistry(() => { throw 1 }); r.register({}, 1); r.register({}, 2); 1")
        iso.low_memory_notification()
    """,
    "while it is being deallocated": """
        import weakref
        for _ in range(3):
            ctx = iso.new_context()
            ctx.eval("var r = new FinalizationRegistry(() => {}); r.register({}, 1); 1")
            holder = type("Holder", (), {})()
            weakref.finalize(holder, iso.low_memory_notification)
            holder.ctx = ctx
            del ctx, holder
    """,
}


@pytest.mark.parametrize("drop", DROPS)
def test_contexts_that_are_dropped_meanwhile(child_ok, drop):
    code = "import sys, threading, v8snap\niso = v8snap.Isolate()\nctx = iso.new_context()\n"
    code += "\n".join(line[8:] for line in DROPS[drop].splitlines())
    assert child_ok(code + "\niso.close()\nprint('end')") == "end\n"


def test_a_long_chain_comes_to_rest(child_ok):
    code = """
        import v8snap
        with v8snap.SnapshotCreator() as sc:
            sc.context.eval('''
                var n = 0;
                var r = new FinalizationRegistry((held) => { n++ });
                (() => {
                  let next = {};
                  r.register(next, 0);
                  for (let i = 0; i < 60; i++) { const target = {}; r.register(target, next); next = target }
                })();
            ''')
        with v8snap.Isolate(sc.blob) as iso:
            print(iso.new_context().eval("n"))
    """
    assert child_ok(code) == "61\n"


def test_python_is_not_called_from_contexts_that_are_closed(child_ok):
    code = """
        import sys, v8snap
        iso = v8snap.Isolate()
        ctx = iso.new_context()
        seen, said = [], []
        sys.unraisablehook = lambda args: said.append(str(args.exc_value))
        def close():
            ctx.close()
            iso.low_memory_notification()
        ctx.globals["f"], ctx.globals["close"] = (lambda array: seen.append(array.to_py())), close
        ctx.eval("var r = new FinalizationRegistry((n) => f([n])); (() => r.register({}, 5))(); close(); 1")
        print(seen, len(said), "closed" in said[0])
    """
    assert child_ok(code) == "[] 1 True\n"
