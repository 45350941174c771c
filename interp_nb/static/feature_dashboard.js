/* generated from widgets/, sha256 1b6498eecd4c8ed326eb5ec0df92aaa37c73b438c424abbfc67ce345a6956588, interp_nb 0.1.0 */
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
    const share2 = (model) => {
      latest = { bridge: new Bridge(model), sync: new Sync(model) };
      byModel.set(model, latest);
      return latest;
    };
    return {
      initialize({ model }) {
        const shared = share2(model);
        return () => shared.bridge.close();
      },
      render({ model, el }) {
        const shared = byModel.get(model) ?? latest ?? share2(model);
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

// src/feature_dashboard/style.css
var style_default = ".inb-feature_dashboard p{margin:0}.inb-feature_dashboard .inb-stale{opacity:.5;transition:opacity .15s .1s}.inb-bad-text{color:var(--inb-bad)}.inb-feature_dashboard .inb-body>.inb-hint{display:block;margin:-4px 0 10px}.inb-split{display:grid;grid-template-columns:minmax(0,1fr);gap:18px}.inb-list{position:relative;max-height:var(--inb-list-height, 230px);overflow-y:auto;overscroll-behavior:contain;scrollbar-width:thin;border-top:1px solid var(--inb-hair);border-bottom:1px solid var(--inb-hair)}.inb-main{min-width:0}@container (min-width: 700px){.inb-split{grid-template-columns:clamp(250px,27cqw,350px) minmax(0,1fr);gap:26px;align-items:start}.inb-browse{--inb-list-height: 600px;position:sticky;top:0}}.inb-browse{container-type:inline-size}@container (max-width: 300px){.inb-word{display:none}}.inb-list-bar{display:flex;flex-direction:column;gap:6px;margin-bottom:6px}.inb-search-row,.inb-filter-row{display:flex;flex-wrap:wrap;align-items:center;gap:5px 8px}.inb-root .inb-search{flex:1 1 110px;min-width:0;height:28px;padding:0 8px}.inb-root .inb-search-by{flex:0 1 126px;min-width:0;height:28px}.inb-filter-row:not(:has(.inb-density-limits)){flex-wrap:nowrap}.inb-filter-row label:has(select){flex:1 1 0}.inb-filter-row label{display:inline-flex;align-items:center;gap:5px;font-size:12px;color:var(--inb-muted);min-width:0}.inb-filter-row select{flex:1 1 0;min-width:0}.inb-root .inb-turn{flex:none;width:26px;padding:0;margin-left:-4px}.inb-root .inb-density-limits input{width:56px;height:24px;padding:0 5px}.inb-root .inb-boxed{align-self:flex-start;height:22px;font-size:11px}.inb-list-head{display:flex;align-items:baseline;gap:8px;padding:0 17px 2px 9px;font-size:11px;color:var(--inb-muted);white-space:nowrap}.inb-list-head .inb-row-value{color:inherit}.inb-list-said{margin-left:auto}.inb-list-sheet{position:relative}.inb-row{position:absolute;inset:0 0 auto;height:27px;padding:0 8px 0 6px;display:flex;align-items:center;gap:8px;font-size:12px;cursor:pointer;border-left:3px solid transparent}.inb-row:hover{background:var(--inb-surface)}.inb-row[aria-selected=true],.inb-heat-row[aria-selected=true] .inb-heat-name{background:var(--inb-surface);border-left-color:var(--inb-accent);color:var(--inb-text)}.inb-row[aria-selected=true] .inb-row-text:not(.inb-mark){font-weight:600}.inb-row.inb-dim{opacity:.6}.inb-row-index{flex:none;min-width:4.6ch;text-align:right;color:var(--inb-muted);font-size:11px}.inb-row-text{flex:1 1 0;min-width:0;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;unicode-bidi:isolate}.inb-row-badge{flex:none;font-size:11px;color:var(--inb-accent)}.inb-row-track{flex:none;width:44px;height:5px;border-radius:2px;background:var(--inb-hair);overflow:hidden}.inb-row-bar{display:block;height:100%;border-radius:2px;background:var(--inb-positive)}.inb-row-value{flex:none;min-width:5.4ch;text-align:right;color:var(--inb-soft)}.inb-about{margin-bottom:12px}.inb-about-row{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px 14px;margin-bottom:8px}.inb-root .inb-latent-name{margin:0;font-size:17px;letter-spacing:-.01em;white-space:nowrap}.inb-about-row>.inb-button{align-self:center}.inb-flag{margin-left:8px;padding:1px 7px;border-radius:9px;font-size:11px;font-weight:400;letter-spacing:0;vertical-align:2px;color:var(--inb-text);background:var(--inb-surface)}.inb-label{flex:1 1 220px;min-width:0}.inb-label-line{display:flex;flex-wrap:wrap;align-items:baseline;gap:1px 10px}.inb-label-text{font-size:15px;color:var(--inb-text);overflow-wrap:anywhere;unicode-bidi:isolate}.inb-label-text.inb-mark{color:var(--inb-muted)}.inb-label-form{display:flex;flex-wrap:wrap;gap:6px}.inb-root .inb-label-form input{height:28px;padding:0 8px;flex:0 1 120px;min-width:0}.inb-root .inb-label-form input:first-child{flex:1 1 200px}.inb-label-form .inb-button{height:28px}.inb-label-form .inb-field-error{flex-basis:100%}.inb-field-error{color:var(--inb-bad);font-size:12px;white-space:pre-wrap;overflow-wrap:anywhere}.inb-label-older{margin-top:2px;font-size:11px;color:var(--inb-muted)}.inb-label-older summary{cursor:pointer}.inb-label-older li{display:block;padding:1px 0;overflow-wrap:anywhere;color:var(--inb-soft)}.inb-root .inb-stats{display:flex;flex-wrap:wrap;gap:6px 26px;margin:0}.inb-root .inb-stats>div{display:flex;flex-direction:column;width:auto}.inb-root .inb-stats :is(dt,dd){display:block;width:auto;margin:0;padding:0;font-weight:400}.inb-root .inb-stats dt{font-size:11px;color:var(--inb-muted)}.inb-root .inb-stats dd{font-size:14px;color:var(--inb-text)}.inb-tab-body,.inb-latent-box,.inb-compared{container-type:inline-size;min-width:0}.inb-latent{display:grid;grid-template-columns:minmax(0,1fr);gap:20px}.inb-aside{display:flex;flex-direction:column;gap:18px;min-width:0}@container (min-width: 760px){.inb-latent{grid-template-columns:minmax(0,1fr) clamp(280px,38%,440px);gap:34px}}@container (min-width: 420px) and (max-width: 759px){.inb-aside{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);align-items:start}.inb-aside>:is(.inb-activations,.inb-logits){grid-column:1 / -1}}.inb-part{min-width:0}.inb-part svg{display:block;max-width:100%;overflow:visible}.inb-band{margin-bottom:12px}.inb-band h6{display:flex;align-items:baseline;gap:8px}.inb-examples li{display:flex;gap:10px;padding:3px 0;border-top:1px solid var(--inb-hair);font-size:13px;line-height:20px}.inb-example-value{flex:none;width:46px;text-align:right;font-size:12px;color:var(--inb-muted)}.inb-tip-text{margin-top:5px;padding-top:5px;border-top:1px solid var(--inb-hair);color:var(--inb-soft);overflow-wrap:anywhere}.inb-tip-text mark{background:none;color:var(--inb-text);font-weight:600;text-decoration:underline;text-decoration-color:var(--inb-accent);text-underline-offset:3px}.inb-pair{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:14px}.inb-bar{position:relative;display:flex;justify-content:space-between;gap:6px;height:20px;margin:0 0 2px;font-size:12px;line-height:20px;color:var(--inb-text)}.inb-bar-track{position:relative;flex:1 1 0;min-width:0;padding:0 5px;display:flex}.inb-bar-fill{position:absolute;border-radius:2px;inset:0 auto 0 0;background:var(--inb-line);opacity:.5}.inb-bar[data-side=up] .inb-bar-fill{background:var(--inb-positive);opacity:.32}.inb-bar[data-side=down] .inb-bar-fill{background:var(--inb-negative);opacity:.32}.inb-bar-label{position:relative;min-width:0;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}.inb-bar-label .inb-token{white-space:pre}.inb-bar-value{min-width:4.6ch;text-align:right;color:var(--inb-soft);white-space:nowrap}.inb-jumps{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px}.inb-root .inb-jump{display:inline-flex;align-items:baseline;gap:6px;max-width:100%;padding:1px 7px;border-color:var(--inb-hair);border-radius:10px}.inb-jump-index{font-size:11px;color:var(--inb-muted)}.inb-jump-name{min-width:0;max-width:190px;overflow:hidden;text-overflow:ellipsis;unicode-bidi:isolate}.inb-jump .inb-mark{font-size:11px}.inb-prompt{margin-bottom:12px}.inb-prompt-row{display:flex;flex-wrap:wrap;gap:8px;align-items:flex-start}.inb-root .inb-prompt textarea{flex:1 1 260px;min-width:0;min-height:34px;max-height:160px;padding:6px 9px;font-size:14px;line-height:20px;resize:vertical;field-sizing:content}.inb-prompt .inb-button{height:34px}.inb-text-panel .inb-labelled{flex-wrap:wrap}.inb-root .inb-labelled input[type=text]{height:26px;padding:0 6px}.inb-strip-text{margin-bottom:14px;padding:1px;max-height:220px;overflow:auto;font-size:15px;line-height:1.8;color:var(--inb-text)}.inb-strip-text .inb-run-token{padding:3px 0;cursor:pointer}.inb-strip-text .inb-run-token:hover{box-shadow:0 0 0 1.5px var(--inb-muted)}.inb-strip-text .inb-run-token.inb-at{font-weight:inherit;box-shadow:0 0 0 2px var(--inb-accent)}.inb-text-panel>.inb-hint:not(:empty){margin:-6px 0 12px}.inb-heat-scroll{overflow:auto;max-height:620px;scrollbar-width:thin}.inb-heat-head,.inb-heat-row{display:flex;width:max-content;min-width:100%}.inb-heat-head{align-items:flex-end;margin-bottom:3px;font-size:11px;color:var(--inb-muted)}.inb-heat-token{color:var(--inb-soft)}.inb-heat-name{position:sticky;left:0;z-index:1;flex:none;display:flex;align-items:center;gap:8px;width:318px;padding-right:8px;border-left:3px solid transparent;background:var(--inb-background)}.inb-heat-row{height:22px;align-items:center;font-size:12px;cursor:pointer}.inb-heat-row:hover .inb-heat-name{background:var(--inb-surface)}.inb-heat-name .inb-row-text{line-height:22px}.inb-heat-count{flex:none;min-width:3ch;text-align:right;color:var(--inb-muted)}.inb-heat-bar{flex:none;width:76px;height:18px;margin:0;line-height:18px}.inb-heat-bar .inb-bar-label{overflow:visible}.inb-heat-row canvas{display:block;flex:none}.inb-heat-token{flex:none;writing-mode:vertical-rl;transform:rotate(180deg);max-height:84px;overflow:hidden;font-size:11px;line-height:1;display:flex;align-items:center;justify-content:flex-start;cursor:pointer;white-space:nowrap}.inb-heat-token .inb-token{white-space:pre;overflow-wrap:normal}.inb-thin .inb-token{display:none}.inb-heat-token:hover,.inb-heat-token.inb-at{color:var(--inb-text);font-weight:600}.inb-heat-token.inb-at{border-left:2px solid var(--inb-accent)}@container (max-width: 559px){.inb-heat-name{width:178px;gap:5px}.inb-heat-bar{width:46px}}.inb-effect-panel .inb-toolbar{min-height:28px}.inb-strength{min-width:8ch;color:var(--inb-text)}.inb-effect-result{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));gap:14px 34px;margin-top:10px}.inb-continuation{margin-bottom:10px}.inb-continuation p{padding:6px 9px;border-radius:4px;background:var(--inb-surface);color:var(--inb-text);overflow-wrap:anywhere}.inb-alike{display:flex;flex-wrap:wrap;align-items:center;gap:8px 30px;margin-bottom:12px}.inb-sides{display:grid;grid-template-columns:minmax(0,1fr);gap:24px}@container (min-width: 560px){.inb-sides{grid-template-columns:minmax(0,1fr) minmax(0,1fr)}}.inb-side-head{margin-bottom:14px}.inb-side-head h5{font-size:14px}.inb-compared .inb-aside{order:-1}.inb-map{display:block;border:1px solid var(--inb-hair);border-radius:4px;cursor:crosshair;touch-action:none}";

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
  var group2 = locale2.grouping === void 0 || locale2.thousands === void 0 ? identity : formatGroup(map.call(locale2.grouping, Number), locale2.thousands + ""), currencyPrefix = locale2.currency === void 0 ? "" : locale2.currency[0] + "", currencySuffix = locale2.currency === void 0 ? "" : locale2.currency[1] + "", decimal = locale2.decimal === void 0 ? "." : locale2.decimal + "", numerals = locale2.numerals === void 0 ? identity : formatNumerals(map.call(locale2.numerals, String)), percent2 = locale2.percent === void 0 ? "%" : locale2.percent + "", minus = locale2.minus === void 0 ? "−" : locale2.minus + "", nan = locale2.nan === void 0 ? "NaN" : locale2.nan + "";
  function newFormat(specifier, options) {
    specifier = formatSpecifier(specifier);
    var fill = specifier.fill, align = specifier.align, sign = specifier.sign, symbol = specifier.symbol, zero = specifier.zero, width = specifier.width, comma = specifier.comma, precision = specifier.precision, trim = specifier.trim, type = specifier.type;
    if (type === "n") comma = true, type = "g";
    else if (!formatTypes[type]) precision === void 0 && (precision = 12), trim = true, type = "g";
    if (zero || fill === "0" && align === "=") zero = true, fill = "0", align = "=";
    var prefix = (options && options.prefix !== void 0 ? options.prefix : "") + (symbol === "$" ? currencyPrefix : symbol === "#" && /[boxX]/.test(type) ? "0" + type.toLowerCase() : ""), suffix = (symbol === "$" ? currencySuffix : /[%p]/.test(type) ? percent2 : "") + (options && options.suffix !== void 0 ? options.suffix : "");
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
function signed4(value) {
  return special(value) ?? (value === 0 ? plain(0) : signed(value));
}
function signed2(value) {
  return special(value) ?? hundredths(value);
}
function short(value) {
  return special(value) ?? format(".3~g")(value);
}
function percent(value) {
  const hundred = value * 100;
  if (hundred > 0 && hundred < 0.1) return "< 0.1 %";
  return `${hundred >= 9.95 ? hundred.toFixed(0) : hundred.toFixed(1)} %`;
}
function count(value) {
  if (value < 1e3) return String(Math.round(value));
  return si(value).replace(/([A-Zµ-ž])$/i, (unit) => SPACE + (unit === "G" ? "B" : unit));
}
function densityText(share2) {
  return `${Number((100 * share2).toPrecision(2))}${SPACE}%`;
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
  const share2 = `${Math.floor(100 * Math.min(1, Math.max(0, progress)))} %`;
  if (state === "running") return `${verb} ${share2}`;
  if (state === "paused") return `paused at ${share2}`;
  if (state === "pending") return "waiting";
  const word = AFTERWARDS[state];
  return word ? `${word} at ${share2}, partial result` : null;
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
      const share2 = Math.round(100 * Math.min(1, Math.max(0, progress)));
      bar.style.width = `${share2}%`;
      track.setAttribute("aria-valuenow", String(share2));
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

// src/shared/tabs.ts
function tabs(scope, panels, changed) {
  const all = Object.keys(panels);
  let names = all;
  const buttons = all.map(
    (name) => h("button", { type: "button", class: "inb-tab", role: "tab", "data-tab": name }, panels[name].label)
  );
  const bar = h("div", { class: "inb-tabs", role: "tablist", "aria-label": "views" }, ...buttons);
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
  scope.listen(bar, "keydown", (event) => {
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
  return { bar, body, current: () => current, open, offer };
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
    const shown = inner ? null : mark(char);
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
  const count2 = [...token].length;
  if (count2 > max) node.append(span("inb-mark", ` (${count2.toLocaleString("en")} characters)`));
  return node;
}

// src/feature_dashboard/bars.ts
function barList(bars, attrs = {}) {
  const items = bars.map(({ name, share: share2, value, side, tip: build }) => {
    const fill = span("inb-bar-fill");
    fill.style.width = `${100 * Math.max(0, Math.min(1, share2))}%`;
    const node = h(
      "li",
      { class: "inb-bar", "data-side": side },
      span("inb-bar-track", fill, span("inb-bar-label", name)),
      span("inb-bar-value", value)
    );
    return build ? tip(node, build) : node;
  });
  return h("ol", { class: "inb-bars", ...attrs }, ...items);
}
function titled(text, hint, ...more) {
  return h("h5", { title: hint || void 0 }, text, ...more);
}
function section(name, title, ...children) {
  return h("section", { class: `inb-part inb-${name}`, "aria-label": title.textContent ?? name }, title, ...children);
}

// src/shared/axis.ts
function logAxis(low, high, count2 = 4) {
  const from = Math.log10(low);
  const span2 = Math.log10(high) - from || 1;
  return {
    low,
    high,
    log: true,
    at: (value) => (Math.log10(value) - from) / span2,
    value: (share2) => 10 ** (from + share2 * span2),
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

// src/feature_dashboard/histogram.ts
var MARGIN = { left: 34, right: 8, top: 14, bottom: 19 };
var SIZE = 10.5;
function histogramPlace({ counts, edges, width, height }) {
  const filled = counts.flatMap((n, bin) => n > 0 ? [bin] : []);
  if (!filled.length) return null;
  const from = Math.max(0, (filled[0] ?? 0) - 1);
  const to = Math.min(counts.length, (filled.at(-1) ?? 0) + 2);
  const low = edges[from] ?? 1;
  const second = edges[from + 1] ?? low * 2;
  const start = low > 0 ? low : second / ((edges[from + 2] ?? second * 2) / second);
  return {
    axis: logAxis(start, edges[to] ?? start * 10, Math.max(2, Math.floor(width / 60))),
    left: MARGIN.left,
    right: width - MARGIN.right,
    top: MARGIN.top,
    bottom: height - MARGIN.bottom,
    from,
    to,
    most: Math.max(...counts)
  };
}
function bandEdges(counts, edges, n) {
  const total = counts.reduce((sum, each) => sum + each, 0);
  const out = [];
  let below = 0;
  counts.forEach((each, bin) => {
    const [low, high] = [edges[bin] ?? 0, edges[bin + 1] ?? 0];
    while (each && out.length < n - 1 && (out.length + 1) * total / n <= below + each) {
      const share2 = ((out.length + 1) * total / n - below) / each;
      out.push(low > 0 ? low * (high / low) ** share2 : high * share2);
    }
    below += each;
  });
  return out;
}
var round = (value) => Math.round(value * 10) / 10;
function binX(at, edge) {
  const share2 = edge > 0 ? at.axis.at(edge) : 0;
  return at.left + Math.max(0, Math.min(1, share2)) * (at.right - at.left);
}
function histogramShapes(props) {
  const at = histogramPlace(props);
  if (!at) return [];
  const { counts, edges, ink, n_bands: bands } = props;
  const out = [];
  const stops = [at.left, ...bandEdges(counts, edges, bands).map((edge) => round(binX(at, edge))), at.right];
  stops.slice(1).forEach((end, band) => {
    const start = stops[band] ?? end;
    if (band % 2)
      out.push(rect({ x: start, y: at.top, width: round(end - start), height: at.bottom - at.top }, ink.surface));
    if (bands > 1 && end - start > 11) {
      out.push(label(round((start + end) / 2), at.top - 4, String(band + 1), ink.muted, 9.5, "middle"));
    }
  });
  for (const share2 of [1, 0.5]) {
    const y = round(at.bottom - share2 * (at.bottom - at.top - 4));
    out.push(line(`M${at.left} ${y}H${at.right}`, ink.line, 1, { opacity: 0.45 }));
    out.push(label(at.left - 5, y + 3.6, count(share2 * at.most), ink.muted, SIZE, "end"));
  }
  for (let bin = at.from; bin < at.to; bin++) {
    const n = counts[bin] ?? 0;
    if (!n) continue;
    const [x, end] = [binX(at, edges[bin] ?? 0), binX(at, edges[bin + 1] ?? 0)];
    const tall = Math.max(1, n / at.most * (at.bottom - at.top - 4));
    const box = {
      x: round(x + 0.5),
      y: round(at.bottom - tall),
      width: round(Math.max(1, end - x - 1)),
      height: round(tall)
    };
    out.push({ tag: "rect", attrs: { ...box, fill: props.fill, opacity: props.bin === bin ? 1 : 0.8 } });
  }
  let free = Number.NEGATIVE_INFINITY;
  for (const tick of at.axis.ticks) {
    const x = binX(at, tick);
    const words = short(tick);
    const half = words.length * SIZE * 0.3;
    if (x - half < free) continue;
    free = x + half + 6;
    out.push(line(`M${round(x)} ${at.bottom}v3`, ink.muted));
    out.push(
      label(round(Math.min(x, at.right + MARGIN.right - half)), at.bottom + 14, words, ink.muted, SIZE, "middle")
    );
  }
  out.push(line(`M${at.left} ${at.bottom}H${at.right}`, ink.muted));
  return out;
}
function binAt(props, x) {
  const at = histogramPlace(props);
  if (!at) return null;
  for (let bin = at.from; bin < at.to; bin++) {
    if (x >= binX(at, props.edges[bin] ?? 0) && x < binX(at, props.edges[bin + 1] ?? 0)) return bin;
  }
  return null;
}

// src/feature_dashboard/card.ts
var number = (value) => typeof value === "number" ? value : Number.NaN;
function known(value, text = sig4) {
  return typeof value === "number" ? text(value) : "–";
}
function statsList(rows) {
  const nodes = rows.map(([name, value, hint]) => h("div", { title: hint }, h("dt", {}, name), h("dd", {}, value)));
  return h("dl", { class: "inb-stats" }, ...nodes);
}
function statsRow({ facts: all }, more = []) {
  return statsList([
    ["density", known(all.density, densityText), "share of tokens on which it fires"],
    ["firings", known(all.count, count), "tokens on which it fires"],
    ["max", known(all.max), "largest activation"],
    ["mean", known(all.mean), "mean activation where it fires"],
    ...more
  ]);
}
function histogramPart(detail, store, fill, width, hint) {
  const svg = svgRoot(width, 112, { role: "img", "aria-label": "histogram of activations" });
  const props = {
    width,
    height: 112,
    counts: detail.histogram,
    edges: store.edges,
    n_bands: store.n_bands,
    fill,
    ink: PAGE_INK,
    bin: null
  };
  svg.append(...histogramShapes(props).map(toNode));
  tip(svg, (x) => {
    const bin = binAt(props, x);
    if (bin === null) return [];
    const [low, high] = [store.edges[bin] ?? 0, store.edges[bin + 1] ?? 0];
    return [div("", `${short(low)} to ${short(high)}: ${(detail.histogram[bin] ?? 0).toLocaleString("en")} firings`)];
  });
  const empty = !detail.histogram.some((n) => n > 0);
  return section(
    "activations",
    titled("Activations", hint),
    empty ? h("p", { class: "inb-hint" }, "It never fired.") : svg
  );
}
function logitBars(detail, side, most2) {
  return detail[`logits_${side}`].map(([token, value]) => ({
    name: tokenNode(detail.strings[token] ?? "", 40),
    share: Math.abs(value ?? 0) / most2,
    value: known(value, signed2),
    side,
    tip: () => [
      facts([
        ["token", tokenNode(detail.strings[token] ?? "", 120)],
        ["logit", `${known(value, signed4)} per unit of activation`]
      ])
    ]
  }));
}
function logitsPart(detail, hint) {
  const all = [...detail.logits_up, ...detail.logits_down];
  if (!all.length) return null;
  const most2 = Math.max(1e-12, ...all.map(([, value]) => Math.abs(value ?? 0)));
  const side = (name, which) => div("", h("h6", {}, name), barList(logitBars(detail, which, most2), { "aria-label": `${name} by this latent` }));
  return section(
    "logits",
    titled("Next tokens", hint),
    div("inb-pair", side("made likelier", "up"), side("made less likely", "down"))
  );
}
function tokensPart(detail, hint) {
  if (!detail.top_tokens.length) return null;
  const weight = ({ count: n, mean }) => n * (mean ?? 0);
  const most2 = Math.max(1e-12, ...detail.top_tokens.map(weight));
  const bars = detail.top_tokens.slice(0, 12).map((each) => {
    const { token, count: n, mean, share: share2 } = each;
    const name = () => tokenNode(detail.strings[token] ?? "", 40);
    return {
      name: name(),
      share: weight(each) / most2,
      value: share2 === null ? count(n) : `${count(n)} · ${densityText(share2)}`,
      tip: () => [
        facts([
          ["token", name()],
          ["firings", n.toLocaleString("en")],
          ["mean activation", known(mean)],
          ["of its occurrences", known(share2, densityText)]
        ])
      ]
    };
  });
  return section("tokens", titled("Tokens it fires on", hint), barList(bars));
}
function jumpText(latent, label2, words) {
  const text = label2 ? visible(label2) : words;
  const name = span(label2 ? "inb-jump-name" : "inb-jump-name inb-mark", text);
  return text ? [span("inb-jump-index", String(latent)), name] : [span("inb-jump-index", String(latent))];
}
function chipsPart(name, title, hint, links, text, has) {
  if (!links.length) return null;
  const chips = links.map(({ latent_idx: latent, value, label: label2, words }) => {
    const attrs = { class: "inb-jump", "data-latent": latent, disabled: !has(latent) };
    const node = button("", { ...attrs, title: `latent ${latent} ${label2 || words}` });
    node.append(...jumpText(latent, label2, words), span("inb-mark", known(value, text)));
    return node;
  });
  return section(name, titled(title, hint), div("inb-jumps", ...chips));
}
function weightBars({ edges, counts }) {
  const most2 = Math.max(0, ...counts);
  if (!most2) return null;
  const [width, height] = [150, 26];
  const wide = width / counts.length;
  const label2 = `decoder weights from ${short(edges[0] ?? 0)} to ${short(edges.at(-1) ?? 0)}`;
  const svg = svgRoot(width, height, { role: "img", "aria-label": label2 });
  counts.forEach((n, i) => {
    const tall = n / most2 * height;
    if (n)
      svg.append(
        toNode(rect({ x: i * wide, y: height - tall, width: Math.max(0.5, wide - 0.5), height: tall }, PAGE_INK.muted))
      );
  });
  return svg;
}
function headsPart({ heads }, hint) {
  if (!heads.length) return null;
  const most2 = Math.max(1e-12, ...heads.map((share2) => share2 ?? 0));
  const bars = heads.map(
    (share2, head) => ({
      name: span("", `head ${head}`),
      share: (share2 ?? 0) / most2,
      value: known(share2, percent)
    })
  );
  return section("heads", titled("Heads it writes to", hint), barList(bars));
}
function geometryPart(detail, hint) {
  const { facts: all, decoder } = detail;
  const bars = weightBars(decoder);
  return section(
    "geometry",
    titled("Directions", hint),
    facts([
      ["decoder norm", known(all.decoder_norm)],
      ["encoder norm", known(all.encoder_norm)],
      ["encoder · decoder", known(all.encoder_decoder_cosine)],
      ["encoder bias", known(all.bias)],
      ...bars ? [["decoder weights", bars]] : []
    ])
  );
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

// src/feature_dashboard/data.ts
var SEARCHES = ["any", "label", "token", "text"];
var FLAG = { dead: 1, dense: 2, labelled: 4, human: 8, reliable: 16 };
var RANKS = { label: "label_rank", concept: "concept_rank" };
function readColumns(arrays, bytes, n) {
  const numbers = {};
  for (const [name, { shape }] of Object.entries(arrays)) {
    if (shape[0] !== n) throw new RangeError(`column "${name}" has ${shape[0]} rows, expected ${n}`);
    numbers[name] = readArray(arrays, bytes, name, 1).values;
  }
  const { latents, flags = new Uint8Array(n), ...rest } = numbers;
  return { n, flags, numbers: rest, ...latents ? { latents } : {} };
}
function firstColumns({ latents }) {
  return { n: latents.length, latents, numbers: {}, flags: new Uint8Array(latents.length) };
}
function latentOf(columns, row) {
  return columns.latents ? columns.latents[row] ?? -1 : row;
}
var places = /* @__PURE__ */ new WeakMap();
function rowOf(columns, latent) {
  if (!columns.latents) return latent >= 0 && latent < columns.n ? latent : -1;
  let rows = places.get(columns);
  if (!rows) {
    rows = new Map(Array.from(columns.latents, (each, row) => [each, row]));
    places.set(columns, rows);
  }
  return rows.get(latent) ?? -1;
}
function bareDetail(columns, latent) {
  const row = rowOf(columns, latent);
  const flags = columns.flags[row] ?? 0;
  const number2 = (name) => columns.numbers[name]?.[row] ?? null;
  const facts2 = { density: number2("density"), max: number2("max"), mean: number2("mean") };
  return {
    latent_idx: latent,
    store: 0,
    facts: { ...facts2, dead: (flags & FLAG.dead) > 0, dense: (flags & FLAG.dense) > 0 },
    label: null,
    labels: [],
    concept: "",
    histogram: [],
    decoder: { edges: [], counts: [] },
    heads: [],
    strings: [],
    bands: [],
    examples: [],
    top_tokens: [],
    logits_up: [],
    logits_down: [],
    neighbours: [],
    cofiring: [],
    code: ""
  };
}
function valuesOf(columns, name) {
  return columns.numbers[RANKS[name] ?? name];
}
function keepTexts(kept2, rows) {
  rows.latents.forEach((latent, i) => {
    kept2.set(latent, {
      label: rows.label[i] ?? "",
      concept: rows.concept[i] ?? "",
      words: rows.words[i] ?? ""
    });
  });
}
function replyArray(arrays, buffers, name) {
  const spec = arrays[name];
  const [bytes] = buffers;
  if (!spec || !bytes) throw new RangeError(`the reply has no array "${name}"`);
  return decodeArray(bytes, spec.dtype, spec.shape, spec.offset);
}

// src/feature_dashboard/label_row.ts
function labelFacts({ human, author, method, time, reliable, score }) {
  const accuracy = score.balanced_accuracy;
  return [
    human ? author || "a person" : method,
    time.slice(0, 10),
    typeof accuracy === "number" ? `balanced accuracy ${percent(accuracy)}` : "",
    reliable === null ? "" : reliable ? "reliable" : "not reliable"
  ].filter(Boolean).join(" · ");
}
function same(one, other) {
  return ["text", "method", "author", "time"].every((name) => one[name] === other[name]);
}
function labelRow(scope, save) {
  const text = span("inb-label-text");
  const by = span("inb-hint");
  const edit = button("Label it", { class: "inb-link" });
  const line2 = div("inb-label-line", text, by, edit);
  const field2 = h("input", {
    type: "text",
    "aria-label": "label",
    title: "Empty takes your own label back",
    placeholder: "What does it stand for?",
    maxlength: 500
  });
  const author = h("input", { type: "text", "aria-label": "your name", placeholder: "your name", maxlength: 100 });
  const keep = button("Save", { type: "submit", class: "inb-button inb-primary" });
  const cancel = button("Cancel");
  const problem = h("p", { class: "inb-field-error", role: "alert", hidden: true });
  const form = h(
    "form",
    { class: "inb-label-form", hidden: true, novalidate: true },
    field2,
    author,
    keep,
    cancel,
    problem
  );
  const older = h("details", { class: "inb-label-older", hidden: true }, h("summary", {}), h("ul"));
  const node = div("inb-label", line2, form, older);
  let now;
  const open = (on) => {
    form.hidden = !on;
    line2.hidden = on;
    problem.hidden = true;
    if (on) {
      field2.value = now?.detail.label?.text ?? "";
      field2.select();
    }
  };
  const close = () => {
    open(false);
    edit.focus();
  };
  scope.listen(edit, "click", () => open(true));
  scope.listen(cancel, "click", close);
  scope.listen(form, "keydown", (event) => {
    if (event.key === "Escape") close();
  });
  scope.listen(form, "submit", async (event) => {
    event.preventDefault();
    if (!now) return;
    keep.disabled = true;
    try {
      await save(now.detail.latent_idx, field2.value.trim(), author.value.trim());
      close();
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      problem.textContent = error.message;
      problem.hidden = false;
    } finally {
      keep.disabled = false;
    }
  });
  return {
    node,
    update(detail, can, name, hint) {
      if (now?.detail.latent_idx !== detail.latent_idx || now.detail.store !== detail.store) open(false);
      now = { detail, can };
      const { label: label2, labels, concept } = detail;
      text.textContent = label2 ? visible(label2.text) : concept || "no label yet";
      text.classList.toggle("inb-mark", !label2);
      by.textContent = label2 ? labelFacts(label2) : concept ? "ground truth" : "";
      edit.hidden = !can;
      edit.textContent = label2 ? "Edit" : "Label it";
      edit.title = hint;
      if (author !== author.ownerDocument.activeElement && !author.value) author.value = name;
      const current = label2 ? labels.findIndex((each) => same(each, label2)) : -1;
      const earlier = labels.filter((_, i) => i !== current);
      older.hidden = !earlier.length;
      older.children[0]?.replaceChildren(`${earlier.length} earlier`);
      older.children[1]?.replaceChildren(
        ...earlier.map((each) => h("li", {}, span("", visible(each.text)), span("inb-mark", ` ${labelFacts(each)}`)))
      );
    }
  };
}

// src/feature_dashboard/about.ts
function extras({ named, columns, detail }) {
  const row = rowOf(columns, detail.latent_idx);
  return named.filter(({ name }) => name === "interesting" || name === "score").flatMap(({ name, label: label2, hint }) => {
    const value = columns.numbers[name]?.[row];
    return value === void 0 || Number.isNaN(value) ? [] : [[label2 ?? name, short(value), hint ?? ""]];
  });
}
function aboutLatent(scope, events) {
  const name = h("h5", { class: "inb-latent-name" });
  const label2 = labelRow(scope, events.label);
  const pin = button("Pin", { title: "Keep this latent, to compare others with it" });
  const stats = div("");
  const node = div("inb-about", div("inb-about-row", name, label2.node, pin), stats);
  scope.listen(pin, "click", events.pin);
  return {
    node,
    update(props) {
      const { detail, pinned } = props;
      const flags = ["dead", "dense"].filter((flag) => detail.facts[flag]);
      node.classList.toggle("inb-stale", props.stale);
      name.replaceChildren(`Latent ${detail.latent_idx}`, ...flags.map((flag) => span("inb-flag", flag)));
      label2.update(detail, props.canLabel, props.author, props.hint);
      pin.textContent = pinned === null ? "Pin" : `Unpin ${pinned}`;
      setAttrs(pin, { "aria-pressed": pinned === null ? "false" : "true" });
      stats.replaceChildren(statsRow(detail, extras(props)));
    }
  };
}

// node_modules/@tanstack/virtual-core/dist/esm/lazy-measurements.js
function getMeasurementKey(item) {
  return typeof item === "object" ? item.key : item;
}
function createLazyMeasurementsView(cache, flat) {
  const count2 = cache.length;
  return new Proxy(cache, {
    get(target, prop, receiver) {
      if (typeof prop === "string") {
        const c = prop.charCodeAt(0);
        if (c >= 48 && c <= 57) {
          const i = +prop;
          if (Number.isInteger(i) && i >= 0 && i < count2) {
            let v = target[i];
            if (typeof v !== "object") {
              const s = flat[i * 2];
              v = target[i] = {
                index: i,
                key: v,
                start: s,
                size: flat[i * 2 + 1],
                end: s + flat[i * 2 + 1],
                lane: 0
              };
            }
            return v;
          }
        }
        if (prop === "length") return count2;
      }
      return Reflect.get(target, prop, receiver);
    }
  });
}

// node_modules/@tanstack/virtual-core/dist/esm/utils.js
function memo(getDeps, fn, opts) {
  let deps = opts.initialDeps ?? [];
  let result;
  let isInitial = true;
  function memoizedFunction() {
    var _a;
    const debugEnabled = false;
    let depTime = 0;
    if (debugEnabled) depTime = Date.now();
    const newDeps = getDeps();
    const depsChanged = newDeps.length !== deps.length || newDeps.some((dep, index) => deps[index] !== dep);
    if (!depsChanged) {
      return result;
    }
    deps = newDeps;
    let resultTime = 0;
    if (debugEnabled) resultTime = Date.now();
    result = fn(...newDeps);
    if (debugEnabled) {
      const depEndTime = Math.round((Date.now() - depTime) * 100) / 100;
      const resultEndTime = Math.round((Date.now() - resultTime) * 100) / 100;
      const resultFpsPercentage = resultEndTime / 16;
      const pad = (str, num) => {
        str = String(str);
        while (str.length < num) {
          str = " " + str;
        }
        return str;
      };
      console.info(
        `%c⏱ ${pad(resultEndTime, 5)} /${pad(depEndTime, 5)} ms`,
        `
            font-size: .6rem;
            font-weight: bold;
            color: hsl(${Math.max(
          0,
          Math.min(120 - 120 * resultFpsPercentage, 120)
        )}deg 100% 31%);`,
        opts == null ? void 0 : opts.key
      );
    }
    if ((opts == null ? void 0 : opts.onChange) && !(isInitial && opts.skipInitialOnChange)) {
      opts.onChange(result);
    }
    isInitial = false;
    return result;
  }
  memoizedFunction.updateDeps = (newDeps) => {
    deps = newDeps;
  };
  return memoizedFunction;
}
function notUndefined(value, msg) {
  if (value === void 0) {
    throw new Error(`Unexpected undefined${msg ? `: ${msg}` : ""}`);
  } else {
    return value;
  }
}
var approxEqual = (a, b) => Math.abs(a - b) < 1.01;
var debounce = (targetWindow, fn, ms) => {
  let timeoutId;
  return Object.assign(
    function(...args) {
      targetWindow.clearTimeout(timeoutId);
      timeoutId = targetWindow.setTimeout(() => fn.apply(this, args), ms);
    },
    {
      // The handle is closure-local, so a caller that has already
      // unsubscribed has no way to stop a queued call. Teardown paths use
      // this to drop the pending invocation instead of letting it land.
      cancel: () => {
        targetWindow.clearTimeout(timeoutId);
      }
    }
  );
};

// node_modules/@tanstack/virtual-core/dist/esm/scroll-classifier.js
function classifyScrollEvent({
  offset,
  isScrolling,
  elementMax,
  holdOffset,
  scrollOffset,
  pendingWrite,
  clampedMaxAtWrite
}) {
  var _a;
  if (isScrolling && pendingWrite === null && offset === scrollOffset) {
    return "spurious";
  }
  if (pendingWrite !== null && Math.abs(offset - pendingWrite.target) < 1.5) {
    return "readBack";
  }
  if (pendingWrite !== null && !pendingWrite.smooth && elementMax !== null && pendingWrite.target > elementMax + holdOffset + 0.5 && Math.abs(offset - (elementMax + holdOffset)) < 1.5) {
    return "clampedReadBack";
  }
  if (pendingWrite !== null && !pendingWrite.smooth && ((_a = pendingWrite.lowMaxes) == null ? void 0 : _a.some((max) => Math.abs(offset - max) < 1.5))) {
    return "clampedReadBack";
  }
  if (clampedMaxAtWrite !== null && Math.abs(offset - clampedMaxAtWrite) < 1.5) {
    return "clampedEcho";
  }
  return "external";
}
var isAnimating = (phase) => phase === "smooth" || phase === "smoothFinishing";
function externalRetiresCommand({
  kind,
  offset,
  command,
  target
}) {
  return kind !== "spurious" && kind !== "readBack" && // Our own write, clamped (`clampedReadBack`, #1310): the command is not
  // retired by it, and reconcile retargets below the new max.
  kind !== "clampedReadBack" && (command == null ? void 0 : command.index) != null && // Nothing has been written for a command waiting for the tail; these
  // are the fling's events.
  command.phase !== "queued" && // A non-smooth write lands at once, so any other scroll event is the
  // user's, even before reconcile saw the target reached (the target may
  // keep moving, or iOS ignored the write under a finger). A write the
  // browser clamped because the sizer hasn't grown yet reads back at the
  // max, which is also where the fresh target clamps, so the check below
  // keeps it reconciling (#1294). While a smooth scroll's animation may
  // still report, its events look like a user's, so it yields only once it
  // has landed.
  !isAnimating(command.phase) && !approxEqual(offset, command.lastTargetOffset) && !approxEqual(offset, target()) && // A compensation write's clamped echo (#1258) keeps the command. The
  // order is deliberate, not tidiness: this clause stays after `target()`
  // (and `clampedReadBack` before it) because `target()` can rebuild the
  // measurements, so it must run for exactly the events it always did.
  kind !== "clampedEcho";
}
var FLING_WINDOW_MS = 40;
function flingSpedUp(samples) {
  const last = samples[samples.length - 1];
  if (last === void 0) return false;
  let j = samples.length - 2;
  while (j >= 0 && last.t - samples[j].t < FLING_WINDOW_MS) j--;
  if (j < 0) return false;
  const mid = samples[j];
  let k = j - 1;
  while (k >= 0 && mid.t - samples[k].t < FLING_WINDOW_MS) k--;
  if (k < 0) return false;
  const first = samples[k];
  const recent = (last.offset - mid.offset) / (last.t - mid.t);
  const before = (mid.offset - first.offset) / (mid.t - first.t);
  return recent * before >= 0 && Math.abs(recent) >= 2 * Math.abs(before) && Math.abs(recent) - Math.abs(before) >= 0.8;
}
function flingCaught(samples) {
  const last = samples[samples.length - 1];
  if (last === void 0) return false;
  let j = samples.length - 2;
  while (j >= 0 && last.t - samples[j].t < FLING_WINDOW_MS) j--;
  if (j < 0) return false;
  const from = samples[j];
  return Math.abs(last.offset - from.offset) / (last.t - from.t) >= 0.05;
}

// node_modules/@tanstack/virtual-core/dist/esm/ios-gesture.js
var _isIOSResult;
var isIOSWebKit = () => {
  if (_isIOSResult !== void 0) return _isIOSResult;
  if (typeof navigator === "undefined") return _isIOSResult = false;
  if (/iP(hone|od|ad)/.test(navigator.userAgent)) return _isIOSResult = true;
  const mtp = navigator.maxTouchPoints;
  return _isIOSResult = navigator.platform === "MacIntel" && mtp !== void 0 && mtp > 0;
};
var _iosMomentumOverridesWritesResult;
var iosMomentumOverridesWrites = () => {
  if (_iosMomentumOverridesWritesResult !== void 0) {
    return _iosMomentumOverridesWritesResult;
  }
  return _iosMomentumOverridesWritesResult = isIOSWebKit() && typeof CSS !== "undefined" && typeof CSS.supports === "function" && CSS.supports("overflow-anchor: auto");
};
var momentumOverridesWrites = () => !isIOSWebKit() || iosMomentumOverridesWrites();
var touchListenerOptions = {
  capture: true,
  passive: true
};
var IosGesture = class {
  constructor(host) {
    this.host = host;
    this._touch = null;
    this.inMotion = () => this._touch !== null && this._touch.phase !== "lateFling";
    this.dragging = () => {
      var _a;
      return ((_a = this._touch) == null ? void 0 : _a.phase) === "down" && this._touch.moved;
    };
    this.tail = () => {
      var _a;
      return ((_a = this._touch) == null ? void 0 : _a.phase) === "tail" ? this._touch.moved ? "fling" : "tap" : null;
    };
    this.onScroll = ({
      isScrolling,
      ownReadBack,
      moved: moved2,
      external
    }) => {
      var _a, _b, _c;
      if (isScrolling && ((_a = this._touch) == null ? void 0 : _a.phase) === "tail") {
        this._openTail(this._touch.moved || !ownReadBack, false);
      } else if (((_b = this._touch) == null ? void 0 : _b.phase) === "lateFling") {
        if (this.host.now() > this._touch.until) {
          this._touch = null;
        } else if (external && isScrolling && moved2) {
          this._openTail(true, false);
        }
      }
      if (!ownReadBack && isScrolling && moved2 && ((_c = this._touch) == null ? void 0 : _c.phase) === "down") {
        this._touch.moved = true;
        return true;
      }
      return false;
    };
    this.touchStart = () => {
      this.end();
      this._touch = { phase: "down", moved: false };
    };
    this.touchEnd = () => {
      var _a;
      const moved2 = ((_a = this._touch) == null ? void 0 : _a.phase) === "down" && this._touch.moved;
      this.end();
      this._openTail(moved2, moved2);
    };
    this.end = () => {
      var _a;
      const win = this.host.getWindow();
      if (((_a = this._touch) == null ? void 0 : _a.phase) === "tail" && win != null) {
        win.clearTimeout(this._touch.timerId);
      }
      this._touch = null;
    };
    this.listen = (target) => {
      const onTouchStart = () => this.touchStart();
      const onTouchEnd = () => this.touchEnd();
      target.addEventListener("touchstart", onTouchStart, touchListenerOptions);
      target.addEventListener("touchend", onTouchEnd, touchListenerOptions);
      target.addEventListener("touchcancel", onTouchEnd, touchListenerOptions);
      return () => {
        target.removeEventListener(
          "touchstart",
          onTouchStart,
          touchListenerOptions
        );
        target.removeEventListener("touchend", onTouchEnd, touchListenerOptions);
        target.removeEventListener(
          "touchcancel",
          onTouchEnd,
          touchListenerOptions
        );
        this.end();
      };
    };
    this._openTail = (moved2, awaitingFling) => {
      const win = this.host.getWindow();
      if (win == null) return;
      this.end();
      const tail = {
        phase: "tail",
        moved: moved2,
        awaitingFling,
        // Only fires while this tail is current: `end` clears it otherwise.
        timerId: win.setTimeout(() => {
          if (this.host.tailStillMoving()) {
            this._openTail(tail.moved, tail.awaitingFling);
            return;
          }
          this._touch = tail.awaitingFling ? { phase: "lateFling", until: this.host.now() + 1e3 } : null;
          this.host.onTailClosed();
        }, 150)
      };
      this._touch = tail;
    };
  }
  get touch() {
    return this._touch;
  }
};

// node_modules/@tanstack/virtual-core/dist/esm/index.js
var getRect = (element) => {
  const { clientWidth, clientHeight } = element;
  return { width: clientWidth, height: clientHeight };
};
var createFrameQueue = (targetWindow) => {
  const ids = /* @__PURE__ */ new Set();
  return {
    schedule: (fn) => {
      const id = targetWindow.requestAnimationFrame(() => {
        ids.delete(id);
        fn();
      });
      ids.add(id);
    },
    cancel: () => {
      ids.forEach((id) => targetWindow.cancelAnimationFrame(id));
      ids.clear();
    }
  };
};
var defaultKeyExtractor = (index) => index;
var defaultRangeExtractor = (range) => {
  const overscan = range.overscan * Math.max(range.lanes ?? 1, 1);
  const start = Math.max(range.startIndex - overscan, 0);
  const end = Math.min(range.endIndex + overscan, range.count - 1);
  const len = end - start + 1;
  const arr = new Array(len);
  for (let i = 0; i < len; i++) {
    arr[i] = start + i;
  }
  return arr;
};
var observeElementRect = (instance, cb) => {
  const element = instance.scrollElement;
  if (!element) {
    return;
  }
  const targetWindow = instance.targetWindow;
  if (!targetWindow) {
    return;
  }
  const handler = (rect2) => {
    const { width, height } = rect2;
    cb({ width: Math.round(width), height: Math.round(height) });
  };
  handler(getRect(element));
  if (!targetWindow.ResizeObserver) {
    return () => {
    };
  }
  const frames = createFrameQueue(targetWindow);
  const observer = new targetWindow.ResizeObserver(() => {
    const run = () => {
      handler(getRect(element));
    };
    instance.options.useAnimationFrameWithResizeObserver ? frames.schedule(run) : run();
  });
  observer.observe(element, { box: "content-box" });
  return () => {
    observer.unobserve(element);
    frames.cancel();
  };
};
var addEventListenerOptions = {
  passive: true
};
var supportsScrollend = typeof window == "undefined" ? true : "onscrollend" in window;
var observeOffset = (instance, cb, readOffset) => {
  const element = instance.scrollElement;
  if (!element) {
    return;
  }
  const targetWindow = instance.targetWindow;
  if (!targetWindow) {
    return;
  }
  const registerScrollendEvent = instance.options.useScrollendEvent && supportsScrollend;
  let offset = 0;
  const fallback = registerScrollendEvent ? null : debounce(
    targetWindow,
    () => cb(readOffset(element), false),
    instance.options.isScrollingResetDelay
  );
  const createHandler = (isScrolling) => () => {
    offset = readOffset(element);
    fallback == null ? void 0 : fallback();
    cb(offset, isScrolling);
  };
  const handler = createHandler(true);
  const endHandler = createHandler(false);
  element.addEventListener("scroll", handler, addEventListenerOptions);
  if (registerScrollendEvent) {
    element.addEventListener("scrollend", endHandler, addEventListenerOptions);
  }
  return () => {
    element.removeEventListener("scroll", handler);
    if (registerScrollendEvent) {
      element.removeEventListener("scrollend", endHandler);
    }
    fallback == null ? void 0 : fallback.cancel();
  };
};
var observeElementOffset = (instance, cb) => observeOffset(instance, cb, (el) => {
  const { horizontal, isRtl } = instance.options;
  return horizontal ? el.scrollLeft * (isRtl && -1 || 1) : el.scrollTop;
});
var measureElement = (element, entry, instance) => {
  if (instance.options.useCachedMeasurements) {
    const index = instance.indexFromElement(element);
    const key = instance.options.getItemKey(index);
    return instance.itemSizeCache.get(key) ?? instance.options.estimateSize(index);
  }
  if (entry == null ? void 0 : entry.borderBoxSize) {
    const box = entry.borderBoxSize[0];
    if (box) {
      const size = Math.round(
        box[instance.options.horizontal ? "inlineSize" : "blockSize"]
      );
      return size;
    }
  }
  if (!entry) {
    const index = instance.indexFromElement(element);
    const key = instance.options.getItemKey(index);
    const cachedSize = instance.itemSizeCache.get(key);
    if (cachedSize !== void 0) {
      return cachedSize;
    }
  }
  return element[instance.options.horizontal ? "offsetWidth" : "offsetHeight"];
};
var scrollWithAdjustments = (offset, {
  adjustments = 0,
  behavior
}, instance) => {
  var _a;
  const { scrollElement, options } = instance;
  const adjustedOffset = offset + adjustments;
  const isRtlElement = options.horizontal && options.isRtl && scrollElement !== null && "ownerDocument" in scrollElement;
  (_a = scrollElement == null ? void 0 : scrollElement.scrollTo) == null ? void 0 : _a.call(scrollElement, {
    [options.horizontal ? "left" : "top"]: isRtlElement ? -adjustedOffset : adjustedOffset,
    behavior
  });
};
var elementScroll = scrollWithAdjustments;
var initialScrollPhase = (behavior, atTarget) => behavior === "smooth" ? atTarget ? "smoothLanded" : "smooth" : "instant";
var isSmoothScroll = (state) => (state == null ? void 0 : state.phase) === "smooth" || (state == null ? void 0 : state.phase) === "smoothLanded";
function isAppendWithTrim(prevCount, nextCount, getPreviousKey, getNextKey) {
  if (nextCount === 0) return false;
  const firstKey = getNextKey(0);
  const removedKeys = /* @__PURE__ */ new Set();
  let removedCount = 0;
  while (removedCount < prevCount) {
    const key = getPreviousKey(removedCount);
    if (key === firstKey) break;
    removedKeys.add(key);
    removedCount++;
  }
  const retainedCount = prevCount - removedCount;
  if (retainedCount === 0 || retainedCount >= nextCount) return false;
  for (let i = 0; i < retainedCount; i++) {
    if (getNextKey(i) !== getPreviousKey(removedCount + i)) return false;
  }
  for (let i = retainedCount; i < nextCount; i++) {
    if (removedKeys.has(getNextKey(i))) return false;
  }
  return true;
}
var Virtualizer = class {
  constructor(opts) {
    this.unsubs = [];
    this.scrollElement = null;
    this.targetWindow = null;
    this.isScrolling = false;
    this.scrollState = null;
    this.measurementsCache = [];
    this._singleLaneMeasurements = null;
    this.itemSizeCache = /* @__PURE__ */ new Map();
    this.itemSizeCacheVersion = 0;
    this.laneAssignments = /* @__PURE__ */ new Map();
    this.pendingMin = null;
    this.prevLanes = void 0;
    this.lanesChangedFlag = false;
    this.lanesSettling = false;
    this.pendingScrollAnchor = null;
    this.scrollRect = null;
    this.scrollOffset = null;
    this.scrollDirection = null;
    this._holdOffset = 0;
    this._reportedOverscroll = false;
    this._iosGesture = new IosGesture({
      getWindow: () => this.targetWindow,
      now: () => this.now(),
      // The end of a fling can move less than a pixel per scroll event, so
      // events can stop for 150ms while the fling is still running (seen on
      // an iPhone, 27.0.1). A command waiting for it would then be written
      // into the fling and overridden. The element having moved since the
      // last event means it has not ended: wait again. Not while our own
      // write has yet to report: that moved it.
      tailStillMoving: () => {
        const state = this.scrollState;
        if ((state == null ? void 0 : state.phase) !== "queued" || this.pendingWrite !== null) {
          return false;
        }
        const now = this._readElementOffset();
        if (now === null || this._lastElementOffset === null || Math.abs(now - this._lastElementOffset) < 1) {
          return false;
        }
        this._lastElementOffset = now;
        state.samples = [...state.samples ?? [], { t: this.now(), offset: now }];
        return true;
      },
      onTailClosed: () => {
        const state = this.scrollState;
        if ((state == null ? void 0 : state.phase) === "queued" && flingCaught(state.samples ?? [])) {
          this.scrollState = null;
        }
        this._flushHoldIfReady(true);
        this._writeAwaitingCommand();
        this._retryClampedAdjustment();
      }
    });
    this._lastElementOffset = null;
    this.pendingWrite = null;
    this._clampedAdjustment = null;
    this.elementsCache = /* @__PURE__ */ new Map();
    this._resizeBatch = null;
    this.now = () => {
      var _a, _b, _c;
      return ((_c = (_b = (_a = this.targetWindow) == null ? void 0 : _a.performance) == null ? void 0 : _b.now) == null ? void 0 : _c.call(_b)) ?? Date.now();
    };
    this.observer = /* @__PURE__ */ (() => {
      let _ro = null;
      let _frames = null;
      let delivering = false;
      let observeQueued = false;
      const pendingObservations = /* @__PURE__ */ new Set();
      const get = () => {
        if (_ro) {
          return _ro;
        }
        const targetWindow = this.targetWindow;
        if (!targetWindow || !targetWindow.ResizeObserver) {
          return null;
        }
        const frames = _frames = createFrameQueue(targetWindow);
        return _ro = new targetWindow.ResizeObserver((entries) => {
          const run = () => {
            const batch = { sync: false };
            this._resizeBatch = batch;
            try {
              entries.forEach(measureEntry);
            } finally {
              this._resizeBatch = null;
              if (batch.notify) {
                this.notify(batch.sync);
                this._noteClampMax();
                this._flushHoldIfReady(true);
                this._retryClampedAdjustment();
                this.measureElement(null);
              }
            }
          };
          if (this.options.useAnimationFrameWithResizeObserver) {
            frames.schedule(run);
          } else {
            delivering = true;
            try {
              run();
            } finally {
              delivering = false;
            }
          }
        });
      };
      const measureEntry = (entry) => {
        const node = entry.target;
        const index = this.indexFromElement(node);
        if (!node.isConnected) {
          this.observer.unobserve(node);
          for (const [cacheKey, cachedNode] of this.elementsCache) {
            if (cachedNode === node) {
              this.elementsCache.delete(cacheKey);
              break;
            }
          }
          return;
        }
        if (!this.isIndexInRange(index)) return;
        if (this.shouldMeasureDuringScroll(index)) {
          this.resizeItem(index, this.options.measureElement(node, entry, this));
        }
      };
      return {
        disconnect: () => {
          var _a;
          (_a = get()) == null ? void 0 : _a.disconnect();
          _frames == null ? void 0 : _frames.cancel();
          pendingObservations.clear();
          observeQueued = false;
          _ro = null;
          _frames = null;
        },
        observe: (target) => {
          const observer = get();
          if (!observer) return;
          if (!delivering) {
            observer.observe(target, { box: "border-box" });
            return;
          }
          pendingObservations.add(target);
          if (!observeQueued) {
            observeQueued = true;
            _frames == null ? void 0 : _frames.schedule(() => {
              observeQueued = false;
              pendingObservations.forEach((node) => {
                if (node.isConnected) _ro == null ? void 0 : _ro.observe(node, { box: "border-box" });
              });
              pendingObservations.clear();
            });
          }
        },
        unobserve: (target) => {
          var _a;
          pendingObservations.delete(target);
          (_a = get()) == null ? void 0 : _a.unobserve(target);
        }
      };
    })();
    this.range = null;
    this.setOptions = (opts2) => {
      var _a;
      const merged = {
        debug: false,
        initialOffset: 0,
        overscan: 1,
        paddingStart: 0,
        paddingEnd: 0,
        scrollPaddingStart: 0,
        scrollPaddingEnd: 0,
        horizontal: false,
        getItemKey: defaultKeyExtractor,
        rangeExtractor: defaultRangeExtractor,
        onChange: () => {
        },
        measureElement,
        initialRect: { width: 0, height: 0 },
        scrollMargin: 0,
        gap: 0,
        indexAttribute: "data-index",
        initialMeasurementsCache: [],
        lanes: 1,
        anchorTo: "start",
        followOnAppend: false,
        scrollEndThreshold: 1,
        isScrollingResetDelay: 150,
        enabled: true,
        isRtl: false,
        useScrollendEvent: false,
        useAnimationFrameWithResizeObserver: false,
        laneAssignmentMode: "estimate",
        useCachedMeasurements: false
      };
      for (const key in opts2) {
        const v = opts2[key];
        if (v !== void 0) merged[key] = v;
      }
      const prevOptions = this.options;
      let anchor = null;
      let followOnAppend = null;
      let edgeKeysChanged = false;
      if (prevOptions !== void 0 && prevOptions.enabled && merged.enabled && merged.anchorTo === "end" && this.scrollElement !== null) {
        const prevCount = prevOptions.count;
        const nextCount = merged.count;
        const measurements = this.getMeasurements();
        const previousItems = ((_a = this._singleLaneMeasurements) == null ? void 0 : _a.items) ?? measurements;
        const getPreviousKey = (index) => getMeasurementKey(previousItems[index]);
        const prevFirstKey = prevCount > 0 ? getPreviousKey(0) : null;
        const prevLastKey = prevCount > 0 ? getPreviousKey(prevCount - 1) : null;
        const didCountChange = nextCount !== prevCount;
        const didEdgeKeysChange = didCountChange || prevCount > 0 && nextCount > 0 && (merged.getItemKey(0) !== prevFirstKey || merged.getItemKey(nextCount - 1) !== prevLastKey);
        if (didEdgeKeysChange) {
          edgeKeysChanged = true;
          const item = prevCount > 0 ? this.getVirtualItemForOffset(this.getScrollOffset()) ?? measurements[0] : null;
          if (item) {
            anchor = [item.key, this.getScrollOffset() - item.start];
          }
          const behavior = merged.followOnAppend === true ? "auto" : merged.followOnAppend || null;
          if (behavior && nextCount > 0 && this.isAtEnd(prevOptions.scrollEndThreshold) && (prevCount === 0 || merged.getItemKey(nextCount - 1) !== prevLastKey)) {
            if (nextCount > prevCount || isAppendWithTrim(
              prevCount,
              nextCount,
              getPreviousKey,
              merged.getItemKey
            )) {
              followOnAppend = behavior;
            }
          }
        }
      }
      this.options = merged;
      if (edgeKeysChanged) {
        this.pendingMin = 0;
        this.itemSizeCacheVersion++;
      }
      let anchorDelta = null;
      if (anchor && this.scrollOffset !== null && !this._awaitingCommandReadBack()) {
        const [anchorKey, anchorOffset] = anchor;
        const newMeasurements = this.getMeasurements();
        const { count: count2, getItemKey } = this.options;
        let idx = 0;
        while (idx < count2 && getItemKey(idx) !== anchorKey) {
          idx++;
        }
        if (idx < count2) {
          const anchorItem = newMeasurements[idx];
          if (anchorItem) {
            const newOffset = Math.max(0, anchorItem.start + anchorOffset);
            if (!followOnAppend && newOffset !== this.scrollOffset) {
              anchorDelta = newOffset - this.scrollOffset;
              this.scrollOffset = newOffset;
            }
          }
        }
      }
      if (followOnAppend) {
        this.pendingScrollAnchor = { kind: "follow", behavior: followOnAppend };
      } else if (anchorDelta !== null) {
        if (this._canWriteScroll()) {
          this.pendingScrollAnchor = { kind: "anchor", delta: anchorDelta };
        } else {
          this._holdOffset += anchorDelta;
          this._followOffsetTarget(anchorDelta);
        }
      }
    };
    this.notify = (sync) => {
      var _a, _b;
      (_b = (_a = this.options).onChange) == null ? void 0 : _b.call(_a, this, sync);
    };
    this.maybeNotify = memo(
      () => {
        this.calculateRange();
        return [
          this.isScrolling,
          this.range ? this.range.startIndex : null,
          this.range ? this.range.endIndex : null
        ];
      },
      (isScrolling) => {
        this.notify(isScrolling);
      },
      {
        key: false,
        debug: () => this.options.debug,
        initialDeps: [
          this.isScrolling,
          this.range ? this.range.startIndex : null,
          this.range ? this.range.endIndex : null
        ]
      }
    );
    this.cleanup = () => {
      var _a;
      this.unsubs.filter(Boolean).forEach((d) => d());
      this.unsubs = [];
      this.observer.disconnect();
      if (this.rafId != null && this.targetWindow) {
        this.targetWindow.cancelAnimationFrame(this.rafId);
        this.rafId = null;
      }
      this.scrollState = null;
      (_a = this._momentumStop) == null ? void 0 : _a.restore();
      this._momentumStop = null;
      this.isScrolling = false;
      this.scrollDirection = null;
      this._holdOffset = 0;
      this._reportedOverscroll = false;
      this._clampedAdjustment = null;
      this.pendingWrite = null;
      this.scrollElement = null;
      this.targetWindow = null;
    };
    this._didMount = () => {
      return () => {
        this.cleanup();
      };
    };
    this._willUpdate = () => {
      var _a;
      const scrollElement = this.options.enabled ? this.options.getScrollElement() : null;
      if (this.scrollElement !== scrollElement) {
        this.cleanup();
        if (!scrollElement) {
          this.maybeNotify();
          return;
        }
        this.scrollElement = scrollElement;
        if (this.scrollElement && "ownerDocument" in this.scrollElement) {
          this.targetWindow = this.scrollElement.ownerDocument.defaultView;
        } else {
          this.targetWindow = ((_a = this.scrollElement) == null ? void 0 : _a.window) ?? null;
        }
        this.elementsCache.forEach((cached) => {
          this.observer.observe(cached);
        });
        this.unsubs.push(
          this.options.observeElementRect(this, (rect2) => {
            this.scrollRect = rect2;
            this.maybeNotify();
          })
        );
        this.unsubs.push(
          this.options.observeElementOffset(this, (offset, isScrolling) => {
            var _a2, _b, _c, _d;
            const elementMax = isScrolling ? this._elementMaxScrollOffset() : null;
            const wasOverscrolled = this._reportedOverscroll;
            this._reportedOverscroll = offset < 0 || elementMax !== null && offset > elementMax + 1;
            const elementOffset = offset;
            this._lastElementOffset = elementOffset;
            offset = this._toLayoutOffset(offset);
            const kind = this._classifyScrollEvent(
              offset,
              isScrolling,
              elementMax
            );
            if (kind === "spurious") return;
            if (kind === "readBack") {
              offset = this.pendingWrite.target;
            } else if (kind === "clampedReadBack" && ((_a2 = this.scrollState) == null ? void 0 : _a2.index) != null && // Not `elementMax`: an adapter can report the read-back at rest.
            offset < this.getMaxScrollOffset() - 1.5) {
              this.scrollState.lastTargetOffset = offset;
            } else if (externalRetiresCommand({
              kind,
              offset,
              command: this.scrollState,
              target: () => this.getScrollStateTarget(this.scrollState)
            })) {
              this.scrollState = null;
            }
            this.pendingWrite = null;
            if (this._clampedAdjustment !== null && Math.abs(offset - this._clampedAdjustment.maxAtWrite) >= 1.5) {
              this._clampedAdjustment = null;
            }
            const prevOffset = this.getScrollOffset();
            const prevDirection = this.scrollDirection;
            this.scrollDirection = isScrolling ? prevOffset === offset ? this.scrollDirection : prevOffset < offset ? "forward" : "backward" : null;
            this.scrollOffset = offset;
            this.isScrolling = isScrolling;
            const queued = this.scrollState;
            if ((queued == null ? void 0 : queued.phase) === "queued" && kind === "external" && isScrolling) {
              if (wasOverscrolled || this._reportedOverscroll) {
                queued.samples = [];
              } else {
                const t = this.now();
                queued.samples = [
                  ...(queued.samples ?? []).filter(
                    (sample) => t - sample.t <= 200
                  ),
                  { t, offset: elementOffset }
                ];
                if (prevDirection !== null && this.scrollDirection !== prevDirection || flingSpedUp(queued.samples)) {
                  this.scrollState = null;
                }
              }
            }
            if (this._iosGesture.onScroll({
              isScrolling,
              ownReadBack: kind === "readBack",
              moved: offset !== prevOffset,
              // Neither our write's read-back nor a frame of our smooth
              // animation: the user or a fling moved it.
              external: kind === "external" && ((_b = this.scrollState) == null ? void 0 : _b.phase) !== "smooth" && ((_c = this.scrollState) == null ? void 0 : _c.phase) !== "smoothFinishing"
            }) && // The user scrolls: a command still waiting for the tail is
            // theirs to override, like a written one would be.
            ((_d = this.scrollState) == null ? void 0 : _d.phase) === "queued") {
              this.scrollState = null;
            }
            this._flushHoldIfReady(true);
            if (this.scrollState) {
              this.scheduleScrollReconcile();
            }
            this.maybeNotify();
          })
        );
        if ("addEventListener" in this.scrollElement) {
          this.unsubs.push(
            this._iosGesture.listen(this.scrollElement)
          );
        }
        this._scrollToOffset(this.getScrollOffset());
      }
      this._noteClampMax();
      const anchor = this.pendingScrollAnchor;
      this.pendingScrollAnchor = null;
      if (anchor && this.scrollElement && this.options.enabled) {
        if (anchor.kind === "anchor") {
          if (!this._canWriteScroll()) {
            this._holdOffset += anchor.delta;
            this._followOffsetTarget(anchor.delta);
            this.notify(false);
          } else if (isSmoothScroll(this.scrollState) && !approxEqual(
            this.getScrollOffset() - anchor.delta,
            this.scrollState.lastTargetOffset
          )) ;
          else {
            this._followOffsetTarget(anchor.delta);
            this._scrollToOffset(this.getScrollOffset());
          }
        } else {
          this.scrollToEnd({ behavior: anchor.behavior });
        }
      }
      this._flushHoldIfReady(false);
      this._retryClampedAdjustment();
    };
    this._classifyScrollEvent = (offset, isScrolling, elementMax) => {
      var _a;
      return classifyScrollEvent({
        offset,
        isScrolling,
        elementMax,
        holdOffset: this._holdOffset,
        scrollOffset: this.scrollOffset,
        pendingWrite: this.pendingWrite,
        clampedMaxAtWrite: ((_a = this._clampedAdjustment) == null ? void 0 : _a.maxAtWrite) ?? null
      });
    };
    this._retryClampedAdjustment = () => {
      if (this._clampedAdjustment === null || !this.scrollElement || !this.options.enabled || !this._canWriteScroll()) {
        return;
      }
      const { target, maxAtWrite } = this._clampedAdjustment;
      const max = this.getMaxScrollOffset();
      if (max > maxAtWrite + 0.5) {
        this._clampedAdjustment = target > max + 0.5 ? { target, maxAtWrite: max } : null;
        this._scrollToOffset(target);
      }
    };
    this._writeAwaitingCommand = () => {
      const state = this.scrollState;
      if (state === null || state.phase !== "queued") return;
      const { behavior } = state;
      this.getMeasurements();
      const offset = this.getScrollStateTarget(state);
      state.lastTargetOffset = offset;
      this._clampedAdjustment = null;
      state.phase = initialScrollPhase(
        behavior,
        state.index != null && approxEqual(offset, this.getScrollOffset())
      );
      this._scrollToOffset(offset, { behavior });
      this.scheduleScrollReconcile();
    };
    this._readElementOffset = () => {
      const el = this.scrollElement;
      if (el == null) return null;
      const { horizontal, isRtl } = this.options;
      if (typeof el.scrollTop === "number") {
        return horizontal ? el.scrollLeft * (isRtl && -1 || 1) : el.scrollTop;
      }
      if (typeof el.scrollY === "number") {
        return horizontal ? el.scrollX : el.scrollY;
      }
      return null;
    };
    this._canWriteScroll = () => !(isIOSWebKit() && this._iosGesture.inMotion()) && !this._reportedOverscroll;
    this._flushHoldIfReady = (sync) => {
      var _a;
      if (this._holdOffset === 0) return;
      if (!this.scrollElement || !this.options.enabled) return;
      if (!this._canWriteScroll()) return;
      if (((_a = this.scrollState) == null ? void 0 : _a.phase) === "smooth") return;
      this._holdOffset = 0;
      if (this.scrollOffset !== null && this.scrollOffset < 0) {
        this.scrollOffset = 0;
      }
      this.notify(sync);
      const target = this.getCommandWrittenOffset() ?? this.getScrollOffset();
      this._clampedAdjustment = this._clampedBy(target);
      this._scrollToOffset(target);
    };
    this.rafId = null;
    this.getSize = () => {
      if (!this.options.enabled) {
        this.scrollRect = null;
        return 0;
      }
      this.scrollRect = this.scrollRect ?? this.options.initialRect;
      return this.scrollRect[this.options.horizontal ? "width" : "height"];
    };
    this.getScrollOffset = () => {
      if (!this.options.enabled) {
        this.scrollOffset = null;
        return 0;
      }
      this.scrollOffset = this.scrollOffset ?? (typeof this.options.initialOffset === "function" ? this.options.initialOffset() : this.options.initialOffset);
      return this.scrollOffset;
    };
    this.getMeasurementOptions = memo(
      () => [
        this.options.count,
        this.options.paddingStart,
        this.options.scrollMargin,
        this.options.getItemKey,
        this.options.enabled,
        this.options.lanes,
        this.options.laneAssignmentMode,
        this.options.gap
      ],
      (count2, paddingStart, scrollMargin, getItemKey, enabled, lanes, laneAssignmentMode, gap) => {
        const lanesChanged = this.prevLanes !== void 0 && this.prevLanes !== lanes;
        if (lanesChanged) {
          this.lanesChangedFlag = true;
        }
        this.prevLanes = lanes;
        this.pendingMin = null;
        return {
          count: count2,
          paddingStart,
          scrollMargin,
          getItemKey,
          enabled,
          lanes,
          laneAssignmentMode,
          gap
        };
      },
      {
        key: false
      }
    );
    this.isIndexInRange = (index) => index >= 0 && index < this.options.count;
    this.getMeasurements = memo(
      () => [this.getMeasurementOptions(), this.itemSizeCacheVersion],
      ({
        count: count2,
        paddingStart,
        scrollMargin,
        getItemKey,
        enabled,
        lanes,
        laneAssignmentMode,
        gap
      }, _itemSizeCacheVersion) => {
        var _a;
        const itemSizeCache = this.itemSizeCache;
        if (!enabled) {
          this.measurementsCache = [];
          this._singleLaneMeasurements = null;
          this.itemSizeCache.clear();
          this.laneAssignments.clear();
          return [];
        }
        if (this.laneAssignments.size > count2) {
          for (const index of this.laneAssignments.keys()) {
            if (index >= count2) {
              this.laneAssignments.delete(index);
            }
          }
        }
        if (this.lanesChangedFlag) {
          this.lanesChangedFlag = false;
          this.lanesSettling = true;
          this.measurementsCache = [];
          this._singleLaneMeasurements = null;
          this.itemSizeCache.clear();
          this.laneAssignments.clear();
          this.pendingMin = null;
        }
        if (this.measurementsCache.length === 0 && !this.lanesSettling) {
          this.measurementsCache = this.options.initialMeasurementsCache;
          this.measurementsCache.forEach((item) => {
            this.itemSizeCache.set(item.key, item.size);
          });
        }
        const min = this.lanesSettling ? 0 : this.pendingMin ?? 0;
        this.pendingMin = null;
        if (this.lanesSettling && this.measurementsCache.length === count2) {
          this.lanesSettling = false;
        }
        if (lanes === 1) {
          const need = count2 * 2;
          let flat = (_a = this._singleLaneMeasurements) == null ? void 0 : _a.flat;
          if (!flat || flat.length < need) {
            const next = new Float64Array(need);
            if (flat && min > 0) next.set(flat.subarray(0, min * 2));
            flat = next;
          }
          const items = min === 0 ? new Array(count2) : this._singleLaneMeasurements.items.slice();
          let runningStart;
          if (min === 0) {
            runningStart = paddingStart + scrollMargin;
          } else {
            const prevIdx = min - 1;
            runningStart = flat[prevIdx * 2] + flat[prevIdx * 2 + 1] + gap;
          }
          for (let i = min; i < count2; i++) {
            const key = getItemKey(i);
            items[i] = key;
            const measuredSize = itemSizeCache.get(key);
            const size = typeof measuredSize === "number" ? measuredSize : this.options.estimateSize(i);
            flat[i * 2] = runningStart;
            flat[i * 2 + 1] = size;
            runningStart += size + gap;
          }
          this._singleLaneMeasurements = { flat, items };
          const view = createLazyMeasurementsView(items, flat);
          this.measurementsCache = view;
          return view;
        }
        const measurements = this.measurementsCache.slice(0, min);
        const laneLastIndex = new Array(lanes).fill(
          void 0
        );
        const laneEnds = new Float64Array(lanes);
        let filledLanes = 0;
        for (let m = 0; m < min; m++) {
          const item = measurements[m];
          if (item) {
            if (laneLastIndex[item.lane] === void 0) filledLanes++;
            laneLastIndex[item.lane] = m;
            laneEnds[item.lane] = item.end;
          }
        }
        for (let i = min; i < count2; i++) {
          const key = getItemKey(i);
          const cachedLane = this.laneAssignments.get(i);
          let lane;
          let start;
          const shouldCacheLane = laneAssignmentMode === "estimate" || itemSizeCache.has(key);
          if (cachedLane !== void 0 && this.options.lanes > 1) {
            lane = cachedLane;
            const prevIndex = laneLastIndex[lane];
            const prevInLane = prevIndex !== void 0 ? measurements[prevIndex] : void 0;
            start = prevInLane ? prevInLane.end + gap : paddingStart + scrollMargin;
          } else if (filledLanes === lanes) {
            let bestLane = 0;
            let bestEnd = laneEnds[0];
            let bestIdx = laneLastIndex[0];
            for (let l = 1; l < lanes; l++) {
              const e = laneEnds[l];
              if (e < bestEnd || e === bestEnd && laneLastIndex[l] < bestIdx) {
                bestLane = l;
                bestEnd = e;
                bestIdx = laneLastIndex[l];
              }
            }
            lane = bestLane;
            start = bestEnd + gap;
            if (shouldCacheLane) {
              this.laneAssignments.set(i, lane);
            }
          } else {
            lane = i % this.options.lanes;
            start = paddingStart + scrollMargin;
            if (shouldCacheLane) {
              this.laneAssignments.set(i, lane);
            }
          }
          const measuredSize = itemSizeCache.get(key);
          const size = typeof measuredSize === "number" ? measuredSize : this.options.estimateSize(i);
          const end = start + size;
          measurements[i] = {
            index: i,
            start,
            size,
            end,
            key,
            lane
          };
          if (laneLastIndex[lane] === void 0) filledLanes++;
          laneLastIndex[lane] = i;
          laneEnds[lane] = end;
        }
        this.measurementsCache = measurements;
        return measurements;
      },
      {
        key: false,
        debug: () => this.options.debug
      }
    );
    this.calculateRange = memo(
      () => [
        this.getMeasurements(),
        this.getSize(),
        this.getScrollOffset(),
        this.options.lanes,
        // scrollOffset is measured in the scroll element and the layout total
        // from the list start, so the list ends scrollMargin further down.
        this._getLayoutTotalSize() + this.options.scrollMargin
      ],
      (measurements, outerSize, scrollOffset, lanes, listEnd) => {
        if (measurements.length === 0 || outerSize === 0) {
          this.range = null;
          return null;
        }
        const maxScrollOffset = Math.max(listEnd - outerSize, 0);
        this.range = calculateRangeImpl(
          measurements,
          outerSize,
          Math.min(scrollOffset, maxScrollOffset),
          lanes,
          // Pass the typed array so binary search + forward-walk can read
          // start/end directly from Float64Array, skipping the Proxy traps.
          lanes === 1 && this._singleLaneMeasurements !== null ? this._singleLaneMeasurements.flat : null
        );
        return this.range;
      },
      {
        key: false,
        debug: () => this.options.debug
      }
    );
    this.getVirtualIndexes = memo(
      () => {
        let startIndex = null;
        let endIndex = null;
        const range = this.calculateRange();
        if (range) {
          startIndex = range.startIndex;
          endIndex = range.endIndex;
        }
        this.maybeNotify.updateDeps([this.isScrolling, startIndex, endIndex]);
        return [
          this.options.rangeExtractor,
          this.options.overscan,
          this.options.count,
          startIndex,
          endIndex,
          this.options.lanes
        ];
      },
      (rangeExtractor, overscan, count2, startIndex, endIndex, lanes) => {
        return startIndex === null || endIndex === null ? [] : rangeExtractor({
          startIndex,
          endIndex,
          overscan,
          count: count2,
          lanes
        });
      },
      {
        key: false,
        debug: () => this.options.debug
      }
    );
    this.indexFromElement = (node) => {
      const attributeName = this.options.indexAttribute;
      const indexStr = node.getAttribute(attributeName);
      if (!indexStr) {
        console.warn(
          `Missing attribute name '${attributeName}={index}' on measured element.`
        );
        return -1;
      }
      return parseInt(indexStr, 10);
    };
    this.shouldMeasureDuringScroll = (index) => {
      var _a;
      if (!isSmoothScroll(this.scrollState)) {
        return true;
      }
      const scrollIndex = this.scrollState.index ?? ((_a = this.getVirtualItemForOffset(this.scrollState.lastTargetOffset)) == null ? void 0 : _a.index);
      if (scrollIndex !== void 0 && this.range) {
        const bufferSize = Math.max(
          this.options.overscan,
          Math.ceil((this.range.endIndex - this.range.startIndex) / 2)
        );
        const minIndex = Math.max(0, scrollIndex - bufferSize);
        const maxIndex = Math.min(
          this.options.count - 1,
          scrollIndex + bufferSize
        );
        return index >= minIndex && index <= maxIndex;
      }
      return true;
    };
    this.measureElement = (node) => {
      if (!node) {
        this.elementsCache.forEach((cached, key2) => {
          if (!cached.isConnected) {
            this.observer.unobserve(cached);
            this.elementsCache.delete(key2);
          }
        });
        return;
      }
      const index = this.indexFromElement(node);
      if (!this.isIndexInRange(index)) return;
      const key = this.options.getItemKey(index);
      const prevNode = this.elementsCache.get(key);
      if (prevNode !== node) {
        if (prevNode) {
          this.observer.unobserve(prevNode);
        }
        this.observer.observe(node);
        this.elementsCache.set(key, node);
      }
      if (node.isConnected && (!this.isScrolling || this.scrollState) && this.shouldMeasureDuringScroll(index)) {
        this.resizeItem(index, this.options.measureElement(node, void 0, this));
      }
    };
    this.resizeItem = (index, size) => {
      var _a, _b, _c;
      if (!this.isIndexInRange(index)) return;
      if ((_a = this._resizeBatch) == null ? void 0 : _a.sync) this.getMeasurements();
      let cachedSize;
      let itemStart;
      let key;
      const flat = (_b = this._singleLaneMeasurements) == null ? void 0 : _b.flat;
      if (this.options.lanes === 1 && flat != null) {
        key = this.options.getItemKey(index);
        itemStart = flat[index * 2];
        cachedSize = flat[index * 2 + 1];
      } else {
        const item = this.measurementsCache[index];
        if (!item) return;
        key = item.key;
        itemStart = item.start;
        cachedSize = item.size;
      }
      const itemSize = this.itemSizeCache.get(key) ?? cachedSize;
      const delta = size - itemSize;
      if (delta !== 0) {
        const wasAtEnd = this.options.anchorTo === "end" && !isSmoothScroll(this.scrollState) && this.getVirtualDistanceFromEnd() <= this.options.scrollEndThreshold;
        const prevTotalSize = wasAtEnd ? this._getLayoutTotalSize() : 0;
        const scrollOffset = this.getScrollOffset();
        const isFirstMeasure = !this.itemSizeCache.has(key);
        const defaultShouldAdjust = isFirstMeasure ? (
          // First measurement: compensate any item whose top sits above the
          // fold — the estimate→actual delta must be corrected regardless of
          // scroll direction, since the whole estimated block was above it.
          itemStart < scrollOffset
        ) : (
          // Re-measurement: only compensate an item that is ENTIRELY above the
          // fold. An item that merely *spans* the fold (top above, bottom
          // below — e.g. a streaming chat message growing at its bottom)
          // changes size *below* the anchor point, so shifting scrollTop by the
          // delta would drag the viewport downward on every growth (#1218).
          // Also skip during backward scroll to avoid the "items jump while
          // scrolling up" cascade.
          itemStart + itemSize <= scrollOffset && this.scrollDirection !== "backward"
        );
        const shouldAdjustScroll = !isSmoothScroll(this.scrollState) && (this.shouldAdjustScrollPositionOnItemSizeChange !== void 0 ? this.shouldAdjustScrollPositionOnItemSizeChange(
          // The callback expects a VirtualItem; build one lazily only
          // when the consumer actually supplied a custom predicate.
          this.measurementsCache[index] ?? {
            index,
            key,
            start: itemStart,
            size: cachedSize,
            end: itemStart + cachedSize,
            lane: 0
          },
          delta,
          this
        ) : defaultShouldAdjust);
        if (this.pendingMin === null || index < this.pendingMin) {
          this.pendingMin = index;
        }
        this.itemSizeCache.set(key, size);
        this.itemSizeCacheVersion++;
        let adjustedSync = false;
        if (!this._awaitingCommandReadBack()) {
          if (wasAtEnd) {
            adjustedSync = this.applyScrollAdjustment(
              this._getLayoutTotalSize() - prevTotalSize
            );
          } else if (shouldAdjustScroll) {
            adjustedSync = this.applyScrollAdjustment(delta);
          }
        }
        if (this._resizeBatch) {
          this._resizeBatch.notify = true;
          (_c = this._resizeBatch).sync || (_c.sync = adjustedSync);
          return;
        }
        this.notify(adjustedSync);
        this._noteClampMax();
        this._flushHoldIfReady(true);
        this._retryClampedAdjustment();
      }
    };
    this.getVirtualItems = memo(
      () => [this.getVirtualIndexes(), this.getMeasurements(), this._holdOffset],
      (indexes, measurements, hold) => {
        const virtualItems = [];
        for (let k = 0, len = indexes.length; k < len; k++) {
          const i = indexes[k];
          const measurement = measurements[i];
          virtualItems.push(
            hold === 0 ? measurement : {
              ...measurement,
              start: measurement.start - hold,
              end: measurement.end - hold
            }
          );
        }
        return virtualItems;
      },
      {
        key: false,
        debug: () => this.options.debug
      }
    );
    this.getVirtualItemForOffset = (offset) => {
      var _a;
      const measurements = this.getMeasurements();
      if (measurements.length === 0) {
        return void 0;
      }
      const flat = (_a = this._singleLaneMeasurements) == null ? void 0 : _a.flat;
      const useFlat = this.options.lanes === 1 && flat != null;
      const idx = findNearestBinarySearch(
        0,
        measurements.length - 1,
        useFlat ? (i) => flat[i * 2] : (i) => notUndefined(measurements[i]).start,
        offset
      );
      return notUndefined(measurements[idx]);
    };
    this._noteClampMax = () => {
      if (!this._awaitingCommandReadBack()) return;
      const elementMax = this._elementMaxScrollOffset();
      if (elementMax === null) return;
      const write = this.pendingWrite;
      const max = Math.max(elementMax, 0) + this._holdOffset;
      if (max >= write.target) return;
      const lowMaxes = write.lowMaxes ?? (write.lowMaxes = []);
      if (lowMaxes[lowMaxes.length - 1] !== max) lowMaxes.push(max);
    };
    this.getMaxScrollOffset = () => (this._elementMaxScrollOffset() ?? 0) + this._holdOffset;
    this._toLayoutOffset = (elementOffset) => {
      var _a;
      let offset = elementOffset + this._holdOffset;
      if (((_a = this.pendingScrollAnchor) == null ? void 0 : _a.kind) === "anchor") {
        offset += this.pendingScrollAnchor.delta;
      }
      return offset;
    };
    this._elementMaxScrollOffset = () => {
      const el = this.scrollElement;
      if (el === null) return null;
      if ("scrollHeight" in el) {
        return this.options.horizontal ? el.scrollWidth - el.clientWidth : el.scrollHeight - el.clientHeight;
      }
      if ("document" in el) {
        const doc = el.document.documentElement;
        return this.options.horizontal ? doc.scrollWidth - el.innerWidth : doc.scrollHeight - el.innerHeight;
      }
      return null;
    };
    this._momentumStop = null;
    this._stopMomentum = (done) => {
      const el = this.scrollElement;
      const win = this.targetWindow;
      if (el === null || win === null) return;
      const scroller = "document" in el ? el.document.scrollingElement : el;
      if (!(scroller == null ? void 0 : scroller.style)) return;
      if (this._momentumStop) {
        this._momentumStop.done = done;
        return;
      }
      const { style } = scroller;
      const property = this.options.horizontal ? "overflow-x" : "overflow-y";
      const value = style.getPropertyValue(property);
      const priority = style.getPropertyPriority(property);
      const crossSize = () => this.options.horizontal ? scroller.clientHeight : scroller.clientWidth;
      const crossSizeBefore = crossSize();
      style.setProperty(property, "hidden", "important");
      if (crossSize() !== crossSizeBefore) {
        style.setProperty(property, value, priority);
        return;
      }
      const stop = {
        // False when the app replaced the hidden value: the fling may not
        // have stopped.
        restore: () => {
          if (style.getPropertyValue(property) !== "hidden" || style.getPropertyPriority(property) !== "important") {
            return false;
          }
          style.setProperty(property, value, priority);
          return true;
        },
        done
      };
      this._momentumStop = stop;
      win.requestAnimationFrame(
        () => win.requestAnimationFrame(() => {
          if (this._momentumStop !== stop) return;
          this._momentumStop = null;
          if (stop.restore()) stop.done();
        })
      );
    };
    this._clampedBy = (target) => {
      const elementMax = this._elementMaxScrollOffset();
      if (elementMax === null) return null;
      const maxAtWrite = elementMax + this._holdOffset;
      return target > maxAtWrite + 0.5 ? { target, maxAtWrite } : null;
    };
    this.getVirtualDistanceFromEnd = () => {
      return Math.max(
        this._getLayoutTotalSize() + this.options.scrollMargin - this.getSize() - this.getScrollOffset(),
        0
      );
    };
    this.getDistanceFromEnd = () => {
      return Math.max(this.getMaxScrollOffset() - this.getScrollOffset(), 0);
    };
    this.isAtEnd = (threshold = this.options.scrollEndThreshold) => {
      return this.getDistanceFromEnd() <= threshold;
    };
    this.getOffsetForAlignment = (toOffset, align, itemSize = 0) => {
      if (!this.scrollElement) return 0;
      const size = this.getSize();
      const scrollOffset = this.getScrollOffset();
      if (align === "auto") {
        align = toOffset >= scrollOffset + size ? "end" : "start";
      }
      if (align === "center") {
        toOffset += (itemSize - size) / 2;
      } else if (align === "end") {
        toOffset -= size;
      }
      const maxOffset = this.getMaxScrollOffset();
      return Math.max(Math.min(maxOffset, toOffset), 0);
    };
    this.getOffsetForIndex = (index, align = "auto") => {
      index = Math.max(0, Math.min(index, this.options.count - 1));
      const size = this.getSize();
      const scrollOffset = this.getScrollOffset();
      const item = this.getMeasurements()[index];
      if (!item) return;
      if (align === "auto") {
        if (item.end >= scrollOffset + size - this.options.scrollPaddingEnd) {
          align = "end";
        } else if (item.start <= scrollOffset + this.options.scrollPaddingStart) {
          align = "start";
        } else {
          return [scrollOffset, align];
        }
      }
      if (align === "end" && index === this.options.count - 1) {
        const maxOffset = this.getMaxScrollOffset();
        const toOffset2 = maxOffset - this.options.paddingEnd + this.options.scrollPaddingEnd;
        return [Math.max(Math.min(toOffset2, maxOffset), 0), align];
      }
      const toOffset = align === "end" ? item.end + this.options.scrollPaddingEnd : item.start - this.options.scrollPaddingStart;
      return [
        this.getOffsetForAlignment(toOffset, align, item.size),
        align
      ];
    };
    this.scrollToOffset = (toOffset, { align = "start", behavior = "auto" } = {}) => {
      this._startScroll(
        { index: null, align },
        this.getOffsetForAlignment(toOffset, align),
        behavior,
        "absolute"
      );
    };
    this.scrollToIndex = (index, {
      align: initialAlign = "auto",
      behavior = "auto"
    } = {}) => {
      index = Math.max(0, Math.min(index, this.options.count - 1));
      const offsetInfo = this.getOffsetForIndex(index, initialAlign);
      if (!offsetInfo) return;
      const [offset, align] = offsetInfo;
      this._startScroll({ index, align }, offset, behavior, "absolute");
    };
    this.scrollBy = (delta, { behavior = "auto" } = {}) => {
      const offset = this.getOffsetForAlignment(
        (this.getCommandWrittenOffset() ?? this.getScrollOffset()) + delta,
        "start"
      );
      this._startScroll(
        { index: null, align: "start" },
        offset,
        behavior,
        "relative"
      );
    };
    this.scrollToEnd = ({ behavior = "auto" } = {}) => {
      if (this.options.count > 0) {
        this._startScroll(
          { index: this.options.count - 1, align: "end", toEnd: true },
          Math.max(this.getMaxScrollOffset(), 0),
          behavior,
          "absolute"
        );
        return;
      }
      this.scrollToOffset(Math.max(this.getTotalSize() - this.getSize(), 0), {
        behavior
      });
    };
    this.cancelScroll = () => {
      if (this.rafId != null && this.targetWindow) {
        this.targetWindow.cancelAnimationFrame(this.rafId);
        this.rafId = null;
      }
      this.scrollState = null;
    };
    this.getTotalSize = () => Math.max(this._getLayoutTotalSize() - this._holdOffset, 0);
    this._getLayoutTotalSize = () => {
      var _a, _b;
      const measurements = this.getMeasurements();
      let end;
      if (measurements.length === 0) {
        end = this.options.paddingStart;
      } else if (this.options.lanes === 1) {
        const lastIdx = measurements.length - 1;
        const flat = (_a = this._singleLaneMeasurements) == null ? void 0 : _a.flat;
        if (flat != null) {
          end = flat[lastIdx * 2] + flat[lastIdx * 2 + 1];
        } else {
          end = ((_b = measurements[lastIdx]) == null ? void 0 : _b.end) ?? 0;
        }
      } else {
        const endByLane = Array(this.options.lanes).fill(null);
        let endIndex = measurements.length - 1;
        while (endIndex >= 0 && endByLane.some((val) => val === null)) {
          const item = measurements[endIndex];
          if (endByLane[item.lane] === null) {
            endByLane[item.lane] = item.end;
          }
          endIndex--;
        }
        end = Math.max(...endByLane.filter((val) => val !== null));
      }
      return Math.max(
        end - this.options.scrollMargin + this.options.paddingEnd,
        0
      );
    };
    this.takeSnapshot = () => {
      const snapshot = [];
      if (this.itemSizeCache.size === 0) return snapshot;
      const m = this.getMeasurements();
      for (const item of m) {
        if (item && this.itemSizeCache.has(item.key)) {
          snapshot.push({
            index: item.index,
            key: item.key,
            start: item.start,
            size: item.size,
            end: item.end,
            lane: item.lane
          });
        }
      }
      return snapshot;
    };
    this._scrollToOffset = (offset, {
      adjustments,
      behavior
    } = {}) => {
      const write = {
        target: offset + (adjustments ?? 0),
        smooth: behavior === "smooth"
      };
      this.pendingWrite = write;
      this.options.scrollToFn(
        offset - this._holdOffset,
        { behavior, adjustments },
        this
      );
      return write;
    };
    this.getCommandWrittenOffset = () => this.scrollState !== null && this.pendingWrite !== null && !this.pendingWrite.smooth ? this.pendingWrite.target : null;
    this._awaitingCommandReadBack = () => {
      const writtenOffset = this.getCommandWrittenOffset();
      return !(isIOSWebKit() && this._iosGesture.dragging()) && writtenOffset !== null && !approxEqual(writtenOffset, this.getScrollOffset());
    };
    this._followOffsetTarget = (delta) => {
      if (this.scrollState !== null && this.scrollState.index == null) {
        this.scrollState.lastTargetOffset += delta;
      }
    };
    this.measure = () => {
      this.pendingMin = null;
      this.itemSizeCache.clear();
      this.laneAssignments.clear();
      this.itemSizeCacheVersion++;
      this.notify(false);
    };
    this.setOptions(opts);
  }
  /**
   * @deprecated Always 0: a scroll correction is folded into `scrollOffset`
   * at once, so there is never an outstanding adjustment to add to it. Read
   * `scrollOffset` alone.
   */
  get scrollAdjustments() {
    return 0;
  }
  // Returns `true` when it performed a synchronous `scrollTop` write this
  // tick, `false` when the delta was zero or the write was deferred (iOS).
  // `resizeItem` uses that to decide whether the follow-up `notify` must be
  // synchronous so the grown transforms commit in the same paint (#1227).
  applyScrollAdjustment(delta, behavior) {
    if (delta === 0) return false;
    if (false) {
      console.info("correction", delta);
    }
    this._followOffsetTarget(delta);
    if (!this._canWriteScroll()) {
      this._holdOffset += delta;
      if (this.scrollOffset !== null) this.scrollOffset += delta;
      return true;
    } else {
      const offset = this.getScrollOffset();
      this._clampedAdjustment = this._clampedBy(offset + delta);
      const write = this._scrollToOffset(offset, {
        adjustments: delta,
        behavior
      });
      if (this.scrollOffset !== null) {
        if (this.pendingWrite === write) this.scrollOffset += delta;
        if (this.scrollOffset < 0) this.scrollOffset = 0;
      }
      return true;
    }
  }
  scheduleScrollReconcile() {
    if (!this.targetWindow) {
      this.scrollState = null;
      return;
    }
    if (this.rafId != null) return;
    this.rafId = this.targetWindow.requestAnimationFrame(() => {
      this.rafId = null;
      this.reconcileScroll();
    });
  }
  getScrollStateTarget(state) {
    const offsetInfo = state.toEnd ? [Math.max(this.getMaxScrollOffset(), 0)] : state.index != null ? this.getOffsetForIndex(state.index, state.align) : void 0;
    return offsetInfo ? offsetInfo[0] : state.lastTargetOffset;
  }
  reconcileScroll() {
    if (!this.scrollState) return;
    const el = this.scrollElement;
    if (!el) return;
    const MAX_RECONCILE_MS = 5e3;
    if (this.now() - this.scrollState.startedAt > MAX_RECONCILE_MS) {
      this.scrollState = null;
      return;
    }
    if (this.scrollState.phase === "queued") {
      this.scheduleScrollReconcile();
      return;
    }
    this.getMeasurements();
    const targetOffset = this.getScrollStateTarget(this.scrollState);
    const STABLE_FRAMES = this.scrollState.index == null ? 1 : this.options.useAnimationFrameWithResizeObserver ? 3 : 2;
    const targetChanged = targetOffset !== this.scrollState.lastTargetOffset;
    if (!targetChanged && approxEqual(targetOffset, this.getScrollOffset())) {
      if (this.scrollState.phase === "smooth") {
        this.scrollState.phase = "smoothLanded";
      } else if (this.scrollState.phase === "smoothFinishing") {
        this.scrollState.phase = "instant";
      }
      this.scrollState.stableFrames++;
      if (this.scrollState.stableFrames >= STABLE_FRAMES) {
        if (this.getScrollOffset() !== targetOffset) {
          this._scrollToOffset(targetOffset, { behavior: "auto" });
        }
        this.scrollState = null;
        return;
      }
    } else {
      this.scrollState.stableFrames = 0;
      if (targetChanged) {
        const viewport = this.getSize() || 600;
        const distance = Math.abs(targetOffset - this.getScrollOffset());
        const keepSmooth = isSmoothScroll(this.scrollState) && distance > viewport;
        this.scrollState.lastTargetOffset = targetOffset;
        if (keepSmooth) {
          this.scrollState.phase = "smooth";
        } else if (this.scrollState.phase === "smooth") {
          this.scrollState.phase = "smoothFinishing";
        } else if (this.scrollState.phase === "smoothLanded") {
          this.scrollState.phase = "instant";
        }
        this._scrollToOffset(targetOffset, {
          behavior: keepSmooth ? "smooth" : "auto"
        });
      }
    }
    this.scheduleScrollReconcile();
  }
  // Every scroll command starts here: it becomes the in-flight command,
  // writes its first target and leaves reconcile to retarget and retire it.
  //
  // Targets are layout offsets. A held correction is not dropped by a
  // command: the write lands the element `_holdOffset` short of the target,
  // under the rows exposed shifted by the same amount, and the flush moves
  // both together once a write is possible.
  //
  // An index or end target that is already at its offset starts a smooth
  // scroll as landed; an offset target never does, so its first scroll
  // event is read as the user's (see the scroll handler in `_willUpdate`).
  _startScroll(target, offset, behavior, kind) {
    this.pendingScrollAnchor = null;
    this._clampedAdjustment = null;
    const tail = this._iosGesture.tail();
    if (kind === "absolute" && tail !== null) {
      if (tail === "fling" && momentumOverridesWrites()) {
        this._stopMomentum(() => {
          const state = this.scrollState;
          if ((state == null ? void 0 : state.phase) !== "queued" || // A finger came down: it owns the scroll until it lifts.
          this._iosGesture.tail() !== "fling" || // In a bounce WebKit can drop the write (#1287): the tail
          // decides, as without the stop. (Not `flingCaught`: our stop
          // also ends the fling at speed, so a slow frame would read as
          // a catch and the tail would drop the command.)
          this._reportedOverscroll) {
            return;
          }
          this._iosGesture.end();
          this._flushHoldIfReady(true);
          this._writeAwaitingCommand();
        });
        this.scrollState = {
          ...target,
          startedAt: this.now(),
          lastTargetOffset: offset,
          stableFrames: 0,
          phase: "queued",
          behavior,
          samples: []
        };
        this.scheduleScrollReconcile();
        return;
      }
      this._iosGesture.end();
    }
    this.scrollState = {
      ...target,
      startedAt: this.now(),
      lastTargetOffset: offset,
      stableFrames: 0,
      behavior,
      phase: initialScrollPhase(
        behavior,
        target.index != null && approxEqual(offset, this.getScrollOffset())
      )
    };
    this._scrollToOffset(offset, { behavior });
    this.scheduleScrollReconcile();
  }
};
var findNearestBinarySearch = (low, high, getCurrentValue, value) => {
  while (low <= high) {
    const middle = (low + high) / 2 | 0;
    const currentValue = getCurrentValue(middle);
    if (currentValue < value) {
      low = middle + 1;
    } else if (currentValue > value) {
      high = middle - 1;
    } else {
      return middle;
    }
  }
  if (low > 0) {
    return low - 1;
  } else {
    return 0;
  }
};
function findNearestBinarySearchFlat(flat, high, value) {
  let low = 0;
  while (low <= high) {
    const middle = (low + high) / 2 | 0;
    const currentValue = flat[middle * 2];
    if (currentValue < value) {
      low = middle + 1;
    } else if (currentValue > value) {
      high = middle - 1;
    } else {
      return middle;
    }
  }
  return low > 0 ? low - 1 : 0;
}
function calculateRangeImpl(measurements, outerSize, scrollOffset, lanes, flat) {
  const lastIndex = measurements.length - 1;
  if (measurements.length <= lanes) {
    return { startIndex: 0, endIndex: lastIndex };
  }
  if (lanes === 1 && flat !== null) {
    const startIndex2 = findNearestBinarySearchFlat(
      flat,
      lastIndex,
      scrollOffset
    );
    let endIndex2 = startIndex2;
    const limit = scrollOffset + outerSize;
    while (endIndex2 < lastIndex && flat[endIndex2 * 2] + flat[endIndex2 * 2 + 1] < limit) {
      endIndex2++;
    }
    return { startIndex: startIndex2, endIndex: endIndex2 };
  }
  const getStart = (index) => measurements[index].start;
  let startIndex = findNearestBinarySearch(0, lastIndex, getStart, scrollOffset);
  let endIndex = startIndex;
  if (lanes === 1) {
    while (endIndex < lastIndex && measurements[endIndex].end < scrollOffset + outerSize) {
      endIndex++;
    }
  } else if (lanes > 1) {
    const endPerLane = Array(lanes).fill(0);
    while (endIndex < lastIndex && endPerLane.some((pos) => pos < scrollOffset + outerSize)) {
      const item = measurements[endIndex];
      endPerLane[item.lane] = item.end;
      endIndex++;
    }
    const startPerLane = Array(lanes).fill(scrollOffset + outerSize);
    while (startIndex >= 0 && startPerLane.some((pos) => pos >= scrollOffset)) {
      const item = measurements[startIndex];
      startPerLane[item.lane] = item.start;
      startIndex--;
    }
    startIndex = Math.max(0, startIndex - startIndex % lanes);
    endIndex = Math.min(lastIndex, endIndex + (lanes - 1 - endIndex % lanes));
  }
  return { startIndex, endIndex };
}

// src/feature_dashboard/list.ts
var ROW = 27;
var UNSEEN = { width: 300, height: 480 };
var RAREST = -6;
function densityShare(density) {
  return density > 0 ? Math.max(0.02, 1 - Math.log10(density) / RAREST) : 0;
}
function cellText(column, columns, row) {
  const { name, kind } = column;
  const value = columns.numbers[kind === "number" || kind === "share" ? name : "max"]?.[row];
  if (value === void 0 || Number.isNaN(value)) return "–";
  if (kind === "share") return densityText(value);
  return Math.abs(value) >= 1e3 ? count(value) : short(value);
}
function rowFor(key, at, total, page) {
  const steps = {
    ArrowDown: at + 1,
    ArrowUp: at < 0 ? 0 : at - 1,
    PageDown: at + page,
    PageUp: at - page,
    Home: 0,
    End: total - 1
  };
  const to = steps[key];
  return to === void 0 || !total ? null : Math.max(0, Math.min(total - 1, to));
}
function textNode(text) {
  const node = span("inb-row-text");
  if (!text) node.append("…");
  else if (text.label) node.append(visible(text.label));
  else {
    node.classList.add("inb-mark");
    node.append(text.words);
  }
  return node;
}
function latentList(scope, events) {
  const sheet = div("inb-list-sheet");
  const node = h("div", { class: "inb-list", role: "listbox", tabindex: 0, "aria-label": "latents" }, sheet);
  const last = span("inb-row-value");
  const head = div(
    "inb-list-head",
    span("inb-row-index", "latent"),
    span("inb-row-text", "label or tokens"),
    span("inb-list-density", "density"),
    last
  );
  const shown = /* @__PURE__ */ new Map();
  let props;
  const virtual = new Virtualizer({
    count: 0,
    getScrollElement: () => node,
    estimateSize: () => ROW,
    overscan: 8,
    scrollToFn: elementScroll,
    // Where nothing is laid out, some rows are better than none.
    observeElementRect: (list, tell) => observeElementRect(list, (rect2) => tell(rect2.height ? rect2 : UNSEEN)),
    observeElementOffset,
    onChange: () => draw()
  });
  const unmount = virtual._didMount();
  function rowNode(index, now) {
    const { columns, rows, texts, column } = now;
    const row = rows[index] ?? 0;
    const latent = latentOf(columns, row);
    const flags = columns.flags[row] ?? 0;
    const density = columns.numbers.density?.[row] ?? Number.NaN;
    const bar = span("inb-row-bar");
    bar.style.width = `${100 * densityShare(density)}%`;
    const known2 = texts.get(latent);
    const marks = [
      flags & FLAG.dead ? "dead" : "",
      flags & FLAG.dense ? "dense" : "",
      flags & FLAG.human ? "labelled by a person" : flags & FLAG.reliable ? "reliable label" : ""
    ].filter(Boolean);
    const text = textNode(known2);
    const badge = flags & FLAG.human ? "✎" : flags & FLAG.reliable ? "✓" : "";
    const line2 = h(
      "div",
      {
        class: "inb-row",
        role: "option",
        "data-latent": latent,
        "aria-setsize": rows.length,
        "aria-posinset": index + 1
      },
      span("inb-row-index", String(latent)),
      text,
      badge ? span("inb-row-badge", badge) : null,
      h("span", { class: "inb-row-track" }, bar),
      span("inb-row-value", cellText(column, columns, row))
    );
    line2.title = [
      known2?.label,
      known2?.concept,
      Number.isNaN(density) ? "" : `density ${densityText(density)}`,
      ...marks
    ].filter(Boolean).join(" · ");
    if (flags & FLAG.dead) line2.classList.add("inb-dim");
    line2.style.transform = `translateY(${index * ROW}px)`;
    return line2;
  }
  function draw() {
    const now = props;
    if (!now) return;
    const items = virtual.getVirtualItems();
    const wanted = new Set(items.map(({ index }) => index));
    for (const [index, line2] of shown) {
      if (wanted.has(index)) continue;
      line2.remove();
      shown.delete(index);
    }
    const missing = [];
    for (const { index } of items) {
      let line2 = shown.get(index);
      if (!line2) {
        line2 = rowNode(index, now);
        shown.set(index, line2);
        sheet.append(line2);
      }
      const latent = Number(line2.dataset.latent);
      const chosen = latent === now.selected;
      setAttrs(line2, { "aria-selected": chosen ? "true" : "false" });
      if (!now.texts.has(latent)) missing.push(latent);
    }
    if (missing.length) events.missing(missing);
  }
  const placeOf = (latent) => {
    if (!props) return -1;
    const { columns, rows } = props;
    for (let i = 0; i < rows.length; i++) if (latentOf(columns, rows[i] ?? -1) === latent) return i;
    return -1;
  };
  scope.listen(sheet, "click", (event) => {
    const line2 = event.target.closest("[data-latent]");
    if (line2) events.choose(Number(line2.dataset.latent));
  });
  scope.listen(node, "keydown", (event) => {
    if (!props || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(node.clientHeight / ROW) - 1);
    const to = rowFor(event.key, placeOf(props.selected), props.rows.length, page);
    if (to === null) return;
    event.preventDefault();
    events.choose(latentOf(props.columns, props.rows[to] ?? 0));
  });
  return {
    node,
    head,
    update(next) {
      const { kind, label: label2, name } = next.column;
      last.textContent = kind === "number" || kind === "share" ? label2 ?? name : "max";
      const same2 = props && props.rows === next.rows && props.version === next.version && props.column === next.column;
      if (props && props.rows !== next.rows) node.scrollTop = 0;
      props = next;
      if (!same2) {
        for (const line2 of shown.values()) line2.remove();
        shown.clear();
      }
      sheet.style.height = `${next.rows.length * ROW}px`;
      virtual.setOptions({ ...virtual.options, count: next.rows.length });
      virtual._willUpdate();
      draw();
    },
    reveal(latent) {
      const at = placeOf(latent);
      if (at >= 0) virtual.scrollToIndex(at, { align: "auto" });
    },
    focus: () => node.focus(),
    destroy: () => unmount()
  };
}

// src/feature_dashboard/order.ts
var SHOWN = [
  { name: "alive", label: "alive", on: 0, off: FLAG.dead },
  { name: "all", label: "all", on: 0, off: 0 },
  { name: "sparse", label: "alive, not dense", on: 0, off: FLAG.dead | FLAG.dense },
  { name: "dense", label: "dense", on: FLAG.dense, off: 0 },
  { name: "dead", label: "dead", on: FLAG.dead, off: 0 },
  { name: "labelled", label: "labelled", on: FLAG.labelled, off: 0 },
  { name: "unlabelled", label: "without a label", on: 0, off: FLAG.labelled | FLAG.dead },
  { name: "human", label: "labelled by people", on: FLAG.human, off: 0 },
  { name: "reliable", label: "reliable labels", on: FLAG.reliable, off: 0 }
];
var NO_FILTER = { shown: "alive", minDensity: null, maxDensity: null, box: null };
function readSort(sort, columns) {
  const text = typeof sort === "string" ? sort : "";
  const name = text.replace(/^-/, "");
  const known2 = columns.some((column) => column.name === name);
  return { name: known2 ? name : columns[0]?.name ?? "latent_idx", reversed: known2 && text.startsWith("-") };
}
function writeSort({ name, reversed }) {
  return (reversed ? "-" : "") + name;
}
function keeps(filter, columns, row) {
  const flags = columns.flags[row] ?? 0;
  const { on, off } = SHOWN.find(({ name }) => name === filter.shown) ?? SHOWN[0];
  if ((flags & on) !== on || flags & off) return false;
  if (filter.box && !filter.box.has(row)) return false;
  const density = columns.numbers.density?.[row];
  if (density === void 0) return true;
  return !(density < (filter.minDensity ?? 0)) && !(density > (filter.maxDensity ?? Number.POSITIVE_INFINITY));
}
function kept(columns, filter, found) {
  const rows = new Int32Array(found ? found.length : columns.n);
  let count2 = 0;
  for (let i = 0; i < rows.length; i++) {
    const row = found ? rowOf(columns, found[i] ?? -1) : i;
    if (row >= 0 && keeps(filter, columns, row)) rows[count2++] = row;
  }
  return rows.slice(0, count2);
}
function sortRows(rows, columns, { name, reversed }, kind) {
  const values = valuesOf(columns, name);
  const ascending = (kind === "text" || kind === "index") !== reversed;
  if (!values) {
    if (kind !== "index") return rows;
    const sign = ascending ? 1 : -1;
    return rows.sort((a, b) => sign * (latentOf(columns, a) - latentOf(columns, b)));
  }
  const missing = (value) => Number.isNaN(value) || kind === "text" && value < 0;
  const keys = new Float64Array(columns.n);
  for (const row of rows) {
    const value = values[row] ?? Number.NaN;
    keys[row] = missing(value) ? Number.POSITIVE_INFINITY : ascending ? value : -value;
  }
  return rows.sort((a, b) => {
    const [x, y] = [keys[a] ?? 0, keys[b] ?? 0];
    return x < y ? -1 : x > y ? 1 : a - b;
  });
}
function localSearch(texts, query, by) {
  const sought = query.trim().toLowerCase();
  const fields = ({ label: label2, concept, words }) => by === "label" ? [label2, concept] : by === "any" ? [label2, concept, words] : [words];
  return [...texts].filter(([, text]) => fields(text).some((field2) => field2.toLowerCase().includes(sought))).map(([latent]) => latent);
}

// src/feature_dashboard/list_bar.ts
var MATCH = " match";
var NAMES = {
  any: "labels, tokens",
  label: "labels",
  token: "tokens",
  text: "example texts"
};
var option = (value, text) => h("option", { value }, text);
function setOptions(select, choices, value) {
  const key = JSON.stringify(choices);
  if (select.dataset.key !== key) {
    select.dataset.key = key;
    select.replaceChildren(...choices.map(([name, text]) => option(name, text)));
  }
  select.value = value;
}
function readPercent(text) {
  const value = Number(text.replace("%", "").replace(",", "."));
  return text.trim() === "" || !Number.isFinite(value) ? null : value / 100;
}
function listBar(scope, events) {
  const search = h("input", {
    type: "search",
    class: "inb-search",
    placeholder: "Search  ( / )",
    "aria-label": "search latents"
  });
  const by = h("select", { "aria-label": "search in", class: "inb-search-by" });
  by.append(...SEARCHES.map((each) => option(each, NAMES[each])));
  const sort = h("select", { "aria-label": "sort by" });
  const turn = button("↓", { class: "inb-button inb-turn" });
  const shown = h("select", { "aria-label": "show" });
  shown.append(...SHOWN.map(({ name, label: label2 }) => option(name, label2)));
  const limit = (name) => h("input", {
    type: "text",
    inputmode: "decimal",
    size: 5,
    "aria-label": `${name} density in percent`,
    placeholder: name
  });
  const [low, high] = [limit("lowest"), limit("highest")];
  const box = button("", {
    class: "inb-button inb-boxed",
    hidden: true,
    title: "Show the latents outside of the box too"
  });
  const said = span("inb-hint inb-list-said");
  const node = div(
    "inb-list-bar",
    div("inb-search-row", search, by),
    div(
      "inb-filter-row",
      h("label", {}, span("inb-word", "sort"), sort),
      turn,
      h("label", {}, span("inb-word", "show"), shown)
    ),
    div("inb-filter-row", h("label", { class: "inb-density-limits" }, "density", low, "to", high, "%"), said),
    box
  );
  let now;
  let timer;
  scope.add(() => clearTimeout(timer));
  let sent = "";
  const ask = (delay) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      sent = search.value;
      events.search(sent, by.value);
    }, delay);
  };
  scope.listen(search, "input", () => ask(search.value ? 200 : 0));
  scope.listen(by, "change", () => ask(0));
  scope.listen(search, "keydown", (event) => {
    if (event.key === "ArrowDown") events.leave();
    else if (event.key === "Enter") events.first();
    else if (event.key === "Escape" && search.value) {
      search.value = "";
      ask(0);
    } else return;
    event.preventDefault();
  });
  scope.listen(sort, "change", () => events.sort(sort.value === MATCH ? null : { name: sort.value, reversed: false }));
  scope.listen(turn, "click", () => now && events.sort({ ...now.sorting, reversed: !now.sorting.reversed }));
  const filter = (change) => events.filter({ ...now?.filter ?? NO_FILTER, ...change });
  scope.listen(shown, "change", () => filter({ shown: shown.value }));
  for (const input of [low, high]) {
    scope.listen(
      input,
      "change",
      () => filter({ minDensity: readPercent(low.value), maxDensity: readPercent(high.value) })
    );
  }
  scope.listen(box, "click", () => filter({ box: null }));
  return {
    node,
    focus: () => search.select(),
    update(state) {
      now = state;
      if (state.query !== sent) search.value = sent = state.query;
      by.value = state.by;
      const names = state.columns.map(({ name, label: label2 }) => [name, label2 ?? name]);
      const offered = state.query.trim() ? [[MATCH, "best match"], ...names] : names;
      setOptions(sort, offered, state.byMatch ? MATCH : state.sorting.name);
      const column = state.columns.find(({ name }) => name === state.sorting.name);
      const rising = (column?.kind === "text" || column?.kind === "index") !== state.sorting.reversed;
      turn.textContent = rising ? "↑" : "↓";
      turn.disabled = state.byMatch;
      setAttrs(turn, { "aria-label": rising ? "rising" : "falling", title: "Turn the order around" });
      sort.title = column?.hint ?? "";
      shown.value = state.filter.shown;
      if (state.filter.minDensity === null && state.filter.maxDensity === null) low.value = high.value = "";
      box.hidden = !state.filter.box;
      box.textContent = `${state.filter.box?.size.toLocaleString("en") ?? ""} in the box ×`;
      said.textContent = state.said;
      said.classList.toggle("inb-bad-text", state.bad);
    }
  };
}

// src/feature_dashboard/browse.ts
function browse(scope, rows, events) {
  const list = latentList(scope, { choose: events.choose, missing: (latents) => rows.want(latents) });
  const bar = listBar(scope, {
    search: events.search,
    sort(sorting) {
      rows.sort(sorting);
      if (sorting) events.sort(writeSort(sorting));
      events.changed();
    },
    filter(filter) {
      rows.limit(filter);
      events.changed();
    },
    leave: () => list.focus(),
    first() {
      list.focus();
      const [row] = rows.rows;
      if (row !== void 0) events.choose(latentOf(rows.columns, row));
    }
  });
  let revealed = -1;
  return {
    node: h("section", { class: "inb-browse", "aria-label": "all latents" }, bar.node, list.head, list.node),
    update(selected) {
      const { columns, filter, sorting, byMatch, query, by, note } = rows;
      const said = note || rows.said;
      bar.update({ query, by, sorting, byMatch, filter, columns: rows.named, said, bad: note !== "" });
      const { texts, version, column } = rows;
      list.update({ columns, rows: rows.rows, texts, version, column, selected });
      if (selected !== revealed) list.reveal(selected);
      revealed = selected;
    },
    search: bar.focus,
    reveal: () => list.reveal(revealed),
    destroy: list.destroy
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
function between(stops, share2) {
  const at = share2 * (stops.length - 1);
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
    const share2 = Math.min(1, Math.max(0, (value - low) / (high - low)));
    return colors[Math.round(share2 * STEPS)] ?? "#808080";
  };
  return { kind, low, high, color };
}
function diverging(limit, theme) {
  return makeScale("diverging", -limit, limit, DIVERGING[theme]);
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

// src/shared/token_run.ts
var LONGEST = 48;
function fillToken(node, token) {
  const lead = /^ (?=\S)/.test(token) ? " " : "";
  const shown = token.length > LONGEST ? cut(token, LONGEST) : token;
  for (const piece of pieces(shown.slice(lead.length))) {
    node.append(piece.mark ? span("inb-mark", piece.text) : piece.text);
  }
  return lead;
}
function plainRun(tokens, at) {
  return tokens.flatMap((token, i) => {
    const node = h(i === at ? "mark" : "bdi");
    return [document.createTextNode(fillToken(node, token)), node];
  });
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
function tokenRun({ tokens, values, at, scale, lines, tip: more }) {
  const node = h("span", { class: "inb-run", "data-run": true });
  tokens.forEach((token, i) => {
    const { node: each, lead } = runToken(token, i, valueText(values[i]));
    each.classList.toggle("inb-at", i === at);
    shade(each, values[i], scale);
    node.append(lead, more ? tip(each, () => more(i)) : each);
    if (lines && token.includes("\n")) node.append(h("br"));
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

// src/feature_dashboard/examples.ts
var FIRST = { top: 8, band: 3 };
function bandName({ band, name }) {
  return band < 0 ? name : `band ${band + 1} · ${name}`;
}
function exampleTip({ strings }, example, i) {
  const string = (at) => tokenNode(strings[example.tokens[at] ?? -1] ?? "", 120);
  const effect = example.effects[i];
  const next = i + 1 < example.tokens.length;
  return [
    facts([
      ["token", string(i)],
      ["activation", h("strong", {}, valueText(example.values[i]))],
      ...effect != null && next ? [
        ["next token", string(i + 1)],
        ["effect on it", `${signed4(effect)} logit`]
      ] : [],
      ["place", `document ${example.doc}, position ${example.pos + i - example.at}`]
    ]),
    div(
      "inb-tip-text",
      ...plainRun(
        example.tokens.map((token) => strings[token] ?? ""),
        i
      )
    )
  ];
}
function exampleItem(detail, example, scale) {
  const run = tokenRun({
    tokens: example.tokens.map((token) => detail.strings[token] ?? ""),
    values: example.values,
    at: example.at,
    scale,
    tip: (i) => exampleTip(detail, example, i)
  });
  const value = span("inb-example-value", example.value === null ? "–" : sig4(example.value));
  return h("li", {}, value, run);
}
function examplesPart({ detail, hint, scale, open }) {
  const groups = detail.bands.map((band) => {
    const all = detail.examples.filter((example) => example.band === band.band);
    const first = open.has(band.band) ? all.length : band.band < 0 ? FIRST.top : FIRST.band;
    const rest = all.length - first;
    const range = band.low === null || band.high === null ? "" : `${sig4(band.low)} to ${sig4(band.high)}`;
    const more = rest > 0 ? button(`${rest} more`, { "data-band": band.band, class: "inb-link" }) : null;
    return div(
      "inb-band",
      h("h6", {}, span("", bandName(band)), span("inb-mark", ` ${range}`), more),
      h("ol", { class: "inb-examples" }, ...all.slice(0, first).map((each) => exampleItem(detail, each, scale)))
    );
  });
  const none = h("p", { class: "inb-hint" }, "It fired nowhere in the text.");
  const node = section("where", titled("Where it fires", hint), ...groups.length ? groups : [none]);
  enterAt(node);
  return node;
}

// src/feature_dashboard/latent_view.ts
var TWO = 760;
function histogramWidth(width) {
  return Math.round(Math.max(200, Math.min(440, width >= TWO ? width * 0.38 : width)));
}
function latentView(scope, choose) {
  const node = div("inb-latent");
  const open = /* @__PURE__ */ new Set();
  let props;
  let drawn = "";
  const draw = () => {
    if (!props) return;
    const { detail, store, hints, theme, width, has } = props;
    const most2 = number(detail.facts.max) || 1;
    const colors = ramp("sequential", theme);
    const fill = colors[Math.round(0.62 * (colors.length - 1))] ?? "#808080";
    const near = (name, title, text) => chipsPart(name, title, hints[name] ?? "", detail[name], text, has);
    node.replaceChildren(
      examplesPart({
        detail,
        hint: hints.examples ?? "",
        scale: sequential(most2, theme),
        open
      }),
      div(
        "inb-aside",
        histogramPart(detail, store, fill, histogramWidth(width), hints.histogram ?? ""),
        ...[
          logitsPart(detail, hints.logits ?? ""),
          tokensPart(detail, hints.tokens ?? ""),
          near("neighbours", "Writes in a like direction", signed2),
          near("cofiring", "Fires together with", percent),
          headsPart(detail, hints.heads ?? "")
        ].filter((part) => part !== null),
        geometryPart(detail, hints.decoder ?? "")
      )
    );
  };
  scope.listen(node, "click", (event) => {
    const target = event.target;
    const jump = target.closest(".inb-jump")?.dataset.latent;
    if (jump !== void 0) return choose(Number(jump));
    const band = target.closest("[data-band]")?.dataset.band;
    if (band === void 0) return;
    open.add(Number(band));
    draw();
  });
  scope.listen(node, "keydown", (event) => {
    roveTokens(node, event);
  });
  return {
    node,
    update(next) {
      const other = props?.detail.latent_idx !== next.detail.latent_idx || props.detail.store !== next.detail.store;
      if (other) open.clear();
      const before = props;
      props = next;
      const key = JSON.stringify([next.theme, histogramWidth(next.width)]);
      if (before?.detail === next.detail && key === drawn) return;
      drawn = key;
      draw();
    }
  };
}

// src/feature_dashboard/compare_panel.ts
var TWO2 = 560;
function comparePanel(home, bridge, details, events) {
  const scope = new Scope(home);
  const question = new Question(bridge);
  const store = h("select", { "aria-label": "compare with a latent of" });
  const index = h("input", {
    type: "text",
    inputmode: "numeric",
    size: 7,
    "aria-label": "latent to compare with",
    placeholder: "nearest"
  });
  const go = button("Compare", { type: "submit" });
  const of = h("label", {}, "of", store);
  const form = h("form", { class: "inb-toolbar", novalidate: true }, h("label", {}, "with latent", index), of, go);
  const alike = div("inb-alike");
  const note = h("p", { class: "inb-hint", role: "status" });
  const views = [0, 1].map((side) => {
    const head = div("inb-side-head");
    const view = latentView(scope, (latent) => side && store.value === "1" ? pick(latent) : events.choose(latent));
    return { head, view, node: div("inb-compared", head, view.node) };
  });
  const node = div("inb-compare-panel", form, alike, note, div("inb-sides", ...views.map((each) => each.node)));
  let props;
  let other = null;
  let from = null;
  let asked = "";
  let found = null;
  let shown = null;
  function pick(latent) {
    other = latent;
    index.value = latent === null ? "" : String(latent);
    again();
  }
  async function ask(now, of2) {
    const latent = now.detail.latent_idx;
    node.classList.add("inb-stale");
    try {
      const reply = await question.ask("compare", { latent_idx: latent, other, store: of2 }, 60);
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
  function draw() {
    if (!props) return;
    const { meta, detail, theme, width, has } = props;
    const now = found;
    if (now) {
      const jump = now.nearest.map(({ latent_idx: latent, value, label: label2, words }) => {
        const chip = button("", {
          class: "inb-jump",
          "data-other": latent,
          title: label2,
          "aria-pressed": latent === now.other ? "true" : "false"
        });
        chip.append(...jumpText(latent, label2, words), span("inb-mark", known(value, signed2)));
        return chip;
      });
      alike.replaceChildren(
        statsList([
          ["cosine", known(now.cosine, signed4), "between what they write"],
          ["correlation", known(now.correlation, signed4), "of their activations on the sampled tokens"],
          ["fire together", known(now.jaccard, percent), "share of the tokens on which either fires"]
        ]),
        div("inb-jumps", span("inb-mark", "most alike"), ...jump)
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
          span("inb-mark", [name, meta.stores.length > 1 ? its?.name : ""].filter(Boolean).join(" · "))
        ),
        statsRow(each)
      );
      if (its) {
        const room = width >= TWO2 ? (width - 24) / 2 : width;
        view.view.update({
          detail: each,
          store: its,
          hints: meta.hints,
          theme,
          width: room,
          has: side && each.store === 1 ? () => true : has
        });
      }
    });
  }
  const again = () => {
    if (!props) return;
    const of2 = Number(store.value) || 0;
    const key = JSON.stringify([props.detail.latent_idx, other, of2]);
    if (key === asked) return;
    asked = key;
    if (of2 === 0 && other === props.detail.latent_idx) {
      question.stop();
      found = shown = null;
      note.textContent = "Choose another latent to see it beside this one.";
      draw();
      return;
    }
    guarded(home, ask)(props, of2);
  };
  scope.listen(form, "submit", (event) => {
    event.preventDefault();
    const text = index.value.trim();
    const latent = Number(text);
    const most2 = (props?.meta.stores[Number(store.value)]?.d_sae ?? 1) - 1;
    if (text && !(Number.isInteger(latent) && latent >= 0 && latent <= most2)) {
      note.textContent = `A latent is a whole number from 0 to ${most2}, got “${text}”.`;
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
  scope.listen(alike, "click", (event) => {
    const latent = event.target.closest("[data-other]")?.dataset.other;
    if (latent !== void 0) pick(Number(latent));
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
    }
  };
}

// src/feature_dashboard/details.ts
var KEPT = 200;
var Details = class {
  constructor(bridge) {
    this.bridge = bridge;
  }
  bridge;
  #kept = /* @__PURE__ */ new Map();
  #questions = /* @__PURE__ */ new Map();
  /** What is here already. */
  peek(latent, store = 0) {
    return this.#kept.get(`${store} ${latent}`);
  }
  keep(detail) {
    const key = `${detail.store} ${detail.latent_idx}`;
    this.#kept.delete(key);
    this.#kept.set(key, detail);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > KEPT && oldest !== void 0) this.#kept.delete(oldest);
  }
  /** A person's label is shown at once. */
  relabel(latent, label2, labels) {
    const detail = this.peek(latent);
    if (detail) this.keep({ ...detail, label: label2, labels });
  }
  /** Labels changed elsewhere: all but these are asked for again. */
  forget() {
    this.#kept.clear();
  }
  /** One latent; of questions for the same `slot` only the newest is answered, the others give null. */
  async get(slot, latent, store = 0, delay = 0) {
    const question = this.#questions.get(slot) ?? new Question(this.bridge);
    this.#questions.set(slot, question);
    const here = this.peek(latent, store);
    if (here) {
      question.stop();
      return here;
    }
    const reply = await question.ask("detail", { latent_idx: latent, store }, delay);
    if (!reply) return null;
    this.keep(reply.result);
    return reply.result;
  }
  close() {
    for (const question of this.#questions.values()) question.stop();
  }
};

// src/shared/changes.ts
var MOST = 12;
var FEWEST = 4;
var RAREST2 = 5e-4;
function changes({ before, after }) {
  const all = /* @__PURE__ */ new Map();
  for (const { token, prob } of before) all.set(token, { token, before: prob, after: null });
  for (const { token, prob } of after) all.set(token, { token, before: all.get(token)?.before ?? null, after: prob });
  return likely([...all.values()].sort((a, b) => most(b) - most(a)));
}
var most = ({ before, after }) => Math.max(before ?? 0, after ?? 0);
function likely(ordered) {
  const rarest = RAREST2 * longest(ordered);
  return ordered.filter((change, i) => i < FEWEST || most(change) >= rarest).slice(0, MOST);
}
var longest = (all) => Math.max(1e-6, ...all.map(most));
function share(prob) {
  if (prob >= 1e-3 || prob === 0) return percent(prob);
  return prob < 1e-4 ? "< 0.01 %" : `${Number((100 * prob).toPrecision(1))} %`;
}
function changeRow({ token, before, after }, full) {
  const bar = (name, prob) => {
    const node = span(`inb-change-bar inb-${name}`);
    node.style.width = `${100 * (prob ?? 0) / full}%`;
    return node;
  };
  const text = (prob) => prob === null ? "–" : share(prob);
  const side = (after ?? 0) > (before ?? 0) ? "up" : "down";
  const row = h(
    "li",
    { class: "inb-change", "data-side": side },
    span("inb-change-name", tokenNode(token, 40)),
    span("inb-change-track", bar("before", before), bar("after", after)),
    span("inb-mark", text(before)),
    span("inb-change-arrow inb-mark", "→"),
    span("", text(after))
  );
  const rare = "not among the likeliest";
  return tip(row, () => [
    facts([
      ["token", tokenNode(token, 120)],
      ["before", before === null ? rare : sig4(before)],
      ["after", after === null ? rare : sig4(after)]
    ])
  ]);
}
function changeList(all) {
  const full = longest(all);
  return h("ol", { class: "inb-changes-list" }, ...all.map((change) => changeRow(change, full)));
}
function changeKey(before, after, all) {
  const scale = span("inb-mark", ` · longest bar ${share(longest(all))}`);
  return h("h6", {}, span("inb-key inb-before", ""), `${before} `, span("inb-key inb-after", ""), after, scale);
}

// src/feature_dashboard/effect_panel.ts
var KINDS = {
  ablate: null,
  boost: { label: "Boost", unit: "×", min: 0, max: 20, step: 0.5, start: 4, hint: "Multiplied where it fires." },
  set: {
    label: "Set",
    unit: "× its max",
    min: 0,
    max: 5,
    step: 0.1,
    start: 1,
    hint: "The same value at every token, in units of its largest activation."
  }
};
var ABLATE_HINT = "Zero at every token; the rest of the layer stays as it is.";
var NOTHING = 1e-4;
function effectPanel(home, bridge, events) {
  const scope = new Scope(home);
  const question = new Question(bridge);
  const kinds = Object.keys(KINDS).map(
    (kind2) => button(KINDS[kind2]?.label ?? "Ablate", { "data-kind": kind2, title: KINDS[kind2]?.hint ?? ABLATE_HINT })
  );
  const slider = h("input", { type: "range", "aria-label": "strength" });
  const value = h("output", { class: "inb-strength" });
  const strength = h("span", { class: "inb-labelled" }, "strength", slider, value);
  const group2 = h("span", { class: "inb-group", role: "group", "aria-label": "what is done" }, ...kinds);
  const about = span("inb-hint");
  const note = h("p", { class: "inb-hint", role: "status" });
  const result = div("inb-effect-result");
  const node = div("inb-effect-panel", div("inb-toolbar", group2, strength, about), note, result);
  let kind = "ablate";
  const strengths = {
    ablate: null,
    boost: KINDS.boost?.start ?? 1,
    set: KINDS.set?.start ?? 1
  };
  let props;
  let asked = "";
  const controls = () => {
    const range = KINDS[kind];
    for (const each of kinds) setAttrs(each, { "aria-pressed": each.dataset.kind === kind ? "true" : "false" });
    strength.hidden = !range;
    about.textContent = range?.hint ?? ABLATE_HINT;
    if (!range) return;
    setAttrs(slider, { min: range.min, max: range.max, step: range.step });
    slider.value = String(strengths[kind]);
    value.textContent = `${slider.value} ${range.unit}`;
  };
  async function ask(now, delay) {
    const { latent, prompt } = now;
    node.classList.add("inb-stale");
    try {
      const params = { latent_idx: latent, prompt, kind, strength: strengths[kind], store: 0 };
      const reply = await question.ask("effect", params, delay);
      if (!reply) return;
      node.classList.remove("inb-stale");
      draw(reply.result, now);
      events.code(reply.result.code);
    } catch (error) {
      node.classList.remove("inb-stale");
      if (!(error instanceof RequestError)) throw error;
      result.replaceChildren();
      note.textContent = error.message;
    }
  }
  function draw(effect, { meta, name }) {
    const all = changes(effect);
    const silent = effect.kind !== "set" && !effect.acts.some((act) => act !== null && act > 0);
    note.textContent = [silent ? "It does not fire on this text, so nothing changes." : "", effect.note].filter(Boolean).join(" ");
    const line2 = (which, text) => div("inb-continuation", h("h6", {}, which), h("p", {}, span("inb-mark", "… "), tokenNode(text.trimStart(), 400)));
    const kl = effect.kl === null ? "" : ` KL ${effect.kl < NOTHING ? `below ${NOTHING}` : sig4(effect.kl)} nats`;
    result.replaceChildren(
      h(
        "section",
        {},
        titled("Next token", meta.hints.effect ?? "", span("inb-mark", kl)),
        changeKey("before", name ? `after: ${name}` : "after", all),
        changeList(all)
      ),
      h(
        "section",
        {},
        titled("How it goes on", "The likeliest token each time."),
        line2("before", effect.continuation_before),
        line2("after", effect.continuation_after)
      )
    );
    const [first] = effect.after;
    events.say(`after: ${first?.token ?? ""} ${first ? percent(first.prob) : ""}${kl}`);
  }
  const again = (delay = 0) => {
    if (!props) return;
    controls();
    const key = JSON.stringify([props.prompt, props.latent, kind, strengths[kind]]);
    if (key === asked) return;
    asked = key;
    if (!props.prompt) {
      question.stop();
      node.classList.remove("inb-stale");
      result.replaceChildren();
      note.textContent = "Type a text to see what this latent does to what comes next.";
      return;
    }
    guarded(home, ask)(props, delay);
  };
  for (const each of kinds) {
    scope.listen(each, "click", () => {
      kind = each.dataset.kind;
      again();
    });
  }
  scope.listen(slider, "input", () => {
    strengths[kind] = Number(slider.value);
    again(200);
  });
  return {
    node,
    update(next) {
      const delay = props && props.prompt !== next.prompt ? 350 : 0;
      props = next;
      again(delay);
    },
    destroy() {
      question.stop();
      scope.dispose();
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

// src/feature_dashboard/figure.ts
var MARGIN2 = 16;
var LEFT = 620;
var RIGHT = 330;
var LINE = 22;
var SIZE2 = 12;
var SPACE2 = 4;
var EXAMPLES = 12;
var LOGITS = 8;
function exampleShapes(detail, example, scale, room, measure) {
  const tokens = example.tokens.map((token) => visible(detail.strings[token] ?? "").replace(/^·(?=.)/, " "));
  const widths = tokens.map(
    (token) => Math.ceil(measure(token.trimStart(), SIZE2)) + (token.startsWith(" ") ? SPACE2 : 0) + 1
  );
  let [from, to] = [example.at, example.at + 1];
  let total = widths[example.at] ?? 0;
  for (let more = true; more; ) {
    more = false;
    for (const [at, before] of [
      [from - 1, true],
      [to, false]
    ]) {
      const wide = widths[at];
      if (wide === void 0 || total + wide > room) continue;
      total += wide;
      if (before) from -= 1;
      else to += 1;
      more = true;
    }
  }
  const out = [];
  let x = 0;
  for (let at = from; at < to; at++) {
    const value = example.values[at] ?? 0;
    const wide = widths[at] ?? 0;
    const fill = value > 0 ? scale.color(value) : null;
    const token = tokens[at] ?? "";
    const lead = token.startsWith(" ") ? SPACE2 : 0;
    const space = Math.min(wide, room) - lead;
    if (fill) out.push(rect({ x: x + lead, y: 2, width: space, height: LINE - 5 }, fill));
    const text = cutToWidth(token.trimStart(), space, (each) => measure(each, SIZE2));
    out.push(label(x + lead, 15, text, fill ? inkOn(fill) : FILE_INK.soft, SIZE2));
    x += wide;
  }
  return out;
}
function logitShapes(detail, side, most2, measure) {
  const wide = RIGHT / 2 - 8;
  const colors = ramp("diverging", "light");
  const fill = colors[Math.round((side === "up" ? 0.66 : 0.34) * (colors.length - 1))] ?? FILE_INK.line;
  return detail[`logits_${side}`].slice(0, LOGITS).flatMap(([token, value], i) => {
    const name = cutToWidth(visible(detail.strings[token] ?? ""), wide - 50, (text) => measure(text, 11));
    const length = (wide - 44) * Math.abs(value ?? 0) / most2;
    return [
      rect({ x: 0, y: i * 19, width: Math.round(length), height: 17 }, fill),
      label(4, i * 19 + 12.5, name, FILE_INK.text, 11),
      label(wide, i * 19 + 12.5, known(value, signed2), FILE_INK.soft, 11, "end")
    ];
  });
}
function latentFigure(detail, store, title, measure) {
  const { facts: facts2 } = detail;
  const name = detail.label?.text || detail.concept;
  const stats = [
    `density ${known(facts2.density, densityText)}`,
    `max ${known(facts2.max)}`,
    `mean ${known(facts2.mean)}`,
    title
  ].join(" · ");
  const top = detail.examples.filter(({ band }) => band === (detail.bands[0]?.band ?? -1)).slice(0, EXAMPLES);
  const scale = sequential(number(facts2.max) || 1, "light");
  const lines = top.flatMap((example, i) => {
    const y = i * LINE;
    const value = label(38, y + 15, example.value === null ? "–" : sig4(example.value), FILE_INK.muted, 11, "end");
    return [value, moved(50, y, exampleShapes(detail, example, scale, LEFT - 56, measure))];
  });
  const heading = (x, y, text) => label(x, y, text, FILE_INK.text, SIZE2, "start", 600);
  const right = MARGIN2 + LEFT + 28;
  const histogram = histogramShapes({
    width: RIGHT,
    height: 112,
    counts: detail.histogram,
    edges: store.edges,
    n_bands: store.n_bands,
    fill: scale.color(0.62 * scale.high),
    ink: FILE_INK,
    bin: null
  });
  const all = [...detail.logits_up, ...detail.logits_down].map(([, value]) => Math.abs(value ?? 0));
  const most2 = Math.max(1e-12, ...all);
  const width = right + RIGHT + MARGIN2;
  const height = 96 + Math.max(LINE * top.length, 160 + (all.length ? 40 + 19 * LOGITS : 0)) + MARGIN2;
  const fits = (text, room, size) => cutToWidth(text, room, (each) => measure(each, size, 600));
  const svg = svgFile(width, height, FILE_INK.background, [
    label(MARGIN2, 30, `Latent ${detail.latent_idx}`, FILE_INK.text, 17, "start", 600),
    label(
      MARGIN2 + measure(`Latent ${detail.latent_idx}`, 17, 600) + 16,
      30,
      fits(name && visible(name), width - 220, 15),
      FILE_INK.soft,
      15
    ),
    label(MARGIN2, 52, fits(stats, width - 2 * MARGIN2, SIZE2), FILE_INK.muted, SIZE2),
    heading(MARGIN2, 84, "Where it fires"),
    moved(MARGIN2, 92, lines),
    heading(right, 84, `Activations, up to ${known(facts2.max, short)}`),
    moved(right, 92, histogram),
    ...all.length ? [
      heading(right, 236, "Next tokens"),
      moved(right, 246, logitShapes(detail, "up", most2, measure)),
      moved(right + RIGHT / 2 + 8, 246, logitShapes(detail, "down", most2, measure))
    ] : []
  ]);
  return { svg, width, height };
}

// src/feature_dashboard/files.ts
function listCsv({ meta, columns, rows, texts }) {
  const numbers = meta.columns.filter(({ name }) => columns.numbers[name]).map(({ name }) => name);
  const lines = Array.from(rows, (row) => {
    const latent = latentOf(columns, row);
    const text = texts.get(latent);
    const flags = columns.flags[row] ?? 0;
    return [
      latent,
      ...numbers.map((name) => columns.numbers[name]?.[row] ?? null),
      flags & FLAG.dead ? 1 : 0,
      flags & FLAG.dense ? 1 : 0,
      text?.label ?? null,
      text?.concept ?? null
    ];
  });
  return csv(["latent_idx", ...numbers, "dead", "dense", "label", "concept"], lines);
}
function fileButtons(scope, now) {
  const name = (ending) => {
    const { meta, detail } = now();
    const what = ending === "csv" ? "latents" : `latent_${detail.latent_idx}`;
    return `${fileName(meta.labels.model ?? "", meta.stores[0]?.site ?? "", what)}.${ending}`;
  };
  const figure = () => {
    const { meta, detail } = now();
    const store = meta.stores[detail.store];
    if (!store) throw new RangeError(`there is no store ${detail.store}`);
    const { heading, note } = meta.labels;
    return latentFigure(detail, store, [heading, note].filter(Boolean).join(" · "), measureText);
  };
  return exportButtons(scope, {
    PNG: async () => {
      const { svg, width, height } = figure();
      saveBlob(await svgToPng(svg, width, height), name("png"));
    },
    SVG: () => saveText(figure().svg, "image/svg+xml", name("svg")),
    CSV: () => saveText(listCsv(now()), "text/csv", name("csv")),
    JSON: () => saveText(JSON.stringify(now().detail, null, 1), "application/json", name("json"))
  });
}

// src/feature_dashboard/map_kinds.ts
function mapKinds() {
  let shown = "pca";
  const option2 = (value, lacks) => h("option", { value, disabled: lacks !== "" }, value.toUpperCase() + (lacks && `, ${lacks}`));
  const select = h("select", { "aria-label": "kind of map" }, option2(shown, ""));
  const node = h("label", { hidden: true }, "map", select);
  return {
    node,
    select,
    offer(methods, now) {
      shown = now;
      const named = Object.entries(methods);
      select.replaceChildren(...named.map(([value, lacks]) => option2(value, lacks)));
      select.value = shown;
      node.hidden = named.length < 2;
    },
    isNew: () => select.value !== shown,
    goBack() {
      select.value = shown;
    }
  };
}

// src/feature_dashboard/map_places.ts
var PAD = 12;
function extentOf(xy) {
  const box = { x0: Infinity, x1: -Infinity, y0: Infinity, y1: -Infinity };
  for (let i = 0; i < xy.length; i += 2) {
    const [x, y] = [xy[i] ?? Number.NaN, xy[i + 1] ?? Number.NaN];
    if (Number.isNaN(x + y)) continue;
    box.x0 = Math.min(box.x0, x);
    box.x1 = Math.max(box.x1, x);
    box.y0 = Math.min(box.y0, y);
    box.y1 = Math.max(box.y1, y);
  }
  if (!(box.x1 >= box.x0)) return { x0: -1, x1: 1, y0: -1, y1: 1 };
  const wide = Math.max(box.x1 - box.x0, box.y1 - box.y0) * 0.02 || 1;
  return { x0: box.x0 - wide, x1: box.x1 + wide, y0: box.y0 - wide, y1: box.y1 + wide };
}
function placer(view, width, height) {
  const [w, t] = [width - 2 * PAD, height - 2 * PAD];
  return {
    to: (x, y) => [PAD + (x - view.x0) / (view.x1 - view.x0) * w, PAD + (view.y1 - y) / (view.y1 - view.y0) * t],
    from: (px, py) => [
      view.x0 + (px - PAD) / w * (view.x1 - view.x0),
      view.y1 - (py - PAD) / t * (view.y1 - view.y0)
    ]
  };
}
function nearest(xy, place, px, py, reach, skip = () => false) {
  let [best, row] = [reach * reach, -1];
  for (let i = 0; i < xy.length / 2; i++) {
    const [x, y] = place(xy[2 * i] ?? Number.NaN, xy[2 * i + 1] ?? Number.NaN);
    const far = (x - px) ** 2 + (y - py) ** 2;
    if (far < best && !skip(i)) [best, row] = [far, i];
  }
  return row;
}
function rowsIn(xy, { x0, x1, y0, y1 }) {
  const rows = /* @__PURE__ */ new Set();
  for (let i = 0; i < xy.length / 2; i++) {
    const [x, y] = [xy[2 * i] ?? Number.NaN, xy[2 * i + 1] ?? Number.NaN];
    if (x >= x0 && x <= x1 && y >= y0 && y <= y1) rows.add(i);
  }
  return rows;
}

// src/shared/ramp_key.ts
var STOPS = 5;
function rampParts(low, colors, high) {
  const ramp2 = span("inb-ramp");
  ramp2.style.background = `linear-gradient(to right, ${colors.join(", ")})`;
  return [span("", low), ramp2, span("", high)];
}
function rampKey({ low, high, color }, unit, ...more) {
  const colors = Array.from({ length: STOPS }, (_, i) => color(low + i / (STOPS - 1) * (high - low)));
  return div("inb-ramp-key", ...rampParts(short(low), colors, short(high)), span("inb-mark", unit), ...more);
}

// src/feature_dashboard/map_shades.ts
function shadesOf(column, columns) {
  const values = column && columns.numbers[column.name];
  if (!column || !values) return null;
  const scaled = (value) => column.kind === "share" ? Math.log10(value) : value;
  let [low, high, lowRow, highRow] = [Infinity, -Infinity, -1, -1];
  for (let row = 0; row < columns.n; row++) {
    const value = scaled(values[row] ?? Number.NaN);
    if (!Number.isFinite(value)) continue;
    if (value < low) [low, lowRow] = [value, row];
    if (value > high) [high, highRow] = [value, row];
  }
  return {
    at: (row) => (scaled(values[row] ?? Number.NaN) - low) / (high - low || 1),
    low: cellText(column, columns, lowRow),
    high: cellText(column, columns, highRow)
  };
}
function keyParts(shades, theme) {
  const colors = ramp("sequential", theme);
  const stops = [0.28, 0.64, 1].map((at) => colors[Math.round(at * (colors.length - 1))] ?? "");
  return [
    ...shades ? rampParts(shades.low, stops, shades.high) : [],
    span("inb-mark", "Click chooses; drag a box to list what is in it. Grey: not in the list.")
  ];
}

// src/feature_dashboard/map_view.ts
var HEIGHT = 420;
var NEAR = 14;
var PATIENCE = 18e5;
function mapView(home, bridge, events) {
  const scope = new Scope(home);
  const question = new Question(bridge);
  const color = h("select", { "aria-label": "color by" });
  const kinds = mapKinds();
  const zoom = button("Zoom in", { hidden: true, title: "Look at the box alone" });
  const out = button("Whole map", { hidden: true });
  const note = span("inb-hint");
  const canvas = h("canvas", {
    class: "inb-map",
    tabindex: 0,
    role: "application",
    "aria-label": "map of latents: arrows go to the next latent in a direction"
  });
  const key = div("inb-ramp-key");
  const node = div(
    "inb-map-panel",
    div("inb-toolbar", kinds.node, h("label", {}, "color", color), zoom, out, note),
    canvas,
    key
  );
  let props;
  let xy = null;
  let asked = null;
  let view = null;
  let box = null;
  let drag = null;
  let hover = -1;
  async function ask() {
    note.textContent = kinds.isNew() ? "Laying out the map, which may take minutes …" : "Reading the directions …";
    try {
      const reply = await question.ask("map", { method: kinds.select.value, store: 0 }, 0, PATIENCE);
      if (!reply) return;
      const { result, buffers } = reply;
      xy = replyArray(result.arrays, buffers, "xy");
      if (kinds.isNew()) view = box = null;
      kinds.offer(result.methods, result.method);
      note.textContent = result.note;
      draw();
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      kinds.goBack();
      note.textContent = error.message;
    }
  }
  function draw() {
    if (!props || !xy) return;
    const now = props;
    const { theme, width, columns } = now;
    const ratio = globalThis.devicePixelRatio || 1;
    const height = Math.min(HEIGHT, Math.max(240, width * 0.62));
    setAttrs(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
    const shade2 = shadesOf(
      now.meta.columns.find(({ name: name2 }) => name2 === color.value),
      columns
    );
    key.replaceChildren(...keyParts(shade2, theme));
    zoom.hidden = !box;
    out.hidden = !view;
    const context2 = canvas.getContext("2d");
    if (!context2) return;
    context2.setTransform(ratio, 0, 0, ratio, 0, 0);
    context2.clearRect(0, 0, width, height);
    const ink = plainInk(theme);
    const colors = ramp("sequential", theme);
    const place = placer(view ?? extentOf(xy), width, height);
    const listed = new Uint8Array(columns.n);
    for (const row of now.listed) listed[row] = 1;
    const r = columns.n > 2e4 ? 1.2 : columns.n > 3e3 ? 1.8 : 2.6;
    const dot = (row, size) => {
      const [x, y] = place.to(xy?.[2 * row] ?? Number.NaN, xy?.[2 * row + 1] ?? Number.NaN);
      context2.beginPath();
      context2.arc(x, y, size, 0, 2 * Math.PI);
    };
    for (const strong of [0, 1]) {
      for (let row = 0; row < columns.n; row++) {
        if (listed[row] !== strong) continue;
        const share2 = shade2?.at(row) ?? 0.6;
        const at = Number.isNaN(share2) ? 0.2 : 0.28 + 0.72 * Math.max(0, Math.min(1, share2));
        context2.globalAlpha = strong ? 0.85 : 0.5;
        context2.fillStyle = strong ? colors[Math.round(at * (colors.length - 1))] ?? ink.muted : ink.line;
        dot(row, strong ? r : Math.min(r, 1.4));
        context2.fill();
      }
    }
    context2.globalAlpha = 1;
    const ring = (row, style, size) => {
      if (row < 0) return;
      context2.strokeStyle = style;
      context2.lineWidth = 2;
      dot(row, size);
      context2.stroke();
    };
    ring(hover, ink.text, r + 3);
    const chosen = rowOf(columns, now.latent);
    ring(chosen, ink.accent, r + 5);
    if (box) {
      const [left, top] = place.to(box.x0, box.y1);
      const [right, bottom] = place.to(box.x1, box.y0);
      context2.strokeStyle = ink.text;
      context2.lineWidth = 1;
      context2.setLineDash([4, 3]);
      context2.strokeRect(left, top, right - left, bottom - top);
      context2.setLineDash([]);
    }
  }
  const placeOf = (event) => {
    const bounds = canvas.getBoundingClientRect();
    return [event.clientX - bounds.left, event.clientY - bounds.top];
  };
  const places2 = () => placer(view ?? extentOf(xy ?? []), canvas.clientWidth, canvas.clientHeight);
  const name = (row) => {
    if (!props) return "";
    const latent = latentOf(props.columns, row);
    const text = props.texts.get(latent);
    return `${latent} ${text?.label || text?.words || ""}`;
  };
  const said = (row) => {
    if (row < 0 || !props) return [];
    const density = props.meta.columns.find((column) => column.name === "density");
    const rows = [["latent", h("strong", {}, name(row))]];
    if (density) rows.push(["density", cellText(density, props.columns, row)]);
    if ((props.columns.flags[row] ?? 0) & FLAG.dead) rows.push(["", "dead"]);
    return [facts(rows)];
  };
  scope.listen(canvas, "pointerdown", (event) => {
    const [x, y] = placeOf(event);
    drag = { x, y, to: [x, y] };
    canvas.setPointerCapture?.(event.pointerId);
  });
  scope.listen(canvas, "pointermove", (event) => {
    if (!xy || !props) return;
    const [x, y] = placeOf(event);
    const place = places2();
    if (drag) {
      drag.to = [x, y];
      if (Math.hypot(x - drag.x, y - drag.y) < 5) return;
      const [ax, ay] = place.from(drag.x, drag.y);
      const [bx, by] = place.from(x, y);
      box = { x0: Math.min(ax, bx), x1: Math.max(ax, bx), y0: Math.min(ay, by), y1: Math.max(ay, by) };
      hover = -1;
      draw();
      return;
    }
    const row = nearest(xy, place.to, x, y, NEAR);
    if (row !== hover) {
      hover = row;
      draw();
    }
  });
  scope.listen(canvas, "pointerup", (event) => {
    const from = drag;
    drag = null;
    if (!from || !xy || !props) return;
    const [x, y] = placeOf(event);
    if (Math.hypot(x - from.x, y - from.y) >= 5 && box) return events.box(rowsIn(xy, box));
    const row = nearest(xy, places2().to, x, y, NEAR);
    if (row >= 0) events.choose(latentOf(props.columns, row));
    else if (box) {
      box = null;
      events.box(null);
    }
  });
  scope.listen(canvas, "pointerleave", () => {
    hover = -1;
    draw();
  });
  tip(canvas, () => said(hover));
  scope.listen(canvas, "keydown", (event) => {
    const ways = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1]
    };
    const way = ways[event.key];
    if (!way || !xy || !props) return;
    event.preventDefault();
    const points = xy;
    const place = places2().to;
    const from = Math.max(0, rowOf(props.columns, props.latent));
    const at = (row2) => place(points[2 * row2] ?? 0, points[2 * row2 + 1] ?? 0);
    const [x, y] = at(from);
    const row = nearest(points, place, x, y, 1e6, (other) => {
      const [ox, oy] = at(other);
      const along = (ox - x) * way[0] + (oy - y) * way[1];
      return other === from || along <= 0 || along < Math.abs((ox - x) * way[1] + (oy - y) * way[0]);
    });
    if (row < 0) return;
    events.choose(latentOf(props.columns, row));
    events.say(name(row));
  });
  scope.listen(color, "change", draw);
  scope.listen(kinds.select, "change", guarded(home, ask));
  scope.listen(zoom, "click", () => {
    view = box;
    box = null;
    draw();
  });
  scope.listen(out, "click", () => {
    view = null;
    draw();
  });
  return {
    node,
    update(next) {
      const first = !props;
      if (props?.boxed && !next.boxed) box = null;
      props = next;
      if (first) {
        const named = next.meta.columns.filter(({ kind }) => kind === "number" || kind === "share");
        color.replaceChildren(...named.map(({ name: value, label: label2 }) => h("option", { value }, label2 ?? value)));
        color.value = named.some(({ name: value }) => value === "density") ? "density" : named[0]?.name ?? "";
      }
      if (!asked || asked.n_rows !== next.meta.n_rows || asked.subject !== next.meta.subject) {
        asked = next.meta;
        guarded(home, ask)();
      }
      draw();
    },
    destroy() {
      question.stop();
      scope.dispose();
    }
  };
}

// src/feature_dashboard/prompt_box.ts
function strongestText(detail) {
  const [first] = detail.examples;
  if (!first) return "";
  const counted = first.tokens.filter((_, i) => first.values[i] !== null && i <= first.at);
  return counted.map((token) => detail.strings[token] ?? "").join("").trimStart();
}
function promptBox(scope, typed, example) {
  const field2 = h("textarea", { rows: 1, "aria-label": "text", placeholder: "Type any text …", spellcheck: "false" });
  const use = button("Its strongest example", { title: "The text up to this latent's strongest firing" });
  const note = h("p", { class: "inb-hint" });
  const node = div("inb-prompt", div("inb-prompt-row", field2, use), note);
  let sent = "";
  const send = (text) => {
    sent = text;
    typed(text);
  };
  scope.listen(field2, "input", () => send(field2.value));
  scope.listen(use, "click", () => {
    field2.value = example();
    send(field2.value);
  });
  return {
    node,
    update(prompt, enabled, hint) {
      if (prompt !== sent) field2.value = sent = prompt;
      field2.disabled = !enabled;
      use.disabled = !enabled;
      note.textContent = hint;
      note.hidden = !hint;
    }
  };
}

// src/feature_dashboard/rows.ts
var PAGE2 = 512;
var Rows = class {
  /** `changed` is called when there is something new to draw, `work` wraps what may fail later. */
  constructor(bridge, changed, work) {
    this.bridge = bridge;
    this.changed = changed;
    this.work = work;
    this.#search = new Question(bridge);
    this.#columns = new Question(bridge);
  }
  bridge;
  changed;
  work;
  columns = { n: 0, numbers: {}, flags: new Uint8Array(0) };
  texts = /* @__PURE__ */ new Map();
  version = 0;
  rows = new Int32Array(0);
  sorting = { name: "interesting", reversed: false };
  filter = NO_FILTER;
  query = "";
  by = "any";
  byMatch = false;
  /** Why a search failed, or how it was done without a kernel. */
  note = "";
  #meta;
  #found = null;
  #asked = /* @__PURE__ */ new Set();
  #queue = /* @__PURE__ */ new Set();
  #timer;
  #search;
  #columns;
  read(meta, bytes) {
    this.#meta = meta;
    if (!meta.paged) this.columns = readColumns(meta.arrays, bytes, meta.n_rows);
    else {
      if (!this.columns.n) this.columns = firstColumns(meta.rows);
      this.work(() => this.#fetchColumns(meta));
    }
    this.#asked = new Set(meta.rows.latents);
    this.#keep(meta.rows);
    if (this.query.trim()) this.#look();
    this.arrange();
  }
  /** What the list can be sorted by. */
  get named() {
    return this.#meta?.columns ?? [];
  }
  get column() {
    return this.named.find(({ name }) => name === this.sorting.name) ?? { name: "max", kind: "number" };
  }
  get said() {
    const total = this.#meta?.n_rows ?? 0;
    const all = total.toLocaleString("en");
    const n = this.rows.length;
    return n === total ? `${all} ${total === 1 ? "latent" : "latents"}` : `${n.toLocaleString("en")} of ${all}`;
  }
  /** Which rows, in which order; rows that come out the same stay the same array. */
  arrange() {
    const rows = kept(this.columns, this.filter, this.#found);
    if (!this.byMatch || !this.#found) sortRows(rows, this.columns, this.sorting, this.column.kind);
    const same2 = rows.length === this.rows.length && rows.every((row, i) => row === this.rows[i]);
    if (!same2) this.rows = rows;
  }
  sort(sorting) {
    this.byMatch = sorting === null;
    if (sorting) this.sorting = sorting;
    this.arrange();
  }
  limit(filter) {
    this.filter = filter;
    this.arrange();
  }
  look(query, by) {
    if (query === this.query && by === this.by) return;
    this.byMatch = query.trim() !== "" && (this.byMatch || !this.query.trim());
    [this.query, this.by] = [query, by];
    this.#look();
  }
  /** Rows came into view whose texts are not here. */
  want(latents) {
    for (const latent of latents) if (!this.#asked.has(latent)) this.#queue.add(latent);
    if (!this.#queue.size || this.#timer !== void 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = void 0;
      const now = [...this.#queue].slice(-PAGE2);
      this.#queue.clear();
      for (const latent of now) this.#asked.add(latent);
      this.work(() => this.#fetchTexts(now));
    }, 60);
  }
  relabel(latent, label2) {
    const texts = this.texts.get(latent);
    this.texts.set(latent, { concept: "", words: "", ...texts, label: label2 });
    this.version += 1;
  }
  close() {
    clearTimeout(this.#timer);
    this.#search.stop();
    this.#columns.stop();
  }
  #keep(texts) {
    keepTexts(this.texts, texts);
    this.version += 1;
  }
  #look() {
    this.note = "";
    if (!this.query.trim()) {
      this.#search.stop();
      this.#found = null;
      this.arrange();
      this.changed();
      return;
    }
    this.work(() => this.#ask());
  }
  async #ask() {
    const params = { text: this.query, by: this.by, store: 0 };
    try {
      const reply = await this.#search.ask("search", params);
      if (!reply) return;
      this.#found = replyArray(reply.result.arrays, reply.buffers, "latents");
      this.note = "";
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      const here = error.type === "NeedsKernel";
      this.#found = here ? localSearch(this.texts, this.query, this.by) : [];
      this.note = here ? "" : error.message;
    }
    this.arrange();
    this.changed();
  }
  async #fetchColumns(meta) {
    const reply = await this.#columns.ask("columns", {});
    const bytes = reply?.buffers[0];
    if (!reply || !bytes) return;
    this.columns = readColumns(reply.result.arrays, bytes, meta.n_rows);
    this.arrange();
    this.changed();
  }
  async #fetchTexts(latents) {
    try {
      const reply = await this.bridge.request("rows", { latents, store: 0 });
      this.#keep(reply.result);
      this.changed();
    } catch (error) {
      if (!(error instanceof RequestError && error.type === "NeedsKernel")) throw error;
    }
  }
};

// src/feature_dashboard/heat.ts
function rankedAt(result, acts, pos) {
  const value = (row) => {
    const act = acts[row * result.tokens.length + pos] ?? Number.NaN;
    return Number.isNaN(act) ? Number.NEGATIVE_INFINITY : act;
  };
  return result.latents.map((_, row) => row).sort((a, b) => value(b) - value(a) || a - b);
}
var LONG = 400;
function cellWidth(room, tokens) {
  const least = tokens > LONG ? 5 : 13;
  return Math.max(least, Math.min(34, Math.floor(room / Math.max(1, tokens))));
}
var HEIGHT2 = 20;
function paintRow(canvas, values, from, n, cell, scale, theme) {
  const ratio = globalThis.devicePixelRatio || 1;
  setAttrs(canvas, { width: Math.round(n * cell * ratio), height: Math.round(HEIGHT2 * ratio) });
  canvas.style.width = `${n * cell}px`;
  canvas.style.height = `${HEIGHT2}px`;
  const context2 = canvas.getContext("2d");
  if (!context2) return;
  context2.scale(ratio, ratio);
  const ink = plainInk(theme);
  for (let i = 0; i < n; i++) {
    const value = values[from + i] ?? Number.NaN;
    const x = i * cell;
    if (Number.isNaN(value)) {
      context2.strokeStyle = ink.line;
      context2.beginPath();
      for (let at = 4; at < cell + HEIGHT2; at += 5) {
        context2.moveTo(x + Math.min(at, cell - 1), Math.max(1, at - cell + 1));
        context2.lineTo(x + Math.max(0, at - HEIGHT2), Math.min(at, HEIGHT2 - 1));
      }
      context2.stroke();
    } else {
      context2.fillStyle = scale.color(value);
      context2.fillRect(x, 0, cell - 1, HEIGHT2 - 1);
    }
  }
}
function cellTip({ result, acts, direct }, row, at) {
  const n = result.tokens.length;
  if (at < 0 || at >= n) return [];
  const effect = direct?.[row * n + at];
  return [
    facts([
      ["token", tokenNode(result.tokens[at] ?? "", 120)],
      ["position", String(at)],
      ["latent", `${result.latents[row] ?? ""} ${result.label[row] || result.words[row] || ""}`],
      ["activation", h("strong", {}, valueText(acts[row * n + at]))],
      ...effect === void 0 ? [] : [["direct effect", signed4(effect)]]
    ])
  ];
}
function rowLabel({ result, acts, score }, row) {
  const n = result.tokens.length;
  const tops = result.tokens.map((token, at) => ({ token, value: acts[row * n + at] ?? 0 })).filter(({ value }) => value > 0).sort((a, b) => b.value - a.value).slice(0, 3);
  const on = tops.map(({ token, value }) => `${cut(visible(token), 20)} ${sig4(value)}`).join(", ");
  return `latent ${result.latents[row]} ${result.label[row]}, ${result.rank_by} ${known(score[row])}, fires on ${result.n_firing[row]} tokens: ${on}`;
}
function heatRow(props, row, cell, scale, most2) {
  const { result, score, direct, acts, theme } = props;
  const n = result.tokens.length;
  const value = score[row] ?? null;
  const fill = span("inb-bar-fill");
  fill.style.width = `${100 * Math.abs(value ?? 0) / most2}%`;
  const text = span(
    result.label[row] ? "inb-row-text" : "inb-row-text inb-mark",
    result.label[row] ? visible(result.label[row]) : result.words[row] ?? ""
  );
  const name = h(
    "div",
    { class: "inb-heat-name" },
    span("inb-row-index", String(result.latents[row])),
    text,
    h("span", { class: "inb-heat-count", title: "tokens on which it fires" }, `${result.n_firing[row] ?? 0}×`),
    h(
      "span",
      { class: "inb-bar inb-heat-bar", "data-side": (value ?? 0) < 0 ? "down" : "up" },
      span("inb-bar-track", fill, span("inb-bar-label", known(value, short)))
    )
  );
  const canvas = h("canvas", { "aria-hidden": "true" });
  paintRow(canvas, direct ?? acts, row * n, n, cell, scale, theme);
  tip(canvas, (x) => cellTip(props, row, Math.floor(x / cell)));
  const attrs = { class: "inb-heat-row", role: "option", "data-latent": result.latents[row], "data-cell": cell };
  return h("div", { ...attrs, "aria-label": rowLabel(props, row) }, name, canvas);
}
function tokenAt(event) {
  const target = event.target;
  const named = target.closest("[data-token]")?.dataset.token;
  if (named !== void 0) return Number(named);
  const cell = Number(target.closest("[data-cell]")?.dataset.cell);
  return target.tagName === "CANVAS" && cell ? Math.floor((event.clientX - target.getBoundingClientRect().left) / cell) : null;
}
function caption({ rank_by: by, pos }) {
  return div(
    "inb-heat-name",
    span("inb-row-index", "latent"),
    span("inb-row-text", "label or tokens"),
    h("span", { class: "inb-heat-count" }, "on"),
    h("span", { class: "inb-heat-bar" }, pos !== null && (by === "max" || by === "mean") ? "here" : by)
  );
}
function heatMap(props) {
  const { result, order, acts, direct, theme, score } = props;
  const n = result.tokens.length;
  const narrow = props.width < 560;
  const cell = cellWidth(props.width - (narrow ? 190 : 330), n);
  const values = direct ?? acts;
  const limit = maxAbs(Array.from(values)) || 1;
  const scale = direct ? diverging(limit, theme) : sequential(limit, theme);
  const most2 = maxAbs(order.map((row) => score[row] ?? 0)) || 1;
  const head = h(
    "div",
    { class: cell < 11 ? "inb-heat-head inb-thin" : "inb-heat-head", "aria-hidden": "true" },
    caption(result)
  );
  result.tokens.forEach((token, i) => {
    const label2 = h("span", { class: "inb-heat-token", "data-token": i }, tokenNode(cut(token, 14)));
    label2.style.width = `${cell}px`;
    head.append(
      tip(label2, () => [
        facts([
          ["token", tokenNode(token, 120)],
          ["position", String(i)]
        ])
      ])
    );
  });
  const rows = order.map((row) => heatRow(props, row, cell, scale, most2));
  const body = h(
    "div",
    { class: "inb-heat-rows", role: "listbox", tabindex: 0, "aria-label": "latents on this text" },
    ...rows
  );
  const unit = direct ? "direct effect on the answer's logit" : "activation";
  const node = div("inb-heat", div("inb-heat-scroll", head, body), rampKey(scale, unit));
  markHeat(node, props.selected, props.pos);
  return node;
}
function markHeat(node, selected, pos) {
  for (const row of node.querySelectorAll(".inb-heat-row")) {
    setAttrs(row, { "aria-selected": Number(row.dataset.latent) === selected ? "true" : "false" });
  }
  for (const token of node.querySelectorAll("[data-token]")) {
    token.classList.toggle("inb-at", Number(token.dataset.token) === pos);
  }
}

// src/feature_dashboard/rank_bar.ts
var NEEDS_ANSWER = ["ablation", "direct"];
var RANKS2 = {
  max: "largest activation",
  mean: "mean activation",
  ablation: "effect of ablating it",
  direct: "direct effect"
};
function partsText({ metric, parts, answer, wrong }) {
  if (metric === null || metric === void 0) return "";
  const made = Object.entries(parts ?? {}).filter(([, value]) => value !== null);
  const of = made.map(([name, value]) => `${name} ${signed2(value ?? 0)}`).join(", ");
  const over = wrong ? `“${visible(wrong)}”` : "the mean";
  return `Logit of “${visible(answer)}” over ${over}: ${signed2(metric)}${of ? ` (${of}).` : "."}`;
}
function rankBar(scope, changed, onWhole) {
  const rank = h("select", { "aria-label": "rank latents by" });
  const field2 = (name, hint) => h("input", { type: "text", size: 9, "aria-label": name, placeholder: name, title: hint });
  const answer = field2("answer", "A token that should come next, as “ Paris”; gives direct and ablation effects");
  const wrong = field2("wrong answer", "What the answer is compared with; left out, all other tokens");
  const whole = button("the whole text");
  const answers = h("span", { class: "inb-labelled" }, "for the answer", answer, "over", wrong);
  const on = h("span", { class: "inb-labelled" }, "on", whole);
  const node = div("inb-toolbar", h("label", {}, "rank by", rank), on, answers);
  let filled;
  scope.listen(rank, "change", () => {
    if (lacksAnswer()) answer.focus();
    changed(0);
  });
  for (const input of [answer, wrong]) scope.listen(input, "input", () => changed(400));
  scope.listen(whole, "click", onWhole);
  const lacksAnswer = () => NEEDS_ANSWER.includes(rank.value) && answer.value === "";
  return {
    node,
    choice: () => ({ rank_by: rank.value, answer: answer.value, wrong: wrong.value }),
    activation: () => !NEEDS_ANSWER.includes(rank.value),
    lacksAnswer,
    update(meta, pos) {
      const answering = Boolean(meta.can.answer || meta.prompt.answer);
      if (filled !== meta) {
        const names = meta.rank_by.filter((name) => answering || !NEEDS_ANSWER.includes(name));
        const value = rank.value;
        rank.replaceChildren(...names.map((name) => h("option", { value: name }, RANKS2[name] ?? name)));
        rank.value = names.includes(value) ? value : names[0] ?? "max";
        if (!filled) {
          answer.value = meta.prompt.answer;
          wrong.value = meta.prompt.wrong;
        }
        filled = meta;
      }
      answers.hidden = !answering;
      whole.textContent = pos === null ? "the whole text" : `token ${pos} ×`;
      whole.title = pos === null ? "Click a token to rank on it alone" : "Rank on the whole text again";
      setAttrs(whole, { "aria-pressed": pos === null ? "true" : "false" });
    }
  };
}

// src/feature_dashboard/shaded_text.ts
function shadedText(tokens, values, at, theme) {
  const scale = sequential(maxAbs(values.map((value) => value ?? 0)) || 1, theme);
  const said = (i) => facts([
    ["token", tokenNode(tokens[i] ?? "", 120)],
    ["position", String(i)],
    ["activation", h("strong", {}, valueText(values[i]))]
  ]);
  const run = tokenRun({ tokens, values, lines: true, at, scale, tip: (i) => [said(i)] });
  for (const token of run.querySelectorAll("[data-at]")) setAttrs(token, { role: "button" });
  return run;
}

// src/feature_dashboard/text_panel.ts
var N = 20;
function read({ result, buffers }) {
  const direct = result.arrays.direct ? replyArray(result.arrays, buffers, "direct") : null;
  return { result, acts: replyArray(result.arrays, buffers, "acts"), direct };
}
function textPanel(home, bridge, events) {
  const scope = new Scope(home);
  const ranked = new Question(bridge);
  const extra = new Question(bridge);
  const bar = rankBar(
    scope,
    (delay) => again(delay),
    () => events.token(null)
  );
  const note = h("p", { class: "inb-hint", role: "status" });
  const strip = div("inb-strip-text");
  const title = h("h5");
  const ranking = div("inb-ranking");
  const node = div("inb-text-panel", bar.node, title, strip, note, ranking);
  let props;
  let found = null;
  let other = null;
  let asked = "";
  let askedOther = "";
  let foundFor = "";
  let drawn = [];
  let refused = "";
  let local = false;
  const clear = (text) => {
    ranked.stop();
    extra.stop();
    node.classList.remove("inb-stale");
    found = other = null;
    ranking.replaceChildren();
    strip.replaceChildren();
    title.hidden = true;
    note.textContent = text;
    drawn = [];
  };
  const place = ({ prompt, pos }) => pos !== null && found && foundFor === prompt && pos < found.result.tokens.length ? pos : null;
  async function ask(now, delay) {
    const { prompt } = now;
    const pos = place(now);
    const params = {
      ...bar.choice(),
      prompt,
      pos,
      n: N,
      latents: null,
      store: 0
    };
    node.classList.add("inb-stale");
    try {
      const reply = await ranked.ask("text", params, delay);
      if (!reply) return;
      found = read(reply);
      foundFor = prompt;
      if (other?.result.tokens.join() !== found.result.tokens.join()) {
        other = null;
        askedOther = "";
      }
      local = false;
      refused = "";
      node.classList.remove("inb-stale");
      events.code(found.result.code);
      events.say(`${found.result.tokens.length} tokens, strongest latent ${found.result.latents[0] ?? "none"}`);
      draw();
      again();
    } catch (error) {
      node.classList.remove("inb-stale");
      if (!(error instanceof RequestError)) throw error;
      local = error.type === "NeedsKernel" && found !== null && pos !== null && bar.activation();
      refused = local ? "" : error.message;
      if (!local && !found) clear(error.message);
      draw();
    }
  }
  async function askOther(now) {
    const params = {
      prompt: now.prompt,
      rank_by: "max",
      pos: null,
      n: N,
      answer: "",
      wrong: "",
      latents: [now.latent],
      store: 0
    };
    try {
      const reply = await extra.ask("text", params, 80);
      if (!reply) return;
      other = read(reply);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      other = null;
    }
    drawStrip();
  }
  function rowOfChosen() {
    for (const from of [found, other]) {
      const row = from && props ? from.result.latents.indexOf(props.latent) : -1;
      if (from && row >= 0) return { from, row };
    }
    return null;
  }
  function drawStrip() {
    if (!props || !found) return;
    const { tokens } = found.result;
    const chosen = rowOfChosen();
    const n = tokens.length;
    const values = Array.from(
      { length: n },
      (_, i) => chosen?.from.acts[chosen.row * n + i] ?? (found?.acts[i] === void 0 || Number.isNaN(found.acts[i]) ? null : 0)
    );
    const fires = values.some((value) => value !== null && value > 0);
    const words = !chosen ? "is not among the strongest here" : fires ? "" : "does not fire here";
    title.hidden = false;
    title.replaceChildren(`Latent ${props.latent} `, span("inb-mark", [props.name, words].filter(Boolean).join(" · ")));
    const run = shadedText(tokens, values, place(props), props.theme);
    const focused = strip.querySelector("[data-at]:focus")?.dataset.at;
    strip.replaceChildren(run);
    enterAt(strip);
    if (focused !== void 0) strip.querySelector(`[data-at="${focused}"]`)?.focus();
  }
  function draw() {
    if (!props || !found) return;
    const now = props;
    const { result, acts, direct } = found;
    note.textContent = [result.note, partsText(result), local ? "Ranked among the latents that are here." : "", refused].filter(Boolean).join(" ");
    const pos = place(now);
    const n = result.tokens.length;
    const rows = result.latents.map((_, row) => row);
    const order = local && pos !== null ? rankedAt(result, acts, pos) : rows;
    const score = local && pos !== null ? rows.map((row) => acts[row * n + pos] ?? null) : result.score;
    const from = [found, now.theme, now.width, local ? pos : -1];
    if (from.some((each, i) => each !== drawn[i])) {
      drawn = from;
      const heat = {
        result,
        acts,
        direct: result.rank_by === "direct" ? direct : null,
        order,
        score,
        theme: now.theme,
        width: now.width,
        selected: now.latent,
        pos
      };
      const on = local ? pos : result.pos;
      const where = on === null ? "this text" : `token ${on}`;
      const empty = h("p", { class: "inb-hint" }, "No latent fires here.");
      ranking.replaceChildren(
        titled(`Latents on ${where}`, now.meta.hints.text ?? ""),
        order.length ? heatMap(heat) : empty
      );
    } else markHeat(ranking, now.latent, pos);
    drawStrip();
    const chosen = JSON.stringify([now.latent, now.prompt]);
    if (chosen === askedOther || rowOfChosen() || !now.kernel || !now.meta.can.text) return;
    askedOther = chosen;
    guarded(home, askOther)(now);
  }
  const toggle = (at) => events.token(props && at === place(props) ? null : at);
  const again = (delay = 0) => {
    if (!props) return;
    const now = props;
    const key = JSON.stringify([now.prompt, bar.choice(), place(now)]);
    if (key === asked) return;
    asked = key;
    if (!now.prompt) {
      clear("Type a text to see which latents fire on it.");
      return;
    }
    if (bar.lacksAnswer()) {
      note.textContent = "Type the answer whose logit is looked at.";
      return;
    }
    guarded(home, ask)(now, delay);
  };
  scope.listen(strip, "click", (event) => {
    const at = event.target.closest("[data-at]")?.dataset.at;
    if (at !== void 0) toggle(Number(at));
  });
  scope.listen(strip, "keydown", (event) => {
    if (roveTokens(strip, event)) return;
    const at = event.target.closest("[data-at]")?.dataset.at;
    if (at === void 0 || event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    toggle(Number(at));
  });
  scope.listen(ranking, "click", (event) => {
    const at = tokenAt(event);
    const row = event.target.closest(".inb-heat-row");
    if (row) events.choose(Number(row.dataset.latent));
    else if (at !== null) toggle(at);
  });
  scope.listen(ranking, "keydown", (event) => {
    const rows = [...ranking.querySelectorAll(".inb-heat-row")];
    const at = rows.findIndex((row) => row.getAttribute("aria-selected") === "true");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !rows.length) return;
    event.preventDefault();
    const next = rows[Math.max(0, Math.min(rows.length - 1, at + step))];
    next?.scrollIntoView({ block: "nearest" });
    if (next) events.choose(Number(next.dataset.latent));
  });
  return {
    node,
    update(next) {
      const before = props;
      props = next;
      bar.update(next.meta, place(next));
      again(before && before.prompt !== next.prompt ? 350 : 0);
      if (found) draw();
    },
    destroy() {
      ranked.stop();
      extra.stop();
      scope.dispose();
    }
  };
}

// src/feature_dashboard/view.ts
var OWN_TRAITS = ["sort", "query", "search_by", "prompt"];
var BROWSE_MS = 70;
var CODE_MS = SYNC_DELAY_MS + 50;
var NO_KERNEL = "Saved page: another text needs the kernel.";
var NO_MODEL = "A text needs the model: make the dashboard with one, feature_dashboard(store, model).";
function mountDashboard({ model, bridge, sync, frame }) {
  const { scope, body, tooltip } = frame;
  const details = new Details(bridge);
  const codeQuestion = new Question(bridge);
  let meta;
  let dataKey = [];
  let detail = null;
  let pinned = null;
  let viewCode = "";
  let panelCode = "";
  const work = guarded(frame.root, (task) => task());
  const rows = new Rows(bridge, () => draw(), work);
  const trait = (name) => String(model.get(name) ?? "");
  const selected = () => {
    const value = model.get("selected");
    const latent = typeof value?.latent_idx === "number" ? value.latent_idx : meta?.first.detail.latent_idx ?? 0;
    return { latent_idx: latent, pos: typeof value?.pos === "number" ? value.pos : null };
  };
  const select = (change) => {
    sync.write("selected", { ...selected(), ...change });
    update();
  };
  const choose = (latent) => select({ latent_idx: latent });
  const has = (latent) => rowOf(rows.columns, latent) >= 0;
  const say = (words) => frame.say(words);
  const heading = h("h4");
  const note = h("p");
  const codeBox = codePanel(scope);
  const hint = h("p", { class: "inb-hint" });
  const progress = progressBar(scope, (action) => bridge.request("control", { action }));
  const files = fileButtons(scope, () => {
    const now = meta;
    return { meta: now, columns: rows.columns, rows: rows.rows, texts: rows.texts, detail: detail ?? now.first.detail };
  });
  const showCode = () => codeBox.update([viewCode || meta?.code, panelCode].filter(Boolean).join("\n\n"));
  const code = (text) => {
    panelCode = text;
    showCode();
  };
  const askCode = () => {
    if (codeBox.panel.hidden) return;
    work(async () => {
      const reply = await codeQuestion.ask("code", {}, CODE_MS).catch(() => null);
      if (reply) viewCode = reply.result.code;
      showCode();
    });
  };
  scope.listen(codeBox.toggle, "click", askCode);
  const list = browse(scope, rows, {
    choose,
    search(query, by) {
      sync.write("query", query);
      sync.write("search_by", by);
      update();
    },
    sort: (sort) => sync.write("sort", sort),
    changed: () => draw()
  });
  const about = aboutLatent(scope, {
    async label(latent, text, author) {
      const params = { latent_idx: latent, text, author };
      const { result } = await bridge.request("label", params);
      details.relabel(latent, result.label, result.labels);
      rows.relabel(latent, result.label?.text ?? "");
      if (detail?.latent_idx === latent) detail = details.peek(latent) ?? detail;
      say(`latent ${latent}: ${result.label?.text ?? "no label"}`);
      draw();
    },
    pin() {
      pinned = pinned === null && detail ? detail.latent_idx : null;
      compare.pin(pinned);
      draw();
    }
  });
  const latentBody = latentView(scope, choose);
  const problem = h("p", { class: "inb-field-error", role: "status", hidden: true });
  const prompt = promptBox(
    scope,
    (typed) => {
      sync.write("prompt", typed);
      if (selected().pos !== null) select({ pos: null });
      draw();
    },
    () => detail ? strongestText(detail) : ""
  );
  const onText = textPanel(frame.root, bridge, { choose, token: (pos) => select({ pos }), say, code });
  const effect = effectPanel(frame.root, bridge, { code, say });
  const compare = comparePanel(frame.root, bridge, details, { choose, code });
  const map2 = mapView(frame.root, bridge, {
    choose,
    box(inside) {
      rows.limit({ ...rows.filter, box: inside });
      draw();
    },
    say
  });
  const panels = tabs(
    scope,
    {
      latent: { label: "Latent", node: div("inb-latent-box", latentBody.node) },
      text: { label: "On your text", node: onText.node },
      effect: { label: "Intervene", node: effect.node },
      compare: { label: "Compare", node: compare.node },
      map: { label: "Map", node: map2.node }
    },
    () => draw()
  );
  const bar = h("div", { class: "inb-toolbar", role: "toolbar", "aria-label": "dashboard" }, codeBox.toggle, files);
  const main = div("inb-main", about.node, panels.bar, problem, prompt.node, panels.body);
  body.append(
    div("inb-top", div("inb-title", heading, note), bar),
    hint,
    codeBox.panel,
    progress.node,
    div("inb-split", list.node, main)
  );
  showTips(scope, body, tooltip);
  scope.listen(frame.root, "keydown", (event) => {
    if (event.key !== "/" || event.target.closest("input, textarea, select")) return;
    event.preventDefault();
    list.search();
  });
  const changed = guarded(frame.root, () => update());
  for (const name of OWN_TRAITS) {
    model.on(`change:${name}`, changed);
    scope.add(() => model.off(`change:${name}`, changed));
  }
  function read2() {
    const next = model.get("_meta");
    const bytes = model.get("_data");
    if (!meta || next !== dataKey[0] || bytes !== dataKey[1]) {
      rows.read(next, bytes);
      if (meta) details.forget();
      details.keep(next.first.detail);
      dataKey = [next, bytes];
      meta = next;
    }
    return meta;
  }
  async function fetchDetail(latent) {
    try {
      const found = await details.get("main", latent, 0, detail ? BROWSE_MS : 0);
      if (!found) return;
      problem.hidden = true;
      detail = found;
      say(`latent ${latent}${found.label ? `, ${found.label.text}` : ""}, max ${sig4(Number(found.facts.max))}`);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      problem.textContent = error.message;
      problem.hidden = false;
      detail = bareDetail(rows.columns, latent);
    }
    draw();
  }
  function update() {
    const now = read2();
    const sorting = readSort(trait("sort"), now.columns);
    if (writeSort(sorting) !== writeSort(rows.sorting)) rows.sort(sorting);
    const by = trait("search_by");
    rows.look(trait("query"), SEARCHES.includes(by) ? by : "any");
    const { latent_idx: latent } = selected();
    const here = details.peek(latent);
    if (here) {
      detail = here;
      problem.hidden = true;
    } else if (latent !== detail?.latent_idx || problem.hidden) work(() => fetchDetail(latent));
    askCode();
    draw();
  }
  function draw() {
    if (!meta) return;
    const now = meta;
    const kernel = model.get("kernel") !== false;
    heading.textContent = now.labels.heading ?? "";
    note.textContent = now.labels.note ?? "";
    hint.textContent = kernelHint(kernel, true);
    hint.hidden = kernel;
    showCode();
    progress.update(model.get("state"), Number(model.get("progress") ?? 1), kernel);
    const { latent_idx: latent } = selected();
    list.update(latent);
    if (detail) drawLatent(now, detail, kernel, latent);
  }
  function drawLatent(now, shown, kernel, latent) {
    const theme = frame.theme;
    const { columns, filter } = rows;
    const stale = shown.latent_idx !== latent;
    const tab = panels.current();
    about.update({
      detail: shown,
      columns,
      named: now.columns,
      canLabel: Boolean(now.can.label) && kernel,
      author: now.author,
      hint: now.hints.label ?? "",
      pinned,
      stale
    });
    const alone = tab === "latent" || tab === "compare";
    panels.body.classList.toggle("inb-stale", stale && alone);
    const live = kernel && Boolean(now.can.text);
    const text = trait("prompt");
    const typing = tab === "text" || tab === "effect";
    prompt.node.hidden = !typing;
    prompt.update(text, live, live ? "" : kernel ? NO_MODEL : NO_KERNEL);
    panels.body.hidden = alone ? !problem.hidden : typing && !live && (kernel || !text);
    const width2 = Math.max(240, panels.body.clientWidth || 640);
    const name = shown.label?.text || shown.concept;
    const store = now.stores[shown.store];
    const common = { meta: now, theme, width: width2, latent, name };
    if (tab === "latent" && store) latentBody.update({ ...common, detail: shown, store, hints: now.hints, has });
    if (tab === "text") onText.update({ ...common, prompt: text, pos: selected().pos, kernel });
    if (tab === "effect") effect.update({ ...common, prompt: text });
    if (tab === "compare") compare.update({ ...common, detail: shown, has });
    if (tab === "map")
      map2.update({ ...common, columns, texts: rows.texts, listed: rows.rows, boxed: filter.box !== null });
  }
  const sizes = typeof ResizeObserver === "function" ? new ResizeObserver(guarded(body, () => resized())) : null;
  let width = 0;
  const resized = () => {
    if (body.clientWidth === width) return;
    width = body.clientWidth;
    draw();
    list.reveal();
  };
  sizes?.observe(body);
  return {
    update,
    destroy() {
      sizes?.disconnect();
      for (const part of [list, onText, effect, compare, map2]) part.destroy();
      codeQuestion.stop();
      rows.close();
      details.close();
    }
  };
}

// src/feature_dashboard/widget.ts
var widget_default = defineWidget("feature_dashboard", parts_default + tabs_default + style_default, mountDashboard);
export {
  widget_default as default
};
