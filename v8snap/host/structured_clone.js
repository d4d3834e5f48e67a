// structuredClone, as in https://html.spec.whatwg.org/multipage/structured-data.html. Which of a value's insides are copied
// is decided by what it is, never by its class or prototype.
(native, token, part) => {
  "use strict";
  const { apply, defineProperty, getOwnPropertyDescriptor: own, getPrototypeOf, ownKeys } = Reflect;
  // Not by assignment: a setter may be in Array.prototype.
  const push = (list, value) =>
    defineProperty(list, list.length, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
  const DOMException = part("dom-exception")();
  const method = (function_) => (self, ...rest) => apply(function_, self, rest);
  const getter = (prototype, key) => method(own(prototype, key).get);
  const { isArray } = Array;
  const { isView } = ArrayBuffer;
  const { iterator, toStringTag } = Symbol;
  const TypeErr = TypeError;
  const [MapOf, SetOf, DateOf, RegExpOf, ObjectOf] = [Map, Set, Date, RegExp, Object];
  const [Buffer, View] = [ArrayBuffer, DataView];
  const isPrototypeOf = method({}.isPrototypeOf);
  const [mapEach, mapHas] = [method(MapOf.prototype.forEach), method(MapOf.prototype.has)];
  const [mapGet, mapSet] = [method(MapOf.prototype.get), method(MapOf.prototype.set)];
  const [setEach, setAdd] = [method(SetOf.prototype.forEach), method(SetOf.prototype.add)];
  const Bytes = Uint8Array;
  const typedArray = getPrototypeOf(Uint8Array).prototype;
  const typedSet = method(typedArray.set);
  const typedName = getter(typedArray, toStringTag);
  const partsOf = (prototype, length) => ({
    __proto__: null,
    buffer: getter(prototype, "buffer"),
    offset: getter(prototype, "byteOffset"),
    length: getter(prototype, length),
  });
  const typed = partsOf(typedArray, "length");
  const viewed = partsOf(View.prototype, "byteLength");
  const typedArrays = {
    __proto__: null, Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array,
    Float64Array, BigInt64Array, BigUint64Array,
  };
  const errors = { __proto__: null, Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
  const errorPrototype = Error.prototype;
  const functionText = method(Function.prototype.toString);
  const symbolText = method(Symbol.prototype.toString);

  // By what only objects of a kind answer to.
  const brands = {
    __proto__: null,
    Boolean: method(Boolean.prototype.valueOf),
    Number: method(Number.prototype.valueOf),
    String: method(String.prototype.valueOf),
    BigInt: method(BigInt.prototype.valueOf),
    Date: method(Date.prototype.getTime),
    RegExp: getter(RegExp.prototype, "source"),
    Map: getter(Map.prototype, "size"),
    Set: getter(Set.prototype, "size"),
    ArrayBuffer: getter(Buffer.prototype, "byteLength"),
    // What can't be cloned:
    Symbol: method(Symbol.prototype.valueOf),
    WeakMap: method(WeakMap.prototype.has),
    WeakSet: method(WeakSet.prototype.has),
    WeakRef: method(WeakRef.prototype.deref),
  };
  const flagsOf = getter(RegExp.prototype, "flags");
  const promisePrototype = Promise.prototype;
  const generatorPrototype = getPrototypeOf((function* () {}).prototype);
  const REFUSED = { __proto__: null, Symbol: true, WeakMap: true, WeakSet: true, WeakRef: true };

  const refuse = (what) => {
    throw new DOMException(`${what} could not be cloned.`, "DataCloneError");
  };

  const kindOf = (value) => {
    if (isArray(value)) return "Array";
    if (isView(value)) return "View";
    for (const name in brands) {
      try {
        brands[name](value, value);
        return name;
      } catch {
        // another kind of object
      }
    }
    if (isPrototypeOf(errorPrototype, value)) return "Error";
    if (isPrototypeOf(promisePrototype, value)) refuse("#<Promise>");
    if (isPrototypeOf(generatorPrototype, value)) refuse("[object Generator]");
    return "Object";
  };

  const put = (object, key, value) =>
    defineProperty(object, key, { __proto__: null, value, writable: true, enumerable: true, configurable: true });

  const properties = (state, value, into) => {
    const keys = ownKeys(value);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      const descriptor = typeof key === "string" ? own(value, key) : undefined;
      if (descriptor !== undefined && descriptor.enumerable) put(into, key, clone(state, value[key]));
    }
    return into;
  };

  const keep = (state, value, copy) => {
    mapSet(state, value, copy);
    return copy;
  };

  const cloneError = (state, value) => {
    const name = `${value.name}`;
    const descriptor = own(value, "message");
    const Class = errors[name] ?? errors.Error;
    const message = descriptor !== undefined && "value" in descriptor ? `${descriptor.value}` : undefined;
    const copy = keep(state, value, message === undefined ? new Class() : new Class(message));
    const hidden = (key, content) =>
      defineProperty(copy, key, { __proto__: null, value: content, writable: true, configurable: true, enumerable: false });
    const stack = own(value, "stack");
    if (stack !== undefined && typeof value.stack === "string") hidden("stack", value.stack);
    if (own(value, "cause") !== undefined) hidden("cause", clone(state, value.cause));
    return copy;
  };

  const copyOf = (buffer) => {
    const copy = new Buffer(brands.ArrayBuffer(buffer));
    typedSet(new Bytes(copy), new Bytes(buffer));
    return copy;
  };

  const cloneView = (state, value) => {
    const name = typedName(value);
    const { buffer, offset, length } = name === undefined ? viewed : typed;
    const [from, size] = [offset(value), length(value)];
    const memory = clone(state, buffer(value));
    if (name !== undefined && typedArrays[name] === undefined) refuse(`#<${name}>`);
    return keep(state, value, name === undefined ? new View(memory, from, size) : new typedArrays[name](memory, from, size));
  };

  const cloneCollection = (state, kind, value) => {
    const items = [];
    if (kind === "Map") mapEach(value, (content, key) => { push(items, { __proto__: null, key, content }); });
    else setEach(value, (key) => { push(items, { __proto__: null, key }); });
    const copy = keep(state, value, kind === "Map" ? new MapOf() : new SetOf());
    for (let i = 0; i < items.length; i++) {
      const key = clone(state, items[i].key);
      if (kind === "Map") mapSet(copy, key, clone(state, items[i].content));
      else setAdd(copy, key);
    }
    return copy;
  };

  const clone = (state, value) => {
    if (typeof value === "symbol") refuse(symbolText(value));
    if (typeof value === "function") refuse(functionText(value));
    if (typeof value !== "object" || value === null) return value;
    if (mapHas(state, value)) return mapGet(state, value);
    const kind = kindOf(value);
    if (REFUSED[kind]) refuse(`#<${kind}>`);
    switch (kind) {
      case "Array": {
        const copy = keep(state, value, []);
        copy.length = value.length;
        return properties(state, value, copy);
      }
      case "Map":
      case "Set":
        return cloneCollection(state, kind, value);
      case "Date":
        return keep(state, value, new DateOf(brands.Date(value)));
      case "RegExp":
        return keep(state, value, new RegExpOf(brands.RegExp(value), flagsOf(value)));
      case "ArrayBuffer":
        return keep(state, value, copyOf(value));
      case "View":
        return cloneView(state, value);
      case "Error":
        return cloneError(state, value);
      case "Object":
        if (isShared(value)) refuse("#<SharedArrayBuffer>");
        return properties(state, value, keep(state, value, {}));
      default:
        return keep(state, value, ObjectOf(brands[kind](value)));
    }
  };

  const isShared = (value) => {
    try {
      own(globalThis.SharedArrayBuffer.prototype, "byteLength").get.call(value);
      return true;
    } catch {
      return false; // it isn't, or there is no such thing here
    }
  };

  // The buffers to transfer; each only once.
  const transferred = (list) => {
    const found = [];
    const seen = new MapOf();
    if (list === undefined) return found;
    for (const buffer of list) {
      let isBuffer = false;
      try {
        brands.ArrayBuffer(buffer);
        isBuffer = true;
      } catch {
        // another kind of object
      }
      if (!isBuffer) throw new DOMException("Value could not be transferred.", "DataCloneError");
      if (mapHas(seen, buffer)) throw new DOMException("an ArrayBuffer is twice in the transfer list.", "DataCloneError");
      mapSet(seen, buffer, true);
      push(found, buffer);
    }
    return found;
  };

  const { structuredClone } = {
    structuredClone(value, options = undefined) {
      if (arguments.length === 0) throw new TypeErr("structuredClone: 1 argument required");
      const buffers = transferred(options?.transfer);
      const state = new MapOf();
      const copy = clone(state, value);
      for (let i = 0; i < buffers.length; i++) {
        if (!native(buffers[i])) throw new DOMException("an ArrayBuffer could not be detached.", "DataCloneError");
      }
      return copy;
    },
  };
  put(globalThis, "structuredClone", structuredClone);
  return () => {};
}
