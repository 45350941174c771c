/** What SAEs are worth: one report, several side by side, a scaling law. Python side: interp_nb/widgets/sae_report.py. */

import adviceCss from "../shared/advice.css";
import { defineWidget } from "../shared/define.js";
import partsCss from "../shared/parts.css";
import tabsCss from "../shared/tabs.css";
import css from "./style.css";
import { mountReport } from "./view.js";

export default defineWidget("sae_report", adviceCss + partsCss + tabsCss + css, mountReport);
