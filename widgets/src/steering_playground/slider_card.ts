/** One vector or latent: its strength as a slider and as a number, where and how it is applied, what it adds. */

import { button, div, fillSelect, h, Scope, setAttrs } from "../shared/dom.js";
import { percent, sig4, signed4 } from "../shared/format.js";
import { tip } from "../shared/tips.js";
import { visible } from "../shared/tokens.js";
import { facts } from "../shared/tooltip.js";
import { type Layer, marksOf, type Operator, type Setting, type Slider, shareOf } from "./data.js";
import { placeMarks } from "./marks.js";

export interface CardEvents {
  set(change: Partial<Setting>): void;
  choose(): void;
  remove(): void;
}

export interface CardProps {
  slider: Slider;
  setting: Setting;
  operators: readonly Operator[];
  /** Share of the residual norm that the last run measured with this very setting; null = none. */
  measured: number | null;
  /** What the share means. */
  hint: string;
  selected: boolean;
  enabled: boolean;
}

export interface SliderCard {
  node: HTMLElement;
  update(props: CardProps): void;
  destroy(): void;
}

/** What a mark of some kind stands for. */
const ABOUT: Record<string, string> = {
  choice: "what the sweep chose",
  norm: "adds as much as the residual stream itself is long",
};

/** What a slider adds, in words. */
export function shareText(slider: Slider, setting: Setting, measured: number | null): string {
  if (setting.muted) return "muted";
  const share = shareOf(slider, setting);
  if (setting.strength === 0 && setting.operator === "add") return "adds nothing";
  if (share !== null) return `adds ${percent(share)} of the residual norm`;
  return measured === null ? "" : `added ${percent(measured)} of the residual norm`;
}

/** Layers at which the vector can act; "all" where an operator can take several. */
export function layersOf({ layers }: Slider, { operator }: Setting): Layer[] {
  return layers.length > 1 && operator !== "set" && operator !== "scale" ? [...layers, "all"] : layers;
}

function layerText({ quality }: Slider, layer: Layer): string {
  const auc = quality.find((each) => each.layer === layer)?.auc;
  return layer === "all" ? "all layers" : auc == null ? String(layer) : `${layer} · AUC ${auc.toFixed(2)}`;
}

const shown = (value: number) => String(Number(value.toPrecision(6)));

export function sliderCard(name: string, events: CardEvents): SliderCard {
  const scope = new Scope();
  const title = button(visible(name), { class: "inb-steer-name" });
  const mute = button("Mute", { "aria-pressed": "false", title: `Leave ${name} out, its strength kept` });
  const remove = button("×", { class: "inb-icon-button", "aria-label": `remove ${name}`, title: "Remove it" });
  const range = h("input", { type: "range", class: "inb-steer-range", "aria-label": `strength of ${name}` });
  const number = h("input", {
    type: "text",
    inputmode: "decimal",
    autocomplete: "off",
    class: "inb-steer-number",
    "aria-label": `strength of ${name}, typed`,
    title: "Any number, also beyond the slider; arrows change it",
  });
  const marks = h("div", { class: "inb-steer-marks", "aria-hidden": "true" });
  const layer = h("select", { "aria-label": `layer of ${name}` });
  const operator = h("select", { "aria-label": `how ${name} is applied` });
  const share = h("output", { class: "inb-steer-share" });
  const note = h("p", { class: "inb-hint inb-steer-note" });
  const node = h(
    "li",
    { class: "inb-steer", "data-name": name },
    div("inb-steer-head", title, mute, remove),
    div("inb-steer-row", div("inb-steer-track", range, marks), number),
    div("inb-steer-foot", h("label", {}, "layer ", layer), operator, share),
    note,
  );
  let props: CardProps | undefined;
  let drawnMarks = "";

  const set = (strength: number): void => events.set({ strength });
  scope.listen(range, "input", () => set(Number(range.value)));
  scope.listen(number, "input", () => {
    const value = number.value.trim().replace("−", "-");
    const fine = value !== "" && Number.isFinite(Number(value));
    setAttrs(number, { "aria-invalid": fine ? undefined : "true" });
    if (fine) set(Number(value));
  });
  scope.listen(number, "blur", () => {
    if (!props) return;
    number.removeAttribute("aria-invalid");
    number.value = shown(props.setting.strength);
  });
  scope.listen<KeyboardEvent>(number, "keydown", (event) => {
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!step || !props) return;
    event.preventDefault();
    set(Number((props.setting.strength + step * Number(range.step)).toPrecision(6)));
    number.value = shown(props.setting.strength);
  });
  scope.listen(marks, "click", (event) => {
    const value = (event.target as Element).closest<HTMLElement>("[data-value]")?.dataset.value;
    if (value !== undefined && props?.enabled) set(Number(value));
  });
  scope.listen(mute, "click", () => events.set({ muted: !props?.setting.muted }));
  scope.listen(layer, "change", () => events.set({ layer: layer.value === "all" ? "all" : Number(layer.value) }));
  scope.listen(operator, "change", () => {
    if (!props) return;
    const next = { ...props.setting, operator: operator.value };
    const first = props.slider.layers[0] ?? 0;
    const fits = layersOf(props.slider, next).includes(next.layer);
    events.set({ operator: next.operator, layer: fits ? next.layer : (props.slider.choice?.layer ?? first) });
  });
  scope.listen(title, "click", events.choose);
  scope.listen(remove, "click", events.remove);
  tip(title, () => (props ? aboutTip(props.slider) : []));

  const drawMarks = ({ slider, setting }: CardProps): void => {
    const all = marksOf(slider, setting);
    const key = JSON.stringify([all, slider.range]);
    if (key === drawnMarks) return;
    drawnMarks = key;
    node.classList.toggle(
      "inb-has-above",
      all.some(({ kind }) => kind in ABOUT),
    );
    marks.replaceChildren(
      ...placeMarks(all, ...slider.range).map(({ value, at, above, text, kind, label }) => {
        const where = above ? "inb-steer-mark inb-above" : "inb-steer-mark";
        const about = ABOUT[kind] ?? label;
        const attrs = { class: where, "data-value": value, "data-kind": kind, title: `${about}: ${signed4(value)}` };
        const mark = h("span", attrs, text);
        mark.style.setProperty("--at", String(at));
        return mark;
      }),
    );
  };

  return {
    node,
    update(next) {
      props = next;
      const { slider, setting, operators, measured, selected, enabled } = next;
      const [low, high] = slider.range;
      const { strength, muted } = setting;
      const at = (value: number) => Math.min(1, Math.max(0, (value - low) / (high - low || 1)));
      setAttrs(range, { min: low, max: high, step: slider.step });
      if (Number(range.value) !== strength) range.value = String(strength);
      // What is being typed stays: "0." is on its way to a number.
      const typing =
        number === number.ownerDocument.activeElement && Number(number.value.replace("−", "-")) === strength;
      if (!typing && number.getAttribute("aria-invalid") !== "true") number.value = shown(strength);
      const [from, to] = [at(Math.min(0, strength)), at(Math.max(0, strength))];
      range.style.setProperty("--from", String(from));
      range.style.setProperty("--to", String(to));
      node.dataset.side = strength < 0 ? "down" : "up";
      node.classList.toggle("inb-muted", muted);
      node.classList.toggle("inb-chosen", selected);
      setAttrs(title, { "aria-pressed": String(selected) });
      setAttrs(mute, { "aria-pressed": String(muted), disabled: !enabled });
      mute.textContent = muted ? "Muted" : "Mute";
      remove.hidden = !slider.removable || !enabled;
      fillSelect(layer, layersOf(slider, setting).map(String), String(setting.layer));
      for (const option of layer.options) {
        option.textContent = layerText(slider, option.value === "all" ? "all" : Number(option.value));
      }
      fillSelect(operator, slider.operators, setting.operator);
      for (const option of operator.options) {
        option.textContent = operators.find(({ name: each }) => each === option.value)?.label ?? option.value;
      }
      operator.title = operators.find(({ name: each }) => each === setting.operator)?.hint ?? "";
      for (const control of [range, number, layer, operator]) setAttrs(control, { disabled: !enabled });
      const said = shareText(slider, setting, measured);
      share.textContent = said;
      share.title = next.hint;
      note.textContent = slider.note;
      note.hidden = !slider.note;
      const known = shareOf(slider, setting);
      share.classList.toggle("inb-too-much", known !== null && known > 1 && !muted);
      setAttrs(range, { "aria-valuetext": said ? `${sig4(strength)}, ${said}` : sig4(strength) });
      drawMarks(next);
    },
    destroy() {
      scope.dispose();
      node.remove();
    },
  };
}

function aboutTip({ about, site, quality, choice }: Slider): Node[] {
  const best = quality.map(({ layer, auc, low, high }): [string, string] => [
    `layer ${layer}`,
    auc === null
      ? "AUC unknown"
      : `AUC ${sig4(auc)}${low === null || high === null ? "" : ` [${sig4(low)}, ${sig4(high)}]`}`,
  ]);
  const swept: [string, string][] = choice
    ? [["sweep's choice", `${sig4(choice.strength)} at layer ${choice.layer}`]]
    : [];
  return [div("", visible(about)), facts([["site", site], ...swept, ...best])];
}
