/** One contrast in the edit panel: four fields, their tokens, their errors. */

import type { Bridge } from "../shared/bridge.js";
import { button, h, Scope, setAttrs } from "../shared/dom.js";
import { Tokenizer, tokenChips } from "../shared/tokenizer.js";
import { differences } from "../shared/tokens.js";
import { alignment, FIELDS, type Field, type Row } from "./inputs.js";

export interface ContrastRow {
  node: HTMLElement;
  value(): Row;
  enable(usable: boolean, removable: boolean): void;
  /** Whether the panel is open: only then is anything tokenised. */
  active(open: boolean): void;
  error(field: Field | null, message: string): void;
  destroy(): void;
}

const LABELS: Record<Field, string> = {
  clean: "Clean prompt",
  corrupted: "Corrupted prompt",
  answer: "Answer",
  wrong: "Wrong answer",
};

interface Control {
  input: HTMLTextAreaElement | HTMLInputElement;
  chips: HTMLElement;
  box: HTMLElement;
}

function control(field: Field, value: string, row: number): Control {
  const long = field === "clean" || field === "corrupted";
  const attrs = {
    spellcheck: "false",
    autocomplete: "off",
    "aria-label": `${LABELS[field]}, contrast ${row + 1}`,
    "data-field": field,
  };
  const input = long ? h("textarea", { ...attrs, rows: 1 }) : h("input", { ...attrs, type: "text" });
  input.value = value;
  const chips = h("div", { class: "inb-chips" });
  const box = h(
    "div",
    { class: `inb-field inb-field-${field}` },
    h("span", { class: "inb-field-name" }, LABELS[field]),
    input,
    chips,
  );
  return { input, chips, box };
}

export function contrastRow(value: Row, index: number, bridge: Bridge, events: { remove(): void }): ContrastRow {
  const scope = new Scope();
  const controls = Object.fromEntries(FIELDS.map((field) => [field, control(field, value[field], index)])) as Record<
    Field,
    Control
  >;
  const errorText = h("p", { class: "inb-field-error", role: "alert", hidden: true });
  const status = h("p", { class: "inb-alignment" });
  const remove = button("×", {
    class: "inb-icon-button",
    "aria-label": `remove contrast ${index + 1}`,
    title: "Remove this contrast",
  });
  const boxes = FIELDS.map((field) => controls[field].box);
  const node = h("fieldset", { class: "inb-contrast" }, ...boxes, errorText, status, remove);
  const tokens: Partial<Record<Field, string[]>> = {};
  const tokenizer = new Tokenizer(bridge);
  let open = false;

  const draw = (): void => {
    const { clean, corrupted } = tokens;
    const differs = clean && corrupted ? differences(clean, corrupted) : [];
    for (const field of FIELDS) {
      const list = tokens[field];
      const marks = field === "clean" || field === "corrupted" ? differs : [];
      controls[field].chips.replaceChildren(...(list ? tokenChips(list, marks) : []));
      const several = (field === "answer" || field === "wrong") && (list?.length ?? 1) > 1;
      controls[field].chips.classList.toggle("inb-bad", several);
    }
    const said = clean && corrupted ? alignment(clean, corrupted) : null;
    status.textContent = said?.text ?? "";
    status.classList.toggle("inb-bad", said ? !said.ok : false);
  };
  const showError = (field: Field | null, message: string): void => {
    for (const name of FIELDS) setAttrs(controls[name].input, { "aria-invalid": name === field ? "true" : undefined });
    errorText.hidden = field === null;
    errorText.textContent = message;
  };
  const retokenise = (field: Field): void => {
    if (!open) return;
    const bare = field === "answer" || field === "wrong";
    tokenizer.ask(field, controls[field].input.value, (list) => {
      // A prompt starts with the model's start token, an answer does not.
      if (list) tokens[field] = bare ? list.filter((token, i) => i > 0 || !/^<\|?.+\|?>$/.test(token)) : list;
      else delete tokens[field];
      draw();
    });
  };
  for (const field of FIELDS) {
    scope.listen(controls[field].input, "input", () => {
      showError(null, "");
      retokenise(field);
    });
  }
  scope.listen(remove, "click", events.remove);

  return {
    node,
    value: () => Object.fromEntries(FIELDS.map((field) => [field, controls[field].input.value])) as Row,
    enable(usable, removable) {
      for (const field of FIELDS) controls[field].input.disabled = !usable;
      remove.hidden = !removable || !usable;
    },
    active(next) {
      open = next;
      if (open) for (const field of FIELDS) retokenise(field);
    },
    error: showError,
    destroy() {
      tokenizer.close();
      scope.dispose();
    },
  };
}
