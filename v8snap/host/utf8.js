// UTF-8 and UTF-16 code units, as in https://encoding.spec.whatwg.org. control() gives {encode, encodeInto, Decoder}.
() => {
  "use strict";
  const { apply } = Reflect;
  const method = (function_) => (self, ...rest) => apply(function_, self, rest);
  const codePoint = method("".codePointAt);
  const fromCode = String.fromCharCode;
  const Bytes = Uint8Array;
  const Units = Uint16Array;
  const TypeErr = TypeError;
  const REPLACEMENT = 0xfffd;

  // The code point at a place of a string; a lone surrogate is replaced.
  const scalar = (text, at) => {
    const point = codePoint(text, at);
    return point >= 0xd800 && point <= 0xdfff ? REPLACEMENT : point;
  };
  const sizeOf = (point) => (point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4);

  // Gives how many code units went into `into`, and how many bytes they are.
  const encodeInto = (text, into, most) => {
    let written = 0;
    let read = 0;
    while (read < text.length) {
      const point = scalar(text, read);
      const size = sizeOf(point);
      if (written + size > most) break;
      if (size === 1) into[written] = point;
      else {
        into[written] = (size === 2 ? 0xc0 : size === 3 ? 0xe0 : 0xf0) | (point >> (6 * (size - 1)));
        for (let i = 1; i < size; i++) into[written + i] = 0x80 | ((point >> (6 * (size - 1 - i))) & 0x3f);
      }
      written += size;
      read += size === 4 ? 2 : 1;
    }
    return { read, written };
  };

  const encode = (text) => {
    let size = 0;
    for (let i = 0; i < text.length; ) {
      const bytes = sizeOf(scalar(text, i));
      size += bytes;
      i += bytes === 4 ? 2 : 1;
    }
    const result = new Bytes(size);
    encodeInto(text, result, size);
    return result;
  };

  // Collects code points in a string, some at a time: each piece costs memory.
  class Output {
    constructor() {
      this.text = "";
      this.units = new Units(8);
      this.count = 0;
    }
    add(point) {
      if (point > 0xffff) {
        this.unit(0xd800 + ((point - 0x10000) >> 10));
        this.unit(0xdc00 + ((point - 0x10000) & 0x3ff));
      } else this.unit(point);
    }
    unit(unit) {
      const { units } = this;
      units[this.count++] = unit;
      if (this.count < 8) return;
      this.text += fromCode(units[0], units[1], units[2], units[3], units[4], units[5], units[6], units[7]);
      this.count = 0;
    }
    flush() {
      for (let i = 0; i < this.count; i++) this.text += fromCode(this.units[i]);
      this.count = 0;
      return this.text;
    }
  }

  // What may come in pieces: push(bytes, count, isLast, output).
  class Utf8 {
    constructor(isFatal) {
      this.isFatal = isFatal;
      this.reset();
    }
    reset() {
      this.point = 0;
      this.needed = 0;
      this.lower = 0x80;
      this.upper = 0xbf;
    }
    bad(output) {
      this.reset();
      if (this.isFatal) throw new TypeErr("The encoded data was not valid for encoding utf-8");
      output.add(REPLACEMENT);
    }
    push(bytes, count, isLast, output) {
      for (let i = 0; i < count; i++) {
        const byte = bytes[i];
        if (this.needed === 0) {
          if (byte < 0x80) output.add(byte);
          else if (byte >= 0xc2 && byte <= 0xf4) this.begin(byte);
          else this.bad(output);
        } else if (byte < this.lower || byte > this.upper) {
          this.bad(output);
          i--; // it may begin another one
        } else {
          this.lower = 0x80;
          this.upper = 0xbf;
          this.point = (this.point << 6) | (byte & 0x3f);
          if (--this.needed === 0) {
            output.add(this.point);
            this.reset();
          }
        }
      }
      if (isLast && this.needed > 0) this.bad(output);
    }
    begin(byte) {
      this.needed = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
      this.point = byte & (byte < 0xe0 ? 0x1f : byte < 0xf0 ? 0xf : 0x7);
      if (byte === 0xe0) this.lower = 0xa0;
      if (byte === 0xed) this.upper = 0x9f;
      if (byte === 0xf0) this.lower = 0x90;
      if (byte === 0xf4) this.upper = 0x8f;
    }
  }

  class Utf16 {
    constructor(isFatal) {
      this.isFatal = isFatal;
      this.reset();
    }
    reset() {
      this.byte = -1;
      this.lead = -1;
    }
    bad(output) {
      if (this.isFatal) {
        this.reset();
        throw new TypeErr("The encoded data was not valid for encoding utf-16le");
      }
      output.add(REPLACEMENT);
    }
    push(bytes, count, isLast, output) {
      for (let i = 0; i < count; i++) {
        if (this.byte < 0) {
          this.byte = bytes[i];
          continue;
        }
        const unit = this.byte | (bytes[i] << 8);
        this.byte = -1;
        this.unit(unit, output);
      }
      if (isLast && (this.byte >= 0 || this.lead >= 0)) {
        this.reset();
        this.bad(output);
      }
    }
    unit(unit, output) {
      const isTrail = unit >= 0xdc00 && unit <= 0xdfff;
      if (this.lead >= 0) {
        const { lead } = this;
        this.lead = -1;
        if (isTrail) {
          output.add(0x10000 + ((lead - 0xd800) << 10) + (unit - 0xdc00));
          return;
        }
        this.bad(output);
      }
      if (unit >= 0xd800 && unit <= 0xdbff) this.lead = unit;
      else if (isTrail) this.bad(output);
      else output.add(unit);
    }
  }

  const decode = (bytes, count) => {
    const output = new Output();
    new Utf8(false).push(bytes, count, true, output);
    return output.flush();
  };

  return () => ({ __proto__: null, encode, encodeInto, decode, Output, Utf8, Utf16 });
}
