/** The playground: prompt, sliders, both texts, next tokens; one instance per view of the model. */

import { Question } from "../shared/ask.js";
import { codePanel } from "../shared/code_panel.js";
import type { Context, View } from "../shared/define.js";
import { div, guarded, h } from "../shared/dom.js";
import { kernelHint } from "../shared/hints.js";
import { progressBar } from "../shared/progress.js";
import { SYNC_DELAY_MS } from "../shared/sync.js";
import { showTips } from "../shared/tips.js";
import { type JobState, RequestError } from "../shared/types.js";
import {
  essence,
  type PlayMeta,
  type Run,
  readSelected,
  type Selected,
  type Setting,
  type Settings,
  type Slider,
} from "./data.js";
import { makePanel } from "./make_panel.js";
import { nextPanel } from "./next_token.js";
import { promptRow } from "./prompt_row.js";
import { sliderColumn } from "./sliders.js";
import { textsView } from "./texts.js";
import { endText } from "./words.js";

const OWN_TRAITS = ["_run", "settings"];
/** Many pairs through a large model take their time. */
const MAKE_TIMEOUT_MS = 600_000;

/** A vector that was just made. */
interface Made {
  name: string;
  slider: Slider;
}

export function mountPlayground({ model, bridge, sync, frame }: Context): View {
  const { scope, body, tooltip } = frame;
  const codeQuestion = new Question(bridge);
  /** Asked for, and not yet begun. */
  let starting = false;
  /** Which run was seen last, and how far. */
  let seen = "";
  let viewCode = "";

  const meta = (): PlayMeta => model.get("_meta") as PlayMeta;
  const run = (): Run => model.get("_run") as Run;
  const settings = (): Settings => model.get("settings") as Settings;
  const state = (): JobState => model.get("state") as JobState;
  const enabled = (): boolean => model.get("kernel") !== false && meta().live && meta().can.generate;

  const set = (change: Partial<Settings>): void => sync.write("settings", { ...settings(), ...change });
  const setSlider = (name: string, change: Partial<Setting>): void => {
    const { sliders } = settings();
    const now = sliders[name];
    if (now) set({ sliders: { ...sliders, [name]: { ...now, ...change } } });
  };
  const select = (change: Partial<Selected>): void => {
    sync.write("selected", { ...readSelected(model.get("selected")), ...change });
    update();
  };

  async function generate(): Promise<void> {
    starting = true;
    update();
    // What the kernel holds and what it is asked to write with must not be two things.
    sync.flush();
    try {
      await bridge.request("generate", { settings: settings() });
    } catch (error) {
      if (!(error instanceof RequestError) || error.type === "Closed") throw error;
      ask.refuse(error.message);
    } finally {
      starting = false;
      update();
    }
  }
  const control = (action: string): Promise<unknown> => bridge.request("control", { action });

  const heading = h("h4");
  const note = h("p");
  const code = codePanel(scope);
  const hint = h("p", { class: "inb-hint" });
  const ask = promptRow(scope, progressBar(scope, control), {
    set,
    generate: guarded(frame.root, generate),
    stop: guarded(frame.root, () => control("stop")),
  });
  /** Ask for a vector that gets a slider. */
  async function madeBy(method: string, params: object, cancel: AbortSignal): Promise<Made> {
    sync.flush();
    const { result } = await bridge.request<Made>(method, params, { cancel, timeout: MAKE_TIMEOUT_MS });
    frame.say(`${result.name} is among the vectors`);
    return result;
  }
  const make = makePanel(scope, async (params, cancel) => {
    const { name, slider } = await madeBy("make_vector", params, cancel);
    return `${name}: ${slider.about}. Its slider stands at 0.`;
  });
  const sliders = sliderColumn(scope, make, {
    set: setSlider,
    choose(index) {
      const latent = meta().sliders[index]?.latent_idx ?? null;
      select({ vector: index, ...(latent === null ? {} : { latent_idx: latent }) });
    },
    remove: (name) => bridge.request("remove_vector", { name }),
    add: (latent, cancel) => madeBy("add_latent", { latent_idx: latent }, cancel),
  });
  const texts = textsView(scope, (side, token) => {
    const now = readSelected(model.get("selected"));
    const again = now.side === side && now.token === token;
    select(again ? { side: null, token: null } : { side, token });
  });
  const next = nextPanel(frame.root, bridge, {
    back: () => select({ side: null, token: null }),
    say: (text) => frame.say(text),
  });
  const bar = h("div", { class: "inb-toolbar", role: "toolbar", "aria-label": "playground" }, code.toggle);
  body.append(
    div("inb-top", div("inb-title", heading, note), bar),
    hint,
    code.panel,
    ask.node,
    div("inb-columns", sliders.node, div("inb-main", texts.node, next.node)),
  );
  showTips(scope, body, tooltip);

  /** While it is seen; what the last run left does where the kernel does not answer. */
  const askCode = (): void => {
    if (code.panel.hidden) return;
    guarded(frame.root, async () => {
      const params = { settings: settings() };
      const reply = await codeQuestion.ask<{ code: string }>("code", params, SYNC_DELAY_MS).catch(() => null);
      if (reply) viewCode = reply.result.code;
      code.update(viewCode || run().code || meta().code);
    })();
  };
  scope.listen(code.toggle, "click", askCode);
  const changed = guarded(frame.root, () => {
    update();
    askCode();
  });
  for (const name of OWN_TRAITS) {
    model.on(`change:${name}`, changed);
    scope.add(() => model.off(`change:${name}`, changed));
  }

  /** What a run has come to, once: texts that grow are not read out token by token. */
  function announce(now: Run, running: boolean): void {
    const key = `${now.run} ${running}`;
    if (key === seen) return;
    if (seen && running) frame.say("writing");
    else if (seen && now.run > 0) frame.say(endText({ ...now, state: state() }));
    seen = key;
  }

  function update(): void {
    const [now, wanted, done] = [meta(), settings(), run()];
    const running = starting || state() === "running" || state() === "pending";
    const usable = enabled();
    const kernel = model.get("kernel") !== false;
    const selected = readSelected(model.get("selected"));
    heading.textContent = now.labels.heading ?? "";
    note.textContent = now.labels.note ?? "";
    hint.textContent = kernelHint(kernel, now.live);
    hint.hidden = !hint.textContent;
    const differs = done.run > 0 && essence(wanted, now.operators) !== essence(done.settings, now.operators);
    ask.update({
      meta: now,
      settings: wanted,
      running,
      changed: differs,
      enabled: usable,
      progress: Number(model.get("progress") ?? 0),
      state: starting ? "pending" : state(),
    });
    make.update(now, usable && now.can.make);
    sliders.update({ meta: now, settings: wanted, run: done, chosen: selected.vector, enabled: usable });
    texts.update({ meta: now, run: done, selected, running, theme: frame.theme });
    next.update({ meta: now, settings: wanted, run: done, selected });
    announce(done, running);
  }

  return {
    update,
    destroy() {
      next.destroy();
      codeQuestion.stop();
      sliders.destroy();
    },
  };
}
