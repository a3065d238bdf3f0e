"""docs/settings.md, made from `ravine.settings`: `python docs/_extensions/settings_page.py` writes it anew."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

from ravine.settings import SETTINGS, Setting

PAGE = Path(__file__).parents[1] / "settings.md"

_HEAD = """\
# The settings of a run

A setting has the same name everywhere: it is a keyword of `ravine.train`, a key of a [study](studies.md), and, with
hyphens, an option of `ravine train`. `ravine gradcheck` has the options of the network and of the data too. The
settings, the text of the optimizer and the checksums of the data decide the result of a run; its id is the hash of
them all.
"""

_FOOT = """
In Python and in studies a hyper-parameter of the optimizer, of a stage or of the schedule is given under its own name,
as in `ravine.train(optimizer="momentum", alpha=0.5)`; on the command line it is `--set alpha=0.5`. In Python, numbers,
arrays and dtypes of NumPy's are accepted in place of numbers, lists and names.

[Choose on validation, test once](studies.md#choose-on-validation-test-once) says why samples are held out.
"""

_ALLOWED = {
    int: "a whole number",
    int | None: "a whole number",
    float: "a number",
    int | float: "a whole number, or a share below 1",
    float | None: "a number",
    bool: "true or false",
    str: "a name, or FILE.py:NAME",
    str | None: "a name, or FILE.py:NAME",
    tuple[int, ...]: "whole numbers",
    tuple[str, ...]: "names, or FILE.py:NAME, several",
    dict[str, bool | int | float]: "numbers, whole numbers, flags",
    dict[str, tuple[float, ...]]: "factors by name",
}

_CODE = re.compile(r"--[a-z-]+( \w+=[\w.,]*\w)?|\b\w+=[\w.,]*\w")
"""An option or a value in a help text, which a page shows as code: -- would become a dash."""


def page() -> str:
    """Return the page: a table for each group of settings."""
    groups = [(title, list(settings)) for title, settings in groupby(SETTINGS, key=lambda setting: setting.group)]
    return _HEAD + "".join(f"\n## {title}\n\n{_table(settings)}\n" for title, settings in groups) + _FOOT


def _table(settings: list[Setting]) -> str:
    rows = [["name", "what it is", "allowed", "default", "option"], ["---"] * 5, *map(_row, settings)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(setting: Setting) -> list[str]:
    name = f"`{setting.name}`" if setting.name != "hyperparameters" else "its own name"
    options = ", ".join(f"`{option}`" for option in setting.options)
    # Names that a new file on a shelf adds to are not repeated here: the page need not change with the shelf.
    names = [f"`{choice}`" for choice in setting.choices()] if setting.choices and not setting.files else []
    allowed = ", ".join(names) or _ALLOWED[setting.type]
    told = _CODE.sub(r"`\g<0>`", setting.help.replace(": {}", ""))
    return [name, told, allowed, _default(setting), options]


def _default(setting: Setting) -> str:
    """Write the default as Python has it; of None, what it means.

    >>> from ravine.settings import BY_NAME
    >>> _default(BY_NAME["layers"]), _default(BY_NAME["lr"])
    ('`(784, 300, 100, 100, 10)`', "the optimizer's")
    """
    if setting.default in (None, {}, ()):
        return setting.unset or "none"
    return f"`{setting.default!r}`".replace("'", '"')


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
