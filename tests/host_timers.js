// What tests/test_host_timers.py has Node.js print too: `show` is console.log there.
setTimeout(() => show("120"), 120);
setTimeout(() => show("40 a"), 40);
setTimeout((...args) => show("40 b", args.join()), 40, 1, "two");
Promise.resolve().then(() => show("microtask 1"));
queueMicrotask(() => show("microtask 2"));
const cleared = setTimeout(() => show("never"), 5);
clearTimeout(cleared);
clearTimeout(undefined); clearTimeout(12345); clearInterval(null);
let ticks = 0;
const ticking = setInterval((word) => {
  show(word, ++ticks);
  if (ticks === 2) clearInterval(ticking);
}, 180, "tick");
setTimeout(() => {
  show("nested");
  setTimeout(() => show("after immediate"), 190);
  setImmediate((x) => show("immediate", x), 7);
  Promise.resolve().then(() => show("nested microtask"));
}, 90);
setTimeout(() => { const id = setImmediate(() => show("never")); clearImmediate(id); }, 1);
setTimeout(() => { show("first"); clearTimeout(second); }, 60);
const second = setTimeout(() => show("never"), 65);
show("sync");
