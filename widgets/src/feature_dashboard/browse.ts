/** All latents: the bar to search, sort and filter them, and the list. */

import { h, type Scope } from "../shared/dom.js";
import { latentOf, type SearchBy } from "./data.js";
import { latentList } from "./list.js";
import { listBar } from "./list_bar.js";
import { type Sorting, writeSort } from "./order.js";
import type { Rows } from "./rows.js";

export interface BrowseEvents {
  choose(latent: number): void;
  search(query: string, by: SearchBy): void;
  /** As the trait has it. */
  sort(sort: string): void;
  /** Filter or order changed here. */
  changed(): void;
}

export interface Browse {
  node: HTMLElement;
  update(selected: number): void;
  search(): void;
  /** The room has changed: the chosen one is brought into view. */
  reveal(): void;
  destroy(): void;
}

export function browse(scope: Scope, rows: Rows, events: BrowseEvents): Browse {
  const list = latentList(scope, { choose: events.choose, missing: (latents) => rows.want(latents) });
  const bar = listBar(scope, {
    search: events.search,
    sort(sorting: Sorting | null) {
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
      if (row !== undefined) events.choose(latentOf(rows.columns, row));
    },
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
    destroy: list.destroy,
  };
}
