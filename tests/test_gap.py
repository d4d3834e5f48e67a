"""Scripts may define what V8's builder lacks, as polyfills do: V8 would die of it when the snapshot is loaded."""

import pytest

import v8snap

CODE = """
    import json, v8snap
    from v8snap import gap

    define = r'''
    const start = {global: globalThis, TypedArray: Object.getPrototypeOf(Uint8Array)};
    globalThis.captured = [];
    for (const [path, name] of GAP) {
      let holder = start[path[0]];
      if (holder === undefined) continue;
      for (const step of path.slice(1)) {
        const key = step.startsWith('@@') ? Symbol[step.slice(2)] : step;
        holder = step === '^' ? Object.getPrototypeOf(holder) : holder[key];
      }
      if (path.length === 1) continue;
      const key = name.startsWith('@@') ? Symbol[name.slice(2)] : name;
      const mine = {[key]: function () { return 'mine' }}[key];
      Object.defineProperty(holder, key, {value: mine, writable: true, configurable: true});
      captured.push([holder, key, mine]);
    }
    function native([holder, key, mine]) {
      const found = Object.getOwnPropertyDescriptor(holder, key);
      return mine() === 'mine' && found !== undefined && found.value !== mine;
    }
    '''.replace("GAP", json.dumps(gap._find()))
    with v8snap.SnapshotCreator() as sc:
        sc.context.eval(define)
    for _ in range(2):
        with v8snap.Isolate(sc.blob) as iso, iso.new_context() as ctx:
            print(ctx.eval("captured.length") > 5, ctx.eval("captured.filter((each) => !native(each)).length"))
"""


def test_a_script_that_defines_the_whole_gap(child_ok):
    assert child_ok(CODE).split() == ["True", "0"] * 2


def test_polyfills_in_layers_and_added_contexts(child_ok):
    code = """
        import v8snap
        POLYFILLS = '''
            Object.hasOwn ??= (o, k) => Object.prototype.hasOwnProperty.call(o, k);
            Array.prototype.at ??= function (i) { return this[i < 0 ? i + this.length : i] };
            Array.prototype.toSorted ??= function () { return this.slice().sort() };
            Promise.try ??= (f) => new Promise((resolve) => resolve(f()));
            var {hasOwn} = Object;
            function use() { return [Object.hasOwn({a: 1}, 'a'), [1, 2].at(-1), hasOwn({}, 'a')].join() }
        '''
        with v8snap.SnapshotCreator() as sc:
            sc.context.eval(POLYFILLS)
            print(sc.context.globals["use"]())
            ctx = sc.new_context()
            ctx.eval(POLYFILLS)
            sc.add_context(ctx, name="other")
        with v8snap.SnapshotCreator(existing_blob=sc.blob) as sc:
            sc.context.eval(POLYFILLS)
            print(sc.context.globals["use"]())
        warm = v8snap.warm_up(sc.blob, POLYFILLS + "use()")
        with v8snap.Isolate(warm) as iso:
            for which in (None, "other"):
                print(iso.new_context(which).globals["use"]())
            print(iso.new_context().eval("[Object.hasOwn, [].at].every((f) => String(f).includes('[native code]'))"))
    """
    assert child_ok(code).split() == ["true,2,false"] * 4 + ["True"]


def test_frozen_builtins_are_refused_where_v8_would_die(child_ok):
    code = """
        import v8snap
        sc = v8snap.SnapshotCreator()
        sc.context.eval('''
            for (const name of Object.getOwnPropertyNames(globalThis)) {
              const value = globalThis[name];
              if (typeof value === "function") { Object.freeze(value); Object.freeze(value.prototype) }
            }
        ''')
        try:
            sc.create_blob()
        except v8snap.UnserializableError as error:
            print(len(error.paths) > 1, "globalThis.Error" in error.paths)
    """
    assert child_ok(code).split() == ["True", "True"]


@pytest.mark.parametrize("value", [None, "5", "Object.freeze({})", "{KEY: 1}", "globalThis", "REVOKED"])
@pytest.mark.parametrize(
    ("owner", "name", "path"),
    [
        ("Array.prototype", "Symbol.unscopables", "Array.prototype.@@unscopables"),
        ("globalThis", "'Math'", "Math"),
        ("globalThis", "'Atomics'", "Atomics"),
    ],
)
def test_objects_that_v8_looks_for_when_it_loads(child_ok, owner, name, path, value):
    """They are refused where V8 adds to them and would die, and nowhere else."""
    keys = [late.removeprefix(f"{path}.") for late in v8snap.builtin_gap() if late.startswith(f"{path}.")]
    script = f"delete {owner}[{name}]"
    if value is not None:
        value = value.replace("KEY", keys[0] if keys else "x")
        value = value.replace("REVOKED", "(() => { const r = Proxy.revocable({}, {}); r.revoke(); return r.proxy })()")
        script = f"Object.defineProperty({owner}, {name}, {{value: {value}, configurable: true, writable: true}})"
    code = f"""
        import v8snap
        sc = v8snap.SnapshotCreator()
        sc.context.eval({script!r})
        found = [each.path for each in sc.check()]
        try:
            blob = sc.create_blob()
        except v8snap.UnserializableError as error:
            print(*found, *error.paths)
        else:
            with v8snap.Isolate(blob) as iso:
                iso.new_context().eval("1")
            print(*found, "works")
    """
    said = child_ok(code).split()
    if not keys:
        assert said == ["works"]
    else:
        assert said == [f"globalThis.{path}"] * 2


def test_what_is_missing_is_named():
    names = v8snap.builtin_gap()
    assert "WebAssembly" in names
    assert "SharedArrayBuffer" in names
    with v8snap.SnapshotCreator() as sc:
        while_building = [sc.context.eval(f"typeof {name}") for name in ("WebAssembly", "SharedArrayBuffer")]
    assert while_building == ["undefined", "undefined"]
    with v8snap.Isolate(sc.blob) as iso:
        assert iso.new_context().eval("typeof WebAssembly + typeof SharedArrayBuffer") == "objectfunction"


def test_the_gap_is_found_beside_open_isolates_as_well(child_ok, make_blob, tmp_path):
    make_blob().save(tmp_path / "base.v8snap")
    code = """
        import sys, v8snap
        from v8snap import gap
        base = v8snap.StartupData.load(sys.argv[1])
        with v8snap.Isolate(base), v8snap.SnapshotCreator(existing_blob=base) as sc:
            sc.context.eval("1")
        found = sorted((*path, name) for path, name in gap._find())
        gap._gap = None
        print(found == sorted((*path, name) for path, name in gap._find()), len(found) > 5)
    """
    assert child_ok(code, tmp_path / "base.v8snap").split() == ["True", "True"]


@pytest.mark.parametrize(
    "change",
    [
        "var proto = Array.prototype",
        "Reflect = null",
        "Array.prototype[Symbol.iterator] = null",
        "Object.prototype.toJSON = () => 1",
        "var p = new Proxy({}, {ownKeys() { for (;;); }})",
        "const kept = /this|Math|Atomics/; Object.getOwnPropertyNames(this).map((k) => kept.test(k) || delete this[k])",
    ],
)
def test_the_gap_is_not_looked_for_in_a_heap_that_scripts_changed(child_ok, tmp_path, make_blob, change):
    make_blob({"a.js": change}).save(tmp_path / "base.v8snap")
    code = """
        import sys, v8snap
        base = v8snap.StartupData.load(sys.argv[1])
        with v8snap.SnapshotCreator(existing_blob=base):
            pass
        with v8snap.SnapshotCreator() as sc:
            sc.context.eval("1")
        v8snap.warm_up(base, "1")
        print(len(v8snap.builtin_gap()) > 5, "WebAssembly" in v8snap.builtin_gap())
    """
    assert child_ok(code, tmp_path / "base.v8snap").split() == ["True", "True"]


def test_the_gap_is_looked_for_again_where_the_helper_failed(child_ok, make_blob, tmp_path):
    make_blob().save(tmp_path / "base.v8snap")
    code = """
        import sys, v8snap
        from v8snap import gap
        isolate = v8snap.Isolate(v8snap.StartupData.load(sys.argv[1]))
        program, sys.executable = sys.executable, ""
        try:
            v8snap.builtin_gap()
        except v8snap.V8SnapError:
            assert gap._gap is None
        sys.executable = program
        print(len(v8snap.builtin_gap()) > 5)
    """
    assert child_ok(code, tmp_path / "base.v8snap") == "True\n"
