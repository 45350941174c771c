/** Work of the kernel that takes long: a Cancel button while it runs, and what came of it in a line. */

import { button, h, type Scope } from "../shared/dom.js";
import { RequestError } from "../shared/types.js";

export interface Attempt {
  cancel: HTMLButtonElement;
  /** What came of it. */
  said: HTMLElement;
  /** Why it was refused. */
  problem: HTMLElement;
  busy(): boolean;
  /** One at a time. `work` gives what is said when it is through; `cancelled` is said when it was given up in time. */
  run(work: (cancel: AbortSignal) => Promise<string>, cancelled: string): Promise<void>;
}

/** `changed` is called when it begins and ends. */
export function attempt(scope: Scope, changed: () => void): Attempt {
  const cancel = button("Cancel", { hidden: true });
  const said = h("p", { class: "inb-hint inb-made", role: "status", hidden: true });
  const problem = h("p", { class: "inb-field-error", role: "alert", hidden: true });
  let controller: AbortController | undefined;

  const tell = (node: HTMLElement, text: string): void => {
    node.textContent = text;
    node.hidden = !text;
  };
  scope.listen(cancel, "click", () => {
    controller?.abort();
    cancel.disabled = true;
    cancel.textContent = "Cancelling …";
  });

  return {
    cancel,
    said,
    problem,
    busy: () => controller !== undefined,
    async run(work, cancelled) {
      if (controller) return;
      controller = new AbortController();
      tell(said, "");
      tell(problem, "");
      cancel.textContent = "Cancel";
      cancel.disabled = cancel.hidden = false;
      changed();
      try {
        tell(said, await work(controller.signal));
      } catch (error) {
        if (!(error instanceof RequestError)) throw error;
        if (error.type === "CancelledError") tell(said, cancelled);
        else tell(problem, error.message);
      } finally {
        controller = undefined;
        cancel.hidden = true;
        changed();
      }
    },
  };
}
