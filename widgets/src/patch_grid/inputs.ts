/** The contrasts being edited: rows, problems, where an error belongs. Pure. */

import { differences } from "../shared/tokens.js";
import type { WireError } from "../shared/types.js";
import type { Inputs } from "./data.js";

export type Field = keyof Inputs;
export const FIELDS: Field[] = ["clean", "corrupted", "answer", "wrong"];

export type Row = Record<Field, string>;

export function toRows(inputs: Inputs): Row[] {
  const count = Math.max(1, ...FIELDS.map((field) => inputs[field].length));
  return Array.from({ length: count }, (_, i) => ({
    clean: inputs.clean[i] ?? "",
    corrupted: inputs.corrupted[i] ?? "",
    answer: inputs.answer[i] ?? "",
    wrong: inputs.wrong[i] ?? "",
  }));
}

export function toInputs(rows: Row[]): Inputs {
  const column = (field: Field) => rows.map((row) => row[field]);
  return { clean: column("clean"), corrupted: column("corrupted"), answer: column("answer"), wrong: column("wrong") };
}

/** How two tokenised prompts fit together, said in words; `ok` when they can be patched into each other. */
export function alignment(clean: readonly string[], corrupted: readonly string[]): { ok: boolean; text: string } {
  if (clean.length !== corrupted.length) {
    return { ok: false, text: `not aligned: clean has ${clean.length} tokens, corrupted ${corrupted.length}` };
  }
  const count = differences(clean, corrupted).filter(Boolean).length;
  if (count === 0) return { ok: false, text: "the two prompts are the same" };
  return { ok: true, text: `${clean.length} tokens, ${count} ${count === 1 ? "differs" : "differ"}` };
}

/** The row and field whose error this is: by the error's kind, then by the field's text in the message. */
export function locateError(error: WireError, rows: Row[]): { row: number; field: Field } {
  const fields: Field[] = /Answer/.test(error.type) ? ["answer", "wrong"] : ["clean", "corrupted"];
  for (const [row, values] of rows.entries()) {
    for (const field of fields) {
      const text = values[field].trim();
      if (text && error.message.includes(text)) return { row, field };
    }
  }
  const empty = rows.findIndex((values) => fields.some((field) => !values[field].trim()));
  const row = Math.max(0, empty);
  const field = fields.find((name) => !rows[row]?.[name].trim()) ?? fields[0] ?? "clean";
  return { row, field };
}
