/** A row of buttons that save files. */

import { button, h, type Scope } from "./dom.js";

export function exportButtons(
  scope: Scope,
  actions: Record<string, () => unknown>,
  failed: (error: unknown) => void,
): HTMLElement {
  const group = h("span", { class: "inb-group", role: "group", "aria-label": "export" });
  for (const [name, action] of Object.entries(actions)) {
    const node = button(name, { title: `Save as ${name}` });
    scope.listen(node, "click", async () => {
      try {
        await action();
      } catch (error) {
        failed(error);
      }
    });
    group.append(node);
  }
  return group;
}
