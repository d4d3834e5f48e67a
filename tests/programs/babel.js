// A modern source compiled for old and new browsers, minified, and taken apart.

function compiled(options) {
  const { code, map } = Babel.transform(files["modern.jsx"], { filename: "modern.jsx", sourceMaps: true, ...options });
  return [code, JSON.stringify(map)].join("\n");
}

function renamer({ types: t }) {
  return {
    visitor: {
      Identifier(path) { if (path.node.name === "hoisted") path.node.name = "renamed"; },
      NumericLiteral(path) { if (path.node.value === 4) path.replaceWith(t.stringLiteral("four")); },
    },
  };
}

function main() {
  const react = ["react", { runtime: "automatic" }];
  let problem;
  try {
    Babel.transform("let a = 1;\nlet a = <b>;", { presets: [react], filename: "wrong.jsx" });
  } catch (error) {
    problem = error.message;
  }
  return [
    Babel.version,
    compiled({ presets: [["env", { targets: "ie 11" }], "react"] }),
    compiled({ presets: [["env", { targets: { chrome: "70" }, modules: "umd" }], react] }),
    compiled({ presets: [react], plugins: [renamer], compact: true, comments: false }),
    JSON.stringify(Babel.transform("a?.b", { ast: true, code: false }).ast.program),
    problem,
  ].join("\n");
}
