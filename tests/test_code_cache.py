"""Code caches: what is in them, and what refuses them."""

import pytest

import v8snap
from v8snap import Isolate

SOURCE = "\n".join(
    f"function f{i}(a) {{ const b = a * {i}; return [b, b + 1, String(b)].join('-') }}" for i in range(200)
)


@pytest.fixture
def make_cache():
    """A code cache of `SOURCE`, out of an isolate of its own."""

    def make(*, eager=False, call="", source=SOURCE):
        with Isolate() as iso, iso.new_context() as ctx:
            script = ctx.compile(source, "f.js", eager=eager)
            script.run(ctx)
            ctx.eval(call)
            return script.create_code_cache()

    return make


def test_eager_compilation_puts_every_function_into_the_cache(make_cache):
    lazy, eager = make_cache(), make_cache(eager=True)
    assert len(eager) > 2 * len(lazy)


def test_functions_that_ran_are_in_a_cache_made_afterwards(make_cache):
    lazy, one, all_called = (make_cache(call=call) for call in ("", "f7(1)", ";".join(f"f{i}(1)" for i in range(200))))
    assert len(lazy) < len(one) < len(all_called)


def test_a_script_from_an_eager_cache_has_every_function_without_compiling(ctx, make_cache):
    cache = make_cache(eager=True)
    script = ctx.compile(SOURCE, "f.js", cached_data=cache)
    assert script.cache_rejected is False
    assert len(script.create_code_cache()) == pytest.approx(len(cache), rel=0.1)
    assert script.run(ctx) is v8snap.undefined
    assert ctx.eval("f3(2)") == "6-7-6"


def test_eager_and_a_cache_exclude_each_other(ctx, make_cache):
    with pytest.raises(ValueError, match="eager"):
        ctx.compile(SOURCE, cached_data=make_cache(), eager=True)


def test_eager_compilation_of_a_syntax_error_is_an_error(ctx):
    with pytest.raises(v8snap.JSError, match="SyntaxError"):
        ctx.compile("function f() { return ( }", eager=True)
    # Errors inside functions are found either way: V8 looks at each at least superficially.
    assert ctx.compile("function g() { return h }", eager=True).run(ctx) is v8snap.undefined


def use(ctx, cache):
    """Whether the cache was refused; either way the script does what it should."""
    script = ctx.compile(SOURCE, "f.js", cached_data=cache)
    script.run(ctx)
    assert ctx.eval("f1(1)") == "1-2-1"
    return script.cache_rejected


def test_a_cache_of_another_isolate_is_accepted(make_cache):
    cache = make_cache()
    with Isolate() as iso, iso.new_context() as first, iso.new_context() as second:
        for ctx in (first, second):
            assert use(ctx, cache) is False
            assert use(ctx, make_cache(eager=True)) is False


def test_a_creator_uses_caches_and_makes_none(make_cache):
    with v8snap.SnapshotCreator() as sc:
        assert use(sc.context, make_cache()) is False
        script = sc.context.compile(SOURCE + " ", "f.js", eager=True)
        for _ in range(2):
            with pytest.raises(v8snap.SnapshotError, match="plain Isolate"):
                script.create_code_cache()
            script.run(sc.context)
    with Isolate(sc.blob) as iso, iso.new_context() as ctx:
        assert ctx.eval("f2(1)") == "2-3-2"


def test_a_cache_from_an_isolate_with_another_read_only_heap_is_not_used(make_blob, make_cache):
    from_plain = make_cache()
    blob = make_blob({"strings.js": "var join = 'join'"})
    with Isolate(blob) as iso, iso.new_context() as ctx:
        # V8 10 would take other objects of the heap for those that the cache means.
        assert use(ctx, from_plain) is True
        of_blob = ctx.compile(SOURCE + " ", "f.js").create_code_cache()
        assert ctx.compile(SOURCE + " ", "f.js", cached_data=of_blob).cache_rejected is False
    with Isolate(blob) as iso, iso.new_context() as ctx:
        assert ctx.compile(SOURCE + " ", "f.js", cached_data=of_blob).cache_rejected is False


@pytest.mark.parametrize("spoil", ["truncated", "empty", "damaged", "another source", "no cache"])
def test_what_does_not_fit_is_not_used(ctx, make_cache, spoil):
    cache = make_cache()
    middle = len(cache) // 2
    given = {
        "truncated": cache[:middle],
        "empty": b"",
        "damaged": cache[:middle] + bytes([cache[middle] ^ 1]) + cache[middle + 1 :],
        "another source": make_cache(source=SOURCE.replace("a * 5;", "a * 6;")),
        "no cache": b"nonsense" * 20,
    }[spoil]
    script = ctx.compile(SOURCE, "f.js", cached_data=given)
    assert script.cache_rejected is True
    script.run(ctx)
    assert ctx.eval("f5(1)") == "5-6-5"


def test_a_cache_made_under_other_flags_is_rejected(child_ok, tmp_path, make_cache):
    path = tmp_path / "cache"
    path.write_bytes(make_cache())
    code = """
        import sys, v8snap
        from pathlib import Path
        v8snap.set_flags(*sys.argv[2:])
        source, cache = Path("source").read_text(), Path("cache").read_bytes()
        with v8snap.Isolate() as iso, iso.new_context() as ctx:
            script = ctx.compile(source, "f.js", cached_data=cache)
            script.run(ctx)
            print(script.cache_rejected, ctx.eval("f5(1)"))
    """
    (tmp_path / "source").write_text(SOURCE)
    assert child_ok(code, "") == "False 5-6-5\n"
    assert child_ok(code, "", "--no-opt") == "True 5-6-5\n"


def test_without_a_cache_nothing_is_rejected(ctx):
    assert ctx.compile("1").cache_rejected is None
    assert ctx.compile("1", eager=True).cache_rejected is None
