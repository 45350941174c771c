/* generated from widgets/, sha256 1b6498eecd4c8ed326eb5ec0df92aaa37c73b438c424abbfc67ce345a6956588, interp_nb 0.1.0 */
// src/grid/style.css
var style_default = ".inb-grid{display:flex;align-items:flex-start;min-width:0}.inb-grid svg{display:block;flex:none}.inb-scroller{overflow-x:auto;overflow-y:hidden;min-width:0;flex:0 1 auto;scrollbar-width:thin}.inb-sheet{position:relative;width:max-content}.inb-canvas{position:absolute;left:0;top:0}.inb-sheet .inb-plot{position:relative}.inb-cell{cursor:pointer;outline:none}.inb-legend{display:flex;flex-wrap:wrap;align-items:center;gap:4px 16px;margin-top:10px;font-size:12px;color:var(--inb-muted)}.inb-legend svg{display:block}.inb-legend label{display:inline-flex;align-items:center;gap:5px}.inb-legend input{width:62px;height:24px;padding:0 5px}";

// src/shared/badge.css
var badge_default = ".inb-badge{display:inline-block;min-width:13px;padding:0 2px;border-radius:2px;text-align:center;font-size:10px;font-weight:600;line-height:14px;color:var(--inb-text);background:var(--inb-raised);border:1px solid var(--inb-hair)}.inb-badge-legend{display:flex;flex-wrap:wrap;gap:3px 12px;margin-top:8px;font-size:11px;color:var(--inb-muted)}";

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

// src/attention/style.css
var style_default2 = '.inb-columns{display:flex;flex-direction:column;gap:16px}.inb-overview,.inb-large{min-width:0}@container (min-width: 900px){.inb-columns{flex-direction:row;gap:28px;align-items:flex-start}.inb-overview{flex:none;width:clamp(240px,calc(34px + var(--inb-heads) * (var(--inb-thumb) + 3px)),46cqw)}.inb-overview.inb-wide{width:clamp(380px,40cqw,600px)}.inb-large{flex:1 1 0}}.inb-root h5{margin:0;font-size:13px;font-weight:600;color:var(--inb-text);white-space:nowrap}.inb-thumbs{max-height:620px;overflow:auto;scrollbar-width:thin}.inb-thumb-row{display:grid;grid-template-columns:34px repeat(var(--inb-heads),minmax(22px,var(--inb-thumb)));gap:3px;margin-bottom:3px;justify-content:start}.inb-thumb-label{align-self:center;padding-right:6px;text-align:right;font-size:11px;color:var(--inb-muted)}.inb-thumb-number{text-align:center;font-size:11px;color:var(--inb-muted)}.inb-thumb{position:relative;aspect-ratio:1;min-width:0;cursor:pointer;border-radius:2px}.inb-thumb-canvas{display:block;width:100%;height:100%;image-rendering:pixelated;border-radius:2px;background:var(--inb-surface)}.inb-thumb:hover{outline:1.5px solid var(--inb-muted)}.inb-thumb.inb-chosen{outline:2px solid var(--inb-text);outline-offset:0}.inb-thumb .inb-badge{position:absolute;top:1px;right:1px;min-width:11px;font-size:9px;line-height:11px;padding:0 1px;border:0;background:none;pointer-events:none}.inb-ranked .inb-thumb-row{grid-template-columns:repeat(auto-fill,minmax(52px,1fr));gap:6px}.inb-ranked .inb-thumb{aspect-ratio:auto}.inb-ranked .inb-thumb-canvas{aspect-ratio:1;height:auto}.inb-thumb-caption{display:block;font-size:10px;line-height:14px;color:var(--inb-muted);white-space:pre;text-align:center}.inb-head-bar{display:flex;flex-wrap:wrap;align-items:center;justify-content:space-between;gap:4px 12px;margin-bottom:4px}.inb-head-name{display:flex;flex-wrap:wrap;align-items:center;gap:2px 6px;min-width:0}.inb-role{padding:0 7px;border-radius:9px;font-size:11px;line-height:18px;background:var(--inb-surface);color:var(--inb-text)}.inb-head-note{margin:2px 0 6px;overflow-wrap:anywhere}.inb-head-window{position:relative;overflow:auto;max-width:100%;scrollbar-width:thin}.inb-head-sheet{position:relative}.inb-head-canvas{position:sticky;left:0;top:0;display:block;cursor:crosshair}.inb-strip{margin-top:14px}.inb-strip .inb-toolbar{margin-bottom:6px}.inb-strip-text{max-height:240px;overflow:auto;padding:2px;font-size:14px;line-height:1.75;white-space:pre-wrap;overflow-wrap:anywhere;color:var(--inb-text)}.inb-strip-token{padding:2px 0;border-radius:2px;cursor:pointer;unicode-bidi:isolate}.inb-strip-token.inb-masked{color:var(--inb-muted)}.inb-strip-token.inb-at{box-shadow:0 0 0 1.5px var(--inb-muted)}.inb-strip-token.inb-locked{box-shadow:0 0 0 2px var(--inb-accent)}.inb-strip-token .inb-mark{color:inherit;opacity:.6}.inb-strip-break:after{content:"\\a"}';

// node_modules/d3-format/dist/d3-format.mjs
function formatDecimal(x) {
  return Math.abs(x = Math.round(x)) >= 1e21 ? x.toLocaleString("en").replace(/,/g, "") : x.toString(10);
}
function formatDecimalParts(x, p) {
  if (!isFinite(x) || x === 0) return null;
  var i = (x = p ? x.toExponential(p - 1) : x.toExponential()).indexOf("e"), coefficient = x.slice(0, i);
  return [
    coefficient.length > 1 ? coefficient[0] + coefficient.slice(2) : coefficient,
    +x.slice(i + 1)
  ];
}
function exponent(x) {
  return x = formatDecimalParts(Math.abs(x)), x ? x[1] : NaN;
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
function formatPrefixAuto(x, p) {
  var d = formatDecimalParts(x, p);
  if (!d) return prefixExponent = void 0, x.toPrecision(p);
  var coefficient = d[0], exponent2 = d[1], i = exponent2 - (prefixExponent = Math.max(-8, Math.min(8, Math.floor(exponent2 / 3))) * 3) + 1, n = coefficient.length;
  return i === n ? coefficient : i > n ? coefficient + new Array(i - n + 1).join("0") : i > 0 ? coefficient.slice(0, i) + "." + coefficient.slice(i) : "0." + new Array(1 - i).join("0") + formatDecimalParts(x, Math.max(0, p + i - 1))[0];
}
function formatRounded(x, p) {
  var d = formatDecimalParts(x, p);
  if (!d) return x + "";
  var coefficient = d[0], exponent2 = d[1];
  return exponent2 < 0 ? "0." + new Array(-exponent2).join("0") + coefficient : coefficient.length > exponent2 + 1 ? coefficient.slice(0, exponent2 + 1) + "." + coefficient.slice(exponent2 + 1) : coefficient + new Array(exponent2 - coefficient.length + 2).join("0");
}
var formatTypes = {
  "%": (x, p) => (x * 100).toFixed(p),
  "b": (x) => Math.round(x).toString(2),
  "c": (x) => x + "",
  "d": formatDecimal,
  "e": (x, p) => x.toExponential(p),
  "f": (x, p) => x.toFixed(p),
  "g": (x, p) => x.toPrecision(p),
  "o": (x) => Math.round(x).toString(8),
  "p": (x, p) => formatRounded(x * 100, p),
  "r": formatRounded,
  "s": formatPrefixAuto,
  "X": (x) => Math.round(x).toString(16).toUpperCase(),
  "x": (x) => Math.round(x).toString(16)
};
function identity(x) {
  return x;
}
var map = Array.prototype.map;
var prefixes = ["y", "z", "a", "f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E", "Z", "Y"];
function formatLocale(locale2) {
  var group2 = locale2.grouping === void 0 || locale2.thousands === void 0 ? identity : formatGroup(map.call(locale2.grouping, Number), locale2.thousands + ""), currencyPrefix = locale2.currency === void 0 ? "" : locale2.currency[0] + "", currencySuffix = locale2.currency === void 0 ? "" : locale2.currency[1] + "", decimal = locale2.decimal === void 0 ? "." : locale2.decimal + "", numerals = locale2.numerals === void 0 ? identity : formatNumerals(map.call(locale2.numerals, String)), percent = locale2.percent === void 0 ? "%" : locale2.percent + "", minus = locale2.minus === void 0 ? "−" : locale2.minus + "", nan = locale2.nan === void 0 ? "NaN" : locale2.nan + "";
  function newFormat(specifier, options) {
    specifier = formatSpecifier(specifier);
    var fill = specifier.fill, align = specifier.align, sign = specifier.sign, symbol = specifier.symbol, zero = specifier.zero, width = specifier.width, comma = specifier.comma, precision = specifier.precision, trim = specifier.trim, type = specifier.type;
    if (type === "n") comma = true, type = "g";
    else if (!formatTypes[type]) precision === void 0 && (precision = 12), trim = true, type = "g";
    if (zero || fill === "0" && align === "=") zero = true, fill = "0", align = "=";
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
      if (comma && !zero) value = group2(value, Infinity);
      var length = valuePrefix.length + value.length + valueSuffix.length, padding = length < width ? new Array(width - length + 1).join(fill) : "";
      if (comma && zero) value = group2(padding + value, padding.length ? width - valueSuffix.length : Infinity), padding = "";
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
var DARK_INK = {
  text: "#f0f1f3",
  soft: "#c9ccd1",
  muted: "#9a9fa7",
  line: "#55585e",
  surface: "#2a2c30",
  background: "#17181a",
  accent: "#e0a84a"
};
function plainInk(theme) {
  return theme === "dark" ? DARK_INK : FILE_INK;
}

// src/shared/measure.ts
var context;
var measureText = (text, size, weight = 400) => {
  if (context === void 0) {
    try {
      context = typeof document === "undefined" ? null : document.createElement("canvas").getContext("2d");
    } catch {
      context = null;
    }
  }
  if (!context || typeof context.measureText !== "function") return [...text].length * size * 0.6;
  context.font = `${weight} ${size}px system-ui, sans-serif`;
  return context.measureText(text)?.width ?? [...text].length * size * 0.6;
};

// src/shared/shapes.ts
var SVG = "http://www.w3.org/2000/svg";
function group(attrs = {}, children = []) {
  return { tag: "g", attrs: attrs ?? {}, children };
}
function rect(box, fill) {
  return { tag: "rect", attrs: { ...box, fill } };
}
function line(d, stroke, width = 1, more = {}) {
  return { tag: "path", attrs: { d, stroke, "stroke-width": width, fill: "none", ...more } };
}
function label(x, y, text, fill, size, anchor = "start", weight) {
  const attrs = { x, y, "text-anchor": anchor, "font-size": size, "font-weight": weight, fill };
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
  const inner2 = escapeXml(shape.text ?? "") + (shape.children ?? []).map(toMarkup).join("");
  return inner2 ? `<${shape.tag}${attrs}>${inner2}</${shape.tag}>` : `<${shape.tag}${attrs}/>`;
}
function svgFile(width, height, background, shapes) {
  const back = { tag: "rect", attrs: { width, height, fill: background } };
  return `<svg xmlns="${SVG}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif" font-size="12">${[back, ...shapes].map(toMarkup).join("\n")}</svg>
`;
}
function moved(x, y, children) {
  return group({ transform: `translate(${x} ${y})` }, children);
}

// src/shared/scale.ts
var SEQUENTIAL = {
  light: ["#f6f6f5", "#dbe9f3", "#aed0e6", "#72afd6", "#3d88c0", "#1d62a1", "#0b3c74", "#062650"],
  dark: ["#26272a", "#27394c", "#2a557b", "#2f76b0", "#4b9ae0", "#85c0f7", "#c0e0ff", "#ecf6ff"]
};
var MASKED = { light: "#e9e9e7", dark: "#37383b" };
var STEPS = 256;
var ramps = /* @__PURE__ */ new Map();
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

// src/grid/cells.ts
var MARKS = { preview: 1, below: 2, unsure: 4 };
var ROOMY = 11;
function hatch(box, step = 5) {
  const { x, y, width, height } = box;
  let path = "";
  for (let along = step; along < width + height; along += step) {
    const x1 = Math.min(along, width);
    const y1 = along - x1;
    const y2 = Math.min(along, height);
    const x2 = along - y2;
    path += `M${x + x1} ${y + y1}L${x + x2} ${y + y2}`;
  }
  return path;
}
function cross(box, size) {
  const cx = box.x + box.width / 2;
  const cy = box.y + box.height / 2;
  return `M${cx - size} ${cy - size}L${cx + size} ${cy + size}M${cx - size} ${cy + size}L${cx + size} ${cy - size}`;
}
function inner({ x, y, width, height }) {
  const inset = 0.2 * Math.min(width, height);
  return { x: x + inset, y: y + inset, width: width - 2 * inset, height: height - 2 * inset };
}
function markShapes(box, marks, on, ink) {
  const { x, y, width, height } = box;
  const roomy = Math.min(width, height) >= ROOMY;
  const faint = { opacity: 0.75 };
  const out = [];
  if (marks & MARKS.preview && roomy) {
    const frame = `M${x + 0.5} ${y + 0.5}h${width - 1}v${height - 1}h${1 - width}z`;
    out.push(line(frame, ink.muted, 1, { ...faint, "stroke-dasharray": "1 2" }));
  }
  if (marks & MARKS.below) {
    out.push({ tag: "rect", attrs: { ...box, fill: ink.background, opacity: 0.55 } });
    if (roomy) out.push(line(`M${x + width / 2 - 2.5} ${y + height / 2}h5`, ink.muted, 1, { opacity: 0.5 }));
  }
  if (marks & MARKS.unsure) {
    const r = roomy ? 2.6 : 1.2;
    const d = `M${x + width / 2 - r} ${y + height / 2}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;
    out.push(line(d, marks & MARKS.below ? ink.soft : on, 1, faint));
  }
  return out;
}
function cellShapes(box, value, kind, scale, ink, marks = 0) {
  const { x, y, width, height } = box;
  if (kind === "pending") {
    const r = Math.min(1.5, height / 5);
    const dot = { cx: x + width / 2, cy: y + height / 2, r, fill: ink.muted, opacity: 0.6 };
    return [rect(box, ink.surface), { tag: "circle", attrs: dot }];
  }
  if (kind === "undefined") {
    const size = Math.min(4, width / 4, height / 4);
    return [rect(box, ink.background), line(hatch(box), ink.line), line(cross(box, size), ink.muted, 1.5)];
  }
  const fill = scale.color(value);
  const on = inkOn(fill);
  const tile = marks & MARKS.preview ? [rect(box, ink.background), rect(inner(box), fill)] : [rect(box, fill)];
  const out = [...tile, ...markShapes(box, marks, on, ink)];
  if (kind === "infinite") {
    out.push(label(x + width / 2, y + height / 2 + 4, value > 0 ? "+∞" : "−∞", on, 11, "middle"));
  }
  if (kind === "clipped") {
    const size = Math.min(7, width / 2, height / 2);
    const d = `M${x + width - size} ${y}h${size}v${size}z`;
    out.push({ tag: "path", attrs: { d, fill: marks & MARKS.preview ? ink.text : on } });
  }
  return out;
}

// src/grid/legend.ts
var BAR = { width: 160, height: 10, steps: 64 };
var NAMES = {
  pending: "not computed yet",
  undefined: "undefined",
  clipped: "beyond the limits",
  infinite: "infinite",
  preview: "estimate, not confirmed",
  below: "within its baseline",
  unsure: "interval includes 0",
  edges: "edges: mean (bar), largest (dot)"
};
function swatch(key, scale, ink) {
  const box = { x: 0, y: 0, width: 20, height: 14 };
  if (key === "edges") {
    return [
      rect({ x: 0, y: 4.5, width: 12, height: 5 }, scale.color(scale.high * 0.78)),
      { tag: "circle", attrs: { cx: 17, cy: 7, r: 2.2, fill: ink.soft } }
    ];
  }
  if (key in MARKS) return cellShapes(box, scale.high * 0.6, "normal", scale, ink, MARKS[key]);
  const value = key === "infinite" ? Number.POSITIVE_INFINITY : scale.high;
  return cellShapes(box, value, key, scale, ink);
}
function legend(scale, unit, present, ink, measure, room) {
  const shapes = [];
  const step = BAR.width / BAR.steps;
  for (let i = 0; i < BAR.steps; i++) {
    const value = scale.low + (i + 0.5) / BAR.steps * (scale.high - scale.low);
    const wide = i < BAR.steps - 1 ? step + 0.5 : step;
    shapes.push(rect({ x: i * step, y: 2, width: wide, height: BAR.height }, scale.color(value)));
  }
  const labels = scale.kind === "diverging" ? [scale.low, 0, scale.high] : [scale.low, scale.high];
  labels.forEach((value, i) => {
    const x2 = BAR.width * i / (labels.length - 1);
    const anchor = i === 0 ? "start" : i === labels.length - 1 ? "end" : "middle";
    const sign = scale.kind === "diverging" && value > 0 ? "+" : "";
    shapes.push(label(x2, 26, `${sign}${short(value)}`, ink.soft, 11, anchor));
  });
  let x = BAR.width + 14;
  let y = 0;
  let width = x;
  const put = (text, key) => {
    const wide = Math.ceil(measure(text, 11));
    const before = key.length ? 26 : 0;
    if (x + before + wide > room && x > 0) {
      x = 0;
      y += y === 0 ? 32 : 20;
    }
    if (key.length) shapes.push(moved(x, y, key));
    shapes.push(label(x + before, y + 11, text, ink.muted, 11));
    x += before + wide + 18;
    width = Math.max(width, x - 18);
  };
  put(unit, []);
  for (const [key, name] of Object.entries(NAMES)) {
    if (present.has(key)) put(name, swatch(key, scale, ink));
  }
  return { shapes, width, height: y === 0 ? 30 : y + 18 };
}

// src/grid/legend_view.ts
function parseLimit(text) {
  const value = Number(text.replace("−", "-").replace(",", "."));
  return text.trim() && Number.isFinite(value) && value !== 0 ? Math.abs(value) : null;
}
function legendView(scope, setLimit) {
  const svg = svgRoot(0, 0, { role: "img" });
  const input = h("input", {
    type: "text",
    inputmode: "decimal",
    placeholder: "auto",
    "aria-label": "colour limit",
    title: "Colour limit; empty = automatic"
  });
  const sign = h("span", {}, "limit ±");
  const node = div("inb-legend", svg, h("label", {}, sign, input));
  scope.listen(input, "change", () => setLimit(parseLimit(input.value)));
  scope.listen(input, "keydown", (event) => event.stopPropagation());
  return {
    node,
    reset() {
      input.value = "";
    },
    update(scale, present, unit, room) {
      const drawing = legend(scale, unit, present, PAGE_INK, measureText, room);
      sizeSvg(svg, drawing.width, drawing.height);
      svg.setAttribute("aria-label", `colours from ${short(scale.low)} to ${short(scale.high)}, ${unit}`);
      svg.replaceChildren(...drawing.shapes.map(toNode));
      sign.textContent = scale.kind === "diverging" ? "limit ±" : "limit";
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

// src/shared/hints.ts
function kernelHint(kernel, live) {
  if (!kernel) return "Saved page: exploring works, recomputing needs a running kernel.";
  return live ? "" : "No model behind this result: run its cell again to recompute.";
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

// src/shared/roles.ts
var LETTERS = {
  "previous token": "P",
  "duplicate token": "D",
  induction: "I",
  "first token": "1",
  self: "S",
  spread: "~",
  mixed: ""
};
function roleLetter(badge) {
  return LETTERS[badge] ?? badge.charAt(0).toUpperCase();
}
function roleLabel(name) {
  return name.replace(/_/g, " ");
}
function badgeCounts(badges) {
  const counts = new Map(Object.keys(LETTERS).map((badge) => [badge, 0]));
  for (const badge of badges.flat()) counts.set(badge, (counts.get(badge) ?? 0) + 1);
  return [...counts].filter(([, count]) => count > 0).map(([badge, count]) => ({ badge, count }));
}

// src/attention/controls.ts
function option(value, label2) {
  return h("option", { value }, label2);
}
function controls(scope, buttons, changed) {
  const heading = h("h4", {}, "Attention");
  const note = h("p");
  const title = div("inb-title", heading, note);
  const show = h("select", { "data-choice": "role" });
  const sort = h("select", { "data-choice": "sort" });
  const hintNode = span("inb-hint");
  const badges = div("inb-badge-legend");
  const node = h(
    "div",
    { class: "inb-toolbar", role: "toolbar", "aria-label": "attention" },
    h("label", {}, "show", show),
    h("label", {}, "order", sort),
    ...buttons,
    hintNode
  );
  let shown;
  scope.listen(show, "change", changed);
  scope.listen(sort, "change", changed);
  const refill = (select, options) => {
    const before = select.value;
    select.replaceChildren(...options);
    select.value = options.some((item) => item.value === before) ? before : "";
  };
  return {
    title,
    node,
    badges,
    update(data, hint) {
      hintNode.textContent = hint;
      hintNode.hidden = !hint;
      if (data === shown) return;
      shown = data;
      const { meta } = data;
      const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
      note.textContent = [
        meta.labels.model,
        `${count(data.rows, "layer")} × ${count(data.heads, "head")}`,
        count(data.tokens.length, "token")
      ].filter(Boolean).join(" · ");
      const counts = badgeCounts(meta.roles.badges);
      refill(show, [
        option("", "all heads"),
        ...counts.map(({ badge, count: count2 }) => option(badge, `${badge} (${count2})`))
      ]);
      const scores = meta.roles.names.filter((name) => meta.roles.scores[name]).map((name) => option(`role:${name}`, `by ${roleLabel(name)} score`));
      const masses = meta.labelled.map((pair) => option(`mass:${pair.name}`, `by attention ${pair.name}`));
      refill(sort, [option("", "by layer and head"), ...scores, ...masses]);
      const letters = counts.filter(({ badge }) => roleLetter(badge));
      badges.replaceChildren(
        ...letters.map(({ badge }) => h("span", {}, span("inb-badge", roleLetter(badge)), ` ${badge}`))
      );
    },
    badge: () => show.value,
    sort: () => sort.value
  };
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
async function inflate(bytes) {
  const view = toView(bytes);
  const packed = new Uint8Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
  const { writable, readable } = new DecompressionStream("deflate");
  const writer = writable.getWriter();
  writer.write(packed).catch(() => {
  });
  writer.close().catch(() => {
  });
  const reader = readable.getReader();
  const chunks = [];
  for (let next = await reader.read(); !next.done; next = await reader.read()) chunks.push(next.value);
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole.buffer;
}
async function decodeMatrix(spec, bytes) {
  const [rows = 0, cols = 0] = spec.shape;
  const parts = spec.encoding.split("+");
  const block = parts.includes("deflate") ? await inflate(bytes) : bytes;
  if (!parts.includes("tril")) return Float32Array.from(decodeArray(block, spec.dtype, [rows, cols]));
  const packed = decodeArray(block, spec.dtype, [rows * (rows + 1) / 2]);
  const full = new Float32Array(rows * cols);
  for (let row = 0, at = 0; row < rows; at += row + 1, row++) full.set(packed.subarray(at, at + row + 1), row * cols);
  return full;
}

// src/attention/data.ts
function readAttention(meta, bytes) {
  const { values, shape } = readArray(meta.arrays, bytes, "thumbs", 4);
  const [rows = 0, heads = 0, side = 0, across = 0] = shape;
  if (rows !== meta.layers.length || heads !== meta.n_heads || side !== across) {
    throw new RangeError(`thumbs are [${shape.join(", ")}], expected ${meta.layers.length} x ${meta.n_heads} squares`);
  }
  return { meta, tokens: meta.tokens, rows, heads, thumbs: values, side };
}
function thumbOf(data, at) {
  const size = data.side * data.side;
  const start = (at.row * data.heads + at.head) * size;
  return data.thumbs.subarray(start, start + size);
}
function layerName(data, row) {
  return String(data.meta.layers[row] ?? row);
}
function badgeOf(data, at) {
  return data.meta.roles.badges[at.row]?.[at.head] ?? "";
}
function headName(data, at) {
  return `layer ${layerName(data, at.row)}, head ${at.head}`;
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

// src/attention/bitmap.ts
var SHADES = 255;
function pixel(hex2) {
  const channel = (at) => Number.parseInt(hex2.slice(at, at + 2), 16);
  return (255 << 24 | channel(5) << 16 | channel(3) << 8 | channel(1)) >>> 0;
}
var shades;
function shadesOf(scale, theme) {
  const key = `${scale.kind} ${scale.high} ${theme}`;
  if (shades?.key !== key) {
    const colors = Array.from({ length: SHADES + 1 }, (_, i) => pixel(scale.color(i / SHADES * scale.high)));
    shades = { key, table: Uint32Array.from(colors) };
  }
  return shades.table;
}
function pixels(values, side, one, scale, theme) {
  const out = new Uint32Array(side * side);
  const table = shadesOf(scale, theme);
  const unit = SHADES / (one * scale.high);
  for (let row = 0; row < side; row++) {
    const start = row * side;
    for (let column = 0; column <= row; column++) {
      const shade = (values[start + column] ?? 0) * unit;
      if (shade >= SHADES) out[start + column] = table[SHADES] ?? 0;
      else if (shade <= SHADES) out[start + column] = table[Math.max(0, Math.round(shade))] ?? 0;
    }
    out.fill(pixel(MASKED[theme]), start + row + 1, start + side);
  }
  return new Uint8ClampedArray(out.buffer);
}
function poolMax(values, side, to) {
  const out = new Uint8Array(to * to);
  const cell = Array.from({ length: side }, (_, i) => Math.floor(i * to / side));
  for (let at = 0; at < side * side; at++) {
    const into = (cell[Math.floor(at / side)] ?? 0) * to + (cell[at % side] ?? 0);
    out[into] = Math.max(out[into] ?? 0, values[at] ?? 0);
  }
  return out;
}
function undefinedCells(values, side, limit = 4e3) {
  const out = [];
  for (let row = 0; row < side && out.length < limit; row++) {
    for (let column = 0; column <= row; column++) {
      if (Number.isNaN(values[row * side + column] ?? 0)) out.push({ row, column });
    }
  }
  return out;
}
function bitmapCanvas(data, side, into) {
  const canvas = into ?? document.createElement("canvas");
  canvas.width = side;
  canvas.height = side;
  const context2 = canvas.getContext("2d");
  if (!context2 || typeof ImageData === "undefined") return null;
  context2.putImageData(new ImageData(data, side, side), 0, 0);
  return canvas;
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
    const inner2 = char === " " && index > 0 && index < chars.length - 1 && token.trim() !== "";
    const shown = inner2 ? null : mark(char);
    const last = out[out.length - 1];
    if (last && last.mark === (shown !== null)) last.text += shown ?? char;
    else out.push({ text: shown ?? char, mark: shown !== null });
  });
  return out.length ? out : [{ text: "∅", mark: true }];
}
function visible(token) {
  return pieces(token).map((piece) => piece.text).join("");
}
function cut(text, max) {
  const chars = [...text];
  return chars.length <= max ? text : `${chars.slice(0, Math.max(1, max - 1)).join("")}…`;
}
function cutToWidth(text, width, measure) {
  if (text.length < 400 && measure(text) <= width) return text;
  let low = 1;
  let high = Math.min([...text].length, 400);
  while (low < high) {
    const middle = low + high + 1 >> 1;
    if (measure(cut(text, middle)) <= width) low = middle;
    else high = middle - 1;
  }
  return cut(text, low);
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
  const count = [...token].length;
  if (count > max) node.append(span("inb-mark", ` (${count.toLocaleString("en")} characters)`));
  return node;
}

// src/attention/figure.ts
var MAX_RECTS_SIDE = 96;
var MARGIN = 14;
function cells(input, cell) {
  const count = input.tokens.length;
  if (input.picture && count > MAX_RECTS_SIDE) {
    const attrs = {
      href: input.picture,
      width: count * cell,
      height: count * cell,
      style: "image-rendering:pixelated"
    };
    return [{ tag: "image", attrs }];
  }
  const out = [];
  const size = cell - (cell >= 9 ? 1 : 0);
  for (let dest = 0; dest < count; dest++) {
    for (let src = 0; src < count; src++) {
      const box = { x: src * cell, y: dest * cell, width: size, height: size };
      const value = input.pattern[dest * count + src] ?? Number.NaN;
      if (src <= dest && Number.isNaN(value)) {
        out.push({ tag: "path", attrs: { d: hatch(box, 4), stroke: FILE_INK.muted, fill: "none" } });
      } else {
        out.push({ tag: "rect", attrs: { ...box, fill: src > dest ? MASKED.light : input.scale.color(value) } });
      }
    }
  }
  return out;
}
function axes(tokens, cell, measure) {
  const step = Math.max(1, Math.ceil(10 / cell));
  const fit = (token) => cutToWidth(visible(token), 110, (text) => measure(text, 12));
  return tokens.flatMap((token, i) => {
    if (i % step) return [];
    const at = (i + 0.5) * cell;
    const small = { "font-size": 10, fill: FILE_INK.muted };
    const text = fit(token);
    return [
      { tag: "text", attrs: { x: -28, y: at + 4, "text-anchor": "end", fill: FILE_INK.soft }, text },
      { tag: "text", attrs: { x: -6, y: at + 4, "text-anchor": "end", ...small }, text: String(i) },
      { tag: "text", attrs: { transform: `translate(${at + 3} -16) rotate(-45)`, fill: FILE_INK.soft }, text },
      { tag: "text", attrs: { x: at, y: -5, "text-anchor": "middle", ...small }, text: String(i) }
    ];
  });
}
function headFigure(input, measure) {
  const count = input.tokens.length;
  const cell = Math.max(4, Math.min(28, Math.floor(640 / Math.max(1, count))));
  const widest = Math.max(20, ...input.tokens.map((token) => Math.min(110, measure(visible(token.slice(0, 40)), 12))));
  const left = Math.ceil(widest) + 34 + MARGIN;
  const top = Math.ceil(widest * Math.SQRT1_2) + 60;
  const side = count * cell;
  const key = legend(input.scale, input.unit, /* @__PURE__ */ new Set(), FILE_INK, measure, Math.max(300, side));
  const lean = Math.ceil(widest * Math.SQRT1_2) + 8;
  const width = Math.max(left + side + lean, left + key.width, measure(input.title, 13, 600) + 2 * MARGIN) + MARGIN;
  const height = top + side + 18 + key.height + MARGIN;
  const svg = svgFile(Math.ceil(width), Math.ceil(height), FILE_INK.background, [
    {
      tag: "text",
      attrs: { x: MARGIN, y: 22, "font-size": 13, "font-weight": 600, fill: FILE_INK.text },
      text: input.title
    },
    moved(left, top, [...axes(input.tokens, cell, measure), ...cells(input, cell)]),
    moved(left, top + side + 18, key.shapes)
  ]);
  return { svg, width: Math.ceil(width), height: Math.ceil(height) };
}

// src/attention/export.ts
function headExport(scope, source) {
  const figure = () => {
    const now = source();
    if (!now) throw new Error("the pattern of this head has not arrived yet");
    const { data, chosen, pattern, limit, unit } = now;
    const scale = sequential(limit, "light");
    const side = data.tokens.length;
    const large = side > MAX_RECTS_SIDE ? bitmapCanvas(pixels(pattern, side, 1, scale, "light"), side) : null;
    const title = [`Attention of ${headName(data, chosen)}`, badgeOf(data, chosen), data.meta.labels.model].filter(Boolean).join(" · ");
    const picture = large?.toDataURL("image/png") ?? null;
    const name = fileName("attention", `layer${layerName(data, chosen.row)}`, `head${chosen.head}`);
    return { ...headFigure({ tokens: data.tokens, pattern, title, scale, unit, picture }, measureText), name };
  };
  return exportButtons(scope, {
    PNG: async () => {
      const { svg, width, height, name } = figure();
      saveBlob(await svgToPng(svg, width, height, width > 1500 ? 2 : 3), `${name}.png`);
    },
    SVG: () => {
      const { svg, name } = figure();
      saveText(svg, "image/svg+xml", `${name}.svg`);
    }
  });
}

// src/attention/head_layout.ts
var CELL = { min: 13, max: 34, label: 12, slanted: 18, biggest: 60 };
var MAX_HEIGHT = 560;
var LEAST_LEFT = 86;
function headLayout(count, labelWidth, available, zoom) {
  const left = Math.max(LEAST_LEFT, Math.ceil(Math.min(150, available * 0.3, labelWidth)) + 38);
  const lean = Math.min(60, Math.ceil(labelWidth * Math.SQRT1_2));
  const tokens = Math.max(1, count);
  const across = Math.max(120, available - left - lean);
  const down = MAX_HEIGHT - 110;
  const fit = Math.min(across, down) / tokens;
  const natural = Math.max(CELL.min, Math.min(CELL.max, Math.floor(across / tokens), Math.floor(down / tokens)));
  const wanted = zoom === "fit" ? Math.min(CELL.max, fit) : Math.min(CELL.biggest, natural * zoom);
  const cell = wanted >= 4 ? Math.floor(wanted) : Math.max(fit, wanted);
  const upright = cell < CELL.slanted;
  const top = Math.ceil(Math.min(96, labelWidth) * (upright ? 1 : Math.SQRT1_2)) + 30;
  const side = Math.ceil(cell * tokens);
  const sheetWidth = left + side + (upright ? 4 : lean);
  const sheetHeight = top + side + 2;
  return {
    count,
    cell,
    upright,
    left,
    top,
    width: Math.min(available, sheetWidth),
    height: Math.min(MAX_HEIGHT, sheetHeight),
    sheetWidth,
    sheetHeight
  };
}
function placeAt(layout, scroll, x, y) {
  const at = (value, start, offset) => {
    const index = Math.floor((value - start + offset) / layout.cell);
    return value >= start && index >= 0 && index < layout.count ? index : null;
  };
  const src = at(x, layout.left, scroll.x);
  const dest = at(y, layout.top, scroll.y);
  if (dest === null && src === null) return null;
  if (x < layout.left) return { dest, src: null };
  if (y < layout.top) return { dest: null, src };
  return dest === null || src === null ? null : { dest, src };
}
function visibleRange(layout, offset, extent) {
  const from = Math.max(0, Math.floor(offset / layout.cell));
  const to = Math.min(layout.count - 1, Math.floor((offset + extent) / layout.cell));
  return { from, to };
}
function labelStep(layout) {
  return Math.max(1, Math.ceil(CELL.label / layout.cell));
}
function scrollFor(layout, index, offset, extent) {
  const start = index * layout.cell;
  if (start < offset) return Math.max(0, start - layout.cell);
  if (start + layout.cell > offset + extent) return start + 2 * layout.cell - extent;
  return offset;
}

// src/attention/head_paint.ts
var FONT = 'system-ui, -apple-system, "Segoe UI", Helvetica, Arial, "DejaVu Sans", sans-serif';
function paintHead(context2, picture, scroll) {
  const { layout, bitmap } = picture;
  const view = viewOf(layout, scroll);
  context2.clearRect(0, 0, layout.width, layout.height);
  context2.save();
  context2.beginPath();
  context2.rect(layout.left, layout.top, layout.width - layout.left, layout.height - layout.top);
  context2.clip();
  context2.translate(layout.left - scroll.x, layout.top - scroll.y);
  context2.imageSmoothingEnabled = false;
  context2.globalAlpha = picture.preview ? 0.55 : 1;
  if (bitmap) paintBitmap(context2, picture, bitmap, view);
  context2.globalAlpha = 1;
  paintUndefined(context2, picture, view);
  paintLines(context2, picture, view);
  context2.restore();
  paintAxes(context2, picture, scroll);
}
function viewOf(layout, scroll) {
  return {
    rows: visibleRange(layout, scroll.y, layout.height - layout.top),
    columns: visibleRange(layout, scroll.x, layout.width - layout.left)
  };
}
function paintBitmap(context2, { layout }, bitmap, seen) {
  const { cell, count } = layout;
  const scale = bitmap.width / count;
  const [x, y] = [seen.columns.from, seen.rows.from];
  const [width, height] = [seen.columns.to - x + 1, seen.rows.to - y + 1];
  context2.drawImage(
    bitmap,
    x * scale,
    y * scale,
    width * scale,
    height * scale,
    x * cell,
    y * cell,
    width * cell,
    height * cell
  );
}
function paintUndefined(context2, { layout, undefinedAt, ink }, seen) {
  const { cell } = layout;
  const inside = (at, range) => at >= range.from && at <= range.to;
  context2.strokeStyle = ink.muted;
  context2.lineWidth = 1;
  for (const { row, column } of undefinedAt) {
    if (!inside(row, seen.rows) || !inside(column, seen.columns)) continue;
    context2.stroke(
      new Path2D(hatch({ x: column * cell, y: row * cell, width: cell, height: cell }, Math.max(3, cell / 3)))
    );
  }
}
function paintLines(context2, { layout, hover, chosen, ink }, seen) {
  const { cell } = layout;
  const side = cell * layout.count;
  const [x0, x1] = [seen.columns.from * cell, (seen.columns.to + 1) * cell];
  const [y0, y1] = [seen.rows.from * cell, (seen.rows.to + 1) * cell];
  if (cell >= 9) {
    context2.fillStyle = ink.background;
    for (let x = x0; x <= x1; x += cell) context2.fillRect(x - 1, y0, 1, y1 - y0);
    for (let y = y0; y <= y1; y += cell) context2.fillRect(x0, y - 1, x1 - x0, 1);
  }
  const frame = (x, y, width, height, color, line2) => {
    context2.strokeStyle = color;
    context2.lineWidth = line2;
    context2.strokeRect(x - 0.5, y - 0.5, width, height);
  };
  const bands = ({ dest, src }, color, line2) => {
    if (dest !== null) frame(0, dest * cell, side, cell, color, line2);
    if (src !== null) frame(src * cell, 0, cell, side, color, line2);
  };
  if (hover) bands(hover, ink.muted, 1);
  bands(chosen, ink.accent, 2);
  if (chosen.dest !== null && chosen.src !== null)
    frame(chosen.src * cell, chosen.dest * cell, cell, cell, ink.text, 2);
}
var SMALL = 10;
function paintAxes(context2, picture, scroll) {
  const { layout, hover, chosen, ink, labels } = picture;
  const { cell, left, top, upright } = layout;
  const size = cell < 16 ? 11 : 12;
  const step = labelStep(layout);
  const seen = viewOf(layout, scroll);
  const strong = (index2, axis) => hover?.[axis] === index2 || chosen[axis] === index2;
  const shown = (index2, axis) => index2 % step === 0 || strong(index2, axis);
  const crowded = (at) => cell < 16 && [-2, -1, 1, 2].some((by) => strong(at + by, "src"));
  const index = (text, x, y) => {
    context2.font = `${SMALL}px ${FONT}`;
    context2.fillStyle = ink.muted;
    context2.fillText(text, x, y);
  };
  const token = (text, bold, x, y) => {
    context2.font = `${bold ? 600 : 400} ${size}px ${FONT}`;
    context2.fillStyle = bold ? ink.text : ink.soft;
    context2.fillText(text, x, y);
  };
  context2.textBaseline = "middle";
  context2.textAlign = "right";
  for (let dest = seen.rows.from; dest <= seen.rows.to; dest++) {
    const y = top - scroll.y + (dest + 0.5) * cell;
    if (!shown(dest, "dest") || y < top + 2) continue;
    index(String(dest), left - 6, y);
    token(labels(dest, left - 36), strong(dest, "dest"), left - 28, y);
  }
  for (let src = seen.columns.from; src <= seen.columns.to; src++) {
    const x = left - scroll.x + (src + 0.5) * cell;
    if (!shown(src, "src") || x < left + 2) continue;
    context2.textAlign = "center";
    if (strong(src, "src") || !crowded(src) && (cell >= 16 || src % (5 * step) === 0)) index(String(src), x, top - 8);
    context2.save();
    context2.translate(upright ? x : x + 2, top - 18);
    context2.rotate(upright ? -Math.PI / 2 : -Math.PI / 4);
    context2.textAlign = "left";
    token(labels(src, (top - 26) * (upright ? 1 : Math.SQRT2)), strong(src, "src"), 0, 0);
    context2.restore();
  }
  context2.textAlign = "right";
  context2.font = `11px ${FONT}`;
  context2.fillStyle = ink.muted;
  context2.fillText("source →", left - 6, top - 26);
  context2.fillText("destination ↓", left - 6, top - 8);
}
function labelCutter(tokens, measure) {
  const known = /* @__PURE__ */ new Map();
  return (index, limit) => {
    const key = `${index} ${Math.round(limit)}`;
    const text = known.get(key) ?? cutToWidth(visible(tokens[index] ?? ""), limit, measure);
    known.set(key, text);
    return text;
  };
}

// src/attention/head_view.ts
function longestLabel(tokens) {
  let widest = 20;
  for (const token of tokens.slice(0, 600))
    widest = Math.max(widest, measureText(visible(token.slice(0, 40)), 12, 600));
  return widest;
}
function drawHead(events, watched, room) {
  const scope = new Scope();
  const canvas = h("canvas", { class: "inb-head-canvas", tabindex: 0, role: "grid" });
  const sheet = div("inb-head-sheet", canvas);
  const node = div("inb-head-window", sheet);
  let props;
  let layout;
  let picture;
  let hover = null;
  let drawnKey = [];
  let seenRoom = 0;
  let frame = 0;
  const scroll = () => ({ x: node.scrollLeft, y: node.scrollTop });
  const paint = guarded(node, () => {
    frame = 0;
    const context2 = canvas.getContext("2d");
    if (!context2 || !picture || !layout) return;
    const ratio = globalThis.devicePixelRatio || 1;
    const [width, height] = [Math.round(layout.width * ratio), Math.round(layout.height * ratio)];
    if (canvas.width !== width || canvas.height !== height) setAttrs(canvas, { width, height });
    canvas.style.width = `${layout.width}px`;
    canvas.style.height = `${layout.height}px`;
    context2.setTransform(ratio, 0, 0, ratio, 0, 0);
    paintHead(context2, { ...picture, hover }, scroll());
  });
  const queue = () => {
    frame ||= requestAnimationFrame(paint);
  };
  const rebuild = (now) => {
    seenRoom = room();
    layout = headLayout(now.tokens.length, longestLabel(now.tokens), seenRoom || 640, now.zoom);
    setAttrs(sheet, { style: `width:${layout.sheetWidth}px;height:${layout.sheetHeight}px` });
    setAttrs(node, { style: `width:${layout.width}px;height:${layout.height}px` });
    const side = now.pattern ? now.tokens.length : now.thumb.side;
    const values = now.pattern ?? now.thumb.values;
    const bitmap = bitmapCanvas(pixels(values, side, now.pattern ? 1 : 255, now.scale, now.theme), side);
    picture = {
      layout,
      labels: labelCutter(now.tokens, (text) => measureText(text, 12, 600)),
      bitmap,
      preview: !now.pattern,
      undefinedAt: now.pattern ? undefinedCells(now.pattern, side) : [],
      hover,
      chosen: now.chosen,
      ink: plainInk(now.theme)
    };
  };
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return layout ? placeAt(layout, scroll(), event.clientX - box.left, event.clientY - box.top) : null;
  };
  scope.listen(node, "scroll", queue, { passive: true });
  scope.listen(canvas, "pointermove", (event) => {
    hover = at(event);
    queue();
    events.hover(hover, event);
  });
  scope.listen(canvas, "pointerleave", () => {
    hover = null;
    queue();
    events.hover(null, null);
  });
  scope.listen(canvas, "click", (event) => {
    const place = at(event);
    if (place) events.click(place);
  });
  if (typeof ResizeObserver === "function") {
    const resized = () => {
      if (!props || Math.abs(room() - seenRoom) <= 1) return;
      rebuild(props);
      queue();
    };
    const observer = new ResizeObserver(guarded(node, resized));
    observer.observe(watched);
    scope.add(() => observer.disconnect());
  }
  scope.add(() => cancelAnimationFrame(frame));
  return {
    node,
    update(next) {
      const before = props?.chosen;
      props = next;
      const { pattern, scale, theme, thumb, tokens, zoom, chosen } = next;
      const key = [pattern, thumb.values, scale.high, theme, tokens, zoom];
      if (!layout || key.some((part, i) => part !== drawnKey[i])) rebuild(next);
      drawnKey = key;
      if (picture) picture.chosen = chosen;
      setAttrs(canvas, { "aria-label": next.label, "aria-rowcount": tokens.length, "aria-colcount": tokens.length });
      if (layout && before && (before.dest !== chosen.dest || before.src !== chosen.src)) {
        if (chosen.dest !== null)
          node.scrollTop = scrollFor(layout, chosen.dest, node.scrollTop, layout.height - layout.top);
        if (chosen.src !== null)
          node.scrollLeft = scrollFor(layout, chosen.src, node.scrollLeft, layout.width - layout.left);
      }
      queue();
    },
    point(place) {
      hover = place;
      queue();
    },
    destroy() {
      scope.dispose();
      node.remove();
    }
  };
}

// src/attention/heading.ts
function scoreLine(data, at, most = 3) {
  const { names, scores } = data.meta.roles;
  const roles = names.filter((name) => name !== "entropy").map((name) => ({ name: roleLabel(name), value: scores[name]?.[at.row]?.[at.head] }));
  const masses = data.meta.labelled.map(({ name, mass }) => ({ name, value: mass[at.row]?.[at.head] }));
  return [...roles, ...masses].filter((entry) => typeof entry.value === "number" && entry.value >= 0.05).sort((a, b) => b.value - a.value).slice(0, most).map(({ name, value }) => `${name} ${value.toFixed(2)}`).join(" · ");
}
function headHeading(scope, step) {
  const back = button("‹", { class: "inb-icon-button", "aria-label": "previous head", title: "Previous head  [" });
  const on = button("›", { class: "inb-icon-button", "aria-label": "next head", title: "Next head  ]" });
  const name = h("h5");
  const role = span("inb-role");
  const scores = span("inb-hint");
  scope.listen(back, "click", () => step("["));
  scope.listen(on, "click", () => step("]"));
  return {
    node: div("inb-head-name", back, name, on, role, scores),
    update(data, at) {
      const text = headName(data, at);
      name.textContent = text.charAt(0).toUpperCase() + text.slice(1);
      role.textContent = badgeOf(data, at);
      role.hidden = !role.textContent;
      scores.textContent = scoreLine(data, at);
    }
  };
}

// src/attention/patterns.ts
var Lru = class {
  constructor(capacity) {
    this.capacity = capacity;
  }
  capacity;
  #entries = /* @__PURE__ */ new Map();
  get(key) {
    const value = this.#entries.get(key);
    if (value === void 0) return void 0;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }
  set(key, value) {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    const oldest = this.#entries.keys().next().value;
    if (this.#entries.size > this.capacity && oldest !== void 0) this.#entries.delete(oldest);
  }
  clear() {
    this.#entries.clear();
  }
};
var CACHE_BYTES = 48e6;
var keyOf = (at) => `${at.row} ${at.head}`;
var Patterns = class {
  constructor(bridge, tokens) {
    this.bridge = bridge;
    this.tokens = tokens;
    this.#cache = new Lru(Math.max(8, Math.floor(CACHE_BYTES / (4 * tokens * tokens || 1))));
  }
  bridge;
  tokens;
  #cache;
  #controller = new AbortController();
  #flying = /* @__PURE__ */ new Map();
  cached(at) {
    return this.#cache.get(keyOf(at));
  }
  /** The pattern of one head; a second question while the first is under way shares its answer. */
  fetch(at) {
    const key = keyOf(at);
    const known = this.#cache.get(key);
    if (known) return Promise.resolve(known);
    const flying = this.#flying.get(key) ?? this.#ask(at).finally(() => this.#flying.delete(key));
    this.#flying.set(key, flying);
    return flying;
  }
  /** Fetch in turn, quietly; stops at the first refusal. */
  async prefetch(heads, still) {
    for (const at of heads) {
      if (!still() || this.#controller.signal.aborted) return;
      try {
        await this.fetch(at);
      } catch {
        return;
      }
    }
  }
  close() {
    this.#controller.abort();
    this.#cache.clear();
  }
  async #ask(at) {
    const params = { layer: at.row, head: at.head };
    const { result, buffers } = await this.bridge.request("pattern", params, {
      signal: this.#controller.signal
    });
    const [buffer] = buffers;
    if (!buffer) throw new Error("the pattern came without its bytes");
    if (result.shape[0] !== this.tokens) {
      throw new Error(`the pattern is for ${result.shape[0]} tokens, the prompt has ${this.tokens}`);
    }
    const pattern = await decodeMatrix(result, buffer);
    this.#cache.set(keyOf(at), pattern);
    return pattern;
  }
};
function neighbours(at, rows, heads) {
  return [
    { row: at.row, head: at.head + 1 },
    { row: at.row, head: at.head - 1 },
    { row: at.row + 1, head: at.head },
    { row: at.row - 1, head: at.head }
  ].filter(({ row, head }) => row >= 0 && row < rows && head >= 0 && head < heads);
}

// src/shared/tokenizer.ts
var TOKENIZE_DELAY_MS = 250;
var Tokenizer = class {
  constructor(bridge) {
    this.bridge = bridge;
  }
  bridge;
  #pending = /* @__PURE__ */ new Map();
  /** `done` gets the tokens, or null for an empty text or when the kernel cannot tell. */
  ask(slot, text, done) {
    this.#drop(slot);
    if (text === "") {
      done(null);
      return;
    }
    const controller = new AbortController();
    const timer = setTimeout(() => {
      this.bridge.request("tokenize", { text }, { signal: controller.signal }).then(
        ({ result }) => done(result.tokens),
        () => {
          if (!controller.signal.aborted) done(null);
        }
      );
    }, TOKENIZE_DELAY_MS);
    this.#pending.set(slot, { timer, controller });
  }
  close() {
    for (const slot of [...this.#pending.keys()]) this.#drop(slot);
  }
  #drop(slot) {
    const pending = this.#pending.get(slot);
    if (!pending) return;
    clearTimeout(pending.timer);
    pending.controller.abort();
    this.#pending.delete(slot);
  }
};
function tokenChips(tokens, strong = []) {
  return tokens.map(
    (token, i) => h("span", { class: strong[i] ? "inb-chip inb-strong" : "inb-chip" }, tokenNode(token, 40))
  );
}

// src/attention/prompt_panel.ts
function promptPanel(scope, bridge) {
  const toggle = button("Edit prompt", { "aria-expanded": "false" });
  const input = h("textarea", { rows: 2, spellcheck: "false", "aria-label": "Prompt", "data-field": "prompt" });
  const chips = div("inb-chips");
  const count = span("inb-hint");
  const error = h("p", { class: "inb-field-error", role: "alert", hidden: true });
  const run = button("Recompute", { class: "inb-button inb-primary", title: "Ctrl+Enter" });
  const field = div("inb-field", span("inb-field-name", "Prompt"), input, error, chips);
  const actions = div("inb-edit-actions", run, span("inb-hint", "Ctrl+Enter"), count);
  const node = h("form", { class: "inb-edit", hidden: true }, field, actions);
  const tokenizer = new Tokenizer(bridge);
  let known;
  let usable = true;
  const tokenise = () => {
    if (node.hidden) return;
    tokenizer.ask("prompt", input.value, guarded(node, showTokens));
  };
  const showTokens = (tokens) => {
    chips.replaceChildren(...tokens ? tokenChips(tokens.slice(0, 200)) : []);
    count.textContent = tokens ? `${tokens.length} ${tokens.length === 1 ? "token" : "tokens"}` : "";
  };
  const showError2 = (message) => {
    error.hidden = !message;
    error.textContent = message;
    setAttrs(input, { "aria-invalid": message ? "true" : void 0 });
  };
  const recompute = async () => {
    showError2("");
    try {
      await bridge.request("recompute", { prompt: input.value });
    } catch (failure) {
      const text = failure instanceof RequestError ? `${failure.type}: ${failure.message}` : errorText(failure);
      showError2(text);
    }
  };
  scope.listen(toggle, "click", () => {
    node.hidden = !node.hidden;
    toggle.setAttribute("aria-expanded", String(!node.hidden));
    if (!node.hidden) input.focus();
    tokenise();
  });
  scope.listen(input, "input", () => {
    showError2("");
    tokenise();
  });
  scope.listen(run, "click", recompute);
  scope.listen(node, "submit", (event) => event.preventDefault());
  scope.listen(node, "keydown", (event) => {
    event.stopPropagation();
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || !usable) return;
    event.preventDefault();
    void recompute();
  });
  return {
    toggle,
    node,
    update(prompt, enabled) {
      usable = enabled;
      input.disabled = run.disabled = !enabled;
      if (prompt === known) return;
      known = prompt;
      if (input.value === prompt) return;
      input.value = prompt;
      tokenise();
    },
    destroy: () => tokenizer.close()
  };
}

// src/attention/selection.ts
function within(value, count) {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value < count ? value : null;
}
function readChosen(value, data) {
  const wire = value ?? {};
  const row = data.meta.layers.indexOf(wire.layer ?? Number.NaN);
  const count = data.tokens.length;
  return {
    row: Math.max(0, row),
    head: within(wire.head, data.heads) ?? 0,
    dest: within(wire.dest, count),
    src: within(wire.src, count)
  };
}
function toWire(chosen, data) {
  const { row, head, dest, src } = chosen;
  return { layer: data.meta.layers[row] ?? row, head, dest, src };
}
function attentionKey(key, chosen, data) {
  const last = data.tokens.length - 1;
  const step = (value, by, max, start) => value === null ? start : Math.max(0, Math.min(max, value + by));
  switch (key) {
    case "ArrowUp":
    case "ArrowDown":
      return { ...chosen, dest: step(chosen.dest, key === "ArrowUp" ? -1 : 1, last, last) };
    case "ArrowLeft":
    case "ArrowRight":
      return { ...chosen, src: step(chosen.src, key === "ArrowLeft" ? -1 : 1, last, 0) };
    case "[":
    case "]":
      return { ...chosen, head: step(chosen.head, key === "[" ? -1 : 1, data.heads - 1, 0) };
    case "PageUp":
    case "PageDown":
      return { ...chosen, row: step(chosen.row, key === "PageUp" ? -1 : 1, data.rows - 1, 0) };
    case "Home":
      return { ...chosen, dest: 0 };
    case "End":
      return { ...chosen, dest: last };
    case "Escape":
      return { ...chosen, dest: null, src: null };
    default:
      return null;
  }
}

// src/attention/strip.ts
function shades2(pattern, count, side, at) {
  return Float32Array.from({ length: count }, (_, i) => {
    const masked = side === "dest" ? i > at : i < at;
    if (masked) return Number.NaN;
    return (side === "dest" ? pattern[at * count + i] : pattern[i * count + at]) ?? Number.NaN;
  });
}
function tokenBox(token, index) {
  const node = h("span", { class: "inb-strip-token", "data-index": index, role: "button", tabindex: -1 });
  for (const piece of pieces(token.length > 60 ? `${token.slice(0, 60)}…` : token)) {
    if (!piece.mark) node.append(piece.text);
    else node.append(/^·+$/.test(piece.text) ? piece.text.replace(/·/g, " ") : span("inb-mark", piece.text));
  }
  if (/\n/.test(token)) node.classList.add("inb-strip-break");
  return node;
}
function tokenStrip(events) {
  const scope = new Scope();
  const text = h("div", { class: "inb-strip-text", role: "group", "aria-label": "prompt tokens" });
  const sides = {
    dest: button("as destination", { title: "Shade what the chosen token looks at" }),
    src: button("as source", { title: "Shade who looks at the chosen token" })
  };
  const note = span("inb-hint");
  const group2 = h("span", { class: "inb-group", role: "group", "aria-label": "click chooses" }, sides.dest, sides.src);
  const node = h(
    "section",
    { class: "inb-strip" },
    div("inb-toolbar", span("inb-labelled", "token", group2), note),
    text
  );
  let props;
  let boxes = [];
  let shown;
  let pointed = null;
  const draw = () => {
    if (!props) return;
    const { side, tokens, pattern, scale, dest, src } = props;
    const locked = side === "dest" ? dest : src;
    const at = pointed ?? locked;
    const weights = at === null || !pattern ? null : shades2(pattern, tokens.length, side, at);
    boxes.forEach((box, i) => {
      const weight = weights?.[i];
      const known = weight !== void 0 && !Number.isNaN(weight);
      const fill = known ? scale.color(weight) : "";
      box.style.backgroundColor = fill;
      box.style.color = fill && weight && weight > scale.high * 0.02 ? inkOn(fill) : "";
      box.classList.toggle("inb-masked", weights !== null && !known);
      box.classList.toggle("inb-at", i === at);
      box.classList.toggle("inb-locked", i === dest || i === src);
      const spoken = known ? `, attention ${sig4(weight)}` : "";
      setAttrs(box, {
        "aria-label": `token ${i} ${tokens[i]?.slice(0, 40) ?? ""}${spoken}`,
        "aria-pressed": i === locked ? "true" : "false"
      });
    });
    for (const name of ["dest", "src"])
      setAttrs(sides[name], { "aria-pressed": side === name ? "true" : "false" });
    const what = side === "dest" ? "what it looks at" : "who looks at it";
    note.textContent = at === null ? `Hover or click a token to see ${what}.` : `token ${at}: ${what}`;
  };
  const indexOf = (event) => {
    const value = event.target.closest?.("[data-index]")?.getAttribute("data-index");
    return value == null ? null : Number(value);
  };
  scope.listen(text, "pointerover", (event) => events.hover(indexOf(event)));
  scope.listen(text, "pointerleave", () => events.hover(null));
  scope.listen(text, "click", (event) => {
    const index = indexOf(event);
    if (index !== null) events.click(index);
  });
  scope.listen(sides.dest, "click", () => events.side("dest"));
  scope.listen(sides.src, "click", () => events.side("src"));
  return {
    node,
    update(next) {
      props = next;
      if (shown !== next.tokens) {
        shown = next.tokens;
        boxes = next.tokens.map(tokenBox);
        text.replaceChildren(...boxes);
      }
      draw();
    },
    preview(index) {
      if (pointed === index) return;
      pointed = index;
      draw();
    },
    destroy: () => scope.dispose()
  };
}

// src/attention/order.ts
function scoreOf(data, at, sort) {
  const [kind, name] = [sort.slice(0, 5), sort.slice(5)];
  if (kind === "role:") return data.meta.roles.scores[name]?.[at.row]?.[at.head] ?? null;
  if (kind === "mass:") return data.meta.labelled.find((pair) => pair.name === name)?.mass[at.row]?.[at.head] ?? null;
  return null;
}
function orderHeads(data, badge, sort) {
  const all = Array.from(
    { length: data.rows * data.heads },
    (_, i) => ({ row: Math.floor(i / data.heads), head: i % data.heads })
  );
  const kept = badge ? all.filter((at) => badgeOf(data, at) === badge) : all;
  if (!sort) return kept;
  const score = (at) => {
    const value = scoreOf(data, at, sort);
    return value === null || Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value;
  };
  return kept.sort((a, b) => {
    const [x, y] = [score(a), score(b)];
    return x === y ? 0 : y > x ? 1 : -1;
  });
}

// src/attention/thumbs.ts
function tileFor(data, at, sort, ranked) {
  const canvas = h("canvas", { class: "inb-thumb-canvas", "aria-hidden": "true" });
  const badge = badgeOf(data, at);
  const letter = roleLetter(badge);
  const score = sort ? scoreOf(data, at, sort) : null;
  const spoken = [headName(data, at), badge, score === null ? "" : sig4(score)].filter(Boolean).join(", ");
  const attrs = {
    class: "inb-thumb",
    role: "gridcell",
    tabindex: -1,
    "aria-label": spoken,
    title: spoken,
    "data-layer": layerName(data, at.row),
    "data-head": at.head
  };
  const node = h("div", attrs, canvas);
  if (letter) node.append(h("span", { class: "inb-badge", "aria-hidden": "true" }, letter));
  if (ranked) {
    const caption = `${layerName(data, at.row)}.${at.head}${score === null ? "" : `  ${score.toFixed(2)}`}`;
    node.append(span("inb-thumb-caption", caption));
  }
  return { at, node, canvas, room: Number.POSITIVE_INFINITY, stale: true };
}
function headThumbs(select) {
  const scope = new Scope();
  const node = h("div", { class: "inb-thumbs", role: "grid", "aria-label": "heads" });
  const tiles = /* @__PURE__ */ new Map();
  let props;
  let builtKey = [];
  let drawnKey = [];
  const draw = (tile) => {
    if (!props || !tile.stale) return;
    const { data, scale, theme } = props;
    tile.stale = false;
    const side = Math.max(1, Math.min(data.side, tile.room));
    const values = thumbOf(data, tile.at);
    const shown = side < data.side ? poolMax(values, data.side, side) : values;
    bitmapCanvas(pixels(shown, side, 255, scale, theme), side, tile.canvas);
  };
  const seen = (entries) => {
    for (const entry of entries) {
      const tile = tiles.get(entry.target);
      if (!tile) continue;
      tile.node.dataset.seen = entry.isIntersecting ? "1" : "";
      const room = Math.floor(entry.boundingClientRect.width * (globalThis.devicePixelRatio || 1));
      tile.stale ||= room !== tile.room;
      tile.room = room;
      if (entry.isIntersecting) draw(tile);
    }
  };
  const observer = typeof IntersectionObserver === "function" ? new IntersectionObserver(guarded(node, seen), { rootMargin: "300px" }) : null;
  scope.add(() => observer?.disconnect());
  const rowOf = (cells2, label2) => {
    const row = h("div", { class: "inb-thumb-row", role: "row" });
    if (label2 !== null) row.append(h("span", { class: "inb-thumb-label", role: "rowheader" }, label2));
    row.append(...cells2);
    return row;
  };
  const build = ({ data, badge, sort }) => {
    observer?.disconnect();
    tiles.clear();
    const ranked = badge !== "" || sort !== "";
    const list = orderHeads(data, badge, sort).map((at) => tileFor(data, at, sort, ranked));
    for (const tile of list) tiles.set(tile.node, tile);
    node.classList.toggle("inb-ranked", ranked);
    if (ranked)
      node.replaceChildren(
        rowOf(
          list.map((tile) => tile.node),
          null
        )
      );
    else {
      const numbers = Array.from({ length: data.heads }, (_, head) => span("inb-thumb-number", String(head)));
      const top = h(
        "div",
        { class: "inb-thumb-row", "aria-hidden": "true" },
        span("inb-thumb-label", "layer"),
        ...numbers
      );
      const rows = data.meta.layers.map(
        (layer, row) => rowOf(
          list.filter((tile) => tile.at.row === row).map((tile) => tile.node),
          String(layer)
        )
      );
      node.replaceChildren(top, ...rows);
    }
    for (const tile of list) observer?.observe(tile.node);
  };
  scope.listen(node, "click", (event) => {
    const tile = tiles.get(event.target.closest(".inb-thumb") ?? node);
    if (tile) select(tile.at);
  });
  return {
    node,
    update(next) {
      props = next;
      const key = [next.data, next.badge, next.sort];
      const rebuilt = key.some((part, i) => part !== builtKey[i]);
      if (rebuilt) build(next);
      builtKey = key;
      const look = [next.scale.high, next.theme];
      const restyled = look.some((part, i) => part !== drawnKey[i]);
      drawnKey = look;
      for (const tile of tiles.values()) {
        if (restyled) tile.stale = true;
        if (!observer || tile.node.dataset.seen) draw(tile);
        const chosen = tile.at.row === next.chosen.row && tile.at.head === next.chosen.head;
        tile.node.classList.toggle("inb-chosen", chosen);
        setAttrs(tile.node, { "aria-selected": chosen ? "true" : "false", tabindex: chosen ? 0 : -1 });
      }
    },
    focus() {
      node.querySelector(".inb-chosen")?.focus();
    },
    destroy: () => scope.dispose()
  };
}

// src/attention/tip.ts
function valueAt(data, place, pattern) {
  if (place.dest === null || place.src === null) return "";
  if (place.src > place.dest) return "masked: later than the destination";
  const value = pattern?.[place.dest * data.tokens.length + place.src];
  return value === void 0 ? "loading" : sig4(value);
}
function placeTooltip(data, place, pattern) {
  const token = (index) => h("span", {}, tokenNode(data.tokens[index] ?? "", 240), span("inb-mark", `  ${index}`));
  const rows = [];
  if (place.dest !== null && place.src !== null)
    rows.push(["attention", h("strong", {}, valueAt(data, place, pattern))]);
  if (place.dest !== null) rows.push(["destination", token(place.dest)]);
  if (place.src !== null) rows.push(["source", token(place.src)]);
  return [facts(rows)];
}
function placeWords(data, chosen, pattern) {
  const name = (index) => `${index} ${cut(visible(data.tokens[index] ?? ""), 40)}`;
  const parts = [headName(data, chosen)];
  if (chosen.dest !== null) parts.push(`destination ${name(chosen.dest)}`);
  if (chosen.src !== null) parts.push(`source ${name(chosen.src)}`);
  if (chosen.dest !== null && chosen.src !== null) parts.push(`attention ${valueAt(data, chosen, pattern)}`);
  return parts.join(", ");
}

// src/attention/zoom.ts
function zoomButtons(scope, changed) {
  let zoom = 1;
  const fit = button("Fit", { title: "Show the whole square", "aria-pressed": "false" });
  const less = button("−", { title: "Smaller cells", "aria-label": "smaller cells" });
  const more = button("+", { title: "Larger cells", "aria-label": "larger cells" });
  const set = (next) => {
    zoom = next;
    fit.setAttribute("aria-pressed", String(zoom === "fit"));
    changed();
  };
  const by = (factor) => set(Math.max(0.25, Math.min(4, (zoom === "fit" ? 0.5 : zoom) * factor)));
  scope.listen(fit, "click", () => set(zoom === "fit" ? 1 : "fit"));
  scope.listen(less, "click", () => by(1 / 1.4));
  scope.listen(more, "click", () => by(1.4));
  return {
    node: h("span", { class: "inb-group", role: "group", "aria-label": "zoom" }, less, fit, more),
    value: () => zoom
  };
}

// src/attention/view.ts
var WIDE = 900;
var UNIT = "attention";
function mountAttention({ model, bridge, sync, frame }) {
  const { scope, body, tooltip } = frame;
  let data;
  let dataKey = [];
  let patterns;
  let chosen = { row: 0, head: 0, dest: null, src: null };
  let side = "dest";
  let limit = 1;
  let failure = "";
  const choose = (next) => {
    if (!data) return;
    sync.write("selected", toWire(next, data));
    update();
    frame.say(placeWords(data, next, patterns?.cached(next)));
  };
  const toggle = (value, now) => value === now ? null : value;
  const room = () => {
    const width = body.clientWidth || 720;
    return width >= WIDE ? width - overview.offsetWidth - 28 : width;
  };
  const thumbs = headThumbs((at) => choose({ ...chosen, ...at }));
  const head = drawHead(
    {
      hover(place, event) {
        strip.preview(place ? side === "dest" ? place.dest : place.src : null);
        const pattern = patterns?.cached(chosen);
        if (place && event && data) tooltip.show(event.clientX, event.clientY, placeTooltip(data, place, pattern));
        else tooltip.hide();
      },
      click({ dest, src }) {
        if (dest !== null && src !== null) choose({ ...chosen, dest, src });
        else if (dest !== null) choose({ ...chosen, dest: toggle(dest, chosen.dest) });
        else choose({ ...chosen, src: toggle(src, chosen.src) });
      }
    },
    body,
    room
  );
  const strip = tokenStrip({
    hover(index) {
      strip.preview(index);
      head.point(index === null ? null : { dest: side === "dest" ? index : null, src: side === "src" ? index : null });
    },
    click: (index) => choose({ ...chosen, [side]: toggle(index, chosen[side]) }),
    side(next) {
      side = next;
      update();
    }
  });
  const legend2 = legendView(scope, (next) => {
    limit = Math.min(1, next ?? 1);
    update();
  });
  const heading = headHeading(scope, (by) => {
    const next = data && attentionKey(by, chosen, data);
    if (next) choose(next);
  });
  const zoom = zoomButtons(scope, () => update());
  const prompt = promptPanel(scope, bridge);
  const code = codePanel(scope);
  const files = headExport(scope, () => {
    const pattern = patterns?.cached(chosen);
    return data && pattern ? { data, chosen, pattern, limit, unit: UNIT } : null;
  });
  const bar = controls(scope, [prompt.toggle, code.toggle, files], () => update());
  const progress = progressBar(scope, (action) => bridge.request("control", { action }));
  const note = h("p", { class: "inb-hint inb-head-note", role: "status", hidden: true });
  const overview = div("inb-overview", thumbs.node, bar.badges);
  const top = div("inb-head-bar", heading.node, zoom.node);
  const large = div("inb-large", top, note, head.node, legend2.node, strip.node);
  body.append(bar.title, bar.node, prompt.node, code.panel, progress.node, div("inb-columns", overview, large));
  scope.listen(large, "keydown", onKey);
  scope.listen(overview, "keydown", onKey);
  function onKey(event) {
    if (!data || event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLInputElement) return;
    const heads = { ArrowLeft: "[", ArrowRight: "]", ArrowUp: "PageUp", ArrowDown: "PageDown" };
    const inOverview = overview.contains(event.target);
    const next = attentionKey(inOverview && heads[event.key] || event.key, chosen, data);
    if (!next) return;
    event.preventDefault();
    event.stopPropagation();
    choose(next);
    if (inOverview) thumbs.focus();
  }
  async function load(now, at, from) {
    const still = () => from === patterns && at.row === chosen.row && at.head === chosen.head;
    const refused = await from.fetch(at).then(
      () => "",
      (error) => `The full pattern could not be fetched; the overview's is shown. ${errorText(error)}`
    );
    if (!still()) return;
    failure = refused;
    update();
    if (!refused) await from.prefetch(neighbours(at, now.rows, now.heads), still);
  }
  let asked = "";
  function update() {
    const meta = model.get("_meta");
    const bytes = model.get("_data");
    if (meta !== dataKey[0] || bytes !== dataKey[1]) {
      data = readAttention(meta, bytes);
      dataKey = [meta, bytes];
      patterns?.close();
      patterns = new Patterns(bridge, data.tokens.length);
      asked = "";
    }
    const now = data;
    const from = patterns;
    chosen = readChosen(model.get("selected"), now);
    const key = `${chosen.row} ${chosen.head}`;
    const pattern = from.cached(chosen) ?? null;
    if (key !== asked) {
      asked = key;
      failure = "";
      guarded(body, load)(now, chosen, from);
    }
    const kernel = model.get("kernel") !== false;
    const scale = sequential(limit, frame.theme);
    bar.update(now, kernelHint(kernel, meta.live));
    prompt.update(meta.inputs.prompt, kernel && meta.live);
    code.update(meta.code);
    progress.update(model.get("state"), Number(model.get("progress") ?? 0), kernel);
    overview.style.setProperty("--inb-heads", String(now.heads));
    overview.style.setProperty("--inb-thumb", now.heads <= 4 ? "76px" : now.heads <= 8 ? "62px" : "50px");
    overview.classList.toggle("inb-wide", bar.badge() !== "" || bar.sort() !== "");
    thumbs.update({ data: now, chosen, badge: bar.badge(), sort: bar.sort(), scale, theme: frame.theme });
    heading.update(now, chosen);
    note.hidden = !failure;
    note.textContent = failure;
    const thumb = { values: thumbOf(now, chosen), side: now.side };
    const label2 = `attention of ${headName(now, chosen)}; ${placeWords(now, chosen, pattern ?? void 0)}`;
    head.update({ tokens: now.tokens, pattern, thumb, chosen, scale, theme: frame.theme, label: label2, zoom: zoom.value() });
    legend2.update(scale, /* @__PURE__ */ new Set(), `${UNIT}; grey = later tokens, masked`, room());
    strip.update({ tokens: now.tokens, pattern, side, dest: chosen.dest, src: chosen.src, scale });
  }
  return {
    update,
    destroy() {
      patterns?.close();
      prompt.destroy();
      thumbs.destroy();
      head.destroy();
      strip.destroy();
    }
  };
}

// src/attention/widget.ts
var widget_default = defineWidget("attention", style_default + edit_default + badge_default + style_default2, mountAttention);
export {
  widget_default as default
};
