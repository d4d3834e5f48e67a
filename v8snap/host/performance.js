// performance, as in https://w3c.github.io/hr-time and https://w3c.github.io/user-timing. The clock is Python's; entries are
// kept here, and so in snapshots, with the times that they had.
(native, token) => {
  "use strict";
  const { apply, defineProperty } = Reflect;
  // Not by assignment: a setter may be in Array.prototype.
  const push = (list, value) =>
    defineProperty(list, list.length, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
  const TypeErr = TypeError;
  const SyntaxErr = SyntaxError;
  const { sort } = Array.prototype;
  const { toStringTag } = Symbol;
  let entries = [];
  let isOpen = false; // for the constructors, which aren't the user's to call

  const now = () => native("now", token());
  const isObject = (value) => typeof value === "object" && value !== null;

  class PerformanceEntry {
    #facts;
    constructor(entry) {
      if (!isOpen) throw new TypeErr("Illegal constructor");
      this.#facts = entry;
    }
    get name() { return this.#facts.name; }
    get entryType() { return this.#facts.entryType; }
    get startTime() { return this.#facts.startTime; }
    get duration() { return this.#facts.duration; }
    toJSON() {
      const { name, entryType, startTime, duration, detail } = this.#facts;
      return { name, entryType, startTime, duration, detail };
    }
    get detail() { return this.#facts.detail; }
  }
  // Constructors of their own: the one that V8 makes iterates over its arguments, as scripts may have changed that.
  class PerformanceMark extends PerformanceEntry {
    constructor(entry) { super(entry); }
  }
  class PerformanceMeasure extends PerformanceEntry {
    constructor(entry) { super(entry); }
  }

  const add = (Class, entryType, name, startTime, duration, detail = null) => {
    const entry = { __proto__: null, entryType, name, startTime, duration, detail };
    isOpen = true;
    try {
      entry.object = new Class(entry);
    } finally {
      isOpen = false;
    }
    push(entries, entry);
    return entry.object;
  };

  const momentOf = (mark) => {
    if (typeof mark === "number") {
      if (!(mark >= 0)) throw new TypeErr("a moment can't be negative");
      return mark;
    }
    const name = `${mark}`;
    for (let i = entries.length - 1; i >= 0; i--) {
      if (entries[i].entryType === "mark" && entries[i].name === name) return entries[i].startTime;
    }
    throw new SyntaxErr(`The "${name}" performance mark has not been set`);
  };

  const chosen = (isWanted) => {
    const found = [];
    for (let i = 0; i < entries.length; i++) if (isWanted(entries[i])) push(found, entries[i]);
    apply(sort, found, [(one, other) => one.startTime - other.startTime]);
    for (let i = 0; i < found.length; i++) found[i] = found[i].object;
    return found;
  };

  const clear = (entryType, name) => {
    const kept = [];
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i];
      if (entry.entryType !== entryType || (name !== undefined && entry.name !== `${name}`)) push(kept, entry);
    }
    entries = kept;
  };

  class Performance {
    constructor() {
      if (!isOpen) throw new TypeErr("Illegal constructor");
    }
    get timeOrigin() { return native("origin", token()); }
    now() { return now(); }
    mark(name, options = undefined) {
      const startTime = options?.startTime === undefined ? now() : momentOf(+options.startTime);
      return add(PerformanceMark, "mark", `${name}`, startTime, 0, options?.detail);
    }
    measure(name, start = undefined, end = undefined) {
      const options = isObject(start) ? start : { __proto__: null, start, end };
      const given = options.duration;
      let to = options.end === undefined ? undefined : momentOf(options.end);
      let from = options.start === undefined ? undefined : momentOf(options.start);
      if (to === undefined) to = from !== undefined && given !== undefined ? from + +given : now();
      if (from === undefined) from = given !== undefined ? to - +given : 0;
      return add(PerformanceMeasure, "measure", `${name}`, from, to - from, options.detail);
    }
    clearMarks(name = undefined) { clear("mark", name); }
    clearMeasures(name = undefined) { clear("measure", name); }
    getEntries() { return chosen(() => true); }
    getEntriesByType(type) {
      const wanted = `${type}`;
      return chosen((entry) => entry.entryType === wanted);
    }
    getEntriesByName(name, type = undefined) {
      const wanted = `${name}`;
      return chosen((entry) => entry.name === wanted && (type === undefined || entry.entryType === `${type}`));
    }
    toJSON() { return { timeOrigin: native("origin", token()) }; }
  }

  const set = (object, name, value, enumerable) =>
    defineProperty(object, name, { __proto__: null, value, writable: true, enumerable, configurable: true });
  const classes = { Performance, PerformanceEntry, PerformanceMark, PerformanceMeasure };
  for (const name in classes) {
    set(globalThis, name, classes[name], false);
    defineProperty(classes[name].prototype, toStringTag, { __proto__: null, value: name, configurable: true });
  }
  isOpen = true;
  set(globalThis, "performance", new Performance(), true);
  isOpen = false;
  return () => {};
}
