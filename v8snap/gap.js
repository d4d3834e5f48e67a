// What V8 leaves out of a context while a snapshot is built, and adds when the context is loaded from it.
//
// Adding fails fatally where a property is there already or its object takes none. So all that is added is found by
// comparison (`list`, run in both kinds of contexts), and what scripts put in its place is taken away before the blob is
// made (`prepare` gives the function that does it). Everything used here is taken before scripts can change it.
(() => {
  "use strict";
  const { defineProperty, getOwnPropertyDescriptor: own, getPrototypeOf, isExtensible } = Object;
  const { apply, deleteProperty, ownKeys } = Reflect;
  const { hasOwnProperty } = Object.prototype;
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
        const { value } = own(object, key);
        visit(value, [...path, name]);
      }
      found.push([path, names]);
      visit(getPrototypeOf(object), [...path, "^"]);
    }
    return stringify(found);
  };

  const keyOf = (name) => (name.startsWith("@@") ? Symbol[name.slice(2)] : name);

  // gap: [path, name] pairs. standIns: by holder's path and name. Gives `begin`, which stays in the heap: in whatever is built
  // upon the snapshot, scripts have run before, and nothing could be taken unchanged any more.
  const prepare = (gap, standIns) => {
    const start = roots();
    const entries = [];
    for (const [path, name] of gap) {
      // A global of the script's own is left alone: V8 adds none over it.
      if (path.length === 1 && path[0] === "global") continue;
      let holder = start[path[0]];
      let owner;
      for (const step of path.slice(1)) {
        owner = holder;
        holder = step === "^" ? getPrototypeOf(holder) : holder[keyOf(step)];
      }
      const step = path[path.length - 1];
      const isKnownToV8 = owner === undefined || typeof holder === "function" || step === "prototype" || step === "^";
      // V8 looks for the others where they should be: Math, or Array.prototype[Symbol.unscopables].
      const place = isKnownToV8 ? undefined : { owner, key: keyOf(step) };
      const shown = (path[0] === "global" ? path.slice(1) : path).join(".");
      const key = keyOf(name);
      const standIn = standInFor(shown, key, standIns);
      entries[entries.length] = { holder, place, key, standIn, path: "globalThis." + shown, name: `globalThis.${shown}.${name}` };
    }
    return (remembered) => begin(entries, remembered);
  };

  // Before scripts run. remembered: what `finish().stackTraceLimit` was in the snapshot that is built upon, or undefined.
  // Gives `finish`.
  const begin = (entries, remembered) => {
    const count = entries.length;
    for (let i = 0; i < count; i++) {
      const { holder, key, standIn } = entries[i];
      if (standIn !== undefined && own(holder, key) === undefined) defineProperty(holder, key, standIn);
    }

    // Errors capture no stack while an accessor is in this place, which could not be in a snapshot.
    let limit = remembered === undefined ? { value: 10 } : remembered;
    let isSet = remembered !== undefined;
    const get = () => limit.value;
    const set = (value) => {
      limit = { value };
      isSet = true;
    };
    if (!(isSet && limit.deleted)) defineProperty(E, "stackTraceLimit", { __proto__: null, configurable: true, get, set });

    // What V8 would die of when it adds its own: space-separated paths.
    const look = () => {
      let problems = "";
      const descriptor = own(E, "stackTraceLimit");
      if (descriptor !== undefined && !descriptor.configurable) problems += " globalThis.Error.stackTraceLimit";
      if (!isExtensible(E)) problems += " globalThis.Error";
      if (!isExtensible(g)) problems += " globalThis";
      let previous = "globalThis.Error";
      for (let i = 0; i < count; i++) {
        const { path } = entries[i];
        const problem = problemOf(entries[i]);
        if (problem !== undefined && (problem !== path || path !== previous)) problems += " " + problem;
        if (problem === path) previous = path;
      }
      return problems;
    };

    // Takes away what only the build needed, unless it is only asked for problems. `stackTraceLimit` is what the
    // scripts made of it: {error, value} or {error, deleted}, or undefined.
    return (onlyLook) => {
      const problems = look();
      if (onlyLook || problems !== "") return { problems, stackTraceLimit: undefined };
      const descriptor = own(E, "stackTraceLimit");
      let stackTraceLimit;
      if (descriptor === undefined) stackTraceLimit = { error: E, value: undefined, deleted: true };
      else if (apply(hasOwnProperty, descriptor, ["value"])) stackTraceLimit = { error: E, value: descriptor.value, deleted: false };
      else if (isSet) stackTraceLimit = { error: E, value: limit.value, deleted: false };
      deleteProperty(E, "stackTraceLimit");
      for (let i = 0; i < count; i++) deleteProperty(entries[i].holder, entries[i].key);
      return { problems, stackTraceLimit };
    };
  };

  // The path of what V8 can't add to, or of the property that is in its way; or undefined. V8 would add to what a script put
  // in an object's place, too, but dies of much that may be there, and a Proxy can't be told from an object.
  const problemOf = ({ holder, place, key, path, name }) => {
    const found = place === undefined ? holder : own(place.owner, place.key)?.value;
    if (found !== holder || !isExtensible(holder)) return path;
    const property = own(holder, key);
    return property !== undefined && !property.configurable ? name : undefined;
  };

  // A property descriptor, or undefined. What is left out of `with` follows its function.
  const standInFor = (path, key, standIns) => {
    const unscopables = path === "Array.prototype.@@unscopables";
    const methods = standIns[unscopables ? "Array.prototype" : path];
    const method = methods === undefined ? undefined : own(methods, key);
    if (method === undefined) return undefined;
    const value = unscopables ? true : method.value;
    return { __proto__: null, value, writable: true, enumerable: unscopables, configurable: true };
  };

  return { list, prepare };
})()
