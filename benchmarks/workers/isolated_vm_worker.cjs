// isolated-vm, by the same protocol as the other workers. Its first argument is the folder with the package.
'use strict';

const fs = require('fs');
const path = require('path');
const readline = require('readline');
const ivm = require(path.join(process.argv[2], 'isolated-vm'));

const kept = new Map();

const now = () => Number(process.hrtime.bigint());

function readText(file) {
  return fs.readFileSync(file, 'utf8');
}

function once(key, make) {
  if (!kept.has(key)) kept.set(key, make());
  return kept.get(key);
}

function sourcesOf(words) {
  return words.scripts.split(':').map(readText);
}

function makeSnapshot(sources, warmup) {
  return ivm.Isolate.createSnapshot(sources.map((code) => ({ code })), warmup);
}

const works = {
  start(words) {
    const call = readText(words.call);
    const sources = sourcesOf(words);
    const wanted = words.how !== 'scripts';
    const warmup = words.how === 'warm' ? call : undefined;
    const snapshot = wanted ? once(words.scripts, () => makeSnapshot(sources, warmup)) : undefined;
    const counts = {};
    let last = now();
    const isolate = new ivm.Isolate({ snapshot });
    counts.isolate = now() - last;
    last = now();
    const context = isolate.createContextSync();
    counts.context = now() - last;
    last = now();
    for (const source of wanted ? [] : sources) context.evalSync(source);
    counts.load = now() - last;
    last = now();
    const result = context.evalSync(call);
    counts.call = now() - last;
    isolate.dispose();
    return { counts, result };
  },

  build(words) {
    const sources = sourcesOf(words);
    const begin = now();
    makeSnapshot(sources);
    return { counts: { build: now() - begin }, result: 'made' };
  },

  fresh_context(words) {
    const call = readText(words.call);
    const isolate = once('isolate', () => new ivm.Isolate({ snapshot: makeSnapshot(sourcesOf(words), call) }));
    const counts = {};
    let last = now();
    const context = isolate.createContextSync();
    counts.context = now() - last;
    last = now();
    const result = context.evalSync(call);
    counts.call = now() - last;
    context.release();
    return { counts, result };
  },
};

function answer(line) {
  const [work, ...rest] = line.split('\t');
  const words = Object.fromEntries(rest.map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]));
  if (!works[work]) return { error: 'it has no such thing' };
  try {
    return works[work](words);
  } catch (error) {
    return { error: String(error).split('\n')[0] };
  }
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  process.stdout.write(JSON.stringify(answer(line)) + '\n');
});
