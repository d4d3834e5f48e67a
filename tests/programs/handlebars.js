// A page of partials, helpers and nested loops; compiled, precompiled, and its tree.

const data = {
  title: "<Staff> & \"friends\" 'now' `x` =",
  which: "footer",
  menu: [{ url: "/?a=1&b=2", label: "One" }, { url: "#", label: "Two <2>" }],
  staff: Array.from({ length: 30 }, (_, i) => ({
    name: `Person ${"é<>&"[i % 4]} ${i}`,
    badge: i % 3 ? `<img alt="${i}">` : null,
    skills: ["tea", "cups & pots", "<b>"].slice(0, i % 4),
    hidden: i % 5 === 0,
    address: i % 2 ? { street: `Road ${i}`, city: "Ulm", "post code": 89073 + i } : undefined,
  })),
  totals: { a: 1, b: 0, c: false, d: "", e: [1, 2] },
  numbers: [1, 2, 3],
};

function made() {
  const bars = Handlebars.create();
  bars.registerHelper({
    slug: (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, "-"),
    same: (a, b) => a === b,
    not: (a) => !a,
    both: (a, b) => a && b,
    raw: (options) => options.fn(),
    list(items, options) {
      const rows = items.map((item) => `<li>${options.fn(item)}</li>`);
      if (options.hash.reverse) rows.reverse();
      return new bars.SafeString(`<ul class="${bars.escapeExpression(options.hash.class)}">${rows.join("")}</ul>`);
    },
    helperMissing(...all) { return `?${all.pop().name}`; },
  });
  bars.registerPartial("header", "<nav>{{#each nav}}{{label}}|{{/each}}</nav>\n");
  bars.registerPartial("footer", "<footer>{{extra}} {{@root.title}}</footer>");
  bars.registerPartial("layout", "<div class={{kind}}>{{> @partial-block}}</div>");
  return bars;
}

function main() {
  const bars = made();
  let problem;
  try {
    bars.compile("{{#if a}}\n {{/unless}}")({});
  } catch (error) {
    problem = error.message;
  }
  return [
    Handlebars.VERSION,
    bars.compile(files["page.hbs"])(data),
    bars.compile(files["page.hbs"], { noEscape: true, preventIndent: true })({ ...data, staff: [] }),
    bars.precompile(files["page.hbs"]),
    JSON.stringify(bars.parse(files["page.hbs"])),
    problem,
  ].join("\n");
}
