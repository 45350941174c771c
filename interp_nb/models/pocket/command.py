"""The command `interp-nb train-pocket`: train the pocket model, or measure what it does."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def cli_main(args: list[str]) -> int:
    """Run the command; give its exit status (1: a measured behaviour misses its bound)."""
    options = _parser().parse_args(args)
    if options.measure is None:
        return _train(options)
    return _measure(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="interp-nb train-pocket",
        description="Train the pocket model from its committed configuration, or measure it.",
    )
    parser.add_argument("--out", type=Path, help="folder of checkpoints, state and log")
    parser.add_argument("--steps", type=int, help="stop after this many steps; a later call goes on")
    parser.add_argument("--device", help="cpu or cuda; cuda when there is one")
    parser.add_argument("--fresh", action="store_true", help="remove an earlier run in --out first")
    parser.add_argument(
        "--measure",
        nargs="*",
        metavar="NAME",
        help="measure these behaviours (all when none is named) instead of training",
    )
    parser.add_argument("--step", type=int, help="measure this kept step instead of the installed one")
    return parser


def _train(options: argparse.Namespace) -> int:
    # Imported here: training needs torch, and asking for --help should not.
    from interp_nb.models.pocket.train import train_pocket

    folder = train_pocket(out=options.out, steps=options.steps, device=options.device, resume=not options.fresh)
    _say(f"weights: {folder}")
    return 0


def _measure(options: argparse.Namespace) -> int:
    from interp_nb.models.pocket.behaviours import BOUNDS, holds, measure
    from interp_nb.models.pocket.checkpoints import checkpoint_folder
    from interp_nb.models.pocket.saved import load_saved

    model, tokenizer = load_saved(checkpoint_folder(options.step))
    all_hold = True
    for name in options.measure or BOUNDS:
        if name not in BOUNDS:
            _say(f"Expected one of {', '.join(BOUNDS)}, got {name!r}.")
            return 2
        value = measure(model, tokenizer, [name])[name]
        bound, is_held = BOUNDS[name], holds(name, value)
        all_hold &= is_held
        verdict = "ok" if is_held else "MISSED"
        _say(f"{name:26} {value:8.3f}  [{bound.low:g}, {bound.high:g}]  {verdict:6}  {bound.what}")
    return 0 if all_hold else 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
