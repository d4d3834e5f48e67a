// TextEncoder and TextDecoder, as in https://encoding.spec.whatwg.org, for UTF-8, UTF-16LE and windows-1252.
(native, token, part) => {
  "use strict";
  const { apply, defineProperty, getOwnPropertyDescriptor: own, getPrototypeOf } = Reflect;
  const { encode, encodeInto, Output, Utf8, Utf16 } = part("utf8")();
  const method = (function_) => (self, ...rest) => apply(function_, self, rest);
  const Bytes = Uint8Array;
  const TypeErr = TypeError;
  const RangeErr = RangeError;
  const typedArray = getPrototypeOf(Bytes).prototype;
  const { toStringTag } = Symbol;
  const getter = (prototype, key) => method(own(prototype, key).get);
  const typedName = getter(typedArray, toStringTag);
  const partsOf = (prototype) => ({
    __proto__: null,
    buffer: getter(prototype, "buffer"),
    offset: getter(prototype, "byteOffset"),
    size: getter(prototype, "byteLength"),
  });
  const typed = partsOf(typedArray);
  const viewed = partsOf(DataView.prototype);
  const { isView } = ArrayBuffer;
  const bufferSize = getter(ArrayBuffer.prototype, "byteLength");
  const lower = method("".toLowerCase);
  const slice = method("".slice);
  const SPACE = { __proto__: null, "\t": true, "\n": true, "\f": true, "\r": true, " ": true };
  const trim = (text) => {
    let from = 0;
    let to = text.length;
    while (from < to && SPACE[text[from]]) from++;
    while (from < to && SPACE[text[to - 1]]) to--;
    return slice(text, from, to);
  };

  const NAMES = {
    __proto__: null,
    "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8",
    "utf-16le": "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le",
    "windows-1252": "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 "
      + "iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252",
  };
  const labels = { __proto__: null };
  for (const name in NAMES) for (const label of NAMES[name].split(" ")) labels[label] = name;
  // 0x80 to 0x9f of windows-1252; all others are themselves.
  const WINDOWS = "\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f\x90"
    + "\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178";
  const charCode = method("".charCodeAt);

  class Windows1252 {
    push(bytes, count, isLast, output) {
      for (let i = 0; i < count; i++) {
        const byte = bytes[i];
        output.add(byte >= 0x80 && byte < 0xa0 ? charCode(WINDOWS, byte - 0x80) : byte);
      }
    }
    reset() {}
  }

  const isSharedBuffer = (value) => {
    try {
      own(globalThis.SharedArrayBuffer.prototype, "byteLength").get.call(value);
      return true;
    } catch {
      return false; // it isn't, or there is no such thing here
    }
  };

  // The bytes of an ArrayBuffer or a view, not copied.
  const bytesOf = (source) => {
    if (isView(source)) {
      const { buffer, offset, size } = typedName(source) === undefined ? viewed : typed;
      return new Bytes(buffer(source), offset(source), size(source));
    }
    try {
      bufferSize(source);
    } catch {
      if (!isSharedBuffer(source)) throw new TypeErr("the input is not an ArrayBuffer or a view on one");
    }
    return new Bytes(source);
  };

  class TextEncoder {
    #isOne; // throws where `this` is another object
    constructor() {
      this.#isOne = true;
    }
    get encoding() {
      return this.#isOne ? "utf-8" : "";
    }
    encode(input = "") {
      this.#isOne;
      return encode(`${input}`);
    }
    encodeInto(source, destination) {
      this.#isOne;
      if (!isView(destination) || typedName(destination) !== "Uint8Array") {
        throw new TypeErr("the destination is not a Uint8Array");
      }
      return encodeInto(`${source}`, destination, typed.size(destination));
    }
  }

  class TextDecoder {
    #name; #isFatal; #ignoresBOM; #decoder; #isInside; #sawBOM;
    constructor(label = "utf-8", options = {}) {
      const name = labels[lower(trim(`${label}`))];
      if (name === undefined) throw new RangeErr(`The "${label}" encoding is not supported`);
      this.#name = name;
      this.#isFatal = !!options?.fatal;
      this.#ignoresBOM = !!options?.ignoreBOM;
      const Decoder = name === "utf-8" ? Utf8 : name === "utf-16le" ? Utf16 : Windows1252;
      this.#decoder = new Decoder(this.#isFatal);
      this.#isInside = false;
      this.#sawBOM = false;
    }
    get encoding() { return this.#name; }
    get fatal() { return this.#isFatal; }
    get ignoreBOM() { return this.#ignoresBOM; }
    decode(input = undefined, options = {}) {
      if (!this.#isInside) {
        this.#decoder.reset();
        this.#sawBOM = false;
      }
      const isLast = !options?.stream;
      this.#isInside = !isLast;
      const bytes = input === undefined ? new Bytes(0) : bytesOf(input);
      const output = new Output();
      try {
        this.#decoder.push(bytes, typed.size(bytes), isLast, output);
      } catch (error) {
        this.#isInside = false;
        throw error;
      }
      return this.#withoutBOM(output.flush());
    }
    #withoutBOM(text) {
      if (this.#sawBOM || this.#ignoresBOM || this.#name === "windows-1252" || text === "") return text;
      this.#sawBOM = true;
      return charCode(text, 0) === 0xfeff ? slice(text, 1) : text;
    }
  }
  const classes = { TextEncoder, TextDecoder };
  for (const name in classes) {
    const Class = classes[name];
    defineProperty(globalThis, name, { __proto__: null, value: Class, writable: true, configurable: true });
    defineProperty(Class.prototype, toStringTag, { __proto__: null, value: name, configurable: true });
  }
  return () => {};
}
