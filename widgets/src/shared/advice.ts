/** Advice: what is unusual about an SAE and what to change, in sentences that Python writes. */

import { div, h, span } from "./dom.js";

export interface Advice {
  node: HTMLElement;
  /** Show sentences under a title; nothing where there are none. */
  update(title: string, sentences: readonly string[]): void;
}

export function advice(): Advice {
  const title = span("inb-advice-title");
  const list = h("ul");
  const node = div("inb-advice", title, list);
  node.hidden = true;
  node.setAttribute("role", "note");
  return {
    node,
    update(text, sentences) {
      node.hidden = sentences.length === 0;
      title.textContent = text;
      // Sentences whose numbers move keep their place, so that reading on is possible.
      while (list.children.length > sentences.length) list.lastElementChild?.remove();
      sentences.forEach((sentence, index) => {
        const item = list.children[index] ?? list.appendChild(h("li"));
        if (item.textContent !== sentence) item.textContent = sentence;
      });
    },
  };
}
