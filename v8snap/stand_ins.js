// What scripts find, while a snapshot is built, in place of the library functions that V8 adds only when it is loaded.
//
// By the paths that `gap.js` gives their holders. A function that was taken from here goes on working in the restored context, so
// each has to be right for good: what can't be written in JavaScript (WebAssembly, SharedArrayBuffer, Atomics, Float16Array,
// getters of V8's own state) isn't here. Everything used is taken before scripts can change it. Methods are no constructors,
// and a default value keeps a parameter out of `length`.
(() => {
  "use strict";
  const { apply, construct, defineProperty, getPrototypeOf } = Reflect;
  const ObjectOf = Object;
  const { getOwnPropertyDescriptor } = Object;
  const { hasOwnProperty, isPrototypeOf, toString } = Object.prototype;
  const { trunc, min, max } = Math;
  const { asIntN } = BigInt;
  const { toStringTag, dispose, asyncDispose } = Symbol;
  const { sort } = Array.prototype;
  const { charCodeAt, codePointAt } = String.prototype;
  const numberText = Number.prototype.toString;
  const { padStart } = String.prototype;
  const TypeErr = TypeError;
  const RangeErr = RangeError;
  const ArrayOf = Array;
  const PromiseOf = Promise;
  const { then } = Promise.prototype;
  const errorPrototype = Error.prototype;
  const MOST = Number.MAX_SAFE_INTEGER;

  const typedArray = getPrototypeOf(Uint8Array).prototype;
  const { keys: validate, set: copyInto, sort: sortTyped, reverse: reverseTyped } = typedArray;
  const typedLength = getOwnPropertyDescriptor(typedArray, "length").get;
  const typedName = getOwnPropertyDescriptor(typedArray, toStringTag).get;
  const typedArrays = {
    __proto__: null, Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array,
    Float32Array, Float64Array, BigInt64Array, BigUint64Array,
  };
  const { getUint16, setUint16 } = DataView.prototype;
  const viewBuffer = getOwnPropertyDescriptor(DataView.prototype, "buffer").get;
  const { Float64Array: Doubles, Uint32Array: Words } = typedArrays;
  const bufferOf = getOwnPropertyDescriptor(typedArray, "buffer").get;

  const toObject = (value, method) => {
    if (value === null || value === undefined) throw new TypeErr(`${method} called on null or undefined`);
    return ObjectOf(value);
  };
  const toInteger = (value) => {
    const number = +value;
    return number !== number ? 0 : trunc(number) + 0;
  };
  const toLength = (value) => max(0, min(toInteger(value), MOST));
  const clamp = (value, length) => {
    const relative = toInteger(value);
    return relative < 0 ? max(length + relative, 0) : min(relative, length);
  };
  const put = (list, index, value) =>
    defineProperty(list, index, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
  const newList = (length) => {
    if (length > 2 ** 32 - 1) throw new RangeErr("Invalid array length");
    return new ArrayOf(length);
  };
  const callable = (value) => {
    if (typeof value !== "function") throw new TypeErr("a function is expected here");
    return value;
  };
  const comparator = (value) => (value === undefined ? value : callable(value));
  const typedLengthOf = (value) => {
    apply(validate, value, []); // throws for anything else, and for one whose buffer was detached
    return apply(typedLength, value, []);
  };
  const typedCopy = (value) => {
    const copy = construct(typedArrays[apply(typedName, value, [])], [typedLengthOf(value)]);
    apply(copyInto, copy, [value]);
    return copy;
  };
  const pick = (object, length, index) => {
    const relative = toInteger(index);
    const position = relative < 0 ? length + relative : relative;
    return position < 0 || position >= length ? undefined : object[position];
  };
  const last = (object, length, predicate, self) => {
    callable(predicate);
    for (let index = length - 1; index >= 0; index--) {
      const value = object[index];
      if (apply(predicate, self, [value, index, object])) return [index, value];
    }
    return [-1, undefined];
  };

  // The upper half of a double. Its memory is made for each call: a buffer in each context would be in each snapshot.
  const upperWord = (number) => {
    const double = new Doubles(1);
    double[0] = number;
    return new Words(apply(bufferOf, double, []))[1];
  };

  const nearestHalf = (value) => {
    const number = +value;
    const size = number < 0 ? -number : number;
    if (number !== number || size === Infinity || size === 0) return number;
    const exponent = max((upperWord(size) >>> 20) - 1023, -14);
    const magic = 2 ** (exponent - 10) * 1.5 * 2 ** 52; // adding it rounds to the last bit that is kept, ties to even
    const rounded = size >= 65520 ? Infinity : size + magic - magic;
    return number < 0 ? -rounded : rounded;
  };
  const halfFromBits = (bits) => {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const size = exponent === 31 ? (fraction ? NaN : Infinity)
      : exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
    return bits & 0x8000 ? -size : size;
  };
  const bitsFromHalf = (number) => {
    if (number !== number) return 0x7e00;
    const sign = number < 0 || (number === 0 && 1 / number < 0) ? 0x8000 : 0;
    const size = number < 0 ? -number : number + 0;
    if (size === Infinity) return sign | 0x7c00;
    if (size < 2 ** -14) return sign | (size * 2 ** 24);
    const upper = upperWord(size);
    return sign | (((upper >>> 20) - 1008) << 10) | ((upper >>> 10) & 1023);
  };
  const toIndex = (value) => {
    const index = toInteger(value);
    if (index < 0 || index > MOST) throw new RangeErr("Offset is outside the bounds of the DataView");
    return index;
  };

  const hex = (unit, digits) => apply(padStart, apply(numberText, unit, [16]), [digits, "0"]);
  const escapeUnit = (unit) => (unit <= 0xff ? "\\x" + hex(unit, 2) : "\\u" + hex(unit, 4));
  const escaped = (text, index, point) => {
    const character = point > 0xffff ? text[index] + text[index + 1] : text[index];
    const unit = apply(charCodeAt, text, [index]);
    if (index === 0 && plain.first[character] !== undefined) return escapeUnit(unit);
    if (plain.syntax[character] !== undefined) return "\\" + character;
    if (plain.control[character] !== undefined) return plain.control[character];
    if (plain.other[character] !== undefined || (point >= 0xd800 && point <= 0xdfff)) return escapeUnit(unit);
    return character;
  };
  const members = (text) => {
    const set = { __proto__: null };
    for (let i = 0; i < text.length; i++) set[text[i]] = true;
    return set;
  };
  const plain = {
    first: members("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    syntax: members("^$\\.*+?()[]{}|/"),
    control: { __proto__: null, "\t": "\\t", "\n": "\\n", "\v": "\\v", "\f": "\\f", "\r": "\\r" },
    other: members(",-=<>#&!%:;@~'`\" \u00a0\ufeff\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009" +
      "\u200a\u202f\u205f\u3000\u2028\u2029"),
  };

  return {
    __proto__: null,
    Object: {
      hasOwn(object, key) {
        return apply(hasOwnProperty, toObject(object, "Object.hasOwn"), [key]);
      },
    },

    "Array.prototype": {
      at(index) {
        const object = toObject(this, "Array.prototype.at");
        return pick(object, toLength(object.length), index);
      },
      findLast(predicate, self = undefined) {
        const object = toObject(this, "Array.prototype.findLast");
        return last(object, toLength(object.length), predicate, self)[1];
      },
      findLastIndex(predicate, self = undefined) {
        const object = toObject(this, "Array.prototype.findLastIndex");
        return last(object, toLength(object.length), predicate, self)[0];
      },
      toReversed() {
        const object = toObject(this, "Array.prototype.toReversed");
        const length = toLength(object.length);
        const list = newList(length);
        for (let index = 0; index < length; index++) put(list, index, object[length - 1 - index]);
        return list;
      },
      toSorted(compare) {
        comparator(compare);
        const object = toObject(this, "Array.prototype.toSorted");
        const length = toLength(object.length);
        const list = newList(length);
        for (let index = 0; index < length; index++) put(list, index, object[index]);
        return apply(sort, list, [compare]);
      },
      toSpliced(start, skip, ...items) {
        const object = toObject(this, "Array.prototype.toSpliced");
        const length = toLength(object.length);
        const from = clamp(start, length);
        const skipped = arguments.length === 0 ? 0
          : arguments.length === 1 ? length - from : max(0, min(toInteger(skip), length - from));
        const total = length + items.length - skipped;
        if (total > MOST) throw new TypeErr("Invalid array length");
        const list = newList(total);
        for (let index = 0; index < from; index++) put(list, index, object[index]);
        for (let index = 0; index < items.length; index++) put(list, from + index, items[index]);
        for (let index = from + items.length; index < total; index++) {
          put(list, index, object[index - items.length + skipped]);
        }
        return list;
      },
      with(index, value) {
        const object = toObject(this, "Array.prototype.with");
        const length = toLength(object.length);
        const relative = toInteger(index);
        const position = relative < 0 ? length + relative : relative;
        if (position < 0 || position >= length) throw new RangeErr(`Invalid index : ${relative}`);
        const list = newList(length);
        for (let each = 0; each < length; each++) put(list, each, each === position ? value : object[each]);
        return list;
      },
    },

    "TypedArray.prototype": {
      at(index) {
        return pick(this, typedLengthOf(this), index);
      },
      findLast(predicate, self = undefined) {
        return last(this, typedLengthOf(this), predicate, self)[1];
      },
      findLastIndex(predicate, self = undefined) {
        return last(this, typedLengthOf(this), predicate, self)[0];
      },
      toReversed() {
        return apply(reverseTyped, typedCopy(this), []);
      },
      toSorted(compare) {
        comparator(compare);
        return apply(sortTyped, typedCopy(this), [compare]);
      },
      with(index, value) {
        const length = typedLengthOf(this);
        const relative = toInteger(index);
        const position = relative < 0 ? length + relative : relative;
        const name = apply(typedName, this, []);
        const number = name === "BigInt64Array" || name === "BigUint64Array" ? asIntN(64, value) : +value;
        if (position < 0 || position >= apply(typedLength, this, [])) throw new RangeErr(`Invalid index : ${relative}`);
        const copy = typedCopy(this);
        copy[position] = number;
        return copy;
      },
    },

    "String.prototype": {
      at(index) {
        if (this === null || this === undefined) throw new TypeErr("String.prototype.at called on null or undefined");
        const text = `${this}`;
        return pick(text, text.length, index);
      },
    },

    Error: {
      isError(value) {
        if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
        if (typeof value[toStringTag] === "string") return apply(isPrototypeOf, errorPrototype, [value]);
        return apply(toString, value, []) === "[object Error]";
      },
    },

    Promise: {
      try(callback, ...items) {
        if ((typeof this !== "object" && typeof this !== "function") || this === null) {
          throw new TypeErr("Promise.try called on non-object");
        }
        let resolve, reject;
        const promise = new this((first, second) => {
          resolve = first;
          reject = second;
        });
        let result;
        try {
          result = apply(callable(callback), undefined, items);
        } catch (error) {
          reject(error);
          return promise;
        }
        resolve(result);
        return promise;
      },
    },

    RegExp: {
      escape(text) {
        if (typeof text !== "string") throw new TypeErr("Input to RegExp.escape is not a string");
        let result = "";
        for (let index = 0; index < text.length; ) {
          const point = apply(codePointAt, text, [index]);
          result += escaped(text, index, point);
          index += point > 0xffff ? 2 : 1;
        }
        return result;
      },
    },

    Math: {
      f16round(value) {
        return nearestHalf(value);
      },
    },

    "DataView.prototype": {
      getFloat16(offset, littleEndian = undefined) {
        apply(viewBuffer, this, []);
        return halfFromBits(apply(getUint16, this, [toIndex(offset), littleEndian]));
      },
      setFloat16(offset, value, littleEndian = undefined) {
        apply(viewBuffer, this, []);
        const index = toIndex(offset);
        apply(setUint16, this, [index, bitsFromHalf(nearestHalf(value)), littleEndian]);
      },
    },

    "Iterator.prototype": {
      [dispose ?? "@@dispose"]() {
        const method = this.return;
        if (method !== undefined && method !== null) apply(callable(method), this, []);
      },
    },

    "asyncGenerator.^.^.^": {
      [asyncDispose ?? "@@asyncDispose"]() {
        return new PromiseOf((resolve, reject) => {
          const method = this.return;
          if (method === undefined || method === null) return resolve(undefined);
          const result = new PromiseOf((done) => done(apply(callable(method), this, [undefined])));
          apply(then, result, [() => resolve(undefined), reject]);
        });
      },
    },
  };
})()
