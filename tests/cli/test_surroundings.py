"""The command line under settings of other programs that a user may have: it works as if they were not there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest
from command_cases import ravine

from ravine.engines.fused import compilation
from ravine.engines.fused.plain_numba import plain_numba
from ravine.engines.fused.render import render
from ravine.optimizers.signum import signum

SETTINGS_OF_NUMBA = {
    "NUMBA_DISABLE_JIT": "1",
    "NUMBA_NUM_THREADS": "0",
    "NUMBA_OPT": "fast",
    "NUMBA_BOUNDSCHECK": "1",
    "NUMBA_DEBUGINFO": "1",
    "NUMBA_CPU_NAME": "abacus",
}

MATPLOTLIBRC = """
text.usetex: True
axes.formatter.use_locale: True
axes.facecolor: pink
axes.grid: False
figure.dpi: 31
font.family: a font that nobody has
lines.linewidth: 7
savefig.bbox: tight
backend: qtagg
"""


def python(code: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, with some variables of the environment more."""
    environment = {**os.environ, **settings}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=200)


def compiled(cache: Path, before: str = "", **settings: str) -> dict[str, bytes]:
    """Compile a rule into a cache, in a process of its own, and return the machine code."""
    code = (
        f"{before}\n"
        "from ravine.engines.fused import compilation\n"
        "from ravine.engines.fused.render import render\n"
        "from ravine.optimizers.signum import signum\n"
        "compilation.compile_rule(render(signum.formula), 'float32')\n"
    )
    done = python(code, XDG_CACHE_HOME=str(cache), **settings)
    assert (done.returncode, done.stderr) == (0, "")
    return {file.name: file.read_bytes() for file in cache.rglob("signum-*") if file.suffix != ".lock"}


def test_settings_of_numba_do_not_reach_the_machine_code(tmp_path):
    rendered = render(signum.formula)
    compilation.compile_rule(rendered, "float32")  # without them, in the cache of all tests
    name = compilation._rule(rendered, "float32")
    plain = {name: (platformdirs.user_cache_path("ravine") / "kernels" / name).read_bytes()}
    assert compiled(tmp_path / "set", **SETTINGS_OF_NUMBA) == plain
    # A program that uses Numba itself, with settings that Numba takes; the text of the rows is there already.
    kernels = Path("ravine") / "kernels"
    (tmp_path / "own" / kernels).mkdir(parents=True)
    shutil.copy(tmp_path / "set" / kernels / compilation._rows("float32"), tmp_path / "own" / kernels)
    own = {"NUMBA_DISABLE_JIT": "1", "NUMBA_BOUNDSCHECK": "1", "NUMBA_NUM_THREADS": "1"}
    assert compiled(tmp_path / "own", before="import numba", **own) == plain


def test_a_program_that_uses_numba_gets_its_settings_back():
    code = (
        "import os\n"
        "from ravine.engines.fused.plain_numba import plain_numba\n"
        "with plain_numba():\n"
        "    from numba.core import config\n"
        "    assert not config.BOUNDSCHECK and 'NUMBA_BOUNDSCHECK' not in os.environ\n"
        "assert config.BOUNDSCHECK == 1 and os.environ['NUMBA_BOUNDSCHECK'] == '1'\n"
    )
    assert python(code, NUMBA_BOUNDSCHECK="1").stderr == ""


def test_the_environment_comes_back_whatever_happens(monkeypatch):
    monkeypatch.setenv("NUMBA_BOUNDSCHECK", "0")
    seen = []

    @plain_numba()
    def fails():
        seen.append(os.environ.get("NUMBA_BOUNDSCHECK"))
        raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert seen == [None]
    assert os.environ["NUMBA_BOUNDSCHECK"] == "0"


def test_pictures_do_not_depend_on_the_user_s_matplotlib(tmp_path):
    (tmp_path / "rc").write_text(MATPLOTLIBRC)
    settings = [
        {},
        {"MATPLOTLIBRC": str(tmp_path / "rc")},
        {"MPLBACKEND": "module://a_package.that_is_not_here", "PYTHONWARNINGS": "error"},
    ]
    code = (
        "import sys\n"
        "from ravine.cli.main import run\n"
        "for suffix in ('png', 'svg', 'gif'):\n"
        "    assert run(['paths', 'sgd', 'adam', '--steps', '5', '--out', f'{sys.argv[1]}.{suffix}']) == 0\n"
    )
    for number, each in enumerate(settings):
        command = [sys.executable, "-c", code, str(tmp_path / str(number))]
        done = subprocess.run(command, env={**os.environ, **each}, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
    for suffix in ("png", "svg", "gif"):
        assert len({(tmp_path / f"{number}.{suffix}").read_bytes() for number in range(len(settings))}) == 1


def test_figures_that_the_user_saves_himself_do_not_depend_on_it_either(tmp_path):
    code = (
        "import sys, numpy as np, ravine\n"
        "pixels, classes = np.random.default_rng(1).integers(0, 256, (60, 16)).astype(np.uint8), np.arange(60) % 3\n"
        "data = ravine.dataset(pixels, classes, test=(pixels, classes), shape=(4, 4))\n"
        "run = ravine.train(data=data, layers=(16, 3), epochs=2, engine='reference')\n"
        "figures = [run.plot(), run.plot_confusion(data=data), run.plot_errors(4, data=data), run.plot_weights()]\n"
        "figures += [ravine.draw_paths(steps=3)]\n"
        "for number, figure in enumerate(figures):\n"
        "    figure.savefig(f'{sys.argv[1]}-{number}.png')\n"
        "    assert figure._repr_png_()\n"
    )
    (tmp_path / "rc").write_text(MATPLOTLIBRC)
    settings = {
        "plain": {},
        "rc": {"MATPLOTLIBRC": str(tmp_path / "rc")},
        "backend": {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "PYTHONWARNINGS": "error"},
    }
    for name, each in settings.items():
        command = [sys.executable, "-c", code, str(tmp_path / name)]
        done = subprocess.run(command, env={**os.environ, **each}, capture_output=True, text=True, timeout=200)
        assert (done.returncode, done.stderr) == (0, "")
    for number in range(5):
        assert len({(tmp_path / f"{name}-{number}.png").read_bytes() for name in settings}) == 1


@pytest.mark.parametrize(
    "module", ["ravine.training.pictures.curves", "ravine.gradients.networks.figures", "ravine.report.figures"]
)
def test_whatever_draws_can_be_imported_with_any_backend(module):
    assert python(f"import {module}", MPLBACKEND="nonsense").stderr == ""


def test_a_backend_that_is_there_and_a_style_of_the_user_s_stay_his():
    code = (
        "import ravine, matplotlib\n"
        "matplotlib.rcParams['lines.linewidth'] = 5\n"
        "figure = ravine.draw_paths(['sgd'], steps=3)\n"
        "assert matplotlib.rcParams['lines.linewidth'] == 5\n"
        "assert matplotlib.rcParams['backend'].lower() == 'pdf', matplotlib.rcParams['backend']\n"
        "assert {line.get_linewidth() for line in figure.axes[1].lines} == {1.2}\n"
    )
    assert python(code, MPLBACKEND="pdf").stderr == ""
    assert (
        python(code.replace("import ravine,", "import").replace("\n", "\nimport ravine\n", 1), MPLBACKEND="pdf").stderr
        == ""
    )


def test_a_closed_stdout_is_no_error():
    for arguments, code in ((["optimizers"], 0), (["optimizers", "nonsense"], 3)):
        process = ravine(dict(os.environ), *arguments, stdout=None, preexec_fn=lambda: os.close(1))
        _, err = process.communicate(timeout=100)
        assert process.returncode == code
        assert "Traceback" not in err


@pytest.mark.parametrize("arguments", [["optimizers"], ["optimizers", "--json"], ["--help"]])
def test_a_reader_that_has_gone_ends_the_command_quietly(arguments):
    ours, theirs = os.pipe()
    os.close(ours)
    process = ravine(dict(os.environ), *arguments, stdout=theirs)
    os.close(theirs)
    _, err = process.communicate(timeout=100)
    assert (process.returncode, err) == (141, "")


@pytest.mark.skipif(os.name == "nt", reason="names of files are text there")
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_path_of_bytes_that_are_no_letters_is_printed(options):
    command = [sys.executable, "-m", "ravine", "datasets", "--data-dir", b"/tmp/a\xffb", *options]
    ended = subprocess.run(command, capture_output=True, timeout=60)
    assert ended.returncode == 0
    assert rb"\udcff" in ended.stdout
    assert b"Traceback" not in ended.stderr
