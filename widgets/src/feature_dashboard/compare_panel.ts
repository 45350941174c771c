/** Two latents side by side: the chosen one and a pinned one, or its counterpart in the second store. */

import { Question } from "../shared/ask.js";
import type { Bridge } from "../shared/bridge.js";
import { button, div, guarded, h, Scope, span } from "../shared/dom.js";
import { percent, signed2, signed4 } from "../shared/format.js";
import type { Theme } from "../shared/scale.js";
import { RequestError } from "../shared/types.js";
import { jumpText, known, statsList, statsRow } from "./card.js";
import type { Comparison, DashboardMeta, Detail } from "./data.js";
import type { Details } from "./details.js";
import { type LatentView, latentView } from "./latent_view.js";

export interface CompareProps {
  meta: DashboardMeta;
  detail: Detail;
  theme: Theme;
  width: number;
  has(latent: number): boolean;
}

export interface ComparePanel {
  node: HTMLElement;
  update(props: CompareProps): void;
  /** Compare with this latent of the first store, or with the most alike one again. */
  pin(latent: number | null): void;
  destroy(): void;
}

/** Narrower than this, the two stand below one another; as in style.css. */
const TWO = 560;

export function comparePanel(
  home: EventTarget,
  bridge: Bridge,
  details: Details,
  events: { choose(latent: number): void; code(text: string): void },
): ComparePanel {
  const scope = new Scope(home);
  const question = new Question(bridge);
  const store = h("select", { "aria-label": "compare with a latent of" });
  const index = h("input", {
    type: "text",
    inputmode: "numeric",
    size: 7,
    "aria-label": "latent to compare with",
    placeholder: "nearest",
  });
  const go = button("Compare", { type: "submit" });
  const of = h("label", {}, "of", store);
  const form = h("form", { class: "inb-toolbar", novalidate: true }, h("label", {}, "with latent", index), of, go);
  const alike = div("inb-alike");
  const note = h("p", { class: "inb-hint", role: "status" });
  const views = [0, 1].map((side): { head: HTMLElement; view: LatentView; node: HTMLElement } => {
    const head = div("inb-side-head");
    const view = latentView(scope, (latent) => (side && store.value === "1" ? pick(latent) : events.choose(latent)));
    return { head, view, node: div("inb-compared", head, view.node) };
  });
  const node = div("inb-compare-panel", form, alike, note, div("inb-sides", ...views.map((each) => each.node)));
  let props: CompareProps | undefined;
  /** null = the most alike one. */
  let other: number | null = null;
  /** The store of the other one; null = the second if there is one. */
  let from: number | null = null;
  let asked = "";
  let found: Comparison | null = null;
  let shown: Detail | null = null;

  function pick(latent: number | null): void {
    other = latent;
    index.value = latent === null ? "" : String(latent);
    again();
  }

  async function ask(now: CompareProps, of: number): Promise<void> {
    const latent = now.detail.latent_idx;
    node.classList.add("inb-stale");
    try {
      const reply = await question.ask<Comparison>("compare", { latent_idx: latent, other, store: of }, 60);
      if (!reply) return;
      const detail = await details.get("compare", reply.result.other, reply.result.store);
      if (!detail) return;
      [found, shown] = [reply.result, detail];
      note.textContent = found.note;
      events.code(found.code);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      note.textContent = error.message;
      found = shown = null;
    }
    node.classList.remove("inb-stale");
    draw();
  }

  function draw(): void {
    if (!props) return;
    const { meta, detail, theme, width, has } = props;
    const now = found;
    if (now) {
      const jump = now.nearest.map(({ latent_idx: latent, value, label, words }) => {
        const chip = button("", {
          class: "inb-jump",
          "data-other": latent,
          title: label,
          "aria-pressed": latent === now.other ? "true" : "false",
        });
        chip.append(...jumpText(latent, label, words), span("inb-mark", known(value, signed2)));
        return chip;
      });
      alike.replaceChildren(
        statsList([
          ["cosine", known(now.cosine, signed4), "between what they write"],
          ["correlation", known(now.correlation, signed4), "of their activations on the sampled tokens"],
          ["fire together", known(now.jaccard, percent), "share of the tokens on which either fires"],
        ]),
        div("inb-jumps", span("inb-mark", "most alike"), ...jump),
      );
    } else alike.replaceChildren();
    [detail, shown].forEach((each, side) => {
      const view = views[side];
      if (!view) return;
      view.node.hidden = !each;
      if (!each) return;
      const its = meta.stores[each.store];
      const name = each.label?.text || each.concept;
      view.head.replaceChildren(
        h(
          "h5",
          {},
          `Latent ${each.latent_idx} `,
          span("inb-mark", [name, meta.stores.length > 1 ? its?.name : ""].filter(Boolean).join(" · ")),
        ),
        statsRow(each),
      );
      if (its) {
        const room = width >= TWO ? (width - 24) / 2 : width;
        view.view.update({
          detail: each,
          store: its,
          hints: meta.hints,
          theme,
          width: room,
          has: side && each.store === 1 ? () => true : has,
        });
      }
    });
  }

  const again = (): void => {
    if (!props) return;
    const of = Number(store.value) || 0;
    const key = JSON.stringify([props.detail.latent_idx, other, of]);
    if (key === asked) return;
    asked = key;
    if (of === 0 && other === props.detail.latent_idx) {
      question.stop();
      found = shown = null;
      note.textContent = "Choose another latent to see it beside this one.";
      draw();
      return;
    }
    guarded(home, ask)(props, of);
  };
  scope.listen(form, "submit", (event) => {
    event.preventDefault();
    const text = index.value.trim();
    const latent = Number(text);
    const most = (props?.meta.stores[Number(store.value)]?.d_sae ?? 1) - 1;
    if (text && !(Number.isInteger(latent) && latent >= 0 && latent <= most)) {
      note.textContent = `A latent is a whole number from 0 to ${most}, got “${text}”.`;
      return;
    }
    other = text ? latent : null;
    asked = "";
    again();
  });
  scope.listen(store, "change", () => {
    from = Number(store.value);
    pick(null);
  });
  scope.listen<MouseEvent>(alike, "click", (event) => {
    const latent = (event.target as Element).closest<HTMLElement>("[data-other]")?.dataset.other;
    if (latent !== undefined) pick(Number(latent));
  });

  return {
    node,
    pin(latent) {
      from = latent === null ? null : 0;
      other = latent;
      index.value = latent === null ? "" : String(latent);
    },
    update(next) {
      props = next;
      const { stores } = next.meta;
      if (store.options.length !== stores.length) {
        store.replaceChildren(...stores.map(({ name }, i) => h("option", { value: i }, name)));
      }
      store.value = String(from ?? stores.length - 1);
      of.hidden = stores.length < 2;
      draw();
      again();
    },
    destroy() {
      question.stop();
      scope.dispose();
    },
  };
}
