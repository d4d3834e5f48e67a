// Runs scripts in a fresh context of Node.js, and main() in it some times: node run_in_node.js TIMES FILE...

const { readFileSync } = require("fs");
const { basename } = require("path");
const vm = require("vm");

const [times, ...paths] = process.argv.slice(2);
const context = vm.createContext();
for (const path of paths) vm.runInContext(readFileSync(path, "utf8"), context, { filename: basename(path) });
(async () => {
  const results = [];
  for (let i = 0; i < Number(times); i++) results.push(await vm.runInContext("main()", context));
  process.stdout.write(JSON.stringify(results));
})();
