/** The column of sliders, and how more of them are had: made from pairs, or taken from a linked dashboard. */

import { button, div, h, type Scope, span } from "../shared/dom.js";
import { visible } from "../shared/tokens.js";
import { RequestError } from "../shared/types.js";
import { attempt } from "./attempt.js";
import { essence, type PlayMeta, type Run, type Setting, type Settings } from "./data.js";
import { type SliderCard, sliderCard } from "./slider_card.js";

export interface SliderEvents {
  set(name: string, change: Partial<Setting>): void;
  choose(index: number): void;
  remove(name: string): Promise<unknown>;
  /** Give the dashboard's latent a slider. */
  add(latent: number, cancel: AbortSignal): Promise<unknown>;
}

export interface SliderProps {
  meta: PlayMeta;
  settings: Settings;
  run: Run;
  chosen: number | null;
  enabled: boolean;
}

export interface SliderColumn {
  node: HTMLElement;
  update(props: SliderProps): void;
  destroy(): void;
}

/** The share that the last run measured, as long as the slider stands as it stood then. */
function measuredShare({ run, settings, meta }: SliderProps, name: string): number | null {
  const one = (all: Settings | null) => {
    const setting = all?.sliders[name];
    return all && setting ? essence({ ...all, prompt: "", sliders: { [name]: setting } }, meta.operators) : "";
  };
  return one(run.settings) === one(settings) ? (run.shares.find((each) => each.name === name)?.share ?? null) : null;
}

export function sliderColumn(
  scope: Scope,
  make: { toggle: HTMLElement; node: HTMLElement },
  events: SliderEvents,
): SliderColumn {
  const offer = button("", { class: "inb-button inb-offer", hidden: true });
  const label = span("inb-mark");
  const adding = attempt(scope, () => offering());
  const { problem } = adding;
  const list = h("ul", { class: "inb-steers" });
  const none = h("p", { class: "inb-hint" }, "No vectors yet: make one from pairs of texts.");
  const head = div("inb-steers-head", h("h5", {}, "Vectors"), make.toggle);
  const node = h(
    "section",
    { class: "inb-side", "aria-label": "vectors" },
    head,
    div("inb-offer-row", offer, adding.cancel),
    problem,
    adding.said,
    make.node,
    none,
    list,
  );
  const cards = new Map<string, SliderCard>();
  let props: SliderProps | undefined;

  /** A refusal is said here; whatever else goes up. */
  const tried = async (task: Promise<unknown>): Promise<void> => {
    problem.hidden = true;
    try {
      await task;
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      problem.textContent = error.message;
      problem.hidden = false;
    }
  };
  scope.listen(offer, "click", () => {
    const latent = props?.meta.offer;
    if (!latent) return;
    // Named once: the dashboard may select another one meanwhile.
    offer.textContent = `Adding ${visible(latent.name)} …`;
    return adding.run(async (cancel) => {
      await events.add(latent.latent_idx, cancel);
      return "";
    }, "Cancelled: no latent was added.");
  });
  const offering = (): void => {
    const latent = props?.meta.offer;
    const busy = adding.busy();
    offer.hidden = !busy && (!latent || latent.there || !props?.enabled);
    offer.disabled = busy || latent?.reason !== "";
    if (!latent || busy) return;
    label.textContent = latent.label ? ` ${visible(latent.label)}` : "";
    offer.replaceChildren(`Add ${visible(latent.name)}`, label);
    offer.title = latent.reason || (props?.meta.hints.latent ?? "");
  };

  const card = (name: string): SliderCard => {
    const known = cards.get(name);
    if (known) return known;
    const made = sliderCard(name, {
      set: (change) => events.set(name, change),
      choose: () => events.choose(props?.meta.sliders.findIndex((each) => each.name === name) ?? -1),
      remove: () => void tried(events.remove(name)),
    });
    cards.set(name, made);
    return made;
  };

  return {
    node,
    update(next) {
      props = next;
      const { meta, settings, chosen, enabled } = next;
      const shown = meta.sliders.filter(({ name }) => settings.sliders[name]);
      const names = new Set(shown.map(({ name }) => name));
      for (const [name, old] of cards) {
        if (names.has(name)) continue;
        old.destroy();
        cards.delete(name);
      }
      shown.forEach((slider, i) => {
        const each = card(slider.name);
        if (list.children[i] !== each.node) list.insertBefore(each.node, list.children[i] ?? null);
        const setting = settings.sliders[slider.name];
        if (!setting) return;
        const selected = meta.sliders[chosen ?? -1] === slider;
        const measured = measuredShare(next, slider.name);
        each.update({
          slider,
          setting,
          operators: meta.operators,
          hint: meta.hints.share ?? "",
          measured,
          selected,
          enabled,
        });
      });
      none.hidden = shown.length > 0;
      offering();
    },
    destroy() {
      for (const each of cards.values()) each.destroy();
    },
  };
}
