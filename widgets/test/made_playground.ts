/** A playground with three vectors and one finished generation, made by hand. */

import type { PlayMeta, Run, Setting, Settings, Side, Slider } from "../src/steering_playground/data.js";

export const setting = (changes: Partial<Setting> = {}): Setting => ({
  strength: 0.5,
  muted: false,
  layer: 3,
  operator: "add",
  ...changes,
});

export const slider = (name: string, changes: Partial<Slider> = {}): Slider => ({
  name,
  kind: "vector",
  about: "mean difference of 64 pairs",
  note: "",
  site: "resid_post",
  layers: [0, 1, 3],
  norm_share: [0.02, null, 0.8],
  latent_idx: null,
  quality: [{ layer: 3, auc: 0.987, low: 0.95, high: 1 }],
  operators: ["add", "ablate", "set"],
  range: [-2, 2],
  step: 0.05,
  marks: [
    { value: -1, label: "−1", kind: "unit" },
    { value: 0, label: "0", kind: "zero" },
    { value: 1, label: "1", kind: "unit" },
    { value: 0.75, label: "sweep", kind: "choice" },
  ],
  choice: { layer: 3, strength: 0.75 },
  removable: false,
  summary: "",
  ...changes,
});

export const OPERATORS = [
  { name: "add", label: "add", hint: "Adds strength times the vector.", neutral: 0 },
  { name: "ablate", label: "remove", hint: "", neutral: 0 },
  { name: "set", label: "set latent", hint: "", neutral: null },
  { name: "scale", label: "scale latent", hint: "", neutral: 1 },
];

export const settings = (changes: Partial<Settings> = {}): Settings => ({
  prompt: "The visit was",
  sliders: {
    sentiment: setting(),
    formality: setting({ strength: 1, muted: true }),
    "latent 12": setting({ layer: 0, operator: "set" }),
  },
  positions: "all",
  n_new: 30,
  seed: 0,
  temperature: 0,
  ...changes,
});

export const side = (tokens: string[], before: (number | null)[], after: (number | null)[], finished = ""): Side => ({
  tokens,
  log_probs_baseline: before,
  log_probs_steered: after,
  finished,
});

export const run = (changes: Partial<Run> = {}): Run => ({
  run: 1,
  state: "done",
  settings: settings(),
  n_new: 30,
  step: 3,
  prompt_tokens: ["<|endoftext|>", "The", " visit", " was"],
  baseline: side([" a", " quiet", " one"], [-0.5, -1, -0.25], [-0.5, -3.34567, -0.25], "length"),
  steered: side([" a", " lovely"], [-0.5, -4], [-0.5, -0.25], "end"),
  diverges_at: 1,
  shares: [{ name: "latent 12", share: 0.42 }],
  warnings: [],
  code: "",
  ...changes,
});

export const meta = (changes: Partial<PlayMeta> = {}): PlayMeta => ({
  schema: 1,
  arrays: {},
  labels: { heading: "Steering pocket", note: "3 vectors" },
  code: "",
  summary: "",
  live: true,
  subject: "steering_playground pocket",
  sliders: [
    slider("sentiment"),
    slider("formality", { choice: null }),
    slider("latent 12", { kind: "latent", latent_idx: 12, layers: [0], norm_share: [0.3], removable: true }),
  ],
  operators: OPERATORS,
  positions: [
    { name: "all", label: "all tokens", hint: "Every token but begin-of-text." },
    { name: "generated", label: "new tokens", hint: "" },
  ],
  methods: [
    { name: "mean", label: "mean difference", hint: "" },
    { name: "pca", label: "PCA", hint: "" },
  ],
  can: { generate: true, make: true, latents: true },
  limits: { n_new: 200, n_ctx: 256, prompt_chars: 100_000, sliders: 16, pairs: 1000, top: 12 },
  offer: null,
  hints: { pairs: "One pair a line." },
  ...changes,
});

export const playground = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  _meta: meta(),
  _data: new DataView(new ArrayBuffer(0)),
  _run: run(),
  settings: settings(),
  selected: null,
  state: "done",
  progress: 1,
  error: "",
  kernel: true,
  ...changes,
});
