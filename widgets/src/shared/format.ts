/** Numbers as the views print them. Kernel numbers stay numbers until here. */

import { format } from "d3-format";

const plain = format(".4g");
const signed = format("+.4g");
const hundredths = format("+.2f");
const si = format(".3~s");
/** Between a number and its unit: no line may end there. */
export const SPACE = "\u00a0";

function special(value: number): string | null {
  if (Number.isNaN(value)) return "undefined";
  if (value === Number.POSITIVE_INFINITY) return "+∞";
  if (value === Number.NEGATIVE_INFINITY) return "−∞";
  return null;
}

/** Four significant digits. */
export function sig4(value: number): string {
  return special(value) ?? plain(value === 0 ? 0 : value);
}

/** Four significant digits with the sign always shown; zero has none. */
export function signed4(value: number): string {
  return special(value) ?? (value === 0 ? plain(0) : signed(value));
}

/** Two decimals with the sign, for short lists beside which the exact number can be had. */
export function signed2(value: number): string {
  return special(value) ?? hundredths(value);
}

/** A limit for legends and inputs: as short as it can be. */
export function short(value: number): string {
  return special(value) ?? format(".3~g")(value);
}

/** A probability for a bar: "87 %", "0.3 %", "< 0.1 %". */
export function percent(value: number): string {
  const hundred = value * 100;
  if (hundred > 0 && hundred < 0.1) return "< 0.1 %";
  return `${hundred >= 9.95 ? hundred.toFixed(0) : hundred.toFixed(1)} %`;
}

/** "1.25 M": a count with three digits and its unit; what is below a thousand as it is. */
export function count(value: number): string {
  if (value < 1000) return String(Math.round(value));
  // Giga is said of bytes; of tokens one says billions.
  return si(value).replace(/([A-Zµ-ž])$/i, (unit) => SPACE + (unit === "G" ? "B" : unit));
}

/** How often a latent fires, to two digits however rare that is: "5.6 %", "0.0018 %". */
export function densityText(share: number): string {
  return `${Number((100 * share).toPrecision(2))}${SPACE}%`;
}
