// URL and URLSearchParams, as in https://url.spec.whatwg.org. Python parses URLs; query strings are taken apart here.
(native, token, part) => {
  "use strict";
  const { apply, defineProperty, ownKeys, getOwnPropertyDescriptor: own } = Reflect;
  // Not by assignment: a setter may be in Array.prototype.
  const push = (list, value) =>
    defineProperty(list, list.length, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
  const { encode, decode } = part("utf8")();
  const method = (function_) => (self, ...rest) => apply(function_, self, rest);
  const { toStringTag, iterator } = Symbol;
  const TypeErr = TypeError;
  const sort = method([].sort);
  const [charCode, slice, indexOf] = [method("".charCodeAt), method("".slice), method("".indexOf)];
  const iteratorPrototype = Reflect.getPrototypeOf(Reflect.getPrototypeOf([][iterator]()));
  const lengthOf = method(own(Reflect.getPrototypeOf(Uint8Array.prototype), "length").get);
  const HEX = "0123456789ABCDEF";
  const Bytes = Uint8Array;
  const PLAIN = /[A-Za-z0-9*\-._]/;
  const test = method(PLAIN.test);

  const isPlain = [];
  for (let i = 0; i < 128; i++) isPlain[i] = test(PLAIN, String.fromCharCode(i));

  const hexValue = (code) =>
    code >= 48 && code <= 57 ? code - 48 : code >= 65 && code <= 70 ? code - 55 : code >= 97 && code <= 102 ? code - 87 : -1;

  // As bytes, "+" is a space and %XX is a byte.
  const unescape = (text) => {
    const source = encode(text);
    const bytes = new Bytes(lengthOf(source));
    let count = 0;
    for (let i = 0; i < lengthOf(source); i++) {
      const byte = source[i];
      const high = byte === 37 ? hexValue(source[i + 1]) : -1;
      const low = high >= 0 ? hexValue(source[i + 2]) : -1;
      if (low >= 0) i += 2;
      bytes[count++] = low >= 0 ? high * 16 + low : byte === 43 ? 32 : byte;
    }
    return decode(bytes, count);
  };

  const escape = (text) => {
    const bytes = encode(text);
    let result = "";
    for (let i = 0; i < lengthOf(bytes); i++) {
      const byte = bytes[i];
      if (byte === 32) result += "+";
      else if (byte < 128 && isPlain[byte]) result += fromCode(byte);
      else result += `%${HEX[byte >> 4]}${HEX[byte & 15]}`;
    }
    return result;
  };
  const fromCode = String.fromCharCode;

  // A list of [name, value] pairs, as objects.
  const parse = (query) => {
    const pairs = [];
    for (let from = 0; from <= query.length; ) {
      let to = indexOf(query, "&", from);
      if (to < 0) to = query.length;
      if (to > from) {
        const text = slice(query, from, to);
        const equals = indexOf(text, "=");
        const name = equals < 0 ? text : slice(text, 0, equals);
        const value = equals < 0 ? "" : slice(text, equals + 1);
        push(pairs, { __proto__: null, name: unescape(name), value: unescape(value) });
      }
      from = to + 1;
    }
    return pairs;
  };

  const serialize = (pairs) => {
    let result = "";
    for (let i = 0; i < pairs.length; i++) result += `${i > 0 ? "&" : ""}${escape(pairs[i].name)}=${escape(pairs[i].value)}`;
    return result;
  };

  const wellFormed = (value) => {
    const text = `${value}`;
    for (let i = 0; i < text.length; i++) {
      if ((charCode(text, i) & 0xf800) === 0xd800) {
        const bytes = encode(text);
        return decode(bytes, lengthOf(bytes));
      }
    }
    return text;
  };

  const NO_PAIR = "each pair must be iterable [name, value]";

  const pairsFrom = (init) => {
    if ((typeof init !== "object" && typeof init !== "function") || init === null) {
      const text = wellFormed(init);
      return parse(charCode(text, 0) === 63 ? slice(text, 1) : text);
    }
    const pairs = [];
    const iterate = init[iterator];
    if (iterate === undefined || iterate === null) {
      const keys = ownKeys(init);
      for (let i = 0; i < keys.length; i++) {
        const descriptor = own(init, keys[i]);
        if (descriptor !== undefined && descriptor.enumerable) {
          push(pairs, { __proto__: null, name: wellFormed(keys[i]), value: wellFormed(init[keys[i]]) });
        }
      }
      return pairs;
    }
    if (typeof iterate !== "function") throw new TypeErr("the object can't be iterated over");
    for (const pair of init) {
      const both = [];
      if ((typeof pair !== "object" && typeof pair !== "function") || pair === null) throw new TypeErr(NO_PAIR);
      for (const item of pair) push(both, item);
      if (both.length !== 2) throw new TypeErr(NO_PAIR);
      push(pairs, { __proto__: null, name: wellFormed(both[0]), value: wellFormed(both[1]) });
    }
    return pairs;
  };

  // How a URL and its searchParams find one another's insides.
  let pairsOf, setPairs, attach, update;

  const iteratorOf = (params, pick) => {
    let i = 0;
    const found = { __proto__: ParamsIterator };
    defineProperty(found, "next", {
      __proto__: null,
      configurable: true,
      value: () => {
        const pairs = pairsOf(params);
        return i < pairs.length ? { value: pick(pairs[i++]), done: false } : { value: undefined, done: true };
      },
    });
    return found;
  };
  const ParamsIterator = { __proto__: iteratorPrototype };
  defineProperty(ParamsIterator, toStringTag, { __proto__: null, value: "URLSearchParams Iterator", configurable: true });

  class URLSearchParams {
    #pairs;
    #url;
    constructor(init = "") {
      this.#pairs = pairsFrom(init);
    }
    static {
      pairsOf = (params) => params.#pairs;
      setPairs = (params, query) => { params.#pairs = parse(query); };
      attach = (url, query) => {
        const params = new URLSearchParams();
        params.#pairs = parse(query);
        params.#url = url;
        return params;
      };
    }
    #changed() {
      if (this.#url !== undefined) update(this.#url, serialize(this.#pairs));
    }
    #without(name, value) {
      const kept = [];
      for (let i = 0; i < this.#pairs.length; i++) {
        const pair = this.#pairs[i];
        if (pair.name !== name || (value !== undefined && pair.value !== value)) push(kept, pair);
      }
      return kept;
    }
    get size() { return this.#pairs.length; }
    append(name, value) {
      need(arguments.length, 2);
      push(this.#pairs, { __proto__: null, name: wellFormed(name), value: wellFormed(value) });
      this.#changed();
    }
    delete(name, value = undefined) {
      need(arguments.length, 1);
      this.#pairs = this.#without(wellFormed(name), value === undefined ? undefined : wellFormed(value));
      this.#changed();
    }
    get(name) {
      need(arguments.length, 1);
      const wanted = wellFormed(name);
      for (let i = 0; i < this.#pairs.length; i++) if (this.#pairs[i].name === wanted) return this.#pairs[i].value;
      return null;
    }
    getAll(name) {
      need(arguments.length, 1);
      const wanted = wellFormed(name);
      const found = [];
      for (let i = 0; i < this.#pairs.length; i++) if (this.#pairs[i].name === wanted) push(found, this.#pairs[i].value);
      return found;
    }
    has(name, value = undefined) {
      need(arguments.length, 1);
      return this.#without(wellFormed(name), value === undefined ? undefined : wellFormed(value)).length < this.#pairs.length;
    }
    set(name, value) {
      need(arguments.length, 2);
      const wanted = wellFormed(name);
      const text = wellFormed(value);
      const kept = [];
      let isSet = false;
      for (let i = 0; i < this.#pairs.length; i++) {
        const pair = this.#pairs[i];
        if (pair.name !== wanted) push(kept, pair);
        else if (!isSet) {
          isSet = true;
          push(kept, { __proto__: null, name: wanted, value: text });
        }
      }
      if (!isSet) push(kept, { __proto__: null, name: wanted, value: text });
      this.#pairs = kept;
      this.#changed();
    }
    sort() {
      sort(this.#pairs, (one, other) => (one.name < other.name ? -1 : one.name > other.name ? 1 : 0));
      this.#changed();
    }
    forEach(callback, self = undefined) {
      if (typeof callback !== "function") throw new TypeErr("the callback is not a function");
      for (let i = 0; i < this.#pairs.length; i++) apply(callback, self, [this.#pairs[i].value, this.#pairs[i].name, this]);
    }
    entries() {
      this.#pairs;
      return iteratorOf(this, ({ name, value }) => [name, value]);
    }
    keys() {
      this.#pairs;
      return iteratorOf(this, ({ name }) => name);
    }
    values() {
      this.#pairs;
      return iteratorOf(this, ({ value }) => value);
    }
    toString() { return serialize(this.#pairs); }
  }

  const need = (given, wanted) => {
    if (given < wanted) throw new TypeErr(`${wanted} argument${wanted > 1 ? "s" : ""} required, but only ${given} present`);
  };

  // In the order in which Python gives them.
  const PARTS = [
    "href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash",
  ];
  const read = (lines) => {
    const found = { __proto__: null };
    let from = 0;
    for (let i = 0; i < PARTS.length; i++) {
      let to = indexOf(lines, "\n", from);
      if (to < 0) to = lines.length;
      found[PARTS[i]] = slice(lines, from, to);
      from = to + 1;
    }
    return found;
  };

  const parsed = (url, base) =>
    base === undefined ? native("parse", wellFormed(url)) : native("parse", wellFormed(url), wellFormed(base));

  class URL {
    #parts;
    #params;
    constructor(url, base = undefined) {
      need(arguments.length, 1);
      const lines = parsed(url, base);
      if (lines === null) {
        const error = new TypeErr("Invalid URL");
        error.code = "ERR_INVALID_URL";
        error.input = `${url}`;
        throw error;
      }
      this.#parts = read(lines);
    }
    static {
      update = (url, query) => url.#set("search", query === "" ? "" : `?${query}`, true);
    }
    #set(name, value, isFromParams = false) {
      const lines = native("set", this.#parts.href, name, wellFormed(value));
      if (lines === null) {
        if (name === "href") throw new TypeErr("Invalid URL");
        return;
      }
      this.#parts = read(lines);
      if (!isFromParams && this.#params !== undefined) setPairs(this.#params, slice(this.#parts.search, 1));
    }
    get href() { return this.#parts.href; }
    set href(value) { this.#set("href", value); }
    get origin() { return this.#parts.origin; }
    get protocol() { return this.#parts.protocol; }
    set protocol(value) { this.#set("protocol", value); }
    get username() { return this.#parts.username; }
    set username(value) { this.#set("username", value); }
    get password() { return this.#parts.password; }
    set password(value) { this.#set("password", value); }
    get host() { return this.#parts.host; }
    set host(value) { this.#set("host", value); }
    get hostname() { return this.#parts.hostname; }
    set hostname(value) { this.#set("hostname", value); }
    get port() { return this.#parts.port; }
    set port(value) { this.#set("port", value); }
    get pathname() { return this.#parts.pathname; }
    set pathname(value) { this.#set("pathname", value); }
    get search() { return this.#parts.search; }
    set search(value) { this.#set("search", value); }
    get searchParams() {
      if (this.#params === undefined) this.#params = attach(this, slice(this.#parts.search, 1));
      return this.#params;
    }
    get hash() { return this.#parts.hash; }
    set hash(value) { this.#set("hash", value); }
    toString() { return this.#parts.href; }
    toJSON() { return this.#parts.href; }
    static canParse(url, base = undefined) {
      need(arguments.length, 1);
      return parsed(url, base) !== null;
    }
    static parse(url, base = undefined) {
      need(arguments.length, 1);
      return parsed(url, base) === null ? null : new URL(url, base);
    }
  }

  defineProperty(URLSearchParams.prototype, iterator, {
    __proto__: null, value: URLSearchParams.prototype.entries, writable: true, configurable: true,
  });
  const classes = { URL, URLSearchParams };
  for (const name in classes) {
    const Class = classes[name];
    defineProperty(globalThis, name, { __proto__: null, value: Class, writable: true, configurable: true });
    defineProperty(Class.prototype, toStringTag, { __proto__: null, value: name, configurable: true });
  }
  return () => {};
}
