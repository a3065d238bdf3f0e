"""A notebook, executed by a real kernel: what a cell shows if its last line is a run, a history or a check."""

from __future__ import annotations

import re

import nbclient
import nbformat
import pytest

SETUP = """\
import numpy as np, pandas, ravine
small = dict(layers=(784, 8, 10), batch_size=100, lr=0.1)
"""

pytestmark = pytest.mark.filterwarnings("ignore")  # those of Jupyter's own packages


def executed(*sources: str) -> list[list]:
    """Return the outputs of each cell of a notebook."""
    cells = [nbformat.v4.new_code_cell(source) for source in (SETUP, *sources)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return [cell.outputs for cell in notebook.cells[1:]]


def html(output) -> str:
    return output["data"]["text/html"]


def test_what_cells_show(mnist_environment, monkeypatch):
    monkeypatch.setenv("RAVINE_HOME", mnist_environment["RAVINE_HOME"])
    trained, again, quiet, history, frame, gradient, network, checked = executed(
        "run = ravine.train(epochs=2, **small)\nrun",
        "ravine.train(epochs=2, **small)",
        "ravine.train(epochs=1, quiet=True, **small)",
        "run.history",
        "pandas.DataFrame(run.history)",
        "ravine.check_gradient(lambda x: (x**2).sum(), lambda x: 2.1 * x, np.ones(3))",
        "ravine.check_network_gradient(ravine.RunSpec(layers=(784, 4, 10)), epochs=0, digits=None, weights=20)",
        "ravine.check_schedule('cosine')",
    )
    bar, run = trained[-2:]
    assert bar["output_type"] == "display_data"
    assert re.search(r'<progress value="2.0000" max="2"></progress> epoch 2 of 2, train loss', html(bar))
    assert "Run done" in html(run)
    assert "sgd lr 0.1, m 100, 2 epochs" in html(run)
    assert 'src="data:image/png;base64,' in html(run)
    assert [output["output_type"] for output in again] == ["execute_result"]  # a stored run moves no bar
    assert [output["output_type"] for output in quiet] == ["execute_result"]
    assert html(history[-1]).count("<tr>") == 3
    columns = re.findall(r"<th>(\w+)</th>", html(frame[-1]))
    assert columns[:8] == ["epoch", "steps", "lr", "batch_size", "train_loss", "test_loss", "test_accuracy", "seconds"]
    assert "fails: component (0,) is 2.1 and must be 2" in html(gradient[-1])
    assert "passes, 20 of" in html(network[-1])
    assert 'src="data:image/png;base64,' in html(network[-1])
    assert "5 of 5 checks passed" in html(checked[-1])
