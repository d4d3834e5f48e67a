// One of these is in each context with host objects, where JavaScript can't reach it, and in snapshots of the context.
//
// A host object's script gives `(native, token, part) => control`. It takes what it uses of the language before scripts of
// the user's run. `token()` is the number by which Python knows the context, another one in each restored copy;
// `part(name)` is another part's control. control("resume") is called in each new copy.
(() => {
  "use strict";
  const parts = { __proto__: null };
  let current = 0;
  let names = "";
  const token = () => current;
  const part = (name) => parts[name];

  const add = (name, factory, native) => {
    parts[name] = factory(native, token, part);
    names += name + " ";
  };

  const resume = (fresh) => {
    current = fresh;
    for (const name in parts) parts[name]("resume");
  };

  return (operation, first, second, third, fourth) => {
    if (operation === "call") return parts[first](second, third, fourth);
    if (operation === "names") return names;
    if (operation === "resume") return resume(first);
    return add(first, second, third);
  };
})()
