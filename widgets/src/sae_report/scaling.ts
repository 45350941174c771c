/** A scaling law: the SAEs it was fitted to, its curves, and what it predicts where the sliders are. */

import { Question } from "../shared/ask.js";
import type { Bridge } from "../shared/bridge.js";
import { div, h, type Scope, span } from "../shared/dom.js";
import { count } from "../shared/format.js";
import { type Ink, PAGE_INK } from "../shared/ink.js";
import { type Shape, sizeSvg, svgRoot, toNode } from "../shared/shapes.js";
import { facts, type Tooltip } from "../shared/tooltip.js";
import { RequestError } from "../shared/types.js";
import { type Law, orNaN } from "./data.js";
import { curveAt, isStop, type Said, stopAt } from "./law.js";
import { placeOn } from "./plane.js";
import { type Place, planeOf, type ScalingProps, scalingShapes } from "./scaling_plot.js";
import { exact, intervalText } from "./words.js";

const ASK_MS = 120;

export interface ScalingView {
  node: HTMLElement;
  update(props: ScalingProps): void;
  shapes(ink: Ink): { shapes: Shape[]; width: number; height: number } | null;
  destroy(): void;
}

export function scalingView(
  scope: Scope,
  tooltip: Tooltip,
  bridge: Bridge,
  events: { place(place: Place): void; say(text: string): void; work(task: () => Promise<void>): void },
): ScalingView {
  const svg = svgRoot(10, 10, { role: "img" });
  const slider = (name: string) =>
    h("input", { type: "range", min: 0, step: 1, "aria-label": name, "data-axis": name });
  const typed = (name: string) =>
    h("input", { type: "text", inputmode: "numeric", size: 8, "aria-label": `${name}, typed` });
  const [nSlider, kSlider, nText, kText] = [slider("n"), slider("k"), typed("n"), typed("k")];
  const kPart = h("label", { class: "inb-labelled" }, "k", kSlider, kText);
  const said = h("p", { class: "inb-predicted", role: "status" });
  const note = h("p", { class: "inb-hint" });
  const hint = h("p", { class: "inb-hint" });
  const table = div("inb-law");
  const form = div("inb-place", h("label", { class: "inb-labelled" }, "n", nSlider, nText), kPart);
  const node = div("inb-scaling", div("inb-plane", svg), form, said, note, hint, table);
  const question = new Question(bridge);
  let props: ScalingProps | null = null;
  let answer: Said | null = null;
  let asked = "";
  let problem = "";

  const law = (): Law | null => props?.data.meta.scaling ?? null;
  const draw = (): void => {
    if (!props) return;
    sizeSvg(svg, props.width, props.height);
    svg.replaceChildren(...scalingShapes(props, answer, PAGE_INK).map(toNode));
    const where = answer ? `n = ${count(answer.n)}${answer.k === null ? "" : `, k = ${exact(answer.k)}`}` : "";
    said.replaceChildren(
      ...(answer
        ? [
            span("", `At ${where}: `),
            h("strong", {}, exact(answer.value)),
            ` ${intervalText(answer.low, answer.high)} for a new SAE, `,
            span("inb-mark", `${intervalText(answer.curve_low, answer.curve_high)} for the law itself`),
          ]
        : []),
    );
    note.textContent =
      problem || !answer?.extrapolates ? problem : `This goes beyond what was fitted: ${answer.extrapolates}.`;
    note.hidden = !note.textContent;
    svg.setAttribute("aria-label", said.textContent ?? "");
  };
  const move = (): void => {
    const now = law();
    const n = now?.stops.n[Number(nSlider.value)];
    if (!now || n === undefined) return;
    events.place({ n, k: now.stops.k[Number(kSlider.value)] ?? null });
  };
  const type = (): void => {
    const read = (input: HTMLInputElement) => Number(input.value.replace(/[,\s]/g, ""));
    const now = law();
    if (!now || !props) return;
    const next = { n: read(nText), k: now.law === "nk" ? read(kText) : null };
    const bad = (value: number | null) => value !== null && !(value > 0 && Number.isFinite(value));
    nText.setAttribute("aria-invalid", String(bad(next.n)));
    kText.setAttribute("aria-invalid", String(bad(next.k)));
    if (!bad(next.n) && !bad(next.k)) events.place(next);
  };
  for (const input of [nSlider, kSlider]) scope.listen(input, "input", move);
  for (const input of [nText, kText]) {
    scope.listen(input, "change", type);
    scope.listen<KeyboardEvent>(input, "keydown", (event) => {
      if (event.key === "Enter") type();
    });
  }
  scope.listen<PointerEvent>(svg, "pointermove", (event) => {
    event.stopPropagation();
    const now = law();
    if (!now || !props) return;
    const at = placeOn(planeOf(props.data, now, props.width, props.height));
    const box = svg.getBoundingClientRect();
    const far = (index: number) =>
      Math.hypot(
        at.x(orNaN(now.n[index])) - event.clientX + box.left,
        at.y(orNaN(now.loss[index])) - event.clientY + box.top,
      );
    const [best] = now.names.map((_, index) => index).sort((a, b) => far(a) - far(b));
    if (best === undefined || far(best) > 14) return tooltip.hide();
    tooltip.show(event.clientX, event.clientY, [
      h("strong", {}, now.names[best] ?? ""),
      facts([
        ["n", count(orNaN(now.n[best]))],
        ["k", exact(orNaN(now.k[best]))],
        [now.loss_label, exact(orNaN(now.loss[best]))],
      ]),
    ]);
  });
  scope.listen(svg, "pointerleave", () => tooltip.hide());

  async function ask(place: Place, key: string): Promise<void> {
    try {
      const reply = await question.ask<Said>("predict", { ...place }, ASK_MS);
      if (!reply || key !== asked) return;
      answer = reply.result;
      draw();
      events.say(said.textContent ?? "");
    } catch (error) {
      if (!(error instanceof RequestError) || key !== asked) throw error;
      problem =
        error.type === "NeedsKernel"
          ? "A saved page reads the law at the sliders' stops only; the nearest one is shown."
          : error.message;
      draw();
    }
  }

  const parameters = (now: Law): HTMLElement => {
    const rows = now.parameters.map(({ name, value, low, high, meaning }) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, name),
        h("td", {}, exact(orNaN(value))),
        h("td", { class: "inb-mark" }, intervalText(orNaN(low), orNaN(high))),
        h("td", { class: "inb-measure-says" }, meaning),
      ),
    );
    return h("table", { class: "inb-plain" }, h("tbody", {}, ...rows));
  };

  return {
    node,
    update(next) {
      const fresh = props?.data !== next.data;
      props = next;
      const now = law();
      if (!now) return;
      if (fresh) {
        nSlider.max = String(now.stops.n.length - 1);
        kSlider.max = String(now.stops.k.length - 1);
        kPart.hidden = now.law === "n";
        hint.textContent = [next.data.meta.hints.scaling ?? "", ...now.notes].join(" ");
        table.replaceChildren(
          h(
            "h5",
            {},
            now.law === "n"
              ? "L(n) = exp(α + βₙ ln n) + exp(ζ)"
              : "L(n, k) = exp(α + βₖ ln k + βₙ ln n + γ ln k ln n) + exp(ζ + η ln k)",
          ),
          div("inb-scroll", parameters(now)),
        );
        asked = "";
      }
      const { n, k } = next.place;
      const [row, at] = stopAt(now, n, k);
      nSlider.value = String(at);
      kSlider.value = String(row);
      nSlider.setAttribute("aria-valuetext", `n = ${count(n)}`);
      kSlider.setAttribute("aria-valuetext", k === null ? "" : `k = ${exact(k)}`);
      if (document.activeElement !== nText) nText.value = exact(n);
      if (document.activeElement !== kText) kText.value = k === null ? "" : exact(k);
      const key = JSON.stringify([n, k]);
      if (key !== asked) {
        asked = key;
        problem = "";
        answer = curveAt(next.data, now, row)[at] ?? null;
        if (isStop(now, n, k)) question.stop();
        else events.work(() => ask(next.place, key));
      }
      draw();
    },
    shapes(ink) {
      if (!props || !law()) return null;
      return {
        shapes: scalingShapes({ ...props, theme: "light" }, answer, ink),
        width: props.width,
        height: props.height,
      };
    },
    destroy: () => question.stop(),
  };
}
