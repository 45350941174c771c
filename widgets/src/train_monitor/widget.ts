/** A training run, live. Python side: interp_nb/widgets/train_monitor.py. */

import adviceCss from "../shared/advice.css";
import { defineWidget } from "../shared/define.js";
import editCss from "../shared/edit.css";
import css from "./style.css";
import { mountTrainMonitor } from "./view.js";

export default defineWidget("train_monitor", editCss + adviceCss + css, mountTrainMonitor);
