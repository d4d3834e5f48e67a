"""How long deep copies between Python and JavaScript take, beside the way through JSON text.

    python benchmarks/conversion.py [ROUNDS]

Each round times both ways, one after the other; the medians and their ratios are shown.
"""

import functools
import json
import statistics
import sys
import time

import v8snap

RECORD = "name: 'item ' + k, tags: ['a', 'b'], price: k + 0.5, ok: true, nested: {x: k, y: null}"
RECORDS = f"of(20000, (k) => ({{id: k, {RECORD}}}))"

# JavaScript that makes about 200,000 values of a kind.
SHAPES = {
    "records": RECORDS,
    "small objects": "of(100000, (k) => ({k}))",
    "ints": "of(200000, (k) => k * 7)",
    "ints, an array with holes": "Array.from({length: 200000}, (_, k) => k)",  # V8 takes it for one
    "floats": "of(200000, (k) => k / 7)",
    "strings": "of(200000, (k) => 'string ' + k)",
    "strings of two bytes": "of(200000, (k) => '\\u4e2d\\u6587 ' + k)",
    "many keys": "Object.fromEntries(of(100000, (k) => ['key' + k, k]))",
    "long strings": "of(20, (k) => String(k).padStart(1e6, 'long '))",
}
# What JSON text can't say: no ratio.
OTHERS = {
    "Map": "new Map(of(100000, (k) => ['key' + k, k]))",
    "Set": "new Set(of(200000, (k) => k))",
    "records and a function": f"[{RECORDS}, () => 0]",
    "records with a getter": f"of(20000, (k) => ({{get id() {{ return k }}, {RECORD}}}))",
    "dates": "of(20000, (k) => ({when: new Date(k * 1e8), k}))",
}
OF = "function of(n, make) { const all = []; for (let k = 0; k < n; k++) all.push(make(k)); return all }"


def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def medians(functions, rounds):
    times = [[timed(function) for function in functions] for _ in range(rounds)]
    return [statistics.median(column) * 1000 for column in zip(*times, strict=True)]


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    print(f"milliseconds, medians of {rounds}, V8 {v8snap.v8_version()}")
    with v8snap.Isolate() as iso, iso.new_context() as ctx:
        stringify, parse = ctx.eval("JSON.stringify"), ctx.eval("JSON.parse")
        ctx.eval(OF)
        for name, source in SHAPES.items():
            value = ctx.eval(source)
            data = value.to_py()
            to_py, by_json, to_js, by_dumps = medians(
                (
                    value.to_py,
                    lambda value=value: json.loads(stringify(value)),
                    lambda data=data: ctx.to_js(data),
                    lambda data=data: parse(json.dumps(data)),
                ),
                rounds,
            )
            print(
                f"{name:26} to_py {to_py:7.1f}, JSON {by_json:7.1f}: {to_py / by_json:5.2f}"
                f"    to_js {to_js:7.1f}, JSON {by_dumps:7.1f}: {to_js / by_dumps:5.2f}"
            )
        for name, source in OTHERS.items():
            value = ctx.eval(source)
            data = value.to_py()
            to_py, to_js = medians((value.to_py, lambda data=data: ctx.to_js(data)), rounds)
            print(f"{name:26} to_py {to_py:7.1f}{'':23}to_js {to_js:7.1f}")
        small(ctx)
        texts(ctx)


def each(function, count):
    """Seconds that one of many calls takes, in the best of three rounds."""
    return min(timed(lambda: [function() for _ in range(count)]) for _ in range(3)) / count


def small(ctx):
    """One at a time: what a call passes and gives."""
    for name, source in {"{a, b}": "({a: 1, b: 'x'})", "[1, 2, 3]": "[1, 2, 3]", "{f, a}": "({f() {}, a: 1})"}.items():
        value = ctx.eval(source)
        data = value.to_py()
        to_py, to_js = each(value.to_py, 5000), each(functools.partial(ctx.to_js, data), 5000)
        print(f"{name:26} to_py {to_py * 1e6:7.2f} µs{'':20}to_js {to_js * 1e6:7.2f} µs")


def texts(ctx):
    ignore = ctx.eval("() => 0")
    for length in (10, 1000, 100_000, 10_000_000):
        for kind, letter in {"ASCII": "a", "Latin-1": "é", "two bytes": "中", "pairs": "😀"}.items():
            ctx.globals["text"] = text = letter * length
            script = ctx.compile("text", "text.js")
            count = max(3, min(2000, 10**7 // length))
            out, into = each(functools.partial(script.run, ctx), count), each(functools.partial(ignore, text), count)
            print(f"str of {length:8} {kind:9} to Python {out * 1e6:9.2f} µs      to V8 {into * 1e6:9.2f} µs")


if __name__ == "__main__":
    main()
