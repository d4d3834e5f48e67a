# ruff: noqa: E501 (JavaScript in tables)
"""What V8's own tests of code caches look at: every kind of source does out of a cache what it does without one."""

import pytest

from v8snap import Isolate

STEPS = " ".join(f"if (x % {i + 2} === 0) {{ x += {i} }} else {{ x = x + {i * 1.5} }}" for i in range(3000))
BRANCHES = " ".join(f"case {i}: return 'c{i}';" for i in range(1000))
NUMBERS = ", ".join(str(i if i % 5 else i + 0.5) for i in range(30000))
OBJECTS = ", ".join(f"{{i: {i}, s: 't{i % 50}'}}" for i in range(2000))
PROPERTIES = ", ".join(f"k{i}: [{i}]" for i in range(2000))


def steps(x):
    """What `STEPS` make of a number."""
    for i in range(3000):
        x = x + i if x % (i + 2) == 0 else x + i * 1.5
    return x


# The script, what is called before a cache of it is made, and what is true of it.
SOURCES = {
    "large functions": (
        f"function large(x) {{ {STEPS} return x }}\n"
        f"function branches(x) {{ try {{ switch (x) {{ {BRANCHES} }} }} finally {{ branches.last = x }} }}",
        "large(1); branches(5)",
        f"large(7) === {steps(7)} && branches(999) === 'c999' && branches.last === 999 && branches(1000) === undefined",
    ),
    "large strings": (
        f"const long = '{'x' * 2**20}', name = '{'k' * 2**16}', o = {{[name]: 1, {'p' * 2**16}: 2}};"
        f"const inner = () => '{'y' * 2**18}'",
        "inner()",
        """long === 'x'.repeat(2 ** 20) && o['k'.repeat(2 ** 16)] === 1 && o['p'.repeat(2 ** 16)] === 2 &&
           inner() === 'y'.repeat(2 ** 18)""",
    ),
    "two-byte strings": (
        f"const long = '{chr(0x4E2D) * 2**19}', \u00e9\u4e2d = 3, odd = '\\ud800', smile = '\U0001f600';"
        f" const o = {{\u4e2d: 1, '\u20ac': 2}}, inner = () => ['\u20ac{'z' * 2**16}', `\u00e9${{1}}\u4e2d`, /^\u4e2d+$/u]",
        "inner()",
        """long === '\\u4e2d'.repeat(2 ** 19) && \\u00e9\\u4e2d === 3 && odd.charCodeAt(0) === 0xd800 && odd.length === 1 &&
           smile.codePointAt(0) === 0x1f600 && o['\\u4e2d'] === 1 && o['\\u20ac'] === 2 &&
           inner()[0] === '\\u20ac' + 'z'.repeat(2 ** 16) && inner()[1] === '\\u00e91\\u4e2d' && inner()[2].test('\\u4e2d\\u4e2d')""",
    ),
    "big literals": (
        f"const numbers = () => [{NUMBERS}], objects = () => [{OBJECTS}], properties = () => ({{{PROPERTIES}}});"
        f" const big = {7**3000}n, tag = (strings) => strings, template = () => tag`a${{1}}\\n`",
        "numbers(); objects(); properties(); template()",
        """numbers().length === 30000 && numbers()[29999] === 29999 && numbers()[5] === 5.5 && objects()[1999].i === 1999 &&
           objects()[1999].s === 't49' && objects() !== objects() && properties().k1999[0] === 1999 && big === 7n ** 3000n &&
           template() === template() && template().raw[1] === '\\\\n'""",
    ),
    "classes with private methods": (
        """class A { #v = 1; static #n = 0; static { A.#n = 5 } #m() { return this.#v } get #g() { return this.#m() * 10 }
             set #g(x) { this.#v = x } static #s() { return A.#n } static of(o) { return #m in o }
             run(x) { this.#g = x; return [this.#m(), this.#g, A.#s()].join() } cold() { return this.#m() + A.#n } }
           class B extends A { #m() { return 'b' } both() { return [this.#m(), super.cold()].join() }
             static Inner = class { #x = 2; x() { return this.#x } } }
           const make = () => class { #p = make.n++; p() { return this.#p } }; make.n = 0""",
        "new A().run(3); new B(); new (make())().p()",
        """new A().run(5) === '5,50,5' && new A().cold() === 6 && new B().both() === 'b,6' && A.of(new B()) && !A.of({}) &&
           new B.Inner().x() === 2 && new (make())().p() === 0 && new (make())().p() === 1 && (() => {
             try { A.prototype.cold.call({}) } catch (e) { return e instanceof TypeError } })()""",
    ),
    "generators, async functions and odd parameters": (
        """function* g(a) { try { yield a; yield* [1, 2] } finally { g.ended = true } }
           const o = {async f(x) { o.seen = await x }}; async function* h() { for await (const x of [1, 2]) yield x }
           function outer(a = 1, {b, ...c} = {}) { return () => [a, b, c] }""",
        "[...g(0)]; o.f(1); h().next(); outer()",
        """(g.ended = false, [...g(5)].join() === '5,1,2') && g.ended && o.f(1) instanceof Promise &&
           h().next() instanceof Promise && JSON.stringify(outer(2, {b: 3, d: 4})()) === '[2,3,{"d":4}]'""",
    ),
}


@pytest.mark.parametrize("made", ["lazily", "eagerly", "after calls"])
@pytest.mark.parametrize("kind", SOURCES)
def test_out_of_a_cache_it_does_what_it_did(kind, made):
    source, calls, asked = SOURCES[kind]
    with Isolate() as iso, iso.new_context() as ctx:
        script = ctx.compile(source, "s.js", eager=made == "eagerly")
        script.run(ctx)
        if made == "after calls":
            ctx.eval(calls)
        cache = script.create_code_cache()
    with Isolate() as iso:
        for _ in range(2):
            with iso.new_context() as ctx:
                script = ctx.compile(source, "s.js", cached_data=cache)
                assert script.cache_rejected is False
                script.run(ctx)
                assert ctx.eval(asked) is True
