// Node.js in a new process: its arguments are the file of the first call, then the scripts. With CODE_CACHE set, scripts
// are compiled from PATH.node-cache, which a run with CODE_CACHE=write makes.
'use strict';

const fs = require('fs');
const vm = require('vm');

const [call, ...scripts] = process.argv.slice(2);
const caching = process.env.CODE_CACHE;

function compile(path) {
  const source = fs.readFileSync(path, 'utf8');
  if (caching !== 'read') return new vm.Script(source, { filename: path });
  const script = new vm.Script(source, { filename: path, cachedData: fs.readFileSync(path + '.node-cache') });
  if (script.cachedDataRejected) throw new Error('the code cache was rejected');
  return script;
}

const compiled = scripts.map((path) => {
  const script = compile(path);
  script.runInThisContext();
  return script;
});
const result = String(vm.runInThisContext(fs.readFileSync(call, 'utf8')));
if (caching === 'write') {
  scripts.forEach((path, i) => fs.writeFileSync(path + '.node-cache', compiled[i].createCachedData()));
}
console.log(JSON.stringify({ result }));
