// A hundred and more functions of lodash, alone and in chains; the clock and chance are fixed.

const users = Array.from({ length: 40 }, (_each, i) => ({
  id: i, name: _.sample(["Ann", "Bob", "Éva", "ẞen"].slice(i % 4, (i % 4) + 1)), age: (i * 17) % 60, tags: _.range(i % 3),
  address: { city: i % 2 ? "Ulm" : "Köln", zip: [i, { code: `${i}` }] },
}));
const nested = { a: [{ b: { c: 3 } }, [1, [2, [3, [4]]]]], d: new Date(86400000), e: /x/gi, f: new Map([[1, { g: 2 }]]), h: new Set([1]) };

const uses = {
  chunk: () => _.chunk(_.range(10), 3), compact: () => _.compact([0, 1, false, 2, "", 3, NaN]),
  concat: () => _.concat([1], 2, [3], [[4]]), difference: () => _.difference([2, 1, NaN], [2, NaN]),
  differenceBy: () => _.differenceBy([2.1, 1.2], [2.3], Math.floor), differenceWith: () => _.differenceWith([{ x: 1 }], [{ x: 1 }], _.isEqual),
  drop: () => _.drop([1, 2, 3], 2), dropRight: () => _.dropRight([1, 2, 3]), dropWhile: () => _.dropWhile(users, "id").length,
  fill: () => _.fill(Array(3), "x", 1), findIndex: () => _.findIndex(users, { age: 34 }), findLastIndex: () => _.findLastIndex(users, ["age", 34]),
  flatten: () => _.flatten(nested.a), flattenDeep: () => _.flattenDeep(nested.a[1]), flattenDepth: () => _.flattenDepth(nested.a[1], 2),
  fromPairs: () => _.fromPairs([["a", 1], ["__proto__", 2]]), head: () => _.head([1]), indexOf: () => _.indexOf([NaN], NaN),
  initial: () => _.initial([1, 2]), intersection: () => _.intersection([2, 1], [2, 3]), intersectionBy: () => _.intersectionBy([2.1], [2.9], Math.floor),
  join: () => _.join(["a", null, "b"], "~"), last: () => _.last("abc"), nth: () => _.nth([1, 2, 3], -2), pull: () => _.pull([1, 2, 1], 1),
  pullAt: () => _.pullAt([1, 2, 3], [0, 2]), remove: () => _.remove([1, 2, 3, 4], (n) => n % 2), reverse: () => _.reverse([1, 2]),
  slice: () => _.slice([1, 2, 3], -2), sortedIndex: () => _.sortedIndex([10, 30], 20), sortedUniq: () => _.sortedUniq([1, 1, 2]),
  take: () => _.take([1, 2, 3], 2), takeRightWhile: () => _.takeRightWhile([1, 2, 3], (n) => n > 1), union: () => _.union([2], [1, 2]),
  unionBy: () => _.unionBy([2.1], [1.2, 2.3], Math.floor), uniqBy: () => _.uniqBy(users, "name").length, unzip: () => _.unzip([["a", 1], ["b", 2]]),
  without: () => _.without([1, 2, 1, 3], 1, 2), xor: () => _.xor([2, 1], [2, 3]), zipObjectDeep: () => _.zipObjectDeep(["a.b[0].c", "a.b[1].d"], [1, 2]),
  zipWith: () => _.zipWith([1, 2], [10, 20], _.add), countBy: () => _.countBy(users, "name"), every: () => _.every(users, "age"),
  filter: () => _.filter(users, { address: { city: "Ulm" } }).length, find: () => _.find(users, (u) => u.age > 50), flatMap: () => _.flatMap(users, "tags"),
  groupBy: () => _.mapValues(_.groupBy(users, "address.city"), "length"), includes: () => _.includes({ a: NaN }, NaN), invokeMap: () => _.invokeMap([[2, 1]], "sort"),
  keyBy: () => _.keys(_.keyBy(users, (u) => String.fromCharCode(97 + u.id))), map: () => _.map(users, "address.zip[1].code"), orderBy: () => _.map(_.orderBy(users, ["name", "age"], ["asc", "desc"]), "id"),
  partition: () => _.partition(_.range(6), (n) => n % 2), reduce: () => _.reduce({ a: 1, b: 2 }, (all, n, key) => all + key + n, ""),
  reduceRight: () => _.reduceRight([[0], [1]], (a, b) => a.concat(b)), reject: () => _.reject([1, 2], (n) => n > 1), size: () => _.size({ length: 3, a: 1 }),
  some: () => _.some([null, 0, "yes"], Boolean), sortBy: () => _.map(_.sortBy(users, [(u) => u.address.city, "age"]), "id"),
  curry: () => _.curry((a, b, c) => [a, b, c])(1)(_, 3)(2), flip: () => _.flip((...all) => all)(1, 2), memoize: () => { const f = _.memoize((n) => ({ n })); return f(1) === f(1); },
  negate: () => _.filter([1, 2], _.negate(_.isNumber)), once: () => { let n = 0; const f = _.once(() => ++n); f(); return f(); }, overArgs: () => _.overArgs((a, b) => [a, b], [_.square, String])(9, 3),
  partial: () => _.partial((a, b) => a + b, _, "x")("y"), partialRight: () => _.partialRight(parseInt, 2)("101"), rearg: () => _.rearg((...all) => all, [2, 0, 1])("b", "c", "a"),
  spread: () => _.spread(Math.max)([1, 5]), unary: () => _.map(["6", "8", "10"], _.unary(parseInt)), wrap: () => _.wrap(_.escape, (f, text) => `<p>${f(text)}</p>`)("a & b"), before: () => _.times(4, _.before(3, (n) => n)),
  castArray: () => _.castArray(1), cloneDeep: () => { const copy = _.cloneDeep(nested); return [copy.f.get(1), copy.f.get(1) === nested.f.get(1), copy.d.getTime(), copy.e.flags]; },
  cloneDeepWith: () => _.cloneDeepWith(nested, (v) => (_.isNumber(v) ? v * 2 : undefined)), conformsTo: () => _.conformsTo({ b: 2 }, { b: (n) => n > 1 }), isArguments: () => (function () { return _.isArguments(arguments); })(),
  isEqual: () => _.isEqual(nested, _.cloneDeep(nested)), isEqualWith: () => _.isEqualWith("A", "a", (a, b) => _.toLower(a) === _.toLower(b)), isMatch: () => _.isMatch(nested, { a: [{ b: { c: 3 } }] }), isNative: () => [_.isNative(Array.prototype.push), _.isNative(_)],
  isPlainObject: () => [_.isPlainObject(Object.create(null)), _.isPlainObject(nested.d)], isTypedArray: () => _.isTypedArray(new Uint8Array()), toArray: () => _.toArray("a😀b"), toFinite: () => _.toFinite(Infinity), toInteger: () => _.toInteger("3.7"),
  toPlainObject: () => _.toPlainObject(Object.create({ a: 1 })), toString: () => _.toString([-0, [1, Symbol.iterator]]), isError: () => _.isError(_.attempt(() => missing)),
  ceil: () => _.ceil(6.004, 2), divide: () => _.divide(6, 4), floor: () => _.floor(4060, -2), maxBy: () => _.maxBy(users, "age").id, meanBy: () => _.meanBy(users, "age"), round: () => _.round(4.006, 2), sumBy: () => _.sumBy(users, (u) => u.age / 3),
  clamp: () => _.clamp(-10, -5, 5), inRange: () => _.inRange(-3, -2, -6), assign: () => _.assign({}, "ab", { c: 1 }), assignInWith: () => _.assignInWith({ a: 1 }, { a: 2, b: 3 }, (old, now) => old ?? now), at: () => _.at(nested, ["a[0].b.c", "f.size"]),
  create: () => _.create({ a: 1 }, { b: 2 }).a, defaultsDeep: () => _.defaultsDeep({ a: { b: 2 } }, { a: { b: 1, c: 3 } }), findKey: () => _.findKey(nested, _.isRegExp), forOwn: () => { const keys = []; _.forOwn(nested, (v, key) => keys.push(key)); return keys; },
  functions: () => _.functions(_).length, get: () => _.get(nested, "a[1][1].1[0]", "none"), has: () => _.has(nested, ["a", 0, "b"]), invert: () => _.invert({ a: 1, b: 2, c: 1 }), invertBy: () => _.invertBy({ a: 1, b: 2, c: 1 }), invoke: () => _.invoke(nested, "a[1].slice", 0, 1),
  keysIn: () => _.keysIn(new (class { constructor() { this.a = 1; } })()), mapKeys: () => _.mapKeys({ a: 1 }, (v, k) => k + v), merge: () => _.merge({}, nested, { a: [{ b: { z: 1 } }] }), mergeWith: () => _.mergeWith({ a: [1] }, { a: [2] }, (a, b) => (_.isArray(a) ? a.concat(b) : undefined)),
  omit: () => _.omit(users[3], ["address.zip[0]", "name"]), omitBy: () => _.omitBy(users[1], _.isNumber), pick: () => _.pick(users[2], ["address.city", "id"]), result: () => _.result({ a: () => "called" }, "a"), set: () => _.set({}, "x[0].y.z", 5), setWith: () => _.setWith({}, "[0][1]", "a", Object),
  toPairs: () => _.toPairs({ a: 1 }), transform: () => _.transform([2, 3, 4], (all, n) => { all.push(n * n); return n % 2 === 0; }, []), unset: () => { const copy = _.cloneDeep(users[5]); _.unset(copy, "address.zip"); return copy; }, update: () => _.update({ a: 1 }, "a", (n) => n + 1),
  camelCase: () => _.camelCase("--foo-bar--Ünï_99x"), deburr: () => _.deburr("déjà vu ẞ Œuvre"), endsWith: () => _.endsWith("abc", "b", 2), escape: () => _.escape(`<a href="x">'&'</a>`), escapeRegExp: () => _.escapeRegExp("[a](b)$"), kebabCase: () => _.kebabCase("fooBarBAZ12"),
  lowerFirst: () => _.lowerFirst("ABC"), pad: () => _.pad("😀", 8, "_-"), parseInt: () => _.parseInt("08"), repeat: () => _.repeat("ab", 3), snakeCase: () => _.snakeCase("fooBar XMLHttp"), split: () => _.split("a-😀-c", ""), startCase: () => _.startCase("--foo-bar x2y"),
  template: () => _.template("<% _.forEach(users, (u) => { %><li><%- u.name %> <%= u.age %></li><% }) %>${ users.length }")({ users }), trimStart: () => _.trimStart("-_-abc", "_-"), truncate: () => _.truncate("hi-diddly-ho there, neighborino", { length: 24, separator: /,? +/, omission: " […]" }),
  unescape: () => _.unescape("&lt;&#39;&amp;"), upperFirst: () => _.upperFirst("fred"), words: () => _.words("fred, barney, & pebbles' 3rdÜber camelCaseXML"), attempt: () => _.attempt(_.partial(JSON.parse, "{")).name, cond: () => _.cond([[_.matches({ a: 1 }), _.constant("one")], [_.stubTrue, _.constant("other")]])({ a: 2 }),
  flow: () => _.flow([_.add, (n) => n * n])(1, 2), matchesProperty: () => _.filter(users, _.matchesProperty("address.city", "Ulm")).length, method: () => _.map([nested], _.method("a.concat", 1)).length, mixin: () => { const own = _.runInContext(); own.mixin({ vowels: (s) => own.filter(s, (c) => /[aeiou]/.test(c)) }); return own("fred").vowels().value(); },
  over: () => _.over([Math.max, Math.min])(1, 2, 3), overEvery: () => _.overEvery([Boolean, isFinite])(NaN), propertyOf: () => _.map(["a[0].b.c"], _.propertyOf(nested)), rangeRight: () => _.rangeRight(0, -4, -1), times: () => _.times(3, _.identity), toPath: () => _.toPath("a[0].b['c.d'].e"), uniqueId: () => _.uniqueId("id_"),
  chain: () => _(users).filter((u) => u.age > 20).sortBy(["name", "age"]).groupBy("name").mapValues((all) => _(all).map("age").sum()).toPairs().orderBy(1, "desc").fromPairs().value(),
  lazy: () => { let looked = 0; const found = _(_.range(1000)).map((n) => { looked++; return n * n; }).filter((n) => n % 2).take(5).value(); return [found, looked]; },
  tap: () => _.chain([1, 2, 3]).tap((all) => all.pop()).thru((all) => [all, all]).reverse().plant([9, 8]).commit().value(), next: () => { const wrapped = _([1, 2]); return [wrapped.next(), ...wrapped]; },
};

function main() {
  const text = (value) => JSON.stringify(value, (key, v) => (v instanceof Map || v instanceof Set ? [...v] : v === undefined ? "undefined" : v));
  const lines = Object.entries(uses).map(([name, use]) => `${name} ${text(use())}`);
  if (lines.length < 100) throw new Error(`only ${lines.length} functions`);
  return [_.VERSION, ...lines].join("\n");
}
