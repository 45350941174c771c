"""The command `interp-nb sae`: say what a folder of SAEs is, convert one, list the formats."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from interp_nb.sae.formats.inspection import SAEInspection


def cli_main(args: list[str]) -> int:
    """Run the command; give its exit status (1: what was inspected has problems)."""
    options = _parser().parse_args(args)
    if options.what == "inspect":
        return _inspect(options)
    if options.what == "convert":
        return _convert(options)
    return _formats()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="interp-nb sae", description="Sparse autoencoders on disk, in the formats of all libraries."
    )
    commands = parser.add_subparsers(dest="what", required=True, metavar="inspect | convert | formats")
    inspect = commands.add_parser("inspect", help="say what a folder is and every convention it follows")
    inspect.add_argument("path", help="a folder of one SAE or several, a file in it, or a name such as pocket")
    convert = commands.add_parser("convert", help="load an SAE and save it in another format")
    convert.add_argument("source", help="as of inspect")
    convert.add_argument("target", type=Path, help="the folder to write to")
    convert.add_argument("--format", default="interp_nb", help="see interp-nb sae formats (default: %(default)s)")
    convert.add_argument("--dtype", help="precision in the file, such as float16; as it is unless given")
    for each in (inspect, convert):
        each.add_argument("--sae-id", metavar="ID", help="which of several SAEs in the folder, by its path in it")
    commands.add_parser("formats", help="list the formats, what their folders have and what they can hold")
    return parser


def _inspect(options: argparse.Namespace) -> int:
    # Imported here: reading needs torch, and asking for --help should not.
    from interp_nb.sae.formats.inspect import inspect_sae

    found = inspect_sae(options.path, options.sae_id)
    _say("\n".join(lines(found)))
    return 1 if found.problems else 0


def lines(found: SAEInspection) -> list[str]:
    """Write an inspection as plain text, a fact a line."""
    facts = {
        "format": " ".join([found.family, found.version]).strip(),
        "architecture": found.architecture + ("" if found.ours == found.architecture else f" (ours: {found.ours})"),
        "kind": found.kind,
        "widths": f"d_in={found.d_in}, d_sae={found.d_sae}, d_out={found.d_out}, {found.dtype}",
        "model": found.model,
        "sites": ", ".join(found.sites) or f"unknown{found.site_as_said and f' (said: {found.site_as_said})'}",
    }
    said = [f"{name + ':':14}{value}" for name, value in facts.items()]
    said += ["conventions:", *(f"  {each.name}: {each.value} [{each.known}]" for each in found.conventions)]
    said.append("tensors:")
    for each in found.tensors:
        turned = ", transposed" if each.transposed else ""
        said.append(f"  {each.name} {list(each.shape)} {each.dtype} in {each.file}: {each.becomes}{turned}")
    said += ["problems:", *(f"  {each}" for each in found.problems)] if found.problems else []
    if len(found.ids) > 1:
        said += [f"this is the first, {found.sae_id}; --sae-id ID shows another"] if found.is_first else []
        said += [f"all {len(found.ids)} here: {', '.join(found.ids)}"]
    return said


def _convert(options: argparse.Namespace) -> int:
    from interp_nb.sae.saving import load_sae

    sae = load_sae(options.source, sae_id=options.sae_id)
    folder = sae.save(options.target, format=options.format, dtype=options.dtype)
    _say(f"{folder}: {sae.extra_repr()}, as {options.format}")
    return 0


def _formats() -> int:
    from interp_nb.sae.formats.registry import FORMATS, format_named

    for name in FORMATS:
        family = format_named(name)
        first = (family.__doc__ or "").strip().splitlines()[0]
        _say(f"{name}\n    {first}\n    found by: {family.looks_like}\n    can hold: {family.holds}")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
