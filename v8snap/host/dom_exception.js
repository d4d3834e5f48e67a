// DOMException, as in https://webidl.spec.whatwg.org/#idl-DOMException. control() gives the class.
() => {
  "use strict";
  const { defineProperty, setPrototypeOf } = Reflect;
  const ErrorOf = Error;
  const codes = {
    __proto__: null,
    IndexSizeError: 1, HierarchyRequestError: 3, WrongDocumentError: 4, InvalidCharacterError: 5,
    NoModificationAllowedError: 7, NotFoundError: 8, NotSupportedError: 9, InUseAttributeError: 10, InvalidStateError: 11,
    SyntaxError: 12, InvalidModificationError: 13, NamespaceError: 14, InvalidAccessError: 15, TypeMismatchError: 17,
    SecurityError: 18, NetworkError: 19, AbortError: 20, URLMismatchError: 21, QuotaExceededError: 22, TimeoutError: 23,
    InvalidNodeTypeError: 24, DataCloneError: 25,
  };

  class DOMException extends ErrorOf {
    #name;

    constructor(message = "", name = "Error") {
      super(`${message}`);
      this.#name = `${name}`;
    }

    get name() {
      return this.#name;
    }

    get code() {
      return codes[this.#name] ?? 0;
    }
  }
  setPrototypeOf(DOMException, Function.prototype);
  for (const name of ["name", "code"]) {
    defineProperty(DOMException.prototype, name, { __proto__: null, enumerable: true });
  }
  defineProperty(DOMException.prototype, Symbol.toStringTag, { __proto__: null, value: "DOMException", configurable: true });
  defineProperty(globalThis, "DOMException", { __proto__: null, value: DOMException, writable: true, configurable: true });
  return () => DOMException;
}
