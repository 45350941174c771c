/** Activation patching, layer x position. Python side: interp_nb/widgets/patch_grid.py. */

import gridCss from "../grid/style.css";
import { defineWidget } from "../shared/define.js";
import editCss from "../shared/edit.css";
import css from "./style.css";
import { mountPatchGrid } from "./view.js";

export default defineWidget("patch_grid", gridCss + editCss + css, mountPatchGrid);
