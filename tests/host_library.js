// What tests/test_host_library.py has Node.js print too: `show` is console.log there.
const attempt = (f) => { try { return f(); } catch (e) { return `${e.name} ${typeof e.code === "number" ? e.code : ""}`; } };
const bytes = (...b) => new Uint8Array(b);

// base64
for (const text of ["", "a", "ab", "abc", "\xff\x00", "\u0100"]) show("btoa", attempt(() => btoa(text)));
for (const text of ["", "YQ==", "YQ", "YWI=", " Y W\tJj\n", "YQ=", "Y", "YQ===", "Y*==", "====", "YWJj=", "//8="]) {
  show("atob", text, attempt(() => JSON.stringify(atob(text))));
}

// encoding
for (const text of ["", "a\u00e4\u20ac\u{1f600}", "\ud800x\udc00", "\udfff\ud800"]) show("encode", Array.from(new TextEncoder().encode(text)).join());
const into = new Uint8Array(5);
show("encodeInto", JSON.stringify(new TextEncoder().encodeInto("a\u20ac\u00e4\u00e4", into)), into.join());
const samples = [
  bytes(), bytes(0x61), bytes(0xc3, 0xa4), bytes(0xe2, 0x82, 0xac), bytes(0xf0, 0x9f, 0x98, 0x80), bytes(0xff, 0x41), bytes(0xc3), bytes(0xe2, 0x82),
  bytes(0xe2, 0x41), bytes(0xed, 0xa0, 0x80), bytes(0xf4, 0x90, 0x80, 0x80), bytes(0xc0, 0x80), bytes(0xef, 0xbb, 0xbf, 0x41), bytes(0xf0, 0x80, 0x80, 0x41),
];
for (const sample of samples) {
  show("decode", sample.join(), JSON.stringify(new TextDecoder().decode(sample)), attempt(() => new TextDecoder("utf8", { fatal: true }).decode(sample)));
  show("BOM", JSON.stringify(new TextDecoder("utf-8", { ignoreBOM: true }).decode(sample)));
}
for (const sample of [bytes(0x61, 0), bytes(0x3d, 0xd8, 0, 0xde), bytes(0, 0xd8), bytes(0xff, 0xfe, 0x61, 0), bytes(0x61)]) {
  show("utf16", JSON.stringify(new TextDecoder("utf-16le").decode(sample)));
}
const streaming = new TextDecoder();
show("stream", JSON.stringify([streaming.decode(bytes(0xe2, 0x82), { stream: true }), streaming.decode(bytes(0xac, 0xc3), { stream: true }), streaming.decode()]));
show("views", new TextDecoder().decode(new DataView(bytes(0x61, 0x62, 0x63).buffer, 1)), new TextDecoder().decode(new Uint16Array([0x4141])), new TextDecoder().decode(bytes(0x7a).buffer));
show("labels", new TextDecoder(" UTF-8 ").encoding, new TextDecoder("unicode").encoding, attempt(() => new TextDecoder("nope")));
show("classes", attempt(() => TextEncoder()), typeof TextDecoder.prototype.decode, Object.prototype.toString.call(new TextEncoder()));

// URL
const parts = (u) => ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"].map((p) => u[p]).join(" ");
const urls = [
  ["http://user:pa%20ss@EXAMPLE.com:080/a/./b/../c d?x=1&y=\u00e4#fr ag"], ["../x?y", "https://a.b/c/d/e"], ["//h/p", "ftp://z"], ["mailto:a@b"], ["nope"], ["", "http://a"],
  ["http://\u00e4.de/"], ["file:///C:/a"], ["data:text/plain,hi"], ["http://[::1]:80/"], ["http://1.2.3"], ["http://a b/"], ["javascript:1"], ["blob:http://x/1"], ["http://x:99999/"],
];
for (const arguments_ of urls) show("URL", attempt(() => parts(new URL(...arguments_))), URL.canParse(...arguments_));
const url = new URL("http://h/p?a=1#z");
for (const [part, value] of Object.entries({ protocol: "https", username: "u\u00e4", password: "p:w", host: "k:8080", hostname: "q", port: "81", pathname: "x y", search: "s=\u20ac", hash: "ha sh" })) {
  url[part] = value;
  show("set", part, url.href);
}
url.port = "nonsense"; url.host = ""; show("unchanged", url.href, attempt(() => { url.href = "bad"; }));
show("json", JSON.stringify({ url }), `${url}`, Object.prototype.toString.call(url));
const link = new URL("http://h/?a=1&b=2&a=3");
const { searchParams } = link;
searchParams.append("c", "x y&z"); show("linked", link.href, searchParams.getAll("a").join());
searchParams.delete("a"); searchParams.set("b", "\u00e4"); searchParams.sort(); show("linked", link.href, link.searchParams === searchParams);
link.search = "?q=%20+%zz"; show("back", JSON.stringify([...searchParams])); searchParams.delete("q"); show("empty", link.href);
for (const init of ["?a=b&c", "a=b&&=x&y=%e4%c3%a4+", { a: 1, b: null }, [["x", "y"], ["x", "z"]], new URLSearchParams("m=n"), new Map([["k", "v"]]), "", "\ud800=1"]) {
  const params = new URLSearchParams(init);
  show("params", params.toString(), JSON.stringify([...params.keys()]), JSON.stringify([...params.values()]), params.has("a"), params.get("nothing"), params.size);
}
show("bad params", attempt(() => new URLSearchParams([["x"]])), attempt(() => new URLSearchParams([1])), attempt(() => new URLSearchParams().append("a")));
const seen = []; new URLSearchParams("b=1&a=2&b=0").forEach((v, k) => seen.push(k + v)); show("each", seen.join());
show("iterators", Object.prototype.toString.call(new URLSearchParams().entries()), URLSearchParams.prototype[Symbol.iterator] === URLSearchParams.prototype.entries, attempt(() => URL("http://a")));

// structuredClone
const original = {
  n: null, u: undefined, b: true, i: 1n, s: "x", d: new Date(7), r: /a/giy, m: new Map([[{ k: 1 }, new Set([1, "2"])]]), a: [1, , 3], e: new RangeError("bad", { cause: { c: 1 } }),
  t: new Uint16Array([1, 2]), v: new DataView(new ArrayBuffer(4), 1, 2), w: [Object("s"), Object(1), Object(false), Object(2n)], inv: new Date(NaN),
};
original.self = original; original.t2 = new Uint8Array(original.t.buffer);
const copy = structuredClone(original);
show("clone", copy !== original, copy.self === copy, copy.t.buffer === copy.t2.buffer, copy.t.join(), copy.v.byteOffset, copy.v.byteLength, 1 in copy.a, copy.a.length, "u" in copy);
show("clone", copy.d.getTime(), `${copy.r}`, [...copy.m.keys()][0].k, [...[...copy.m.values()][0]].join(), copy.e instanceof RangeError, copy.e.message, copy.e.stack === original.e.stack, copy.e.cause.c);
show("clone", copy.w.map((x) => typeof x + x.constructor.name).join(), copy.inv.getTime(), copy.e !== original.e);
class Point { #p = 1; constructor() { this.x = 1; } get y() { return 2; } }
show("class", structuredClone(new Point()).constructor.name, JSON.stringify(structuredClone({ get g() { return 5; }, [Symbol()]: 1, __proto__: { z: 1 } })));
for (const bad of [() => {}, Symbol("q"), Promise.resolve(), new WeakMap(), new WeakSet(), { deep: [() => {}] }, new WeakRef({})]) {
  show("refused", attempt(() => structuredClone(bad)), attempt(() => { try { structuredClone(bad); } catch (e) { return e instanceof DOMException && e instanceof Error; } }));
}
const moved = new Uint8Array([1, 2, 3]);
const taken = structuredClone({ moved }, { transfer: [moved.buffer] });
show("transfer", moved.length, moved.buffer.byteLength, taken.moved.join());
show("transfer", attempt(() => { const b = new ArrayBuffer(1); structuredClone(b, { transfer: [b, b] }); }), attempt(() => structuredClone()));
const exception = new DOMException("m", "AbortError");
show("exception", `${exception}`, exception.code, exception instanceof Error, Object.prototype.toString.call(exception), attempt(() => DOMException("x")));
