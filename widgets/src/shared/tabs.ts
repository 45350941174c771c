/** Panels of which one is shown, chosen by tabs. */

import { div, h, type Scope, setAttrs } from "./dom.js";

export interface Tabs<Name extends string> {
  bar: HTMLElement;
  body: HTMLElement;
  current(): Name;
  open(name: Name): void;
  /** Offer these only; without it all are offered. */
  offer(names: readonly Name[]): void;
}

export function tabs<Name extends string>(
  scope: Scope,
  panels: Record<Name, { label: string; node: HTMLElement }>,
  changed: (name: Name) => void,
): Tabs<Name> {
  const all = Object.keys(panels) as Name[];
  let names = all;
  const buttons = all.map((name) =>
    h("button", { type: "button", class: "inb-tab", role: "tab", "data-tab": name }, panels[name].label),
  );
  const bar = h("div", { class: "inb-tabs", role: "tablist", "aria-label": "views" }, ...buttons);
  for (const name of all) setAttrs(panels[name].node, { role: "tabpanel", "aria-label": panels[name].label });
  const body = div("inb-tab-body", ...all.map((name) => panels[name].node));
  let current = names[0] as Name;
  const show = (): void => {
    for (const each of buttons) {
      const on = each.dataset.tab === current;
      setAttrs(each, { "aria-selected": on ? "true" : "false", tabindex: on ? 0 : -1 });
      each.hidden = !names.includes(each.dataset.tab as Name);
    }
    for (const name of all) panels[name].node.hidden = name !== current;
  };
  const open = (name: Name): void => {
    if (name === current) return;
    current = name;
    show();
    changed(name);
  };
  show();
  for (const each of buttons) scope.listen(each, "click", () => open(each.dataset.tab as Name));
  scope.listen<KeyboardEvent>(bar, "keydown", (event) => {
    const at = names.indexOf(current);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: names.length - 1 }[event.key];
    const name = to === undefined ? undefined : names[(to + names.length) % names.length];
    if (name === undefined) return;
    event.preventDefault();
    open(name);
    buttons[all.indexOf(name)]?.focus();
  });
  const offer = (offered: readonly Name[]): void => {
    names = all.filter((name) => offered.includes(name));
    const [first] = names;
    if (first !== undefined && !names.includes(current)) current = first;
    show();
  };
  return { bar, body, current: () => current, open, offer };
}
