"""Proxies around arrays are arrays to Python: to_py, indices, edits; whatever their traps do, V8 lives."""

import pytest

import v8snap
from v8snap import JSArray, JSObject


def test_a_proxy_of_an_array_is_a_list_and_a_sequence(ctx):
    array = ctx.eval("var target = [1, {a: 2}, 3]; new Proxy(target, {})")
    assert isinstance(array, JSArray)
    assert repr(array) == "<JSArray Proxy>"
    assert array.to_py() == [1, {"a": 2}, 3]
    assert ctx.eval("({nested: new Proxy(new Proxy([1], {}), {})})").to_py() == {"nested": [1]}
    assert (len(array), array[0], array[-1], array[1:][0]["a"]) == (3, 1, 3, 2)
    assert [*array][0::2] == [1, 3]
    assert 3 in array
    array.append(4)
    array.insert(0, 0)
    del array[2]
    array[0] = "x"
    array.reverse()
    assert ctx.eval("JSON.stringify(target)") == '[4,3,1,"x"]'
    array.clear()
    assert ctx.eval("target.length") == 0


def test_holes_stay_holes(ctx):
    array = ctx.eval("var target = [1, , 3]; new Proxy(target, {})")
    array.insert(0, 0)
    assert ctx.eval("target.length === 4 && !(2 in target)")
    assert array[2] is v8snap.undefined


def test_to_py_is_what_json_makes_of_it(ctx):
    for source in (
        "new Proxy([1, 2, 3], {get: (t, key) => key === 'length' ? 2 : t[key] * 10})",
        "new Proxy([], {get: (t, key) => key === 'length' ? 2 : 'x'})",
        "new Proxy([1], {get: (t, key) => key === 'length' ? -5 : t[key]})",
        "new Proxy([1], {get: (t, key) => key === 'length' ? NaN : t[key]})",
        "new Proxy({0: 1, length: 1}, {})",
    ):
        value = ctx.eval(f"var value = {source}; value")
        expected = ctx.eval("JSON.parse(JSON.stringify(value, (k, v) => typeof v === 'function' ? undefined : v))")
        assert value.to_py() == expected.to_py(), source


def test_traps_that_throw_or_lie(ctx):
    make = ctx.eval("(length) => new Proxy([1, 2], {get: (t, key) => key === 'length' ? length() : t[key]})")
    throws = make(ctx.eval("() => { throw new RangeError('trap') }"))
    for use in (len, list, lambda a: a.to_py(), lambda a: a.append(1), lambda a: a[0], lambda a: a[:]):
        with pytest.raises(v8snap.JSError, match="trap"):
            use(throws)
    for lie in ("1n", "Symbol()"):
        with pytest.raises(v8snap.JSError, match="TypeError"):
            len(make(ctx.eval(f"() => {lie}")))
    long = make(ctx.eval("() => 2 ** 60"))
    assert len(long) == 2**32 - 1
    assert long[5] is v8snap.undefined
    for use in (lambda a: a.to_py(), lambda a: a.append(1)):
        with pytest.raises(v8snap.ConversionError, match="too long"):
            use(long)
    shrinks = ctx.eval("let left = 9; new Proxy([], {get: (t, key) => key === 'length' ? left-- : key})")
    assert len(list(shrinks)) < 9
    with pytest.raises(v8snap.JSTimeoutError):
        ctx.isolate.timeout = 0.05
        len(make(ctx.eval("() => { for (;;); }")))


def test_a_proxy_that_is_revoked(ctx):
    pair = ctx.eval("var pair = Proxy.revocable([1], {}); pair")
    before = pair.proxy
    pair.revoke()
    after = ctx.eval("new Proxy(pair.proxy, {})")
    assert (type(before), type(after)) == (JSArray, JSObject)
    for each in (before, after):
        assert "Proxy" in repr(each)
        for use in (list, lambda a: a.to_py(), lambda a: a[0], len):
            with pytest.raises(v8snap.JSError, match="revoked"):
                use(each)
    with pytest.raises(v8snap.JSError, match="revoked"):
        before.append(1)
