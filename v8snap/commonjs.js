// CommonJS modules, as in https://nodejs.org/docs/latest/api/modules.html. Python finds and reads them; the modules
// themselves are kept here, and so in snapshots of the context.
(native, token) => {
  "use strict";
  const { apply, defineProperty } = Reflect;
  const { freeze } = Object;
  const { parse } = JSON;
  const TypeErr = TypeError;
  const method = (function_) => (self, ...rest) => apply(function_, self, rest);
  const [slice, lastIndexOf] = [method("".slice), method("".lastIndexOf)];
  const FAILURE = "ModuleResolveError";
  const PREFIX = 5; // "root:" or "file:"
  const process = freeze({ env: freeze({ NODE_ENV: "production" }) });
  const modules = { __proto__: null }; // by key
  const found = { __proto__: null }; // keys by importer and specifier, for a copy of this context that has no folder

  const resolve = (specifier, importer) => {
    if (typeof specifier !== "string") throw new TypeErr("require: the specifier is not a string");
    const asked = `${importer}\n${specifier}`;
    if (found[asked] !== undefined && modules[found[asked]] !== undefined) return found[asked];
    let key;
    try {
      key = native("resolve", token(), specifier, importer);
    } catch (error) {
      if (error?.name === FAILURE) error.code = "MODULE_NOT_FOUND";
      throw error;
    }
    found[asked] = key;
    return key;
  };

  const requireFor = (importer) => {
    const { require } = {
      require(specifier) {
        return load(resolve(specifier, importer)).exports;
      },
    };
    defineProperty(require, "resolve", {
      __proto__: null,
      value: { resolve: (specifier) => slice(resolve(specifier, importer), PREFIX) }.resolve,
      writable: true,
      enumerable: true,
      configurable: true,
    });
    return require;
  };

  const load = (key) => {
    if (modules[key] !== undefined) return modules[key].module;
    const filename = slice(key, PREFIX);
    const end = lastIndexOf(filename, "/");
    const directory = end < 0 ? "." : end === 0 ? "/" : slice(filename, 0, end);
    const require = requireFor(key);
    const module = { id: filename, filename, exports: {}, loaded: false, require };
    const entry = { __proto__: null, module, isLoaded: false };
    modules[key] = entry;
    try {
      const body = native("load", token(), key);
      if (typeof body === "string") module.exports = json(body, filename);
      else {
        const { exports } = module;
        const environment = "process" in globalThis ? globalThis.process : process;
        apply(body, exports, [exports, require, module, filename, directory, environment]);
      }
      entry.isLoaded = true;
      module.loaded = true;
    } finally {
      if (!entry.isLoaded) delete modules[key];
    }
    return module;
  };

  const json = (text, filename) => {
    try {
      return parse(text);
    } catch (error) {
      error.message = `${filename}: ${error.message}`;
      throw error;
    }
  };

  return (operation, specifier, importer) => {
    if (operation === "require") return load(resolve(specifier, importer)).exports;
    // JavaScript that was stopped ran no `finally`.
    if (operation === "forget") for (const key in modules) if (!modules[key].isLoaded) delete modules[key];
  };
}
