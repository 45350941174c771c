/** All latents of an SAE, one of them in depth. Python side: interp_nb/widgets/feature_dashboard.py. */

import { defineWidget } from "../shared/define.js";
import partsCss from "../shared/parts.css";
import tabsCss from "../shared/tabs.css";
import css from "./style.css";
import { mountDashboard } from "./view.js";

export default defineWidget("feature_dashboard", partsCss + tabsCss + css, mountDashboard);
