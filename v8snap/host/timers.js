// setTimeout and its like, as in https://html.spec.whatwg.org/multipage/timers-and-user-prompts.html. When a timer is due
// is Python's business; what it calls is here, and so in snapshots: a timer that waits there starts again, with its whole
// delay, in each context that is made of it.
(native, token) => {
  "use strict";
  const { apply, defineProperty } = Reflect;
  const { then } = Promise.prototype;
  const TypeErr = TypeError;
  const waiting = { __proto__: null }; // by id; ids are property names in ascending order
  const IMMEDIATE = -1; // in place of a delay: before any timer
  let last = 0;

  const settled = Promise.resolve();
  defineProperty(settled, "constructor", { __proto__: null, value: undefined }); // `then` looks for it

  const check = (callback, name) => {
    if (typeof callback !== "function") throw new TypeErr(`${name}: the callback is not a function`);
  };

  const start = (callback, delay, isRepeated, args) => {
    const id = ++last;
    waiting[id] = { __proto__: null, callback, delay, isRepeated, args };
    native("set", token(), id, delay);
    return id;
  };

  const stop = (id) => {
    if (waiting[id] === undefined) return;
    delete waiting[id];
    native("clear", token(), id);
  };

  // As WebIDL converts a long.
  const milliseconds = (delay) => {
    delay |= 0;
    return delay < 0 ? 0 : delay;
  };

  const fire = (id) => {
    const timer = waiting[id];
    if (timer === undefined) return;
    if (!timer.isRepeated) delete waiting[id];
    try {
      apply(timer.callback, undefined, timer.args);
    } finally {
      if (timer.isRepeated && waiting[id] === timer) native("set", token(), id, timer.delay);
    }
  };

  // As methods they are no constructors; a default value keeps a parameter out of `length`.
  const functions = {
    setTimeout(callback, delay = 0, ...args) {
      check(callback, "setTimeout");
      return start(callback, milliseconds(delay), false, args);
    },
    setInterval(callback, delay = 0, ...args) {
      check(callback, "setInterval");
      return start(callback, milliseconds(delay), true, args);
    },
    setImmediate(callback, ...args) {
      check(callback, "setImmediate");
      return start(callback, IMMEDIATE, false, args);
    },
    clearTimeout(id = 0) {
      stop(id | 0);
    },
    clearInterval(id = 0) {
      stop(id | 0);
    },
    clearImmediate(id = 0) {
      stop(id | 0);
    },
    queueMicrotask(callback) {
      check(callback, "queueMicrotask");
      const run = () => {
        try {
          callback();
        } catch (error) {
          // Nobody is there to catch it: it comes out like that of a timer.
          start(() => { throw error; }, IMMEDIATE, false, []);
        }
      };
      apply(then, settled, [run]);
    },
  };
  for (const name in functions) {
    const value = functions[name];
    defineProperty(globalThis, name, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
  }

  return (operation, id) => {
    if (operation === "fire") fire(id);
    else for (const each in waiting) native("set", token(), +each, waiting[each].delay);
  };
}
