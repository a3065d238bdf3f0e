"""A bar on a terminal, plain lines elsewhere, nothing if quiet."""

from __future__ import annotations

import json
import re

from command_cases import MNIST, on_a_terminal, ravine

TRAIN = [*MNIST, "--epochs", "2", "--json", "--fresh"]


def train_on_a_terminal(environment: dict[str, str], *more: str) -> tuple[str, str]:
    """Train with stderr on a terminal; return what stdout got and what the terminal got."""
    code, out, shown = on_a_terminal(lambda env, **options: ravine(env, *TRAIN, *more, **options), environment)
    assert code == 0
    return out, shown


def plain(shown: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)


COLOR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-9]|9[0-7]|4[0-9])(?:;[0-9;]*)?m")


def test_a_bar_on_a_terminal(mnist_environment):
    environment = {name: value for name, value in mnist_environment.items() if name != "NO_COLOR"}
    out, shown = train_on_a_terminal(environment)
    assert json.loads(out)["status"] == "done"
    assert COLOR.search(shown)
    assert "━" in shown
    text = plain(shown)
    assert re.search(r"epoch [12]/2  train loss 0\.\d+ ━", text)
    assert re.search(r"\d+ % \d:\d\d:\d\d spent, \d:\d\d:\d\d to go", text)
    for epoch in (1, 2):
        assert re.search(rf"epoch {epoch}/2  lr 0.1 .* test accuracy \d\d\.\d\d %", text)
    # The bar goes away, the cursor comes back.
    assert shown.rstrip().endswith("\x1b[2K") or shown.rstrip().endswith("\x1b[?25h")
    assert shown.count("\x1b[?25h") == shown.count("\x1b[?25l") == 1


def test_no_color(mnist_environment):
    out, shown = train_on_a_terminal({**mnist_environment, "NO_COLOR": "1"})
    assert json.loads(out)["status"] == "done"
    assert not COLOR.search(shown)
    assert "epoch 2/2" in plain(shown)


def test_quiet_on_a_terminal(mnist_environment):
    out, shown = train_on_a_terminal(mnist_environment, "--quiet")
    assert json.loads(out)["status"] == "done"
    assert shown == ""
