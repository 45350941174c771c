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

// src/head_roles/style.css
var style_default2 = ".inb-columns{display:flex;flex-direction:column;gap:14px}.inb-main{min-width:0}@container (min-width: 700px){.inb-columns{flex-direction:row;gap:36px;align-items:flex-start}.inb-detail{flex:0 1 230px;padding-top:26px}}.inb-root h5{margin:0 0 6px;font-size:13px;font-weight:600;color:var(--inb-text)}.inb-detail .inb-facts dd{text-align:right}.inb-detail .inb-facts{grid-template-columns:max-content max-content;gap:2px 18px;font-size:12px}.inb-tip-head{color:var(--inb-muted);margin-bottom:3px}.inb-main .inb-badge-legend{width:0;min-width:max(100%,min(400px,100cqw - 12px))}";

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

// src/grid/layout.ts
var TICK_SIZE = 12;
var INDEX_SIZE = 10;
var EDGE = { depth: 30, away: 7 };
var SLANT = Math.PI / 4;
var LABEL_MAX = 92;
var CELL = { min: 22, slantedMin: 17, max: 68, slanted: 48, dense: 16, denseFrom: 48 };
var ROWS = { tall: 880, min: 5, labelled: 13, groupGap: 3 };
function cellHeightFor(rows, width) {
  if (rows > 48) return Math.max(ROWS.min, Math.floor(ROWS.tall / rows));
  const tallest = rows > 24 ? 18 : rows > 12 ? 24 : 32;
  return Math.round(Math.min(tallest, Math.max(16, width * 0.8)));
}
function rowPlaces({ rows, groups }, top, cellHeight) {
  const dense = cellHeight < ROWS.labelled;
  const rowTops = [];
  const labels = [];
  let y = top;
  rows.forEach((text, row) => {
    const group2 = groups?.[row];
    const begins = groups !== void 0 && group2 !== groups[row - 1];
    if (begins && row > 0) y += ROWS.groupGap;
    rowTops.push(y);
    if (!dense || !groups) labels.push({ text, y: y + cellHeight / 2 });
    else if (begins)
      labels.push({ text: group2 ?? "", y: y + (groups.lastIndexOf(group2 ?? "") + 1 - row) * cellHeight / 2 });
    y += cellHeight;
  });
  const every = Math.ceil(ROWS.labelled * labels.length / (y - top));
  return { rowTops, dense, gridHeight: y - top, rowLabels: labels.filter((_, i) => i % every === 0) };
}
function gridLayout(axes, available, measure) {
  const count = Math.max(1, axes.columns.length);
  const size = (text) => measure(text, TICK_SIZE, 600);
  const rowWidth = Math.max(...axes.rows.map((row) => measure(row, TICK_SIZE)), 8);
  const nameWidth = axes.tokens ? Math.max(measure(axes.names.below, 11), measure(axes.names.columns, 11)) : 0;
  const axisWidth = Math.ceil(Math.max(rowWidth + 34, nameWidth + 14));
  const strip = axes.edges ? EDGE.depth + EDGE.away : 0;
  const room = Math.max(80, available - axisWidth - strip - 8);
  const texts = axes.columns.map((tick2) => visible(tick2.text));
  const lower = axes.below.map((tick2) => tick2 ? visible(tick2.text) : null);
  const roomy = count >= CELL.denseFrom ? CELL.dense : CELL.min;
  const flat = Math.max(roomy, Math.min(CELL.max, Math.floor(room / count)));
  const all = [...texts, ...lower.filter((text) => text !== null)];
  const slanted = axes.tokens && all.filter((text) => size(text) > flat - 6).length > all.length / 5;
  const min = slanted ? Math.min(roomy, CELL.slantedMin) : roomy;
  const reach = (labels) => {
    const widest = Math.max(0, ...labels.map((text) => text === null ? 0 : size(text)));
    return slanted ? Math.ceil(Math.min(widest, LABEL_MAX) * Math.cos(SLANT)) + 4 : 0;
  };
  const above = reach(texts);
  const under = reach(lower);
  const right = Math.max(strip + 6, slanted ? Math.max(above, under) - 8 : 0);
  const across = available - axisWidth - 8 - right;
  const cellWidth = slanted ? Math.max(min, Math.min(CELL.slanted, Math.floor(across / count))) : flat;
  const cellHeight = cellHeightFor(axes.rows.length, cellWidth);
  const limit = slanted ? LABEL_MAX : cellWidth - 4;
  const fit = (text) => cutToWidth(text, limit, size);
  const indexHeight = axes.tokens ? INDEX_SIZE + 6 : 0;
  const hasBelow = lower.some((text) => text !== null);
  const top = Math.max(above, TICK_SIZE) + indexHeight + 8;
  const bottom = strip + (hasBelow ? Math.max(under + 12, TICK_SIZE + 12) : 4);
  const gridWidth = cellWidth * count;
  const { gridHeight, ...places } = rowPlaces(axes, top, cellHeight);
  return {
    cellWidth,
    cellHeight,
    gap: Math.min(cellWidth, cellHeight) >= 10 ? 1 : 0,
    axisWidth,
    top,
    ...places,
    bottom,
    right,
    slanted,
    columns: texts.map(fit),
    below: lower.map((text) => text === null ? null : fit(text)),
    plotWidth: gridWidth + right,
    height: top + gridHeight + bottom,
    gridWidth,
    gridHeight
  };
}
function placeAt(layout, x, y) {
  const across = Math.floor(x / layout.cellWidth);
  const down = layout.rowTops.findLastIndex((top2) => y >= top2);
  const column = x >= 0 && x < layout.gridWidth ? across : void 0;
  const row = y >= layout.top && y < layout.top + layout.gridHeight ? down : void 0;
  if (row !== void 0 && column !== void 0) return { row, column };
  const deep = EDGE.away + EDGE.depth;
  const { gridWidth, top, gridHeight } = layout;
  if (row !== void 0 && x >= gridWidth && x < gridWidth + deep) return { row };
  if (column !== void 0 && y >= top + gridHeight && y < top + gridHeight + deep) return { column };
  return null;
}

// src/grid/edges.ts
function edgeRange({ rows, columns }, scale) {
  const all = [rows.mean, rows.largest, columns.mean, columns.largest].flatMap((values) => Array.from(values));
  const known = all.filter(Number.isFinite);
  return [Math.max(scale.low, Math.min(0, ...known)), Math.min(scale.high, Math.max(0, ...known))];
}
function stripShapes(edge, { at, middles, thick, turned }, scale, ink) {
  const bar = (value, middle, wide, fill) => {
    const start = Math.min(at(0), at(value));
    const length = Math.max(0.5, Math.abs(at(value) - at(0)));
    const side = middle - wide / 2;
    const box = turned ? { x: side, y: start, width: wide, height: length } : { x: start, y: side, width: length, height: wide };
    return rect(box, fill);
  };
  return middles.flatMap((middle, i) => {
    const mean = edge.mean[i] ?? Number.NaN;
    const largest = edge.largest[i] ?? Number.NaN;
    if (Number.isNaN(mean) || Number.isNaN(largest)) return [];
    const place2 = turned ? { cx: middle, cy: at(largest) } : { cx: at(largest), cy: middle };
    return [
      bar(largest, middle, 1, ink.line),
      bar(mean, middle, thick, scale.color(Math.sign(mean) * scale.high * 0.78)),
      { tag: "circle", attrs: { ...place2, r: Math.min(2.2, thick / 2 + 0.2), fill: ink.soft } }
    ];
  });
}
function edgeShapes(edges, axes, layout, scale, ink) {
  const [low, high] = edgeRange(edges, scale);
  if (!(high > low)) return [];
  const { cellWidth, cellHeight, gap, top, gridWidth, gridHeight } = layout;
  const from = (edge) => (value) => edge + EDGE.away + (Math.max(low, Math.min(high, value)) - low) / (high - low) * EDGE.depth;
  const thin = (cell) => Math.max(1.5, Math.min(5, cell * 0.3));
  const right = {
    at: from(gridWidth),
    middles: layout.rowTops.map((y) => y + (cellHeight - gap) / 2),
    thick: thin(cellHeight),
    turned: false
  };
  const lower = {
    at: from(top + gridHeight),
    middles: axes.columns.map((_, column) => (column + 0.5) * cellWidth - gap / 2),
    thick: thin(cellWidth),
    turned: true
  };
  const d = `M${right.at(0)} ${top}v${gridHeight - gap}M0 ${lower.at(0)}h${gridWidth - gap}`;
  return [
    line(d, ink.line),
    ...stripShapes(edges.rows, right, scale, ink),
    ...stripShapes(edges.columns, lower, scale, ink)
  ];
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
var slice = array.slice;
var e10 = Math.sqrt(50);
var e5 = Math.sqrt(10);
var e2 = Math.sqrt(2);
function tickSpec(start, stop, count) {
  const step = (stop - start) / Math.max(0, count), power = Math.floor(Math.log10(step)), error = step / Math.pow(10, power), factor = error >= e10 ? 10 : error >= e5 ? 5 : error >= e2 ? 2 : 1;
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
  if (i2 < i1 && 0.5 <= count && count < 2) return tickSpec(start, stop, count * 2);
  return [i1, i2, inc];
}
function tickIncrement(start, stop, count) {
  stop = +stop, start = +start, count = +count;
  return tickSpec(start, stop, count)[2];
}
function nice(start, stop, count) {
  let prestep;
  while (true) {
    const step = tickIncrement(start, stop, count);
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
var SEQUENTIAL = {
  light: ["#f6f6f5", "#dbe9f3", "#aed0e6", "#72afd6", "#3d88c0", "#1d62a1", "#0b3c74", "#062650"],
  dark: ["#26272a", "#27394c", "#2a557b", "#2f76b0", "#4b9ae0", "#85c0f7", "#c0e0ff", "#ecf6ff"]
};
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
function maxAbs(values) {
  let max = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i] ?? 0);
    if (size > max && size < Number.POSITIVE_INFINITY) max = size;
  }
  return max;
}
function niceLimit(values, floor = 0.05, cap = 1) {
  const [, high] = nice(0, Math.max(maxAbs(values), floor), 4);
  return Math.min(cap, high ?? cap);
}
function classify(value, state, scale) {
  if (state === 0) return "pending";
  if (state === 2 || Number.isNaN(value)) return "undefined";
  if (!Number.isFinite(value)) return "infinite";
  return value < scale.low || value > scale.high ? "clipped" : "normal";
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
function badgeShape(box, text, fill) {
  return label(box.x + box.width / 2, box.y + box.height / 2 + 3.5, text, inkOn(fill), 10, "middle");
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

// src/grid/present.ts
function presentKeys(props) {
  const present = new Set(props.edges ? ["edges"] : []);
  let marks = 0;
  for (let i = 0; i < props.values.length; i++) {
    present.add(classify(props.values[i] ?? Number.NaN, props.state?.[i], props.scale));
    marks |= props.marks?.[i] ?? 0;
  }
  for (const [mark2, bit] of Object.entries(MARKS)) if (marks & bit) present.add(mark2);
  return present;
}

// src/grid/svg_cells.ts
function cellBox(layout, row, column) {
  return {
    x: column * layout.cellWidth,
    y: layout.rowTops[row] ?? layout.top,
    width: layout.cellWidth - layout.gap,
    height: layout.cellHeight - layout.gap
  };
}
function shapesAt(props, layout, row, column, ink = PAGE_INK) {
  const index = row * props.axes.columns.length + column;
  const value = props.values[index] ?? Number.NaN;
  const kind = classify(value, props.state?.[index], props.scale);
  const box = cellBox(layout, row, column);
  const shapes = cellShapes(box, value, kind, props.scale, ink, props.marks?.[index]);
  const badge = props.badge?.({ row, column });
  if (badge && kind !== "pending" && kind !== "undefined")
    shapes.push(badgeShape(box, badge, props.scale.color(value)));
  return shapes;
}
function svgCells() {
  const node = toNode({ tag: "g", attrs: { class: "inb-cells" } });
  let kept = [];
  let size = "";
  let columns = 0;
  const rebuild = (props) => {
    columns = props.axes.columns.length;
    kept = [];
    const rows = props.axes.rows.map((_, row) => {
      const line2 = toNode({ tag: "g", attrs: { role: "row", "aria-rowindex": row + 1 } });
      for (let column = 0; column < columns; column++) {
        const attrs = {
          class: "inb-cell",
          role: "gridcell",
          "aria-colindex": column + 1,
          "data-row": row,
          "data-column": column
        };
        const cell = toNode({ tag: "g", attrs });
        kept.push({ node: cell, drawn: "" });
        line2.append(cell);
      }
      return line2;
    });
    node.replaceChildren(...rows);
  };
  return {
    node,
    update(props, layout) {
      const now = `${props.axes.rows.length} ${props.axes.columns.length}`;
      if (now !== size) rebuild(props);
      size = now;
      const home = props.selected ?? { row: 0, column: 0 };
      kept.forEach((cell, index) => {
        const row = Math.floor(index / columns);
        const column = index % columns;
        const chosen = props.selected?.row === row && props.selected.column === column;
        setAttrs(cell.node, {
          "aria-label": props.describe({ row, column }),
          "aria-selected": chosen ? "true" : "false",
          tabindex: home.row === row && home.column === column ? 0 : -1
        });
        const shapes = shapesAt(props, layout, row, column);
        const drawn = JSON.stringify(shapes);
        if (drawn === cell.drawn) return;
        cell.drawn = drawn;
        cell.node.replaceChildren(...shapes.map(toNode));
      });
    },
    focus(cell) {
      kept[cell.row * columns + cell.column]?.node?.focus();
    }
  };
}

// src/grid/ticks.ts
function tickText(text, ink, strong) {
  const lead = text.startsWith("·") && text.length > 1 ? 1 : 0;
  const rest = { tag: "tspan", attrs: { fill: strong ? ink.text : ink.soft }, text: text.slice(lead) };
  return lead ? [{ tag: "tspan", attrs: { fill: ink.muted, "font-weight": 400 }, text: "·" }, rest] : [rest];
}
function place(layout, column, y, turn) {
  const x = (column + 0.5) * layout.cellWidth;
  if (!layout.slanted) return { x, y, "text-anchor": "middle" };
  const nudge = turn < 0 ? 4 : 2;
  return { transform: `translate(${x + nudge} ${y}) rotate(${turn})` };
}
function tick(layout, column, y, turn, text, strong, ink) {
  const attrs = { ...place(layout, column, y, turn), "font-size": TICK_SIZE, "font-weight": strong ? 600 : 400 };
  return { tag: "text", attrs, children: tickText(text, ink, strong) };
}
function lowerY(axes, layout) {
  const strip = axes.edges ? EDGE.away + EDGE.depth : 0;
  return layout.top + layout.gridHeight + strip + (layout.slanted ? 14 : 17);
}
function columnTicks(axes, layout, ink) {
  const out = [];
  const indexY = layout.top - 7;
  const upperY = axes.tokens ? indexY - INDEX_SIZE - 3 : layout.top - 8;
  const gridBottom = layout.top + layout.gridHeight;
  layout.columns.forEach((text, column) => {
    const strong = axes.columns[column]?.strong ?? false;
    const x = (column + 0.5) * layout.cellWidth;
    if (axes.tokens) out.push(label(x, indexY, String(column), ink.muted, INDEX_SIZE, "middle"));
    out.push(tick(layout, column, upperY, -45, text, strong, ink));
    const lower = layout.below[column];
    if (lower == null) return;
    out.push(tick(layout, column, lowerY(axes, layout), 45, lower, true, ink));
    const from = column * layout.cellWidth + 1;
    const d = `M${from} ${layout.top - 3}h${layout.cellWidth - 2}M${from} ${gridBottom + 3}h${layout.cellWidth - 2}`;
    out.push(line(d, ink.accent, 2));
  });
  return out;
}
function rowTicks(axes, layout, ink) {
  const right = layout.axisWidth - 8;
  const middle = layout.top + layout.gridHeight / 2;
  const name = (text, y) => label(right, y, text, ink.muted, 11, "end");
  const title = label(0, 0, layout.dense && axes.names.groups || axes.names.rows, ink.muted, 11, "middle");
  const upper = layout.top - 7;
  const out = [
    ...layout.rowLabels.map(({ text, y }) => label(right, y + 4, text, ink.soft, TICK_SIZE, "end")),
    group({ transform: `translate(12 ${middle}) rotate(-90)` }, [title])
  ];
  if (!axes.tokens) return [...out, name(axes.names.columns, upper)];
  out.push(name(axes.names.columns, upper - INDEX_SIZE - 3));
  if (layout.below.some((text) => text !== null)) {
    out.push(name(axes.names.below, lowerY(axes, layout) + (layout.slanted ? 3 : 0)));
  }
  return out;
}
function rowCursor(axes, layout, row, ink) {
  const y = layout.rowTops[row ?? -1];
  if (!layout.dense || y === void 0) return [];
  const middle = y + layout.cellHeight / 2;
  const back = rect({ x: 20, y: middle - 8, width: layout.axisWidth - 24, height: 16 }, ink.background);
  return [back, label(layout.axisWidth - 8, middle + 4, axes.rows[row ?? -1] ?? "", ink.text, TICK_SIZE, "end", 600)];
}

// src/grid/figure.ts
var MARGIN = 14;
function gridFigure(props, title, unit, width, measure) {
  const layout = gridLayout(props.axes, width, measure);
  const cells = [];
  props.axes.rows.forEach((_, row) => {
    props.axes.columns.forEach((_2, column) => {
      cells.push(...shapesAt(props, layout, row, column, FILE_INK));
    });
  });
  if (props.edges) cells.push(...edgeShapes(props.edges, props.axes, layout, props.scale, FILE_INK));
  const key = legend(props.scale, unit, presentKeys(props), FILE_INK, measure, Math.max(360, layout.plotWidth));
  const head = label(MARGIN, 22, title, FILE_INK.text, 13, "start", 600);
  const top = 34;
  const total = Math.ceil(
    Math.max(layout.axisWidth + layout.plotWidth, layout.axisWidth + key.width, measure(title, 13, 600)) + 2 * MARGIN
  );
  const height = Math.ceil(top + layout.height + 14 + key.height + MARGIN);
  const svg = svgFile(total, height, FILE_INK.background, [
    head,
    moved(MARGIN, top, rowTicks(props.axes, layout, FILE_INK)),
    moved(MARGIN + layout.axisWidth, top, [...columnTicks(props.axes, layout, FILE_INK), ...cells]),
    moved(MARGIN + layout.axisWidth, top + layout.height + 14, key.shapes)
  ]);
  return { svg, width: total, height };
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

// src/shared/paint.ts
function paint(context2, shapes) {
  for (const { tag, attrs = {}, text } of shapes) {
    const number2 = (name) => Number(attrs[name] ?? 0);
    context2.globalAlpha = attrs.opacity === void 0 ? 1 : number2("opacity");
    context2.fillStyle = String(attrs.fill ?? "none");
    if (tag === "rect") context2.fillRect(number2("x"), number2("y"), number2("width"), number2("height"));
    else if (tag === "circle") {
      context2.beginPath();
      context2.arc(number2("cx"), number2("cy"), number2("r"), 0, 2 * Math.PI);
      context2.fill();
    } else if (tag === "path") {
      const path = new Path2D(String(attrs.d ?? ""));
      if (attrs.fill !== "none") context2.fill(path);
      if (attrs.stroke) {
        context2.strokeStyle = String(attrs.stroke);
        context2.lineWidth = number2("stroke-width") || 1;
        context2.setLineDash(attrs["stroke-dasharray"] ? [1, 2] : []);
        context2.stroke(path);
      }
    } else if (tag === "text" && text) {
      context2.font = `${attrs["font-weight"] ?? 400} ${number2("font-size") || 12}px system-ui, sans-serif`;
      context2.textAlign = attrs["text-anchor"] === "middle" ? "center" : "left";
      context2.fillText(text, number2("x"), number2("y"));
    }
  }
  context2.globalAlpha = 1;
}

// src/grid/canvas_cells.ts
var MAX_PIXELS = 16e3;
function canvasCells() {
  const node = h("canvas", { class: "inb-canvas", role: "grid", tabindex: 0 });
  return {
    node,
    update(props, layout) {
      setAttrs(node, { "aria-label": props.label });
      const ratio = Math.min(
        globalThis.devicePixelRatio || 1,
        MAX_PIXELS / layout.gridWidth,
        MAX_PIXELS / layout.height
      );
      node.width = Math.round(layout.gridWidth * ratio);
      node.height = Math.round((layout.top + layout.gridHeight) * ratio);
      node.style.width = `${layout.gridWidth}px`;
      node.style.height = `${layout.top + layout.gridHeight}px`;
      const context2 = node.getContext("2d");
      if (!context2) return;
      context2.scale(ratio, ratio);
      const ink = plainInk(props.theme);
      for (let row = 0; row < props.axes.rows.length; row++) {
        for (let column = 0; column < props.axes.columns.length; column++) {
          paint(context2, shapesAt(props, layout, row, column, ink));
        }
      }
    },
    focus() {
      node.focus();
    }
  };
}

// src/grid/keys.ts
function gridKey(key, at, rows, columns) {
  if (key === "Escape") return { kind: "clear" };
  if (key === "Enter" || key === " ") return at ? { kind: "pin" } : null;
  const steps = {
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
    Home: [0, -columns],
    End: [0, columns],
    PageUp: [-rows, 0],
    PageDown: [rows, 0]
  };
  const step = steps[key];
  if (!step) return null;
  if (!at) return { kind: "move", to: { row: 0, column: 0 } };
  const clamp = (value, count) => Math.max(0, Math.min(count - 1, value));
  return { kind: "move", to: { row: clamp(at.row + step[0], rows), column: clamp(at.column + step[1], columns) } };
}

// src/grid/overlay.ts
function ring(layout, { row, column }, inset, stroke, width) {
  const across = column === void 0 ? layout.gridWidth : layout.cellWidth;
  const down = row === void 0 ? layout.gridHeight : layout.cellHeight;
  const attrs = {
    x: (column ?? 0) * layout.cellWidth + inset - layout.gap / 2,
    y: (layout.rowTops[row ?? 0] ?? layout.top) + inset - layout.gap / 2,
    width: Math.max(1, across - 2 * inset),
    height: Math.max(1, down - 2 * inset),
    rx: 2,
    fill: "none",
    stroke,
    "stroke-width": width
  };
  return { tag: "rect", attrs };
}
function pin(layout, cell, number2, ink) {
  const x = cell.column * layout.cellWidth + 1;
  const size = Math.max(9, Math.min(13, layout.cellWidth - 3, layout.cellHeight - 3));
  const y = (layout.rowTops[cell.row] ?? 0) + Math.min(1, (layout.cellHeight - size) / 2);
  return [
    { tag: "rect", attrs: { x, y, width: size, height: size, rx: 2, fill: ink.text } },
    label(x + size / 2, y + size / 2 + 3.2, String(number2), ink.background, Math.min(9, size - 2), "middle", 600)
  ];
}
function overlayShapes(layout, overlay, ink) {
  const out = overlay.pins.flatMap((cell, i) => pin(layout, cell, i + 1, ink));
  const { hover, selected } = overlay;
  if (hover) out.push(ring(layout, hover, 0, ink.muted, 1.5));
  if (selected) out.push(ring(layout, selected, 1.5, ink.background, 1.5), ring(layout, selected, 0, ink.text, 2));
  return out;
}

// src/grid/view.ts
var MAX_SVG_CELLS = 2e3;
function cellOf(event) {
  const node = event.target?.closest?.("[data-row]");
  return node ? { row: Number(node.getAttribute("data-row")), column: Number(node.getAttribute("data-column")) } : null;
}
function whole(place2) {
  return place2?.row !== void 0 && place2.column !== void 0 ? place2 : null;
}
function drawGrid(events, watched, room) {
  const scope = new Scope();
  const axis = svgRoot(0, 0, { class: "inb-axis", "aria-hidden": "true" });
  const plot = svgRoot(0, 0, { class: "inb-plot" });
  const ticks = toNode({ tag: "g", attrs: { "aria-hidden": "true" } });
  const cursor = toNode({ tag: "g" });
  const overlay = toNode({
    tag: "g",
    attrs: { class: "inb-overlay", "aria-hidden": "true", "pointer-events": "none" }
  });
  plot.append(ticks, overlay);
  const sheet = div("inb-sheet", plot);
  const scroller = div("inb-scroller", sheet);
  const node = div("inb-grid", axis, scroller);
  let cells;
  let props;
  let layout;
  let hover = null;
  let seenWidth = 0;
  const drawOverlay = () => {
    if (!props || !layout) return;
    const { selected, pins } = props;
    overlay.replaceChildren(...overlayShapes(layout, { hover, selected, pins }, PAGE_INK).map(toNode));
    cursor.replaceChildren(...rowCursor(props.axes, layout, hover?.row ?? selected?.row, PAGE_INK).map(toNode));
  };
  const draw = () => {
    if (!props) return;
    seenWidth = room();
    layout = gridLayout(props.axes, seenWidth || 720, measureText);
    const large = props.axes.rows.length * props.axes.columns.length > MAX_SVG_CELLS;
    const isLarge = cells?.node instanceof HTMLCanvasElement;
    if (!cells || large !== isLarge) {
      cells?.node.remove();
      cells = large ? canvasCells() : svgCells();
      if (large) sheet.prepend(cells.node);
      else plot.insertBefore(cells.node, overlay);
    }
    const { rows, columns } = props.axes;
    const role = {
      role: "grid",
      "aria-label": props.label,
      "aria-rowcount": rows.length,
      "aria-colcount": columns.length
    };
    const aside = { role: void 0, "aria-label": void 0, "pointer-events": large ? "none" : void 0 };
    setAttrs(plot, aside);
    setAttrs(large ? cells.node : plot, role);
    sizeSvg(axis, layout.axisWidth, layout.height);
    sizeSvg(plot, layout.plotWidth, layout.height);
    axis.replaceChildren(...rowTicks(props.axes, layout, PAGE_INK).map(toNode), cursor);
    const { axes, edges, scale } = props;
    const around = edges ? edgeShapes(edges, axes, layout, scale, PAGE_INK) : [];
    ticks.replaceChildren(...[...columnTicks(axes, layout, PAGE_INK), ...around].map(toNode));
    cells.update(props, layout);
    drawOverlay();
  };
  const at = (event) => {
    const named = cellOf(event);
    if (named || !layout) return named;
    const box = sheet.getBoundingClientRect();
    const place2 = placeAt(layout, event.clientX - box.left, event.clientY - box.top);
    return whole(place2) || props?.edges ? place2 : null;
  };
  scope.listen(sheet, "pointermove", (event) => {
    const place2 = at(event);
    const moved2 = place2?.row !== hover?.row || place2?.column !== hover?.column;
    hover = place2;
    if (moved2) drawOverlay();
    if (place2 && !whole(place2)) events.edge?.(place2, event);
    else events.hover(whole(place2), event);
  });
  scope.listen(sheet, "pointerleave", () => {
    hover = null;
    drawOverlay();
    events.hover(null, null);
  });
  scope.listen(sheet, "click", (event) => {
    const cell = whole(at(event));
    if (cell) events.click(cell);
  });
  scope.listen(sheet, "keydown", (event) => {
    if (!props || event.ctrlKey || event.metaKey || event.altKey) return;
    const from = props.selected ?? cellOf(event);
    const first = props.selected === null && event.key.startsWith("Arrow");
    const action = gridKey(event.key, first ? null : from, props.axes.rows.length, props.axes.columns.length);
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    events.key(action);
  });
  if (typeof ResizeObserver === "function") {
    const redraw = () => Math.abs(room() - seenWidth) > 1 && (events.resize ?? draw)();
    const observer = new ResizeObserver(guarded(watched, redraw));
    observer.observe(watched);
    scope.add(() => observer.disconnect());
  }
  return {
    node,
    update(next) {
      const held = sheet.contains(document.activeElement);
      props = next;
      draw();
      if (held && next.selected) cells?.focus(next.selected);
    },
    reveal(cell) {
      if (!layout) return;
      const left = cell.column * layout.cellWidth;
      const right = left + layout.cellWidth;
      if (left < scroller.scrollLeft) scroller.scrollLeft = left - layout.cellWidth;
      else if (right > scroller.scrollLeft + scroller.clientWidth)
        scroller.scrollLeft = right - scroller.clientWidth + layout.cellWidth;
      if (sheet.contains(document.activeElement)) cells?.focus(cell);
    },
    destroy() {
      scope.dispose();
      node.remove();
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

// src/head_roles/data.ts
function readRoles(meta, bytes) {
  const { values, shape } = readArray(meta.arrays, bytes, "scores", 3);
  const [roles = 0, rows = 0, columns = 0] = shape;
  if (roles !== meta.roles.length || rows !== meta.y.ticks.length || columns !== meta.x.ticks.length) {
    const expected = [meta.roles.length, meta.y.ticks.length, meta.x.ticks.length];
    throw new RangeError(`scores are [${shape.join(", ")}], expected [${expected.join(", ")}]`);
  }
  const size = rows * columns;
  const scores = Object.fromEntries(meta.roles.map((role, i) => [role, values.subarray(i * size, (i + 1) * size)]));
  const axes = {
    rows: meta.y.ticks,
    columns: meta.x.ticks.map((text) => ({ text })),
    below: [],
    tokens: false,
    names: { rows: meta.y.name ?? "layer", columns: meta.x.name ?? "head", below: "" }
  };
  return { meta, rows, columns, scores, axes };
}
function scoreAt(data, role, cell) {
  return data.scores[role]?.[cell.row * data.columns + cell.column] ?? Number.NaN;
}
function badgeAt(data, cell) {
  return data.meta.badges[cell.row]?.[cell.column] ?? "";
}
function firstRole(data) {
  const known = (role) => Array.from(data.scores[role] ?? []).some((score) => !Number.isNaN(score));
  const wanted = ["induction", ...data.meta.roles].filter((role) => data.meta.roles.includes(role));
  return wanted.find(known) ?? wanted[0] ?? "";
}
function roleLimit(data, role) {
  const values = data.scores[role] ?? [];
  const entropy = role === "entropy";
  const cap = entropy || maxAbs(values) > 1 ? Number.POSITIVE_INFINITY : 1;
  return {
    limit: niceLimit(values, 0.05, cap),
    unit: entropy ? "entropy of attention, nats" : `${roleLabel(role)} score`
  };
}
function describeHead(data, role, cell) {
  const name = `layer ${data.meta.y.ticks[cell.row]}, head ${data.meta.x.ticks[cell.column]}`;
  return [name, badgeAt(data, cell), `${roleLabel(role)} ${sig4(scoreAt(data, role, cell))}`].filter(Boolean).join(", ");
}
function rolesCsv(data) {
  const { meta } = data;
  const rows = Array.from({ length: data.rows * data.columns }, (_, index) => {
    const cell = { row: Math.floor(index / data.columns), column: index % data.columns };
    const scores = meta.roles.map((role) => scoreAt(data, role, cell));
    return [meta.y.ticks[cell.row] ?? "", meta.x.ticks[cell.column] ?? "", badgeAt(data, cell), ...scores];
  });
  return csv(["layer", "head", "badge", ...meta.roles], rows);
}

// src/head_roles/view.ts
function readSelected(value, data) {
  const chosen = value;
  const row = data.meta.y.ticks.indexOf(String(chosen?.layer));
  const column = data.meta.x.ticks.indexOf(String(chosen?.head));
  return row >= 0 && column >= 0 ? { row, column } : null;
}
function mountHeadRoles({ model, sync, frame }) {
  const { scope, body, tooltip } = frame;
  let data;
  let dataKey = [];
  let selected = null;
  let limit = null;
  const select = (cell) => {
    const ticks = data?.meta;
    sync.write(
      "selected",
      cell && { layer: Number(ticks?.y.ticks[cell.row]), head: Number(ticks?.x.ticks[cell.column]) }
    );
    if (cell && data) frame.say(describeHead(data, role(), cell));
    update();
  };
  const chooser = h("select", { "data-choice": "role" });
  const role = () => chooser.value;
  scope.listen(chooser, "change", () => {
    limit = null;
    legend2.reset();
    update();
  });
  const rows = (now, cell) => [
    ["badge", badgeAt(now, cell)],
    ...now.meta.roles.map((name2) => {
      const value = sig4(scoreAt(now, name2, cell));
      return [roleLabel(name2), name2 === role() ? h("strong", {}, value) : value];
    })
  ];
  const headTitle = (now, cell) => `layer ${now.meta.y.ticks[cell.row]}, head ${now.meta.x.ticks[cell.column]}`;
  const grid = drawGrid(
    {
      hover(cell, event) {
        if (!cell || !event || !data) return tooltip.hide();
        tooltip.show(event.clientX, event.clientY, [
          div("inb-tip-head", headTitle(data, cell)),
          facts(rows(data, cell))
        ]);
      },
      click: select,
      key: (action) => select(action.kind === "move" ? action.to : action.kind === "clear" ? null : selected)
    },
    body,
    () => Math.max(200, (body.clientWidth || 720) - ((body.clientWidth || 720) >= 700 ? 260 : 0))
  );
  const legend2 = legendView(scope, (next) => {
    limit = next;
    update();
  });
  const code = codePanel(scope);
  const title = () => ["Head roles", roleLabel(role()), data?.meta.labels.model].filter(Boolean).join(" · ");
  const figure = () => gridFigure(props("light"), title(), roleLimit(data, role()).unit, 720, measureText);
  const name = () => fileName("head_roles", role());
  const files = exportButtons(scope, {
    PNG: async () => {
      const { svg, width, height } = figure();
      saveBlob(await svgToPng(svg, width, height), `${name()}.png`);
    },
    SVG: () => saveText(figure().svg, "image/svg+xml", `${name()}.svg`),
    CSV: () => data && saveText(rolesCsv(data), "text/csv", "head_roles.csv")
  });
  const note = h("p");
  const badges = div("inb-badge-legend");
  const detailName = h("h5");
  const detail = h("div");
  const side = div("inb-detail", detailName, detail);
  body.append(
    div("inb-title", h("h4", {}, "Head roles"), note),
    h(
      "div",
      { class: "inb-toolbar", role: "toolbar", "aria-label": "head roles" },
      h("label", {}, "role", chooser),
      code.toggle,
      files
    ),
    code.panel,
    div("inb-columns", div("inb-main", grid.node, legend2.node, badges), side)
  );
  const scaleFor = (theme) => sequential(limit ?? roleLimit(data, role()).limit, theme);
  const props = (theme) => {
    const now = data;
    return {
      axes: now.axes,
      values: now.scores[role()] ?? [],
      state: void 0,
      scale: scaleFor(theme),
      theme,
      label: `${title()}; ${now.rows} layers by ${now.columns} heads`,
      describe: (cell) => describeHead(now, role(), cell),
      selected,
      pins: [],
      badge: (cell) => roleLetter(badgeAt(now, cell))
    };
  };
  function update() {
    const meta = model.get("_meta");
    const bytes = model.get("_data");
    if (meta !== dataKey[0] || bytes !== dataKey[1]) {
      data = readRoles(meta, bytes);
      dataKey = [meta, bytes];
      const before = chooser.value;
      chooser.replaceChildren(...meta.roles.map((item) => h("option", { value: item }, roleLabel(item))));
      chooser.value = meta.roles.includes(before) ? before : firstRole(data);
      note.textContent = [meta.labels.model, `${data.rows} × ${data.columns} heads`].filter(Boolean).join(" · ");
      const letters = badgeCounts(meta.badges).filter(({ badge }) => roleLetter(badge));
      badges.replaceChildren(
        ...letters.map(
          ({ badge, count }) => h("span", {}, span("inb-badge", roleLetter(badge)), ` ${badge} (${count})`)
        )
      );
    }
    const now = data;
    selected = readSelected(model.get("selected"), now);
    const drawn = props(frame.theme);
    code.update(meta.code);
    grid.update(drawn);
    if (selected) grid.reveal(selected);
    legend2.update(drawn.scale, presentKeys(drawn), roleLimit(now, role()).unit, 420);
    detailName.textContent = selected ? headTitle(now, selected) : "";
    detail.replaceChildren(
      selected ? facts(rows(now, selected)) : h("p", { class: "inb-hint" }, "Click a head to see all its scores. Arrow keys move, Escape clears.")
    );
  }
  return { update, destroy: () => grid.destroy() };
}

// src/head_roles/widget.ts
var widget_default = defineWidget("head_roles", style_default + badge_default + style_default2, mountHeadRoles);
export {
  widget_default as default
};
