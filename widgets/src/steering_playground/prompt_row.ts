/** The prompt, what is set for all vectors together, and the one button that starts and stops. */

import { button, div, h, type Scope, setAttrs, span } from "../shared/dom.js";
import type { Progress } from "../shared/progress.js";
import type { JobState } from "../shared/types.js";
import type { PlayMeta, Settings } from "./data.js";

export interface PromptEvents {
  set(change: Partial<Settings>): void;
  generate(): void;
  stop(): void;
}

export interface PromptProps {
  meta: PlayMeta;
  settings: Settings;
  running: boolean;
  /** Whether the texts below were written with other settings than these. */
  changed: boolean;
  enabled: boolean;
  state: JobState;
  progress: number;
}

export interface PromptRow {
  node: HTMLElement;
  update(props: PromptProps): void;
  /** Why it could not be generated; "" = it could. */
  refuse(message: string): void;
}

interface Field {
  key: "n_new" | "seed" | "temperature";
  label: string;
  integer: boolean;
  low: number;
  high(meta: PlayMeta): number;
}

export const FIELDS: Field[] = [
  {
    key: "n_new",
    label: "tokens",
    integer: true,
    low: 1,
    high: ({ limits }) => limits.n_new,
  },
  {
    key: "temperature",
    label: "temperature",
    integer: false,
    low: 0,
    high: () => 5,
  },
  {
    key: "seed",
    label: "seed",
    integer: true,
    low: 0,
    high: () => 2 ** 31 - 1,
  },
];

/** Why a text is no value of a field; "" = it is one. */
export function fieldProblem({ label, integer, low, high }: Field, text: string, meta: PlayMeta): string {
  const value = Number(text);
  const [what, most] = [integer ? "a whole number" : "a number", high(meta)];
  if (text.trim() !== "" && Number.isFinite(value) && value >= low && value <= most && (!integer || value % 1 === 0))
    return "";
  return `${label} must be ${what} from ${low} to ${most.toLocaleString("en")}, got "${text}"`;
}

export function promptRow(scope: Scope, progress: Progress, events: PromptEvents): PromptRow {
  const prompt = h("textarea", {
    rows: 2,
    spellcheck: "false",
    "aria-label": "prompt",
    placeholder: "Type a beginning …",
    title: "Enter generates, Shift+Enter begins a new line",
  });
  const go = button("Generate", { class: "inb-button inb-primary inb-go" });
  const positions = h("select", { "aria-label": "steered positions" });
  const inputs = FIELDS.map((field) =>
    h("input", { type: "text", inputmode: "decimal", autocomplete: "off", name: field.key }),
  );
  const problem = h("p", { class: "inb-field-error", role: "alert", hidden: true });
  const note = span("inb-hint inb-changed");
  const node = div(
    "inb-ask",
    div("inb-prompt-row", prompt, go),
    problem,
    h(
      "div",
      { class: "inb-toolbar", role: "group", "aria-label": "settings" },
      h("label", {}, "steer ", positions),
      ...FIELDS.map(({ label }, i) => h("label", {}, `${label} `, inputs[i])),
      note,
      progress.node,
    ),
  );
  let props: PromptProps | undefined;
  let typed = "";

  const refuse = (message: string): void => {
    problem.textContent = message;
    problem.hidden = !message;
  };
  const press = (): void => {
    if (!props?.enabled) return;
    if (inputs.some((input) => input.getAttribute("aria-invalid"))) return;
    refuse("");
    events.generate();
  };
  scope.listen(prompt, "input", () => {
    typed = prompt.value;
    events.set({ prompt: typed });
  });
  scope.listen<KeyboardEvent>(prompt, "keydown", (event) => {
    // Enter that ends a composed character is none of ours.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    press();
  });
  scope.listen(go, "click", () => (props?.running ? events.stop() : press()));
  scope.listen(positions, "change", () => events.set({ positions: positions.value }));
  inputs.forEach((input, i) => {
    const field = FIELDS[i] as Field;
    scope.listen(input, "input", () => {
      if (!props) return;
      const wrong = fieldProblem(field, input.value, props.meta);
      setAttrs(input, { "aria-invalid": wrong ? "true" : undefined });
      refuse(wrong);
      if (!wrong) events.set({ [field.key]: Number(input.value) });
    });
    scope.listen<KeyboardEvent>(input, "keydown", (event) => {
      if (event.key === "Enter") press();
    });
  });

  return {
    node,
    refuse,
    update(next) {
      props = next;
      const { meta, settings, running, changed, enabled } = next;
      if (settings.prompt !== typed) prompt.value = typed = settings.prompt;
      // Read only and not disabled: the text of a saved page stays easy to read and to copy.
      prompt.readOnly = !enabled;
      setAttrs(prompt, { maxlength: meta.limits.prompt_chars });
      if (positions.options.length !== meta.positions.length) {
        const options = meta.positions.map(({ name, label, hint }) => h("option", { value: name, title: hint }, label));
        positions.replaceChildren(...options);
      }
      positions.value = settings.positions;
      positions.title = meta.positions.find(({ name }) => name === settings.positions)?.hint ?? "";
      inputs.forEach((input, i) => {
        const value = settings[(FIELDS[i] as Field).key];
        const typing = input === input.ownerDocument.activeElement || input.getAttribute("aria-invalid");
        if (!typing || (input.value !== "" && Number(input.value) !== value && !input.getAttribute("aria-invalid")))
          input.value = String(value);
        setAttrs(input, { disabled: !enabled, title: meta.hints[input.name] });
      });
      positions.disabled = !enabled;
      go.disabled = !enabled;
      go.textContent = running ? "Stop" : "Generate";
      go.classList.toggle("inb-primary", !running);
      setAttrs(go, { title: running ? "Stop writing" : (meta.hints.generate ?? "Enter") });
      // The button above stops: the bar has none of its own.
      progress.update(next.state, next.progress, false, { verb: "writing" });
      note.textContent = changed && !running ? "changed since: generate again" : "";
    },
  };
}
