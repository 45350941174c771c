/** The playground's part of the wire, and what can be read from it without the kernel. Pure. */

import type { Change } from "../shared/changes.js";
import { short } from "../shared/format.js";
import { niceLimit } from "../shared/scale.js";
import type { BaseMeta, JobState } from "../shared/types.js";

export type Layer = number | "all";

/** What one slider is set to. */
export interface Setting {
  strength: number;
  muted: boolean;
  layer: Layer;
  operator: string;
}

export interface Settings {
  prompt: string;
  sliders: Record<string, Setting>;
  positions: string;
  n_new: number;
  seed: number;
  temperature: number;
}

export interface Mark {
  value: number;
  label: string;
  kind: string;
}

/** What is known of a vector or latent that has a slider. */
export interface Slider {
  name: string;
  kind: "vector" | "latent";
  about: string;
  /** What one should know before using it; "" = nothing. */
  note: string;
  site: string;
  layers: number[];
  /** Of the residual norm at strength 1, for each of `layers`; null = not known. */
  norm_share: (number | null)[];
  latent_idx: number | null;
  quality: { layer: number; auc: number | null; low: number | null; high: number | null }[];
  operators: string[];
  range: [number, number];
  step: number;
  marks: Mark[];
  choice: { layer: number; strength: number } | null;
  removable: boolean;
  summary: string;
}

export interface Choice {
  name: string;
  label: string;
  hint: string;
}

export interface Operator extends Choice {
  /** The strength at which it does nothing; null = there is none. */
  neutral: number | null;
}

/** What a linked dashboard has selected. */
export interface Offer {
  latent_idx: number;
  label: string;
  name: string;
  there: boolean;
  reason: string;
}

export interface PlayMeta extends BaseMeta {
  sliders: Slider[];
  operators: Operator[];
  positions: Choice[];
  methods: Choice[];
  can: { generate: boolean; make: boolean; latents: boolean };
  limits: { n_new: number; n_ctx: number; prompt_chars: number; sliders: number; pairs: number; top: number };
  offer: Offer | null;
  hints: Record<string, string>;
}

/** A text as far as it has come; the numbers are nats, null where they are not known. */
export interface Side {
  tokens: string[];
  log_probs_baseline: (number | null)[];
  log_probs_steered: (number | null)[];
  /** "" = still coming. */
  finished: string;
}

/** The generation that runs, or that ran last. */
export interface Run {
  /** 0 = none yet. */
  run: number;
  state: JobState;
  settings: Settings | null;
  n_new: number;
  step: number;
  prompt_tokens: string[];
  baseline: Side;
  steered: Side | null;
  diverges_at: number | null;
  shares: { name: string; share: number | null }[];
  /** All there is to tell, a sentence each. */
  warnings: string[];
  code: string;
}

export interface NextToken {
  side: number;
  n: number;
  /** The likeliest of either first. */
  rows: Change[];
  kl: number | null;
  context: string;
}

export interface Selected {
  vector: number | null;
  latent_idx: number | null;
  side: 0 | 1 | null;
  token: number | null;
}

export function readSelected(value: unknown): Selected {
  const chosen = (value ?? {}) as Record<string, unknown>;
  const number = (key: string) => (typeof chosen[key] === "number" ? chosen[key] : null);
  const side = number("side");
  return {
    vector: number("vector"),
    latent_idx: number("latent_idx"),
    side: side === 0 || side === 1 ? side : null,
    token: number("token"),
  };
}

/** By how many nats steering moved each token of a text; null where that is not known. */
export function moved({ tokens, log_probs_baseline, log_probs_steered }: Side): (number | null)[] {
  return tokens.map((_, i) => {
    const [before, after] = [log_probs_baseline[i], log_probs_steered[i]];
    return before == null || after == null ? null : after - before;
  });
}

/** Beyond this a token went from likely to impossible or back, and how far no longer matters. */
const CAP = 8;

/** The colours' limit in nats, one for both texts. */
export function limitOf(run: Run): number {
  const all = [run.baseline, run.steered].flatMap((side) => (side ? moved(side) : []));
  return niceLimit(
    all.map((value) => value ?? 0),
    1,
    CAP,
  );
}

/** Operators whose share of the residual norm is known before a run: those that add the vector as it is. */
const ADDS = "add";

/** The share of the residual norm that a slider will add; null where only a run can tell. */
export function shareOf({ layers, norm_share }: Slider, { strength, layer, operator }: Setting): number | null {
  if (operator !== ADDS) return null;
  const shares = layer === "all" ? norm_share : [norm_share[layers.indexOf(layer)]];
  const known = shares.filter((share): share is number => share != null);
  return known.length ? Math.abs(strength) * Math.max(...known) : null;
}

/** Whether a slider does something at all. */
export function acts({ strength, muted, operator }: Setting, operators: readonly Operator[]): boolean {
  const neutral = operators.find(({ name }) => name === operator)?.neutral ?? null;
  return !muted && (neutral === null || strength !== neutral);
}

/** What a generation depends on, as a text: sliders that do nothing are left out. */
export function essence(settings: Settings | null, operators: readonly Operator[]): string {
  if (!settings) return "";
  const { sliders, ...rest } = settings;
  const acting = Object.entries(sliders)
    .filter(([, each]) => acts(each, operators))
    .map(([name, { strength, layer, operator }]) => [name, strength, layer, operator]);
  const fields = Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([acting.sort(), fields]);
}

/** The marks that are drawn: those of the wire, the ends and, where it is known, where it is as long as the stream. */
export function marksOf(slider: Slider, setting: Setting): Mark[] {
  const [low, high] = slider.range;
  const unit = shareOf(slider, { ...setting, strength: 1 });
  const whole = unit ? 1 / unit : null;
  const equal = whole === null ? [] : [-whole, whole].map((value) => ({ value, label: "100 %", kind: "norm" }));
  const known = new Set(slider.marks.map(({ value }) => value));
  const ends = [low, high]
    .filter((value) => !known.has(value))
    .map((value) => ({ value, label: short(value), kind: "end" }));
  return [...slider.marks, ...ends, ...equal]
    .filter(({ value }) => value >= low && value <= high)
    .sort((a, b) => a.value - b.value);
}
