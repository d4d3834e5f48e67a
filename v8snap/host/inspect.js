// Values as readable text, laid out as Node.js does it. control() gives inspect(value, depth), for objects down to a depth,
// 2 if not given; strings come in quotes. Getters are not run; the traps of a Proxy are, and what they throw is left out.
() => {
  "use strict";
  const { apply, defineProperty, getOwnPropertyDescriptor: own, getPrototypeOf, ownKeys } = Reflect;
  const { isArray } = Array;
  const method = (function_) => (self, ...rest) => apply(function_, self, rest);
  const { ceil, floor, max, min, round, sqrt } = Math;

  const text = String;
  const isNumberSame = Object.is;
  const [join, hasOwn, isPrototypeOf] = [method([].join), method({}.hasOwnProperty), method({}.isPrototypeOf)];
  const [includes, padStart, padEnd, slice, startsWith, repeat, indexOf, charCode] = [
    method("".includes), method("".padStart), method("".padEnd), method("".slice), method("".startsWith),
    method("".repeat), method("".indexOf), method("".charCodeAt),
  ];
  const sourceOf = method(Function.prototype.toString);
  const symbolText = method(Symbol.prototype.toString);
  const toISOString = method(Date.prototype.toISOString);
  const regExpText = method(RegExp.prototype.toString);
  const getterOf = (prototype, key) => method(own(prototype, key).get);
  const typedArray = getPrototypeOf(Uint8Array).prototype;
  const brands = {
    __proto__: null,
    Map: getterOf(Map.prototype, "size"),
    Set: getterOf(Set.prototype, "size"),
    Date: method(Date.prototype.getTime),
    RegExp: getterOf(RegExp.prototype, "source"),
    ArrayBuffer: getterOf(ArrayBuffer.prototype, "byteLength"),
    TypedArray: getterOf(typedArray, "length"),
    WeakMap: method(WeakMap.prototype.has),
    WeakSet: method(WeakSet.prototype.has),
    Number: method(Number.prototype.valueOf),
    String: method(String.prototype.valueOf),
    Boolean: method(Boolean.prototype.valueOf),
    BigInt: method(BigInt.prototype.valueOf),
    Symbol: method(Symbol.prototype.valueOf),
  };
  const typedName = getterOf(typedArray, Symbol.toStringTag);
  const { toStringTag } = Symbol;
  const [mapEach, setEach] = [method(Map.prototype.forEach), method(Set.prototype.forEach)];
  const Bytes = Uint8Array;
  const numberText = method(Number.prototype.toString);
  const prototypes = { __proto__: null, Error: Error.prototype, Promise: Promise.prototype };
  const MOST = { elements: 100, characters: 10000, width: 80, compact: 3, columns: 15 };
  const HEX = "0123456789ABCDEF";

  const escapes = { __proto__: null, "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", "\\": "\\\\" };

  const objectText = method({}.toString);
  const isArguments = (value) => objectText(value) === "[object Arguments]";

  // Not by assignment: a setter may be in Array.prototype.
  const add = (list, value) =>
    defineProperty(list, list.length, { __proto__: null, value, writable: true, enumerable: true, configurable: true });

  const brandOf = (value) => {
    for (const name in brands) {
      try {
        brands[name](value, {});
        return name;
      } catch {
        // another kind of object
      }
    }
    for (const name in prototypes) if (isPrototypeOf(prototypes[name], value)) return name;
    return "";
  };

  const quote = (string) => {
    let mark = "'";
    if (includes(string, "'")) {
      if (!includes(string, '"')) mark = '"';
      else if (!includes(string, "`") && !includes(string, "${")) mark = "`";
    }
    let result = "";
    for (let i = 0; i < string.length; i++) {
      const character = string[i];
      const code = charCode(string, i);
      const isPaired = code >= 0xd800 && code < 0xdc00 ? (charCode(string, i + 1) & 0xfc00) === 0xdc00
        : (code & 0xfc00) === 0xdc00 && i > 0 && (charCode(string, i - 1) & 0xfc00) === 0xd800;
      if (escapes[character] !== undefined) result += escapes[character];
      else if (character === mark) result += "\\" + character;
      else if (code < 32 || (code > 126 && code < 160)) result += "\\x" + HEX[code >> 4] + HEX[code & 15];
      else if ((code & 0xf800) === 0xd800 && !isPaired) result += "\\u" + numberText(code, 16);
      else result += character;
    }
    return mark + result + mark;
  };

  const primitive = (value) => {
    if (typeof value === "string") {
      const left = value.length - MOST.characters;
      if (left <= 0) return quote(value);
      return `${quote(slice(value, 0, MOST.characters))}... ${left} more character${left > 1 ? "s" : ""}`;
    }
    if (typeof value === "number") return isNumberSame(value, -0) ? "-0" : text(value);
    if (typeof value === "bigint") return `${value}n`;
    if (typeof value === "symbol") return symbolText(value);
    return text(value);
  };

  // The name of the class it is made by, without running a getter; null for no prototype.
  const classOf = (value) => {
    let object = value;
    for (let i = 0; object !== null && i < 1000; i++) {
      const descriptor = own(object, "constructor");
      if (descriptor !== undefined && typeof descriptor.value === "function") {
        const name = own(descriptor.value, "name");
        if (name !== undefined && typeof name.value === "string" && name.value !== "") return name.value;
      }
      object = getPrototypeOf(object);
    }
    return null;
  };

  const tagOf = (value) => {
    let object = value;
    for (let i = 0; object !== null && i < 1000; i++) {
      const descriptor = own(object, toStringTag);
      if (descriptor !== undefined) {
        const isShown = object === value && descriptor.enumerable; // among its properties
        return typeof descriptor.value === "string" && !isShown ? descriptor.value : "";
      }
      object = getPrototypeOf(object);
    }
    return "";
  };

  const prefix = (name, fallback, tag, size) => {
    const counted = size === undefined ? "" : `(${size})`;
    const start = name === null ? `[${fallback}${counted}: null prototype] ` : `${name}${counted} `;
    return tag !== "" && tag !== name && tag !== fallback ? `${start}[${tag}] ` : start;
  };

  const functionBase = (value, name, tag) => {
    const source = sourceOf(value);
    const ownName = own(value, "name");
    const called = ownName !== undefined && typeof ownName.value === "string" ? ownName.value : "";
    if (startsWith(source, "class") && source[source.length - 1] === "}") {
      const parent = getPrototypeOf(value);
      const parentName = typeof parent === "function" ? own(parent, "name") : undefined;
      let extended = parent === null ? " extends null" : "";
      if (parentName !== undefined && parentName.value) extended = ` extends ${parentName.value}`;
      return `[class ${called === "" ? "(anonymous)" : called}${extended}]`;
    }
    const kind = tag !== "" ? tag : "Function";
    return `[${kind}${called === "" ? " (anonymous)" : `: ${called}`}]${name === null ? " [null prototype]" : ""}`;
  };

  const errorBase = (error) => {
    const read = (key) => {
      try {
        return error[key];
      } catch {
        return undefined; // a getter that throws
      }
    };
    const stack = read("stack");
    if (typeof stack === "string" && stack !== "") return includes(stack, "\n    at ") ? stack : `[${stack}]`;
    const [name, message] = [read("name"), read("message")];
    const shown = typeof name === "string" ? name : "Error";
    return `[${typeof message === "string" && message !== "" ? `${shown}: ${message}` : shown}]`;
  };

  const group = (state, output, value, hasMore) => {
    const count = output.length - (hasMore ? 1 : 0);
    const lengths = [];
    let total = 0;
    let longest = 0;
    for (let i = 0; i < count; i++) {
      add(lengths, output[i].length);
      total += output[i].length + 2;
      longest = max(longest, output[i].length);
    }
    const widest = longest + 2;
    if (!(widest * 3 + state.indentation < MOST.width && (total / widest > 5 || longest <= 6))) return output;
    const biased = max(widest - 3 - sqrt(widest - total / output.length), 1);
    const columns = min(
      round(sqrt(2.5 * biased * count) / biased), floor((MOST.width - state.indentation) / widest),
      MOST.compact * 4, MOST.columns,
    );
    if (columns <= 1) return output;
    const widths = [];
    for (let i = 0; i < columns; i++) {
      let width = 0;
      for (let j = i; j < count; j += columns) width = max(width, lengths[j]);
      add(widths, width + 2);
    }
    let isNumeric = value !== undefined;
    for (let i = 0; isNumeric && i < output.length; i++) {
      const descriptor = own(value, text(i));
      const type = descriptor === undefined ? "undefined" : typeof descriptor.value;
      isNumeric = type === "number" || type === "bigint";
    }
    const pad = isNumeric ? padStart : padEnd;
    const lines = [];
    for (let i = 0; i < count; i += columns) {
      const end = min(i + columns, count);
      let line = "";
      let j = i;
      for (; j < end - 1; j++) line += pad(`${output[j]}, `, widths[j - i], " ");
      line += isNumeric ? padStart(output[j], widths[j - i] - 2, " ") : output[j];
      add(lines, line);
    }
    if (hasMore) add(lines, output[count]);
    return lines;
  };

  const layOut = (state, entries, base, open, close, isList, depth, value, hasMore) => {
    const count = entries.length;
    const output = isList && count > 6 ? group(state, entries, value, hasMore) : entries;
    if (state.deepest - depth < MOST.compact && count === output.length) {
      let length = output.length * 2 + state.indentation + open.length + base.length + 10;
      for (let i = 0; i < output.length; i++) length += output[i].length;
      const line = join(output, ", ");
      if (length <= MOST.width && !includes(base, "\n") && !includes(line, "\n")) {
        return `${base === "" ? "" : `${base} `}${open} ${line} ${close}`;
      }
    }
    const indent = `\n${repeat(" ", state.indentation)}`;
    return `${base === "" ? "" : `${base} `}${open}${indent}  ${join(output, `,${indent}  `)}${indent}${close}`;
  };

  const nested = (state, value, depth, by) => {
    state.indentation += by;
    const result = format(state, value, depth + 1);
    state.indentation -= by;
    return result;
  };

  const isIdentifier = (key) => {
    for (let i = 0; i < key.length; i++) {
      const code = charCode(key, i);
      const isLetter = (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95;
      if (!isLetter && !(i > 0 && code >= 48 && code <= 57)) return false;
    }
    return key !== "";
  };

  const property = (state, object, key, depth, isElement) => {
    const descriptor = own(object, key);
    let shown;
    if (descriptor === undefined) shown = "undefined";
    else if (hasOwn(descriptor, "value")) shown = nested(state, descriptor.value, depth, 2);
    else shown = descriptor.get === undefined ? "[Setter]" : descriptor.set === undefined ? "[Getter]" : "[Getter/Setter]";
    if (isElement) return shown;
    const name = typeof key === "symbol" ? `[${symbolText(key)}]` : isIdentifier(key) ? key : quote(key);
    return `${descriptor !== undefined && !descriptor.enumerable ? `[${name}]` : name}: ${shown}`;
  };

  const isIndex = (key, length) => typeof key === "string" && key !== "" && text(key >>> 0) === key && key >>> 0 < length;

  const elements = (state, object, length, depth, entries) => {
    let holes = 0;
    let shown = 0;
    let i = 0;
    const flush = () => {
      if (holes === 0) return;
      add(entries, `<${holes} empty item${holes > 1 ? "s" : ""}>`);
      holes = 0;
      shown++;
    };
    for (; i < length && shown < MOST.elements; i++) {
      if (!hasOwn(object, i)) {
        if (length > 1e6) break; // too many holes to count them one after the other
        holes++;
        continue;
      }
      flush();
      if (shown >= MOST.elements) break;
      add(entries, property(state, object, text(i), depth, true));
      shown++;
    }
    if (shown < MOST.elements) flush();
    const left = length - i + holes;
    if (left > 0) add(entries, `... ${left} more item${left > 1 ? "s" : ""}`);
    return left > 0;
  };

  const keyed = (state, object, depth, entries, length, isError) => {
    const keys = ownKeys(object);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      if (length >= 0 && isIndex(key, length)) continue;
      const descriptor = own(object, key);
      const isCause = isError && key === "cause";
      if (descriptor === undefined || (!descriptor.enumerable && !isCause)) continue;
      if (isError && (key === "stack" || key === "message")) continue;
      add(entries, property(state, object, key, depth, false));
    }
  };

  const collection = (state, each, object, depth, entries) => {
    let left = 0;
    each(object, (value, key) => {
      if (entries.length >= MOST.elements) {
        left++;
        return;
      }
      state.indentation += 2;
      const shown = format(state, value, depth + 1);
      add(entries, each === mapEach ? `${format(state, key, depth + 1)} => ${shown}` : shown);
      state.indentation -= 2;
    });
    if (left > 0) add(entries, `... ${left} more item${left > 1 ? "s" : ""}`);
  };

  const contents = (buffer) => {
    const bytes = new Bytes(buffer);
    const count = min(50, bytes.length);
    let shown = "";
    for (let i = 0; i < count; i++) shown += `${i > 0 ? " " : ""}${padStart(numberText(bytes[i], 16), 2, "0")}`;
    const left = bytes.length - count;
    if (left > 0) shown += ` ... ${left} more byte${left > 1 ? "s" : ""}`;
    return `[Uint8Contents]: <${shown}>`;
  };

  // What stands before the braces, the braces, and what is between them besides properties.
  const parts = (state, value, depth) => {
    const kind = typeof value === "function" ? "Function" : isArray(value) ? "Array" : brandOf(value);
    const name = classOf(value);
    const tag = tagOf(value);
    const result = {
      __proto__: null, kind, base: "", open: "{", close: "}", length: -1, entries: [], hasMore: false, isBare: false,
    };
    const label = (fallback, size) => prefix(name, fallback, tag, size);
    if (kind === "Array" || kind === "TypedArray") {
      result.length = kind === "Array" ? value.length : brands.TypedArray(value);
      const fallback = kind === "Array" ? "Array" : typedName(value);
      const isPlain = kind === "Array" && name === "Array" && tag === "";
      result.open = `${isPlain ? "" : label(fallback, result.length)}[`;
      result.close = "]";
      result.fill = () => { result.hasMore = elements(state, value, result.length, depth, result.entries); };
    } else if (kind === "Map" || kind === "Set") {
      result.open = `${label(kind, brands[kind](value))}{`;
      result.fill = () => collection(state, kind === "Map" ? mapEach : setEach, value, depth, result.entries);
    } else if (kind === "Function") {
      result.base = functionBase(value, name, tag);
      result.isBare = true;
    } else if (kind === "Error") {
      result.base = errorBase(value);
      result.isBare = true;
    } else if (kind === "RegExp" || kind === "Date") {
      if (kind === "RegExp") result.base = regExpText(value);
      else result.base = brands.Date(value) === brands.Date(value) ? toISOString(value) : "Invalid Date"; // NaN
      if (name !== kind) result.base = `${label(kind)}${result.base}`;
      result.isBare = true;
    } else if (kind === "ArrayBuffer") {
      result.open = `${label(kind)}{`;
      result.fill = () => {
        add(result.entries, contents(value));
        add(result.entries, `byteLength: ${brands.ArrayBuffer(value)}`);
      };
    } else if (kind === "WeakMap" || kind === "WeakSet") {
      result.open = `${label(kind)}{`;
      result.fill = () => add(result.entries, "<items unknown>");
    } else if (kind in brands) {
      const inner = brands[kind](value);
      if (kind === "String") result.length = inner.length;
      result.base = `[${name !== kind && name !== null ? `${kind} (${name})` : kind}: ${primitive(inner)}]`;
      result.isBare = true;
    } else if (isArguments(value)) {
      result.open = "[Arguments] {";
    } else if (name !== "Object" || tag !== "") {
      result.open = `${label("Object")}{`;
    }
    return result;
  };

  const formatObject = (state, value, depth) => {
    const found = parts(state, value, depth);
    const mark = state.seen.length;
    add(state.seen, value);
    if (hasContent(value)) state.deepest = depth;
    if (found.fill !== undefined) found.fill();
    keyed(state, value, depth, found.entries, found.length, found.kind === "Error");
    state.seen.length = mark;
    let { base } = found;
    let { open } = found;
    const index = placeIn(state.circular, value);
    if (index >= 0) {
      if (found.isBare) base = `<ref *${index + 1}> ${base}`;
      else open = `<ref *${index + 1}> ${open}`;
    }
    if (found.entries.length === 0) return found.isBare ? base : `${open}${found.close}`;
    const isList = found.kind === "Array" || found.kind === "TypedArray";
    return layOut(state, found.entries, base, open, found.close, isList, depth, value, found.hasMore);
  };

  const placeIn = (list, value) => {
    for (let i = 0; i < list.length; i++) if (list[i] === value) return i;
    return -1;
  };

  // Whether there is anything to show in braces.
  const hasContent = (value) => {
    const kind = isArray(value) ? "Array" : typeof value === "function" ? "Function" : brandOf(value);
    if (kind === "Array" && value.length > 0) return true;
    if ((kind === "Map" || kind === "Set" || kind === "TypedArray") && brands[kind](value) > 0) return true;
    if (kind === "ArrayBuffer" || kind === "WeakMap" || kind === "WeakSet") return true;
    const keys = ownKeys(value);
    for (let i = 0; i < keys.length; i++) {
      const descriptor = kind === "String" && isIndex(keys[i], brands.String(value).length) ? undefined : own(value, keys[i]);
      if (descriptor !== undefined && descriptor.enumerable) return true;
    }
    return false;
  };

  const tooDeep = (value) => {
    const name = classOf(value);
    if (isArray(value)) return name === "Array" ? "[Array]" : `[${name ?? "Array: null prototype"}]`;
    const tag = tagOf(value);
    return `[${name === null ? "Object: null prototype" : name}${tag !== "" && tag !== name ? ` [${tag}]` : ""}]`;
  };

  const format = (state, value, depth) => {
    if ((typeof value !== "object" || value === null) && typeof value !== "function") return primitive(value);
    if (placeIn(state.seen, value) >= 0) {
      let index = placeIn(state.circular, value);
      if (index < 0) {
        index = state.circular.length;
        add(state.circular, value);
      }
      return `[Circular *${index + 1}]`;
    }
    try {
      if (depth > state.depth && hasContent(value)) return tooDeep(value);
      return formatObject(state, value, depth);
    } catch (error) {
      return "[...]"; // a trap of a Proxy threw, or the stack is at its end
    }
  };

  const inspect = (value, depth = 2) =>
    format({ __proto__: null, depth, seen: [], circular: [], indentation: 0, deepest: 0 }, value, 0);

  return () => inspect;
}
