/** A text that grows: what is there stays where it is, so that it can be read and pointed at meanwhile. */

import { h, setAttrs, span } from "../shared/dom.js";
import type { Scale } from "../shared/scale.js";
import { tip } from "../shared/tips.js";
import { runToken, shade } from "../shared/token_run.js";
import { cut, visible } from "../shared/tokens.js";
import { movedText } from "./words.js";

export interface StreamProps {
  /** What it goes on from. */
  prompt: string;
  tokens: readonly string[];
  values: readonly (number | null)[];
  scale: Scale;
  /** The first token at which the texts differ. */
  diverges: number | null;
  chosen: number | null;
  writing: boolean;
  /** Said where there is no token. */
  empty: string;
  /** All that is known of a token. */
  tip(index: number): Node[];
}

export interface StreamText {
  node: HTMLElement;
  update(props: StreamProps): void;
}

/** More of a long prompt would push the text out of sight. */
const PROMPT = 240;

/** What tells the model where a text ends, and is no part of it. */
const SPECIAL = /^<(\|.+\||\/?s|bos|eos|pad|unk|end_of_turn)>$/;

/** The end of a prompt, as the text goes on from it. */
export function promptEnd(prompt: string): string {
  const chars = [...prompt];
  return chars.length <= PROMPT ? prompt : `… ${chars.slice(-PROMPT).join("")}`;
}

export function streamText(name: string): StreamText {
  const prompt = h("bdi", { class: "inb-mark inb-stream-prompt" });
  const run = h("span", { class: "inb-run", "data-run": true });
  const caret = h("span", { class: "inb-caret", "aria-hidden": "true", hidden: true });
  const empty = span("inb-hint");
  const node = h("div", { class: "inb-stream", role: "group", "aria-label": name }, prompt, run, caret, empty);
  /** For each token what stands on the page for it. */
  const made: { token: string; node: HTMLElement; all: Node[]; drawn: string }[] = [];
  let props: StreamProps | undefined;

  const add = (token: string, index: number): void => {
    const { node: each, lead } = runToken(token, index, "");
    setAttrs(each, { role: "button" });
    tip(each, () => props?.tip(index) ?? []);
    const special = SPECIAL.test(token);
    each.classList.toggle("inb-special", special);
    // No word goes on into it, so that a line may end before it.
    const all: Node[] = [special ? h("wbr") : document.createTextNode(lead), each];
    if (token.includes("\n")) all.push(h("br"));
    run.append(...all);
    made.push({ token, node: each, all, drawn: "" });
  };

  return {
    node,
    update(next) {
      props = next;
      const { tokens, values, scale, diverges, chosen, writing } = next;
      // Follows the text as it grows, unless the reader has gone back up.
      const below = node.scrollHeight - node.scrollTop - node.clientHeight;
      const same = made.findIndex(({ token }, i) => token !== tokens[i]);
      const keep = same < 0 ? made.length : same;
      for (const { all } of made.splice(keep)) for (const each of all) (each as ChildNode).remove();
      for (let i = keep; i < tokens.length; i++) add(tokens[i] ?? "", i);
      made.forEach((one, i) => {
        const { token, node: each } = one;
        // Ten times a second, of which most tokens need nothing.
        const look = [values[i], scale.color(1), scale.high, i === diverges, i === chosen].join();
        if (look === one.drawn) return;
        one.drawn = look;
        shade(each, values[i], scale);
        each.classList.remove("inb-uncounted");
        const value = values[i] ?? 0;
        each.classList.toggle("inb-clipped", value > scale.high || value < scale.low);
        each.classList.toggle("inb-diverges", i === diverges);
        each.classList.toggle("inb-at", i === chosen);
        const first = i === diverges ? ", the first that differs" : "";
        setAttrs(each, {
          "aria-label": `${cut(visible(token), 60)} ${movedText(values[i])}${first}`,
          "aria-pressed": i === chosen ? "true" : "false",
        });
      });
      prompt.textContent = promptEnd(next.prompt);
      caret.hidden = !writing;
      empty.textContent = tokens.length || writing ? "" : next.empty;
      if (writing && below < 30) node.scrollTop = node.scrollHeight;
    },
  };
}
