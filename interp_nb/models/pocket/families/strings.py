"""Short Python and JSON snippets, and base64, hex and URL strings.

Split: the snippet's names or the string's own characters.
"""

from __future__ import annotations

from base64 import b64encode
from random import Random

from interp_nb.models.pocket.document import Document, Slot, Split, split_of
from interp_nb.models.pocket.lexicon import CITIES, NAMES, words

_FUNCTIONS = words("add scale count merge check load save parse total find sort first")
_VARIABLES = words("x y n total items value data result index text name left right")
_PYTHON = (
    "def {f}({a}, {b}):\n    return {a} {op} {b}\n",
    "def {f}({a}):\n    if {a} {cmp} {n}:\n        return True\n    return False\n",
    "for {a} in range({n}):\n    print({a})\n",
    "{a} = [{b} for {b} in {f}({n})]\nprint(len({a}))\n",
    "import {m}\n\n{a} = {m}.{f}({n})\n",
    "class {cls}:\n    def __init__(self, {a}):\n        self.{a} = {a}\n",
    "while {a} {cmp} {n}:\n    {a} += 1\nprint({a})\n",
    "try:\n    {a} = {f}({b})\nexcept ValueError:\n    {a} = None\n",
)
_MODULES = words("math json random time")
_CLASSES = words("Point Node Table Loader Model Queue")


def python_code(rng: Random, split: Split) -> Document:
    """Write a few lines of Python."""
    while True:
        template, function = rng.choice(_PYTHON), rng.choice(_FUNCTIONS)
        first, second = rng.sample(_VARIABLES, 2)
        if split_of("python", template, function, first) == split:
            break
    slots = {
        "f": Slot(function, "identifier", "function"),
        "a": Slot(first, "identifier", "variable"),
        "b": Slot(second, "identifier", "variable"),
        "op": Slot(rng.choice("+-*/")),
        "cmp": Slot(rng.choice(("<", ">", "==", "<="))),
        "n": Slot(str(rng.randint(2, 99)), "number"),
        "m": Slot(rng.choice(_MODULES), "identifier", "module"),
        "cls": Slot(rng.choice(_CLASSES), "identifier", "class"),
    }
    return Document("python", template, slots, register="code", language="Python")


_JSON = (
    '{"name": "{n}", "age": {k}, "city": "{y}"}',
    '{"id": {k}, "user": "{n}", "active": {t}}',
    '{"items": [{k}, {j}, {i}], "total": {t}}',
    '[{"city": "{y}", "visits": {k}}, {"city": "{z}", "visits": {j}}]',
    '{"user": {"name": "{n}", "home": "{y}"}, "score": {j}}',
)


def json_text(rng: Random, split: Split) -> Document:
    """Write one JSON value."""
    while True:
        template, name, city = rng.choice(_JSON), rng.choice(NAMES), rng.choice(CITIES)
        if split_of("json", template, name, city) == split:
            break
    slots = {
        "n": Slot(name, "person"),
        "y": Slot(city, "city"),
        "z": Slot(rng.choice(CITIES), "city"),
        "t": Slot(rng.choice(("true", "false", "null"))),
    }
    slots |= {key: Slot(str(rng.randint(0, 99)), "number") for key in "ijk"}
    return Document("json", template, slots, register="code", language="JSON")


_LEADS = {
    "base64": ("Base64: {s}", "The encoded key is {s}", "data:text/plain;base64,{s}"),
    "hex": ("Hex: {s}", "The checksum is {s}", "Color code {s}"),
    "url": ("See {s}", "The page is at {s}", "Link: {s}", "{s}"),
}
_HOSTS = words("example shop news wiki museum travel school weather")
_TOP_LEVELS = words("com org net edu")
_PATHS = words("home about items search login images docs blog")


def encoded(rng: Random, split: Split) -> Document:
    """Write a base64, hex or URL string with a few words before it."""
    kind = rng.choice(("base64", "hex", "url"))
    while True:
        if kind == "base64":
            text = b64encode(rng.randbytes(rng.randint(6, 15))).decode()
        elif kind == "hex":
            text = "0x" + rng.randbytes(rng.randint(2, 8)).hex()
        else:
            text = _url(rng)
        if split_of("encoded", text) == split:
            break
    slots = {"s": Slot(text, kind, pos="X")}
    return Document("encoded", rng.choice(_LEADS[kind]), slots, register="code")


def _url(rng: Random) -> str:
    host = f"{rng.choice(('www.', '', 'my.'))}{rng.choice(_HOSTS)}.{rng.choice(_TOP_LEVELS)}"
    path = "/".join(rng.sample(_PATHS, rng.randint(1, 3)))
    query = rng.choice(("", f"?id={rng.randint(10, 99)}", "?page=2&sort=new"))
    return f"https://{host}/{path}{query}"
