export interface Item<K extends string> { kind: K; price: number; note?: string }
export interface Cart<K extends string> { items: readonly Item<K>[] }
export const total = <K extends string>(cart: Cart<K>): number =>
  cart.items.reduce((sum, item) => sum + item.price, 0);
