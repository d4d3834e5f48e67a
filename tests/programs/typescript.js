// A file transpiled for three targets, and a small program checked with TypeScript's own declarations of the language.

const source = (name) => files[name] ?? files[name.replace(/^\//, "")];

function transpiled(target, options = {}) {
  const compilerOptions = {
    target: ts.ScriptTarget[target], module: ts.ModuleKind.CommonJS, jsx: ts.JsxEmit.React,
    experimentalDecorators: true, emitDecoratorMetadata: true, sourceMap: true, ...options,
  };
  const result = ts.transpileModule(files["app.tsx"], { fileName: "app.tsx", compilerOptions, reportDiagnostics: true });
  return [result.outputText, result.sourceMapText, result.diagnostics.length].join("\n");
}

function checked() {
  const options = { target: ts.ScriptTarget.ES2015, lib: ["lib.es2015.d.ts"], strict: true, declaration: true, types: [] };
  const written = {};
  const host = {
    getSourceFile(name, target) {
      const text = source(name);
      return text === undefined ? undefined : ts.createSourceFile(name, text, target, true);
    },
    getDefaultLibFileName: () => "lib.es2015.d.ts",
    writeFile(name, text) { written[name] = text; },
    getCurrentDirectory: () => "/",
    getCanonicalFileName: (name) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => "\n",
    fileExists: (name) => source(name) !== undefined,
    readFile: source,
  };
  const program = ts.createProgram(["/shop.ts"], options, host);
  const emitted = program.emit();
  const diagnostics = [...ts.getPreEmitDiagnostics(program), ...emitted.diagnostics];
  const checker = program.getTypeChecker();
  const types = program.getSourceFile("/shop.ts").statements.flatMap((statement) =>
    ts.isVariableStatement(statement)
      ? statement.declarationList.declarations.map((one) => checker.typeToString(checker.getTypeAtLocation(one)))
      : []);
  return [
    ts.formatDiagnosticsWithColorAndContext(diagnostics, host),
    ...types,
    ...Object.entries(written).flat(),
  ].join("\n");
}

function main() {
  return [
    ts.version, transpiled("ES5", { downlevelIteration: true }), transpiled("ES2017"), transpiled("ESNext"), checked(),
  ].join("\n");
}
