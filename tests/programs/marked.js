// A long document, in several dialects, and with a renderer and an extension of one's own.

function main() {
  const text = files["document.md"];
  const own = new marked.Marked();
  own.use({
    renderer: { heading({ tokens, depth }) { return `<h${depth} class="own">${this.parser.parseInline(tokens)}</h${depth}>\n`; } },
    walkTokens(token) { if (token.type === "link") token.href = token.href.replace("http:", "https:"); },
    extensions: [{
      name: "mark", level: "inline",
      start: (source) => source.indexOf("=="),
      tokenizer(source) {
        const found = /^==([^=]+)==/.exec(source);
        return found ? { type: "mark", raw: found[0], tokens: this.lexer.inlineTokens(found[1]) } : undefined;
      },
      renderer(token) { return `<mark>${this.parser.parseInline(token.tokens)}</mark>`; },
    }],
  });
  return [
    marked.parse(text),
    marked.parse(text, { breaks: true, pedantic: false }),
    marked.parse(text, { gfm: false }),
    marked.parse(text, { pedantic: true }),
    own.parse(text),
    marked.parseInline("*a* `b` <c> &amp; & [d](e 'f')"),
    JSON.stringify(marked.lexer(text)),
    marked.parse(text.repeat(20)).length,
  ].join("\n");
}
