// console, as in https://console.spec.whatwg.org, with the texts that Node.js prints.
(native, token, part) => {
  "use strict";
  const { apply, defineProperty, getOwnPropertyDescriptor: own, ownKeys } = Reflect;
  // Not by assignment: a setter may be in Array.prototype.
  const push = (list, value) =>
    defineProperty(list, list.length, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
  const inspect = part("inspect")();
  const { isArray } = Array;
  const method = (function_) => (self, ...rest) => apply(function_, self, rest);
  const [join, indexOf, repeat, slice] = [method([].join), method("".indexOf), method("".repeat), method("".slice)];
  const [mapEach, setEach] = [method(Map.prototype.forEach), method(Set.prototype.forEach)];
  const mapSize = method(own(Map.prototype, "size").get);
  const setSize = method(own(Set.prototype, "size").get);
  const { stringify } = JSON;
  const { max } = Math;
  const { parseInt: toInt, parseFloat: toFloat } = globalThis;
  const toNumber = Number;
  const toText = String;
  const ErrorOf = Error;
  const toFixed = method(Number.prototype.toFixed);
  const counts = { __proto__: null };
  const starts = { __proto__: null };
  let indentation = "";

  const linesOf = (text) => {
    const lines = [];
    for (let from = 0; from <= text.length; ) {
      const end = indexOf(text, "\n", from);
      const to = end < 0 ? text.length : end;
      push(lines, slice(text, from, to));
      from = to + 1;
    }
    return lines;
  };

  const write = (level, message) => {
    native(level, indentation === "" ? message : indentation + join(linesOf(message), `\n${indentation}`));
  };
  const now = () => native("now", token());

  const shown = (value) => (typeof value === "string" ? value : inspect(value));
  const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";

  const asNumber = (value, convert) => {
    if (typeof value === "bigint") return `${value}n`;
    if (typeof value === "symbol" || isObject(value)) return "NaN";
    const number = convert(value);
    return inspect(number);
  };

  const asText = (value) => {
    if (typeof value === "bigint") return `${value}n`;
    if (typeof value === "number") return inspect(value);
    if (!isObject(value)) return toText(value);
    // What has a toString of its own says what it is; all else is shown.
    const found = own(value, "toString");
    if (found !== undefined && typeof found.value === "function") {
      try {
        return toText(value);
      } catch {
        // is shown, too
      }
    }
    return inspect(value, 0);
  };

  const asJson = (value) => {
    try {
      return toText(stringify(value));
    } catch (error) {
      return "[Circular]";
    }
  };

  // The values of a call as one text; a first string may have places for those that follow.
  const format = (values) => {
    if (values.length === 0) return "";
    let next = 0;
    let result = "";
    if (typeof values[0] === "string") {
      const pattern = values[0];
      next = 1;
      if (values.length === 1) return pattern;
      let from = 0;
      for (let i = 0; i < pattern.length - 1; i++) {
        if (pattern[i] !== "%") continue;
        const letter = pattern[i + 1];
        let piece;
        if (letter === "%") piece = "%";
        else if (next < values.length) {
          const value = values[next];
          if (letter === "s") piece = asText(value);
          else if (letter === "d") piece = asNumber(value, toNumber);
          else if (letter === "i") piece = asNumber(value, toInt);
          else if (letter === "f") piece = typeof value === "symbol" ? "NaN" : inspect(toFloat(value));
          else if (letter === "j") piece = asJson(value);
          else if (letter === "o") piece = inspect(value, 4);
          else if (letter === "O") piece = inspect(value);
          else if (letter === "c") piece = "";
          if (piece !== undefined) next++;
        }
        if (piece === undefined) continue;
        for (; from < i; from++) result += pattern[from];
        result += piece;
        from = i + 2;
        i++;
      }
      for (; from < pattern.length; from++) result += pattern[from];
    } else {
      result = shown(values[0]);
      next = 1;
    }
    for (; next < values.length; next++) result += ` ${shown(values[next])}`;
    return result;
  };

  const passed = (name) => {
    const start = starts[name];
    const left = now() - start;
    if (left >= 1000) return `${toFixed(left / 1000, 3)}s`;
    return `${+toFixed(left, 3)}ms`;
  };

  const lineOf = (cells, widths) => {
    let line = "│";
    for (let i = 0; i < widths.length; i++) {
      line += ` ${cells[i]}${repeat(" ", widths[i] - cells[i].length)} │`;
    }
    return line;
  };

  const rule = (widths, left, middle, right) => {
    let line = left;
    for (let i = 0; i < widths.length; i++) line += `${i > 0 ? middle : ""}${repeat("─", widths[i] + 2)}`;
    return line + right;
  };

  const draw = (head, rows) => {
    const widths = [];
    for (let i = 0; i < head.length; i++) {
      let width = head[i].length;
      for (let j = 0; j < rows.length; j++) width = max(width, rows[j][i].length);
      push(widths, width);
    }
    let result = `${rule(widths, "┌", "┬", "┐")}\n${lineOf(head, widths)}\n${rule(widths, "├", "┼", "┤")}\n`;
    for (let i = 0; i < rows.length; i++) result += `${lineOf(rows[i], widths)}\n`;
    return result + rule(widths, "└", "┴", "┘");
  };

  const enumerableKeys = (object) => {
    const keys = ownKeys(object);
    const found = [];
    for (let i = 0; i < keys.length; i++) {
      const descriptor = typeof keys[i] === "string" ? own(object, keys[i]) : undefined;
      if (descriptor !== undefined && descriptor.enumerable) push(found, keys[i]);
    }
    return found;
  };

  // [index's title, [index, value] pairs] of what console.table shows.
  const rowsOf = (data) => {
    const pairs = [];
    const add = (index, value) => { push(pairs, { __proto__: null, index, value }); };
    const has = (size) => {
      try {
        size(data);
        return true;
      } catch {
        return false;
      }
    };
    if (has(mapSize)) {
      let i = 0;
      mapEach(data, (value, key) => add(toText(i++), { __proto__: null, Key: key, Values: value }));
      return { __proto__: null, title: "(iteration index)", pairs };
    }
    if (has(setSize)) {
      let i = 0;
      setEach(data, (value) => add(toText(i++), value));
      return { __proto__: null, title: "(iteration index)", pairs };
    }
    const keys = enumerableKeys(data);
    for (let i = 0; i < keys.length; i++) add(keys[i], own(data, keys[i])?.value);
    return { __proto__: null, title: "(index)", pairs };
  };

  const isLarge = (value) => isObject(value) && !isArray(value) && enumerableKeys(value).length > 2;

  const table = (data, only) => {
    const { title, pairs } = rowsOf(data);
    const columns = { __proto__: null };
    const names = [];
    const column = (name) => {
      if (columns[name] === undefined) {
        columns[name] = true;
        push(names, name);
      }
    };
    if (isArray(only)) for (let i = 0; i < only.length; i++) column(toText(only[i]));
    let hasValues = false;
    for (let i = 0; i < pairs.length; i++) {
      const { value } = pairs[i];
      if (!isObject(value) || typeof value === "function") hasValues = true;
      else if (!isArray(only)) {
        const keys = enumerableKeys(value);
        for (let j = 0; j < keys.length; j++) column(keys[j]);
      }
    }
    const head = [title];
    for (let i = 0; i < names.length; i++) push(head, names[i]);
    if (hasValues) push(head, "Values");
    const rows = [];
    for (let i = 0; i < pairs.length; i++) {
      const { index, value } = pairs[i];
      const isRow = isObject(value) && typeof value !== "function";
      const row = [index];
      for (let j = 0; j < names.length; j++) {
        const cell = isRow ? own(value, names[j]) : undefined;
        push(row, cell === undefined ? "" : inspect(cell.value, isLarge(cell.value) ? -1 : 0));
      }
      if (hasValues) push(row, isRow ? "" : inspect(value));
      push(rows, row);
    }
    return draw(head, rows);
  };

  const label = (value) => (value === undefined ? "default" : `${value}`);

  const methods = {
    log(...data) { write("log", format(data)); },
    info(...data) { write("info", format(data)); },
    debug(...data) { write("debug", format(data)); },
    warn(...data) { write("warn", format(data)); },
    error(...data) { write("error", format(data)); },
    trace(...data) {
      const message = format(data);
      const { stack } = new ErrorOf();
      const lines = typeof stack === "string" ? linesOf(stack) : [];
      let text = message === "" ? "Trace" : `Trace: ${message}`;
      for (let i = 2; i < lines.length; i++) text += `\n${lines[i]}`; // without the error itself and this function
      write("trace", text);
    },
    assert(condition = false, ...data) {
      if (condition) return;
      const isText = data.length > 0 && typeof data[0] === "string";
      if (isText) data[0] = `Assertion failed: ${data[0]}`;
      const text = format(data);
      write("error", text === "" ? "Assertion failed" : isText ? text : `Assertion failed ${text}`);
    },
    dir(item) { write("log", inspect(item)); },
    dirxml(...data) { write("log", format(data)); },
    table(data, only) {
      if (isObject(data) && typeof data !== "function") write("log", table(data, only));
      else write("log", format([data]));
    },
    count(name) {
      const key = label(name);
      counts[key] = (counts[key] ?? 0) + 1;
      write("log", `${key}: ${counts[key]}`);
    },
    countReset(name) {
      const key = label(name);
      if (counts[key] === undefined) write("warn", `Count for '${key}' does not exist`);
      else counts[key] = 0;
    },
    group(...data) {
      if (data.length > 0) write("log", format(data));
      indentation += "  ";
    },
    groupCollapsed(...data) {
      if (data.length > 0) write("log", format(data));
      indentation += "  ";
    },
    groupEnd() {
      let shorter = "";
      for (let i = 2; i < indentation.length; i++) shorter += " ";
      indentation = shorter;
    },
    time(name) {
      const key = label(name);
      if (starts[key] !== undefined) write("warn", `Label '${key}' already exists for console.time()`);
      else starts[key] = now();
    },
    timeLog(name, ...data) {
      const key = label(name);
      if (starts[key] === undefined) write("warn", `No such label '${key}' for console.timeLog()`);
      else write("log", `${key}: ${passed(key)}${data.length > 0 ? ` ${format(data)}` : ""}`);
    },
    timeEnd(name) {
      const key = label(name);
      if (starts[key] === undefined) write("warn", `No such label '${key}' for console.timeEnd()`);
      else {
        write("log", `${key}: ${passed(key)}`);
        delete starts[key];
      }
    },
  };

  const console = {};
  for (const name in methods) {
    const value = methods[name];
    defineProperty(console, name, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
  }
  defineProperty(console, Symbol.toStringTag, { __proto__: null, value: "console", configurable: true });
  defineProperty(globalThis, "console", { __proto__: null, value: console, writable: true, configurable: true });

  return (operation) => {
    // Moments of another context's clock say nothing.
    if (operation === "resume") for (const name in starts) starts[name] = now();
  };
}
