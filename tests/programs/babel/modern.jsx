import React, { useState as state, lazy } from "react";
import * as everything from "everything";
export * from "elsewhere";

class Counter extends React.Component {
  static #made = 0;
  #count = 0n;
  static defaultProps = { step: 1 };
  state = { open: false, ...this.props };
  static { Counter.#made += 1; }
  get count() { return this.#count; }
  set count(value) { this.#count = value ?? 0n; }
  #secret(by = this.props.step) { return #count in this && (this.#count += BigInt(by)); }
  handle = async ({ target: { value = "", ...others } = {} }, ...rest) => {
    try { await this.#secret?.(value?.length); } catch { console?.error(`failed ${others}`); }
  };
  render() {
    const { children, ...props } = this.props;
    return <div {...props} onClick={this.handle} key="a" className={`x ${this.state.open ? "open" : ""}`}>
      <>{children}&nbsp;“text”</>
      <Ui.Button disabled aria-label="it's">{[1, 2].map((n) => <li key={n}>{n}</li>)}</Ui.Button>
    </div>;
  }
}

export default async function* walk(tree, depth = 0) {
  for await (const [key, { left, right: [first, , third = first, ...others] }] of Object.entries(tree)) {
    if (key === "stop") break;
    yield* walk(left, depth + 1);
    yield third ** 2 || others.at(-1);
  }
}

let a, b;
[a, b = a] = [b, a];
a ||= b &&= a ??= 1_000;
const regexp = /(?<year>\d{4})-(?<month>\d\d)/su, sticky = /\p{Letter}+/yu;
const object = { [`key${a}`]: 1, __proto__: null, async *gen() { yield super.toString(); }, get [b]() { return new.target; } };
label: for (let i = 0, fns = []; i < 3; i++) { fns.push(() => i); if (i) continue label; }
switch (typeof Symbol.iterator) { case "symbol": { let scoped = () => arguments; break; } default: var hoisted; }
export const Late = lazy(() => import("./Late.jsx")), { x: { y: [z] } } = everything;
