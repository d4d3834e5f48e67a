// atob and btoa, as in https://infra.spec.whatwg.org/#forgiving-base64.
(native, token, part) => {
  "use strict";
  const { apply, defineProperty } = Reflect;
  const method = (function_) => (self, ...rest) => apply(function_, self, rest);
  const charCode = method("".charCodeAt);
  const fromCode = String.fromCharCode;
  const DOMException = part("dom-exception")();
  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const values = { __proto__: null };
  for (let i = 0; i < 64; i++) values[ALPHABET[i]] = i;
  const SPACE = { __proto__: null, " ": true, "\t": true, "\n": true, "\f": true, "\r": true };
  const invalid = (message) => new DOMException(message, "InvalidCharacterError");
  const TypeErr = TypeError;

  const functions = {
    atob(data) {
      if (arguments.length === 0) throw new TypeErr("atob: 1 argument required");
      const given = `${data}`;
      let text = "";
      for (let i = 0; i < given.length; i++) if (SPACE[given[i]] === undefined) text += given[i];
      let end = text.length;
      if (end % 4 === 0 && end > 0 && text[end - 1] === "=") end -= text[end - 2] === "=" ? 2 : 1;
      if (end % 4 === 1) throw invalid("The string to be decoded is not correctly encoded.");
      let result = "";
      let bits = 0;
      let count = 0;
      for (let i = 0; i < end; i++) {
        const value = values[text[i]];
        if (value === undefined) throw invalid("The string to be decoded is not correctly encoded.");
        bits = ((bits << 6) | value) & 0xffff;
        count += 6;
        if (count >= 8) {
          count -= 8;
          result += fromCode((bits >> count) & 0xff);
        }
      }
      return result;
    },
    btoa(data) {
      if (arguments.length === 0) throw new TypeErr("btoa: 1 argument required");
      const text = `${data}`;
      let result = "";
      for (let i = 0; i < text.length; i += 3) {
        const left = text.length - i;
        const first = charCode(text, i);
        const second = left > 1 ? charCode(text, i + 1) : 0;
        const third = left > 2 ? charCode(text, i + 2) : 0;
        if (first > 255 || second > 255 || third > 255) {
          throw invalid("The string to be encoded has characters outside of Latin-1.");
        }
        const bits = (first << 16) | (second << 8) | third;
        result += ALPHABET[bits >> 18] + ALPHABET[(bits >> 12) & 63];
        result += (left > 1 ? ALPHABET[(bits >> 6) & 63] : "=") + (left > 2 ? ALPHABET[bits & 63] : "=");
      }
      return result;
    },
  };
  for (const name in functions) {
    const value = functions[name];
    defineProperty(globalThis, name, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
  }
  return () => {};
}
