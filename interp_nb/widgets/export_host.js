// The host of an exported page: gives each widget a model, answers its requests from what was recorded, links selections.
const page = JSON.parse(document.querySelector("script[data-inb-state]").textContent);
// A plain loop: Uint8Array.from with a function takes ten times as long.
function decode(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return new DataView(bytes.buffer);
}
// Replies of large pages are deflated, each by itself, so that opening the page stays quick.
async function inflate(base64) {
  const stream = new Blob([decode(base64)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}
// Python writes the same key: method, then the parameters with their names in order.
const keyOf = (method, params) => `${method} ${JSON.stringify(Object.fromEntries(Object.entries(params ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))))}`;

function makeModel({ traits, data, replies }) {
  const state = { ...traits, _data: decode(data) };
  const listeners = new Map();
  const of = (name) => listeners.get(name) ?? listeners.set(name, new Set()).get(name);
  const emit = (name, ...args) => [...of(name)].forEach((listener) => listener(...args));
  const answer = async (request) => {
    const reply = { v: 1, kind: "reply", id: request.id };
    const kept = replies[keyOf(request.method, request.params)];
    const known = typeof kept === "string" ? await inflate(kept) : kept;
    const error = { type: "NeedsKernel", message: `${request.method} needs a running kernel: open the notebook to compute this.` };
    if (known) emit("msg:custom", { ...reply, ok: true, result: known.result }, known.buffers.map(decode));
    else emit("msg:custom", { ...reply, ok: false, error }, []);
  };
  return {
    get: (name) => state[name],
    set: (name, value) => {
      if (JSON.stringify(state[name]) === JSON.stringify(value)) return;
      state[name] = value;
      emit(`change:${name}`, undefined, value);
      emit("change");
    },
    save_changes: () => {},
    send: (content) => content?.kind === "request" && setTimeout(() => answer(content)),
    on: (names, listener) => names.split(" ").forEach((name) => of(name).add(listener)),
    off: (names, listener) =>
      (names ? names.split(" ") : [...listeners.keys()]).forEach((name) => (listener ? of(name).delete(listener) : of(name).clear())),
  };
}

// What one widget selects, another shows where it has that place; the other keys stay, or start at the first value.
function carry(from, to, keys, target) {
  const here = from.get("selected");
  if (!here) return;
  const there = { ...(to.get("selected") ?? target.first) };
  for (const [one, other] of keys) if (here[one] != null) there[other] = here[one];
  const fits = Object.entries(there).every(([key, value]) => value == null || target.allowed[key].includes(value));
  if (fits) to.set("selected", there);
}

const models = page.widgets.map(makeModel);
for (const { from, to, keys } of page.links) {
  const follow = () => carry(models[from], models[to], keys, page.widgets[to]);
  models[from].on("change:selected", follow);
  if (!models[to].get("selected")) follow();
}
const modules = {};
for (const [name, code] of Object.entries(page.bundles)) {
  modules[name] = import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
}
for (const [index, el] of [...document.querySelectorAll("[data-inb-widget]")].entries()) {
  try {
    const made = (await modules[page.widgets[index].bundle]).default;
    const widget = typeof made === "function" ? await made() : made;
    await widget.initialize?.({ model: models[index] });
    await widget.render({ model: models[index], el });
  } catch (error) {
    console.error("[interp_nb]", error);
    el.append(Object.assign(document.createElement("p"), { textContent: `This view could not be drawn: ${error}` }));
  }
}
