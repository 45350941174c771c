/** The concepts that are known to be in the text, and the latent that tells each best; those of the token apart. */

import { div, h, type Scope, setAttrs, span } from "../shared/dom.js";
import { visible } from "../shared/tokens.js";
import { COLUMNS, type ConceptsProps, cells, type Line, lines, rowLabel, WIDE } from "./concept_rows.js";
import { plural } from "./words.js";

export interface ConceptsEvents {
  choose(latent: number, sae: number): void;
  sort(sort: string): void;
  query(query: string): void;
  chooseSae(sae: number): void;
}

export interface Concepts {
  node: HTMLElement;
  update(props: ConceptsProps): void;
}

export function conceptsTable(scope: Scope, events: ConceptsEvents): Concepts {
  const search = h("input", {
    type: "search",
    placeholder: "filter concepts",
    "aria-label": "filter concepts",
    spellcheck: "false",
  });
  const said = span("inb-hint");
  const head = h("thead");
  const body = h("tbody");
  const table = h("table", { class: "inb-concepts" }, head, body);
  const box = h("div", { class: "inb-scroll inb-tall", tabindex: -1 }, table);
  const none = h("p", { class: "inb-hint", hidden: true });
  const key = div("inb-concept-key");
  const bar = div("inb-concept-bar", search, said, key);
  const node = div("inb-concept-part", bar, none, box);
  let props: ConceptsProps | undefined;
  let drawn: unknown[] = [];
  let latest: Line[] = [];

  scope.listen(search, "input", () => events.query(search.value));
  scope.listen<MouseEvent>(head, "click", (event) => {
    const target = event.target as Element;
    const sae = target.closest<HTMLElement>(".inb-sae-pick")?.dataset.sae;
    if (sae !== undefined) return events.chooseSae(Number(sae));
    const name = target.closest<HTMLElement>("[data-sort]")?.dataset.sort;
    if (!name || !props) return;
    const first = name === "name" || name === "latent_idx" ? name : `-${name}`;
    const other = first.startsWith("-") ? name : `-${name}`;
    events.sort(props.sort === first ? other : first);
  });
  const choose = (row: HTMLElement, sae: number): void => {
    const line = latest.find(({ concept }) => concept === Number(row.dataset.concept));
    const latent = line?.rows[sae]?.latent_idx ?? -1;
    if (latent >= 0) events.choose(latent, sae);
  };
  scope.listen<MouseEvent>(body, "click", (event) => {
    const target = event.target as Element;
    const row = target.closest<HTMLElement>("[data-concept]");
    const sae = target.closest<HTMLElement>("td[data-sae]")?.dataset.sae;
    if (row) {
      focus(row);
      choose(row, sae === undefined ? (props?.sae ?? 0) : Number(sae));
    }
  });
  const rows = (): HTMLElement[] => [...body.querySelectorAll<HTMLElement>("[data-concept]")];
  const focus = (row: HTMLElement): void => {
    for (const each of rows()) each.tabIndex = each === row ? 0 : -1;
    row.focus({ preventScroll: true });
    row.scrollIntoView?.({ block: "nearest" });
  };
  scope.listen<KeyboardEvent>(body, "keydown", (event) => {
    const row = (event.target as Element).closest<HTMLElement>("[data-concept]");
    if (!row) return;
    const all = rows();
    const at = all.indexOf(row);
    const steps: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      Home: 0,
      End: all.length - 1,
      PageDown: at + 10,
      PageUp: at - 10,
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
    const next = to === undefined ? undefined : all[Math.max(0, Math.min(all.length - 1, to))];
    if (!next) return;
    event.preventDefault();
    focus(next);
    choose(next, props?.sae ?? 0);
  });

  function headRow(now: ConceptsProps): HTMLElement {
    const { data, sort, width } = now;
    const sorter = (name: string, text: string, hint: string) => {
      const on = sort.replace(/^-/, "") === name;
      const arrow = on ? (sort.startsWith("-") ? " ↓" : " ↑") : "";
      const press = h("button", { type: "button", class: "inb-sort", "data-sort": name, title: hint }, text + arrow);
      return h(
        "th",
        { scope: "col", "aria-sort": on ? (sort.startsWith("-") ? "descending" : "ascending") : undefined },
        press,
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
            title: `${words.name}: sort by it`,
          },
          words.name,
        );
        return h("th", { scope: "col", class: index === now.sae ? "inb-chosen" : undefined }, pick);
      });
      return h("tr", {}, first, ...heads);
    }
    const more = COLUMNS.filter((column) => !column.wide || width >= WIDE).map(({ name, label, hint }) =>
      sorter(name, label, hint),
    );
    return h(
      "tr",
      {},
      first,
      sorter("latent_idx", "latent", "By the latent's number"),
      sorter("f1", "F1", "Harmonic mean of precision and recall, on the half that chose nothing"),
      ...more,
    );
  }

  function section(now: ConceptsProps, all: Line[], context: boolean): Node[] {
    const part = all.filter((line) => line.context === context);
    if (!part.length) return [];
    const { data, sae } = now;
    const found = part.filter((line) => (line.rows[sae]?.f1 ?? 0) >= data.meta.found_from).length;
    const title = context ? "Context decides" : "The token alone decides";
    const hint = data.meta.hints[context ? "context" : "lookup"] ?? "";
    const columns = data.reports.length > 1 ? 1 + data.reports.length : 3 + COLUMNS.length;
    const counted = ` ${found} of ${part.length} with F1 ≥ ${data.meta.found_from} `;
    const heading = h(
      "tr",
      { class: "inb-measure-group" },
      h("th", { colspan: columns, scope: "rowgroup" }, title, span("inb-soft", counted), span("inb-mark", hint)),
    );
    return [
      heading,
      ...part.map((line) => {
        const name = h("th", { scope: "row" }, visible(data.meta.concepts[line.concept]?.name ?? ""));
        name.title = data.meta.concepts[line.concept]?.name ?? "";
        return h(
          "tr",
          {
            "data-concept": line.concept,
            tabindex: -1,
            class: context ? undefined : "inb-lookup",
            "aria-label": rowLabel(data, line, sae),
          },
          name,
          ...cells(now, line),
        );
      }),
    ];
  }

  function draw(now: ConceptsProps): void {
    const focused =
      (body.contains(document.activeElement) && (document.activeElement as HTMLElement).dataset.concept) || "";
    const all = lines(now);
    latest = [...all.filter((line) => line.context), ...all.filter((line) => !line.context)];
    const total = new Set(now.data.reports.flatMap((report) => report.concepts.map((row) => row.concept))).size;
    said.textContent = all.length === total ? plural(total, "concept") : `${all.length} of ${plural(total, "concept")}`;
    head.replaceChildren(headRow(now));
    body.replaceChildren(...section(now, all, true), ...section(now, all, false));
    box.hidden = all.length === 0;
    bar.hidden = total === 0;
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
        const line = latest.find(({ concept }) => concept === Number(row.dataset.concept));
        const on = next.latent !== null && line?.rows[next.sae]?.latent_idx === next.latent;
        setAttrs(row, { "aria-selected": on ? "true" : undefined });
      }
    },
  };
}
