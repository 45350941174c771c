/** Numbers, intervals and comparisons in words. Pure. */

import { difference, type Metric, type ReportData, type Value, type Verdict } from "./data.js";

const NONE = "–";

/** With the digits that are of use; as `number` of sae_report_words.py writes them. */
export function numberText(value: number, counts = false): string {
  if (Number.isNaN(value)) return NONE;
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size >= 1000) return signed(Math.round(value).toLocaleString("en"));
  if (counts || size >= 10) return signed(value.toFixed(1));
  if (size >= 0.1 || value === 0) return signed(value.toFixed(3));
  return signed(size >= 1e-4 ? String(Number(value.toPrecision(2))) : value.toExponential(1));
}

/** A true minus; never "−0.000". */
const signed = (text: string): string => (/^-[0.]*$/.test(text) ? text.slice(1) : text.replace("-", "−"));

export function intervalText(low: number, high: number, counts = false): string {
  if (Number.isNaN(low) || Number.isNaN(high)) return "no interval";
  return `[${numberText(low, counts)}, ${numberText(high, counts)}]`;
}

export const exact = (value: number): string =>
  Number.isNaN(value) ? NONE : signed(String(Number(value.toPrecision(4))));

export const MARKS: Record<Verdict, string> = { better: "▲", worse: "▼", differs: "≠", "": "" };

/** One number of one SAE for a screen reader. */
export function spoken(metric: Metric, value: Value, name: string): string {
  return `${metric.label}${name ? ` of ${name}` : ""}: ${numberText(value.value, metric.count)}, ${intervalText(value.low, value.high, metric.count)}`;
}

/** How an SAE compares with the chosen one; null where nothing is known. */
export function differenceText(data: ReportData, metric: number, sae: number, than: number): string | null {
  const found = sae === than ? null : difference(data, metric, sae, than);
  if (!found) return null;
  const sign = found.value > 0 ? "+" : "";
  const how = found.paired ? "same documents" : "unpaired";
  return `${sign}${numberText(found.value)} ${intervalText(found.low, found.high)}, ${how}`;
}

export const plural = (n: number, one: string, many = `${one}s`): string =>
  `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
