// DOMException, as in https://webidl.spec.whatwg.org/#idl-DOMException. control() gives the class.
() => {
  "use strict";
  const { construct, defineProperty, setPrototypeOf } = Reflect;
  const ErrorOf = Error;
  const codes = {
    __proto__: null,
    IndexSizeError: 1, HierarchyRequestError: 3, WrongDocumentError: 4, InvalidCharacterError: 5,
    NoModificationAllowedError: 7, NotFoundError: 8, NotSupportedError: 9, InUseAttributeError: 10, InvalidStateError: 11,
    SyntaxError: 12, InvalidModificationError: 13, NamespaceError: 14, InvalidAccessError: 15, TypeMismatchError: 17,
    SecurityError: 18, NetworkError: 19, AbortError: 20, URLMismatchError: 21, QuotaExceededError: 22, TimeoutError: 23,
    InvalidNodeTypeError: 24, DataCloneError: 25,
  };

  // An object of its own is an Error, so that it has a stack; its class has no parent.
  function Itself(object) {
    return object;
  }
  class Named extends Itself {
    #name;
    constructor(error, name) {
      super(error);
      this.#name = name;
    }
    static nameOf(error) {
      return error.#name;
    }
  }
  const { nameOf } = Named;

  class DOMException {
    constructor(message = "", name = "Error") {
      const error = construct(ErrorOf, [`${message}`], new.target);
      new Named(error, `${name}`);
      return error;
    }
    get name() {
      return nameOf(this);
    }
    get code() {
      return codes[nameOf(this)] ?? 0;
    }
  }
  setPrototypeOf(DOMException.prototype, ErrorOf.prototype);
  for (const name of ["name", "code"]) {
    defineProperty(DOMException.prototype, name, { __proto__: null, enumerable: true });
  }
  defineProperty(DOMException.prototype, Symbol.toStringTag, { __proto__: null, value: "DOMException", configurable: true });
  defineProperty(globalThis, "DOMException", { __proto__: null, value: DOMException, writable: true, configurable: true });
  return () => DOMException;
}
