/** Colours of everything but the data: CSS variables on the page, plain values in files and on canvases. */

import type { Theme } from "./scale.js";

export interface Ink {
  text: string;
  /** Ordinary labels. */
  soft: string;
  /** Secondary labels. */
  muted: string;
  line: string;
  surface: string;
  background: string;
  accent: string;
}

export const PAGE_INK: Ink = {
  text: "var(--inb-text)",
  soft: "var(--inb-soft)",
  muted: "var(--inb-muted)",
  line: "var(--inb-line)",
  surface: "var(--inb-surface)",
  background: "var(--inb-background)",
  accent: "var(--inb-accent)",
};

/** Exported files are figures: always dark on white, whatever the page's theme. */
export const FILE_INK: Ink = {
  text: "#16181b",
  soft: "#3a3e44",
  muted: "#666b73",
  line: "#c9ccd1",
  surface: "#f1f2f4",
  background: "#ffffff",
  accent: "#b7791f",
};

const DARK_INK: Ink = {
  text: "#f0f1f3",
  soft: "#c9ccd1",
  muted: "#9a9fa7",
  line: "#55585e",
  surface: "#2a2c30",
  background: "#17181a",
  accent: "#e0a84a",
};

/** For canvases, which know no CSS variables. */
export function plainInk(theme: Theme): Ink {
  return theme === "dark" ? DARK_INK : FILE_INK;
}
