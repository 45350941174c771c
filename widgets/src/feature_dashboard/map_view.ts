/** All latents as points: near ones write in like directions. Click chooses, drawing a box limits the list. */

import { Question } from "../shared/ask.js";
import type { Bridge } from "../shared/bridge.js";
import { button, div, guarded, h, Scope, setAttrs, span } from "../shared/dom.js";
import { plainInk } from "../shared/ink.js";
import { ramp, type Theme } from "../shared/scale.js";
import { tip } from "../shared/tips.js";
import { facts } from "../shared/tooltip.js";
import { type ArraySpec, RequestError } from "../shared/types.js";
import { type Columns, type DashboardMeta, FLAG, latentOf, replyArray, rowOf, type Texts } from "./data.js";
import { cellText } from "./list.js";
import { type Methods, mapKinds } from "./map_kinds.js";
import { type Box, extentOf, nearest, placer, rowsIn } from "./map_places.js";
import { keyParts, shadesOf } from "./map_shades.js";

export interface MapProps {
  meta: DashboardMeta;
  columns: Columns;
  texts: ReadonlyMap<number, Texts>;
  /** The rows of the list, which are drawn strong. */
  listed: Int32Array;
  /** Whether the list is limited to the box. */
  boxed: boolean;
  latent: number;
  theme: Theme;
  width: number;
}

export interface MapEvents {
  choose(latent: number): void;
  box(rows: Set<number> | null): void;
  say(text: string): void;
}

export interface MapView {
  node: HTMLElement;
  update(props: MapProps): void;
  destroy(): void;
}

interface MapReply {
  method: string;
  note: string;
  methods: Methods;
  arrays: Record<string, ArraySpec>;
}

const HEIGHT = 420;
const NEAR = 14;
/** Milliseconds: UMAP takes minutes for tens of thousands of latents. */
const PATIENCE = 1_800_000;

export function mapView(home: EventTarget, bridge: Bridge, events: MapEvents): MapView {
  const scope = new Scope(home);
  const question = new Question(bridge);
  const color = h("select", { "aria-label": "color by" });
  const kinds = mapKinds();
  const zoom = button("Zoom in", { hidden: true, title: "Look at the box alone" });
  const out = button("Whole map", { hidden: true });
  const note = span("inb-hint");
  const canvas = h("canvas", {
    class: "inb-map",
    tabindex: 0,
    role: "application",
    "aria-label": "map of latents: arrows go to the next latent in a direction",
  });
  const key = div("inb-ramp-key");
  const node = div(
    "inb-map-panel",
    div("inb-toolbar", kinds.node, h("label", {}, "color", color), zoom, out, note),
    canvas,
    key,
  );
  let props: MapProps | undefined;
  let xy: ArrayLike<number> | null = null;
  let asked: DashboardMeta | null = null;
  let view: Box | null = null;
  let box: Box | null = null;
  let drag: { x: number; y: number; to: [number, number] } | null = null;
  let hover = -1;

  async function ask(): Promise<void> {
    note.textContent = kinds.isNew() ? "Laying out the map, which may take minutes …" : "Reading the directions …";
    try {
      const reply = await question.ask<MapReply>("map", { method: kinds.select.value, store: 0 }, 0, PATIENCE);
      if (!reply) return;
      const { result, buffers } = reply;
      xy = replyArray(result.arrays, buffers, "xy");
      if (kinds.isNew()) view = box = null;
      kinds.offer(result.methods, result.method);
      note.textContent = result.note;
      draw();
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      kinds.goBack();
      note.textContent = error.message;
    }
  }

  function draw(): void {
    if (!props || !xy) return;
    const now = props;
    const { theme, width, columns } = now;
    const ratio = globalThis.devicePixelRatio || 1;
    const height = Math.min(HEIGHT, Math.max(240, width * 0.62));
    setAttrs(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
    const shade = shadesOf(
      now.meta.columns.find(({ name }) => name === color.value),
      columns,
    );
    key.replaceChildren(...keyParts(shade, theme));
    zoom.hidden = !box;
    out.hidden = !view;
    const context = canvas.getContext("2d");
    if (!context) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const ink = plainInk(theme);
    const colors = ramp("sequential", theme);
    const place = placer(view ?? extentOf(xy), width, height);
    const listed = new Uint8Array(columns.n);
    for (const row of now.listed) listed[row] = 1;
    const r = columns.n > 20_000 ? 1.2 : columns.n > 3000 ? 1.8 : 2.6;
    const dot = (row: number, size: number): void => {
      const [x, y] = place.to(xy?.[2 * row] ?? Number.NaN, xy?.[2 * row + 1] ?? Number.NaN);
      context.beginPath();
      context.arc(x, y, size, 0, 2 * Math.PI);
    };
    // What the list leaves out lies below, faint.
    for (const strong of [0, 1]) {
      for (let row = 0; row < columns.n; row++) {
        if (listed[row] !== strong) continue;
        const share = shade?.at(row) ?? 0.6;
        // The palest part of the map would be lost on the page.
        const at = Number.isNaN(share) ? 0.2 : 0.28 + 0.72 * Math.max(0, Math.min(1, share));
        context.globalAlpha = strong ? 0.85 : 0.5;
        context.fillStyle = strong ? (colors[Math.round(at * (colors.length - 1))] ?? ink.muted) : ink.line;
        dot(row, strong ? r : Math.min(r, 1.4));
        context.fill();
      }
    }
    context.globalAlpha = 1;
    const ring = (row: number, style: string, size: number): void => {
      if (row < 0) return;
      context.strokeStyle = style;
      context.lineWidth = 2;
      dot(row, size);
      context.stroke();
    };
    ring(hover, ink.text, r + 3);
    const chosen = rowOf(columns, now.latent);
    ring(chosen, ink.accent, r + 5);
    if (box) {
      const [left, top] = place.to(box.x0, box.y1);
      const [right, bottom] = place.to(box.x1, box.y0);
      context.strokeStyle = ink.text;
      context.lineWidth = 1;
      context.setLineDash([4, 3]);
      context.strokeRect(left, top, right - left, bottom - top);
      context.setLineDash([]);
    }
  }

  const placeOf = (event: PointerEvent | MouseEvent): [number, number] => {
    const bounds = canvas.getBoundingClientRect();
    return [event.clientX - bounds.left, event.clientY - bounds.top];
  };
  const places = () => placer(view ?? extentOf(xy ?? []), canvas.clientWidth, canvas.clientHeight);
  const name = (row: number): string => {
    if (!props) return "";
    const latent = latentOf(props.columns, row);
    const text = props.texts.get(latent);
    return `${latent} ${text?.label || text?.words || ""}`;
  };

  const said = (row: number): Node[] => {
    if (row < 0 || !props) return [];
    const density = props.meta.columns.find((column) => column.name === "density");
    const rows: [string, Node | string][] = [["latent", h("strong", {}, name(row))]];
    if (density) rows.push(["density", cellText(density, props.columns, row)]);
    if ((props.columns.flags[row] ?? 0) & FLAG.dead) rows.push(["", "dead"]);
    return [facts(rows)];
  };

  scope.listen<PointerEvent>(canvas, "pointerdown", (event) => {
    const [x, y] = placeOf(event);
    drag = { x, y, to: [x, y] };
    canvas.setPointerCapture?.(event.pointerId);
  });
  scope.listen<PointerEvent>(canvas, "pointermove", (event) => {
    if (!xy || !props) return;
    const [x, y] = placeOf(event);
    const place = places();
    if (drag) {
      drag.to = [x, y];
      if (Math.hypot(x - drag.x, y - drag.y) < 5) return;
      const [ax, ay] = place.from(drag.x, drag.y);
      const [bx, by] = place.from(x, y);
      box = { x0: Math.min(ax, bx), x1: Math.max(ax, bx), y0: Math.min(ay, by), y1: Math.max(ay, by) };
      hover = -1;
      draw();
      return;
    }
    const row = nearest(xy, place.to, x, y, NEAR);
    if (row !== hover) {
      hover = row;
      draw();
    }
  });
  scope.listen<PointerEvent>(canvas, "pointerup", (event) => {
    const from = drag;
    drag = null;
    if (!from || !xy || !props) return;
    const [x, y] = placeOf(event);
    if (Math.hypot(x - from.x, y - from.y) >= 5 && box) return events.box(rowsIn(xy, box));
    const row = nearest(xy, places().to, x, y, NEAR);
    if (row >= 0) events.choose(latentOf(props.columns, row));
    else if (box) {
      box = null;
      events.box(null);
    }
  });
  scope.listen(canvas, "pointerleave", () => {
    hover = -1;
    draw();
  });
  tip(canvas, () => said(hover));
  scope.listen<KeyboardEvent>(canvas, "keydown", (event) => {
    const ways: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    const way = ways[event.key];
    if (!way || !xy || !props) return;
    event.preventDefault();
    const points = xy;
    const place = places().to;
    const from = Math.max(0, rowOf(props.columns, props.latent));
    const at = (row: number) => place(points[2 * row] ?? 0, points[2 * row + 1] ?? 0);
    const [x, y] = at(from);
    const row = nearest(points, place, x, y, 1e6, (other) => {
      const [ox, oy] = at(other);
      const along = (ox - x) * way[0] + (oy - y) * way[1];
      return other === from || along <= 0 || along < Math.abs((ox - x) * way[1] + (oy - y) * way[0]);
    });
    if (row < 0) return;
    events.choose(latentOf(props.columns, row));
    events.say(name(row));
  });
  scope.listen(color, "change", draw);
  scope.listen(kinds.select, "change", guarded(home, ask));
  scope.listen(zoom, "click", () => {
    view = box;
    box = null;
    draw();
  });
  scope.listen(out, "click", () => {
    view = null;
    draw();
  });

  return {
    node,
    update(next) {
      const first = !props;
      if (props?.boxed && !next.boxed) box = null;
      props = next;
      if (first) {
        const named = next.meta.columns.filter(({ kind }) => kind === "number" || kind === "share");
        color.replaceChildren(...named.map(({ name: value, label }) => h("option", { value }, label ?? value)));
        color.value = named.some(({ name: value }) => value === "density") ? "density" : (named[0]?.name ?? "");
      }
      if (!asked || asked.n_rows !== next.meta.n_rows || asked.subject !== next.meta.subject) {
        asked = next.meta;
        guarded(home, ask)();
      }
      draw();
    },
    destroy() {
      question.stop();
      scope.dispose();
    },
  };
}
