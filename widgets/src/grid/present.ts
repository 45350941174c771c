/** Which classes of cells occur, for the legend. Pure. */

import { type CellClass, classify } from "../shared/scale.js";
import type { GridProps } from "./view.js";

export function presentClasses(props: Pick<GridProps, "values" | "state" | "scale">): Set<CellClass> {
  const present = new Set<CellClass>();
  for (let i = 0; i < props.values.length; i++) {
    present.add(classify(props.values[i] ?? Number.NaN, props.state?.[i], props.scale));
  }
  return present;
}
