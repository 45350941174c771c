/** Which heads are shown, in which order. Pure. */

import { type AttentionData, badgeOf, type HeadAt } from "./data.js";

/** A sort key: "" = by layer and head, "role:NAME" = a role's score, "mass:NAME" = a labelled pair's mass. */
export type SortKey = string;

export function scoreOf(data: AttentionData, at: HeadAt, sort: SortKey): number | null {
  const [kind, name] = [sort.slice(0, 5), sort.slice(5)];
  if (kind === "role:") return data.meta.roles.scores[name]?.[at.row]?.[at.head] ?? null;
  if (kind === "mass:") return data.meta.labelled.find((pair) => pair.name === name)?.mass[at.row]?.[at.head] ?? null;
  return null;
}

/** Heads with the badge (all when it is empty), highest score first; without a sort key in model order. */
export function orderHeads(data: AttentionData, badge: string, sort: SortKey): HeadAt[] {
  const all = Array.from(
    { length: data.rows * data.heads },
    (_, i): HeadAt => ({ row: Math.floor(i / data.heads), head: i % data.heads }),
  );
  const kept = badge ? all.filter((at) => badgeOf(data, at) === badge) : all;
  if (!sort) return kept;
  const score = (at: HeadAt) => {
    const value = scoreOf(data, at, sort);
    return value === null || Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value;
  };
  return kept.sort((a, b) => {
    const [x, y] = [score(a), score(b)];
    return x === y ? 0 : y > x ? 1 : -1;
  });
}
