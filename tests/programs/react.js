// A shop's page of several hundred nodes: hooks, contexts, memo, forwardRef, fragments, a class, and text to escape.

const h = React.createElement;
const Theme = React.createContext("light");
const Money = React.createContext({ format: (cents) => (cents / 100).toFixed(2) });

const reducer = (cart, action) =>
  action.type === "add" ? { ...cart, [action.id]: (cart[action.id] ?? 0) + 1 } : cart;

function useProducts(count) {
  return React.useMemo(
    () =>
      Array.from({ length: count }, (_, i) => ({
        id: `p-${i}`,
        name: [`Tea <No. ${i}>`, `"Quoted" & co ${i}`, `Ünïcödé — 茶 ${i}`, "it's 😀 " + i][i % 4],
        cents: (i * 7919) % 10000,
        tags: ["new", "sale", "a&b"].slice(0, i % 4),
        stock: i % 5,
      })),
    [count],
  );
}

const Tag = React.memo(({ children }) => h("span", { className: "tag", "data-tag": children }, children));

const Field = React.forwardRef(function Field({ label, ...rest }, ref) {
  const id = React.useId();
  return h(React.Fragment, null, h("label", { htmlFor: id }, label), h("input", { id, ref, ...rest }));
});

class Price extends React.Component {
  static contextType = Money;
  static defaultProps = { currency: "€" };
  render() {
    return h("b", { style: { fontWeight: 700, marginLeft: 4, WebkitFlex: 1, "--own": "x" } },
      this.context.format(this.props.cents), " ", this.props.currency);
  }
}

function Product({ product }) {
  const theme = React.useContext(Theme);
  const [open] = React.useState(() => product.stock > 2);
  const label = React.useCallback((text) => `${text}: ${product.name}`, [product]);
  return h("li", { className: `product ${theme}`, title: label("Product"), hidden: product.stock === 0, "aria-expanded": open },
    h("h3", null, product.name),
    h(Price, { cents: product.cents }),
    product.tags.map((tag) => h(Tag, { key: tag }, tag)),
    product.stock === 0 ? null : h("button", { disabled: product.stock === 1, onClick() {}, tabIndex: 0 }, "Add"),
    open && h("details", { open: true }, h("summary", null, "More"), `${product.stock} left`, false, 0));
}

function Chart({ products }) {
  const points = products.map((product, i) => `${i * 10},${product.cents / 100}`).join(" ");
  return h("svg", { viewBox: "0 0 100 100", xmlnsXlink: "http://www.w3.org/1999/xlink" },
    h("polyline", { points, strokeWidth: 2, fill: "none" }), h("use", { xlinkHref: "#a" }));
}

function Page() {
  const products = useProducts(60);
  const [cart, dispatch] = React.useReducer(reducer, { "p-3": 2 });
  const [added, setAdded] = React.useState(0);
  if (added < 3) {
    dispatch({ type: "add", id: `p-${added}` });
    setAdded(added + 1);
  }
  React.useEffect(() => { throw new Error("effects don't run on a server"); });
  const sections = [["light", products.slice(0, 40)], ["dark", products.slice(40)]];
  return h("main", { lang: "en", dangerouslySetInnerHTML: undefined },
    h("style", { dangerouslySetInnerHTML: { __html: "li > b { color: red }" } }),
    h("form", { action: "/find?a=1&b=2", acceptCharset: "utf-8" },
      h(Field, { label: "Search <all>", defaultValue: '"', autoFocus: true, maxLength: 20 }),
      h(Field, { label: "Agree", type: "checkbox", defaultChecked: true }),
      h("select", { defaultValue: ["b", "c"], multiple: true }, ["a", "b", "c"].map((v) => h("option", { key: v, value: v }, v))),
      h("textarea", { defaultValue: "\nfirst line is empty" })),
    sections.map(([theme, group]) =>
      h(Theme.Provider, { value: theme, key: theme },
        h("ul", null, group.map((product) => h(Product, { product, key: product.id }))))),
    h(Chart, { products }),
    h(React.Suspense, { fallback: h("p", null, "waiting") }, h("footer", null, JSON.stringify(cart))));
}

function main() {
  const page = h(React.StrictMode, null, h(Page));
  const money = { format: (cents) => String(Math.round(cents / 100)) };
  return [
    ReactDOMServer.renderToString(page),
    ReactDOMServer.renderToStaticMarkup(page),
    ReactDOMServer.renderToStaticMarkup(h(Money.Provider, { value: money }, page)),
  ].join("\n");
}
