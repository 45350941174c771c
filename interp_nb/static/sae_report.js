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

// src/shared/parts.css
var parts_default = ".inb-root h5{margin:0 0 5px;font-size:12px;font-weight:600;color:var(--inb-text)}.inb-root h6{margin:0 0 3px;font-size:11px;font-weight:400;color:var(--inb-soft)}.inb-root :is(ol,ul){list-style:none;margin:0;padding:0}.inb-root .inb-link{height:auto;padding:0 4px;border:0;background:none;font-size:11px;color:var(--inb-focus)}.inb-root .inb-link:hover{text-decoration:underline}.inb-top{display:flex;flex-wrap:wrap;align-items:baseline;justify-content:space-between;gap:0 20px}.inb-run{min-width:0;overflow-wrap:anywhere}.inb-run-token{padding:1px 0;border-radius:2px;white-space:pre-wrap;unicode-bidi:isolate}.inb-run-token.inb-at{font-weight:600}.inb-run-token.inb-uncounted{margin-right:3px;font-size:.72em;color:var(--inb-muted)}.inb-run-token.inb-filled .inb-mark{color:inherit;opacity:.75}.inb-root .inb-run-token:focus-visible{outline:2px solid var(--inb-focus);outline-offset:0}.inb-root input[type=range]{width:150px;padding:0;accent-color:var(--inb-focus)}.inb-key{display:inline-block;width:14px;height:6px;margin:0 3px 1px 0;border-radius:2px}.inb-key.inb-after{margin-left:8px}.inb-key.inb-before,.inb-change-bar.inb-before{background:var(--inb-line)}.inb-key.inb-after,.inb-change-bar.inb-after{background:var(--inb-positive)}.inb-change{display:grid;grid-template-columns:minmax(60px,130px) minmax(50px,1fr) 8ch 1em 8ch;align-items:center;gap:0 6px;height:22px;font-size:12px;border-top:1px solid var(--inb-hair);color:var(--inb-text)}.inb-change>:nth-child(n+3){text-align:right;white-space:nowrap}.inb-change-name{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}.inb-change-name .inb-token{white-space:pre}.inb-change-track{display:flex;flex-direction:column;gap:2px}.inb-change-bar{display:block;height:6px;min-width:1px;border-radius:2px;transition:width .2s}.inb-ramp-key{display:flex;flex-wrap:wrap;align-items:center;gap:2px 7px;margin-top:8px;font-size:11px;color:var(--inb-soft)}.inb-ramp{width:110px;height:9px;border-radius:2px}";

// src/shared/tabs.css
var tabs_default = ".inb-tabs{display:flex;gap:2px 18px;flex-wrap:wrap;margin-bottom:14px;border-bottom:1px solid var(--inb-hair)}.inb-root .inb-tab{padding:5px 1px 6px;border:0;border-bottom:2px solid transparent;border-radius:0;margin-bottom:-1px;background:none;font-size:13px;color:var(--inb-muted)}.inb-root .inb-tab:hover:not(:disabled){border-color:transparent;color:var(--inb-text)}.inb-root .inb-tab[aria-selected=true]:not(:disabled){color:var(--inb-text);border-bottom-color:var(--inb-accent)}";

// src/sae_report/style.css
var style_default = ".inb-sae_report .inb-title{margin-bottom:6px}.inb-sae_report .inb-title h4{font-size:15px}.inb-sae_report .inb-top .inb-toolbar{margin-bottom:6px}.inb-sae_report .inb-advice{padding:8px 14px 9px}.inb-sae_report .inb-advice[data-calm]{border-left-color:var(--inb-line)}.inb-root .inb-advice li{max-width:130ch;font-size:14px;line-height:1.5}.inb-measured-row{display:flex;flex-wrap:wrap;align-items:baseline;justify-content:space-between;gap:2px 20px;font-size:12px}.inb-root .inb-measured{flex:1 1 300px;margin:0;color:var(--inb-muted);overflow-wrap:anywhere}.inb-switch{display:inline-flex;align-items:center;gap:6px;color:var(--inb-soft);cursor:pointer}.inb-root .inb-switch input{accent-color:var(--inb-focus)}.inb-notes{margin:2px 0 0;font-size:12px;color:var(--inb-muted)}.inb-root .inb-notes li{margin:0;padding:0;max-width:110ch;overflow-wrap:anywhere}.inb-how{margin-top:2px;font-size:12px}.inb-how summary{width:max-content;cursor:pointer;color:var(--inb-muted)}.inb-sae_report .inb-tabs{margin:14px 0 10px}.inb-sae_report .inb-tab-body{min-width:0}.inb-report-body{display:grid;grid-template-columns:minmax(0,1fr);gap:18px 28px}.inb-beside>.inb-report-body{grid-template-columns:minmax(0,1fr) 380px}.inb-root .inb-asks{margin:0 0 8px;font-size:13px;color:var(--inb-soft)}.inb-group-body{display:grid;grid-template-columns:minmax(0,1fr);gap:18px 32px}.inb-figures-beside>.inb-group-body{grid-template-columns:minmax(0,1fr) 300px}.inb-figures{display:flex;flex-wrap:wrap;align-content:flex-start;gap:18px 28px}.inb-root .inb-figure{margin:0;min-width:0;border-radius:3px}.inb-figure figcaption{display:flex;flex-direction:column;font-size:11px}.inb-figure h5{margin:0}.inb-figure svg,.inb-plane svg{display:block;max-width:100%;overflow:visible}.inb-plane{border-radius:3px}.inb-scroll{overflow-x:auto}.inb-tall{max-height:460px;overflow-y:auto}.inb-root :is(.inb-measures,.inb-concepts,.inb-plain){width:auto;margin:0;border:0;border-collapse:collapse;table-layout:auto;font-size:12px;color:var(--inb-text);background:none}.inb-root :is(.inb-measures,.inb-concepts,.inb-plain) :is(tr,th,td){border:0;background:none;text-align:left;font-weight:400;vertical-align:middle;max-width:none;white-space:normal}.inb-root :is(.inb-measures,.inb-concepts,.inb-plain) :is(th,td){padding:4px 14px 4px 0}.inb-root :is(.inb-measures,.inb-concepts,.inb-plain) tbody tr{border-top:1px solid var(--inb-hair)}.inb-root :is(.inb-measures,.inb-concepts,.inb-plain) svg{display:block}.inb-root .inb-measures .inb-measure-group{border-top:0}.inb-root :is(.inb-measures,.inb-concepts) .inb-measure-group th{padding:12px 0 3px;font-weight:600;color:var(--inb-text)}.inb-root .inb-measures tbody>.inb-measure-group:first-child th{padding-top:0}.inb-root .inb-measures .inb-measure-group+tr{border-top-color:var(--inb-line)}.inb-root .inb-one{width:100%}.inb-root .inb-one th{width:210px}.inb-root .inb-one .inb-measure{width:170px;white-space:nowrap}.inb-root .inb-one .inb-measure-plot{width:184px}.inb-measure-value{display:inline-block;min-width:46px;font-size:14px;font-weight:600;color:var(--inb-text)}.inb-measure-interval{margin-left:5px}.inb-measure-interval,.inb-measure-unit{font-size:11px}.inb-root .inb-measure-says{font-size:12px;line-height:1.4;color:var(--inb-muted)}.inb-root th .inb-measure-says{font-size:11px}.inb-measure:focus-visible,.inb-bar-cell:focus-visible{border-radius:3px}.inb-root .inb-several :is(th,td):first-child{position:sticky;left:0;z-index:1;min-width:112px;max-width:280px;padding-right:16px;background:var(--inb-background)}.inb-root .inb-several .inb-measure-group th{position:static;max-width:none}.inb-root .inb-several td.inb-measure{white-space:nowrap;vertical-align:top;padding:5px 14px 5px 4px}.inb-root .inb-several thead th{padding:0 10px 4px 0;vertical-align:bottom}.inb-root .inb-several .inb-chosen,.inb-root .inb-concepts td.inb-chosen{background:var(--inb-surface)}.inb-root .inb-concepts tr:is(:hover,[aria-selected=true])>.inb-chosen{background:none}.inb-verdict{display:inline-block;min-width:12px;margin-left:4px;font-size:10px;color:var(--inb-muted)}.inb-verdict[data-how=better]{color:var(--inb-positive)}.inb-verdict[data-how=worse]{color:var(--inb-negative)}.inb-root .inb-sae-head{display:flex;align-items:center;gap:5px;max-width:180px;padding:3px 4px;border:0;background:none;white-space:normal;text-align:left;color:var(--inb-soft)}.inb-root .inb-sae-head svg{flex:none}.inb-sae-name{display:-webkit-box;overflow:hidden;-webkit-line-clamp:2;-webkit-box-orient:vertical;overflow-wrap:anywhere;line-height:1.25}.inb-root .inb-sae-head[aria-pressed=true]{font-weight:600;color:var(--inb-text);background:none}.inb-tables:not(:empty){display:grid;grid-template-columns:minmax(0,1fr);gap:18px;margin-top:20px}.inb-part>h5>.inb-mark{font-size:11px}.inb-root .inb-plain thead th,.inb-root .inb-concepts thead th{position:sticky;top:0;z-index:1;padding:2px 14px 4px 0;background:var(--inb-background);color:var(--inb-muted);vertical-align:bottom}.inb-root .inb-plain tbody th[scope=row],.inb-root .inb-concepts tbody th[scope=row]{max-width:260px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}.inb-root :is(.inb-concepts,.inb-plain) td.inb-bar-cell{white-space:nowrap}.inb-bar-cell>*{display:inline-block;vertical-align:middle}.inb-bar-cell>svg{margin-right:8px}.inb-root .inb-bar-cell>svg{display:inline-block}.inb-latents-list{display:inline-flex;flex-wrap:wrap;gap:0 2px}.inb-root .inb-pick{font-size:12px}.inb-root .inb-pick[aria-pressed=true]{font-weight:600;color:var(--inb-text);background:none}.inb-concept-part{margin-top:16px}.inb-concept-bar{display:flex;flex-wrap:wrap;align-items:center;gap:6px 14px;margin-bottom:6px}.inb-root .inb-concept-bar input{width:190px;height:26px;padding:0 8px}.inb-concept-key{margin-left:auto;font-size:11px}.inb-key-bar{display:inline-block;width:22px;height:7px;margin-right:5px;border-radius:1px;background:var(--inb-positive)}.inb-key-tick{display:inline-block;width:2px;height:13px;margin:0 5px -2px 14px;background:var(--inb-text)}.inb-root .inb-concepts tbody tr[data-concept]{cursor:pointer}.inb-root .inb-concepts tbody :is(th,td){padding-top:2px;padding-bottom:2px}.inb-root .inb-concepts tr[data-concept]:hover>*,.inb-root .inb-concepts tr[aria-selected=true]>*{background:var(--inb-surface)}.inb-root .inb-concepts tr[aria-selected=true]>th{font-weight:600;box-shadow:inset 2px 0 var(--inb-accent)}.inb-root .inb-concepts tbody th[scope=row]{padding-left:8px}.inb-root .inb-concepts tr:focus-visible{outline:2px solid var(--inb-focus);outline-offset:-2px}.inb-root .inb-lookup>*{color:var(--inb-muted)}.inb-soft{font-weight:400;color:var(--inb-soft)}.inb-root .inb-sort{padding:0;border:0;background:none;font-size:11px;text-align:left;color:var(--inb-muted)}.inb-root .inb-sort:hover,.inb-root th[aria-sort] .inb-sort,.inb-root .inb-sort[aria-pressed=true]{color:var(--inb-text);background:none}.inb-root .inb-sae-pick{max-width:150px;overflow:hidden;text-overflow:ellipsis}.inb-latent-panel{align-self:start;min-width:0;padding-top:2px}.inb-beside .inb-latent-panel{padding-left:20px;border-left:1px solid var(--inb-hair)}.inb-latent-head{display:flex;justify-content:space-between;align-items:baseline}.inb-root .inb-latent-head h5{font-size:13px}.inb-root .inb-known li{margin:0;padding:0;font-size:12px;color:var(--inb-soft)}.inb-contexts{margin-top:8px}.inb-root .inb-examples li{display:flex;gap:10px;margin:0;padding:3px 0;border-top:1px solid var(--inb-hair);font-size:12px;line-height:1.55}.inb-example-value{flex:0 0 42px;text-align:right;color:var(--inb-muted)}.inb-place{display:flex;flex-wrap:wrap;gap:6px 22px;margin:8px 0 4px}.inb-root .inb-place input[type=text]{width:80px;height:26px;padding:0 6px}.inb-root .inb-place [aria-invalid=true]{border-color:var(--inb-bad)}.inb-root .inb-predicted{margin:0;font-size:14px;color:var(--inb-text)}.inb-law{margin-top:12px}.inb-sae_report .inb-hint{margin:4px 0}@container (max-width: 699px){.inb-root .inb-one tr:not(.inb-measure-group){display:grid;grid-template-columns:minmax(0,1fr) 184px;padding:6px 0 5px}.inb-root .inb-one :is(th,td){width:auto;padding:0}.inb-root .inb-one .inb-measure{width:auto}.inb-root .inb-one th{grid-row:span 2;padding-right:14px}.inb-concept-key{margin-left:0}}";

// src/shared/ask.ts
var Question = class {
  constructor(bridge) {
    this.bridge = bridge;
  }
  bridge;
  #controller;
  /**
   * The reply, or null when a newer question came first.
   *
   * `delay`: milliseconds of quiet before it is sent; `timeout`: after which it is given up.
   */
  async ask(method, params, delay = 0, timeout) {
    this.stop();
    const controller = new AbortController();
    this.#controller = controller;
    const { signal } = controller;
    if (delay) await new Promise((resolve) => setTimeout(resolve, delay));
    if (signal.aborted) return null;
    try {
      const reply = await this.bridge.request(method, params, { signal, ...timeout && { timeout } });
      return signal.aborted ? null : reply;
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    }
  }
  stop() {
    this.#controller?.abort();
  }
};

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
  const bar2 = div("inb-progress-bar");
  const track = h(
    "div",
    { class: "inb-progress-track", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 },
    bar2
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
      bar2.style.width = `${share}%`;
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
function constant_default(x) {
  return function constant() {
    return x;
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
  moveTo(x, y) {
    this._append`M${this._x0 = this._x1 = +x},${this._y0 = this._y1 = +y}`;
  }
  closePath() {
    if (this._x1 !== null) {
      this._x1 = this._x0, this._y1 = this._y0;
      this._append`Z`;
    }
  }
  lineTo(x, y) {
    this._append`L${this._x1 = +x},${this._y1 = +y}`;
  }
  quadraticCurveTo(x1, y1, x, y) {
    this._append`Q${+x1},${+y1},${this._x1 = +x},${this._y1 = +y}`;
  }
  bezierCurveTo(x1, y1, x2, y2, x, y) {
    this._append`C${+x1},${+y1},${+x2},${+y2},${this._x1 = +x},${this._y1 = +y}`;
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
  arc(x, y, r, a0, a1, ccw) {
    x = +x, y = +y, r = +r, ccw = !!ccw;
    if (r < 0) throw new Error(`negative radius: ${r}`);
    let dx = r * Math.cos(a0), dy = r * Math.sin(a0), x0 = x + dx, y0 = y + dy, cw = 1 ^ ccw, da = ccw ? a0 - a1 : a1 - a0;
    if (this._x1 === null) {
      this._append`M${x0},${y0}`;
    } else if (Math.abs(this._x1 - x0) > epsilon || Math.abs(this._y1 - y0) > epsilon) {
      this._append`L${x0},${y0}`;
    }
    if (!r) return;
    if (da < 0) da = da % tau2 + tau2;
    if (da > tauEpsilon) {
      this._append`A${r},${r},0,1,${cw},${x - dx},${y - dy}A${r},${r},0,1,${cw},${this._x1 = x0},${this._y1 = y0}`;
    } else if (da > epsilon) {
      const x1 = x + r * Math.cos(a1);
      const y1 = y + r * Math.sin(a1);
      if (da >= pi2 && this._equal(x0, y0, x1, y1)) {
        da /= 2;
        let a00 = a0 + da;
        this._append`A${r},${r},0,${+(da >= pi2)},${cw},${x + r * Math.cos(a00)},${y + r * Math.sin(a00)}`;
      }
      this._append`A${r},${r},0,${+(da >= pi2)},${cw},${this._x1 = x1},${this._y1 = y1}`;
    }
  }
  rect(x, y, w, h2) {
    this._append`M${this._x0 = this._x1 = +x},${this._y0 = this._y1 = +y}h${w = +w}v${+h2}h${-w}Z`;
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
    const y = sqrt(size / tan30_2);
    const x = y * tan30;
    context.moveTo(0, -y);
    context.lineTo(x, 0);
    context.lineTo(0, y);
    context.lineTo(-x, 0);
    context.closePath();
  }
};

// node_modules/d3-shape/src/symbol/square.js
var square_default = {
  draw(context, size) {
    const w = sqrt(size);
    const x = -w / 2;
    context.rect(x, x, w, w);
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
    const x = kx * r;
    const y = ky * r;
    context.moveTo(0, -r);
    context.lineTo(x, y);
    for (let i = 1; i < 5; ++i) {
      const a = tau * i / 5;
      const c = cos(a);
      const s = sin(a);
      context.lineTo(s * r, -c * r);
      context.lineTo(c * x - s * y, s * x + c * y);
    }
    context.closePath();
  }
};

// node_modules/d3-shape/src/symbol/triangle.js
var sqrt3 = sqrt(3);
var triangle_default = {
  draw(context, size) {
    const y = -sqrt(size / (sqrt3 * 3));
    context.moveTo(0, y * 2);
    context.lineTo(-sqrt3 * y, -y);
    context.lineTo(sqrt3 * y, -y);
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
    compare2 = (d, x) => ascending(f(d), x);
    delta = (d, x) => f(d) - x;
  } else {
    compare1 = f === ascending || f === descending ? f : zero;
    compare2 = f;
    delta = f;
  }
  function left(a, x, lo = 0, hi = a.length) {
    if (lo < hi) {
      if (compare1(x, x) !== 0) return hi;
      do {
        const mid = lo + hi >>> 1;
        if (compare2(a[mid], x) < 0) lo = mid + 1;
        else hi = mid;
      } while (lo < hi);
    }
    return lo;
  }
  function right(a, x, lo = 0, hi = a.length) {
    if (lo < hi) {
      if (compare1(x, x) !== 0) return hi;
      do {
        const mid = lo + hi >>> 1;
        if (compare2(a[mid], x) <= 0) lo = mid + 1;
        else hi = mid;
      } while (lo < hi);
    }
    return lo;
  }
  function center(a, x, lo = 0, hi = a.length) {
    const i = left(a, x, lo, hi - 1);
    return i > lo && delta(a[i - 1], x) > -delta(a[i], x) ? i - 1 : i;
  }
  return { left, center, right };
}
function zero() {
  return 0;
}
function number(x) {
  return x === null ? NaN : +x;
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
  for (let y = 0, n = w * h2; y < n; ) {
    blur(T, S, y, y += w, 1);
  }
}
function blurv(blur, T, S, w, h2) {
  for (let x = 0, n = w * h2; x < w; ++x) {
    blur(T, S, x, x + n, w);
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
    let sum2 = radius0 * S[start];
    const s0 = step * radius0;
    const s1 = s0 + step;
    for (let i = start, j = start + s0; i < j; i += step) {
      sum2 += S[Math.min(stop, i)];
    }
    for (let i = start, j = stop; i <= j; i += step) {
      sum2 += S[Math.min(stop, i + s0)];
      T[i] = (sum2 + t * (S[Math.max(start, i - s1)] + S[Math.min(stop, i + s1)])) / w;
      sum2 -= S[Math.max(start, i - s0)];
    }
  };
}
function bluri(radius) {
  const w = 2 * radius + 1;
  return (T, S, start, stop, step) => {
    if (!((stop -= step) >= start)) return;
    let sum2 = radius * S[start];
    const s = step * radius;
    for (let i = start, j = start + s; i < j; i += step) {
      sum2 += S[Math.min(stop, i)];
    }
    for (let i = start, j = stop; i <= j; i += step) {
      sum2 += S[Math.min(stop, i + s)];
      T[i] = sum2 / w;
      sum2 -= S[Math.max(start, i - s)];
    }
  };
}
var array = Array.prototype;
var slice = array.slice;
var e10 = Math.sqrt(50);
var e5 = Math.sqrt(10);
var e2 = Math.sqrt(2);
function tickSpec(start, stop, count2) {
  const step = (stop - start) / Math.max(0, count2), power2 = Math.floor(Math.log10(step)), error = step / Math.pow(10, power2), factor = error >= e10 ? 10 : error >= e5 ? 5 : error >= e2 ? 2 : 1;
  let i1, i2, inc;
  if (power2 < 0) {
    inc = Math.pow(10, -power2) / factor;
    i1 = Math.round(start * inc);
    i2 = Math.round(stop * inc);
    if (i1 / inc < start) ++i1;
    if (i2 / inc > stop) --i2;
    inc = -inc;
  } else {
    inc = Math.pow(10, power2) * factor;
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
function maxAbs(values) {
  let max = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i] ?? 0);
    if (size > max && size < Number.POSITIVE_INFINITY) max = size;
  }
  return max;
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
function stroke(index, total, theme) {
  const colors = ramp("sequential", theme);
  const share = total > 1 ? TO - (TO - FROM) * index / (total - 1) : 0.7;
  return {
    color: colors[Math.round(share * (colors.length - 1))] ?? "#808080",
    dash: DASHES[index % DASHES.length],
    mark: Symbol2(MARKS[index % MARKS.length], 30)() ?? ""
  };
}

// src/shared/tabs.ts
function tabs(scope, panels, changed) {
  const all = Object.keys(panels);
  let names = all;
  const buttons = all.map(
    (name) => h("button", { type: "button", class: "inb-tab", role: "tab", "data-tab": name }, panels[name].label)
  );
  const bar2 = h("div", { class: "inb-tabs", role: "tablist", "aria-label": "views" }, ...buttons);
  for (const name of all) setAttrs(panels[name].node, { role: "tabpanel", "aria-label": panels[name].label });
  const body = div("inb-tab-body", ...all.map((name) => panels[name].node));
  let current = names[0];
  const show = () => {
    for (const each of buttons) {
      const on = each.dataset.tab === current;
      setAttrs(each, { "aria-selected": on ? "true" : "false", tabindex: on ? 0 : -1 });
      each.hidden = !names.includes(each.dataset.tab);
    }
    for (const name of all) panels[name].node.hidden = name !== current;
  };
  const open = (name) => {
    if (name === current) return;
    current = name;
    show();
    changed(name);
  };
  show();
  for (const each of buttons) scope.listen(each, "click", () => open(each.dataset.tab));
  scope.listen(bar2, "keydown", (event) => {
    const at = names.indexOf(current);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: names.length - 1 }[event.key];
    const name = to === void 0 ? void 0 : names[(to + names.length) % names.length];
    if (name === void 0) return;
    event.preventDefault();
    open(name);
    buttons[all.indexOf(name)]?.focus();
  });
  const offer = (offered) => {
    names = all.filter((name) => offered.includes(name));
    const [first] = names;
    if (first !== void 0 && !names.includes(current)) current = first;
    show();
  };
  return { bar: bar2, body, current: () => current, open, offer };
}

// src/shared/tips.ts
var builders = /* @__PURE__ */ new WeakMap();
function tip(node, build) {
  builders.set(node, build);
  return node;
}
function showTips(scope, root, tooltip) {
  const show = (event, place) => {
    for (let node = event.target; node && node !== root; node = node.parentElement) {
      const build = builders.get(node);
      if (!build) continue;
      const box = node.getBoundingClientRect();
      const { x, y } = place(box);
      const said = build(x - box.left);
      if (said.length) tooltip.show(x, y, said);
      else tooltip.hide();
      return;
    }
    tooltip.hide();
  };
  scope.listen(
    root,
    "pointermove",
    (event) => show(event, () => ({ x: event.clientX, y: event.clientY }))
  );
  scope.listen(root, "pointerleave", () => tooltip.hide());
  scope.listen(root, "focusin", (event) => show(event, (box) => ({ x: box.left, y: box.bottom - 8 })));
  scope.listen(root, "focusout", () => tooltip.hide());
}

// src/shared/tokens.ts
var VISIBLE = { " ": "·", "\n": "↵", "	": "⇥", "\r": "␍", " ": "⍽" };
function hex(char) {
  return (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
}
function mark(char) {
  const known2 = VISIBLE[char];
  if (known2) return known2;
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
function visible(token) {
  return pieces(token).map((piece) => piece.text).join("");
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

// src/shared/shapes.ts
var SVG = "http://www.w3.org/2000/svg";
function group(attrs = {}, children = []) {
  return { tag: "g", attrs: attrs ?? {}, children };
}
function rect(box, fill) {
  return { tag: "rect", attrs: { ...box, fill } };
}
function line(d, stroke2, width = 1, more = {}) {
  return { tag: "path", attrs: { d, stroke: stroke2, "stroke-width": width, fill: "none", ...more } };
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
  const inner = escapeXml(shape.text ?? "") + (shape.children ?? []).map(toMarkup).join("");
  return inner ? `<${shape.tag}${attrs}>${inner}</${shape.tag}>` : `<${shape.tag}${attrs}/>`;
}
function svgFile(width, height, background, shapes) {
  const back = { tag: "rect", attrs: { width, height, fill: background } };
  return `<svg xmlns="${SVG}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif" font-size="12">${[back, ...shapes].map(toMarkup).join("\n")}</svg>
`;
}
function moved(x, y, children) {
  return group({ transform: `translate(${x} ${y})` }, children);
}

// src/shared/axis.ts
function linearAxis(low, high, count2 = 4) {
  const span3 = high - low || 1;
  return {
    low,
    high,
    log: false,
    at: (value) => (value - low) / span3,
    value: (share) => low + share * span3,
    ticks: ticks(low, high, count2)
  };
}
function logAxis(low, high, count2 = 4) {
  const from = Math.log10(low);
  const span3 = Math.log10(high) - from || 1;
  return {
    low,
    high,
    log: true,
    at: (value) => (Math.log10(value) - from) / span3,
    value: (share) => 10 ** (from + share * span3),
    ticks: logTicks(low, high, count2)
  };
}
function logTicks(low, high, count2) {
  const first = Math.floor(Math.log10(low) + 1e-9);
  const last = Math.ceil(Math.log10(high) - 1e-9);
  const inside = (steps) => Array.from({ length: last - first + 1 }, (_, i) => first + i).flatMap((power2) => steps.map((step) => step * 10 ** power2)).filter((value) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9));
  for (const steps of [[1, 2, 5], [1, 3], [1]]) {
    const found = inside(steps);
    if (found.length <= count2 + 1) return found.length > 1 ? found : [low, high];
  }
  const powers = inside([1]);
  const every = Math.ceil(powers.length / count2);
  return powers.filter((_, i) => i % every === 0);
}

// src/sae_report/dots.ts
var DOT_HEIGHT = 16;
var PAD = 6;
var round = (value) => Math.round(value * 10) / 10;
function metricAxis(metric, values, withBos, beside = values) {
  const share = values.length === 1 && metric.share;
  const seen = beside.flatMap(({ value, low: low2, high: high2, withBos: other }) => [value, low2, high2, withBos && !share ? other : Number.NaN]).filter(Number.isFinite);
  if (!seen.length) return linearAxis(0, 1, 2);
  const [low, high] = [Math.min(...seen), Math.max(...seen)];
  if (values.length === 1) {
    if (metric.share && low > -1) return linearAxis(low < 0 ? -1 : 0, Math.max(1, high), 2);
    return linearAxis(...nice(Math.min(0, low), Math.max(high, 1e-9), 2), 2);
  }
  const room = (high - low) * 0.12 || Math.abs(high) * 0.05 || 0.5;
  return linearAxis(low - room, high + room, 2);
}
function dotShapes(axis, width, dot, ink) {
  const y = DOT_HEIGHT / 2;
  const at = (value) => round(PAD + Math.max(0, Math.min(1, axis.at(value))) * (width - 2 * PAD));
  const out = [line(`M${PAD} ${y}H${width - PAD}`, ink.line, 1, { opacity: 0.8 })];
  if (axis.low < 0 && axis.high > 0) out.push(line(`M${at(0)} ${y - 3}v6`, ink.line));
  if (Number.isFinite(dot.tick)) out.push(line(`M${at(dot.tick ?? 0)} ${y - 6}v12`, ink.soft, 1.5));
  if (Number.isFinite(dot.other)) {
    const share = axis.at(dot.other ?? 0);
    if (share < -1e-3) out.push({ tag: "path", attrs: { d: `M0 ${y}l5 -3.5v7z`, fill: ink.muted } });
    else if (share > 1.001) out.push({ tag: "path", attrs: { d: `M${width} ${y}l-5 -3.5v7z`, fill: ink.muted } });
    else out.push(line(`M${at(dot.other ?? 0)} ${y - 4}v8`, ink.muted, 1, { "stroke-dasharray": "2 1.5" }));
  }
  if (Number.isFinite(dot.low) && Number.isFinite(dot.high)) {
    const [from, to] = [at(dot.low), at(dot.high)];
    const wide = Math.max(2, to - from);
    const box = { x: from, y: y - 3.5, width: round(wide), height: 7, rx: 1.5 };
    out.push({ tag: "rect", attrs: { ...box, fill: dot.color, opacity: 0.35 } });
  }
  if (Number.isNaN(dot.value)) return out;
  const x = at(dot.value);
  const attrs = dot.hollow ? { fill: ink.background, stroke: dot.color, "stroke-width": 1.4 } : { fill: dot.color, stroke: ink.background, "stroke-width": 0.7 };
  const path2 = dot.mark ? { d: dot.mark, transform: `translate(${x} ${y}) scale(1.3)` } : null;
  out.push(
    path2 ? { tag: "path", attrs: { ...path2, ...attrs } } : { tag: "circle", attrs: { cx: x, cy: y, r: 4, ...attrs } }
  );
  return out;
}
function barShapes(width, dot, ink, from, faint = false) {
  const y = DOT_HEIGHT / 2;
  const at = (value) => round(Math.max(0, Math.min(1, value)) * width);
  const out = [
    rect({ x: 0, y: y - 4, width, height: 8 }, ink.surface),
    {
      tag: "rect",
      attrs: { x: 0, y: y - 4, width: at(dot.value || 0), height: 8, fill: dot.color, opacity: faint ? 0.55 : 0.9 }
    },
    line(`M${at(from)} ${y - 4}v8`, ink.background, 1.5)
  ];
  if (Number.isFinite(dot.low) && Number.isFinite(dot.high)) {
    const d = `M${at(dot.low)} ${y}H${at(dot.high)}M${at(dot.low)} ${y - 3}v6M${at(dot.high)} ${y - 3}v6`;
    out.push(line(d, ink.text, 1.2, { opacity: 0.75 }));
  }
  if (Number.isFinite(dot.tick)) out.push(line(`M${at(dot.tick ?? 0)} ${y - 7}v14`, ink.text, 1.5));
  return out;
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

// src/sae_report/data.ts
var CURVE = ["value", "low", "high", "curve_low", "curve_high"];
function table(meta, bytes, name, columns) {
  const { values, shape } = readArray(meta.arrays, bytes, name, 2);
  const [rows = 0, width = 0] = shape;
  if (width !== columns.length) throw new RangeError(`"${name}" must have ${columns.length} columns, got ${width}`);
  return Array.from(
    { length: rows },
    (_, row) => Object.fromEntries(columns.map((column, at) => [column, values[row * width + at] ?? Number.NaN]))
  );
}
function readReports(meta, bytes) {
  const floats = (name, rank) => readArray(meta.arrays, bytes, name, rank).values;
  const reports = meta.reports.map((words, index) => {
    const values = table(meta, bytes, `values.${index}`, ["value", "low", "high", "withBos"]);
    const histograms = Object.entries(words.distributions).map(([name, label2]) => [
      name,
      { label: label2, edges: floats(`edges.${index}.${name}`, 1), counts: floats(`counts.${index}.${name}`, 1) }
    ]);
    return {
      words,
      values,
      concepts: table(meta, bytes, `concepts.${index}`, ["concept", ...meta.concept_columns]),
      causal: table(meta, bytes, `causal.${index}`, meta.causal_columns),
      histograms: Object.fromEntries(histograms)
    };
  });
  const columns = ["metric", "first", "second", "value", "low", "high", "paired", "separate"];
  const differences = meta.arrays.differences ? table(meta, bytes, "differences", columns).map((row) => ({
    ...row,
    paired: row.paired === 1,
    separate: row.separate === 1
  })) : [];
  return { meta, reports, differences, curves: meta.scaling ? floats("curves", 3) : new Float32Array() };
}
function difference(data, metric, a, b) {
  const [first, second] = a < b ? [a, b] : [b, a];
  const found = data.differences.find(
    (each) => each.metric === metric && each.first === first && each.second === second
  );
  if (!found || a < b) return found ?? null;
  return { ...found, first: a, second: b, value: -found.value, low: -found.high, high: -found.low };
}
function verdict(data, metric, sae, than) {
  const found = sae === than ? null : difference(data, metric, sae, than);
  if (!found?.separate) return "";
  const better = data.meta.metrics[metric]?.better;
  if (!better) return "differs";
  return found.value > 0 === (better === "higher") ? "better" : "worse";
}
var groupOf = (meta, group2) => meta.metrics.flatMap((metric, index) => metric.group === group2 ? [index] : []);
function readSelected(value) {
  const chosen = value;
  const read = (each) => typeof each === "number" ? each : null;
  return { latent_idx: read(chosen?.latent_idx), sae: read(chosen?.sae) };
}
var NAN = Number.NaN;
var orNaN = (value) => value ?? NAN;

// src/sae_report/words.ts
var NONE = "–";
function numberText(value, counts = false) {
  if (Number.isNaN(value)) return NONE;
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size >= 1e3) return signed(Math.round(value).toLocaleString("en"));
  if (counts || size >= 10) return signed(value.toFixed(1));
  if (size >= 0.1 || value === 0) return signed(value.toFixed(3));
  return signed(size >= 1e-4 ? String(Number(value.toPrecision(2))) : value.toExponential(1));
}
var signed = (text) => /^-[0.]*$/.test(text) ? text.slice(1) : text.replace("-", "−");
function intervalText(low, high, counts = false) {
  if (Number.isNaN(low) || Number.isNaN(high)) return "no interval";
  return `[${numberText(low, counts)}, ${numberText(high, counts)}]`;
}
var exact = (value) => Number.isNaN(value) ? NONE : signed(String(Number(value.toPrecision(4))));
var MARKS2 = { better: "▲", worse: "▼", differs: "≠", "": "" };
function spoken(metric, value, name) {
  return `${metric.label}${name ? ` of ${name}` : ""}: ${numberText(value.value, metric.count)}, ${intervalText(value.low, value.high, metric.count)}`;
}
function differenceText(data, metric, sae, than) {
  const found = sae === than ? null : difference(data, metric, sae, than);
  if (!found) return null;
  const sign = found.value > 0 ? "+" : "";
  const how = found.paired ? "same documents" : "unpaired";
  return `${sign}${numberText(found.value)} ${intervalText(found.low, found.high)}, ${how}`;
}
var plural = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

// src/sae_report/concept_rows.ts
var COLUMNS = [
  {
    name: "precision",
    label: "precision",
    hint: "Of the tokens it says yes to, the share that has the concept",
    wide: true
  },
  {
    name: "recall",
    label: "recall",
    hint: "Of the tokens with the concept, the share that it says yes to",
    wide: true
  },
  { name: "probe_f1", label: "probe", hint: "F1 of a linear probe of the activations: the ceiling", wide: false },
  { name: "lookup_f1", label: "look-up", hint: "F1 of a table of tokens, learned on the same half", wide: true },
  { name: "n_tokens", label: "tokens", hint: "Tokens with the concept, in the half that is scored", wide: true }
];
var WIDE = 640;
var BAR = { widest: 420, narrow: 110, least: 60, most: 120 };
var OTHERS = 560;
function lines({ data, sae, sort, query }) {
  const found = /* @__PURE__ */ new Map();
  data.reports.forEach((report, index) => {
    for (const row of report.concepts) {
      const concept = row.concept ?? -1;
      const known2 = found.get(concept) ?? { concept, rows: data.reports.map(() => void 0), context: false };
      known2.rows[index] = row;
      if (index === sae || !known2.rows[sae]) known2.context = row.context === 1;
      found.set(concept, known2);
    }
  });
  const wanted = query.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const name = (line2) => (data.meta.concepts[line2.concept]?.name ?? "").toLowerCase();
  const shown2 = [...found.values()].filter((line2) => wanted.every((word) => name(line2).includes(word)));
  const down = sort.startsWith("-");
  const column = sort.replace(/^-/, "");
  const by = (a, b) => {
    if (column === "name") return name(a) < name(b) ? -1 : 1;
    const [x, y] = [a, b].map((line2) => line2.rows[sae]?.[column] ?? Number.NaN);
    if (Number.isNaN(x) || Number.isNaN(y))
      return (Number.isNaN(x) ? 1 : 0) - (Number.isNaN(y) ? 1 : 0) || a.concept - b.concept;
    return (down ? y - x : x - y) || a.concept - b.concept;
  };
  const sorted = shown2.sort(by);
  return column === "name" && down ? sorted.reverse() : sorted;
}
function rowTip(data, line2, sae) {
  const row = line2.rows[sae];
  const concept = data.meta.concepts[line2.concept];
  if (!row || !concept) return [];
  const number2 = (name) => exact(row[name] ?? Number.NaN);
  const latent = row.latent_idx ?? -1;
  return [
    h("strong", {}, visible(concept.name)),
    facts([
      ["latent", latent < 0 ? "none was live" : `${latent}, above ${number2("threshold")}`],
      ["F1", `${number2("f1")} ${intervalText(row.low ?? Number.NaN, row.high ?? Number.NaN)}`],
      ["precision, recall", `${number2("precision")}, ${number2("recall")}`],
      ["linear probe", number2("probe_f1")],
      ["token look-up", number2("lookup_f1")],
      ["seen", `${plural(row.n_tokens ?? 0, "token")} in ${plural(row.n_docs ?? 0, "document")}`]
    ])
  ];
}
function bar(row, width, color, from, faint) {
  const svg = svgRoot(width, DOT_HEIGHT, { "aria-hidden": "true" });
  const number2 = (name) => row[name] ?? Number.NaN;
  const dot = { value: number2("f1"), low: number2("low"), high: number2("high"), tick: number2("probe_f1"), color };
  svg.append(...barShapes(width, dot, PAGE_INK, from, faint).map(toNode));
  return svg;
}
function cells(props, line2) {
  const { data, sae, strokes, width } = props;
  const several = data.reports.length > 1;
  const shown2 = several ? data.reports.map((_, index) => index) : [sae];
  const wide = several ? Math.max(BAR.least, Math.min(BAR.most, Math.floor((width - 200) / data.reports.length) - 66)) : Math.round(Math.max(BAR.narrow, Math.min(BAR.widest, width - OTHERS)));
  return shown2.flatMap((index) => {
    const row = line2.rows[index];
    const attrs = { "data-sae": index, class: index === sae && several ? "inb-chosen" : void 0 };
    if (!row) return [h("td", attrs, span("inb-mark", "–"))];
    const f1 = row.f1 ?? Number.NaN;
    const latent = row.latent_idx ?? -1;
    const numbered = h(
      "td",
      { ...attrs, class: `inb-bar-cell ${attrs.class ?? ""}` },
      bar(row, wide, strokes[index]?.color ?? "", data.meta.found_from, !line2.context),
      span("", numberText(f1))
    );
    tip(numbered, () => rowTip(data, line2, index));
    if (several) return [numbered];
    const more = COLUMNS.filter((column) => column.wide === false || width >= WIDE).map(
      ({ name }) => h("td", {}, name === "n_tokens" ? (row[name] ?? 0).toLocaleString("en") : numberText(row[name] ?? Number.NaN))
    );
    return [
      h("td", { class: "inb-latent-cell" }, latent < 0 ? span("inb-mark", "none") : String(latent)),
      numbered,
      ...more
    ];
  });
}
function rowLabel(data, line2, sae) {
  const row = line2.rows[sae];
  const name = data.meta.concepts[line2.concept]?.name ?? "";
  if (!row) return name;
  return `${name}: latent ${row.latent_idx}, F1 ${numberText(row.f1 ?? Number.NaN)} ${intervalText(row.low ?? Number.NaN, row.high ?? Number.NaN)}, probe ${numberText(row.probe_f1 ?? Number.NaN)}`;
}

// src/sae_report/concepts.ts
function conceptsTable(scope, events) {
  const search = h("input", {
    type: "search",
    placeholder: "filter concepts",
    "aria-label": "filter concepts",
    spellcheck: "false"
  });
  const said = span("inb-hint");
  const head = h("thead");
  const body = h("tbody");
  const table2 = h("table", { class: "inb-concepts" }, head, body);
  const box = h("div", { class: "inb-scroll inb-tall", tabindex: -1 }, table2);
  const none = h("p", { class: "inb-hint", hidden: true });
  const key = div("inb-concept-key");
  const bar2 = div("inb-concept-bar", search, said, key);
  const node = div("inb-concept-part", bar2, none, box);
  let props;
  let drawn = [];
  let latest = [];
  scope.listen(search, "input", () => events.query(search.value));
  scope.listen(head, "click", (event) => {
    const target = event.target;
    const sae = target.closest(".inb-sae-pick")?.dataset.sae;
    if (sae !== void 0) return events.chooseSae(Number(sae));
    const name = target.closest("[data-sort]")?.dataset.sort;
    if (!name || !props) return;
    const first = name === "name" || name === "latent_idx" ? name : `-${name}`;
    const other = first.startsWith("-") ? name : `-${name}`;
    events.sort(props.sort === first ? other : first);
  });
  const choose = (row, sae) => {
    const line2 = latest.find(({ concept }) => concept === Number(row.dataset.concept));
    const latent = line2?.rows[sae]?.latent_idx ?? -1;
    if (latent >= 0) events.choose(latent, sae);
  };
  scope.listen(body, "click", (event) => {
    const target = event.target;
    const row = target.closest("[data-concept]");
    const sae = target.closest("td[data-sae]")?.dataset.sae;
    if (row) {
      focus(row);
      choose(row, sae === void 0 ? props?.sae ?? 0 : Number(sae));
    }
  });
  const rows = () => [...body.querySelectorAll("[data-concept]")];
  const focus = (row) => {
    for (const each of rows()) each.tabIndex = each === row ? 0 : -1;
    row.focus({ preventScroll: true });
    row.scrollIntoView?.({ block: "nearest" });
  };
  scope.listen(body, "keydown", (event) => {
    const row = event.target.closest("[data-concept]");
    if (!row) return;
    const all = rows();
    const at = all.indexOf(row);
    const steps = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      Home: 0,
      End: all.length - 1,
      PageDown: at + 10,
      PageUp: at - 10
    };
    const side = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      return choose(row, props?.sae ?? 0);
    }
    if (side && props && props.data.reports.length > 1) {
      event.preventDefault();
      return events.chooseSae(Math.max(0, Math.min(props.data.reports.length - 1, props.sae + side)));
    }
    const to = steps[event.key];
    const next = to === void 0 ? void 0 : all[Math.max(0, Math.min(all.length - 1, to))];
    if (!next) return;
    event.preventDefault();
    focus(next);
    choose(next, props?.sae ?? 0);
  });
  function headRow(now) {
    const { data, sort, width } = now;
    const sorter = (name, text, hint) => {
      const on = sort.replace(/^-/, "") === name;
      const arrow = on ? sort.startsWith("-") ? " ↓" : " ↑" : "";
      const press = h("button", { type: "button", class: "inb-sort", "data-sort": name, title: hint }, text + arrow);
      return h(
        "th",
        { scope: "col", "aria-sort": on ? sort.startsWith("-") ? "descending" : "ascending" : void 0 },
        press
      );
    };
    const first = sorter("name", "concept", "By name");
    if (data.reports.length > 1) {
      const heads = data.reports.map(({ words }, index) => {
        const pick = h(
          "button",
          {
            type: "button",
            class: "inb-sort inb-sae-pick",
            "data-sae": index,
            "aria-pressed": index === now.sae ? "true" : "false",
            title: `${words.name}: sort by it`
          },
          words.name
        );
        return h("th", { scope: "col", class: index === now.sae ? "inb-chosen" : void 0 }, pick);
      });
      return h("tr", {}, first, ...heads);
    }
    const more = COLUMNS.filter((column) => !column.wide || width >= WIDE).map(
      ({ name, label: label2, hint }) => sorter(name, label2, hint)
    );
    return h(
      "tr",
      {},
      first,
      sorter("latent_idx", "latent", "By the latent's number"),
      sorter("f1", "F1", "Harmonic mean of precision and recall, on the half that chose nothing"),
      ...more
    );
  }
  function section(now, all, context) {
    const part = all.filter((line2) => line2.context === context);
    if (!part.length) return [];
    const { data, sae } = now;
    const found = part.filter((line2) => (line2.rows[sae]?.f1 ?? 0) >= data.meta.found_from).length;
    const title = context ? "Context decides" : "The token alone decides";
    const hint = data.meta.hints[context ? "context" : "lookup"] ?? "";
    const columns = data.reports.length > 1 ? 1 + data.reports.length : 3 + COLUMNS.length;
    const counted = ` ${found} of ${part.length} with F1 ≥ ${data.meta.found_from} `;
    const heading = h(
      "tr",
      { class: "inb-measure-group" },
      h("th", { colspan: columns, scope: "rowgroup" }, title, span("inb-soft", counted), span("inb-mark", hint))
    );
    return [
      heading,
      ...part.map((line2) => {
        const name = h("th", { scope: "row" }, visible(data.meta.concepts[line2.concept]?.name ?? ""));
        name.title = data.meta.concepts[line2.concept]?.name ?? "";
        return h(
          "tr",
          {
            "data-concept": line2.concept,
            tabindex: -1,
            class: context ? void 0 : "inb-lookup",
            "aria-label": rowLabel(data, line2, sae)
          },
          name,
          ...cells(now, line2)
        );
      })
    ];
  }
  function draw(now) {
    const focused = body.contains(document.activeElement) && document.activeElement.dataset.concept || "";
    const all = lines(now);
    latest = [...all.filter((line2) => line2.context), ...all.filter((line2) => !line2.context)];
    const total = new Set(now.data.reports.flatMap((report) => report.concepts.map((row) => row.concept))).size;
    said.textContent = all.length === total ? plural(total, "concept") : `${all.length} of ${plural(total, "concept")}`;
    head.replaceChildren(headRow(now));
    body.replaceChildren(...section(now, all, true), ...section(now, all, false));
    box.hidden = all.length === 0;
    bar2.hidden = total === 0;
    none.hidden = all.length > 0;
    none.textContent = total ? `No concept is called “${now.query}”.` : "";
    const again = rows().find((row) => row.dataset.concept === focused);
    const entry = again ?? rows()[0];
    if (entry) entry.tabIndex = 0;
    if (again) again.focus({ preventScroll: true });
  }
  key.append(span("inb-key-bar"), "F1 and its interval", span("inb-key-tick"), "linear probe");
  return {
    node,
    update(next) {
      props = next;
      if (search.value !== next.query && document.activeElement !== search) search.value = next.query;
      const state = [next.data, next.sae, next.sort, next.query, next.width, next.strokes[0]?.color];
      if (state.some((each, at) => each !== drawn[at])) {
        drawn = state;
        draw(next);
      }
      for (const row of rows()) {
        const line2 = latest.find(({ concept }) => concept === Number(row.dataset.concept));
        const on = next.latent !== null && line2?.rows[next.sae]?.latent_idx === next.latent;
        setAttrs(row, { "aria-selected": on ? "true" : void 0 });
      }
    }
  };
}

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
var signed2 = format("+.4g");
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
function count(value) {
  if (value < 1e3) return String(Math.round(value));
  return si(value).replace(/([A-Zµ-ž])$/i, (unit) => SPACE + (unit === "G" ? "B" : unit));
}

// src/shared/token_run.ts
var LONGEST = 48;
function fillToken(node, token) {
  const lead = /^ (?=\S)/.test(token) ? " " : "";
  const shown2 = token.length > LONGEST ? cut(token, LONGEST) : token;
  for (const piece of pieces(shown2.slice(lead.length))) {
    node.append(piece.mark ? span("inb-mark", piece.text) : piece.text);
  }
  return lead;
}
function valueText(value) {
  return value == null || Number.isNaN(value) ? "not counted" : sig4(value);
}
function shade(node, value, scale) {
  const counted = value != null && !Number.isNaN(value);
  const filled = counted && (scale.kind === "diverging" ? value !== 0 : value > 0);
  const fill = filled ? scale.color(value) : "";
  node.style.background = fill;
  node.style.color = fill && inkOn(fill);
  node.classList.toggle("inb-uncounted", !counted);
  node.classList.toggle("inb-filled", filled);
}
function runToken(token, index, said) {
  const label2 = `${cut(visible(token), LONGEST)} ${said}`;
  const node = h("bdi", { class: "inb-run-token", "data-at": index, tabindex: -1, "aria-label": label2 });
  return { node, lead: fillToken(node, token) };
}
function tokenRun({ tokens, values, at, scale, lines: lines2, tip: more }) {
  const node = h("span", { class: "inb-run", "data-run": true });
  tokens.forEach((token, i) => {
    const { node: each, lead } = runToken(token, i, valueText(values[i]));
    each.classList.toggle("inb-at", i === at);
    shade(each, values[i], scale);
    node.append(lead, more ? tip(each, () => more(i)) : each);
    if (lines2 && token.includes("\n")) node.append(h("br"));
  });
  return node;
}
function roveTokens(root, event) {
  const from = event.target.closest("[data-at]");
  const run = from?.closest("[data-run]");
  if (!from || !run) return false;
  const runs = [...root.querySelectorAll("[data-run]")].filter((each) => each.offsetParent !== null);
  const tokens = [...run.querySelectorAll("[data-at]")];
  const [row, at] = [runs.indexOf(run), tokens.indexOf(from)];
  const inRun = (to2) => tokens[Math.max(0, Math.min(tokens.length - 1, to2))];
  const inRow = (to2) => {
    const next = runs[Math.max(0, Math.min(runs.length - 1, to2))];
    return next?.querySelector(".inb-at") ?? next?.querySelector("[data-at]");
  };
  const steps = {
    ArrowLeft: () => inRun(at - 1),
    ArrowRight: () => inRun(at + 1),
    Home: () => inRun(0),
    End: () => inRun(tokens.length - 1),
    ArrowUp: () => inRow(row - 1),
    ArrowDown: () => inRow(row + 1)
  };
  const to = steps[event.key]?.();
  if (!to) return false;
  event.preventDefault();
  from.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
  return true;
}
function enterAt(root) {
  const first = root.querySelector(".inb-at") ?? root.querySelector("[data-at]");
  if (first) first.tabIndex = 0;
}

// src/sae_report/contexts.ts
var BROWSE_MS = 80;
var KEPT = 60;
function knownOf(data, sae, latent) {
  const report = data.reports[sae];
  if (!report) return [];
  const number2 = (row, name) => row[name] ?? Number.NaN;
  const concepts2 = report.concepts.filter((row) => row.latent_idx === latent).sort((a, b) => number2(b, "f1") - number2(a, "f1")).slice(0, 4).map((row) => {
    const name = visible(data.meta.concepts[row.concept ?? -1]?.name ?? "");
    return `best for ${name}: F1 ${numberText(number2(row, "f1"))} ${intervalText(number2(row, "low"), number2(row, "high"))} above ${sig4(number2(row, "threshold"))}`;
  });
  const causal2 = report.causal.filter((row) => row.latent_idx === latent).map(
    (row) => `taking it out moves predictions by ${numberText(number2(row, "effect"))} nats per firing, a random direction by ${numberText(number2(row, "random"))}`
  );
  return [...concepts2, ...causal2];
}
function contextItem(top, most, theme) {
  const scale = sequential(most, theme);
  const said = (i) => [
    facts([
      ["token", tokenNode(top.tokens[i] ?? "", 120)],
      ["activation", h("strong", {}, valueText(top.values[i]))],
      ["place", `document ${top.doc}, position ${top.pos + i - top.at}`]
    ])
  ];
  const run = tokenRun({ tokens: top.tokens, values: top.values, at: top.at, scale, tip: said });
  return h("li", {}, span("inb-example-value", top.value === null ? "–" : sig4(top.value)), run);
}
function contextsPanel(scope, bridge, events) {
  const title = h("h5");
  const close = button("×", { class: "inb-icon-button", "aria-label": "close the latent", title: "Close" });
  const known2 = h("ul", { class: "inb-known" });
  const body = div("inb-contexts");
  const node = h(
    "section",
    { class: "inb-latent-panel", "aria-label": "chosen latent", hidden: true },
    div("inb-latent-head", title, close),
    known2,
    body
  );
  const question = new Question(bridge);
  const kept = /* @__PURE__ */ new Map();
  let asked = "";
  let theme = "light";
  scope.listen(close, "click", events.close);
  scope.listen(body, "keydown", (event) => {
    roveTokens(body, event);
  });
  const show = (found) => {
    const most = maxAbs(found.tops.flatMap(({ values }) => values.map((value) => value ?? 0))) || 1;
    const items = found.tops.map((top) => contextItem(top, most, theme));
    const none = h("p", { class: "inb-hint" }, "It fires nowhere on this text.");
    body.replaceChildren(items.length ? h("ol", { class: "inb-examples" }, ...items) : none);
    enterAt(body);
  };
  const hint = (text) => body.replaceChildren(h("p", { class: "inb-hint", role: "status" }, text));
  async function fetchContexts(latent, sae, key) {
    const here = kept.get(key);
    if (here) return show(here);
    hint("Looking …");
    try {
      const reply = await question.ask("contexts", { latent_idx: latent, sae }, BROWSE_MS);
      if (!reply) return;
      kept.set(key, reply.result);
      const [oldest] = kept.keys();
      if (kept.size > KEPT && oldest !== void 0) kept.delete(oldest);
      if (key === asked) show(reply.result);
      events.say(`latent ${latent}: ${reply.result.tops.length} contexts`);
    } catch (error) {
      if (!(error instanceof RequestError) || key !== asked) throw error;
      hint(
        error.type === "NeedsKernel" ? "Where it fires was not saved with this page: open the notebook to see it." : error.message
      );
    }
  }
  return {
    node,
    update(data, sae, latent, nextTheme, kernel) {
      node.hidden = latent === null || data.reports.length === 0;
      if (latent === null || node.hidden) {
        asked = "";
        question.stop();
        return;
      }
      const words = data.reports[sae]?.words;
      const name = data.reports.length > 1 ? span("inb-mark", ` of ${words?.name ?? ""}`) : null;
      title.replaceChildren(`Latent ${latent}`, ...name ? [name] : []);
      known2.replaceChildren(...knownOf(data, sae, latent).map((text) => h("li", {}, text)));
      const key = `${sae} ${latent}`;
      const same = key === asked && theme === nextTheme;
      theme = nextTheme;
      if (same) return;
      asked = key;
      if (kernel && !words?.live) hint("Where it fires needs the model: evaluate again in this kernel to see it.");
      else events.work(() => fetchContexts(latent, sae, key));
    },
    destroy: () => question.stop()
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

// src/sae_report/measures.ts
var PLOT = { one: 170, least: 64, most: 150 };
var WIDE2 = 700;
function shown(value, withBos) {
  if (!withBos || Number.isNaN(value.withBos)) return value;
  return { value: value.withBos, low: Number.NaN, high: Number.NaN, withBos: value.value };
}
function dotOf(value, withBos, stroke2) {
  const now = shown(value, withBos);
  const hollow = now !== value;
  return {
    value: now.value,
    low: now.low,
    high: now.high,
    other: now.withBos,
    hollow,
    color: stroke2.color,
    mark: stroke2.mark
  };
}
function valueTip(data, sae, place, than) {
  const metric = data.meta.metrics[place];
  const report = data.reports[sae];
  const value = report?.values[place];
  if (!metric || !report || !value) return [];
  const { words } = report;
  const unit = metric.unit ? ` ${metric.unit}` : "";
  const rows = [
    ["value", `${exact(value.value)}${unit}`],
    ["95 % interval", Number.isNaN(value.low) ? "none" : `${exact(value.low)} to ${exact(value.high)}`]
  ];
  if (!Number.isNaN(value.low))
    rows.push(["resampled", `${(words.n[place] ?? 0).toLocaleString("en")} ${words.resampled[place]}`]);
  if (!Number.isNaN(value.withBos)) rows.push(["with BOS", exact(value.withBos)]);
  const apart = differenceText(data, place, sae, than);
  if (apart) rows.push([`less ${data.reports[than]?.words.name ?? ""}`, apart]);
  return [h("strong", {}, metric.label), facts(rows), div("inb-mark", metric.formula)];
}
function dotPlot(axis, width, dot) {
  const svg = svgRoot(width, DOT_HEIGHT, { "aria-hidden": "true" });
  svg.append(...dotShapes(axis, width, dot, PAGE_INK).map(toNode));
  return svg;
}
function missing(report, metric) {
  if (report.words.pending.includes(metric.group)) return "measuring …";
  return report.words.skipped[metric.name] ?? report.words.skipped[metric.group] ?? "";
}
function numberCell(props, place, sae, extra) {
  const { data, withBos } = props;
  const metric = data.meta.metrics[place];
  const report = data.reports[sae];
  const value = report.values[place];
  const now = shown(value, withBos);
  const cell = h("td", { class: "inb-measure", tabindex: 0, "data-key": `${metric.name}.${sae}` });
  cell.setAttribute("aria-label", spoken(metric, now, data.reports.length > 1 ? report.words.name : ""));
  if (Number.isNaN(value.value)) {
    const why = missing(report, metric);
    cell.append(span("inb-mark", why ? why.length > 24 ? "not measured" : why : "–"));
    return tip(cell, () => why ? [div("", why)] : []);
  }
  const text = now === value ? intervalText(now.low, now.high, metric.count) : "with BOS";
  cell.append(
    span("inb-measure-value", numberText(now.value, metric.count)),
    h("span", { class: "inb-mark inb-measure-interval" }, text),
    ...extra
  );
  return tip(cell, () => valueTip(data, sae, place, props.sae));
}
function nameCell(metric, said) {
  const name = h("th", { scope: "row" }, span("inb-measure-name", metric.label));
  if (metric.unit) name.append(span("inb-mark inb-measure-unit", ` ${metric.unit}`));
  if (said) name.append(div("inb-measure-says", metric.meaning));
  else tip(name, () => [div("", metric.meaning)]);
  return name;
}
var sameScale = (a, b) => a.group === b.group && a.unit === b.unit;
function oneRow(props, place) {
  const { data, withBos, strokes, width } = props;
  const metric = data.meta.metrics[place];
  const report = data.reports[0];
  const value = report.values[place];
  const alike = data.meta.metrics.flatMap(
    (each, at) => each.unit && sameScale(each, metric) ? [report.values[at]] : []
  );
  const axis = metricAxis(metric, [value], true, alike.length ? alike : [value]);
  const number2 = numberCell(props, place, 0, []);
  const plot2 = h("td", { class: "inb-measure-plot" });
  if (!Number.isNaN(value.value)) plot2.append(dotPlot(axis, PLOT.one, dotOf(value, withBos, strokes[0])));
  const wide = width >= WIDE2;
  const row = h("tr", {}, nameCell(metric, !wide), number2, plot2);
  if (wide) row.append(h("td", { class: "inb-measure-says" }, metric.meaning));
  return row;
}
function severalRow(props, place, plotWidth) {
  const { data, withBos, strokes, sae: chosen, width } = props;
  const metric = data.meta.metrics[place];
  const values = data.reports.map((report) => report.values[place]);
  const axis = metricAxis(
    metric,
    values.map((value) => shown(value, withBos)),
    false
  );
  const cells2 = data.reports.map((_, sae) => {
    const value = values[sae];
    const how = withBos ? "" : verdict(data, place, sae, chosen);
    const mark2 = h(
      "span",
      { class: "inb-verdict", "data-how": how || void 0, "aria-label": how || void 0 },
      MARKS2[how]
    );
    const extra = [mark2];
    if (!Number.isNaN(value.value)) extra.push(dotPlot(axis, plotWidth, dotOf(value, withBos, strokes[sae])));
    const cell = numberCell(props, place, sae, extra);
    cell.classList.toggle("inb-chosen", sae === chosen);
    return cell;
  });
  return h("tr", {}, nameCell(metric, width >= WIDE2), ...cells2);
}
function saeHeads({ data, sae, strokes }) {
  return data.reports.map(({ words }, index) => {
    const stroke2 = strokes[index];
    const svg = svgRoot(14, 14, { "aria-hidden": "true" });
    if (stroke2)
      svg.append(toNode({ tag: "path", attrs: { d: stroke2.mark, transform: "translate(7 7)", fill: stroke2.color } }));
    const name = h(
      "button",
      {
        type: "button",
        class: "inb-sae-head",
        "data-sae": index,
        "data-key": `head.${index}`,
        "aria-pressed": index === sae ? "true" : "false"
      },
      svg,
      span("inb-sae-name", words.name)
    );
    tip(name, () => [
      h("strong", {}, words.name),
      div("", words.about),
      div(
        "inb-mark",
        index === sae ? "The others are compared with it." : "Choose it, and the others are compared with it."
      )
    ]);
    return h("th", { scope: "col", class: index === sae ? "inb-chosen" : void 0 }, name);
  });
}
function groupRow(data, group2, columns) {
  const found = data.meta.groups.find(({ name }) => name === group2);
  const heading = h(
    "th",
    { colspan: columns, scope: "rowgroup" },
    span("", found?.label ?? group2),
    " ",
    span("inb-mark", found?.asks ?? "")
  );
  return h("tr", { class: "inb-measure-group" }, heading);
}
function measuresTable(props) {
  const { data, metrics, headed, width } = props;
  const several = data.reports.length > 1;
  const columns = several ? 1 + data.reports.length : width >= WIDE2 ? 4 : 3;
  const room = (width - (width >= WIDE2 ? 290 : 130)) / Math.max(1, data.reports.length) - 18;
  const plotWidth = Math.round(Math.max(PLOT.least, Math.min(PLOT.most, room)));
  const body = h("tbody");
  let group2 = "";
  for (const place of metrics) {
    const metric = data.meta.metrics[place];
    if (!metric) continue;
    if (headed && metric.group !== group2) body.append(groupRow(data, metric.group, columns));
    group2 = metric.group;
    body.append(several ? severalRow(props, place, plotWidth) : oneRow(props, place));
  }
  const table2 = h("table", { class: `inb-measures ${several ? "inb-several" : "inb-one"}` });
  if (several) table2.append(h("thead", {}, h("tr", {}, h("td"), ...saeHeads(props))));
  table2.append(body);
  return div("inb-scroll", table2);
}

// src/sae_report/files.ts
var LEFT = 16;
var ROW = 21;
var NAME = 210;
var COLUMN = { one: 330, several: 190 };
var MOST_ROWS = 60;
function concepts({ data, sae, sort, query }) {
  const columns = [...data.meta.concept_columns];
  const rows = lines({ data, sae, sort, query }).flatMap(
    (line2) => line2.rows.flatMap(
      (row, index) => row ? [
        [
          data.reports[index]?.words.name ?? "",
          data.meta.concepts[line2.concept]?.name ?? "",
          ...columns.map((column) => row[column] ?? null)
        ]
      ] : []
    )
  );
  return csv(["sae", "concept", ...columns], rows);
}
function measures({ data }) {
  const rows = data.reports.flatMap(
    (report) => data.meta.metrics.map((metric, at) => {
      const { value, low, high, withBos } = report.values[at];
      return [
        report.words.name,
        metric.group,
        metric.name,
        value,
        low,
        high,
        withBos,
        report.words.n[at] ?? 0,
        report.words.resampled[at] ?? "",
        metric.unit
      ];
    })
  );
  return csv(["sae", "group", "metric", "value", "low", "high", "with_bos", "n", "resampled", "unit"], rows);
}
function causal({ data }) {
  const columns = data.meta.causal_columns;
  const rows = data.reports.flatMap(
    (report) => report.causal.map((row) => [report.words.name, ...columns.map((name) => row[name] ?? null)])
  );
  return csv(["sae", ...columns], rows);
}
function pareto({ data }) {
  const rows = data.meta.pareto.map((point) => [
    point.name,
    point.l0,
    point.l0_low,
    point.l0_high,
    point.score,
    point.score_low,
    point.score_high,
    point.on_front ? 1 : 0
  ]);
  return csv(["sae", "l0", "l0_low", "l0_high", data.meta.score, "low", "high", "on_front"], rows);
}
function scaling({ data }) {
  const law = data.meta.scaling;
  const rows = (law?.names ?? []).map((name, at) => [
    name,
    law?.n[at] ?? null,
    law?.k[at] ?? null,
    law?.loss[at] ?? null
  ]);
  return csv(["sae", "n", "k", law?.loss_label ?? "loss"], rows);
}
var TABLES = { truth: concepts, causal, tradeoff: pareto, scaling };
var tableCsv = (saved) => (TABLES[saved.tab] ?? measures)(saved);
function measureRows({ data, metrics, withBos, strokes }) {
  const several = data.reports.length > 1;
  const wide = several ? COLUMN.several : COLUMN.one;
  return metrics.flatMap((place, row) => {
    const metric = data.meta.metrics[place];
    const values = data.reports.map((report) => report.values[place]);
    const axis = metricAxis(metric, several ? values.map((each) => shown(each, withBos)) : values, !several);
    const y = row * ROW;
    const cells2 = values.flatMap((value, index) => {
      const now = shown(value, withBos);
      const stroke2 = strokes[index];
      const dot = {
        value: now.value,
        low: now.low,
        high: now.high,
        color: stroke2?.color ?? "",
        mark: stroke2?.mark,
        hollow: now !== value
      };
      const x = NAME + index * wide;
      return [
        label(x, y + 12, numberText(now.value, metric.count), FILE_INK.text, 11.5, "start", 600),
        ...several ? [] : [label(x + 46, y + 12, intervalText(now.low, now.high, metric.count), FILE_INK.muted, 11)],
        moved(x + (several ? 46 : 160), y, dotShapes(axis, several ? 128 : 170, dot, FILE_INK))
      ];
    });
    return [label(0, y + 12, metric.label, FILE_INK.soft, 11.5), ...cells2];
  });
}
function conceptRows(saved) {
  const { data, strokes } = saved;
  const all = lines(saved);
  const ordered = [...all.filter((line2) => line2.context), ...all.filter((line2) => !line2.context)].slice(0, MOST_ROWS);
  const wide = data.reports.length > 1 ? COLUMN.several : COLUMN.one;
  const shapes = ordered.flatMap((line2, row) => {
    const y = row * ROW;
    const name = cut(visible(data.meta.concepts[line2.concept]?.name ?? ""), 34);
    const cells2 = line2.rows.flatMap((one, index) => {
      if (!one) return [];
      const number2 = (column) => one[column] ?? Number.NaN;
      const dot = {
        value: number2("f1"),
        low: number2("low"),
        high: number2("high"),
        tick: number2("probe_f1"),
        color: strokes[index]?.color ?? ""
      };
      const x = NAME + index * wide;
      return [
        moved(x, y, barShapes(wide - 60, dot, FILE_INK, data.meta.found_from, !line2.context)),
        label(x + wide - 52, y + 12, numberText(dot.value), FILE_INK.text, 11)
      ];
    });
    return [label(0, y + 12, name, line2.context ? FILE_INK.text : FILE_INK.muted, 11), ...cells2];
  });
  return { shapes, n: ordered.length };
}
function reportFigure(saved) {
  const { data, metrics, tab, plots } = saved;
  const { heading, note } = data.meta.labels;
  const out = [
    label(LEFT, 24, heading ?? "", FILE_INK.text, 14, "start", 600),
    label(LEFT, 42, cut(note ?? "", 120), FILE_INK.muted, 11)
  ];
  let y = 62;
  let wide = 420;
  const several = data.reports.length > 1;
  const rows = tab === "truth" ? conceptRows(saved) : { shapes: measureRows(saved), n: metrics.length };
  if (rows.n && tab !== "tradeoff" && tab !== "scaling") {
    if (several) {
      data.reports.forEach(({ words }, index) => {
        out.push(
          label(LEFT + NAME + index * COLUMN.several, y + 10, cut(words.name, 26), FILE_INK.text, 11, "start", 600)
        );
      });
      y += ROW;
    }
    out.push(moved(LEFT, y, rows.shapes));
    y += rows.n * ROW + 14;
    wide = NAME + (several ? COLUMN.several * data.reports.length : COLUMN.one);
  }
  for (const plot2 of plots) {
    out.push(label(LEFT, y + 14, plot2.title, FILE_INK.text, 12, "start", 600), moved(LEFT, y + 20, plot2.shapes));
    y += plot2.height + 34;
    wide = Math.max(wide, plot2.width);
  }
  const measured = data.reports.length === 1 ? data.reports[0]?.words.measured ?? "" : "";
  if (measured) out.push(label(LEFT, y + 10, cut(measured, 130), FILE_INK.muted, 10.5));
  const width = Math.max(wide, several ? 0 : 620) + 2 * LEFT;
  return { svg: svgFile(width, y + 24, FILE_INK.background, out), width, height: y + 24 };
}
function fileButtons(scope, now) {
  const name = (ending) => {
    const { data, tab } = now();
    return `${fileName("sae_report", data.reports.length === 1 ? data.reports[0]?.words.name ?? "" : "", tab)}.${ending}`;
  };
  return exportButtons(scope, {
    PNG: async () => {
      const { svg, width, height } = reportFigure(now());
      saveBlob(await svgToPng(svg, width, height), name("png"));
    },
    SVG: () => saveText(reportFigure(now()).svg, "image/svg+xml", name("svg")),
    CSV: () => saveText(tableCsv(now()), "text/csv", name("csv"))
  });
}

// src/sae_report/figures.ts
var MARGIN = { left: 40, right: 10, top: 6, bottom: 20 };
var SIZE = 10.5;
var TITLES = {
  density: "How often latents fire",
  cosine_similarity: "Cosine similarity by token",
  l0: "Latents that fire, by token",
  encoder_decoder_cosine: "Encoder-decoder cosine by latent",
  latent_effect: "Effect of taking a latent out"
};
var FIGURES = {
  overview: ["density", "cosine_similarity", "latent_effect"],
  reconstruction: ["cosine_similarity"],
  sparsity: ["density", "l0"],
  features: ["encoder_decoder_cosine"],
  causal: ["latent_effect"],
  truth: []
};
var round2 = (value) => Math.round(value * 10) / 10;
var sum = (values) => Array.from(values).reduce((total, value) => total + value, 0);
var histogramOf = ({ data, name }, sae) => data.reports[sae]?.histograms[name];
function extent(props) {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let sae = 0; sae < props.data.reports.length; sae++) {
    const found = histogramOf(props, sae);
    found?.counts.forEach((value, bin) => {
      if (!value) return;
      low = Math.min(low, found.edges[Math.max(0, bin - 1)] ?? low);
      high = Math.max(high, found.edges[Math.min(found.edges.length - 1, bin + 2)] ?? high);
    });
  }
  return low < high ? [low, high] : [0, 1];
}
function placer(props) {
  const [low, high] = extent(props);
  let top = 0;
  for (let sae = 0; sae < props.data.reports.length; sae++) {
    const found = histogramOf(props, sae);
    if (found) top = Math.max(top, Math.max(...found.counts) / (sum(found.counts) || 1));
  }
  const [left, right] = [MARGIN.left, props.width - MARGIN.right];
  const [above, below] = [MARGIN.top, props.height - MARGIN.bottom];
  const share = (value) => Math.max(0, Math.min(1, (value - low) / (high - low)));
  return {
    x: (value) => round2(left + share(value) * (right - left)),
    y: (value) => round2(below - value / (top || 1) * (below - above)),
    top: top || 1,
    low,
    high
  };
}
var power = (value) => {
  const digits = [...String(Math.round(value))].map((char) => char === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(char)]);
  return value === 0 ? "1" : value === -1 ? "0.1" : `10${digits.join("")}`;
};
var POWERS = /* @__PURE__ */ new Set(["density", "latent_effect"]);
var edgeText = (name, value) => {
  const plain2 = POWERS.has(name) ? 10 ** value : value;
  return name === "density" ? `${Number((100 * plain2).toPrecision(2))} %` : String(Number(plain2.toPrecision(3)));
};
function axes(props) {
  const { ink, name, width, height } = props;
  const at = placer(props);
  const out = [];
  for (const tick of linearAxis(0, at.top, 2).ticks.filter((each) => each <= at.top)) {
    const y = at.y(tick);
    out.push(line(`M${MARGIN.left} ${y}H${width - MARGIN.right}`, ink.line, 1, { opacity: 0.45 }));
    out.push(label(MARGIN.left - 6, y + 3.6, `${Number((100 * tick).toPrecision(2))} %`, ink.muted, SIZE, "end"));
  }
  const foot = height - MARGIN.bottom;
  const steps = POWERS.has(name) ? Math.min(6, Math.ceil(at.high) - Math.floor(at.low)) : 4;
  let free = Number.NEGATIVE_INFINITY;
  for (const tick of linearAxis(at.low, at.high, steps).ticks) {
    if (POWERS.has(name) && !Number.isInteger(tick)) continue;
    const words = POWERS.has(name) ? power(tick) : String(Number(tick.toPrecision(4)));
    const half = words.length * 3.2;
    const x = Math.min(at.x(tick), width - half);
    if (x - half < free) continue;
    free = x + half + 5;
    out.push(line(`M${at.x(tick)} ${foot}v3`, ink.muted), label(x, foot + 14, words, ink.muted, SIZE, "middle"));
  }
  out.push(line(`M${MARGIN.left} ${foot}H${width - MARGIN.right}`, ink.muted));
  return out;
}
function figureShapes(props) {
  const at = placer(props);
  const foot = props.height - MARGIN.bottom;
  const out = axes(props);
  const main = histogramOf(props, props.sae);
  if (main) {
    const total = sum(main.counts) || 1;
    const color = props.strokes[props.sae]?.color ?? props.ink.soft;
    main.counts.forEach((value, bin) => {
      if (!value) return;
      const [x, to] = [at.x(main.edges[bin] ?? 0), at.x(main.edges[bin + 1] ?? 0)];
      const y = Math.min(foot - 1, at.y(value / total));
      const box = { x: round2(x + 0.4), y, width: Math.max(0.6, round2(to - x - 0.8)), height: round2(foot - y) };
      out.push({ tag: "rect", attrs: { ...box, fill: color, opacity: props.bin === bin ? 1 : 0.75 } });
    });
  }
  props.data.reports.forEach((_, sae) => {
    const found = histogramOf(props, sae);
    const stroke2 = props.strokes[sae];
    if (sae === props.sae || !found || !stroke2) return;
    const total = sum(found.counts) || 1;
    let d = `M${at.x(found.edges[0] ?? 0)} ${foot}`;
    found.counts.forEach((value, bin) => {
      d += `V${at.y(value / total)}H${at.x(found.edges[bin + 1] ?? 0)}`;
    });
    out.push(line(`${d}V${foot}`, stroke2.color, 1.2, { "stroke-dasharray": stroke2.dash }));
  });
  return out;
}
function binText({ name, data, sae }, bin) {
  const found = data.reports[sae]?.histograms[name];
  if (!found) return "";
  const value = found.counts[bin] ?? 0;
  const share = `${Number((100 * value / (sum(found.counts) || 1)).toPrecision(2))} %`;
  return `${edgeText(name, found.edges[bin] ?? 0)} to ${edgeText(name, found.edges[bin + 1] ?? 0)}: ${count(value)} (${share})`;
}
function figure(scope, tooltip, say) {
  const svg = svgRoot(10, 10, { role: "img" });
  const [title, note] = [h("h5"), span("inb-mark")];
  const node = h("figure", { class: "inb-figure", tabindex: 0 }, h("figcaption", {}, title, note), svg);
  let props = null;
  const draw = () => {
    if (!props) return;
    sizeSvg(svg, props.width, props.height);
    svg.replaceChildren(...figureShapes(props).map(toNode));
  };
  const point = (bin) => {
    if (!props || props.bin === bin) return;
    props = { ...props, bin };
    draw();
  };
  const filled = () => {
    const counts = props && histogramOf(props, props.sae)?.counts;
    return counts ? Array.from(counts, (_, bin) => bin).filter((bin) => counts[bin]) : [];
  };
  scope.listen(svg, "pointermove", (event) => {
    const now = props;
    const found = now && histogramOf(now, now.sae);
    if (!now || !found) return;
    event.stopPropagation();
    const x = event.clientX - svg.getBoundingClientRect().left;
    const at = placer(now);
    const bin = filled().find((each) => x >= at.x(found.edges[each] ?? 0) && x < at.x(found.edges[each + 1] ?? 0));
    point(bin ?? null);
    if (bin === void 0) tooltip.hide();
    else tooltip.show(event.clientX, event.clientY, [div("", binText(now, bin)), div("inb-mark", found.label)]);
  });
  scope.listen(svg, "pointerleave", () => {
    tooltip.hide();
    point(null);
  });
  scope.listen(node, "keydown", (event) => {
    const bins = filled();
    const at = props?.bin == null ? -1 : bins.indexOf(props.bin);
    const steps = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: bins.length - 1 };
    if (event.key === "Escape") return point(null);
    const to = steps[event.key];
    const bin = to === void 0 ? void 0 : bins[Math.max(0, Math.min(bins.length - 1, to))];
    if (bin === void 0 || !props) return;
    event.preventDefault();
    point(bin);
    say(binText(props, bin));
  });
  return {
    node,
    update(next) {
      props = { ...next, ink: PAGE_INK, bin: props?.bin ?? null };
      const found = histogramOf(props, props.sae);
      node.hidden = !found;
      title.textContent = TITLES[props.name] ?? props.name;
      note.textContent = found?.label ?? "";
      node.setAttribute("aria-label", `${title.textContent}, ${found?.label ?? ""}: arrows read the bars`);
      draw();
    },
    shapes(strokes, ink) {
      if (!props || node.hidden) return null;
      const { width, height } = props;
      return {
        title: title.textContent ?? "",
        shapes: figureShapes({ ...props, strokes, ink, bin: null }),
        width,
        height
      };
    }
  };
}

// src/sae_report/tables.ts
function latents(all, chosen) {
  const list = span("inb-latents-list");
  for (const latent of all) {
    const attrs = {
      type: "button",
      class: "inb-link inb-pick",
      "data-latent": latent,
      "aria-pressed": latent === chosen ? "true" : "false"
    };
    list.append(h("button", attrs, String(latent)));
  }
  if (!all.length) list.append(span("inb-mark", "none"));
  return list;
}
function plot(shapes, width) {
  const svg = svgRoot(width, DOT_HEIGHT, { "aria-hidden": "true" });
  svg.append(...shapes.map(toNode));
  return svg;
}
function titled(title, hint, table2, more = "") {
  return h(
    "section",
    { class: "inb-part", "aria-label": title },
    h("h5", {}, title, " ", span("inb-mark", hint)),
    div("inb-scroll inb-tall", table2),
    more ? h("p", { class: "inb-hint" }, more) : null
  );
}
var rest = (shown2, all) => all > shown2 ? `and ${(all - shown2).toLocaleString("en")} more, in to_frame()` : "";
function probesTable({ report, hint, color, latent, width }) {
  const { probes, counts } = report.words;
  if (!probes.length) return null;
  const tasks = /* @__PURE__ */ new Map();
  for (const probe of probes) tasks.set(probe.task, [...tasks.get(probe.task) ?? [], probe]);
  const ks = [...new Set(probes.map(({ k }) => k))].sort((a, b) => a - b);
  const wide = Math.max(50, Math.min(110, (width - 220) / ks.length - 70));
  const body = [...tasks].map(([task, all]) => {
    const cells2 = ks.map((k) => {
      const probe = all.find((each) => each.k === k);
      if (!probe) return h("td", {}, span("inb-mark", "–"));
      const dot = {
        value: orNaN(probe.accuracy),
        low: orNaN(probe.low),
        high: orNaN(probe.high),
        tick: orNaN(probe.dense),
        color
      };
      const cell = h(
        "td",
        { class: "inb-bar-cell", tabindex: 0 },
        plot(dotShapes(linearAxis(0.5, 1), wide, { ...dot }, PAGE_INK), wide),
        span("", numberText(dot.value))
      );
      return tip(cell, () => [
        h("strong", {}, visible(task)),
        facts([
          [`${k === 1 ? "1 latent" : `${k} latents`}`, `${exact(dot.value)} ${intervalText(dot.low, dot.high)}`],
          ["all activations", exact(orNaN(probe.dense))],
          ["reads", probe.latents.join(", ")]
        ])
      ]);
    });
    const best = all.find((each) => each.k === ks[0]);
    return h(
      "tr",
      {},
      h("th", { scope: "row", title: task }, visible(task)),
      h("td", {}, latents(best?.latents ?? [], latent)),
      ...cells2
    );
  });
  const head = h(
    "tr",
    {},
    h("th", { scope: "col" }, "task"),
    h("th", { scope: "col" }, "latent"),
    ...ks.map((k) => h("th", { scope: "col" }, `k = ${k}`))
  );
  return titled(
    "Probes of few latents",
    hint,
    h("table", { class: "inb-plain" }, h("thead", {}, head), h("tbody", {}, ...body)),
    rest(probes.length, counts.probes)
  );
}
function absorbedTable({ report, hint, color, latent, width }) {
  const { absorbed, counts } = report.words;
  if (!absorbed.length) return null;
  const wide = width >= 640 ? 120 : 60;
  const rows = [...absorbed].sort((a, b) => orNaN(b.rate) - orNaN(a.rate)).map((row) => {
    const dot = { value: orNaN(row.rate), low: orNaN(row.low), high: orNaN(row.high), color };
    const cell = h(
      "td",
      { class: "inb-bar-cell", tabindex: 0 },
      plot(barShapes(wide, dot, PAGE_INK, 2), wide),
      span("", numberText(dot.value))
    );
    tip(cell, () => [
      facts([
        ["absorbed", `${exact(dot.value)} ${intervalText(dot.low, dot.high)}`],
        ["of", `${row.n.toLocaleString("en")} tokens`]
      ])
    ]);
    const name = h(
      "th",
      { scope: "row", title: `${row.parent} → ${row.child}` },
      visible(row.parent),
      span("inb-mark", " → "),
      visible(row.child)
    );
    return h(
      "tr",
      {},
      name,
      cell,
      h("td", {}, latents(row.latents, latent)),
      h("td", {}, latents(row.absorbing, latent))
    );
  });
  const head = h(
    "tr",
    {},
    ...["concept → narrower one", "absorbed", "its latents", "in their place"].map(
      (text) => h("th", { scope: "col" }, text)
    )
  );
  return titled(
    "Absorption",
    hint,
    h("table", { class: "inb-plain" }, h("thead", {}, head), h("tbody", {}, ...rows)),
    rest(absorbed.length, counts.absorbed)
  );
}
function causalTable({ report, hint, color, latent, width }) {
  const { causal: causal2 } = report;
  if (!causal2.length) return null;
  const number2 = (row, name) => row[name] ?? Number.NaN;
  const apart = (row) => number2(row, "effect") - number2(row, "random");
  const sorted = [...causal2].sort(
    (a, b) => (Number.isNaN(apart(b)) ? -1 : apart(b)) - (Number.isNaN(apart(a)) ? -1 : apart(a))
  );
  const ends = causal2.flatMap((row) => [number2(row, "low"), number2(row, "high"), apart(row)]).filter(Number.isFinite);
  const axis = linearAxis(Math.min(0, ...ends), Math.max(1e-6, ...ends));
  const wide = width >= 640 ? 220 : 110;
  const rows = sorted.map((row) => {
    const beyond = number2(row, "beyond") === 1;
    const dot = { value: apart(row), low: number2(row, "low"), high: number2(row, "high"), color, hollow: !beyond };
    const cell = h(
      "td",
      { class: "inb-bar-cell", tabindex: 0 },
      plot(dotShapes(axis, wide, dot, PAGE_INK), wide),
      span("", numberText(dot.value))
    );
    tip(cell, () => [
      facts([
        ["effect", `${exact(number2(row, "effect"))} nats per firing`],
        ["random direction", exact(number2(row, "random"))],
        ["difference", `${exact(dot.value)} ${intervalText(dot.low, dot.high)}`],
        ["documents", String(number2(row, "n_docs"))]
      ])
    ]);
    return h(
      "tr",
      { class: beyond ? void 0 : "inb-lookup" },
      h("th", { scope: "row" }, latents([number2(row, "latent_idx")], latent)),
      h("td", {}, numberText(number2(row, "effect"))),
      h("td", {}, numberText(number2(row, "random"))),
      cell,
      h("td", {}, beyond ? "beyond chance" : span("inb-mark", "not beyond"))
    );
  });
  const head = h(
    "tr",
    {},
    ...["latent", "effect", "random", "difference, nats per firing", ""].map((text) => h("th", { scope: "col" }, text))
  );
  return titled(
    "Latents that were taken out",
    hint,
    h("table", { class: "inb-plain" }, h("thead", {}, head), h("tbody", {}, ...rows))
  );
}

// src/sae_report/group_panel.ts
var BESIDE = 1e3;
var FIGURE = { width: 300, widest: 400, height: 150 };
function metricsOf(data, group2) {
  if (group2 !== "overview") return groupOf(data.meta, group2);
  return data.meta.key.map((name) => data.meta.metrics.findIndex((metric) => metric.name === name)).filter((at) => at >= 0);
}
function whyNot(data, sae, group2) {
  const skipped = data.reports[sae]?.words.skipped ?? {};
  if (group2 !== "overview") return skipped[group2] ? `Not measured: ${skipped[group2]}` : "";
  const said = data.meta.groups.filter(({ name }) => skipped[name]);
  return said.map(({ name, label: label2 }) => `${label2} was not measured: ${skipped[name]}.`).join(" ");
}
function groupPanel(scope, tooltip, group2, events) {
  const asks = h("p", { class: "inb-asks" });
  const why = h("p", { class: "inb-hint" });
  const numbers = div("inb-numbers");
  const key = h("p", { class: "inb-hint" });
  const figures = (FIGURES[group2] ?? []).map((name) => [name, figure(scope, tooltip, events.say)]);
  const pictures = div("inb-figures", ...figures.map(([, each]) => each.node));
  const tables = div("inb-tables");
  const node = div(
    "inb-group-panel",
    asks,
    why,
    div("inb-group-body", div("inb-numbers-box", numbers, key), pictures),
    tables
  );
  let props;
  let drawn = [];
  scope.listen(node, "click", (event) => {
    const target = event.target;
    const sae = target.closest(".inb-sae-head")?.dataset.sae;
    if (sae !== void 0) return events.chooseSae(Number(sae));
    const latent = target.closest(".inb-pick")?.dataset.latent;
    if (latent !== void 0 && props) events.choose(Number(latent), props.sae);
  });
  function drawTables(now) {
    const report = now.data.reports[now.sae];
    if (!report) {
      tables.replaceChildren();
      return;
    }
    const color = now.strokes[now.sae]?.color ?? "";
    const hints = now.data.meta.hints;
    const common = { report, sae: now.sae, color, latent: now.latent, width: now.width };
    const made = group2 === "features" ? [
      probesTable({ ...common, hint: hints.probes ?? "" }),
      absorbedTable({ ...common, hint: hints.absorbed ?? "" })
    ] : group2 === "causal" ? [causalTable({ ...common, hint: hints.causal ?? "" })] : [];
    tables.replaceChildren(...made.filter((each) => each !== null));
  }
  function draw(now) {
    const { data, sae, strokes, width } = now;
    const several = data.reports.length > 1;
    const metrics = metricsOf(data, group2);
    const beside = !several && width >= BESIDE && figures.length > 0;
    node.classList.toggle("inb-figures-beside", beside);
    const room = beside ? width - FIGURE.width - 32 : width;
    const focused = node.contains(document.activeElement) ? document.activeElement.dataset.key : void 0;
    asks.textContent = data.meta.groups.find(({ name }) => name === group2)?.asks ?? "";
    asks.hidden = group2 === "overview";
    why.textContent = whyNot(data, sae, group2);
    why.hidden = !why.textContent;
    numbers.replaceChildren(
      ...metrics.length ? [measuresTable({ ...now, metrics, headed: group2 === "overview", width: room })] : []
    );
    key.textContent = several ? data.meta.hints.differ ?? "" : "";
    key.hidden = !several || metrics.length === 0;
    const inRow = Math.min(figures.length, Math.max(1, Math.floor(width / 260)));
    const figureWidth = beside ? FIGURE.width : Math.min(FIGURE.widest, Math.floor((width - 28 * (inRow - 1)) / inRow));
    for (const [name, each] of figures) {
      each.update({
        name,
        data,
        sae,
        strokes,
        width: figureWidth,
        height: FIGURE.height
      });
    }
    pictures.hidden = figures.every(([, each]) => each.node.hidden);
    drawTables(now);
    if (focused) node.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }
  return {
    node,
    update(next) {
      props = next;
      const state = [next.data, next.sae, next.withBos, next.width, next.strokes[0]?.color, next.latent];
      if (state.every((each, at) => each === drawn[at]) && drawn.length) return;
      drawn = state;
      draw(next);
    },
    plots: (strokes, ink) => figures.map(([, each]) => each.shapes(strokes, ink)).filter((plot2) => plot2 !== null)
  };
}

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

// src/sae_report/head.ts
function adviceOf(report, data) {
  if (!report) return [];
  if (report.words.advice.length) return report.words.advice;
  return report.words.pending.length ? [] : data.meta.metrics.length ? ["Nothing stands out in these numbers."] : [];
}
function reportHead(scope, events) {
  const said = advice();
  const measured = h("p", { class: "inb-measured" });
  const notes = h("ul", { class: "inb-notes" });
  const list = h("ul", { class: "inb-notes" });
  const title = h("summary");
  const details = h("details", { class: "inb-how" }, title, list);
  const box = h("input", { type: "checkbox", "data-key": "bos" });
  const bos = h("label", { class: "inb-switch" }, box, "with begin-of-text tokens");
  scope.listen(box, "change", () => events.bos(box.checked));
  return {
    node: div("inb-report-head", said.node, div("inb-measured-row", measured, bos), notes, details),
    update(data, sae, withBos) {
      const report = data.reports[sae];
      const sentences = adviceOf(report, data);
      const several = data.reports.length > 1;
      const calm = !report?.words.advice.length;
      said.update(calm ? "" : several ? `What to change about ${report?.words.name}` : "What to change", sentences);
      setAttrs(said.node, { "data-calm": calm || void 0 });
      measured.textContent = report ? `${report.words.measured}.` : "";
      if (several && report) measured.textContent = `${report.words.name}: ${measured.textContent}`;
      bos.hidden = !data.reports.some((one) => one.values.some(({ withBos: other }) => !Number.isNaN(other)));
      bos.title = data.meta.hints.bos ?? "";
      if (box.checked !== withBos) box.checked = withBos;
      const items = (texts) => texts.map((text) => h("li", {}, text));
      notes.hidden = data.meta.notes.length === 0;
      notes.replaceChildren(...items(data.meta.notes));
      const own = report?.words.notes ?? [];
      details.hidden = own.length === 0;
      title.textContent = `How it was measured: ${plural(own.length, "note")}`;
      list.replaceChildren(...items(own));
    }
  };
}

// src/sae_report/plane.ts
var MARGIN2 = { left: 52, right: 14, top: 22, bottom: 36 };
var SIZE2 = 10.5;
var round3 = (value) => Math.round(value * 10) / 10;
function placeOn({ width, height, x, y }) {
  const clamp = (share) => Math.max(0, Math.min(1, share));
  return {
    x: (value) => round3(MARGIN2.left + clamp(x.at(value)) * (width - MARGIN2.left - MARGIN2.right)),
    y: (value) => round3(height - MARGIN2.bottom - clamp(y.at(value)) * (height - MARGIN2.top - MARGIN2.bottom))
  };
}
var tickText = (value) => Math.abs(value) >= 1e3 ? count(value) : String(Number(value.toPrecision(4)));
function planeShapes(plane, names, ink) {
  const { width, height, x, y } = plane;
  const at = placeOn(plane);
  const foot = height - MARGIN2.bottom;
  const out = [];
  for (const tick of y.ticks) {
    out.push(line(`M${MARGIN2.left} ${at.y(tick)}H${width - MARGIN2.right}`, ink.line, 1, { opacity: 0.4 }));
    out.push(label(MARGIN2.left - 7, at.y(tick) + 3.6, tickText(tick), ink.muted, SIZE2, "end"));
  }
  let free = Number.NEGATIVE_INFINITY;
  for (const tick of x.ticks) {
    const words = tickText(tick);
    const half = words.length * 3.3;
    const middle = Math.min(at.x(tick), width - half);
    if (middle - half < free) continue;
    free = middle + half + 6;
    out.push(line(`M${at.x(tick)} ${foot}v4`, ink.muted), label(middle, foot + 15, words, ink.muted, SIZE2, "middle"));
  }
  out.push(line(`M${MARGIN2.left} ${foot}H${width - MARGIN2.right}`, ink.muted));
  out.push(label((MARGIN2.left + width - MARGIN2.right) / 2, height - 4, names.x, ink.soft, 11, "middle"));
  out.push(label(2, 11, names.y, ink.soft, 11));
  return out;
}
function haloed(shape, ink) {
  const halo = { "paint-order": "stroke", stroke: ink.background, "stroke-width": 3, "stroke-linejoin": "round" };
  return { ...shape, attrs: { ...shape.attrs, ...halo } };
}
function whisker(d, color, opacity = 0.8) {
  const { from, to } = d;
  const path2 = d.x === void 0 ? `M${from} ${d.y}H${to}M${from} ${(d.y ?? 0) - 3}v6M${to} ${(d.y ?? 0) - 3}v6` : `M${d.x} ${from}V${to}M${d.x - 3} ${from}h6M${d.x - 3} ${to}h6`;
  return line(path2, color, 1.2, { opacity });
}

// src/sae_report/pareto.ts
var known = (points) => points.filter(({ l0, score }) => l0 !== null && l0 > 0 && score !== null);
function planeOf({ data, width, height }) {
  const points = known(data.meta.pareto);
  const ends = (names) => points.flatMap((point) => names.map((name) => orNaN(point[name]))).filter(Number.isFinite);
  const xs = ends(["l0", "l0_low", "l0_high"]).filter((value) => value > 0);
  const ys = ends(["score", "score_low", "score_high"]);
  if (!xs.length || !ys.length) return { width, height, x: logAxis(1, 10), y: linearAxis(0, 1) };
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  const pad = (high - low) * 0.12 || 0.05;
  const [bottom, top] = nice(low - pad, high + pad, 4);
  return {
    width,
    height,
    x: logAxis(Math.min(...xs) / 1.35, Math.max(...xs) * 1.35, 5),
    y: linearAxis(bottom, top, 4)
  };
}
var scoreLabel = ({ meta }) => meta.metrics.find(({ name }) => name === meta.score)?.label ?? meta.score;
function paretoShapes(props) {
  const { data, sae, strokes, ink } = props;
  const plane = planeOf(props);
  const at = placeOn(plane);
  const points = known(data.meta.pareto);
  const out = planeShapes(plane, { x: "L0, latents per token", y: scoreLabel(data) }, ink);
  const front = points.filter(({ on_front }) => on_front).sort((a, b) => orNaN(a.l0) - orNaN(b.l0));
  if (front.length > 1) {
    const d = front.map((point) => `${at.x(orNaN(point.l0))} ${at.y(orNaN(point.score))}`).join("L");
    out.push(line(`M${d}`, ink.muted, 1.2));
  }
  const taken = [];
  for (const point of points) {
    const stroke2 = strokes[point.row];
    if (!stroke2) continue;
    const [x, y] = [at.x(orNaN(point.l0)), at.y(orNaN(point.score))];
    if (point.l0_low !== null && point.l0_high !== null)
      out.push(whisker({ y, from: at.x(point.l0_low), to: at.x(point.l0_high) }, stroke2.color));
    if (point.score_low !== null && point.score_high !== null)
      out.push(whisker({ x, from: at.y(point.score_high), to: at.y(point.score_low) }, stroke2.color));
    const chosen = point.row === sae;
    if (chosen)
      out.push({ tag: "circle", attrs: { cx: x, cy: y, r: 9, fill: "none", stroke: ink.accent, "stroke-width": 1.6 } });
    const look = point.on_front ? { fill: stroke2.color, stroke: ink.background } : { fill: ink.background, stroke: stroke2.color };
    out.push({
      tag: "path",
      attrs: { d: stroke2.mark, transform: `translate(${x} ${y}) scale(1.35)`, ...look, "stroke-width": 1 }
    });
    const name = cut(point.name, 28);
    const wide = name.length * 6;
    const left = x + 12 + wide > props.width;
    const start = left ? x - 12 - wide : x + 12;
    if (taken.some(([from, to, height]) => Math.abs(height - y) < 12 && start < to && start + wide > from)) continue;
    taken.push([start, start + wide, y]);
    out.push(
      haloed(
        label(
          round3(left ? x - 9 : x + 9),
          y - 7,
          name,
          chosen ? ink.text : ink.soft,
          11,
          left ? "end" : "start",
          chosen ? 600 : 400
        ),
        ink
      )
    );
  }
  return out;
}
function pointText(point, score) {
  const front = point.on_front ? "on the front" : point.dominated_by ? `beaten by ${point.dominated_by}` : "behind the front";
  return `${point.name}: L0 ${exact(orNaN(point.l0))}, ${score} ${exact(orNaN(point.score))} ${intervalText(orNaN(point.score_low), orNaN(point.score_high))}, ${front}`;
}
function paretoView(scope, tooltip, events) {
  const svg = svgRoot(10, 10, { role: "img" });
  const hint = h("p", { class: "inb-hint" });
  const frame = h("div", { class: "inb-plane", tabindex: 0, role: "group" }, svg);
  const node = div("inb-pareto", frame, hint);
  let props = null;
  const nearest = (event) => {
    if (!props) return null;
    const box = svg.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    const at = placeOn(planeOf(props));
    const far = (point) => Math.hypot(at.x(orNaN(point.l0)) - px, at.y(orNaN(point.score)) - py);
    const [best] = known(props.data.meta.pareto).sort((a, b) => far(a) - far(b));
    return best && far(best) < 26 ? best : null;
  };
  scope.listen(svg, "pointermove", (event) => {
    event.stopPropagation();
    const point = nearest(event);
    svg.style.cursor = point ? "pointer" : "";
    if (!point || !props) return tooltip.hide();
    const rows = [
      ["L0", `${exact(orNaN(point.l0))} ${intervalText(orNaN(point.l0_low), orNaN(point.l0_high), true)}`],
      [
        scoreLabel(props.data),
        `${exact(orNaN(point.score))} ${intervalText(orNaN(point.score_low), orNaN(point.score_high))}`
      ],
      [
        "front",
        point.on_front ? "no other SAE betters it in both" : point.dominated_by ? `surely beaten by ${point.dominated_by}` : "behind it, by less than chance tells"
      ]
    ];
    tooltip.show(event.clientX, event.clientY, [h("strong", {}, point.name), facts(rows)]);
  });
  scope.listen(svg, "pointerleave", () => tooltip.hide());
  scope.listen(svg, "click", (event) => {
    const point = nearest(event);
    if (point) events.choose(point.row);
  });
  scope.listen(frame, "keydown", (event) => {
    if (!props) return;
    const points = known(props.data.meta.pareto).sort((a, b) => orNaN(a.l0) - orNaN(b.l0));
    const at = points.findIndex(({ row }) => row === props?.sae);
    const steps = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: points.length - 1 };
    const to = steps[event.key];
    const point = to === void 0 ? void 0 : points[Math.max(0, Math.min(points.length - 1, to))];
    if (!point) return;
    event.preventDefault();
    events.choose(point.row);
    events.say(pointText(point, scoreLabel(props.data)));
  });
  return {
    node,
    update(next) {
      props = { ...next, ink: PAGE_INK };
      const { data } = next;
      sizeSvg(svg, next.width, next.height);
      svg.replaceChildren(...paretoShapes(props).map(toNode));
      frame.setAttribute(
        "aria-label",
        `L0 against ${scoreLabel(data)}: arrows choose an SAE. ${known(data.meta.pareto).map((point) => pointText(point, scoreLabel(data))).join("; ")}`
      );
      hint.textContent = data.meta.hints.pareto ?? "";
    },
    shapes(strokes, ink) {
      if (!props) return null;
      return { shapes: paretoShapes({ ...props, strokes, ink }), width: props.width, height: props.height };
    }
  };
}

// src/sae_report/law.ts
function curveAt({ curves }, law, row) {
  const { n: stops, k: ks } = law.stops;
  return stops.map((n, at) => {
    const from = (row * stops.length + at) * CURVE.length;
    const numbers = CURVE.map((_, column) => curves[from + column] ?? NAN);
    const [value = NAN, low = NAN, high = NAN, curve_low = NAN, curve_high = NAN] = numbers;
    return {
      n,
      k: ks[row] ?? null,
      value,
      low,
      high,
      curve_low,
      curve_high,
      extrapolates: outside(law, n, ks[row] ?? null)
    };
  });
}
var span2 = (values) => {
  const known2 = values.filter((value) => value !== null);
  return [Math.min(...known2), Math.max(...known2)];
};
function outside(law, n, k) {
  const said = (name, value, [low, high]) => {
    if (value >= low / 1.01 && value <= high * 1.01) return [];
    const times = Number((value > high ? value / high : low / value).toPrecision(3));
    return [`${name} is ${times} times ${value > high ? "above" : "below"} the SAEs fitted`];
  };
  return [...said("n", n, span2(law.n)), ...k === null ? [] : said("k", k, span2(law.k))].join("; ");
}
var nearestOf = (values, value) => {
  let best = 0;
  values.forEach((each, at) => {
    const far = (one) => Math.abs(Math.log((one ?? 1) / value));
    if (far(each) < far(values[best])) best = at;
  });
  return best;
};
function stopAt(law, n, k) {
  return [k === null ? 0 : nearestOf(law.stops.k, k), nearestOf(law.stops.n, n)];
}
function isStop(law, n, k) {
  const [row, at] = stopAt(law, n, k);
  const near = (a, b) => Math.abs(Math.log(a / b)) < 1e-3;
  return near(law.stops.n[at] ?? 0, n) && (k === null || near(law.stops.k[row] ?? 0, k));
}

// src/sae_report/scaling_plot.ts
function planeOf2(data, law, width, height) {
  const rows = law.stops.k.flatMap((_, row) => curveAt(data, law, row));
  const ys = [
    ...rows.flatMap(({ value, curve_low, curve_high }) => [value, curve_low, curve_high]),
    ...law.loss.map(orNaN)
  ].filter((y2) => y2 > 0 && Number.isFinite(y2));
  const [low, high] = ys.length ? [Math.min(...ys), Math.max(...ys)] : [0.1, 1];
  const y = high / low > 1.5 ? logAxis(low / 1.12, high * 1.12, 5) : linearAxis(low * 0.97, high * 1.03, 4);
  const xs = law.stops.n;
  return { width, height, x: logAxis((xs[0] ?? 1) / 1.12, (xs[xs.length - 1] ?? 10) * 1.12, 6), y };
}
function kColor(law, k, theme) {
  const colors = ramp("sequential", theme);
  const ks = law.stops.k;
  const [first, last] = [ks[0] ?? 1, ks[ks.length - 1] ?? 1];
  const share = k === null || last === first ? 0.7 : 0.42 + 0.5 * (Math.log(k / first) / Math.log(last / first));
  return colors[Math.round(Math.max(0, Math.min(1, share)) * (colors.length - 1))] ?? "#808080";
}
function scalingShapes({ data, theme, width, height }, said, ink) {
  const law = data.meta.scaling;
  if (!law) return [];
  const plane = planeOf2(data, law, width, height);
  const at = placeOn(plane);
  const out = planeShapes(plane, { x: "n, latents of the dictionary", y: law.loss_label }, ink);
  const names = [];
  const chosen = said ? stopAt(law, said.n, said.k)[0] : 0;
  const band = (rows, low, high) => {
    const up = rows.map((row) => `${at.x(row.n)} ${at.y(row[high])}`);
    const down = [...rows].reverse().map((row) => `${at.x(row.n)} ${at.y(row[low])}`);
    return `M${[...up, ...down].join("L")}Z`;
  };
  law.stops.k.forEach((k, row) => {
    const rows = curveAt(data, law, row);
    const color = kColor(law, k, theme);
    if (row === chosen) {
      out.push({ tag: "path", attrs: { d: band(rows, "low", "high"), fill: color, opacity: 0.1 } });
      out.push({ tag: "path", attrs: { d: band(rows, "curve_low", "curve_high"), fill: color, opacity: 0.22 } });
    }
    const most = Math.max(...law.n.map(orNaN)) * 1.01;
    const path2 = (part) => part.map((each) => `${at.x(each.n)} ${at.y(each.value)}`).join("L");
    const inside = rows.filter(({ n }) => n <= most);
    const beyond = rows.slice(Math.max(0, inside.length - 1));
    out.push(line(`M${path2(inside)}`, color, row === chosen ? 1.8 : 1.2));
    if (beyond.length > 1)
      out.push(line(`M${path2(beyond)}`, color, row === chosen ? 1.8 : 1.2, { "stroke-dasharray": "4 3" }));
    const [first] = rows;
    if (first && k !== null) {
      const name = `k = ${Number(k.toPrecision(3))}`;
      const strong = row === chosen;
      names.push(
        haloed(
          label(
            at.x(first.n) + 4,
            at.y(first.value) - 8,
            name,
            strong ? ink.text : ink.soft,
            10.5,
            "start",
            strong ? 600 : 400
          ),
          ink
        )
      );
    }
  });
  law.n.forEach((n, index) => {
    const [x, y] = [at.x(orNaN(n)), at.y(orNaN(law.loss[index]))];
    out.push({
      tag: "circle",
      attrs: {
        cx: x,
        cy: y,
        r: 3.6,
        fill: kColor(law, law.k[index] ?? null, theme),
        stroke: ink.background,
        "stroke-width": 1
      }
    });
  });
  out.push(...names);
  if (said) {
    const x = at.x(said.n);
    out.push(line(`M${x} ${plane.height - 36}V22`, ink.accent, 1, { "stroke-dasharray": "2 2" }));
    out.push(whisker({ x, from: at.y(said.high), to: at.y(said.low) }, ink.accent, 1));
    out.push({
      tag: "circle",
      attrs: { cx: x, cy: at.y(said.value), r: 4.5, fill: ink.background, stroke: ink.accent, "stroke-width": 2 }
    });
  }
  return out;
}

// src/sae_report/scaling.ts
var ASK_MS = 120;
function scalingView(scope, tooltip, bridge, events) {
  const svg = svgRoot(10, 10, { role: "img" });
  const slider = (name) => h("input", { type: "range", min: 0, step: 1, "aria-label": name, "data-axis": name });
  const typed = (name) => h("input", { type: "text", inputmode: "numeric", size: 8, "aria-label": `${name}, typed` });
  const [nSlider, kSlider, nText, kText] = [slider("n"), slider("k"), typed("n"), typed("k")];
  const kPart = h("label", { class: "inb-labelled" }, "k", kSlider, kText);
  const said = h("p", { class: "inb-predicted", role: "status" });
  const note = h("p", { class: "inb-hint" });
  const hint = h("p", { class: "inb-hint" });
  const table2 = div("inb-law");
  const form = div("inb-place", h("label", { class: "inb-labelled" }, "n", nSlider, nText), kPart);
  const node = div("inb-scaling", div("inb-plane", svg), form, said, note, hint, table2);
  const question = new Question(bridge);
  let props = null;
  let answer = null;
  let asked = "";
  let problem = "";
  const law = () => props?.data.meta.scaling ?? null;
  const draw = () => {
    if (!props) return;
    sizeSvg(svg, props.width, props.height);
    svg.replaceChildren(...scalingShapes(props, answer, PAGE_INK).map(toNode));
    const where = answer ? `n = ${count(answer.n)}${answer.k === null ? "" : `, k = ${exact(answer.k)}`}` : "";
    said.replaceChildren(
      ...answer ? [
        span("", `At ${where}: `),
        h("strong", {}, exact(answer.value)),
        ` ${intervalText(answer.low, answer.high)} for a new SAE, `,
        span("inb-mark", `${intervalText(answer.curve_low, answer.curve_high)} for the law itself`)
      ] : []
    );
    note.textContent = problem || !answer?.extrapolates ? problem : `This goes beyond what was fitted: ${answer.extrapolates}.`;
    note.hidden = !note.textContent;
    svg.setAttribute("aria-label", said.textContent ?? "");
  };
  const move = () => {
    const now = law();
    const n = now?.stops.n[Number(nSlider.value)];
    if (!now || n === void 0) return;
    events.place({ n, k: now.stops.k[Number(kSlider.value)] ?? null });
  };
  const type = () => {
    const read = (input) => Number(input.value.replace(/[,\s]/g, ""));
    const now = law();
    if (!now || !props) return;
    const next = { n: read(nText), k: now.law === "nk" ? read(kText) : null };
    const bad = (value) => value !== null && !(value > 0 && Number.isFinite(value));
    nText.setAttribute("aria-invalid", String(bad(next.n)));
    kText.setAttribute("aria-invalid", String(bad(next.k)));
    if (!bad(next.n) && !bad(next.k)) events.place(next);
  };
  for (const input of [nSlider, kSlider]) scope.listen(input, "input", move);
  for (const input of [nText, kText]) {
    scope.listen(input, "change", type);
    scope.listen(input, "keydown", (event) => {
      if (event.key === "Enter") type();
    });
  }
  scope.listen(svg, "pointermove", (event) => {
    event.stopPropagation();
    const now = law();
    if (!now || !props) return;
    const at = placeOn(planeOf2(props.data, now, props.width, props.height));
    const box = svg.getBoundingClientRect();
    const far = (index) => Math.hypot(
      at.x(orNaN(now.n[index])) - event.clientX + box.left,
      at.y(orNaN(now.loss[index])) - event.clientY + box.top
    );
    const [best] = now.names.map((_, index) => index).sort((a, b) => far(a) - far(b));
    if (best === void 0 || far(best) > 14) return tooltip.hide();
    tooltip.show(event.clientX, event.clientY, [
      h("strong", {}, now.names[best] ?? ""),
      facts([
        ["n", count(orNaN(now.n[best]))],
        ["k", exact(orNaN(now.k[best]))],
        [now.loss_label, exact(orNaN(now.loss[best]))]
      ])
    ]);
  });
  scope.listen(svg, "pointerleave", () => tooltip.hide());
  async function ask(place, key) {
    try {
      const reply = await question.ask("predict", { ...place }, ASK_MS);
      if (!reply || key !== asked) return;
      answer = reply.result;
      draw();
      events.say(said.textContent ?? "");
    } catch (error) {
      if (!(error instanceof RequestError) || key !== asked) throw error;
      problem = error.type === "NeedsKernel" ? "A saved page reads the law at the sliders' stops only; the nearest one is shown." : error.message;
      draw();
    }
  }
  const parameters = (now) => {
    const rows = now.parameters.map(
      ({ name, value, low, high, meaning }) => h(
        "tr",
        {},
        h("th", { scope: "row" }, name),
        h("td", {}, exact(orNaN(value))),
        h("td", { class: "inb-mark" }, intervalText(orNaN(low), orNaN(high))),
        h("td", { class: "inb-measure-says" }, meaning)
      )
    );
    return h("table", { class: "inb-plain" }, h("tbody", {}, ...rows));
  };
  return {
    node,
    update(next) {
      const fresh = props?.data !== next.data;
      props = next;
      const now = law();
      if (!now) return;
      if (fresh) {
        nSlider.max = String(now.stops.n.length - 1);
        kSlider.max = String(now.stops.k.length - 1);
        kPart.hidden = now.law === "n";
        hint.textContent = [next.data.meta.hints.scaling ?? "", ...now.notes].join(" ");
        table2.replaceChildren(
          h(
            "h5",
            {},
            now.law === "n" ? "L(n) = exp(α + βₙ ln n) + exp(ζ)" : "L(n, k) = exp(α + βₖ ln k + βₙ ln n + γ ln k ln n) + exp(ζ + η ln k)"
          ),
          div("inb-scroll", parameters(now))
        );
        asked = "";
      }
      const { n, k } = next.place;
      const [row, at] = stopAt(now, n, k);
      nSlider.value = String(at);
      kSlider.value = String(row);
      nSlider.setAttribute("aria-valuetext", `n = ${count(n)}`);
      kSlider.setAttribute("aria-valuetext", k === null ? "" : `k = ${exact(k)}`);
      if (document.activeElement !== nText) nText.value = exact(n);
      if (document.activeElement !== kText) kText.value = k === null ? "" : exact(k);
      const key = JSON.stringify([n, k]);
      if (key !== asked) {
        asked = key;
        problem = "";
        answer = curveAt(next.data, now, row)[at] ?? null;
        if (isStop(now, n, k)) question.stop();
        else events.work(() => ask(next.place, key));
      }
      draw();
    },
    shapes(ink) {
      if (!props || !law()) return null;
      return {
        shapes: scalingShapes({ ...props, theme: "light" }, answer, ink),
        width: props.width,
        height: props.height
      };
    },
    destroy: () => question.stop()
  };
}

// src/sae_report/view.ts
var OWN_TRAITS = ["tab", "with_bos", "sort", "query", "prediction"];
var GROUPS = ["overview", "reconstruction", "sparsity", "features", "causal", "truth"];
var CODE_MS = SYNC_DELAY_MS + 50;
var BESIDE2 = 1060;
var ASIDE = 380;
function mountReport({ model, bridge, sync, frame }) {
  const { scope, body, tooltip } = frame;
  const codeQuestion = new Question(bridge);
  let data;
  let dataKey = [];
  let viewCode = "";
  let width = 0;
  const work = guarded(frame.root, (task) => task());
  const say = (text) => frame.say(text);
  const selected = () => readSelected(model.get("selected"));
  const chosenSae = () => Math.max(0, Math.min((data?.reports.length ?? 1) - 1, selected().sae ?? 0));
  const select = (latent2, sae) => {
    sync.write("selected", { latent_idx: latent2, sae });
    draw();
  };
  const chooseSae = (sae) => {
    select(null, sae);
    say(`${data?.reports[sae]?.words.name ?? ""} chosen`);
  };
  const write = (name, value) => {
    sync.write(name, value);
    draw();
  };
  const [heading, note] = [h("h4"), h("p")];
  const code = codePanel(scope);
  const progress = progressBar(scope, (action) => bridge.request("control", { action }));
  const hint = span("inb-hint");
  const head = reportHead(scope, { bos: (withBos) => write("with_bos", withBos) });
  const panels = Object.fromEntries(
    GROUPS.map((name) => [name, groupPanel(scope, tooltip, name, { chooseSae, choose: select, say })])
  );
  const concepts2 = conceptsTable(scope, {
    choose: select,
    chooseSae,
    sort: (sort) => write("sort", sort),
    query: (query) => write("query", query)
  });
  panels.truth.node.append(concepts2.node);
  const pareto2 = paretoView(scope, tooltip, {
    choose: (sae) => select(selected().latent_idx !== null && sae === chosenSae() ? selected().latent_idx : null, sae),
    say
  });
  const scaling2 = scalingView(scope, tooltip, bridge, { place: (place) => write("prediction", place), say, work });
  const latent = contextsPanel(scope, bridge, { close: () => select(null, chosenSae()), say, work });
  const views = tabs(
    scope,
    {
      overview: { label: "Overview", node: panels.overview.node },
      reconstruction: { label: "Reconstruction", node: panels.reconstruction.node },
      sparsity: { label: "Sparsity", node: panels.sparsity.node },
      features: { label: "Features", node: panels.features.node },
      causal: { label: "Causal use", node: panels.causal.node },
      truth: { label: "Ground truth", node: panels.truth.node },
      tradeoff: { label: "Trade-off", node: pareto2.node },
      scaling: { label: "Scaling law", node: scaling2.node }
    },
    (name) => write("tab", name)
  );
  const files = fileButtons(scope, () => {
    const now = data;
    const tab = views.current();
    const metrics = tab in panels ? metricsOf(now, tab) : [];
    const state = {
      withBos: model.get("with_bos") === true,
      sort: String(model.get("sort")),
      query: String(model.get("query"))
    };
    return { data: now, tab, metrics, sae: chosenSae(), strokes: strokes("light"), plots: plots(tab), ...state };
  });
  body.append(
    div("inb-top", div("inb-title", heading, note), div("inb-toolbar", code.toggle, files)),
    code.panel,
    div("inb-run-bar", progress.node),
    hint,
    head.node,
    views.bar,
    div("inb-report-body", views.body, latent.node)
  );
  showTips(scope, frame.root, tooltip);
  const strokes = (theme) => {
    const total = data?.reports.length ?? 0;
    return Array.from({ length: total }, (_, index) => stroke(index, total, theme));
  };
  function plots(tab) {
    const lines2 = strokes("light");
    if (tab === "tradeoff" || tab === "scaling") {
      const plot2 = tab === "tradeoff" ? pareto2.shapes(lines2, FILE_INK) : scaling2.shapes(FILE_INK);
      return plot2 ? [{ title: "", ...plot2 }] : [];
    }
    return panels[tab].plots(lines2, FILE_INK);
  }
  const askCode = () => {
    if (code.panel.hidden) return;
    work(async () => {
      const reply = await codeQuestion.ask("code", {}, CODE_MS).catch(() => null);
      if (reply) viewCode = reply.result.code;
      code.update(viewCode || (data?.meta.code ?? ""));
    });
  };
  scope.listen(code.toggle, "click", askCode);
  function read() {
    const meta = model.get("_meta");
    const bytes = model.get("_data");
    if (!data || meta !== dataKey[0] || bytes !== dataKey[1]) {
      data = readReports(meta, bytes);
      dataKey = [meta, bytes];
    }
    return data;
  }
  function offered({ meta }) {
    const groups = meta.groups.map(({ name }) => name);
    return [
      ...meta.reports.length ? ["overview"] : [],
      ...groups,
      ...meta.pareto.length > 1 ? ["tradeoff"] : [],
      ...meta.scaling ? ["scaling"] : []
    ];
  }
  function update() {
    const now = read();
    const { meta } = now;
    const kernel = model.get("kernel") !== false;
    heading.textContent = meta.labels.heading ?? "";
    note.textContent = meta.labels.note ?? "";
    const pending = [...new Set(meta.reports.flatMap((report) => report.pending))];
    const coming = meta.groups.filter(({ name }) => pending.includes(name)).map(({ label: label2 }) => label2.toLowerCase());
    progress.update(model.get("state"), Number(model.get("progress") ?? 0), kernel, {
      verb: "measuring",
      detail: coming.length ? `still to come: ${coming.join(", ")}` : ""
    });
    hint.textContent = kernel ? "" : "Saved page: looking around works, measuring needs a running kernel.";
    hint.hidden = kernel;
    code.update(viewCode || meta.code);
    const tabsNow = offered(now);
    views.offer(tabsNow);
    const asked = String(model.get("tab"));
    if (tabsNow.includes(asked)) views.open(asked);
    views.bar.hidden = tabsNow.length < 2;
    draw();
  }
  function draw() {
    if (!data) return;
    const { latent_idx } = selected();
    const sae = chosenSae();
    const withBos = model.get("with_bos") === true;
    const lines2 = strokes(frame.theme);
    width = body.clientWidth || width;
    const whole = Math.max(240, (width || 760) - 2);
    const shown2 = latent_idx !== null && data.reports.length > 0;
    const beside = shown2 && whole >= BESIDE2;
    body.classList.toggle("inb-beside", beside);
    const room = beside ? whole - ASIDE - 28 : whole;
    head.update(data, sae, withBos);
    const tab = views.current();
    const common = { data, sae, strokes: lines2, width: room };
    const theme = frame.theme;
    if (tab === "tradeoff")
      pareto2.update({
        ...common,
        width: Math.min(room, 860),
        height: Math.round(Math.max(260, Math.min(420, room * 0.5)))
      });
    else if (tab === "scaling") {
      const given = model.get("prediction");
      const stops = data.meta.scaling?.stops;
      const place = { n: given?.n ?? stops?.n.at(-1) ?? 1, k: given?.k ?? stops?.k.at(-1) ?? null };
      scaling2.update({
        data,
        place,
        theme,
        width: Math.min(room, 860),
        height: Math.round(Math.max(260, Math.min(400, room * 0.5)))
      });
    } else panels[tab].update({ ...common, withBos, latent: latent_idx });
    if (tab === "truth") {
      const [sort, query] = [String(model.get("sort") ?? "-f1"), String(model.get("query") ?? "")];
      concepts2.update({ ...common, sort, query, latent: latent_idx });
    }
    latent.update(data, sae, latent_idx, theme, model.get("kernel") !== false);
    askCode();
  }
  const sizes = typeof ResizeObserver === "function" ? new ResizeObserver(guarded(body, () => resized())) : null;
  const resized = () => {
    if (body.clientWidth !== width) draw();
  };
  sizes?.observe(body);
  const onTrait = guarded(frame.root, () => data && update());
  for (const name of OWN_TRAITS) model.on(`change:${name}`, onTrait);
  return {
    update,
    destroy() {
      for (const name of OWN_TRAITS) model.off(`change:${name}`, onTrait);
      sizes?.disconnect();
      latent.destroy();
      scaling2.destroy();
      codeQuestion.stop();
    }
  };
}

// src/sae_report/widget.ts
var widget_default = defineWidget("sae_report", advice_default + parts_default + tabs_default + style_default, mountReport);
export {
  widget_default as default
};
