// What Node.js makes a snapshot of: run with --build-snapshot. CALL and SCRIPTS (parted by colons) name files.
'use strict';

const fs = require('fs');
const vm = require('vm');

for (const path of process.env.SCRIPTS.split(':')) {
  vm.runInThisContext(fs.readFileSync(path, 'utf8'), { filename: path });
}
const call = fs.readFileSync(process.env.CALL, 'utf8');
require('v8').startupSnapshot.setDeserializeMainFunction(() => {
  console.log(JSON.stringify({ result: String(vm.runInThisContext(call)) }));
});
