// What test262 expects of its host, made of functions that Python gives: see the suite's INTERPRETING.md.

var $262, $DONE, print, reportCompare;
(function ({ hostRealm, hostScript, hostGarbage, hostDone }) {
  const text = (error) => {
    if (error === undefined || error === null) return "pass";
    if (typeof error !== "object") return String(error);
    return `${error.constructor && error.constructor.name}: ${error.message}`;
  };
  for (const name of ["hostRealm", "hostScript", "hostGarbage", "hostDone"]) delete globalThis[name];
  $262 = {
    createRealm: () => hostRealm(),
    evalScript: (source) => hostScript(globalThis, String(source)),
    gc: () => hostGarbage(),
    global: globalThis,
  };
  $DONE = (error) => { hostDone(text(error)); };
  print = () => {};
  reportCompare = () => {}; // tests of this copy of the suite end with a call of it

  // Contexts have no access to one another's global objects. Functions of this one have, so they stand in front of it.
  const forward = (trap) => [trap, (target, ...rest) => Reflect[trap](globalThis, ...rest.slice(0, trap === "set" ? 2 : 9))];
  const traps = ["get", "set", "has", "deleteProperty", "defineProperty", "getOwnPropertyDescriptor", "ownKeys"];
  $262.asSeenFromOutside = new Proxy({}, Object.fromEntries(traps.map(forward)));
})(globalThis);
