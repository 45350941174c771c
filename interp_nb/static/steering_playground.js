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
function button(label, attrs = {}) {
  return h("button", { type: "button", class: "inb-button", ...attrs }, label);
}
function fillSelect(select, choices, value) {
  const known = choices.includes(value) ? choices : [value, ...choices];
  if (known.length !== select.options.length || known.some((choice, i) => select.options[i]?.value !== choice)) {
    select.replaceChildren(...known.map((choice) => h("option", { value: choice }, choice)));
  }
  select.value = value;
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

// src/shared/edit.css
var edit_default = ".inb-edit{margin:0 0 12px;padding:10px 12px;border:1px solid var(--inb-hair);border-radius:5px}.inb-root .inb-field [aria-invalid=true]{border-color:var(--inb-bad);box-shadow:0 0 0 1px var(--inb-bad)}.inb-field{display:flex;flex-direction:column;gap:3px;min-width:0}.inb-field-name{font-size:11px;color:var(--inb-muted)}.inb-field textarea,.inb-field input{width:100%;min-height:28px;padding:4px 7px;font-size:13px;line-height:18px;resize:vertical;field-sizing:content;max-height:140px}.inb-chips{display:flex;flex-wrap:wrap;gap:2px}.inb-chip{padding:0 3px;border-radius:2px;background:var(--inb-surface);font-size:11px;line-height:17px;color:var(--inb-soft);max-width:100%}.inb-chip.inb-strong{outline:1px solid var(--inb-accent);color:var(--inb-text);font-weight:600}.inb-chips.inb-bad .inb-chip{outline:1px solid var(--inb-bad)}.inb-field-error{margin:0;color:var(--inb-bad);font-size:12px;white-space:pre-wrap;overflow-wrap:anywhere}.inb-edit-actions{margin-top:8px;display:flex;align-items:center;gap:10px}.inb-edit-actions>:last-child{margin-left:auto}";

// src/shared/parts.css
var parts_default = ".inb-root h5{margin:0 0 5px;font-size:12px;font-weight:600;color:var(--inb-text)}.inb-root h6{margin:0 0 3px;font-size:11px;font-weight:400;color:var(--inb-soft)}.inb-root :is(ol,ul){list-style:none;margin:0;padding:0}.inb-root .inb-link{height:auto;padding:0 4px;border:0;background:none;font-size:11px;color:var(--inb-focus)}.inb-root .inb-link:hover{text-decoration:underline}.inb-top{display:flex;flex-wrap:wrap;align-items:baseline;justify-content:space-between;gap:0 20px}.inb-run{min-width:0;overflow-wrap:anywhere}.inb-run-token{padding:1px 0;border-radius:2px;white-space:pre-wrap;unicode-bidi:isolate}.inb-run-token.inb-at{font-weight:600}.inb-run-token.inb-uncounted{margin-right:3px;font-size:.72em;color:var(--inb-muted)}.inb-run-token.inb-filled .inb-mark{color:inherit;opacity:.75}.inb-root .inb-run-token:focus-visible{outline:2px solid var(--inb-focus);outline-offset:0}.inb-root input[type=range]{width:150px;padding:0;accent-color:var(--inb-focus)}.inb-key{display:inline-block;width:14px;height:6px;margin:0 3px 1px 0;border-radius:2px}.inb-key.inb-after{margin-left:8px}.inb-key.inb-before,.inb-change-bar.inb-before{background:var(--inb-line)}.inb-key.inb-after,.inb-change-bar.inb-after{background:var(--inb-positive)}.inb-change{display:grid;grid-template-columns:minmax(60px,130px) minmax(50px,1fr) 8ch 1em 8ch;align-items:center;gap:0 6px;height:22px;font-size:12px;border-top:1px solid var(--inb-hair);color:var(--inb-text)}.inb-change>:nth-child(n+3){text-align:right;white-space:nowrap}.inb-change-name{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}.inb-change-name .inb-token{white-space:pre}.inb-change-track{display:flex;flex-direction:column;gap:2px}.inb-change-bar{display:block;height:6px;min-width:1px;border-radius:2px;transition:width .2s}.inb-ramp-key{display:flex;flex-wrap:wrap;align-items:center;gap:2px 7px;margin-top:8px;font-size:11px;color:var(--inb-soft)}.inb-ramp{width:110px;height:9px;border-radius:2px}";

// src/steering_playground/style.css
var style_default = '.inb-steering_playground p{margin:0}.inb-steering_playground .inb-body>.inb-hint{display:block;margin:-4px 0 10px}.inb-steering_playground .inb-stale{opacity:.5;transition:opacity .15s .1s}.inb-ask{margin-bottom:14px}.inb-prompt-row{display:flex;gap:8px;align-items:flex-start;margin-bottom:8px}.inb-root .inb-prompt-row textarea{flex:1 1 260px;min-width:0;min-height:52px;max-height:220px;padding:6px 10px;font-size:14px;line-height:20px;resize:vertical;field-sizing:content}.inb-root .inb-go{width:96px;height:52px;font-size:13px;font-weight:600}.inb-ask .inb-toolbar{margin:0;min-height:28px}.inb-root .inb-ask .inb-toolbar input{width:52px;height:26px;padding:0 6px}.inb-root .inb-ask input[name=seed]{width:74px}.inb-root [aria-invalid=true]{border-color:var(--inb-bad);box-shadow:0 0 0 1px var(--inb-bad)}.inb-ask .inb-field-error{margin:0 0 8px}.inb-ask .inb-progress{margin:0;flex:1 1 180px}.inb-clipped-key{text-decoration:underline dotted;text-underline-offset:3px}.inb-changed:empty{display:none}.inb-root .inb-changed{color:var(--inb-accent)}.inb-steering_playground .inb-columns{display:grid;grid-template-columns:minmax(0,1fr);gap:18px}.inb-steering_playground .inb-main{min-width:0;container-type:inline-size}@container (max-width: 759px){.inb-steers{max-height:470px;overflow-y:auto;scrollbar-width:thin}}@container (min-width: 600px) and (max-width: 759px){.inb-steers{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:0 24px}}@container (min-width: 760px){.inb-steering_playground .inb-columns{grid-template-columns:clamp(270px,29cqw,350px) minmax(0,1fr);gap:26px;align-items:start}.inb-steering_playground .inb-main{position:sticky;top:0}}.inb-steers-head{display:flex;align-items:center;justify-content:space-between;gap:8px;min-height:26px;margin-bottom:6px}.inb-steers-head h5{margin:0}.inb-side>:is(.inb-hint,.inb-field-error){margin-bottom:6px}.inb-offer-row{display:flex;gap:8px}.inb-offer-row>*{margin-bottom:8px}.inb-root .inb-offer{flex:1 1 0;min-width:0;overflow:hidden;text-overflow:ellipsis;border-color:var(--inb-accent)}.inb-steer{padding:8px 0 9px 9px;border-top:1px solid var(--inb-hair);border-left:3px solid transparent}.inb-steer.inb-chosen{border-left-color:var(--inb-accent)}.inb-steer-head,.inb-steer-row,.inb-steer-foot{display:flex;align-items:center;gap:8px}.inb-root button.inb-steer-name{flex:1 1 0;min-width:0;height:22px;padding:0;border:0;background:none;overflow:hidden;text-overflow:ellipsis;text-align:left;font-size:13px;font-weight:600;unicode-bidi:isolate}.inb-steer-head .inb-button:not(.inb-steer-name,.inb-icon-button){height:20px;padding:0 7px;font-size:11px}.inb-steer-row{align-items:flex-start;margin-top:2px}.inb-steer-track{position:relative;flex:1 1 0;min-width:0;padding-bottom:18px}.inb-root .inb-steer-number{flex:none;width:60px;height:24px;padding:0 6px;text-align:right}.inb-root input.inb-steer-range{--fill: var(--inb-positive);--start: calc(7px + var(--from, 0) * (100% - 14px));--end: calc(7px + var(--to, 0) * (100% - 14px));--bar: linear-gradient( to right, var(--inb-hair) var(--start), var(--fill) var(--start), var(--fill) var(--end), var(--inb-hair) var(--end) );appearance:none;display:block;width:100%;height:24px;padding:0;border:0;background:none;cursor:pointer}.inb-steer[data-side=down] input.inb-steer-range{--fill: var(--inb-negative)}.inb-steer.inb-muted input.inb-steer-range{--fill: var(--inb-line)}.inb-steer-range::-webkit-slider-runnable-track{height:4px;border-radius:2px;background:var(--bar)}.inb-steer-range::-moz-range-track{height:4px;border-radius:2px;background:var(--bar)}.inb-steer-range::-webkit-slider-thumb{appearance:none;width:14px;height:14px;margin-top:-5px;border-radius:50%;border:2px solid var(--fill);background:var(--inb-raised)}.inb-steer-range::-moz-range-thumb{box-sizing:border-box;width:14px;height:14px;border-radius:50%;border:2px solid var(--fill);background:var(--inb-raised)}.inb-root input.inb-steer-range:focus-visible{outline:none}.inb-steer-range:focus-visible::-webkit-slider-thumb{outline:2px solid var(--inb-focus);outline-offset:2px}.inb-steer-range:focus-visible::-moz-range-thumb{outline:2px solid var(--inb-focus);outline-offset:2px}.inb-steer-marks{position:absolute;inset:19px 0 0;pointer-events:none}.inb-steer-mark{position:absolute;left:calc(7px + var(--at) * (100% - 14px));transform:translate(-50%);min-width:9px;padding-top:6px;text-align:center;white-space:nowrap;font-size:10px;line-height:13px;color:var(--inb-muted);pointer-events:auto;cursor:pointer}.inb-steer-mark:before{content:"";position:absolute;top:0;left:50%;width:1px;height:5px;background:var(--inb-muted)}.inb-steer-mark.inb-above{top:-29px;min-height:19px;padding:0 0 6px}.inb-steer-mark.inb-above:before{top:auto;bottom:0}.inb-has-above .inb-steer-row{padding-top:12px}.inb-steer-mark:hover{color:var(--inb-text)}.inb-steer-mark[data-kind=choice]{color:var(--inb-accent);font-weight:600}.inb-steer-mark[data-kind=choice]:before{width:2px;background:var(--inb-accent)}.inb-steer-foot{flex-wrap:wrap;gap:4px 8px;font-size:12px;color:var(--inb-muted)}.inb-root .inb-steer-foot select{height:22px;padding:0 2px;font-size:11px}.inb-steer-share{flex:1 1 100%;min-height:17px;font-size:11px;color:var(--inb-soft)}.inb-steer-note{font-size:11px;overflow-wrap:anywhere}.inb-steer-share.inb-too-much{color:var(--inb-accent)}.inb-steer.inb-muted :is(.inb-steer-track,.inb-steer-number,.inb-steer-foot){opacity:.55}.inb-root .inb-make textarea{display:block;width:100%;margin:3px 0 8px;padding:5px 8px;font-size:12px;line-height:18px;resize:vertical;white-space:pre-wrap}.inb-make-row{display:flex;flex-wrap:wrap;gap:6px}.inb-make-row>*{flex:0 1 auto;min-width:0}.inb-root .inb-make-row input{flex:1 1 70px;height:26px;padding:0 7px}.inb-make>p{margin-top:6px;overflow-wrap:anywhere}.inb-warning{margin-bottom:10px;padding:7px 10px;border-radius:4px;border-left:3px solid var(--inb-accent);background:var(--inb-surface);color:var(--inb-text);overflow-wrap:anywhere}.inb-texts{display:grid;grid-template-columns:minmax(0,1fr);gap:12px}@container (min-width: 520px){.inb-texts{grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:18px}}.inb-texts section{display:flex;flex-direction:column}.inb-texts h5{display:flex;align-items:baseline;gap:8px;min-height:26px;margin:0;line-height:26px}.inb-stream{flex:1;min-height:112px;max-height:380px;padding:9px 12px;overflow:auto;scrollbar-width:thin;border:1px solid var(--inb-hair);border-radius:5px;font-size:15px;line-height:1.75;color:var(--inb-text);overflow-wrap:anywhere}.inb-stream-prompt{white-space:pre-wrap;unicode-bidi:isolate}.inb-stream .inb-run-token{padding:2px 0;cursor:pointer}.inb-stream .inb-run-token:hover{box-shadow:0 0 0 1.5px var(--inb-muted)}.inb-stream .inb-run-token.inb-diverges{border-left:3px solid var(--inb-accent)}.inb-stream .inb-run-token.inb-special{margin-left:3px;font-size:.75em}.inb-stream .inb-run-token.inb-special:not(.inb-filled){color:var(--inb-muted)}.inb-stream .inb-run-token.inb-clipped{text-decoration:underline dotted;text-underline-offset:3px}.inb-stream .inb-run-token.inb-at{font-weight:inherit;box-shadow:0 0 0 2px var(--inb-accent)}.inb-caret{display:inline-block;width:7px;height:15px;margin-left:2px;vertical-align:-2px;background:var(--inb-muted);animation:inb-blink 1s steps(2,start) infinite}@keyframes inb-blink{50%{opacity:0}}@media(prefers-reduced-motion:reduce){.inb-caret{animation:none}}.inb-texts-key{min-height:25px}.inb-differs{margin-left:10px;padding-left:6px;border-left:3px solid var(--inb-accent)}.inb-next{margin-top:16px}.inb-next-head{display:flex;flex-wrap:wrap;align-items:baseline;justify-content:space-between;gap:0 12px}.inb-next-head .inb-mark{font-weight:400}';

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
  var group = locale2.grouping === void 0 || locale2.thousands === void 0 ? identity : formatGroup(map.call(locale2.grouping, Number), locale2.thousands + ""), currencyPrefix = locale2.currency === void 0 ? "" : locale2.currency[0] + "", currencySuffix = locale2.currency === void 0 ? "" : locale2.currency[1] + "", decimal = locale2.decimal === void 0 ? "." : locale2.decimal + "", numerals = locale2.numerals === void 0 ? identity : formatNumerals(map.call(locale2.numerals, String)), percent2 = locale2.percent === void 0 ? "%" : locale2.percent + "", minus = locale2.minus === void 0 ? "−" : locale2.minus + "", nan = locale2.nan === void 0 ? "NaN" : locale2.nan + "";
  function newFormat(specifier, options) {
    specifier = formatSpecifier(specifier);
    var fill = specifier.fill, align = specifier.align, sign = specifier.sign, symbol = specifier.symbol, zero2 = specifier.zero, width = specifier.width, comma = specifier.comma, precision = specifier.precision, trim = specifier.trim, type = specifier.type;
    if (type === "n") comma = true, type = "g";
    else if (!formatTypes[type]) precision === void 0 && (precision = 12), trim = true, type = "g";
    if (zero2 || fill === "0" && align === "=") zero2 = true, fill = "0", align = "=";
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
      if (comma && !zero2) value = group(value, Infinity);
      var length = valuePrefix.length + value.length + valueSuffix.length, padding = length < width ? new Array(width - length + 1).join(fill) : "";
      if (comma && zero2) value = group(padding + value, padding.length ? width - valueSuffix.length : Infinity), padding = "";
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
function signed4(value) {
  return special(value) ?? (value === 0 ? plain(0) : signed(value));
}
function short(value) {
  return special(value) ?? format(".3~g")(value);
}
function percent(value) {
  const hundred = value * 100;
  if (hundred > 0 && hundred < 0.1) return "< 0.1 %";
  return `${hundred >= 9.95 ? hundred.toFixed(0) : hundred.toFixed(1)} %`;
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

// src/steering_playground/data.ts
function readSelected(value) {
  const chosen = value ?? {};
  const number2 = (key) => typeof chosen[key] === "number" ? chosen[key] : null;
  const side = number2("side");
  return {
    vector: number2("vector"),
    latent_idx: number2("latent_idx"),
    side: side === 0 || side === 1 ? side : null,
    token: number2("token")
  };
}
function moved({ tokens, log_probs_baseline, log_probs_steered }) {
  return tokens.map((_, i) => {
    const [before, after] = [log_probs_baseline[i], log_probs_steered[i]];
    return before == null || after == null ? null : after - before;
  });
}
var CAP = 8;
function limitOf(run) {
  const all = [run.baseline, run.steered].flatMap((side) => side ? moved(side) : []);
  return niceLimit(
    all.map((value) => value ?? 0),
    1,
    CAP
  );
}
var ADDS = "add";
function shareOf({ layers, norm_share }, { strength, layer, operator }) {
  if (operator !== ADDS) return null;
  const shares = layer === "all" ? norm_share : [norm_share[layers.indexOf(layer)]];
  const known = shares.filter((share2) => share2 != null);
  return known.length ? Math.abs(strength) * Math.max(...known) : null;
}
function acts({ strength, muted, operator }, operators) {
  const neutral = operators.find(({ name }) => name === operator)?.neutral ?? null;
  return !muted && (neutral === null || strength !== neutral);
}
function essence(settings, operators) {
  if (!settings) return "";
  const { sliders, ...rest } = settings;
  const acting = Object.entries(sliders).filter(([, each]) => acts(each, operators)).map(([name, { strength, layer, operator }]) => [name, strength, layer, operator]);
  const fields = Object.entries(rest).sort(([a], [b]) => a < b ? -1 : 1);
  return JSON.stringify([acting.sort(), fields]);
}
function marksOf(slider, setting) {
  const [low, high] = slider.range;
  const unit = shareOf(slider, { ...setting, strength: 1 });
  const whole = unit ? 1 / unit : null;
  const equal = whole === null ? [] : [-whole, whole].map((value) => ({ value, label: "100 %", kind: "norm" }));
  const known = new Set(slider.marks.map(({ value }) => value));
  const ends = [low, high].filter((value) => !known.has(value)).map((value) => ({ value, label: short(value), kind: "end" }));
  return [...slider.marks, ...ends, ...equal].filter(({ value }) => value >= low && value <= high).sort((a, b) => a.value - b.value);
}

// src/steering_playground/attempt.ts
function attempt(scope, changed) {
  const cancel = button("Cancel", { hidden: true });
  const said = h("p", { class: "inb-hint inb-made", role: "status", hidden: true });
  const problem = h("p", { class: "inb-field-error", role: "alert", hidden: true });
  let controller;
  const tell = (node, text) => {
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
    busy: () => controller !== void 0,
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
        controller = void 0;
        cancel.hidden = true;
        changed();
      }
    }
  };
}

// src/steering_playground/make_panel.ts
function makePanel(scope, make) {
  const toggle = button("Make a vector", { "aria-expanded": "false" });
  const pairs = h("textarea", {
    rows: 4,
    spellcheck: "false",
    "aria-label": "pairs, one a line: positive | negative",
    placeholder: "I loved the visit | I hated the visit\nWhat a lovely day | What an awful day"
  });
  const method = h("select", { "aria-label": "method" });
  const name = h("input", {
    type: "text",
    "aria-label": "name",
    placeholder: "name",
    maxlength: 60,
    autocomplete: "off"
  });
  const go = button("Make it", { type: "submit", class: "inb-button inb-primary", title: "Ctrl+Enter" });
  const hint = h("p", { class: "inb-hint" });
  const making = attempt(scope, () => enable());
  const node = h(
    "form",
    { class: "inb-edit inb-make", hidden: true, novalidate: true, "aria-label": "make a vector" },
    span("inb-field-name", "Pairs, one a line: positive | negative"),
    pairs,
    div("inb-make-row", method, name, go, making.cancel),
    hint,
    making.problem,
    making.said
  );
  let usable = true;
  const enable = () => {
    const busy = making.busy();
    for (const field of [pairs, method, name]) setAttrs(field, { disabled: !usable || busy });
    go.disabled = !usable || busy || !pairs.value.trim();
    go.textContent = busy ? "Making it …" : "Make it";
  };
  const submit = async () => {
    if (go.disabled) return;
    const params = { pairs: pairs.value, method: method.value, name: name.value.trim() };
    await making.run(async (cancel) => {
      const text = await make(params, cancel);
      name.value = "";
      return text;
    }, "Cancelled: no vector was made.");
  };
  scope.listen(toggle, "click", () => {
    node.hidden = !node.hidden;
    toggle.setAttribute("aria-expanded", String(!node.hidden));
    if (!node.hidden) pairs.focus();
  });
  scope.listen(pairs, "input", enable);
  scope.listen(node, "submit", (event) => {
    event.preventDefault();
    return submit();
  });
  scope.listen(node, "keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    event.stopPropagation();
    return submit();
  });
  return {
    toggle,
    node,
    update(meta, enabled) {
      usable = enabled;
      toggle.hidden = !enabled && node.hidden;
      const before = method.value;
      if (method.options.length !== meta.methods.length) {
        method.replaceChildren(
          ...meta.methods.map(({ name: value, label, hint: about }) => h("option", { value, title: about }, label))
        );
        method.value = before || (meta.methods[0]?.name ?? "");
      }
      hint.textContent = meta.hints.pairs ?? "";
      hint.hidden = !meta.hints.pairs;
      enable();
    }
  };
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
  const count = [...token].length;
  if (count > max) node.append(span("inb-mark", ` (${count.toLocaleString("en")} characters)`));
  return node;
}

// src/shared/changes.ts
var MOST = 12;
var FEWEST = 4;
var RAREST = 5e-4;
var most = ({ before, after }) => Math.max(before ?? 0, after ?? 0);
function likely(ordered) {
  const rarest = RAREST * longest(ordered);
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

// src/steering_playground/next_token.ts
var REST_MS = 150;
var TIMEOUT_MS = 12e4;
var NOTHING = 1e-4;
function placeOf({ settings, run, selected }) {
  const { side, token } = selected;
  const tokens = side === 1 ? run.steered?.tokens : run.baseline.tokens;
  const fits = side !== null && token !== null && token < (tokens?.length ?? 0) && run.settings?.prompt === settings.prompt;
  return fits && token > 0 ? { side, n: token } : { side: 0, n: 0 };
}
function nextPanel(home, bridge, events) {
  const scope = new Scope(home);
  const question = new Question(bridge);
  const where = span("inb-mark");
  const kl = span("inb-mark");
  const back = button("after the prompt again", { class: "inb-link", hidden: true });
  const note = h("p", { class: "inb-hint", role: "status", hidden: true });
  const content = div("inb-next-bars");
  const title = h("h5", {}, "Next token ", where, kl);
  const node = h(
    "section",
    { class: "inb-next", "aria-label": "next token" },
    div("inb-next-head", title, back),
    note,
    content
  );
  let asked = "";
  let mine = false;
  scope.listen(back, "click", () => {
    mine = true;
    events.back();
  });
  const say = (text) => {
    note.textContent = text;
    note.hidden = !text;
    if (!text) return;
    where.textContent = kl.textContent = "";
    content.replaceChildren();
  };
  function draw({ rows, kl: distance, n, side, context: context2 }, { meta }) {
    title.title = meta.hints.bars ?? "";
    where.replaceChildren(
      ...n ? [`after ${n} of the ${side ? "steered" : "baseline"} text: …`, tokenNode(context2, 40)] : ["after the prompt"]
    );
    kl.textContent = distance === null ? "" : ` · KL ${distance < NOTHING ? `below ${NOTHING}` : sig4(distance)} nats`;
    const shown2 = likely(rows);
    content.replaceChildren(changeKey("baseline", "steered", shown2), changeList(shown2));
    const likeliest = (name) => [...rows].sort((a, b) => (b[name] ?? 0) - (a[name] ?? 0))[0];
    const [before, after] = [likeliest("before"), likeliest("after")];
    if (mine && before && after)
      events.say(
        `next token: ${before.token} ${percent(before.before ?? 0)} unsteered, ${after.token} ${percent(after.after ?? 0)} steered`
      );
    mine = false;
  }
  async function ask(now) {
    content.classList.add("inb-stale");
    try {
      const params = { settings: now.settings, ...placeOf(now) };
      const reply = await question.ask("next_token", params, asked === "" ? 0 : REST_MS, TIMEOUT_MS);
      if (!reply) return;
      say("");
      draw(reply.result, now);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      if (error.type === "CancelledError") return;
      say(error.message);
    }
    content.classList.remove("inb-stale");
  }
  return {
    node,
    update(next) {
      const { meta, settings, run, selected } = next;
      const place = placeOf(next);
      back.hidden = place.n === 0;
      if (!settings.prompt) {
        asked = "";
        question.stop();
        say("Type a prompt to see what comes next.");
        return;
      }
      const still = essence({ ...settings, n_new: 0, seed: 0, temperature: 0 }, meta.operators);
      const text = place.side === 0 ? run.baseline : run.steered;
      const key = JSON.stringify([still, place.side, text?.tokens.slice(0, place.n)]);
      if (key === asked) return;
      mine ||= selected.token !== null;
      guarded(home, ask)(next);
      asked = key;
    },
    destroy() {
      question.stop();
      scope.dispose();
    }
  };
}

// src/steering_playground/prompt_row.ts
var FIELDS = [
  {
    key: "n_new",
    label: "tokens",
    integer: true,
    low: 1,
    high: ({ limits }) => limits.n_new
  },
  {
    key: "temperature",
    label: "temperature",
    integer: false,
    low: 0,
    high: () => 5
  },
  {
    key: "seed",
    label: "seed",
    integer: true,
    low: 0,
    high: () => 2 ** 31 - 1
  }
];
function fieldProblem({ label, integer, low, high }, text, meta) {
  const value = Number(text);
  const [what, most2] = [integer ? "a whole number" : "a number", high(meta)];
  if (text.trim() !== "" && Number.isFinite(value) && value >= low && value <= most2 && (!integer || value % 1 === 0))
    return "";
  return `${label} must be ${what} from ${low} to ${most2.toLocaleString("en")}, got "${text}"`;
}
function promptRow(scope, progress, events) {
  const prompt = h("textarea", {
    rows: 2,
    spellcheck: "false",
    "aria-label": "prompt",
    placeholder: "Type a beginning …",
    title: "Enter generates, Shift+Enter begins a new line"
  });
  const go = button("Generate", { class: "inb-button inb-primary inb-go" });
  const positions = h("select", { "aria-label": "steered positions" });
  const inputs = FIELDS.map(
    (field) => h("input", { type: "text", inputmode: "decimal", autocomplete: "off", name: field.key })
  );
  const problem = h("p", { class: "inb-field-error", role: "alert", hidden: true });
  const note = span("inb-hint inb-changed");
  const node = div(
    "inb-ask",
    div("inb-prompt-row", prompt, go),
    problem,
    h(
      "div",
      { class: "inb-toolbar", role: "group", "aria-label": "settings" },
      h("label", {}, "steer ", positions),
      ...FIELDS.map(({ label }, i) => h("label", {}, `${label} `, inputs[i])),
      note,
      progress.node
    )
  );
  let props;
  let typed = "";
  const refuse = (message) => {
    problem.textContent = message;
    problem.hidden = !message;
  };
  const press = () => {
    if (!props?.enabled) return;
    if (inputs.some((input) => input.getAttribute("aria-invalid"))) return;
    refuse("");
    events.generate();
  };
  scope.listen(prompt, "input", () => {
    typed = prompt.value;
    events.set({ prompt: typed });
  });
  scope.listen(prompt, "keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    press();
  });
  scope.listen(go, "click", () => props?.running ? events.stop() : press());
  scope.listen(positions, "change", () => events.set({ positions: positions.value }));
  inputs.forEach((input, i) => {
    const field = FIELDS[i];
    scope.listen(input, "input", () => {
      if (!props) return;
      const wrong = fieldProblem(field, input.value, props.meta);
      setAttrs(input, { "aria-invalid": wrong ? "true" : void 0 });
      refuse(wrong);
      if (!wrong) events.set({ [field.key]: Number(input.value) });
    });
    scope.listen(input, "keydown", (event) => {
      if (event.key === "Enter") press();
    });
  });
  return {
    node,
    refuse,
    update(next) {
      props = next;
      const { meta, settings, running, changed, enabled } = next;
      if (settings.prompt !== typed) prompt.value = typed = settings.prompt;
      prompt.readOnly = !enabled;
      setAttrs(prompt, { maxlength: meta.limits.prompt_chars });
      if (positions.options.length !== meta.positions.length) {
        const options = meta.positions.map(({ name, label, hint }) => h("option", { value: name, title: hint }, label));
        positions.replaceChildren(...options);
      }
      positions.value = settings.positions;
      positions.title = meta.positions.find(({ name }) => name === settings.positions)?.hint ?? "";
      inputs.forEach((input, i) => {
        const value = settings[FIELDS[i].key];
        const typing = input === input.ownerDocument.activeElement || input.getAttribute("aria-invalid");
        if (!typing || input.value !== "" && Number(input.value) !== value && !input.getAttribute("aria-invalid"))
          input.value = String(value);
        setAttrs(input, { disabled: !enabled, title: meta.hints[input.name] });
      });
      positions.disabled = !enabled;
      go.disabled = !enabled;
      go.textContent = running ? "Stop" : "Generate";
      go.classList.toggle("inb-primary", !running);
      setAttrs(go, { title: running ? "Stop writing" : meta.hints.generate ?? "Enter" });
      progress.update(next.state, next.progress, false, { verb: "writing" });
      note.textContent = changed && !running ? "changed since: generate again" : "";
    }
  };
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

// src/steering_playground/marks.ts
var FIRST = ["choice", "zero", "norm"];
var NARROW = 200;
var GAP2 = 5;
var SIZE = 10;
function placeMarks(marks, low, high) {
  const rank = ({ kind }) => FIRST.includes(kind) ? FIRST.indexOf(kind) : FIRST.length;
  const odd = ({ value }) => Number.isInteger(value) ? 0 : 1;
  const placed = marks.map(
    (mark2) => ({
      ...mark2,
      at: (mark2.value - low) / (high - low || 1),
      above: mark2.kind === "choice" || mark2.kind === "norm",
      text: ""
    })
  );
  const taken = [];
  for (const mark2 of [...placed].sort((a, b) => rank(a) - rank(b) || odd(a) - odd(b) || b.at - a.at)) {
    const half = measureText(mark2.label, SIZE) / 2;
    const [from, to] = [mark2.at * NARROW - half, mark2.at * NARROW + half];
    if (taken.some((one) => one.above === mark2.above && from < one.to + GAP2 && one.from < to + GAP2)) continue;
    taken.push({ above: mark2.above, from, to });
    mark2.text = mark2.label;
  }
  return placed;
}

// src/steering_playground/slider_card.ts
var ABOUT = {
  choice: "what the sweep chose",
  norm: "adds as much as the residual stream itself is long"
};
function shareText(slider, setting, measured) {
  if (setting.muted) return "muted";
  const share2 = shareOf(slider, setting);
  if (setting.strength === 0 && setting.operator === "add") return "adds nothing";
  if (share2 !== null) return `adds ${percent(share2)} of the residual norm`;
  return measured === null ? "" : `added ${percent(measured)} of the residual norm`;
}
function layersOf({ layers }, { operator }) {
  return layers.length > 1 && operator !== "set" && operator !== "scale" ? [...layers, "all"] : layers;
}
function layerText({ quality }, layer) {
  const auc = quality.find((each) => each.layer === layer)?.auc;
  return layer === "all" ? "all layers" : auc == null ? String(layer) : `${layer} · AUC ${auc.toFixed(2)}`;
}
var shown = (value) => String(Number(value.toPrecision(6)));
function sliderCard(name, events) {
  const scope = new Scope();
  const title = button(visible(name), { class: "inb-steer-name" });
  const mute = button("Mute", { "aria-pressed": "false", title: `Leave ${name} out, its strength kept` });
  const remove = button("×", { class: "inb-icon-button", "aria-label": `remove ${name}`, title: "Remove it" });
  const range = h("input", { type: "range", class: "inb-steer-range", "aria-label": `strength of ${name}` });
  const number2 = h("input", {
    type: "text",
    inputmode: "decimal",
    autocomplete: "off",
    class: "inb-steer-number",
    "aria-label": `strength of ${name}, typed`,
    title: "Any number, also beyond the slider; arrows change it"
  });
  const marks = h("div", { class: "inb-steer-marks", "aria-hidden": "true" });
  const layer = h("select", { "aria-label": `layer of ${name}` });
  const operator = h("select", { "aria-label": `how ${name} is applied` });
  const share2 = h("output", { class: "inb-steer-share" });
  const note = h("p", { class: "inb-hint inb-steer-note" });
  const node = h(
    "li",
    { class: "inb-steer", "data-name": name },
    div("inb-steer-head", title, mute, remove),
    div("inb-steer-row", div("inb-steer-track", range, marks), number2),
    div("inb-steer-foot", h("label", {}, "layer ", layer), operator, share2),
    note
  );
  let props;
  let drawnMarks = "";
  const set = (strength) => events.set({ strength });
  scope.listen(range, "input", () => set(Number(range.value)));
  scope.listen(number2, "input", () => {
    const value = number2.value.trim().replace("−", "-");
    const fine = value !== "" && Number.isFinite(Number(value));
    setAttrs(number2, { "aria-invalid": fine ? void 0 : "true" });
    if (fine) set(Number(value));
  });
  scope.listen(number2, "blur", () => {
    if (!props) return;
    number2.removeAttribute("aria-invalid");
    number2.value = shown(props.setting.strength);
  });
  scope.listen(number2, "keydown", (event) => {
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!step || !props) return;
    event.preventDefault();
    set(Number((props.setting.strength + step * Number(range.step)).toPrecision(6)));
    number2.value = shown(props.setting.strength);
  });
  scope.listen(marks, "click", (event) => {
    const value = event.target.closest("[data-value]")?.dataset.value;
    if (value !== void 0 && props?.enabled) set(Number(value));
  });
  scope.listen(mute, "click", () => events.set({ muted: !props?.setting.muted }));
  scope.listen(layer, "change", () => events.set({ layer: layer.value === "all" ? "all" : Number(layer.value) }));
  scope.listen(operator, "change", () => {
    if (!props) return;
    const next = { ...props.setting, operator: operator.value };
    const first = props.slider.layers[0] ?? 0;
    const fits = layersOf(props.slider, next).includes(next.layer);
    events.set({ operator: next.operator, layer: fits ? next.layer : props.slider.choice?.layer ?? first });
  });
  scope.listen(title, "click", events.choose);
  scope.listen(remove, "click", events.remove);
  tip(title, () => props ? aboutTip(props.slider) : []);
  const drawMarks = ({ slider, setting }) => {
    const all = marksOf(slider, setting);
    const key = JSON.stringify([all, slider.range]);
    if (key === drawnMarks) return;
    drawnMarks = key;
    node.classList.toggle(
      "inb-has-above",
      all.some(({ kind }) => kind in ABOUT)
    );
    marks.replaceChildren(
      ...placeMarks(all, ...slider.range).map(({ value, at, above, text, kind, label }) => {
        const where = above ? "inb-steer-mark inb-above" : "inb-steer-mark";
        const about = ABOUT[kind] ?? label;
        const attrs = { class: where, "data-value": value, "data-kind": kind, title: `${about}: ${signed4(value)}` };
        const mark2 = h("span", attrs, text);
        mark2.style.setProperty("--at", String(at));
        return mark2;
      })
    );
  };
  return {
    node,
    update(next) {
      props = next;
      const { slider, setting, operators, measured, selected, enabled } = next;
      const [low, high] = slider.range;
      const { strength, muted } = setting;
      const at = (value) => Math.min(1, Math.max(0, (value - low) / (high - low || 1)));
      setAttrs(range, { min: low, max: high, step: slider.step });
      if (Number(range.value) !== strength) range.value = String(strength);
      const typing = number2 === number2.ownerDocument.activeElement && Number(number2.value.replace("−", "-")) === strength;
      if (!typing && number2.getAttribute("aria-invalid") !== "true") number2.value = shown(strength);
      const [from, to] = [at(Math.min(0, strength)), at(Math.max(0, strength))];
      range.style.setProperty("--from", String(from));
      range.style.setProperty("--to", String(to));
      node.dataset.side = strength < 0 ? "down" : "up";
      node.classList.toggle("inb-muted", muted);
      node.classList.toggle("inb-chosen", selected);
      setAttrs(title, { "aria-pressed": String(selected) });
      setAttrs(mute, { "aria-pressed": String(muted), disabled: !enabled });
      mute.textContent = muted ? "Muted" : "Mute";
      remove.hidden = !slider.removable || !enabled;
      fillSelect(layer, layersOf(slider, setting).map(String), String(setting.layer));
      for (const option of layer.options) {
        option.textContent = layerText(slider, option.value === "all" ? "all" : Number(option.value));
      }
      fillSelect(operator, slider.operators, setting.operator);
      for (const option of operator.options) {
        option.textContent = operators.find(({ name: each }) => each === option.value)?.label ?? option.value;
      }
      operator.title = operators.find(({ name: each }) => each === setting.operator)?.hint ?? "";
      for (const control of [range, number2, layer, operator]) setAttrs(control, { disabled: !enabled });
      const said = shareText(slider, setting, measured);
      share2.textContent = said;
      share2.title = next.hint;
      note.textContent = slider.note;
      note.hidden = !slider.note;
      const known = shareOf(slider, setting);
      share2.classList.toggle("inb-too-much", known !== null && known > 1 && !muted);
      setAttrs(range, { "aria-valuetext": said ? `${sig4(strength)}, ${said}` : sig4(strength) });
      drawMarks(next);
    },
    destroy() {
      scope.dispose();
      node.remove();
    }
  };
}
function aboutTip({ about, site, quality, choice }) {
  const best = quality.map(({ layer, auc, low, high }) => [
    `layer ${layer}`,
    auc === null ? "AUC unknown" : `AUC ${sig4(auc)}${low === null || high === null ? "" : ` [${sig4(low)}, ${sig4(high)}]`}`
  ]);
  const swept = choice ? [["sweep's choice", `${sig4(choice.strength)} at layer ${choice.layer}`]] : [];
  return [div("", visible(about)), facts([["site", site], ...swept, ...best])];
}

// src/steering_playground/sliders.ts
function measuredShare({ run, settings, meta }, name) {
  const one = (all) => {
    const setting = all?.sliders[name];
    return all && setting ? essence({ ...all, prompt: "", sliders: { [name]: setting } }, meta.operators) : "";
  };
  return one(run.settings) === one(settings) ? run.shares.find((each) => each.name === name)?.share ?? null : null;
}
function sliderColumn(scope, make, events) {
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
    list
  );
  const cards = /* @__PURE__ */ new Map();
  let props;
  const tried = async (task) => {
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
    offer.textContent = `Adding ${visible(latent.name)} …`;
    return adding.run(async (cancel) => {
      await events.add(latent.latent_idx, cancel);
      return "";
    }, "Cancelled: no latent was added.");
  });
  const offering = () => {
    const latent = props?.meta.offer;
    const busy = adding.busy();
    offer.hidden = !busy && (!latent || latent.there || !props?.enabled);
    offer.disabled = busy || latent?.reason !== "";
    if (!latent || busy) return;
    label.textContent = latent.label ? ` ${visible(latent.label)}` : "";
    offer.replaceChildren(`Add ${visible(latent.name)}`, label);
    offer.title = latent.reason || (props?.meta.hints.latent ?? "");
  };
  const card = (name) => {
    const known = cards.get(name);
    if (known) return known;
    const made = sliderCard(name, {
      set: (change) => events.set(name, change),
      choose: () => events.choose(props?.meta.sliders.findIndex((each) => each.name === name) ?? -1),
      remove: () => void tried(events.remove(name))
    });
    cards.set(name, made);
    return made;
  };
  return {
    node,
    update(next) {
      props = next;
      const { meta, settings, chosen, enabled } = next;
      const shown2 = meta.sliders.filter(({ name }) => settings.sliders[name]);
      const names = new Set(shown2.map(({ name }) => name));
      for (const [name, old] of cards) {
        if (names.has(name)) continue;
        old.destroy();
        cards.delete(name);
      }
      shown2.forEach((slider, i) => {
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
          enabled
        });
      });
      none.hidden = shown2.length > 0;
      offering();
    },
    destroy() {
      for (const each of cards.values()) each.destroy();
    }
  };
}

// src/shared/ramp_key.ts
var STOPS = 5;
function rampParts(low, colors, high) {
  const ramp = span("inb-ramp");
  ramp.style.background = `linear-gradient(to right, ${colors.join(", ")})`;
  return [span("", low), ramp, span("", high)];
}
function rampKey({ low, high, color }, unit, ...more) {
  const colors = Array.from({ length: STOPS }, (_, i) => color(low + i / (STOPS - 1) * (high - low)));
  return div("inb-ramp-key", ...rampParts(short(low), colors, short(high)), span("inb-mark", unit), ...more);
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
  const label = `${cut(visible(token), LONGEST)} ${said}`;
  const node = h("bdi", { class: "inb-run-token", "data-at": index, tabindex: -1, "aria-label": label });
  return { node, lead: fillToken(node, token) };
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

// src/steering_playground/words.ts
function movedText(value) {
  return value == null ? "" : `moved ${signed4(value)} nats`;
}
function tokenFacts(side, index) {
  const known = (value) => value == null ? "not known" : `${sig4(value)} nats (${percent(Math.exp(value))})`;
  const by = moved(side)[index];
  return [
    ["new token", `${index + 1}`],
    ["unsteered", known(side.log_probs_baseline[index])],
    ["steered", known(side.log_probs_steered[index])],
    ["moved", by == null ? "not known" : `${signed4(by)} nats`]
  ];
}
var ENDS = { end: "ended by itself", stopped: "stopped" };
function sideText(side) {
  if (!side?.tokens.length) return "";
  const n = side.tokens.length;
  return [`${n} token${n === 1 ? "" : "s"}`, ENDS[side.finished]].filter(Boolean).join(" · ");
}
function endText({ state, baseline, steered, diverges_at: at, warnings }) {
  const n = Math.max(baseline.tokens.length, steered?.tokens.length ?? 0);
  const differ = !steered ? "nothing steers" : at === null ? "steering changes nothing" : `the texts differ from token ${at + 1} on`;
  return [`${state}: ${n} tokens`, differ, ...warnings].join("; ");
}

// src/steering_playground/stream_text.ts
var PROMPT = 240;
var SPECIAL = /^<(\|.+\||\/?s|bos|eos|pad|unk|end_of_turn)>$/;
function promptEnd(prompt) {
  const chars = [...prompt];
  return chars.length <= PROMPT ? prompt : `… ${chars.slice(-PROMPT).join("")}`;
}
function streamText(name) {
  const prompt = h("bdi", { class: "inb-mark inb-stream-prompt" });
  const run = h("span", { class: "inb-run", "data-run": true });
  const caret = h("span", { class: "inb-caret", "aria-hidden": "true", hidden: true });
  const empty = span("inb-hint");
  const node = h("div", { class: "inb-stream", role: "group", "aria-label": name }, prompt, run, caret, empty);
  const made = [];
  let props;
  const add = (token, index) => {
    const { node: each, lead } = runToken(token, index, "");
    setAttrs(each, { role: "button" });
    tip(each, () => props?.tip(index) ?? []);
    const special2 = SPECIAL.test(token);
    each.classList.toggle("inb-special", special2);
    const all = [special2 ? h("wbr") : document.createTextNode(lead), each];
    if (token.includes("\n")) all.push(h("br"));
    run.append(...all);
    made.push({ token, node: each, all, drawn: "" });
  };
  return {
    node,
    update(next) {
      props = next;
      const { tokens, values, scale, diverges, chosen, writing } = next;
      const below = node.scrollHeight - node.scrollTop - node.clientHeight;
      const same = made.findIndex(({ token }, i) => token !== tokens[i]);
      const keep = same < 0 ? made.length : same;
      for (const { all } of made.splice(keep)) for (const each of all) each.remove();
      for (let i = keep; i < tokens.length; i++) add(tokens[i] ?? "", i);
      made.forEach((one, i) => {
        const { token, node: each } = one;
        const look = [values[i], scale.color(1), scale.high, i === diverges, i === chosen].join();
        if (look === one.drawn) return;
        one.drawn = look;
        shade(each, values[i], scale);
        each.classList.remove("inb-uncounted");
        const value = values[i] ?? 0;
        each.classList.toggle("inb-clipped", value > scale.high || value < scale.low);
        each.classList.toggle("inb-diverges", i === diverges);
        each.classList.toggle("inb-at", i === chosen);
        const first = i === diverges ? ", the first that differs" : "";
        setAttrs(each, {
          "aria-label": `${cut(visible(token), 60)} ${movedText(values[i])}${first}`,
          "aria-pressed": i === chosen ? "true" : "false"
        });
      });
      prompt.textContent = promptEnd(next.prompt);
      caret.hidden = !writing;
      empty.textContent = tokens.length || writing ? "" : next.empty;
      if (writing && below < 30) node.scrollTop = node.scrollHeight;
    }
  };
}

// src/steering_playground/texts.ts
var NAMES = ["Baseline", "Steered"];
var EMPTY = { tokens: [], log_probs_baseline: [], log_probs_steered: [], finished: "" };
function emptyText({ run, running }, side) {
  if (running) return "";
  if (run.run === 0) return side === 0 ? "Nothing written yet: press Generate." : "";
  return side === 1 && !run.steered ? "No slider acts, so there is nothing to compare." : "No token was written.";
}
function textsView(scope, choose) {
  const warnings = h("div", { class: "inb-warning", role: "status", hidden: true });
  const sides = NAMES.map((name) => {
    const about = span("inb-mark");
    const text = streamText(name);
    return { about, text, node: h("section", { "aria-label": name }, h("h5", {}, `${name} `, about), text.node) };
  });
  const columns = div("inb-texts", ...sides.map(({ node: node2 }) => node2));
  const key = div("inb-texts-key");
  const node = div("inb-texts-box", warnings, columns, key);
  let keyed = "";
  const tokenOf = (event) => {
    const at = event.target.closest("[data-at]")?.dataset.at;
    const side = sides.findIndex((each) => each.node.contains(event.target));
    if (at !== void 0 && side >= 0) choose(side, Number(at));
  };
  scope.listen(columns, "click", tokenOf);
  scope.listen(columns, "keydown", (event) => {
    if (roveTokens(columns, event) || event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    tokenOf(event);
  });
  return {
    node,
    update(props) {
      const { meta, run, selected, running, theme } = props;
      const scale = diverging(limitOf(run), theme);
      sides.forEach(({ about, text }, i) => {
        const side = (i === 0 ? run.baseline : run.steered) ?? EMPTY;
        const values = moved(side);
        about.textContent = sideText(side);
        text.update({
          prompt: run.settings?.prompt ?? "",
          tokens: side.tokens,
          values,
          scale,
          diverges: run.diverges_at,
          chosen: selected.side === i ? selected.token : null,
          writing: running && side.finished === "" && (i === 0 || run.steered !== null),
          empty: emptyText(props, i),
          tip: (index) => [facts([["token", tokenNode(side.tokens[index] ?? "", 120)], ...tokenFacts(side, index)])]
        });
      });
      if (!columns.querySelector('[data-at][tabindex="0"]')) enterAt(columns);
      const beyond = [run.baseline, run.steered].some(
        (side) => moved(side ?? EMPTY).some((value) => value !== null && Math.abs(value) > scale.high)
      );
      const look = `${theme} ${scale.high} ${beyond}`;
      if (look !== keyed) {
        keyed = look;
        const differs = span("inb-mark inb-differs", "first token that differs");
        const unit = "nats by which steering moved the token’s log-probability";
        const more = beyond ? [span("inb-mark inb-clipped-key", "beyond")] : [];
        const ramp = rampKey(scale, unit, ...more, differs);
        ramp.title = meta.hints.tokens ?? "";
        key.replaceChildren(ramp);
      }
      key.hidden = !run.steered?.tokens.length;
      const said = run.warnings.join("\n");
      if (warnings.textContent !== run.warnings.join(""))
        warnings.replaceChildren(...run.warnings.map((text) => h("p", {}, text)));
      warnings.hidden = !said;
    }
  };
}

// src/steering_playground/view.ts
var OWN_TRAITS = ["_run", "settings"];
var MAKE_TIMEOUT_MS = 6e5;
function mountPlayground({ model, bridge, sync, frame }) {
  const { scope, body, tooltip } = frame;
  const codeQuestion = new Question(bridge);
  let starting = false;
  let seen = "";
  let viewCode = "";
  const meta = () => model.get("_meta");
  const run = () => model.get("_run");
  const settings = () => model.get("settings");
  const state = () => model.get("state");
  const enabled = () => model.get("kernel") !== false && meta().live && meta().can.generate;
  const set = (change) => sync.write("settings", { ...settings(), ...change });
  const setSlider = (name, change) => {
    const { sliders: sliders2 } = settings();
    const now = sliders2[name];
    if (now) set({ sliders: { ...sliders2, [name]: { ...now, ...change } } });
  };
  const select = (change) => {
    sync.write("selected", { ...readSelected(model.get("selected")), ...change });
    update();
  };
  async function generate() {
    starting = true;
    update();
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
  const control = (action) => bridge.request("control", { action });
  const heading = h("h4");
  const note = h("p");
  const code = codePanel(scope);
  const hint = h("p", { class: "inb-hint" });
  const ask = promptRow(scope, progressBar(scope, control), {
    set,
    generate: guarded(frame.root, generate),
    stop: guarded(frame.root, () => control("stop"))
  });
  async function madeBy(method, params, cancel) {
    sync.flush();
    const { result } = await bridge.request(method, params, { cancel, timeout: MAKE_TIMEOUT_MS });
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
      select({ vector: index, ...latent === null ? {} : { latent_idx: latent } });
    },
    remove: (name) => bridge.request("remove_vector", { name }),
    add: (latent, cancel) => madeBy("add_latent", { latent_idx: latent }, cancel)
  });
  const texts = textsView(scope, (side, token) => {
    const now = readSelected(model.get("selected"));
    const again = now.side === side && now.token === token;
    select(again ? { side: null, token: null } : { side, token });
  });
  const next = nextPanel(frame.root, bridge, {
    back: () => select({ side: null, token: null }),
    say: (text) => frame.say(text)
  });
  const bar = h("div", { class: "inb-toolbar", role: "toolbar", "aria-label": "playground" }, code.toggle);
  body.append(
    div("inb-top", div("inb-title", heading, note), bar),
    hint,
    code.panel,
    ask.node,
    div("inb-columns", sliders.node, div("inb-main", texts.node, next.node))
  );
  showTips(scope, body, tooltip);
  const askCode = () => {
    if (code.panel.hidden) return;
    guarded(frame.root, async () => {
      const params = { settings: settings() };
      const reply = await codeQuestion.ask("code", params, SYNC_DELAY_MS).catch(() => null);
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
  function announce(now, running) {
    const key = `${now.run} ${running}`;
    if (key === seen) return;
    if (seen && running) frame.say("writing");
    else if (seen && now.run > 0) frame.say(endText({ ...now, state: state() }));
    seen = key;
  }
  function update() {
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
      state: starting ? "pending" : state()
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
    }
  };
}

// src/steering_playground/widget.ts
var widget_default = defineWidget("steering_playground", parts_default + edit_default + style_default, mountPlayground);
export {
  widget_default as default
};
