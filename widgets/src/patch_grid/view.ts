/** The patch grid: grid, legend, predictions, pins, editing; one instance per view of the model. */

import { gridFigure } from "../grid/figure.js";
import type { CellAt } from "../grid/layout.js";
import { legendView } from "../grid/legend_view.js";
import { presentClasses } from "../grid/present.js";
import { drawGrid, type GridProps } from "../grid/view.js";
import { codePanel } from "../shared/code_panel.js";
import type { Bytes } from "../shared/decode.js";
import type { Context, View } from "../shared/define.js";
import { h } from "../shared/dom.js";
import { fileName, saveBlob, saveText, svgToPng } from "../shared/download.js";
import { exportButtons } from "../shared/export_buttons.js";
import { kernelHint } from "../shared/hints.js";
import { measureText } from "../shared/measure.js";
import { progressBar } from "../shared/progress.js";
import { diverging, niceLimit, type Theme } from "../shared/scale.js";
import { type JobState, RequestError } from "../shared/types.js";
import { describe, type PatchData, type PatchMeta, patchCsv, readPatch } from "./data.js";
import { editPanel } from "./edit_panel.js";
import { pinList, sameCell, togglePin } from "./pins.js";
import { predictionPanel } from "./prediction.js";
import { cellTooltip } from "./tip.js";
import { toolbar } from "./toolbar.js";

const WIDE = 900;
const SIDE = 388;

interface Selected {
  layer: number;
  pos: number;
}

function readSelected(value: unknown, data: PatchData): CellAt | null {
  const chosen = value as Partial<Selected> | null;
  const row = chosen?.layer;
  const column = chosen?.pos;
  if (typeof row !== "number" || typeof column !== "number") return null;
  return row >= 0 && row < data.rows && column >= 0 && column < data.columns ? { row, column } : null;
}

export function mountPatchGrid({ model, bridge, sync, frame }: Context): View {
  const { scope, body, tooltip } = frame;
  let data: PatchData | undefined;
  let dataKey: unknown[] = [];
  let version = 0;
  let selected: CellAt | null = null;
  let pins: CellAt[] = [];
  let limit: number | null = null;

  const select = (cell: CellAt | null): void => {
    sync.write("selected", cell && { layer: cell.row, pos: cell.column });
    if (cell && data) frame.say(describe(data, cell));
    update();
  };
  const setPins = (next: CellAt[]): void => {
    pins = next;
    update();
  };
  const compute = async (): Promise<void> => {
    edit.showError(null);
    try {
      await bridge.request("recompute", { inputs: edit.inputs(), ...bar.choices() });
    } catch (error) {
      edit.showError({ type: error instanceof RequestError ? error.type : "Error", message: (error as Error).message });
      update();
    }
  };
  const control = (action: string): void => {
    bridge.request("control", { action }).catch((error: unknown) => frame.report(error));
  };

  // Beside the grid stands the side panel where the widget is wide (the same limit as in style.css).
  const room = (): number => {
    const width = body.clientWidth || 720;
    return width >= WIDE ? width - SIDE : width;
  };
  const grid = drawGrid(
    {
      hover(cell, event) {
        if (cell && event && data) tooltip.show(event.clientX, event.clientY, cellTooltip(data, cell));
        else tooltip.hide();
      },
      click(cell) {
        pins = togglePin(pins, cell);
        select(cell);
      },
      key(action) {
        if (action.kind === "move") select(action.to);
        else if (action.kind === "clear") select(null);
        else if (selected) setPins(togglePin(pins, selected));
      },
    },
    body,
    room,
  );
  const legend = legendView(scope, (next) => {
    limit = next;
    update();
  });
  const edit = editPanel(scope, bridge, compute);
  const code = codePanel(scope);
  const figure = () =>
    gridFigure(props("light"), title(), data?.meta.units ?? "", Math.min(900, body.clientWidth || 720), measureText);
  const name = (ending: string) =>
    `${fileName("patch_grid", data?.meta.labels.site ?? "", data?.meta.labels.metric ?? "")}.${ending}`;
  const files = exportButtons(
    scope,
    {
      PNG: async () => {
        const { svg, width, height } = figure();
        saveBlob(await svgToPng(svg, width, height), name("png"));
      },
      SVG: () => saveText(figure().svg, "image/svg+xml", name("svg")),
      CSV: () => data && saveText(patchCsv(data), "text/csv", name("csv")),
    },
    (error) => frame.strip.show(String(error)),
  );
  const bar = toolbar(scope, [edit.toggle, code.toggle, files], compute);
  const progress = progressBar(scope, control);
  const predictions = predictionPanel(bridge);
  const pinned = pinList(scope, { select, remove: (cell) => setPins(pins.filter((pin) => !sameCell(pin, cell))) });
  const main = h("div", { class: "inb-main" }, grid.node, legend.node);
  const side = h("div", { class: "inb-side" }, predictions.node, pinned.node);
  body.append(
    bar.title,
    bar.node,
    edit.node,
    code.panel,
    progress.node,
    h("div", { class: "inb-columns" }, main, side),
  );

  const title = (): string => {
    const labels = data?.meta.labels ?? {};
    return [`Patching ${labels.site}`, labels.metric, labels.direction, labels.model].filter(Boolean).join(" · ");
  };
  const props = (theme: Theme): GridProps => {
    const now = data as PatchData;
    return {
      axes: now.axes,
      values: now.effect,
      state: now.state,
      scale: diverging(limit ?? niceLimit(now.effect), theme),
      theme,
      label: `${title()}; ${now.rows} layers by ${now.columns} positions`,
      describe: (cell) => describe(now, cell),
      selected,
      pins,
    };
  };

  function update(): void {
    const meta = model.get("_meta") as PatchMeta;
    const bytes = model.get("_data") as Bytes;
    if (meta !== dataKey[0] || bytes !== dataKey[1]) {
      const next = readPatch(meta, bytes);
      const moved = data && JSON.stringify(next.meta.inputs) !== JSON.stringify(data.meta.inputs);
      if (moved) pins = [];
      if (data?.meta !== meta) version++;
      data = next;
      dataKey = [meta, bytes];
    }
    const now = data as PatchData;
    const before = selected;
    selected = readSelected(model.get("selected"), now);
    pins = pins.filter((pin) => pin.row < now.rows && pin.column < now.columns);
    const kernel = model.get("kernel") !== false;
    const canCompute = kernel && meta.live;
    const drawn = props(frame.theme);
    bar.update(meta, canCompute, kernelHint(kernel, meta.live));
    edit.update(meta.inputs, canCompute);
    code.update(meta.code);
    progress.update(model.get("state") as JobState, Number(model.get("progress") ?? 0), kernel);
    grid.update(drawn);
    if (selected && !sameCell(before, selected)) grid.reveal(selected);
    legend.update(drawn.scale, presentClasses(drawn), meta.units, room() - 20);
    predictions.show(now, selected, String(version));
    pinned.update(now, pins);
  }

  return {
    update,
    destroy() {
      edit.destroy();
      predictions.destroy();
      grid.destroy();
    },
  };
}
