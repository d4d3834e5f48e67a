/** Generics, enums, decorators, overloads, JSX and newer syntax in one file. */
import { something } from "./elsewhere";
import type { OnlyAType } from "./types";

enum Colour { Red, Green = "green".length, Blue = Red << 3 }
const enum Size { Small = 1, Large = Small * 4 }
declare const injected: { readonly [key: string]: unknown };

function logged(target: any, key: string, descriptor: PropertyDescriptor) {
  const original = descriptor.value;
  descriptor.value = function (...args: unknown[]) { return original.apply(this, args); };
}
function sealed(constructor: Function) { Object.seal(constructor.prototype); }
function required(target: object, key: string | symbol, index: number) {}

abstract class Shape<T extends { id: number }, K extends keyof T = keyof T> {
  static #count = 0;
  private readonly items = new Map<T[K], T>();
  protected constructor(public readonly name: string, protected colour = Colour.Green) { Shape.#count++; }
  abstract area(): number;
  get size(): Size { return this.items.size > 3 ? Size.Large : Size.Small; }
  static { console?.log?.(Shape.#count); }
}

@sealed
class Circle extends Shape<{ id: number; label?: string }> {
  declare radius: number;
  constructor(radius: number, @required other?: string) { super(`circle ${radius}`); this.radius = radius; }
  @logged area(): number { return Math.PI * this.radius ** 2; }
  @logged async *walk(steps: number): AsyncGenerator<number, void, unknown> {
    for await (const step of [1, 2, 3]) { yield step ?? steps; }
  }
}

namespace Geometry.Flat {
  export const origin = { x: 0, y: 0 } as const satisfies Record<string, number>;
  export function distance(a: Point, b: Point): number;
  export function distance(a: number, b: number): number;
  export function distance(a: any, b: any) { return typeof a === "number" ? b - a : Math.hypot(a.x - b.x, a.y - b.y); }
  export interface Point { x: number; y: number }
}

type Awaited2<T> = T extends Promise<infer U> ? Awaited2<U> : T;
type Getters<T> = { [K in keyof T as `get${Capitalize<string & K>}`]-?: () => T[K] };
const pick = <T, const K extends readonly (keyof T)[]>(from: T, ...keys: K): Pick<T, K[number]> =>
  Object.fromEntries(keys.map((key) => [key, from[key]])) as any;

let assigned: string | undefined;
assigned ??= injected?.["a"]?.toString()!;
label: for (const [index, { a = 1, ...others }] of [{ a: 2, b: 3 }].entries()) { if (index) continue label; }
const big = 1_000_000n ** 2n, tagged = String.raw`a${assigned}\n`;

export default function View({ title, children, ...rest }: { title: string; children?: unknown[] }) {
  const names = pick({ a: 1, b: "2" }, "a", "b");
  return <section {...rest} data-size={Size.Large}>
    <h1 className="title">{title} &amp; {`${names.a}`}</h1>
    {children?.map((child, key) => <Item.Row key={key} on={() => Geometry.Flat.distance(key, 1)}>{child}</Item.Row>)}
    <>text {/* a comment */} more</>
  </section>;
}
export { something as default2, Circle, type OnlyAType, Colour };
export * as elsewhere from "./elsewhere";
