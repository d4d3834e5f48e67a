// What V8 leaves out of a context while a snapshot is built, and adds when the context is loaded from it.
//
// Adding fails fatally where a property is there already or its object takes none. So all that is added is found by
// comparison (`list`, run in both kinds of contexts), and what scripts put in its place is taken away before the blob is
// made (`prepare` gives the function that does it). Everything used here is taken before scripts can change it.
(() => {
  "use strict";
  const { defineProperty, getOwnPropertyDescriptor, getPrototypeOf, isExtensible } = Object;
  const { deleteProperty, ownKeys } = Reflect;
  const { stringify } = JSON;
  const E = Error;
  const g = globalThis;
  const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";
  const wellKnown = new Map(
    ownKeys(Symbol).filter((name) => typeof Symbol[name] === "symbol").map((name) => [Symbol[name], "@@" + name]),
  );

  // The global object, and what no name leads to.
  const roots = () => ({
    global: g,
    TypedArray: getPrototypeOf(Uint8Array),
    arrayIterator: [][Symbol.iterator](),
    mapIterator: new Map().entries(),
    setIterator: new Set().values(),
    stringIterator: ""[Symbol.iterator](),
    regExpIterator: "".matchAll(/x/g),
    generator: (function* () {})(),
    generatorFunction: function* () {},
    asyncFunction: async () => {},
    asyncGenerator: (async function* () {})(),
    asyncGeneratorFunction: async function* () {},
  });

  // Every built-in object that a path leads to, with the names of its own properties. "^" is the prototype.
  const list = () => {
    const paths = new Map();
    const waiting = [];
    const found = [];
    const visit = (value, path) => {
      if (!isObject(value) || paths.has(value)) return;
      paths.set(value, path);
      waiting.push(value);
    };
    for (const [name, root] of Object.entries(roots())) visit(root, [name]);
    for (let i = 0; i < waiting.length; i++) {
      const object = waiting[i];
      const path = paths.get(object);
      const names = [];
      for (const key of ownKeys(object)) {
        const name = typeof key === "symbol" ? wellKnown.get(key) : key;
        if (name === undefined) continue;
        names.push(name);
        const { value } = getOwnPropertyDescriptor(object, key);
        visit(value, [...path, name]);
      }
      found.push([path, names]);
      visit(getPrototypeOf(object), [...path, "^"]);
    }
    return stringify(found);
  };

  const keyOf = (name) => (name.startsWith("@@") ? Symbol[name.slice(2)] : name);

  // gap: [path, name] pairs. Gives the function to be called when scripts are done: what it could not put right, as
  // space-separated paths.
  const prepare = (gap) => {
    const start = roots();
    const entries = [];
    for (const [path, name] of gap) {
      // A global of the script's own is left alone: V8 adds none over it.
      if (path.length === 1 && path[0] === "global") continue;
      let holder = start[path[0]];
      for (const step of path.slice(1)) holder = step === "^" ? getPrototypeOf(holder) : holder[keyOf(step)];
      entries[entries.length] = { holder, key: keyOf(name), name: path.join(".") + "." + name };
    }
    const count = entries.length;

    // Errors capture no stack while an accessor is in this place, which could not be in a snapshot.
    let limit = 10;
    defineProperty(E, "stackTraceLimit", {
      configurable: true,
      get() { return limit; },
      set(value) { limit = value; },
    });

    return () => {
      let problems = "";
      if (!deleteProperty(E, "stackTraceLimit")) problems += " globalThis.Error.stackTraceLimit";
      if (!isExtensible(E)) problems += " globalThis.Error";
      if (!isExtensible(g)) problems += " globalThis";
      for (let i = 0; i < count; i++) {
        const { holder, key, name } = entries[i];
        if (!deleteProperty(holder, key) || !isExtensible(holder)) problems += " " + name;
      }
      const atomics = getOwnPropertyDescriptor(g, "Atomics");
      if (atomics !== undefined && !isObject(atomics.value)) problems += " globalThis.Atomics";
      return problems;
    };
  };

  return { list, prepare };
})()
