/** Above the list: what to look for, in what order, and which latents at all. */

import { button, div, h, type Scope, setAttrs, span } from "../shared/dom.js";
import { type Column, SEARCHES, type SearchBy } from "./data.js";
import { type Filter, NO_FILTER, SHOWN, type Sorting } from "./order.js";

export interface BarState {
  query: string;
  by: SearchBy;
  sorting: Sorting;
  /** In the order of the search, best first. */
  byMatch: boolean;
  filter: Filter;
  columns: readonly Column[];
  /** "1,801 of 2,048 latents", or what went wrong with the search. */
  said: string;
  bad: boolean;
}

export interface BarEvents {
  search(query: string, by: SearchBy): void;
  /** null = by match. */
  sort(sorting: Sorting | null): void;
  filter(filter: Filter): void;
  /** Down from the search field: into the list. */
  leave(): void;
  /** Enter in the search field: the first one found. */
  first(): void;
}

export interface ListBar {
  node: HTMLElement;
  update(state: BarState): void;
  focus(): void;
}

const MATCH = " match";
const NAMES: Record<SearchBy, string> = {
  any: "labels, tokens",
  label: "labels",
  token: "tokens",
  text: "example texts",
};

const option = (value: string, text: string) => h("option", { value }, text);

/** Options that differ are made anew, with `value` chosen. */
function setOptions(select: HTMLSelectElement, choices: readonly (readonly [string, string])[], value: string): void {
  const key = JSON.stringify(choices);
  if (select.dataset.key !== key) {
    select.dataset.key = key;
    select.replaceChildren(...choices.map(([name, text]) => option(name, text)));
  }
  select.value = value;
}

/** A share typed in percent; null = no limit. */
export function readPercent(text: string): number | null {
  const value = Number(text.replace("%", "").replace(",", "."));
  return text.trim() === "" || !Number.isFinite(value) ? null : value / 100;
}

export function listBar(scope: Scope, events: BarEvents): ListBar {
  const search = h("input", {
    type: "search",
    class: "inb-search",
    placeholder: "Search  ( / )",
    "aria-label": "search latents",
  });
  const by = h("select", { "aria-label": "search in", class: "inb-search-by" });
  by.append(...SEARCHES.map((each) => option(each, NAMES[each])));
  const sort = h("select", { "aria-label": "sort by" });
  const turn = button("↓", { class: "inb-button inb-turn" });
  const shown = h("select", { "aria-label": "show" });
  shown.append(...SHOWN.map(({ name, label }) => option(name, label)));
  const limit = (name: string) =>
    h("input", {
      type: "text",
      inputmode: "decimal",
      size: 5,
      "aria-label": `${name} density in percent`,
      placeholder: name,
    });
  const [low, high] = [limit("lowest"), limit("highest")];
  const box = button("", {
    class: "inb-button inb-boxed",
    hidden: true,
    title: "Show the latents outside of the box too",
  });
  const said = span("inb-hint inb-list-said");
  const node = div(
    "inb-list-bar",
    div("inb-search-row", search, by),
    div(
      "inb-filter-row",
      h("label", {}, span("inb-word", "sort"), sort),
      turn,
      h("label", {}, span("inb-word", "show"), shown),
    ),
    div("inb-filter-row", h("label", { class: "inb-density-limits" }, "density", low, "to", high, "%"), said),
    box,
  );
  let now: BarState | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  scope.add(() => clearTimeout(timer));

  let sent = "";
  const ask = (delay: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      sent = search.value;
      events.search(sent, by.value as SearchBy);
    }, delay);
  };
  scope.listen(search, "input", () => ask(search.value ? 200 : 0));
  scope.listen(by, "change", () => ask(0));
  scope.listen<KeyboardEvent>(search, "keydown", (event) => {
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
  const filter = (change: Partial<Filter>): void => events.filter({ ...(now?.filter ?? NO_FILTER), ...change });
  scope.listen(shown, "change", () => filter({ shown: shown.value }));
  for (const input of [low, high]) {
    scope.listen(input, "change", () =>
      filter({ minDensity: readPercent(low.value), maxDensity: readPercent(high.value) }),
    );
  }
  scope.listen(box, "click", () => filter({ box: null }));

  return {
    node,
    focus: () => search.select(),
    update(state) {
      now = state;
      // What is being typed is not overwritten by what was sent before.
      if (state.query !== sent) search.value = sent = state.query;
      by.value = state.by;
      const names = state.columns.map(({ name, label }) => [name, label ?? name] as const);
      const offered = state.query.trim() ? [[MATCH, "best match"] as const, ...names] : names;
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
    },
  };
}
