/** Traits for tests: from the fixtures that Python writes, and small ones made here. */

import type { ArraySpec, Dtype } from "../src/shared/types.js";
import attention from "./fixtures/attention.json";
import dashboard from "./fixtures/feature_dashboard.json";
import roles from "./fixtures/head_roles.json";
import patch from "./fixtures/patch_grid.json";
import heads from "./fixtures/patch_heads.json";
import comparison from "./fixtures/sae_comparison.json";
import report from "./fixtures/sae_report.json";
import playground from "./fixtures/steering_playground.json";
import monitor from "./fixtures/train_monitor.json";

export interface Fixture {
  traits: Record<string, unknown>;
  data: string;
  replies: {
    request: { method: string; params: unknown };
    reply: { ok: boolean; result?: unknown };
    buffers: string[];
  }[];
}

export const FIXTURES = {
  patch_grid: patch,
  patch_heads: heads,
  attention,
  head_roles: roles,
  train_monitor: monitor,
  feature_dashboard: dashboard,
  steering_playground: playground,
  sae_report: report,
  sae_comparison: comparison,
} as unknown as Record<
  | "patch_grid"
  | "patch_heads"
  | "attention"
  | "head_roles"
  | "train_monitor"
  | "feature_dashboard"
  | "steering_playground"
  | "sae_report"
  | "sae_comparison",
  Fixture
>;

export function bytes(base64: string): DataView {
  const raw = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  return new DataView(raw.buffer);
}

/** Fresh traits of a fixture, with a model behind them unless `changes` say otherwise. */
export function traits(
  name: keyof typeof FIXTURES,
  changes: Record<string, unknown> = {},
  meta: object = {},
): Record<string, unknown> {
  const fixture = FIXTURES[name];
  const state = structuredClone(fixture.traits);
  return {
    ...state,
    _meta: { ...(state._meta as object), live: true, ...meta },
    _data: bytes(fixture.data),
    selected: null,
    ...changes,
  };
}

/** The recorded answer to a request of a fixture. */
export function recorded(name: keyof typeof FIXTURES, method: string): { result: unknown; buffers: DataView[] } {
  const found = FIXTURES[name].replies.find(({ request, reply }) => request.method === method && reply.ok);
  if (!found) throw new Error(`no recorded reply to ${method}`);
  return { result: found.reply.result, buffers: found.buffers.map(bytes) };
}

const WRITERS: Record<Dtype, (values: number[]) => ArrayBuffer> = {
  float32: (values) => Float32Array.from(values).buffer,
  int32: (values) => Int32Array.from(values).buffer,
  uint8: (values) => Uint8Array.from(values).buffer,
  float16: (values) => Uint16Array.from(values).buffer,
};

/** Arrays packed as Python's codec does, each offset a multiple of 8. */
export function pack(arrays: Record<string, { dtype: Dtype; shape: number[]; values: number[] }>): {
  arrays: Record<string, ArraySpec>;
  data: DataView;
} {
  const specs: Record<string, ArraySpec> = {};
  const parts: number[] = [];
  for (const [name, { dtype, shape, values }] of Object.entries(arrays)) {
    while (parts.length % 8) parts.push(0);
    specs[name] = { dtype, shape, offset: parts.length };
    parts.push(...new Uint8Array(WRITERS[dtype](values)));
  }
  return { arrays: specs, data: new DataView(Uint8Array.from(parts).buffer) };
}

export const HOSTILE = [
  '<img src=x onerror="globalThis.hacked = true">',
  "</script><script>globalThis.hacked = true</script>",
  `"'&<>`,
  "\u202eabc\u200f",
  "w".repeat(10_000),
  "\ud800",
];

/** Let promises and queued redraws run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 8; i++) await Promise.resolve();
  await new Promise((resolve) => setTimeout(resolve, 0));
}
