/** A generation in words: for tooltips, headings and screen readers. Pure. */

import { percent, sig4, signed4 } from "../shared/format.js";
import { moved, type Run, type Side } from "./data.js";

/** By how much steering moved a token, for its label. */
export function movedText(value: number | null | undefined): string {
  return value == null ? "" : `moved ${signed4(value)} nats`;
}

/** Name and value of all that is known of a token. */
export function tokenFacts(side: Side, index: number): [string, string][] {
  const known = (value: number | null | undefined) =>
    value == null ? "not known" : `${sig4(value)} nats (${percent(Math.exp(value))})`;
  const by = moved(side)[index];
  return [
    ["new token", `${index + 1}`],
    ["unsteered", known(side.log_probs_baseline[index])],
    ["steered", known(side.log_probs_steered[index])],
    ["moved", by == null ? "not known" : `${signed4(by)} nats`],
  ];
}

const ENDS: Record<string, string> = { end: "ended by itself", stopped: "stopped" };

/** Beside a text's name: how long it is, and how it ended. */
export function sideText(side: Side | null): string {
  if (!side?.tokens.length) return "";
  const n = side.tokens.length;
  return [`${n} token${n === 1 ? "" : "s"}`, ENDS[side.finished]].filter(Boolean).join(" · ");
}

/** What is said when the writing has come to an end. */
export function endText({ state, baseline, steered, diverges_at: at, warnings }: Run): string {
  const n = Math.max(baseline.tokens.length, steered?.tokens.length ?? 0);
  const differ = !steered
    ? "nothing steers"
    : at === null
      ? "steering changes nothing"
      : `the texts differ from token ${at + 1} on`;
  return [`${state}: ${n} tokens`, differ, ...warnings].join("; ");
}
