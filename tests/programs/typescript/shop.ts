import { Cart, Item, total } from "./cart";

const cart: Cart<"tea" | "cup"> = { items: [{ kind: "tea", price: 3 }, { kind: "pot", price: 20 }] };
const wrong: string = total(cart);
const missing: Item<"tea"> = { kind: "tea" };

function area(shape: { kind: "circle"; r: number } | { kind: "square"; side: number } | { kind: "line" }): number {
  switch (shape.kind) {
    case "circle": return Math.PI * shape.r ** 2;
    case "square": return shape.size * shape.side;
  }
}

class Base { protected hidden = 1; constructor(readonly id: number) {} run(x: number): void {} }
class Derived extends Base { run(x: string): void {} }
new Derived(1).hidden;
new Derived(2).id = 3;

async function load(): Promise<Map<string, number>> {
  const numbers = await Promise.all([1, "2"]);
  return new Map(numbers.map((n) => [n, n]));
}
const never: never = load().then((map) => map.get(1));
let implicit; implicit.run(); [..."abc"].at(0)?.toUpperCase().nothing();
type Deep<T> = { [K in keyof T]: T[K] extends object ? Deep<T[K]> : () => T[K] };
const deep: Deep<{ a: { b: number }; c: string }> = { a: { b: 1 }, c: () => 2 };
export const works = total({ items: [] }).toFixed(2);
