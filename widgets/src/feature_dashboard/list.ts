/** The list of all latents: only the rows that are seen are on the page. */

import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from "@tanstack/virtual-core";
import { div, h, type Scope, setAttrs, span } from "../shared/dom.js";
import { count, densityText, short } from "../shared/format.js";
import { visible } from "../shared/tokens.js";
import { type Column, type Columns, FLAG, latentOf, type Texts } from "./data.js";

export const ROW = 27;
const UNSEEN = { width: 300, height: 480 };
/** Latents that fire more rarely than this have no bar: one in a million. */
const RAREST = -6;

export interface ListProps {
  columns: Columns;
  rows: Int32Array;
  texts: ReadonlyMap<number, Texts>;
  /** Counts up when texts change. */
  version: number;
  /** What the list is sorted by, whose value stands at the right. */
  column: Column;
  selected: number;
}

export interface ListEvents {
  choose(latent: number): void;
  /** Rows came into view whose texts are not here. */
  missing(latents: number[]): void;
}

export interface LatentList {
  node: HTMLElement;
  /** Names the columns; stands above the list. */
  head: HTMLElement;
  update(props: ListProps): void;
  /** Bring the row of a latent into view, if it is in the list. */
  reveal(latent: number): void;
  focus(): void;
  destroy(): void;
}

/** Length of a density's bar: powers of ten from one in a million to always. */
export function densityShare(density: number): number {
  return density > 0 ? Math.max(0.02, 1 - Math.log10(density) / RAREST) : 0;
}

export function cellText(column: Column, columns: Columns, row: number): string {
  const { name, kind } = column;
  const value = columns.numbers[kind === "number" || kind === "share" ? name : "max"]?.[row];
  if (value === undefined || Number.isNaN(value)) return "–";
  if (kind === "share") return densityText(value);
  return Math.abs(value) >= 1000 ? count(value) : short(value);
}

/** Where a key leads from row `at` of `total`, -1 = no row chosen; null = it is no key of the list. */
export function rowFor(key: string, at: number, total: number, page: number): number | null {
  const steps: Record<string, number> = {
    ArrowDown: at + 1,
    ArrowUp: at < 0 ? 0 : at - 1,
    PageDown: at + page,
    PageUp: at - page,
    Home: 0,
    End: total - 1,
  };
  const to = steps[key];
  return to === undefined || !total ? null : Math.max(0, Math.min(total - 1, to));
}

function textNode(text: Texts | undefined): HTMLElement {
  const node = span("inb-row-text");
  if (!text) node.append("…");
  else if (text.label) node.append(visible(text.label));
  else {
    node.classList.add("inb-mark");
    node.append(text.words);
  }
  return node;
}

export function latentList(scope: Scope, events: ListEvents): LatentList {
  const sheet = div("inb-list-sheet");
  const node = h("div", { class: "inb-list", role: "listbox", tabindex: 0, "aria-label": "latents" }, sheet);
  const last = span("inb-row-value");
  const head = div(
    "inb-list-head",
    span("inb-row-index", "latent"),
    span("inb-row-text", "label or tokens"),
    span("inb-list-density", "density"),
    last,
  );
  const shown = new Map<number, HTMLElement>();
  let props: ListProps | undefined;

  const virtual = new Virtualizer<HTMLElement, HTMLElement>({
    count: 0,
    getScrollElement: () => node,
    estimateSize: () => ROW,
    overscan: 8,
    scrollToFn: elementScroll,
    // Where nothing is laid out, some rows are better than none.
    observeElementRect: (list, tell) => observeElementRect(list, (rect) => tell(rect.height ? rect : UNSEEN)),
    observeElementOffset,
    onChange: () => draw(),
  });
  const unmount = virtual._didMount();

  function rowNode(index: number, now: ListProps): HTMLElement {
    const { columns, rows, texts, column } = now;
    const row = rows[index] ?? 0;
    const latent = latentOf(columns, row);
    const flags = columns.flags[row] ?? 0;
    const density = columns.numbers.density?.[row] ?? Number.NaN;
    const bar = span("inb-row-bar");
    bar.style.width = `${100 * densityShare(density)}%`;
    const known = texts.get(latent);
    const marks = [
      flags & FLAG.dead ? "dead" : "",
      flags & FLAG.dense ? "dense" : "",
      flags & FLAG.human ? "labelled by a person" : flags & FLAG.reliable ? "reliable label" : "",
    ].filter(Boolean);
    const text = textNode(known);
    const badge = flags & FLAG.human ? "✎" : flags & FLAG.reliable ? "✓" : "";
    const line = h(
      "div",
      {
        class: "inb-row",
        role: "option",
        "data-latent": latent,
        "aria-setsize": rows.length,
        "aria-posinset": index + 1,
      },
      span("inb-row-index", String(latent)),
      text,
      badge ? span("inb-row-badge", badge) : null,
      h("span", { class: "inb-row-track" }, bar),
      span("inb-row-value", cellText(column, columns, row)),
    );
    line.title = [
      known?.label,
      known?.concept,
      Number.isNaN(density) ? "" : `density ${densityText(density)}`,
      ...marks,
    ]
      .filter(Boolean)
      .join(" · ");
    if (flags & FLAG.dead) line.classList.add("inb-dim");
    line.style.transform = `translateY(${index * ROW}px)`;
    return line;
  }

  function draw(): void {
    const now = props;
    if (!now) return;
    const items = virtual.getVirtualItems();
    const wanted = new Set(items.map(({ index }) => index));
    for (const [index, line] of shown) {
      if (wanted.has(index)) continue;
      line.remove();
      shown.delete(index);
    }
    const missing: number[] = [];
    for (const { index } of items) {
      let line = shown.get(index);
      if (!line) {
        line = rowNode(index, now);
        shown.set(index, line);
        sheet.append(line);
      }
      const latent = Number(line.dataset.latent);
      const chosen = latent === now.selected;
      setAttrs(line, { "aria-selected": chosen ? "true" : "false" });
      if (!now.texts.has(latent)) missing.push(latent);
    }
    if (missing.length) events.missing(missing);
  }

  const placeOf = (latent: number): number => {
    if (!props) return -1;
    const { columns, rows } = props;
    for (let i = 0; i < rows.length; i++) if (latentOf(columns, rows[i] ?? -1) === latent) return i;
    return -1;
  };
  scope.listen<MouseEvent>(sheet, "click", (event) => {
    const line = (event.target as Element).closest<HTMLElement>("[data-latent]");
    if (line) events.choose(Number(line.dataset.latent));
  });
  scope.listen<KeyboardEvent>(node, "keydown", (event) => {
    if (!props || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(node.clientHeight / ROW) - 1);
    const to = rowFor(event.key, placeOf(props.selected), props.rows.length, page);
    if (to === null) return;
    event.preventDefault();
    events.choose(latentOf(props.columns, props.rows[to] ?? 0));
  });

  return {
    node,
    head,
    update(next) {
      const { kind, label, name } = next.column;
      last.textContent = kind === "number" || kind === "share" ? (label ?? name) : "max";
      const same = props && props.rows === next.rows && props.version === next.version && props.column === next.column;
      if (props && props.rows !== next.rows) node.scrollTop = 0;
      props = next;
      if (!same) {
        for (const line of shown.values()) line.remove();
        shown.clear();
      }
      sheet.style.height = `${next.rows.length * ROW}px`;
      virtual.setOptions({ ...virtual.options, count: next.rows.length });
      virtual._willUpdate();
      draw();
    },
    reveal(latent) {
      const at = placeOf(latent);
      if (at >= 0) virtual.scrollToIndex(at, { align: "auto" });
    },
    focus: () => node.focus(),
    destroy: () => unmount(),
  };
}
