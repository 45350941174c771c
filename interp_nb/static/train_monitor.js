/* generated from widgets/, sha256 1b6498eecd4c8ed326eb5ec0df92aaa37c73b438c424abbfc67ce345a6956588, interp_nb 0.1.0 */
// src/shared/advice.css
var advice_default = ".inb-advice{margin:0 0 10px;padding:6px 10px;border-left:3px solid var(--inb-accent);background:var(--inb-surface);color:var(--inb-text);font-size:12px;line-height:17px;overflow-wrap:anywhere}.inb-advice-title{font-weight:600}.inb-root .inb-advice ul{list-style:none;margin:2px 0 0;padding:0}.inb-root .inb-advice li+li{margin-top:4px}";

// src/shared/types.ts
var RequestError = class extends Error {
  constructor(type, message) {
    super(message);
    this.type = type;
    this.name = type;
  }
  type;
};

// src/shared/bridge.ts
var PAGE = Math.random().toString(36).slice(2, 10);
var counter = 0;
var Bridge = class {
  constructor(model) {
    this.model = model;
    model.on("msg:custom", this.#onMessage);
  }
  model;
  #waiting = /* @__PURE__ */ new Map();
  /** Ask the kernel; rejects with RequestError on an error reply, on timeout, and when the view goes away. */
  request(method, params = {}, options = {}) {
    const id = `${PAGE}-${++counter}`;
    const { signal, cancel, timeout = 6e4 } = options;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(new RequestError("Aborted", "request was cancelled"));
      const onCancel = () => this.model.send({ v: 1, kind: "cancel", id });
      const onAbort = () => {
        onCancel();
        this.#take(id)?.reject(new RequestError("Aborted", "request was cancelled"));
      };
      const timer = setTimeout(() => {
        const text = `no answer to "${method}" in ${timeout / 1e3} s: is the kernel busy or gone?`;
        this.#take(id)?.reject(new RequestError("Timeout", text));
      }, timeout);
      signal?.addEventListener("abort", onAbort);
      cancel?.addEventListener("abort", onCancel);
      const stop = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        cancel?.removeEventListener("abort", onCancel);
      };
      this.#waiting.set(id, { resolve, reject, stop });
      this.model.send({ v: 1, kind: "request", id, method, params });
    });
  }
  /** Stop listening; whatever still waits is rejected. */
  close() {
    this.model.off("msg:custom", this.#onMessage);
    for (const id of [...this.#waiting.keys()]) {
      this.#take(id)?.reject(new RequestError("Closed", "the widget was closed"));
    }
  }
  /** A request that is about to end, if it still waits; it does not any more. */
  #take(id) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.stop();
    return waiting;
  }
  #onMessage = (message, buffers = []) => {
    if (message?.kind !== "reply" || typeof message.id !== "string") return;
    const waiting = this.#take(message.id);
    if (message.ok) waiting?.resolve({ result: message.result, buffers: buffers ?? [] });
    else waiting?.reject(new RequestError(message.error?.type ?? "Error", message.error?.message ?? "unknown error"));
  };
};

// src/shared/dom.ts
function h(tag, attrs = {}, ...children) {
  const node = document.createElement(tag);
  setAttrs(node, attrs);
  for (const child of children) if (child != null) node.append(child);
  return node;
}
var div = (className, ...children) => h("div", { class: className }, ...children);
var span = (className, ...children) => h("span", { class: className }, ...children);
function setAttrs(node, attrs) {
  for (const [name, value] of Object.entries(attrs)) {
    const text = value === void 0 || value === false ? null : value === true ? "" : String(value);
    if (node.getAttribute(name) === text) continue;
    if (text === null) node.removeAttribute(name);
    else node.setAttribute(name, text);
  }
}
function button(label2, attrs = {}) {
  return h("button", { type: "button", class: "inb-button", ...attrs }, label2);
}
var FAILURE = "inb-failure";
function guarded(home, work) {
  const fail = (error) => {
    if (home.dispatchEvent(new CustomEvent(FAILURE, { detail: error, bubbles: true, cancelable: true }))) throw error;
  };
  return (...args) => {
    try {
      const result = work(...args);
      if (result instanceof Promise) result.catch(fail);
    } catch (error) {
      fail(error);
    }
  };
}
var Scope = class {
  /** Failures of handlers go up from `home`; left out, from the node that the handler is for. */
  constructor(home) {
    this.home = home;
  }
  home;
  #undo = [];
  add(undo) {
    this.#undo.push(undo);
  }
  listen(target, type, handler, options) {
    const listener = guarded(this.home ?? target, handler);
    target.addEventListener(type, listener, options);
    this.add(() => target.removeEventListener(type, listener, options));
  }
  /** Runs in reverse order of adding, every step even when one throws. */
  dispose() {
    while (this.#undo.length) {
      try {
        this.#undo.pop()?.();
      } catch (error) {
        console.error("[interp_nb] cleanup", error);
      }
    }
  }
};

// src/shared/errors.ts
var VERSION = true ? "0.1.0" : "development";
function errorText(error) {
  if (error instanceof Error)
    return error.name && error.name !== "Error" ? `${error.name}: ${error.message}` : error.message;
  return String(error);
}
function showError(el, widget, error) {
  console.error(`[interp_nb ${VERSION}] ${widget}`, error);
  const panel = h(
    "div",
    { class: "inb-error", role: "alert" },
    h("strong", {}, `${widget} could not be drawn`),
    div("inb-error-text", errorText(error)),
    h("small", {}, `interp_nb ${VERSION} · see the browser console for details`)
  );
  el.prepend(panel);
  return panel;
}
var ErrorStrip = class {
  node;
  #text = div("inb-error-text");
  #kernel = "";
  #page = "";
  #dismissed = "";
  constructor(widget, scope) {
    const close = button("×", { class: "inb-icon-button", "aria-label": "dismiss the error", title: "Dismiss" });
    const note = h("small", {}, `${widget} · interp_nb ${VERSION} · see the browser console`);
    this.node = h(
      "div",
      { class: "inb-error inb-error-strip", role: "alert", hidden: true },
      h("div", {}, this.#text, note),
      close
    );
    scope.listen(close, "click", () => {
      this.#dismissed = this.#kernel;
      this.#page = "";
      this.#draw();
    });
  }
  /** What the kernel says now; "" = nothing. */
  show(message) {
    if (message && message !== this.#kernel) console.error(`[interp_nb ${VERSION}]`, message);
    if (!message) this.#dismissed = "";
    this.#kernel = message;
    this.#draw();
  }
  /** What failed here; it stays until it is put away, for the redraw that follows would else wipe it out. */
  fail(error) {
    console.error(`[interp_nb ${VERSION}]`, error);
    this.#page = errorText(error);
    this.#draw();
  }
  /** A new result is here: what failed before is no news. */
  forget() {
    this.#page = "";
    this.#draw();
  }
  #draw() {
    const kernel = this.#kernel === this.#dismissed ? "" : this.#kernel;
    this.#text.textContent = [this.#page, kernel].filter(Boolean).join("\n");
    this.node.hidden = !this.#text.textContent;
  }
};

// src/shared/theme.css
var theme_default = ".inb-root{--inb-background: var(--jp-layout-color0, #ffffff);--inb-surface: #f1f2f4;--inb-raised: var(--jp-layout-color1, #ffffff);--inb-text: var(--jp-content-font-color0, #16181b);--inb-soft: var(--jp-content-font-color1, #3a3e44);--inb-muted: #666b73;--inb-line: #c9ccd1;--inb-hair: #e3e5e8;--inb-accent: #b7791f;--inb-focus: #1d62a1;--inb-positive: #2a71b2;--inb-negative: #c0392f;--inb-bad: #a32118;--inb-bad-surface: #fdecea;position:relative;container-type:inline-size;box-sizing:border-box;width:100%;padding:4px 2px 8px;color:var(--inb-soft);font:13px/1.45 system-ui,sans-serif;font-variant-numeric:tabular-nums;text-align:left}.inb-root.inb-dark{--inb-background: var(--jp-layout-color0, #17181a);--inb-surface: #2a2c30;--inb-raised: var(--jp-layout-color1, #222428);--inb-text: var(--jp-content-font-color0, #f0f1f3);--inb-soft: var(--jp-content-font-color1, #c9ccd1);--inb-muted: #9a9fa7;--inb-line: #55585e;--inb-hair: #3a3d42;--inb-accent: #e0a84a;--inb-focus: #85c0f7;--inb-positive: #5da6e8;--inb-negative: #f08072;--inb-bad: #ff9c8f;--inb-bad-surface: #43211e}.inb-root *,.inb-root *:before,.inb-root *:after{box-sizing:border-box}.inb-root [hidden]{display:none!important}.inb-root svg text{font-family:inherit}.inb-live{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}.inb-mark{color:var(--inb-muted);font-weight:400}.inb-token{unicode-bidi:isolate;overflow-wrap:anywhere;white-space:pre-wrap}.inb-title{display:flex;flex-wrap:wrap;align-items:baseline;gap:2px 12px;margin:0 0 8px}.inb-title h4{margin:0;font-size:14px;font-weight:600;color:var(--inb-text);letter-spacing:0}.inb-title p{margin:0;color:var(--inb-muted);font-size:12px}.inb-toolbar{display:flex;flex-wrap:wrap;align-items:center;gap:6px 14px;margin:0 0 10px}.inb-toolbar label,.inb-labelled{display:inline-flex;align-items:center;gap:5px;color:var(--inb-muted);font-size:12px}.inb-group{display:inline-flex;align-items:center}.inb-group .inb-button{border-radius:0;margin-left:-1px}.inb-group .inb-button:first-of-type{border-radius:4px 0 0 4px;margin-left:0}.inb-group .inb-button:last-of-type{border-radius:0 4px 4px 0}.inb-hint{color:var(--inb-muted);font-size:12px}.inb-root :is(button,select,input,textarea){font:inherit;font-size:12px;color:var(--inb-text);background:var(--inb-raised);border:1px solid var(--inb-line);border-radius:4px;margin:0}.inb-root select,.inb-root .inb-button{height:26px;padding:0 8px}.inb-root select{padding-right:4px;max-width:100%}.inb-root button{cursor:pointer;white-space:nowrap}.inb-root :is(button,select):hover:not(:disabled){border-color:var(--inb-muted)}.inb-root button:is([aria-expanded=true],[aria-pressed=true]){background:var(--inb-surface);border-color:var(--inb-muted);position:relative;z-index:1}.inb-root :disabled{opacity:.5;cursor:default}.inb-root .inb-primary{color:#fff;background:#1d62a1;border-color:#1d62a1}.inb-root .inb-primary:hover:not(:disabled){background:#174f83;border-color:#174f83}.inb-root .inb-icon-button{border:0;background:none;padding:0 6px;font-size:16px;line-height:20px;height:20px;color:var(--inb-muted)}.inb-root .inb-icon-button:hover{color:var(--inb-text)}.inb-root :is(button,select,input,textarea,[tabindex]):focus-visible{outline:2px solid var(--inb-focus);outline-offset:1px}.inb-error{display:flex;justify-content:space-between;gap:12px;margin:0 0 10px;padding:8px 10px;border-radius:4px;border-left:3px solid var(--inb-bad);background:var(--inb-bad-surface);color:var(--inb-text)}.inb-error:not(.inb-error-strip){flex-direction:column;gap:2px}.inb-error small{color:var(--inb-muted)}.inb-error-text{white-space:pre-wrap;overflow-wrap:anywhere;max-height:12em;overflow:auto}.inb-tooltip{position:absolute;z-index:20;max-width:min(340px,92%);padding:7px 10px;border-radius:5px;pointer-events:none;background:var(--inb-raised);color:var(--inb-text);border:1px solid var(--inb-line);box-shadow:0 3px 12px #0000002e;font-size:12px;max-height:280px;overflow:hidden}.inb-root .inb-facts{display:grid;grid-template-columns:max-content 1fr;gap:1px 10px;margin:0}.inb-root .inb-facts>*{display:block;width:auto;min-width:0;margin:0;padding:0;color:var(--inb-text);font-weight:400}.inb-root .inb-facts dt{color:var(--inb-muted)}.inb-progress{display:flex;align-items:center;gap:10px;margin:0 0 10px;font-size:12px}.inb-progress-track{flex:1;max-width:320px;height:6px;border-radius:3px;background:var(--inb-surface);overflow:hidden}.inb-progress-bar{height:100%;width:0;background:var(--inb-focus);border-radius:3px;transition:width .2s}.inb-progress[data-state=paused] .inb-progress-bar{opacity:.5}.inb-progress .inb-hint{min-width:6.5em}.inb-code{position:relative;margin:0 0 10px;border:1px solid var(--inb-hair);border-radius:4px;background:var(--inb-surface)}.inb-code pre{margin:0;padding:10px 74px 10px 12px;overflow:auto;max-height:260px;background:none;color:var(--inb-text);font:12px / 1.5 var(--jp-code-font-family, ui-monospace, monospace);white-space:pre}.inb-code .inb-button{position:absolute;top:7px;right:7px}";

// src/shared/theme.ts
function relativeLight(color) {
  const parts = color.match(/[\d.]+/g)?.map(Number);
  if (!parts || parts.length < 3 || parts.length > 3 && parts[3] === 0) return null;
  const [r = 0, g = 0, b = 0] = parts;
  return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
}
function pageTheme(el) {
  const declared = document.body?.dataset.jpThemeLight;
  if (declared) return declared === "false" ? "dark" : "light";
  for (let node = el; node; node = node.parentElement) {
    const light = relativeLight(getComputedStyle(node).backgroundColor ?? "");
    if (light !== null) return light < 0.4 ? "dark" : "light";
  }
  const scheme = getComputedStyle(document.documentElement).colorScheme ?? "";
  const prefersDark = typeof matchMedia === "function" && matchMedia("(prefers-color-scheme: dark)").matches;
  return /dark/.test(scheme) && (!/light/.test(scheme) || prefersDark) ? "dark" : "light";
}
function watchTheme(scope, home, changed) {
  if (typeof MutationObserver === "function") {
    const observer = new MutationObserver(guarded(home, changed));
    const options = {
      attributes: true,
      attributeFilter: ["class", "style", "data-jp-theme-light", "data-jp-theme-name", "data-theme"]
    };
    observer.observe(document.documentElement, options);
    if (document.body) observer.observe(document.body, options);
    scope.add(() => observer.disconnect());
  }
  if (typeof matchMedia === "function") {
    scope.listen(matchMedia("(prefers-color-scheme: dark)"), "change", changed);
  }
}

// src/shared/tooltip.ts
var GAP = 14;
function tooltipPlace(pointer, box, area) {
  const fitsRight = pointer.x + GAP + box.width <= area.width;
  const left = fitsRight ? pointer.x + GAP : pointer.x - GAP - box.width;
  const fitsBelow = pointer.y + GAP + box.height <= area.height;
  const top = fitsBelow ? pointer.y + GAP : pointer.y - GAP - box.height;
  return { left: Math.max(0, Math.min(left, area.width - box.width)), top: Math.max(0, top) };
}
var Tooltip = class {
  constructor(root) {
    this.root = root;
    root.append(this.node);
  }
  root;
  node = h("div", { class: "inb-tooltip", role: "tooltip", hidden: true });
  show(clientX, clientY, content) {
    this.node.replaceChildren(...content);
    this.node.hidden = false;
    const area = this.root.getBoundingClientRect();
    const box = this.node.getBoundingClientRect();
    const { left, top } = tooltipPlace({ x: clientX - area.left, y: clientY - area.top }, box, area);
    this.node.style.left = `${left}px`;
    this.node.style.top = `${top}px`;
  }
  hide() {
    this.node.hidden = true;
  }
};
function facts(rows) {
  const list = h("dl", { class: "inb-facts" });
  for (const [name, value] of rows) {
    list.append(h("dt", {}, name), h("dd", {}, value));
  }
  return list;
}

// src/shared/frame.ts
var Frame = class {
  constructor(el, name, css, onTheme) {
    this.name = name;
    this.root = h("div", { class: `inb-root inb-${name}`, "data-lm-suppress-shortcuts": "true" });
    this.scope = new Scope(this.root);
    this.root.addEventListener(FAILURE, (event) => {
      event.preventDefault();
      event.stopPropagation();
      this.report(event.detail);
    });
    this.scope.listen(this.root, "keydown", (event) => {
      const command = event.ctrlKey || event.metaKey || event.altKey || event.shiftKey && event.key === "Enter";
      if (!command) event.stopPropagation();
    });
    const style = h("style");
    style.textContent = theme_default + css;
    this.strip = new ErrorStrip(name, this.scope);
    this.root.append(style, this.strip.node, this.body, this.#live);
    this.tooltip = new Tooltip(this.root);
    el.append(this.root);
    this.#readTheme();
    watchTheme(this.scope, this.root, () => this.#readTheme() && onTheme());
  }
  name;
  root;
  body = div("inb-body");
  scope;
  strip;
  tooltip;
  #live = h("div", { class: "inb-live", "aria-live": "polite" });
  #theme = "light";
  #panel = null;
  get theme() {
    return this.#theme;
  }
  /** Speak to screen readers. */
  say(text) {
    if (this.#live.textContent !== text) this.#live.textContent = text;
  }
  /** Show a failed request or handler in the strip; a request that ended because the widget was closed is no news. */
  report(error) {
    if (!(error instanceof RequestError && error.type === "Closed")) this.strip.fail(error);
  }
  /** Show a failure in place of the view. */
  fail(error) {
    this.#panel?.remove();
    this.#panel = showError(this.root, this.name, error);
    this.body.hidden = true;
  }
  /** Drawing works (again). */
  recover() {
    this.#panel?.remove();
    this.#panel = null;
    this.body.hidden = false;
  }
  destroy() {
    this.scope.dispose();
    this.root.remove();
  }
  #readTheme() {
    const theme = pageTheme(this.root.parentElement ?? this.root);
    const changed = theme !== this.#theme;
    this.#theme = theme;
    this.root.classList.toggle("inb-dark", theme === "dark");
    return changed;
  }
};

// src/shared/sync.ts
var SYNC_DELAY_MS = 150;
var Sync = class {
  constructor(model) {
    this.model = model;
  }
  model;
  #timer;
  write(name, value) {
    if (JSON.stringify(this.model.get(name)) === JSON.stringify(value)) return;
    this.model.set(name, value);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), SYNC_DELAY_MS);
  }
  flush() {
    if (this.#timer === void 0) return;
    clearTimeout(this.#timer);
    this.#timer = void 0;
    this.model.save_changes();
  }
};

// src/shared/define.ts
var TRAITS = ["_meta", "_data", "selected", "state", "progress", "error", "kernel"];
var RETRY_MS = 400;
function defineWidget(name, css, mount) {
  return () => {
    const byModel = /* @__PURE__ */ new WeakMap();
    let latest;
    const share = (model) => {
      latest = { bridge: new Bridge(model), sync: new Sync(model) };
      byModel.set(model, latest);
      return latest;
    };
    return {
      initialize({ model }) {
        const shared = share(model);
        return () => shared.bridge.close();
      },
      render({ model, el }) {
        const shared = byModel.get(model) ?? latest ?? share(model);
        return renderView(name, css, mount, model, shared, el);
      }
    };
  };
}
function renderView(name, css, mount, model, shared, el) {
  let view;
  let queued = false;
  let gone = false;
  let meta;
  let retry;
  const draw = (last) => {
    queued = false;
    clearTimeout(retry);
    if (gone) return;
    const next = model.get("_meta");
    if (meta !== next && !(meta?.subject && meta.subject === next.subject)) frame.strip.forget();
    meta = next;
    frame.strip.show(String(model.get("error") ?? ""));
    try {
      view ??= mount({ model, frame, ...shared });
      view.update();
      frame.recover();
    } catch (error) {
      if (last) frame.fail(error);
      else retry = setTimeout(() => draw(true), RETRY_MS);
    }
  };
  const queue = () => {
    if (queued) return;
    queued = true;
    queueMicrotask(() => draw(false));
  };
  const frame = new Frame(el, name, css, queue);
  for (const trait of TRAITS) model.on(`change:${trait}`, queue);
  draw(true);
  return () => {
    gone = true;
    clearTimeout(retry);
    for (const trait of TRAITS) model.off(`change:${trait}`, queue);
    shared.sync.flush();
    view?.destroy();
    frame.destroy();
  };
}

// src/shared/edit.css
var edit_default = ".inb-edit{margin:0 0 12px;padding:10px 12px;border:1px solid var(--inb-hair);border-radius:5px}.inb-root .inb-field [aria-invalid=true]{border-color:var(--inb-bad);box-shadow:0 0 0 1px var(--inb-bad)}.inb-field{display:flex;flex-direction:column;gap:3px;min-width:0}.inb-field-name{font-size:11px;color:var(--inb-muted)}.inb-field textarea,.inb-field input{width:100%;min-height:28px;padding:4px 7px;font-size:13px;line-height:18px;resize:vertical;field-sizing:content;max-height:140px}.inb-chips{display:flex;flex-wrap:wrap;gap:2px}.inb-chip{padding:0 3px;border-radius:2px;background:var(--inb-surface);font-size:11px;line-height:17px;color:var(--inb-soft);max-width:100%}.inb-chip.inb-strong{outline:1px solid var(--inb-accent);color:var(--inb-text);font-weight:600}.inb-chips.inb-bad .inb-chip{outline:1px solid var(--inb-bad)}.inb-field-error{margin:0;color:var(--inb-bad);font-size:12px;white-space:pre-wrap;overflow-wrap:anywhere}.inb-edit-actions{margin-top:8px;display:flex;align-items:center;gap:10px}.inb-edit-actions>:last-child{margin-left:auto}";

// src/train_monitor/style.css
var style_default = ".inb-root h5{margin:0;font-size:12px;font-weight:600;color:var(--inb-text)}.inb-root figure{margin:0;min-width:0}.inb-train_monitor .inb-progress{flex-wrap:wrap;gap:6px 10px}.inb-train_monitor .inb-progress-track{flex:1 1 140px}.inb-run-end{margin:0 0 10px;font-size:12px;color:var(--inb-soft);overflow-wrap:anywhere}.inb-settings,.inb-settings-fields{display:inline-flex;flex-wrap:wrap;align-items:center;gap:6px 10px}.inb-settings input{width:84px;height:26px;padding:0 6px}.inb-settings [aria-invalid=true]{border-color:var(--inb-bad);box-shadow:0 0 0 1px var(--inb-bad)}.inb-panels{display:grid;grid-template-columns:repeat(var(--inb-columns, 4),minmax(0,1fr));gap:10px 14px;border-radius:4px}.inb-panel figcaption{display:flex;justify-content:space-between;align-items:baseline;gap:8px;padding:0 9px 1px 0;min-width:0}.inb-panel h5{flex:0 1 auto;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}.inb-panel-value{flex:none;font-size:12px;color:var(--inb-soft)}.inb-panel svg{display:block;max-width:100%;overflow:visible;touch-action:pan-y}.inb-density{border-radius:4px}.inb-tip-head{color:var(--inb-muted);margin-bottom:3px}.inb-changes{display:flex;flex-wrap:wrap;gap:2px 18px;margin:8px 0 0;padding:0;list-style:none;counter-reset:change;font-size:12px;color:var(--inb-soft)}.inb-changes li{counter-increment:change}.inb-changes li:before{content:counter(change);margin-right:5px;font-weight:600;color:var(--inb-accent)}.inb-sweep{overflow-x:auto;margin:0 0 10px}.inb-root .inb-sweep table{border-collapse:collapse;margin:0;font-size:12px;color:var(--inb-soft);background:none}.inb-root .inb-sweep caption{caption-side:top;text-align:left;padding:0 0 2px;color:var(--inb-muted)}.inb-root .inb-sweep :is(tr,th,td){background:none;border:0;text-align:right;font-weight:400;white-space:nowrap}.inb-root .inb-sweep :is(th,td){padding:1px 12px 1px 0}.inb-root .inb-sweep th{color:var(--inb-muted)}.inb-root .inb-sweep tbody tr{border-top:1px solid var(--inb-hair)}.inb-root .inb-sweep tr>:first-child{position:sticky;left:0;text-align:left;background:var(--inb-background)}.inb-sweep tr[data-chosen=true]{color:var(--inb-text)}.inb-root .inb-sweep button{display:inline-flex;align-items:center;gap:7px;padding:1px 4px;border:0;background:none;color:var(--inb-soft)}.inb-root .inb-sweep button[aria-pressed=true]{font-weight:600;color:var(--inb-text)}.inb-latents{display:flex;flex-direction:column;gap:14px;margin-top:14px}@container (min-width: 760px){.inb-latents{flex-direction:row;gap:14px;align-items:flex-start}.inb-densities{flex:none}.inb-peek{flex:1 1 0}}.inb-peek{min-width:0}.inb-peek-form{display:flex;flex-wrap:wrap;gap:6px;align-items:center;margin:0 0 8px}.inb-peek-form label{display:inline-flex;align-items:center;gap:5px;font-size:12px;color:var(--inb-muted)}.inb-peek-form input{width:70px;height:26px;padding:0 6px}.inb-peek-head{display:flex;flex-wrap:wrap;align-items:baseline;gap:2px 10px;min-height:26px}.inb-root .inb-peek-head button{height:20px;padding:0 6px}.inb-peek.inb-stale .inb-tops{opacity:.5}.inb-root .inb-tops{list-style:none;margin:4px 0 0;padding:0}.inb-tops li{display:flex;gap:10px;padding:2px 0;border-top:1px solid var(--inb-hair);font-size:12px;line-height:18px}.inb-top-value{flex:0 0 46px;text-align:right;color:var(--inb-muted)}.inb-top-text{min-width:0;overflow-wrap:anywhere}.inb-top-text .inb-token{padding:1px 0}.inb-top-text .inb-token{border-radius:2px}.inb-top-text .inb-top-token{font-weight:600}.inb-top-text .inb-filled .inb-mark{color:inherit}.inb-dead{margin-top:8px;font-size:12px}.inb-dead summary{cursor:pointer;color:var(--inb-soft)}.inb-dead-list{display:flex;flex-wrap:wrap;gap:3px;margin-top:5px}.inb-root .inb-dead-list button{height:20px;padding:0 5px;font-size:11px}";

// src/shared/advice.ts
function advice() {
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
      while (list.children.length > sentences.length) list.lastElementChild?.remove();
      sentences.forEach((sentence, index) => {
        const item = list.children[index] ?? list.appendChild(h("li"));
        if (item.textContent !== sentence) item.textContent = sentence;
      });
    }
  };
}

// src/shared/code_panel.ts
async function copy(text, fallback) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const selection = getSelection();
    selection?.selectAllChildren(fallback);
    return false;
  }
}
function codePanel(scope) {
  const toggle = button("Code", { "aria-expanded": "false", title: "Python that reproduces this view" });
  const code = h("code");
  const copyButton = button("Copy");
  const panel = h("div", { class: "inb-code", hidden: true }, h("pre", {}, code), copyButton);
  scope.listen(toggle, "click", () => {
    panel.hidden = !panel.hidden;
    toggle.setAttribute("aria-expanded", String(!panel.hidden));
  });
  scope.listen(copyButton, "click", async () => {
    const done = await copy(code.textContent ?? "", code);
    copyButton.textContent = done ? "Copied" : "Press Ctrl+C";
    setTimeout(() => {
      copyButton.textContent = "Copy";
    }, 1500);
  });
  return {
    toggle,
    panel,
    update(text) {
      if (code.textContent !== text) code.textContent = text;
    }
  };
}

// node_modules/d3-format/dist/d3-format.mjs
function formatDecimal(x2) {
  return Math.abs(x2 = Math.round(x2)) >= 1e21 ? x2.toLocaleString("en").replace(/,/g, "") : x2.toString(10);
}
function formatDecimalParts(x2, p) {
  if (!isFinite(x2) || x2 === 0) return null;
  var i = (x2 = p ? x2.toExponential(p - 1) : x2.toExponential()).indexOf("e"), coefficient = x2.slice(0, i);
  return [
    coefficient.length > 1 ? coefficient[0] + coefficient.slice(2) : coefficient,
    +x2.slice(i + 1)
  ];
}
function exponent(x2) {
  return x2 = formatDecimalParts(Math.abs(x2)), x2 ? x2[1] : NaN;
}
function formatGroup(grouping, thousands) {
  return function(value, width) {
    var i = value.length, t = [], j = 0, g = grouping[0], length = 0;
    while (i > 0 && g > 0) {
      if (length + g + 1 > width) g = Math.max(1, width - length);
      t.push(value.substring(i -= g, i + g));
      if ((length += g + 1) > width) break;
      g = grouping[j = (j + 1) % grouping.length];
    }
    return t.reverse().join(thousands);
  };
}
function formatNumerals(numerals) {
  return function(value) {
    return value.replace(/[0-9]/g, function(i) {
      return numerals[+i];
    });
  };
}
var re = /^(?:(.)?([<>=^]))?([+\-( ])?([$#])?(0)?(\d+)?(,)?(\.\d+)?(~)?([a-z%])?$/i;
function formatSpecifier(specifier) {
  if (!(match = re.exec(specifier))) throw new Error("invalid format: " + specifier);
  var match;
  return new FormatSpecifier({
    fill: match[1],
    align: match[2],
    sign: match[3],
    symbol: match[4],
    zero: match[5],
    width: match[6],
    comma: match[7],
    precision: match[8] && match[8].slice(1),
    trim: match[9],
    type: match[10]
  });
}
formatSpecifier.prototype = FormatSpecifier.prototype;
function FormatSpecifier(specifier) {
  this.fill = specifier.fill === void 0 ? " " : specifier.fill + "";
  this.align = specifier.align === void 0 ? ">" : specifier.align + "";
  this.sign = specifier.sign === void 0 ? "-" : specifier.sign + "";
  this.symbol = specifier.symbol === void 0 ? "" : specifier.symbol + "";
  this.zero = !!specifier.zero;
  this.width = specifier.width === void 0 ? void 0 : +specifier.width;
  this.comma = !!specifier.comma;
  this.precision = specifier.precision === void 0 ? void 0 : +specifier.precision;
  this.trim = !!specifier.trim;
  this.type = specifier.type === void 0 ? "" : specifier.type + "";
}
FormatSpecifier.prototype.toString = function() {
  return this.fill + this.align + this.sign + this.symbol + (this.zero ? "0" : "") + (this.width === void 0 ? "" : Math.max(1, this.width | 0)) + (this.comma ? "," : "") + (this.precision === void 0 ? "" : "." + Math.max(0, this.precision | 0)) + (this.trim ? "~" : "") + this.type;
};
function formatTrim(s) {
  out: for (var n = s.length, i = 1, i0 = -1, i1; i < n; ++i) {
    switch (s[i]) {
      case ".":
        i0 = i1 = i;
        break;
      case "0":
        if (i0 === 0) i0 = i;
        i1 = i;
        break;
      default:
        if (!+s[i]) break out;
        if (i0 > 0) i0 = 0;
        break;
    }
  }
  return i0 > 0 ? s.slice(0, i0) + s.slice(i1 + 1) : s;
}
var prefixExponent;
function formatPrefixAuto(x2, p) {
  var d = formatDecimalParts(x2, p);
  if (!d) return prefixExponent = void 0, x2.toPrecision(p);
  var coefficient = d[0], exponent2 = d[1], i = exponent2 - (prefixExponent = Math.max(-8, Math.min(8, Math.floor(exponent2 / 3))) * 3) + 1, n = coefficient.length;
  return i === n ? coefficient : i > n ? coefficient + new Array(i - n + 1).join("0") : i > 0 ? coefficient.slice(0, i) + "." + coefficient.slice(i) : "0." + new Array(1 - i).join("0") + formatDecimalParts(x2, Math.max(0, p + i - 1))[0];
}
function formatRounded(x2, p) {
  var d = formatDecimalParts(x2, p);
  if (!d) return x2 + "";
  var coefficient = d[0], exponent2 = d[1];
  return exponent2 < 0 ? "0." + new Array(-exponent2).join("0") + coefficient : coefficient.length > exponent2 + 1 ? coefficient.slice(0, exponent2 + 1) + "." + coefficient.slice(exponent2 + 1) : coefficient + new Array(exponent2 - coefficient.length + 2).join("0");
}
var formatTypes = {
  "%": (x2, p) => (x2 * 100).toFixed(p),
  "b": (x2) => Math.round(x2).toString(2),
  "c": (x2) => x2 + "",
  "d": formatDecimal,
  "e": (x2, p) => x2.toExponential(p),
  "f": (x2, p) => x2.toFixed(p),
  "g": (x2, p) => x2.toPrecision(p),
  "o": (x2) => Math.round(x2).toString(8),
  "p": (x2, p) => formatRounded(x2 * 100, p),
  "r": formatRounded,
  "s": formatPrefixAuto,
  "X": (x2) => Math.round(x2).toString(16).toUpperCase(),
  "x": (x2) => Math.round(x2).toString(16)
};
function identity(x2) {
  return x2;
}
var map = Array.prototype.map;
var prefixes = ["y", "z", "a", "f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E", "Z", "Y"];
function formatLocale(locale2) {
  var group2 = locale2.grouping === void 0 || locale2.thousands === void 0 ? identity : formatGroup(map.call(locale2.grouping, Number), locale2.thousands + ""), currencyPrefix = locale2.currency === void 0 ? "" : locale2.currency[0] + "", currencySuffix = locale2.currency === void 0 ? "" : locale2.currency[1] + "", decimal = locale2.decimal === void 0 ? "." : locale2.decimal + "", numerals = locale2.numerals === void 0 ? identity : formatNumerals(map.call(locale2.numerals, String)), percent = locale2.percent === void 0 ? "%" : locale2.percent + "", minus = locale2.minus === void 0 ? "−" : locale2.minus + "", nan = locale2.nan === void 0 ? "NaN" : locale2.nan + "";
  function newFormat(specifier, options) {
    specifier = formatSpecifier(specifier);
    var fill = specifier.fill, align = specifier.align, sign = specifier.sign, symbol = specifier.symbol, zero2 = specifier.zero, width = specifier.width, comma = specifier.comma, precision = specifier.precision, trim = specifier.trim, type = specifier.type;
    if (type === "n") comma = true, type = "g";
    else if (!formatTypes[type]) precision === void 0 && (precision = 12), trim = true, type = "g";
    if (zero2 || fill === "0" && align === "=") zero2 = true, fill = "0", align = "=";
    var prefix = (options && options.prefix !== void 0 ? options.prefix : "") + (symbol === "$" ? currencyPrefix : symbol === "#" && /[boxX]/.test(type) ? "0" + type.toLowerCase() : ""), suffix = (symbol === "$" ? currencySuffix : /[%p]/.test(type) ? percent : "") + (options && options.suffix !== void 0 ? options.suffix : "");
    var formatType = formatTypes[type], maybeSuffix = /[defgprs%]/.test(type);
    precision = precision === void 0 ? 6 : /[gprs]/.test(type) ? Math.max(1, Math.min(21, precision)) : Math.max(0, Math.min(20, precision));
    function format2(value) {
      var valuePrefix = prefix, valueSuffix = suffix, i, n, c;
      if (type === "c") {
        valueSuffix = formatType(value) + valueSuffix;
        value = "";
      } else {
        value = +value;
        var valueNegative = value < 0 || 1 / value < 0;
        value = isNaN(value) ? nan : formatType(Math.abs(value), precision);
        if (trim) value = formatTrim(value);
        if (valueNegative && +value === 0 && sign !== "+") valueNegative = false;
        valuePrefix = (valueNegative ? sign === "(" ? sign : minus : sign === "-" || sign === "(" ? "" : sign) + valuePrefix;
        valueSuffix = (type === "s" && !isNaN(value) && prefixExponent !== void 0 ? prefixes[8 + prefixExponent / 3] : "") + valueSuffix + (valueNegative && sign === "(" ? ")" : "");
        if (maybeSuffix) {
          i = -1, n = value.length;
          while (++i < n) {
            if (c = value.charCodeAt(i), 48 > c || c > 57) {
              valueSuffix = (c === 46 ? decimal + value.slice(i + 1) : value.slice(i)) + valueSuffix;
              value = value.slice(0, i);
              break;
            }
          }
        }
      }
      if (comma && !zero2) value = group2(value, Infinity);
      var length = valuePrefix.length + value.length + valueSuffix.length, padding = length < width ? new Array(width - length + 1).join(fill) : "";
      if (comma && zero2) value = group2(padding + value, padding.length ? width - valueSuffix.length : Infinity), padding = "";
      switch (align) {
        case "<":
          value = valuePrefix + value + valueSuffix + padding;
          break;
        case "=":
          value = valuePrefix + padding + value + valueSuffix;
          break;
        case "^":
          value = padding.slice(0, length = padding.length >> 1) + valuePrefix + value + valueSuffix + padding.slice(length);
          break;
        default:
          value = padding + valuePrefix + value + valueSuffix;
          break;
      }
      return numerals(value);
    }
    format2.toString = function() {
      return specifier + "";
    };
    return format2;
  }
  function formatPrefix2(specifier, value) {
    var e = Math.max(-8, Math.min(8, Math.floor(exponent(value) / 3))) * 3, k = Math.pow(10, -e), f = newFormat((specifier = formatSpecifier(specifier), specifier.type = "f", specifier), { suffix: prefixes[8 + e / 3] });
    return function(value2) {
      return f(k * value2);
    };
  }
  return {
    format: newFormat,
    formatPrefix: formatPrefix2
  };
}
var locale;
var format;
var formatPrefix;
defaultLocale({
  thousands: ",",
  grouping: [3],
  currency: ["$", ""]
});
function defaultLocale(definition) {
  locale = formatLocale(definition);
  format = locale.format;
  formatPrefix = locale.formatPrefix;
  return locale;
}

// src/shared/format.ts
var plain = format(".4g");
var signed = format("+.4g");
var hundredths = format("+.2f");
var si = format(".3~s");
var SPACE = " ";
function special(value) {
  if (Number.isNaN(value)) return "undefined";
  if (value === Number.POSITIVE_INFINITY) return "+∞";
  if (value === Number.NEGATIVE_INFINITY) return "−∞";
  return null;
}
function sig4(value) {
  return special(value) ?? plain(value === 0 ? 0 : value);
}
function short(value) {
  return special(value) ?? format(".3~g")(value);
}
function count(value) {
  if (value < 1e3) return String(Math.round(value));
  return si(value).replace(/([A-Zµ-ž])$/i, (unit) => SPACE + (unit === "G" ? "B" : unit));
}
function densityText(share) {
  return `${Number((100 * share).toPrecision(2))}${SPACE}%`;
}

// src/shared/progress.ts
var AFTERWARDS = {
  stopped: "stopped",
  interrupted: "interrupted",
  failed: "failed"
};
function progressText(state, progress, verb = "computing") {
  const share = `${Math.floor(100 * Math.min(1, Math.max(0, progress)))} %`;
  if (state === "running") return `${verb} ${share}`;
  if (state === "paused") return `paused at ${share}`;
  if (state === "pending") return "waiting";
  const word = AFTERWARDS[state];
  return word ? `${word} at ${share}, partial result` : null;
}
function progressBar(scope, control) {
  const bar = div("inb-progress-bar");
  const track = h(
    "div",
    { class: "inb-progress-track", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 },
    bar
  );
  const text = span("inb-hint");
  const pause = button("Pause");
  const stop = button("Stop");
  const aside = span("inb-mark");
  const node = h("div", { class: "inb-progress", hidden: true }, track, text, pause, stop, aside);
  let state = "done";
  scope.listen(pause, "click", () => control(state === "running" ? "pause" : "resume"));
  scope.listen(stop, "click", () => control("stop"));
  return {
    node,
    update(next, progress, canControl, { resumable = false, detail = "", verb } = {}) {
      state = next;
      const said = progressText(state, progress, verb);
      node.hidden = said === null;
      node.dataset.state = state;
      text.textContent = said ?? "";
      const share = Math.round(100 * Math.min(1, Math.max(0, progress)));
      bar.style.width = `${share}%`;
      track.setAttribute("aria-valuenow", String(share));
      track.setAttribute("aria-label", said ?? "done");
      const active = state === "running" || state === "paused" || state === "pending";
      track.hidden = !active;
      const ended = !active && resumable && state in AFTERWARDS;
      pause.hidden = !(active || ended) || !canControl || state === "pending";
      stop.hidden = !active || !canControl;
      pause.textContent = state === "running" ? "Pause" : "Resume";
      aside.textContent = active ? detail : "";
    }
  };
}

// node_modules/d3-shape/src/constant.js
function constant_default(x2) {
  return function constant() {
    return x2;
  };
}

// node_modules/d3-shape/src/math.js
var cos = Math.cos;
var sin = Math.sin;
var sqrt = Math.sqrt;
var pi = Math.PI;
var halfPi = pi / 2;
var tau = 2 * pi;

// node_modules/d3-path/dist/d3-path.mjs
var pi2 = Math.PI;
var tau2 = 2 * pi2;
var epsilon = 1e-6;
var tauEpsilon = tau2 - epsilon;
function append(strings) {
  this._ += strings[0];
  for (let i = 1, n = strings.length; i < n; ++i) {
    this._ += arguments[i] + strings[i];
  }
}
function appendRound(digits) {
  let d = Math.floor(digits);
  if (!(d >= 0)) throw new Error(`invalid digits: ${digits}`);
  if (d > 15) return append;
  const k = 10 ** d;
  return function(strings) {
    this._ += strings[0];
    for (let i = 1, n = strings.length; i < n; ++i) {
      this._ += Math.round(arguments[i] * k) / k + strings[i];
    }
  };
}
function equal(x0, y0, x1, y1) {
  return x0 === x1 && y0 === y1;
}
function equalRound(digits) {
  const d = Math.floor(digits);
  if (!(d <= 15)) return equal;
  const k = 10 ** d;
  const r = function(value) {
    return Math.round(value * k);
  };
  return function(x0, y0, x1, y1) {
    return r(x0) === r(x1) && r(y0) === r(y1);
  };
}
var Path = class {
  constructor(digits) {
    this._x0 = this._y0 = // start of current subpath
    this._x1 = this._y1 = null;
    this._ = "";
    this._append = digits == null ? append : appendRound(digits);
    this._equal = digits == null ? equal : equalRound(digits);
  }
  moveTo(x2, y2) {
    this._append`M${this._x0 = this._x1 = +x2},${this._y0 = this._y1 = +y2}`;
  }
  closePath() {
    if (this._x1 !== null) {
      this._x1 = this._x0, this._y1 = this._y0;
      this._append`Z`;
    }
  }
  lineTo(x2, y2) {
    this._append`L${this._x1 = +x2},${this._y1 = +y2}`;
  }
  quadraticCurveTo(x1, y1, x2, y2) {
    this._append`Q${+x1},${+y1},${this._x1 = +x2},${this._y1 = +y2}`;
  }
  bezierCurveTo(x1, y1, x2, y2, x3, y3) {
    this._append`C${+x1},${+y1},${+x2},${+y2},${this._x1 = +x3},${this._y1 = +y3}`;
  }
  arcTo(x1, y1, x2, y2, r) {
    x1 = +x1, y1 = +y1, x2 = +x2, y2 = +y2, r = +r;
    if (r < 0) throw new Error(`negative radius: ${r}`);
    let x0 = this._x1, y0 = this._y1, x21 = x2 - x1, y21 = y2 - y1, x01 = x0 - x1, y01 = y0 - y1, l01_2 = x01 * x01 + y01 * y01;
    if (this._x1 === null) {
      this._append`M${this._x1 = x1},${this._y1 = y1}`;
    } else if (!(l01_2 > epsilon)) ;
    else if (!(Math.abs(y01 * x21 - y21 * x01) > epsilon) || !r) {
      this._append`L${this._x1 = x1},${this._y1 = y1}`;
    } else {
      let x20 = x2 - x0, y20 = y2 - y0, l21_2 = x21 * x21 + y21 * y21, l20_2 = x20 * x20 + y20 * y20, l21 = Math.sqrt(l21_2), l01 = Math.sqrt(l01_2), l = r * Math.tan((pi2 - Math.acos((l21_2 + l01_2 - l20_2) / (2 * l21 * l01))) / 2), t01 = l / l01, t21 = l / l21;
      if (Math.abs(t01 - 1) > epsilon) {
        this._append`L${x1 + t01 * x01},${y1 + t01 * y01}`;
      }
      this._append`A${r},${r},0,0,${+(y01 * x20 > x01 * y20)},${this._x1 = x1 + t21 * x21},${this._y1 = y1 + t21 * y21}`;
    }
  }
  arc(x2, y2, r, a0, a1, ccw) {
    x2 = +x2, y2 = +y2, r = +r, ccw = !!ccw;
    if (r < 0) throw new Error(`negative radius: ${r}`);
    let dx = r * Math.cos(a0), dy = r * Math.sin(a0), x0 = x2 + dx, y0 = y2 + dy, cw = 1 ^ ccw, da = ccw ? a0 - a1 : a1 - a0;
    if (this._x1 === null) {
      this._append`M${x0},${y0}`;
    } else if (Math.abs(this._x1 - x0) > epsilon || Math.abs(this._y1 - y0) > epsilon) {
      this._append`L${x0},${y0}`;
    }
    if (!r) return;
    if (da < 0) da = da % tau2 + tau2;
    if (da > tauEpsilon) {
      this._append`A${r},${r},0,1,${cw},${x2 - dx},${y2 - dy}A${r},${r},0,1,${cw},${this._x1 = x0},${this._y1 = y0}`;
    } else if (da > epsilon) {
      const x1 = x2 + r * Math.cos(a1);
      const y1 = y2 + r * Math.sin(a1);
      if (da >= pi2 && this._equal(x0, y0, x1, y1)) {
        da /= 2;
        let a00 = a0 + da;
        this._append`A${r},${r},0,${+(da >= pi2)},${cw},${x2 + r * Math.cos(a00)},${y2 + r * Math.sin(a00)}`;
      }
      this._append`A${r},${r},0,${+(da >= pi2)},${cw},${this._x1 = x1},${this._y1 = y1}`;
    }
  }
  rect(x2, y2, w, h2) {
    this._append`M${this._x0 = this._x1 = +x2},${this._y0 = this._y1 = +y2}h${w = +w}v${+h2}h${-w}Z`;
  }
  toString() {
    return this._;
  }
};
function path() {
  return new Path();
}
path.prototype = Path.prototype;

// node_modules/d3-shape/src/path.js
function withPath(shape) {
  let digits = 3;
  shape.digits = function(_) {
    if (!arguments.length) return digits;
    if (_ == null) {
      digits = null;
    } else {
      const d = Math.floor(_);
      if (!(d >= 0)) throw new RangeError(`invalid digits: ${_}`);
      digits = d;
    }
    return shape;
  };
  return () => new Path(digits);
}

// node_modules/d3-shape/src/array.js
var slice = Array.prototype.slice;
function array_default(x2) {
  return typeof x2 === "object" && "length" in x2 ? x2 : Array.from(x2);
}

// node_modules/d3-shape/src/curve/linear.js
function Linear(context) {
  this._context = context;
}
Linear.prototype = {
  areaStart: function() {
    this._line = 0;
  },
  areaEnd: function() {
    this._line = NaN;
  },
  lineStart: function() {
    this._point = 0;
  },
  lineEnd: function() {
    if (this._line || this._line !== 0 && this._point === 1) this._context.closePath();
    this._line = 1 - this._line;
  },
  point: function(x2, y2) {
    x2 = +x2, y2 = +y2;
    switch (this._point) {
      case 0:
        this._point = 1;
        this._line ? this._context.lineTo(x2, y2) : this._context.moveTo(x2, y2);
        break;
      case 1:
        this._point = 2;
      // falls through
      default:
        this._context.lineTo(x2, y2);
        break;
    }
  }
};
function linear_default(context) {
  return new Linear(context);
}

// node_modules/d3-shape/src/point.js
function x(p) {
  return p[0];
}
function y(p) {
  return p[1];
}

// node_modules/d3-shape/src/line.js
function line_default(x2, y2) {
  var defined = constant_default(true), context = null, curve = linear_default, output = null, path2 = withPath(line2);
  x2 = typeof x2 === "function" ? x2 : x2 === void 0 ? x : constant_default(x2);
  y2 = typeof y2 === "function" ? y2 : y2 === void 0 ? y : constant_default(y2);
  function line2(data) {
    var i, n = (data = array_default(data)).length, d, defined0 = false, buffer;
    if (context == null) output = curve(buffer = path2());
    for (i = 0; i <= n; ++i) {
      if (!(i < n && defined(d = data[i], i, data)) === defined0) {
        if (defined0 = !defined0) output.lineStart();
        else output.lineEnd();
      }
      if (defined0) output.point(+x2(d, i, data), +y2(d, i, data));
    }
    if (buffer) return output = null, buffer + "" || null;
  }
  line2.x = function(_) {
    return arguments.length ? (x2 = typeof _ === "function" ? _ : constant_default(+_), line2) : x2;
  };
  line2.y = function(_) {
    return arguments.length ? (y2 = typeof _ === "function" ? _ : constant_default(+_), line2) : y2;
  };
  line2.defined = function(_) {
    return arguments.length ? (defined = typeof _ === "function" ? _ : constant_default(!!_), line2) : defined;
  };
  line2.curve = function(_) {
    return arguments.length ? (curve = _, context != null && (output = curve(context)), line2) : curve;
  };
  line2.context = function(_) {
    return arguments.length ? (_ == null ? context = output = null : output = curve(context = _), line2) : context;
  };
  return line2;
}

// node_modules/d3-shape/src/symbol/circle.js
var circle_default = {
  draw(context, size) {
    const r = sqrt(size / pi);
    context.moveTo(r, 0);
    context.arc(0, 0, r, 0, tau);
  }
};

// node_modules/d3-shape/src/symbol/cross.js
var cross_default = {
  draw(context, size) {
    const r = sqrt(size / 5) / 2;
    context.moveTo(-3 * r, -r);
    context.lineTo(-r, -r);
    context.lineTo(-r, -3 * r);
    context.lineTo(r, -3 * r);
    context.lineTo(r, -r);
    context.lineTo(3 * r, -r);
    context.lineTo(3 * r, r);
    context.lineTo(r, r);
    context.lineTo(r, 3 * r);
    context.lineTo(-r, 3 * r);
    context.lineTo(-r, r);
    context.lineTo(-3 * r, r);
    context.closePath();
  }
};

// node_modules/d3-shape/src/symbol/diamond.js
var tan30 = sqrt(1 / 3);
var tan30_2 = tan30 * 2;
var diamond_default = {
  draw(context, size) {
    const y2 = sqrt(size / tan30_2);
    const x2 = y2 * tan30;
    context.moveTo(0, -y2);
    context.lineTo(x2, 0);
    context.lineTo(0, y2);
    context.lineTo(-x2, 0);
    context.closePath();
  }
};

// node_modules/d3-shape/src/symbol/square.js
var square_default = {
  draw(context, size) {
    const w = sqrt(size);
    const x2 = -w / 2;
    context.rect(x2, x2, w, w);
  }
};

// node_modules/d3-shape/src/symbol/star.js
var ka = 0.8908130915292852;
var kr = sin(pi / 10) / sin(7 * pi / 10);
var kx = sin(tau / 10) * kr;
var ky = -cos(tau / 10) * kr;
var star_default = {
  draw(context, size) {
    const r = sqrt(size * ka);
    const x2 = kx * r;
    const y2 = ky * r;
    context.moveTo(0, -r);
    context.lineTo(x2, y2);
    for (let i = 1; i < 5; ++i) {
      const a = tau * i / 5;
      const c = cos(a);
      const s = sin(a);
      context.lineTo(s * r, -c * r);
      context.lineTo(c * x2 - s * y2, s * x2 + c * y2);
    }
    context.closePath();
  }
};

// node_modules/d3-shape/src/symbol/triangle.js
var sqrt3 = sqrt(3);
var triangle_default = {
  draw(context, size) {
    const y2 = -sqrt(size / (sqrt3 * 3));
    context.moveTo(0, y2 * 2);
    context.lineTo(-sqrt3 * y2, -y2);
    context.lineTo(sqrt3 * y2, -y2);
    context.closePath();
  }
};

// node_modules/d3-shape/src/symbol.js
function Symbol2(type, size) {
  let context = null, path2 = withPath(symbol);
  type = typeof type === "function" ? type : constant_default(type || circle_default);
  size = typeof size === "function" ? size : constant_default(size === void 0 ? 64 : +size);
  function symbol() {
    let buffer;
    if (!context) context = buffer = path2();
    type.apply(this, arguments).draw(context, +size.apply(this, arguments));
    if (buffer) return context = null, buffer + "" || null;
  }
  symbol.type = function(_) {
    return arguments.length ? (type = typeof _ === "function" ? _ : constant_default(_), symbol) : type;
  };
  symbol.size = function(_) {
    return arguments.length ? (size = typeof _ === "function" ? _ : constant_default(+_), symbol) : size;
  };
  symbol.context = function(_) {
    return arguments.length ? (context = _ == null ? null : _, symbol) : context;
  };
  return symbol;
}

// node_modules/d3-array/dist/d3-array.mjs
function ascending(a, b) {
  return a == null || b == null ? NaN : a < b ? -1 : a > b ? 1 : a >= b ? 0 : NaN;
}
function descending(a, b) {
  return a == null || b == null ? NaN : b < a ? -1 : b > a ? 1 : b >= a ? 0 : NaN;
}
function bisector(f) {
  let compare1, compare2, delta;
  if (f.length !== 2) {
    compare1 = ascending;
    compare2 = (d, x2) => ascending(f(d), x2);
    delta = (d, x2) => f(d) - x2;
  } else {
    compare1 = f === ascending || f === descending ? f : zero;
    compare2 = f;
    delta = f;
  }
  function left(a, x2, lo = 0, hi = a.length) {
    if (lo < hi) {
      if (compare1(x2, x2) !== 0) return hi;
      do {
        const mid = lo + hi >>> 1;
        if (compare2(a[mid], x2) < 0) lo = mid + 1;
        else hi = mid;
      } while (lo < hi);
    }
    return lo;
  }
  function right(a, x2, lo = 0, hi = a.length) {
    if (lo < hi) {
      if (compare1(x2, x2) !== 0) return hi;
      do {
        const mid = lo + hi >>> 1;
        if (compare2(a[mid], x2) <= 0) lo = mid + 1;
        else hi = mid;
      } while (lo < hi);
    }
    return lo;
  }
  function center(a, x2, lo = 0, hi = a.length) {
    const i = left(a, x2, lo, hi - 1);
    return i > lo && delta(a[i - 1], x2) > -delta(a[i], x2) ? i - 1 : i;
  }
  return { left, center, right };
}
function zero() {
  return 0;
}
function number(x2) {
  return x2 === null ? NaN : +x2;
}
var ascendingBisect = bisector(ascending);
var bisectRight = ascendingBisect.right;
var bisectLeft = ascendingBisect.left;
var bisectCenter = bisector(number).center;
var blur2 = Blur2(blurf);
var blurImage = Blur2(blurfImage);
function Blur2(blur) {
  return function(data, rx, ry = rx) {
    if (!((rx = +rx) >= 0)) throw new RangeError("invalid rx");
    if (!((ry = +ry) >= 0)) throw new RangeError("invalid ry");
    let { data: values, width, height } = data;
    if (!((width = Math.floor(width)) >= 0)) throw new RangeError("invalid width");
    if (!((height = Math.floor(height !== void 0 ? height : values.length / width)) >= 0)) throw new RangeError("invalid height");
    if (!width || !height || !rx && !ry) return data;
    const blurx = rx && blur(rx);
    const blury = ry && blur(ry);
    const temp = values.slice();
    if (blurx && blury) {
      blurh(blurx, temp, values, width, height);
      blurh(blurx, values, temp, width, height);
      blurh(blurx, temp, values, width, height);
      blurv(blury, values, temp, width, height);
      blurv(blury, temp, values, width, height);
      blurv(blury, values, temp, width, height);
    } else if (blurx) {
      blurh(blurx, values, temp, width, height);
      blurh(blurx, temp, values, width, height);
      blurh(blurx, values, temp, width, height);
    } else if (blury) {
      blurv(blury, values, temp, width, height);
      blurv(blury, temp, values, width, height);
      blurv(blury, values, temp, width, height);
    }
    return data;
  };
}
function blurh(blur, T, S, w, h2) {
  for (let y2 = 0, n = w * h2; y2 < n; ) {
    blur(T, S, y2, y2 += w, 1);
  }
}
function blurv(blur, T, S, w, h2) {
  for (let x2 = 0, n = w * h2; x2 < w; ++x2) {
    blur(T, S, x2, x2 + n, w);
  }
}
function blurfImage(radius) {
  const blur = blurf(radius);
  return (T, S, start, stop, step) => {
    start <<= 2, stop <<= 2, step <<= 2;
    blur(T, S, start + 0, stop + 0, step);
    blur(T, S, start + 1, stop + 1, step);
    blur(T, S, start + 2, stop + 2, step);
    blur(T, S, start + 3, stop + 3, step);
  };
}
function blurf(radius) {
  const radius0 = Math.floor(radius);
  if (radius0 === radius) return bluri(radius);
  const t = radius - radius0;
  const w = 2 * radius + 1;
  return (T, S, start, stop, step) => {
    if (!((stop -= step) >= start)) return;
    let sum = radius0 * S[start];
    const s0 = step * radius0;
    const s1 = s0 + step;
    for (let i = start, j = start + s0; i < j; i += step) {
      sum += S[Math.min(stop, i)];
    }
    for (let i = start, j = stop; i <= j; i += step) {
      sum += S[Math.min(stop, i + s0)];
      T[i] = (sum + t * (S[Math.max(start, i - s1)] + S[Math.min(stop, i + s1)])) / w;
      sum -= S[Math.max(start, i - s0)];
    }
  };
}
function bluri(radius) {
  const w = 2 * radius + 1;
  return (T, S, start, stop, step) => {
    if (!((stop -= step) >= start)) return;
    let sum = radius * S[start];
    const s = step * radius;
    for (let i = start, j = start + s; i < j; i += step) {
      sum += S[Math.min(stop, i)];
    }
    for (let i = start, j = stop; i <= j; i += step) {
      sum += S[Math.min(stop, i + s)];
      T[i] = sum / w;
      sum -= S[Math.max(start, i - s)];
    }
  };
}
var array = Array.prototype;
var slice2 = array.slice;
var e10 = Math.sqrt(50);
var e5 = Math.sqrt(10);
var e2 = Math.sqrt(2);
function tickSpec(start, stop, count2) {
  const step = (stop - start) / Math.max(0, count2), power = Math.floor(Math.log10(step)), error = step / Math.pow(10, power), factor = error >= e10 ? 10 : error >= e5 ? 5 : error >= e2 ? 2 : 1;
  let i1, i2, inc;
  if (power < 0) {
    inc = Math.pow(10, -power) / factor;
    i1 = Math.round(start * inc);
    i2 = Math.round(stop * inc);
    if (i1 / inc < start) ++i1;
    if (i2 / inc > stop) --i2;
    inc = -inc;
  } else {
    inc = Math.pow(10, power) * factor;
    i1 = Math.round(start / inc);
    i2 = Math.round(stop / inc);
    if (i1 * inc < start) ++i1;
    if (i2 * inc > stop) --i2;
  }
  if (i2 < i1 && 0.5 <= count2 && count2 < 2) return tickSpec(start, stop, count2 * 2);
  return [i1, i2, inc];
}
function ticks(start, stop, count2) {
  stop = +stop, start = +start, count2 = +count2;
  if (!(count2 > 0)) return [];
  if (start === stop) return [start];
  const reverse = stop < start, [i1, i2, inc] = reverse ? tickSpec(stop, start, count2) : tickSpec(start, stop, count2);
  if (!(i2 >= i1)) return [];
  const n = i2 - i1 + 1, ticks2 = new Array(n);
  if (reverse) {
    if (inc < 0) for (let i = 0; i < n; ++i) ticks2[i] = (i2 - i) / -inc;
    else for (let i = 0; i < n; ++i) ticks2[i] = (i2 - i) * inc;
  } else {
    if (inc < 0) for (let i = 0; i < n; ++i) ticks2[i] = (i1 + i) / -inc;
    else for (let i = 0; i < n; ++i) ticks2[i] = (i1 + i) * inc;
  }
  return ticks2;
}
function tickIncrement(start, stop, count2) {
  stop = +stop, start = +start, count2 = +count2;
  return tickSpec(start, stop, count2)[2];
}
function nice(start, stop, count2) {
  let prestep;
  while (true) {
    const step = tickIncrement(start, stop, count2);
    if (step === prestep || step === 0 || !isFinite(step)) {
      return [start, stop];
    } else if (step > 0) {
      const i = Math.ceil(start / step);
      const j = Math.floor(stop / step);
      start = (i - (i * step > start)) * step;
      stop = (j + (j * step < stop)) * step;
    } else if (step < 0) {
      const s = -step;
      const i = Math.ceil(start * s);
      const j = Math.floor(stop * s);
      start = (i - (i / s > start)) / s;
      stop = (j + (j / s < stop)) / s;
    }
    prestep = step;
  }
}
var shuffle = shuffler(Math.random);
function shuffler(random) {
  return function shuffle2(array2, i0 = 0, i1 = array2.length) {
    let m = i1 - (i0 = +i0);
    while (m) {
      const i = random() * m-- | 0, t = array2[m + i0];
      array2[m + i0] = array2[i + i0];
      array2[i + i0] = t;
    }
    return array2;
  };
}

// src/shared/scale.ts
var DIVERGING = {
  light: [
    "#8e0b25",
    "#c0392f",
    "#e07a5c",
    "#f6b799",
    "#fbe3d4",
    "#f6f6f5",
    "#d7e8f2",
    "#a3cce3",
    "#5ea3cd",
    "#2a71b2",
    "#0f437f"
  ],
  dark: [
    "#ffc2b8",
    "#ff8f7f",
    "#e0604f",
    "#a5433a",
    "#5c302d",
    "#2b2c2f",
    "#293f55",
    "#2f6596",
    "#3f8fd4",
    "#79b9f2",
    "#c3e2ff"
  ]
};
var SEQUENTIAL = {
  light: ["#f6f6f5", "#dbe9f3", "#aed0e6", "#72afd6", "#3d88c0", "#1d62a1", "#0b3c74", "#062650"],
  dark: ["#26272a", "#27394c", "#2a557b", "#2f76b0", "#4b9ae0", "#85c0f7", "#c0e0ff", "#ecf6ff"]
};
var STEPS = 256;
var ramps = /* @__PURE__ */ new Map();
function ramp(kind, theme) {
  return rampOf((kind === "diverging" ? DIVERGING : SEQUENTIAL)[theme]);
}
function rampOf(stops) {
  let colors = ramps.get(stops);
  if (!colors) {
    colors = Array.from({ length: STEPS + 1 }, (_, i) => between(stops, i / STEPS));
    ramps.set(stops, colors);
  }
  return colors;
}
function between(stops, share) {
  const at = share * (stops.length - 1);
  const from = Math.min(Math.floor(at), stops.length - 2);
  const channel = (hex2, start) => Number.parseInt((hex2 ?? "").slice(start, start + 2), 16);
  const mix = [1, 3, 5].map((start) => {
    const low = channel(stops[from], start);
    return Math.round(low + (at - from) * (channel(stops[from + 1], start) - low));
  });
  return `#${mix.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}
function makeScale(kind, low, high, stops) {
  const colors = rampOf(stops);
  const color = (value) => {
    const share = Math.min(1, Math.max(0, (value - low) / (high - low)));
    return colors[Math.round(share * STEPS)] ?? "#808080";
  };
  return { kind, low, high, color };
}
function sequential(high, theme) {
  return makeScale("sequential", 0, high, SEQUENTIAL[theme]);
}
function luminance(hex2) {
  const channel = (at) => {
    const c = Number.parseInt(hex2.slice(at, at + 2), 16) / 255;
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}
function inkOn(hex2) {
  const light = luminance(hex2);
  return 1.05 / (light + 0.05) > (light + 0.05) / 0.05 ? "#ffffff" : "#000000";
}

// src/shared/strokes.ts
var DASHES = [void 0, "6 3", "2 2.5", "9 3 2 3", "12 4", "4 2 1 2"];
var MARKS = [circle_default, square_default, triangle_default, diamond_default, cross_default, star_default];
var FROM = 0.46;
var TO = 0.92;
function stroke(index, total2, theme) {
  const colors = ramp("sequential", theme);
  const share = total2 > 1 ? TO - (TO - FROM) * index / (total2 - 1) : 0.7;
  return {
    color: colors[Math.round(share * (colors.length - 1))] ?? "#808080",
    dash: DASHES[index % DASHES.length],
    mark: Symbol2(MARKS[index % MARKS.length], 30)() ?? ""
  };
}
function sample(line2) {
  return [
    {
      tag: "path",
      attrs: { d: "M1 7H31", stroke: line2.color, "stroke-width": 2, "stroke-dasharray": line2.dash, fill: "none" }
    },
    { tag: "path", attrs: { d: line2.mark, transform: "translate(24 7)", fill: line2.color } }
  ];
}

// src/shared/decode.ts
var BYTES = { float32: 4, float16: 2, int32: 4, uint8: 1 };
function toView(bytes) {
  if (bytes instanceof ArrayBuffer) return new DataView(bytes);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
function decodeArray(bytes, dtype, shape, offset = 0) {
  const size = BYTES[dtype];
  if (size === void 0) throw new RangeError(`unknown dtype ${String(dtype)}: expected one of ${Object.keys(BYTES)}`);
  const length = shape.reduce((product, n) => product * n, 1);
  const view = toView(bytes);
  if (offset < 0 || offset + length * size > view.byteLength) {
    throw new RangeError(
      `${dtype} [${shape.join(", ")}] at byte ${offset} needs ${offset + length * size} bytes, got ${view.byteLength}`
    );
  }
  const start = view.byteOffset + offset;
  const copy2 = view.buffer.slice(start, start + length * size);
  if (dtype === "uint8") return new Uint8Array(copy2);
  if (dtype === "int32") return new Int32Array(copy2);
  if (dtype === "float32") return new Float32Array(copy2);
  return halvesToFloats(new Uint16Array(copy2));
}
function halvesToFloats(halves) {
  const out = new Float32Array(halves.length);
  const bits = new Uint32Array(out.buffer);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i] ?? 0;
    const special2 = (half & 31744) === 31744;
    bits[i] = (half & 32768) << 16 | (half & 32767) << 13 | (special2 ? 2139095040 : 0);
    if (!special2) out[i] = (out[i] ?? 0) * 2 ** 112;
  }
  return out;
}
function readArray(arrays, data, name, rank) {
  const spec = arrays[name];
  if (!spec) throw new RangeError(`no array "${name}" among ${Object.keys(arrays).join(", ") || "none"}`);
  if (spec.shape.length !== rank) throw new RangeError(`array "${name}" must have ${rank} axes, got ${spec.shape}`);
  return { values: decodeArray(data, spec.dtype, spec.shape, spec.offset), shape: spec.shape };
}

// src/train_monitor/data.ts
var FLAG = { measured: 1, nan: 2, plus: 4, minus: 8 };
var MILLION = 1e6;
function readRun(meta, bytes) {
  const density = readArray(meta.arrays, bytes, "density", 2);
  const never = readArray(meta.arrays, bytes, "never_fired", 1);
  const bins = meta.edges.length - 1;
  if (density.shape[1] !== bins || density.shape[0] !== meta.saes.length) {
    throw new RangeError(`densities are [${density.shape}], expected [${meta.saes.length}, ${bins}]`);
  }
  const saes = meta.saes.map(({ name }, index) => {
    const rows = (part) => {
      const { values, shape } = readArray(meta.arrays, bytes, `${part}.${index}`, 2);
      const [count2 = 0, length = 0] = shape;
      return Array.from({ length: count2 }, (_, row) => values.subarray(row * length, (row + 1) * length));
    };
    const [millions = [], rest = [], steps = []] = rows("ends");
    const last = rows("last");
    const flags = rows("flags");
    if (last.length !== meta.series.length) {
      throw new RangeError(`${last.length} curves of ${name}, expected ${meta.series.length}`);
    }
    const merged = `low.${index}` in meta.arrays;
    const low = merged ? rows("low") : last;
    const high = merged ? rows("high") : last;
    return {
      name,
      tokens: Float64Array.from(millions, (million, i) => million * MILLION + (rest[i] ?? 0)),
      steps,
      curves: last.map((values, row) => ({
        low: low[row] ?? [],
        high: high[row] ?? [],
        last: values,
        flags: flags[row] ?? []
      })),
      density: density.values.subarray(index * bins, (index + 1) * bins),
      neverFired: never.values[index] ?? 0,
      merged
    };
  });
  return { meta, saes };
}
function bucketAt(sae, tokens) {
  const after = bisectRight(sae.tokens, tokens - 0.5);
  return Math.max(0, Math.min(sae.tokens.length - 1, after));
}
function nearestBucket(sae, tokens) {
  const after = bucketAt(sae, tokens);
  const before = Math.max(0, after - 1);
  const gap = (index) => Math.abs((sae.tokens[index] ?? 0) - tokens);
  return gap(before) < gap(after) ? before : after;
}
function reading(curve, index) {
  for (let at = Math.min(index, curve.flags.length - 1); at >= 0; at--) {
    const flags = curve.flags[at] ?? 0;
    if (flags & FLAG.measured) return { value: curve.last[at] ?? Number.NaN, index: at };
    if (flags & FLAG.plus) return { value: Number.POSITIVE_INFINITY, index: at };
    if (flags & FLAG.minus) return { value: Number.NEGATIVE_INFINITY, index: at };
    if (flags & FLAG.nan) return { value: Number.NaN, index: at };
  }
  return null;
}

// src/shared/ink.ts
var PAGE_INK = {
  text: "var(--inb-text)",
  soft: "var(--inb-soft)",
  muted: "var(--inb-muted)",
  line: "var(--inb-line)",
  surface: "var(--inb-surface)",
  background: "var(--inb-background)",
  accent: "var(--inb-accent)"
};
var FILE_INK = {
  text: "#16181b",
  soft: "#3a3e44",
  muted: "#666b73",
  line: "#c9ccd1",
  surface: "#f1f2f4",
  background: "#ffffff",
  accent: "#b7791f"
};

// src/shared/shapes.ts
var SVG = "http://www.w3.org/2000/svg";
function group(attrs = {}, children = []) {
  return { tag: "g", attrs: attrs ?? {}, children };
}
function line(d, stroke2, width = 1, more = {}) {
  return { tag: "path", attrs: { d, stroke: stroke2, "stroke-width": width, fill: "none", ...more } };
}
function label(x2, y2, text, fill, size, anchor = "start", weight) {
  const attrs = { x: x2, y: y2, "text-anchor": anchor, "font-size": size, "font-weight": weight, fill };
  return { tag: "text", attrs, text };
}
function toNode(shape) {
  const node = document.createElementNS(SVG, shape.tag);
  for (const [name, value] of Object.entries(shape.attrs ?? {})) {
    if (value !== void 0) node.setAttribute(name, String(value));
  }
  if (shape.text !== void 0) node.textContent = shape.text;
  for (const child of shape.children ?? []) node.append(toNode(child));
  return node;
}
function svgRoot(width, height, attrs = {}) {
  const node = document.createElementNS(SVG, "svg");
  sizeSvg(node, width, height);
  for (const [name, value] of Object.entries(attrs)) node.setAttribute(name, value);
  return node;
}
function sizeSvg(node, width, height) {
  node.setAttribute("width", String(width));
  node.setAttribute("height", String(height));
  node.setAttribute("viewBox", `0 0 ${width} ${height}`);
}
var ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
function escapeXml(text) {
  const allowed = text.toWellFormed().replace(/[\p{Cc}\ufffe\uffff]/gu, (char) => /[\t\n\r]/.test(char) ? char : "�");
  return allowed.replace(/[&<>"']/g, (char) => ESCAPES[char] ?? "");
}
function toMarkup(shape) {
  const attrs = Object.entries(shape.attrs ?? {}).filter(([, value]) => value !== void 0).map(([name, value]) => ` ${name}="${escapeXml(String(value))}"`).join("");
  const inner = escapeXml(shape.text ?? "") + (shape.children ?? []).map(toMarkup).join("");
  return inner ? `<${shape.tag}${attrs}>${inner}</${shape.tag}>` : `<${shape.tag}${attrs}/>`;
}
function svgFile(width, height, background, shapes) {
  const back = { tag: "rect", attrs: { width, height, fill: background } };
  return `<svg xmlns="${SVG}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif" font-size="12">${[back, ...shapes].map(toMarkup).join("\n")}</svg>
`;
}
function moved(x2, y2, children) {
  return group({ transform: `translate(${x2} ${y2})` }, children);
}

// src/shared/axis.ts
function linearAxis(low, high, count2 = 4) {
  const span2 = high - low || 1;
  return {
    low,
    high,
    log: false,
    at: (value) => (value - low) / span2,
    value: (share) => low + share * span2,
    ticks: ticks(low, high, count2)
  };
}
function logAxis(low, high, count2 = 4) {
  const from = Math.log10(low);
  const span2 = Math.log10(high) - from || 1;
  return {
    low,
    high,
    log: true,
    at: (value) => (Math.log10(value) - from) / span2,
    value: (share) => 10 ** (from + share * span2),
    ticks: logTicks(low, high, count2)
  };
}
function logTicks(low, high, count2) {
  const first = Math.floor(Math.log10(low) + 1e-9);
  const last = Math.ceil(Math.log10(high) - 1e-9);
  const inside = (steps) => Array.from({ length: last - first + 1 }, (_, i) => first + i).flatMap((power) => steps.map((step) => step * 10 ** power)).filter((value) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9));
  for (const steps of [[1, 2, 5], [1, 3], [1]]) {
    const found = inside(steps);
    if (found.length <= count2 + 1) return found.length > 1 ? found : [low, high];
  }
  const powers = inside([1]);
  const every = Math.ceil(powers.length / count2);
  return powers.filter((_, i) => i % every === 0);
}

// src/train_monitor/words.ts
var lean = format(".4~g");
function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours) return `${hours}${SPACE}h ${minutes}${SPACE}min`;
  return minutes ? `${minutes}${SPACE}min ${whole % 60}${SPACE}s` : `${whole}${SPACE}s`;
}
function paceText(status) {
  const parts = [`${count(status.tokens)} of ${count(status.n_tokens)} tokens`];
  if (status.filling !== null) return `filling the buffer, ${percentTick(Math.floor(100 * status.filling) / 100)}`;
  if (status.tokens_per_second !== null) parts.push(`${count(status.tokens_per_second)} tokens/s`);
  if (status.seconds_left !== null && status.state === "running") parts.push(`${duration(status.seconds_left)} left`);
  return parts.join(" · ");
}
function endText(status) {
  if (["running", "paused", "pending"].includes(status.state)) return "";
  return [status.state, `${count(status.tokens)} tokens`, `step ${status.step.toLocaleString("en")}`, status.reason].filter(Boolean).join(" · ");
}
function valueText(value) {
  return sig4(value);
}
function readingText(sae, row, index, where = true) {
  const curve = sae.curves[row];
  const found = curve && reading(curve, index);
  if (!found) return "–";
  const text = valueText(found.value);
  return found.index === index || !where ? text : `${text} (at ${count(sae.tokens[found.index] ?? 0)})`;
}
function rangeText(sae, row, index) {
  const curve = sae.curves[row];
  const low = curve?.low[index] ?? Number.NaN;
  const high = curve?.high[index] ?? Number.NaN;
  return sae.merged && low < high ? `${sig4(low)} to ${sig4(high)}` : "";
}
function placeText(sae, index) {
  const step = Number(sae.steps[index] ?? 0).toLocaleString("en");
  return `step ${step} · ${Math.round(sae.tokens[index] ?? 0).toLocaleString("en")} tokens`;
}
function describeMoment(series, sae, index) {
  const values = series.map(({ label: label2 }, row) => `${label2} ${readingText(sae, row, index)}`);
  return `${sae.name}, ${placeText(sae, index)}: ${values.join(", ")}`;
}
function changeText(data, change) {
  const all = change.saes.length === data.saes.length;
  const of = all ? "" : `, ${change.saes.map((sae) => data.saes[sae]?.name ?? "").join(", ")}`;
  const value = (number2) => number2 === null ? "…" : lean(number2);
  return `${change.label} ${value(change.old)} → ${value(change.new)}${of}`;
}
function adviceTitle({ saes }, sae) {
  const others = saes.filter((each, index) => index !== sae && each.advice.length).length;
  const of = saes.length > 1 ? ` for ${saes[sae]?.name ?? ""}` : "";
  const more = others ? ` (${others} ${others === 1 ? "other has" : "others have"} some, choose it above)` : "";
  return `Advice${of}${more}`;
}
function binText(data, sae, bin) {
  const { edges } = data.meta;
  const one = data.saes[sae];
  const latents = (number2) => `${number2.toLocaleString("en")} ${number2 === 1 ? "latent" : "latents"}`;
  if (bin < 0) return `never fired: ${latents(one?.neverFired ?? 0)}`;
  const share = (edge) => densityText(10 ** (edges[edge] ?? 0));
  return `on ${share(bin)} to ${share(bin + 1)} of tokens: ${latents(one?.density[bin] ?? 0)}`;
}
function percentTick(share) {
  return `${Number((100 * share).toPrecision(3))}${SPACE}%`;
}

// src/train_monitor/plot.ts
var MARGIN = { left: 42, right: 9, top: 7, bottom: 19 };
var TICK_SIZE = 10.5;
var APART = 9;
var DOTS = 40;
function frameOf({ width, height, x: x2, y: y2 }) {
  const [left, right] = [MARGIN.left, width - MARGIN.right];
  const [top, bottom] = [MARGIN.top, height - MARGIN.bottom];
  const clamp = (share) => Math.max(0, Math.min(1, share));
  return {
    x: (tokens) => left + clamp(x2.at(tokens)) * (right - left),
    y: (value) => bottom - clamp(y2.at(value)) * (bottom - top),
    left,
    right,
    top,
    bottom
  };
}
var round = (value) => Math.round(value * 10) / 10;
function axisShapes(props) {
  const { x: x2, y: y2, ink } = props;
  const at = frameOf(props);
  const text = props.tickText ?? shortTick;
  const out = [];
  for (const tick of y2.ticks) {
    const height = round(at.y(tick));
    out.push(line(`M${at.left} ${height}H${at.right}`, ink.line, 1, { opacity: 0.45 }));
    out.push(label(at.left - 6, height + 3.6, text(tick), ink.muted, TICK_SIZE, "end"));
  }
  let free = Number.NEGATIVE_INFINITY;
  for (const tick of x2.ticks) {
    const place = at.x(tick);
    const words = count(tick);
    const half = words.length * TICK_SIZE * 0.3;
    const middle = Math.min(place, at.right + MARGIN.right - half);
    if (middle - half < free) continue;
    free = middle + half + 6;
    out.push(line(`M${round(place)} ${at.bottom}v3`, ink.muted, 1));
    out.push(label(round(middle), at.bottom + 14, words, ink.muted, TICK_SIZE, "middle"));
  }
  out.push(line(`M${at.left} ${at.bottom}H${at.right}`, ink.muted, 1));
  return out;
}
function shortTick(value) {
  return Math.abs(value) >= 1e3 ? count(value) : String(Number(value.toPrecision(3)));
}
function changeShapes(props) {
  const at = frameOf(props);
  let last = Number.NEGATIVE_INFINITY;
  return props.changes.flatMap((tokens, index) => {
    const place = round(at.x(tokens));
    const out = [line(`M${place} ${at.top}V${at.bottom}`, props.ink.accent, 1, { "stroke-dasharray": "2 2" })];
    if (place - last >= APART) {
      last = place;
      out.push({ tag: "path", attrs: { d: `M${place} ${at.bottom}l-4 -6h8z`, fill: props.ink.accent } });
      out.push(label(place + 4, at.top + 7, String(index + 1), props.ink.accent, 9.5, "start", 600));
    }
    return out;
  });
}
function points({ sae, curve }, at) {
  const out = [];
  for (let i = 0; i < sae.tokens.length; i++) {
    const flags = curve.flags[i] ?? 0;
    if (!flags) continue;
    const broken = !(flags & FLAG.measured);
    const y2 = (value) => broken ? 0 : round(at.y(value ?? 0));
    const x2 = round(at.x(sae.tokens[i] ?? 0));
    out.push({ x: x2, low: y2(curve.low[i]), high: y2(curve.high[i]), last: y2(curve.last[i]), broken });
  }
  return out;
}
function lineShapes(props) {
  const at = frameOf(props);
  const ordered = [...props.lines].sort((a, b) => Number(a.strong) - Number(b.strong));
  return ordered.flatMap((one) => {
    const { stroke: stroke2, strong, sae } = one;
    const drawn = points(one, at);
    const out = [];
    const defined = (point) => !point.broken;
    if (sae.merged) {
      const bars = drawn.filter(defined).map(({ x: x2, low, high }) => `M${x2} ${low}V${high}`);
      out.push(line(bars.join(""), stroke2.color, 1.6, { opacity: strong ? 0.4 : 0.22 }));
    }
    const d = line_default(
      (p) => p.x,
      (p) => p.last
    ).defined(defined)(drawn);
    const dash = { "stroke-dasharray": stroke2.dash, "stroke-linejoin": "round" };
    if (d) out.push(line(d, stroke2.color, strong ? 1.9 : 1.3, dash));
    const whole = drawn.filter(defined);
    if (whole.length <= DOTS) {
      for (const point of whole) out.push(dot(point.x, point.last, 1.8, stroke2.color));
    }
    const end = whole.at(-1);
    if (end && props.lines.length > 1) {
      const place = `translate(${end.x} ${end.last})`;
      out.push({ tag: "path", attrs: { d: stroke2.mark, transform: place, fill: stroke2.color } });
    }
    return [...out, ...oddShapes(one, props, at)];
  });
}
function dot(cx, cy, r, fill) {
  return { tag: "circle", attrs: { cx, cy, r, fill } };
}
function oddShapes({ sae, curve }, props, at) {
  const { y: y2, ink } = props;
  const bad = ink === FILE_INK ? "#a32118" : "var(--inb-bad)";
  const out = [];
  const last = { nan: -APART, plus: -APART, minus: -APART, above: -APART, below: -APART };
  const mark2 = (kind, x2, shape) => {
    if (x2 - last[kind] < APART) return;
    last[kind] = x2;
    out.push(shape());
  };
  for (let i = 0; i < sae.tokens.length; i++) {
    const flags = curve.flags[i] ?? 0;
    if (!flags) continue;
    const x2 = round(at.x(sae.tokens[i] ?? 0));
    if (flags & FLAG.nan) {
      const cross = `M${x2 - 3} ${at.bottom - 7}l6 6m0 -6l-6 6`;
      mark2("nan", x2, () => line(cross, bad, 1.5, { "data-mark": "nan" }));
    }
    if (flags & FLAG.plus) mark2("plus", x2, () => label(x2, at.top + 18, "+∞", bad, 10, "middle", 600));
    if (flags & FLAG.minus) mark2("minus", x2, () => label(x2, at.bottom - 3, "−∞", bad, 10, "middle", 600));
    if (!(flags & FLAG.measured)) continue;
    if ((curve.high[i] ?? 0) > y2.high) {
      mark2("above", x2, () => ({ tag: "path", attrs: { d: `M${x2} ${at.top - 5}l4 5h-8z`, fill: ink.soft } }));
    }
    if ((curve.low[i] ?? 0) < y2.low) {
      mark2("below", x2, () => ({ tag: "path", attrs: { d: `M${x2} ${at.bottom + 5}l4 -5h-8z`, fill: ink.soft } }));
    }
  }
  return out;
}
function cursorShapes(props, tokens, at) {
  const frame = frameOf(props);
  const x2 = round(frame.x(tokens));
  const out = [line(`M${x2} ${frame.top}V${frame.bottom}`, props.ink.text, 1, { opacity: 0.6 })];
  for (const { sae, curve, stroke: stroke2 } of props.lines) {
    const index = at(sae);
    if (!((curve.flags[index] ?? 0) & FLAG.measured)) continue;
    const attrs = {
      cx: round(frame.x(sae.tokens[index] ?? 0)),
      cy: round(frame.y(curve.last[index] ?? 0)),
      r: 3.2,
      fill: stroke2.color,
      stroke: props.ink.background,
      "stroke-width": 1
    };
    out.push({ tag: "circle", attrs });
  }
  return out;
}
function plotLabel(name, lines) {
  const ends = lines.map(({ sae, curve }) => {
    const index = curve.flags.length - 1;
    const flags = curve.flags[index] ?? 0;
    const value = flags & FLAG.measured ? curve.last[index] ?? Number.NaN : Number.NaN;
    return flags ? `${sae.name} ${valueText(value)}` : sae.name;
  });
  return `${name} over tokens; last: ${ends.join(", ")}`;
}

// src/train_monitor/histogram.ts
var NEVER = { width: 16, gap: 9 };
var TICK_SIZE2 = 10.5;
function shownBins({ saes, meta }) {
  const bins = meta.edges.length - 1;
  let from = bins;
  let to = 0;
  for (const { density } of saes) {
    for (let bin = 0; bin < bins; bin++) {
      if (!density[bin]) continue;
      from = Math.min(from, bin);
      to = Math.max(to, bin + 1);
    }
  }
  if (from >= to) return [0, bins];
  from = Math.max(0, from - 1);
  to = Math.min(bins, to + 1);
  return [Math.max(0, Math.min(from, to - 4)), to];
}
var total = (data, sae) => data.meta.saes[sae]?.d_sae ?? 1;
function tallest(data) {
  let share = 0;
  data.saes.forEach((one, index) => {
    const all = total(data, index);
    for (let bin = 0; bin < one.density.length; bin++) share = Math.max(share, (one.density[bin] ?? 0) / all);
    share = Math.max(share, one.neverFired / all);
  });
  return share || 1;
}
function histogramLayout({ width, height, data }) {
  const [from, to] = shownBins(data);
  const left = MARGIN.left + NEVER.width + NEVER.gap;
  const right = width - MARGIN.right;
  const [top, bottom] = [MARGIN.top + 8, height - MARGIN.bottom];
  const wide = (right - left) / Math.max(1, to - from);
  const axis = linearAxis(0, tallest(data));
  return {
    from,
    to,
    left,
    right,
    top,
    bottom,
    bar: (bin) => bin < 0 ? { x: MARGIN.left, width: NEVER.width } : { x: left + (bin - from) * wide, width: wide },
    height: (value, all) => axis.at(value / all) * (bottom - top)
  };
}
var round2 = (value) => Math.round(value * 10) / 10;
function barShapes(props, at) {
  const { data, sae, strokes, ink } = props;
  const one = data.saes[sae];
  const color = strokes[sae]?.color ?? ink.soft;
  const all = total(data, sae);
  const out = [];
  const bins = Array.from({ length: at.to - at.from }, (_, i) => at.from + i);
  for (const bin of [-1, ...bins]) {
    const value = bin < 0 ? one?.neverFired ?? 0 : one?.density[bin] ?? 0;
    if (!value) continue;
    const { x: x2, width } = at.bar(bin);
    const tall = Math.max(1, at.height(value, all));
    const box = { x: round2(x2 + 0.5), y: round2(at.bottom - tall), width: round2(width - 1), height: round2(tall) };
    const on = props.bin === bin;
    if (bin < 0) out.push(...hatched(box, ink, on));
    else out.push({ tag: "rect", attrs: { ...box, fill: color, opacity: on ? 1 : 0.78 } });
    if (bin < 0) out.push(label(box.x + box.width / 2, box.y - 4, count(value), ink.soft, TICK_SIZE2, "middle", 600));
  }
  return out;
}
function hatched(box, ink, on) {
  let d = "";
  for (let at = 4; at < box.height + box.width; at += 4) {
    const [x1, y1] = at <= box.height ? [0, at] : [at - box.height, box.height];
    const [x2, y2] = at <= box.width ? [at, 0] : [box.width, at - box.width];
    d += `M${round2(box.x + x1)} ${round2(box.y + y1)}L${round2(box.x + x2)} ${round2(box.y + y2)}`;
  }
  const frame = { ...box, fill: "none", stroke: on ? ink.text : ink.muted, "stroke-width": on ? 1.6 : 1 };
  return [{ tag: "rect", attrs: frame }, line(d, ink.muted, 0.8)];
}
function outlines(props, at) {
  return props.data.saes.flatMap((one, index) => {
    const stroke2 = props.strokes[index];
    if (index === props.sae || !stroke2) return [];
    let d = `M${round2(at.left)} ${at.bottom}`;
    for (let bin = at.from; bin < at.to; bin++) {
      const { x: x2, width } = at.bar(bin);
      const y2 = round2(at.bottom - at.height(one.density[bin] ?? 0, total(props.data, index)));
      d += `V${y2}H${round2(x2 + width)}`;
    }
    return [line(`${d}V${at.bottom}`, stroke2.color, 1.2, { "stroke-dasharray": stroke2.dash })];
  });
}
function histogramAxes(props, at) {
  const { data, ink } = props;
  const out = [];
  const axis = linearAxis(0, tallest(data), 3);
  for (const tick of axis.ticks) {
    const y2 = round2(at.bottom - axis.at(tick) * (at.bottom - at.top));
    out.push(line(`M${MARGIN.left} ${y2}H${at.right}`, ink.line, 1, { opacity: 0.45 }));
    out.push(label(MARGIN.left - 6, y2 + 3.6, percentTick(tick), ink.muted, TICK_SIZE2, "end"));
  }
  const { edges } = data.meta;
  let free = MARGIN.left + NEVER.width;
  for (let edge = at.from; edge <= at.to; edge++) {
    const power = edges[edge] ?? 0;
    if (Math.abs(power - Math.round(power)) > 1e-6) continue;
    const x2 = edge === at.to ? at.right : at.bar(edge).x;
    const words = power === 0 ? "1" : power === -1 ? "0.1" : `10${superscript(Math.round(power))}`;
    const middle = Math.min(x2, at.right + MARGIN.right - words.length * 3.2);
    out.push(line(`M${round2(x2)} ${at.bottom}v3`, ink.muted, 1));
    if (middle - words.length * 3.2 < free) continue;
    free = middle + words.length * 3.2 + 4;
    out.push(label(round2(middle), at.bottom + 14, words, ink.muted, TICK_SIZE2, "middle"));
  }
  out.push(label(MARGIN.left + NEVER.width / 2, at.bottom + 14, "0", ink.muted, TICK_SIZE2, "middle"));
  out.push(line(`M${at.left} ${at.bottom}H${at.right}`, ink.muted, 1));
  out.push(line(`M${MARGIN.left} ${at.bottom}h${NEVER.width}`, ink.muted, 1));
  return out;
}
function superscript(power) {
  return [...String(power)].map((char) => char === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(char)]).join("");
}
function histogramShapes(props) {
  const at = histogramLayout(props);
  return [...histogramAxes(props, at), ...barShapes(props, at), ...outlines(props, at)];
}
function binAt(props, x2) {
  const at = histogramLayout(props);
  const never = at.bar(-1);
  if (x2 >= never.x - 3 && x2 <= never.x + never.width + 3) return -1;
  for (let bin = at.from; bin < at.to; bin++) {
    const { x: left, width } = at.bar(bin);
    if (x2 >= left && x2 < left + width) return bin;
  }
  return null;
}
function filledBins({ saes }, sae) {
  const one = saes[sae];
  const bins = Array.from({ length: one?.density.length ?? 0 }, (_, bin) => bin).filter((bin) => one?.density[bin]);
  return one?.neverFired ? [-1, ...bins] : bins;
}

// src/train_monitor/axes.ts
var LOG_FROM = { loss: 4, count: 12, share: Number.POSITIVE_INFINITY };
var START = 0.08;
var ENOUGH = 24;
function extent(curves, from) {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const curve of curves) {
    for (let i = Math.floor(from * curve.flags.length); i < curve.flags.length; i++) {
      if (!((curve.flags[i] ?? 0) & FLAG.measured)) continue;
      low = Math.min(low, curve.low[i] ?? low);
      high = Math.max(high, curve.high[i] ?? high);
    }
  }
  return low <= high ? [low, high] : null;
}
function valueAxis({ kind }, curves) {
  const whole = extent(curves, 0);
  if (!whole) return linearAxis(0, 1);
  if (whole[0] > 0 && whole[1] / whole[0] > LOG_FROM[kind]) {
    const pad2 = (whole[1] / whole[0]) ** 0.04;
    return logAxis(whole[0] / pad2, whole[1] * pad2);
  }
  const buckets = Math.max(...curves.map((curve) => curve.flags.length));
  const [low, high] = buckets >= ENOUGH && extent(curves, START) || whole;
  const least = kind === "share" ? 0.05 : Math.abs(high) * 0.1 || 1;
  const pad = Math.max(0.08 * (high - low), (least - (high - low)) / 2, 0);
  const floor = low >= 0 ? 0 : Number.NEGATIVE_INFINITY;
  const ceiling = kind === "share" && high <= 1 ? 1 : Number.POSITIVE_INFINITY;
  const [from = low, to = high] = nice(Math.max(floor, low - pad), Math.min(ceiling, high + pad), 4);
  return linearAxis(Math.max(floor, from), Math.min(ceiling, to));
}
function tokenAxis(first, last, log) {
  const high = Math.max(last, 1);
  return log && first > 0 && high > first * 1.5 ? logAxis(first, high, 4) : linearAxis(0, high, 3);
}

// src/train_monitor/panels.ts
var GAP2 = 14;
var NARROWEST = 168;
var MOST = 4;
function panelSize(width) {
  const columns = Math.max(1, Math.min(MOST, Math.floor((width + GAP2) / (NARROWEST + GAP2))));
  const each = Math.floor((width - GAP2 * (columns - 1)) / columns);
  return { columns, width: each, height: Math.round(Math.max(104, Math.min(150, each * 0.56))) };
}
function makePanel() {
  const svg = svgRoot(10, 10, { role: "img" });
  const over = toNode({ tag: "g" });
  const [title, value] = [h("h5"), span("inb-panel-value")];
  return { node: h("figure", { class: "inb-panel" }, h("figcaption", {}, title, value), svg), title, value, svg, over };
}
function panels(scope, tooltip, events) {
  const curves = h("div", {
    class: "inb-panels",
    tabindex: 0,
    role: "group",
    "aria-label": "curves of the training: arrows move a cursor along them"
  });
  let made = [];
  let props = null;
  let drawn = [];
  let cursor = null;
  let known = null;
  let drawnFor = "";
  const main = () => props?.data.saes[props.sae];
  const bucket = (tokens) => {
    const sae = main();
    if (!sae) return 0;
    return tokens === null ? sae.tokens.length - 1 : nearestBucket(sae, tokens);
  };
  const panelOf = (event) => made.findIndex(({ svg }) => svg.contains(event.target));
  scope.listen(curves, "pointermove", (event) => {
    const row = panelOf(event);
    const plot = drawn[row];
    const sae = main();
    if (!plot || !props || !sae?.tokens.length) return;
    const at = frameOf(plot);
    const x2 = event.clientX - (made[row]?.svg.getBoundingClientRect().left ?? 0);
    const share = (x2 - at.left) / (at.right - at.left);
    const tokens = sae.tokens[nearestBucket(sae, plot.x.value(Math.max(0, Math.min(1, share))))] ?? 0;
    events.cursor(tokens);
    tooltip.show(event.clientX, event.clientY, tip(props, row, tokens));
  });
  scope.listen(curves, "pointerleave", () => {
    tooltip.hide();
    events.cursor(null);
  });
  scope.listen(curves, "keydown", (event) => {
    const sae = main();
    const last = (sae?.tokens.length ?? 0) - 1;
    if (!props || !sae || last < 0) return;
    const from = bucket(cursor);
    const steps = {
      ArrowLeft: from - 1,
      ArrowRight: from + 1,
      PageUp: from - 10,
      PageDown: from + 10,
      Home: 0,
      End: last
    };
    if (event.key === "Escape") return events.cursor(null);
    const to = steps[event.key];
    if (to === void 0) return;
    event.preventDefault();
    const index = Math.max(0, Math.min(last, to));
    events.cursor(sae.tokens[index] ?? null);
    events.say(describeMoment(props.data.meta.series, sae, index));
  });
  function redraw(now) {
    const { series } = now.data.meta;
    if (made.length !== series.length) {
      made = series.map(makePanel);
      curves.replaceChildren(...made.map((panel) => panel.node));
    }
    drawn = plotProps(now);
    made.forEach((panel, row) => {
      const plot = drawn[row];
      const one = series[row];
      if (!plot || !one) return;
      sizeSvg(panel.svg, plot.width, plot.height);
      panel.svg.replaceChildren(...plotShapes(plot).map(toNode), panel.over);
      panel.svg.setAttribute("aria-label", plotLabel(one.label, plot.lines));
      panel.title.textContent = one.label;
      panel.title.title = one.unit;
    });
  }
  function move(tokens) {
    cursor = tokens;
    const sae = main();
    const index = bucket(cursor);
    made.forEach((panel, row) => {
      const plot = drawn[row];
      panel.value.textContent = sae?.tokens.length ? readingText(sae, row, index, cursor !== null) : "–";
      const shapes = plot && tokens !== null ? cursorShapes(plot, tokens, (one) => nearestBucket(one, tokens)) : [];
      panel.over.replaceChildren(...shapes.map(toNode));
    });
  }
  return {
    node: curves,
    update(next, at) {
      const key = JSON.stringify([next.sae, next.logTokens, next.width, next.strokes.map(({ color }) => color)]);
      props = next;
      cursor = at;
      curves.style.setProperty("--inb-columns", String(panelSize(next.width).columns));
      if (next.data !== known || key !== drawnFor) redraw(next);
      known = next.data;
      drawnFor = key;
      move(cursor);
    },
    move,
    figure(strokes) {
      if (!props) return [];
      const { series } = props.data.meta;
      return plotProps({ ...props, strokes }).map((plot, row) => {
        return { ...plot, title: series[row]?.label ?? "", shapes: plotShapes({ ...plot, ink: FILE_INK }) };
      });
    }
  };
}
function plotShapes(plot) {
  return [...axisShapes(plot), ...changeShapes(plot), ...lineShapes(plot)];
}
function plotProps({ data, sae, strokes, logTokens, width }) {
  const size = panelSize(width);
  const first = Math.min(...data.saes.map((one) => one.tokens[0] ?? Number.POSITIVE_INFINITY));
  const reached = Math.max(0, ...data.saes.map((one) => one.tokens.at(-1) ?? 0));
  const x2 = tokenAxis(first, reached, logTokens);
  return data.meta.series.map((series, row) => {
    const lines = data.saes.flatMap((one, index) => {
      const [curve, stroke2] = [one.curves[row], strokes[index]];
      return curve && stroke2 ? [{ sae: one, curve, stroke: stroke2, strong: index === sae }] : [];
    });
    const y2 = valueAxis(
      series,
      lines.map(({ curve }) => curve)
    );
    const changes = data.meta.changes.map((change) => change.tokens);
    return { width: size.width, height: size.height, x: x2, y: y2, lines, changes, ink: PAGE_INK };
  });
}
function tip({ data, sae }, row, tokens) {
  const one = data.saes[sae];
  if (!one) return [];
  const head = div("inb-tip-head", placeText(one, nearestBucket(one, tokens)));
  const { series } = data.meta;
  if (data.saes.length === 1) {
    const index = nearestBucket(one, tokens);
    const rows2 = series.map(({ label: label2 }, each) => {
      const text = readingText(one, each, index);
      return [label2, each === row ? h("strong", {}, text) : text];
    });
    const range = rangeText(one, row, index);
    return [head, facts(rows2), ...range ? [span("inb-mark", `${series[row]?.label}: ${range} around here`)] : []];
  }
  const rows = data.saes.map((each, index) => {
    const text = readingText(each, row, nearestBucket(each, tokens));
    return [each.name, index === sae ? h("strong", {}, text) : text];
  });
  return [head, div("inb-tip-head", series[row]?.label ?? ""), facts(rows)];
}

// src/train_monitor/density_view.ts
function densityView(scope, tooltip, events) {
  const { node, title, value, svg } = makePanel();
  node.classList.add("inb-density");
  node.tabIndex = 0;
  node.setAttribute("role", "group");
  node.setAttribute("aria-label", "activation density: arrows choose a bar, Enter shows one of its latents");
  title.textContent = "activation density";
  title.title = "share of tokens on which a latent fires; latents by powers of ten";
  let props = null;
  const draw = () => {
    if (!props) return;
    const { data, sae, width, height } = props;
    sizeSvg(svg, width, height);
    svg.replaceChildren(...histogramShapes(props).map(toNode));
    const words = filledBins(data, sae).map((bin) => binText(data, sae, bin));
    svg.setAttribute("aria-label", `share of tokens on which latents fire; ${words.join("; ")}`);
    value.textContent = `${(data.meta.saes[sae]?.dead ?? 0).toLocaleString("en")} dead`;
  };
  const point = (bin) => {
    if (!props || props.bin === bin) return;
    props = { ...props, bin };
    draw();
  };
  const choose = () => {
    const { bin = null, data, sae } = props ?? {};
    return bin !== null && data && filledBins(data, sae ?? 0).includes(bin) ? events.bin(bin) : void 0;
  };
  scope.listen(svg, "pointermove", (event) => {
    if (!props) return;
    const bin = binAt(props, event.clientX - svg.getBoundingClientRect().left);
    point(bin);
    if (bin === null) return tooltip.hide();
    const hint = span("inb-mark", "click: top tokens of one of them");
    tooltip.show(event.clientX, event.clientY, [div("", binText(props.data, props.sae, bin)), hint]);
  });
  scope.listen(svg, "pointerleave", () => {
    tooltip.hide();
    point(null);
  });
  scope.listen(svg, "click", choose);
  scope.listen(node, "keydown", (event) => {
    if (!props) return;
    const filled = filledBins(props.data, props.sae);
    const at = props.bin === null ? -1 : filled.indexOf(props.bin);
    const steps = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: filled.length - 1 };
    if (event.key === "Escape") return point(null);
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      return choose();
    }
    const to = steps[event.key];
    const bin = to === void 0 ? void 0 : filled[Math.max(0, Math.min(filled.length - 1, to))];
    if (bin === void 0) return;
    event.preventDefault();
    point(bin);
    events.say(binText(props.data, props.sae, bin));
  });
  return {
    node,
    update({ data, sae, strokes, width }) {
      const size = panelSize(width);
      const wide = size.columns > 1 ? 2 * size.width + GAP2 : size.width;
      props = { width: wide, height: size.height, data, sae, strokes, ink: PAGE_INK, bin: props?.bin ?? null };
      draw();
    }
  };
}

// src/shared/csv.ts
function field(value) {
  if (value === null) return "";
  if (typeof value === "number") return Number.isNaN(value) ? "nan" : String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n']|^\s|\s$/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}
function csv(header, rows) {
  return [header, ...rows].map((row) => row.map(field).join(",")).join("\r\n").concat("\r\n");
}

// src/shared/download.ts
function saveBlob(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 1e4);
}
function saveText(text, type, name) {
  saveBlob(new Blob([text], { type: `${type};charset=utf-8` }), name);
}
async function svgToPng(svg, width, height, ratio = 3) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = h("canvas", { width: Math.round(width * ratio), height: Math.round(height * ratio) });
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => blob ? resolve(blob) : reject(new Error("the browser could not make a PNG")),
      "image/png"
    );
  });
}
function fileName(...parts) {
  return parts.map((part) => part.replace(/[^A-Za-z0-9.-]+/g, "_").replace(/^[_.]+|_+$/g, "")).filter(Boolean).join("-").slice(0, 100);
}

// src/shared/export_buttons.ts
function exportButtons(scope, actions) {
  const group2 = h("span", { class: "inb-group", role: "group", "aria-label": "export" });
  for (const [name, action] of Object.entries(actions)) {
    const node = button(name, { title: `Save as ${name}` });
    scope.listen(node, "click", action);
    group2.append(node);
  }
  return group2;
}

// src/train_monitor/files.ts
var GAP3 = 16;
var TITLE = 22;
var COLUMNS = 3;
function runCsv({ meta, saes }) {
  const rows = saes.flatMap(
    (sae) => Array.from(sae.tokens, (tokens, index) => [
      sae.name,
      sae.steps[index] ?? 0,
      tokens,
      ...sae.curves.map(({ flags, last }) => {
        const flag = flags[index] ?? 0;
        if (!flag) return null;
        return flag & FLAG.measured ? last[index] ?? Number.NaN : Number.NaN;
      })
    ])
  );
  return csv(["sae", "step", "tokens", ...meta.series.map(({ name }) => name)], rows);
}
function runFigure({ data, plots, strokes }) {
  const [first] = plots;
  const wide = (first?.width ?? 240) + GAP3;
  const tall = (first?.height ?? 120) + TITLE + 6;
  const shapes = plots.flatMap((plot, index) => {
    const [x2, y2] = [GAP3 + index % COLUMNS * wide, 34 + Math.floor(index / COLUMNS) * tall];
    return [label(x2, y2 + 14, plot.title, FILE_INK.text, 12, "start", 600), moved(x2, y2 + TITLE, plot.shapes)];
  });
  const below = 34 + Math.ceil(plots.length / COLUMNS) * tall;
  const names = data.saes.length > 1 ? data.saes : [];
  const legend2 = names.flatMap((sae, index) => {
    const line2 = strokes[index];
    const y2 = below + index * 17;
    return [moved(GAP3, y2, line2 ? sample(line2) : []), label(GAP3 + 40, y2 + 11, sae.name, FILE_INK.soft, 11)];
  });
  const { heading, note } = data.meta.labels;
  const title = label(GAP3, 24, [heading, note].filter(Boolean).join(" · "), FILE_INK.text, 13, "start", 600);
  const width = GAP3 + COLUMNS * wide;
  const height = below + names.length * 17 + GAP3;
  return { svg: svgFile(width, height, FILE_INK.background, [title, ...shapes, ...legend2]), width, height };
}
function fileButtons(scope, now) {
  const name = (ending) => `${fileName("training", now().data.meta.labels.note ?? "")}.${ending}`;
  return exportButtons(scope, {
    PNG: async () => {
      const { svg, width, height } = runFigure(now());
      saveBlob(await svgToPng(svg, width, height), name("png"));
    },
    SVG: () => saveText(runFigure(now()).svg, "image/svg+xml", name("svg")),
    CSV: () => saveText(runCsv(now().data), "text/csv", name("csv"))
  });
}

// src/train_monitor/legend.ts
function legend(scope, choose) {
  const caption = h("caption");
  const head = h("thead");
  const body = h("tbody");
  const node = h("div", { class: "inb-sweep", hidden: true }, h("table", {}, caption, head, body));
  scope.listen(body, "click", (event) => {
    const row = event.target.closest("tr");
    if (row) choose([...body.children].indexOf(row));
  });
  return {
    node,
    update(data, strokes, sae, cursor) {
      node.hidden = data.saes.length < 2;
      if (node.hidden) return;
      const { series } = data.meta;
      const one = data.saes[sae];
      const moment = cursor !== null && one ? `at ${placeText(one, nearestBucket(one, cursor))}` : "latest";
      caption.textContent = `${data.saes.length} SAEs on one stream, values ${moment}`;
      head.replaceChildren(
        h("tr", {}, h("th", { scope: "col" }, "SAE"), ...series.map(({ label: label2 }) => h("th", { scope: "col" }, label2)))
      );
      while (body.children.length > data.saes.length) body.lastElementChild?.remove();
      data.saes.forEach((each, index) => {
        const row = body.children[index] ?? body.appendChild(emptyRow());
        const stroke2 = strokes[index];
        const place = cursor === null ? each.tokens.length - 1 : nearestBucket(each, cursor);
        const [name, picture] = [row.querySelector("button"), row.querySelector("svg")];
        row.setAttribute("data-chosen", String(index === sae));
        name?.setAttribute("aria-pressed", String(index === sae));
        const text = name?.querySelector("span");
        if (text) text.textContent = each.name;
        if (stroke2) picture?.replaceChildren(...sample(stroke2).map(toNode));
        const values = series.map((_, at) => h("td", {}, readingText(each, at, place, false)));
        row.replaceChildren(row.firstElementChild ?? "", ...values);
      });
    }
  };
}
function emptyRow() {
  const name = h("button", { type: "button", title: "Its densities, settings and latents" });
  name.append(svgRoot(32, 14, { "aria-hidden": "true" }), h("span"));
  return h("tr", {}, h("th", { scope: "row" }, name));
}

// src/shared/tokens.ts
var VISIBLE = { " ": "·", "\n": "↵", "	": "⇥", "\r": "␍", " ": "⍽" };
function hex(char) {
  return (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
}
function mark(char) {
  const known = VISIBLE[char];
  if (known) return known;
  return /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(char) ? `⟨${hex(char)}⟩` : null;
}
function pieces(token) {
  const out = [];
  const chars = [...token];
  chars.forEach((char, index) => {
    const inner = char === " " && index > 0 && index < chars.length - 1 && token.trim() !== "";
    const shown2 = inner ? null : mark(char);
    const last = out[out.length - 1];
    if (last && last.mark === (shown2 !== null)) last.text += shown2 ?? char;
    else out.push({ text: shown2 ?? char, mark: shown2 !== null });
  });
  return out.length ? out : [{ text: "∅", mark: true }];
}
function cut(text, max) {
  const chars = [...text];
  return chars.length <= max ? text : `${chars.slice(0, Math.max(1, max - 1)).join("")}…`;
}
function tokenNode(token, max = 400) {
  const node = h("bdi", { class: "inb-token" });
  let left = max;
  for (const piece of pieces(token)) {
    if (left <= 0) break;
    const text = cut(piece.text, left);
    node.append(piece.mark ? span("inb-mark", text) : text);
    left -= [...text].length;
  }
  const count2 = [...token].length;
  if (count2 > max) node.append(span("inb-mark", ` (${count2.toLocaleString("en")} characters)`));
  return node;
}

// src/train_monitor/peek.ts
var PICKS = [
  ["random", "A random live one", "Press again for another"],
  ["densest", "The densest", "Press again for the next"],
  ["rarest", "The rarest", "Press again for the next"]
];
function peekPanel(scope, bridge, chosen) {
  const index = h("input", { type: "text", inputmode: "numeric", "aria-label": "index of a latent", size: 6 });
  const go = button("Show", { type: "submit" });
  const picks = PICKS.map(([pick, label2, title]) => button(label2, { title, "data-pick": pick }));
  const form = h("form", { class: "inb-peek-form", novalidate: true }, h("label", {}, "latent", index), go, ...picks);
  const head = div("inb-peek-head");
  const list = h("ol", { class: "inb-tops" });
  const dead = div("inb-dead");
  const node = h("section", { class: "inb-peek", "aria-label": "top tokens of a latent" }, form, head, list);
  const ranks = {};
  let peeked = null;
  let controller = null;
  let sae = 0;
  let theme = "light";
  let deadKey = "";
  const say = (text, bad = false) => {
    list.replaceChildren();
    head.replaceChildren(h("span", { class: bad ? "inb-field-error" : "inb-hint", role: "status" }, text));
  };
  async function ask(params) {
    controller?.abort();
    const mine = new AbortController();
    controller = mine;
    node.classList.add("inb-stale");
    try {
      const { result } = await bridge.request("peek", params, { signal: mine.signal });
      if (controller !== mine) return;
      peeked = result;
      index.value = String(result.latent_idx);
      draw();
      chosen(result);
    } catch (error) {
      if (mine.signal.aborted || controller !== mine) return;
      peeked = null;
      if (!(error instanceof RequestError)) throw error;
      say(error.message, true);
    } finally {
      if (controller === mine) node.classList.remove("inb-stale");
    }
  }
  function draw() {
    if (!peeked) {
      say("Choose a latent to see the tokens it fires on most.");
      return;
    }
    const { latent_idx: latent, firing, tokens, tops } = peeked;
    const facts2 = [
      firing === null ? "" : `fires on ${densityText(firing)} of tokens`,
      peeked.dead ? "dead" : "",
      `after ${count(tokens)} tokens`
    ];
    const again = button("Again", { title: "The same latent as it is now", "data-again": true });
    head.replaceChildren(h("h5", {}, `latent ${latent}`), span("inb-hint", facts2.filter(Boolean).join(" · ")), again);
    const most = Math.max(1e-12, ...tops.flatMap(({ values }) => values.map((value) => value ?? 0)));
    const scale = sequential(most, theme);
    const none = h("li", { class: "inb-hint" }, "It fires on none of the held-out tokens.");
    list.replaceChildren(...tops.length ? tops.map((top) => topItem(top, scale)) : [none]);
  }
  scope.listen(form, "submit", (event) => {
    event.preventDefault();
    const latent = Number(index.value);
    if (index.value.trim() === "" || !Number.isInteger(latent)) {
      say(`The index of a latent is a whole number, got "${index.value}".`, true);
      return;
    }
    return ask({ pick: "index", latent_idx: latent, sae });
  });
  PICKS.forEach(([pick], at) => {
    const node2 = picks[at];
    if (!node2) return;
    scope.listen(node2, "click", () => {
      const rank = ranks[pick] ?? 0;
      ranks[pick] = rank + 1;
      return ask({ pick, rank, sae });
    });
  });
  scope.listen(dead, "click", (event) => {
    const named = event.target.closest("[data-latent]")?.dataset.latent;
    return named === void 0 ? void 0 : ask({ pick: "index", latent_idx: Number(named), sae });
  });
  scope.listen(head, "click", (event) => {
    const target = event.target;
    if (target.closest("[data-again]") && peeked) {
      return ask({ pick: "index", latent_idx: peeked.latent_idx, sae: peeked.sae });
    }
    return void 0;
  });
  return {
    node,
    dead,
    ask,
    shown: () => peeked,
    update(data, chosenSae, nextTheme) {
      if (chosenSae !== sae) for (const [pick] of PICKS) delete ranks[pick];
      const redraw = nextTheme !== theme || !head.firstChild;
      [sae, theme] = [chosenSae, nextTheme];
      if (redraw) draw();
      const one = data.meta.saes[sae];
      const key = JSON.stringify([sae, one?.dead, one?.dead_first]);
      if (one && key !== deadKey) dead.replaceChildren(...deadNodes(one.dead, one.dead_first, one.window));
      deadKey = key;
    },
    destroy: () => controller?.abort()
  };
}
function deadNodes(total2, first, window) {
  if (!total2) return [];
  const open = h(
    "details",
    {},
    h("summary", {}, `${total2.toLocaleString("en")} dead: fired on none of the last ${count(window)} tokens`),
    div(
      "inb-dead-list",
      ...first.map((latent) => button(String(latent), { "data-latent": latent, title: `latent ${latent}` })),
      total2 > first.length ? span("inb-hint", `and ${(total2 - first.length).toLocaleString("en")} more`) : null
    )
  );
  return [open];
}
function topItem({ before, token, after, value, values }, scale) {
  const text = h("span", { class: "inb-top-text" });
  [...before, token, ...after].forEach((each, at) => {
    const here = at === before.length;
    const fires = values[at] ?? 0;
    const word = /^ \S/.test(each);
    if (word) text.append(" ");
    const node = tokenNode(word ? each.slice(1) : each, 40);
    node.title = `${sig4(fires)}`;
    if (here) node.classList.add("inb-top-token");
    if (fires > 0) {
      const fill = scale.color(fires);
      node.style.background = fill;
      node.style.color = inkOn(fill);
      node.classList.add("inb-filled");
    }
    text.append(node);
  });
  return h("li", {}, h("span", { class: "inb-top-value" }, value === null ? "–" : sig4(value)), text);
}

// src/train_monitor/settings.ts
function problem(setting, text) {
  const value = Number(text);
  const wanted = (words) => `${setting.label} must be ${words}, got "${text}"`;
  if (text.trim() === "" || !Number.isFinite(value)) return wanted("a number");
  if (setting.integer && !Number.isInteger(value)) return wanted("a whole number");
  if (setting.low !== null && value < setting.low) return wanted(`at least ${short(setting.low)}`);
  if (setting.high !== null && value > setting.high) return wanted(`at most ${short(setting.high)}`);
  return "";
}
var shown = (value) => value === null ? "" : String(Number(value.toPrecision(6)));
function settingsPanel(scope, apply, refuse) {
  const fields = span("inb-settings-fields");
  const target = h("select", { "aria-label": "apply to" });
  const send = button("Apply", { class: "inb-button inb-primary", type: "submit" });
  const node = h("form", { class: "inb-settings", "aria-label": "settings", novalidate: true }, fields, target, send);
  let settings = [];
  let sae = 0;
  let usable = true;
  let busy = false;
  const inputs = () => [...fields.querySelectorAll("input")];
  const known = /* @__PURE__ */ new WeakMap();
  const typed = (input) => input.value !== known.get(input);
  const enable = () => {
    for (const input of inputs()) input.disabled = !usable;
    target.disabled = !usable;
    send.disabled = !usable || busy || !inputs().some(typed);
  };
  const build = () => {
    fields.replaceChildren(
      ...settings.map(({ name, label: label2, unit }) => {
        const input = h("input", { type: "text", inputmode: "decimal", name, title: unit, autocomplete: "off" });
        return h("label", {}, span("", label2), input);
      })
    );
  };
  scope.listen(fields, "input", () => {
    for (const input of inputs()) input.removeAttribute("aria-invalid");
    enable();
  });
  scope.listen(fields, "keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const input of inputs()) input.value = known.get(input) ?? "";
    enable();
  });
  scope.listen(node, "submit", async (event) => {
    event.preventDefault();
    const changed = inputs().flatMap((input, i) => {
      const setting = settings[i];
      return setting && typed(input) ? [{ input, setting, wrong: problem(setting, input.value) }] : [];
    });
    for (const { input, wrong: wrong2 } of changed) setAttrs(input, { "aria-invalid": wrong2 ? "true" : void 0 });
    const wrong = changed.find((each) => each.wrong);
    if (wrong) {
      wrong.input.focus();
      return refuse(wrong.wrong);
    }
    if (!changed.length || !usable || busy) return;
    busy = true;
    enable();
    try {
      const values = Object.fromEntries(changed.map(({ input, setting }) => [setting.name, Number(input.value)]));
      await apply(values, target.value === "all" ? null : sae);
      for (const { input } of changed) known.set(input, input.value);
    } catch (error) {
      for (const { input } of changed) input.setAttribute("aria-invalid", "true");
      throw error;
    } finally {
      busy = false;
      enable();
    }
  });
  return {
    node,
    update(data, chosen, enabled) {
      const next = data.meta.saes[chosen]?.settings ?? [];
      const names = (list) => list.map(({ name }) => name).join();
      const other = chosen !== sae || names(next) !== names(settings);
      [settings, sae, usable] = [next, chosen, enabled];
      if (other || !fields.firstChild) build();
      inputs().forEach((input, i) => {
        const text = shown(settings[i]?.value ?? null);
        const keep = known.has(input) && (typed(input) || input === input.ownerDocument.activeElement);
        if (!keep) input.value = text;
        if (!keep || input.value === text) known.set(input, text);
      });
      node.hidden = !usable || settings.length === 0;
      target.hidden = data.saes.length < 2;
      const labels = ["this SAE", "all SAEs"];
      if (!target.options.length) {
        target.append(...["one", "all"].map((value, i) => h("option", { value }, labels[i] ?? "")));
      }
      const [one] = target.options;
      if (one) one.textContent = `${data.saes[sae]?.name ?? "this SAE"} only`;
      enable();
    }
  };
}

// src/train_monitor/view.ts
var SAVED = "Saved page: looking around works, changing the run needs its kernel.";
var GOING = ["running", "paused", "pending"];
function readSelected(value) {
  const chosen = value;
  if (typeof chosen?.latent_idx !== "number") return null;
  return { latent_idx: chosen.latent_idx, sae: typeof chosen.sae === "number" ? chosen.sae : 0 };
}
function mountTrainMonitor({ model, bridge, sync, frame }) {
  const { scope, body, tooltip } = frame;
  let data;
  let dataKey = [];
  let sae = 0;
  let cursor = null;
  let logTokens = false;
  let said = "";
  let asked = "";
  const heading = h("h4");
  const note = h("p");
  const code = codePanel(scope);
  const log = button("log tokens", { "aria-pressed": "false", title: "The token axis in powers of ten" });
  scope.listen(log, "click", () => {
    logTokens = !logTokens;
    log.setAttribute("aria-pressed", String(logTokens));
    draw();
  });
  const choose = (next) => {
    sae = next;
    draw();
  };
  const progress = progressBar(scope, (action) => bridge.request("control", { action }));
  const end = h("p", { class: "inb-run-end", hidden: true });
  const advised = advice();
  const settings = settingsPanel(
    scope,
    async (values, of) => {
      await bridge.request("set", { settings: values, sae: of });
      frame.strip.forget();
    },
    (text) => frame.report(text)
  );
  const hint = span("inb-hint");
  const plots = panels(scope, tooltip, {
    cursor(tokens) {
      cursor = tokens;
      if (!data) return;
      plots.move(cursor);
      table.update(data, strokes(frame.theme), sae, cursor);
    },
    say: (text) => frame.say(text)
  });
  const density = densityView(scope, tooltip, {
    bin: (bin) => peek.ask({ pick: "bin", bin, rank: binRank(bin), sae }),
    say: (text) => frame.say(text)
  });
  const table = legend(scope, choose);
  const changes = h("ol", { class: "inb-changes", hidden: true });
  const peek = peekPanel(scope, bridge, (peeked) => {
    asked = JSON.stringify([peeked.latent_idx, peeked.sae]);
    sync.write("selected", { latent_idx: peeked.latent_idx, sae: peeked.sae });
    frame.say(`latent ${peeked.latent_idx}, top token ${peeked.tops[0]?.token ?? "none"}`);
  });
  const ranks = /* @__PURE__ */ new Map();
  const binRank = (bin) => {
    const rank = ranks.get(bin) ?? 0;
    ranks.set(bin, rank + 1);
    return rank;
  };
  const files = fileButtons(scope, () => {
    const lines = strokes("light");
    return { data, plots: plots.figure(lines), strokes: lines };
  });
  body.append(
    div("inb-title", heading, note),
    div("inb-run-bar", progress.node, end),
    h(
      "div",
      { class: "inb-toolbar", role: "toolbar", "aria-label": "training" },
      settings.node,
      log,
      code.toggle,
      files,
      hint
    ),
    code.panel,
    table.node,
    advised.node,
    plots.node,
    changes,
    div("inb-latents", div("inb-densities", density.node, peek.dead), peek.node)
  );
  const strokes = (theme) => {
    const total2 = data?.saes.length ?? 0;
    return Array.from({ length: total2 }, (_, index) => stroke(index, total2, theme));
  };
  function read() {
    const meta = model.get("_meta");
    const bytes = model.get("_data");
    if (!data || meta !== dataKey[0] || bytes !== dataKey[1]) {
      data = readRun(meta, bytes);
      dataKey = [meta, bytes];
    }
    return data;
  }
  function update() {
    const now = read();
    const { meta } = now;
    const kernel = model.get("kernel") !== false;
    const state = model.get("state");
    sae = Math.min(sae, now.saes.length - 1);
    heading.textContent = meta.labels.heading ?? "";
    note.textContent = meta.labels.note ?? "";
    const pace = paceText(meta.status);
    progress.update(state, Number(model.get("progress") ?? 0), kernel, {
      verb: "training",
      detail: pace,
      resumable: meta.status.resumable
    });
    const over = endText({
      ...meta.status,
      state: GOING.includes(state) ? state : meta.status.state
    });
    end.hidden = !over;
    end.textContent = over;
    hint.textContent = kernel ? "" : SAVED;
    hint.hidden = kernel;
    code.update(meta.code);
    changes.hidden = meta.changes.length === 0;
    changes.replaceChildren(
      ...meta.changes.map((change) => h("li", {}, `${changeText(now, change)} at ${count(change.tokens)} tokens`))
    );
    if (state !== said) {
      if (said) frame.say(`training ${state}, ${pace}`);
      said = state;
    }
    follow(now);
    draw();
  }
  function follow(now) {
    const selected = readSelected(model.get("selected"));
    const key = selected ? JSON.stringify([selected.latent_idx, selected.sae]) : "";
    if (!selected || key === asked) return;
    asked = key;
    sae = Math.min(selected.sae, now.saes.length - 1);
    peek.ask({ pick: "index", latent_idx: selected.latent_idx, sae }).catch((error) => frame.report(error));
  }
  function draw() {
    if (!data) return;
    const lines = strokes(frame.theme);
    const props = {
      data,
      sae,
      strokes: lines,
      logTokens,
      width: Math.max(180, (body.clientWidth || width || 720) - 2)
    };
    const kernel = model.get("kernel") !== false;
    const open = GOING.includes(String(model.get("state")));
    plots.update(props, cursor);
    density.update(props);
    table.update(data, lines, sae, cursor);
    advise(data);
    settings.update(data, sae, kernel && (open || data.meta.status.resumable));
    peek.update(data, sae, frame.theme);
  }
  function advise({ meta }) {
    const sentences = meta.saes[sae]?.advice ?? [];
    if (advised.node.hidden && sentences.length) frame.say(`advice: ${sentences[0]}`);
    advised.update(adviceTitle(meta, sae), sentences);
  }
  const sizes = typeof ResizeObserver === "function" ? new ResizeObserver(guarded(body, () => resized())) : null;
  let width = 0;
  const resized = () => {
    if (body.clientWidth === width) return;
    width = body.clientWidth;
    draw();
  };
  sizes?.observe(body);
  return {
    update,
    destroy() {
      sizes?.disconnect();
      peek.destroy();
    }
  };
}

// src/train_monitor/widget.ts
var widget_default = defineWidget("train_monitor", edit_default + advice_default + style_default, mountTrainMonitor);
export {
  widget_default as default
};
