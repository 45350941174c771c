/** The plot of a scaling law: the SAEs, a curve for each k, the bands of one, and where it is read. Pure. */

import { linearAxis, logAxis } from "../shared/axis.js";
import type { Ink } from "../shared/ink.js";
import { ramp, type Theme } from "../shared/scale.js";
import { label, line, type Shape } from "../shared/shapes.js";
import { type Law, orNaN, type ReportData } from "./data.js";
import { curveAt, type Said, stopAt } from "./law.js";
import { haloed, type Plane, placeOn, planeShapes, whisker } from "./plane.js";

export interface Place {
  n: number;
  k: number | null;
}

export interface ScalingProps {
  data: ReportData;
  place: Place;
  theme: Theme;
  width: number;
  height: number;
}

export function planeOf(data: ReportData, law: Law, width: number, height: number): Plane {
  const rows = law.stops.k.flatMap((_, row) => curveAt(data, law, row));
  const ys = [
    ...rows.flatMap(({ value, curve_low, curve_high }) => [value, curve_low, curve_high]),
    ...law.loss.map(orNaN),
  ].filter((y) => y > 0 && Number.isFinite(y));
  const [low, high] = ys.length ? [Math.min(...ys), Math.max(...ys)] : [0.1, 1];
  const y = high / low > 1.5 ? logAxis(low / 1.12, high * 1.12, 5) : linearAxis(low * 0.97, high * 1.03, 4);
  const xs = law.stops.n;
  return { width, height, x: logAxis((xs[0] ?? 1) / 1.12, (xs[xs.length - 1] ?? 10) * 1.12, 6), y };
}

/** One hue, darker with more active latents. */
function kColor(law: Law, k: number | null, theme: Theme): string {
  const colors = ramp("sequential", theme);
  const ks = law.stops.k;
  const [first, last] = [ks[0] ?? 1, ks[ks.length - 1] ?? 1];
  const share = k === null || last === first ? 0.7 : 0.42 + 0.5 * (Math.log(k / first) / Math.log(last / first));
  return colors[Math.round(Math.max(0, Math.min(1, share)) * (colors.length - 1))] ?? "#808080";
}

export function scalingShapes({ data, theme, width, height }: ScalingProps, said: Said | null, ink: Ink): Shape[] {
  const law = data.meta.scaling;
  if (!law) return [];
  const plane = planeOf(data, law, width, height);
  const at = placeOn(plane);
  const out = planeShapes(plane, { x: "n, latents of the dictionary", y: law.loss_label }, ink);
  const names: Shape[] = [];
  const chosen = said ? stopAt(law, said.n, said.k)[0] : 0;
  const band = (rows: Said[], low: keyof Said, high: keyof Said) => {
    const up = rows.map((row) => `${at.x(row.n)} ${at.y(row[high] as number)}`);
    const down = [...rows].reverse().map((row) => `${at.x(row.n)} ${at.y(row[low] as number)}`);
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
    const path = (part: Said[]) => part.map((each) => `${at.x(each.n)} ${at.y(each.value)}`).join("L");
    const inside = rows.filter(({ n }) => n <= most);
    const beyond = rows.slice(Math.max(0, inside.length - 1));
    out.push(line(`M${path(inside)}`, color, row === chosen ? 1.8 : 1.2));
    if (beyond.length > 1)
      out.push(line(`M${path(beyond)}`, color, row === chosen ? 1.8 : 1.2, { "stroke-dasharray": "4 3" }));
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
            strong ? 600 : 400,
          ),
          ink,
        ),
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
        "stroke-width": 1,
      },
    });
  });
  out.push(...names);
  if (said) {
    const x = at.x(said.n);
    out.push(line(`M${x} ${plane.height - 36}V22`, ink.accent, 1, { "stroke-dasharray": "2 2" }));
    out.push(whisker({ x, from: at.y(said.high), to: at.y(said.low) }, ink.accent, 1));
    out.push({
      tag: "circle",
      attrs: { cx: x, cy: at.y(said.value), r: 4.5, fill: ink.background, stroke: ink.accent, "stroke-width": 2 },
    });
  }
  return out;
}
