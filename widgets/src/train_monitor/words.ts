/** Tokens, times and readings in words. Pure. */

import { format } from "d3-format";
import { count, densityText, SPACE, sig4 } from "../shared/format.js";
import { type Change, type RunData, type RunMeta, reading, type SaeData, type Series, type Status } from "./data.js";

const lean = format(".4~g");

export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours) return `${hours}${SPACE}h ${minutes}${SPACE}min`;
  return minutes ? `${minutes}${SPACE}min ${whole % 60}${SPACE}s` : `${whole}${SPACE}s`;
}

/** How far, how fast, how long still. */
export function paceText(status: Status): string {
  const parts = [`${count(status.tokens)} of ${count(status.n_tokens)} tokens`];
  if (status.filling !== null) return `filling the buffer, ${percentTick(Math.floor(100 * status.filling) / 100)}`;
  if (status.tokens_per_second !== null) parts.push(`${count(status.tokens_per_second)} tokens/s`);
  if (status.seconds_left !== null && status.state === "running") parts.push(`${duration(status.seconds_left)} left`);
  return parts.join(" · ");
}

/** What is said of a run that is over; "" while it goes on. */
export function endText(status: Status): string {
  if (["running", "paused", "pending"].includes(status.state)) return "";
  return [status.state, `${count(status.tokens)} tokens`, `step ${status.step.toLocaleString("en")}`, status.reason]
    .filter(Boolean)
    .join(" · ");
}

/** A value of a quantity, exact to four digits; counts of latents and shares too. */
export function valueText(value: number): string {
  return sig4(value);
}

/** What an SAE's curve says at a bucket: the value and, if asked, where it was measured if that was earlier. */
export function readingText(sae: SaeData, row: number, index: number, where = true): string {
  const curve = sae.curves[row];
  const found = curve && reading(curve, index);
  if (!found) return "–";
  const text = valueText(found.value);
  return found.index === index || !where ? text : `${text} (at ${count(sae.tokens[found.index] ?? 0)})`;
}

/** Lowest to highest of a bucket that holds several records, or "". */
export function rangeText(sae: SaeData, row: number, index: number): string {
  const curve = sae.curves[row];
  const low = curve?.low[index] ?? Number.NaN;
  const high = curve?.high[index] ?? Number.NaN;
  return sae.merged && low < high ? `${sig4(low)} to ${sig4(high)}` : "";
}

export function placeText(sae: SaeData, index: number): string {
  const step = Number(sae.steps[index] ?? 0).toLocaleString("en");
  return `step ${step} · ${Math.round(sae.tokens[index] ?? 0).toLocaleString("en")} tokens`;
}

/** One moment of one SAE for a screen reader. */
export function describeMoment(series: readonly Series[], sae: SaeData, index: number): string {
  const values = series.map(({ label }, row) => `${label} ${readingText(sae, row, index)}`);
  return `${sae.name}, ${placeText(sae, index)}: ${values.join(", ")}`;
}

export function changeText(data: RunData, change: Change): string {
  const all = change.saes.length === data.saes.length;
  const of = all ? "" : `, ${change.saes.map((sae) => data.saes[sae]?.name ?? "").join(", ")}`;
  const value = (number: number | null) => (number === null ? "…" : lean(number));
  return `${change.label} ${value(change.old)} → ${value(change.new)}${of}`;
}

/** Whose advice it is, and how many others have some. */
export function adviceTitle({ saes }: RunMeta, sae: number): string {
  const others = saes.filter((each, index) => index !== sae && each.advice.length).length;
  const of = saes.length > 1 ? ` for ${saes[sae]?.name ?? ""}` : "";
  const more = others ? ` (${others} ${others === 1 ? "other has" : "others have"} some, choose it above)` : "";
  return `Advice${of}${more}`;
}

/** The densities of one bin; -1 = the latents that never fired. */
export function binText(data: RunData, sae: number, bin: number): string {
  const { edges } = data.meta;
  const one = data.saes[sae];
  const latents = (number: number) => `${number.toLocaleString("en")} ${number === 1 ? "latent" : "latents"}`;
  if (bin < 0) return `never fired: ${latents(one?.neverFired ?? 0)}`;
  const share = (edge: number) => densityText(10 ** (edges[edge] ?? 0));
  return `on ${share(bin)} to ${share(bin + 1)} of tokens: ${latents(one?.density[bin] ?? 0)}`;
}

/** A share on an axis: "20 %". */
export function percentTick(share: number): string {
  return `${Number((100 * share).toPrecision(3))}${SPACE}%`;
}
