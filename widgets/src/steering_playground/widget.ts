/** Steering by hand: sliders, two texts, next tokens. Python side: interp_nb/widgets/steering_playground.py. */

import { defineWidget } from "../shared/define.js";
import editCss from "../shared/edit.css";
import partsCss from "../shared/parts.css";
import css from "./style.css";
import { mountPlayground } from "./view.js";

export default defineWidget("steering_playground", partsCss + editCss + css, mountPlayground);
