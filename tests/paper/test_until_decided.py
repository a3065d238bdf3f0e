"""`ravine reproduce --until-decided`, on a small study in the place of the paper's."""

from __future__ import annotations

import json
import signal
from dataclasses import replace

import pytest
from reproduction_cases import SMALL_CLAIMS, files, small_runs, use_small_paper

from ravine.cli.main import run
from ravine.errors import ConfigError
from ravine.paper import reproduction
from ravine.paper.measures import ACCURACY
from ravine.paper.reproduction import reproduce
from ravine.report.claims import Claim
from ravine.report.findings import higher
from ravine.report.looks import LOOKS
from ravine.studies.estimate import Estimate

ALIKE = Claim("alike", "1", "A row is above itself.", (higher(replace(ACCURACY, margin=-1.0), "table1:1", "table6:1"),))
"""A claim that no number of seeds decides: both rows are the same runs, and no difference is small enough to matter."""


@pytest.fixture
def folder(small, tmp_path, monkeypatch):
    use_small_paper(monkeypatch, figures=0)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "report"


def use_claims(monkeypatch, *claims):
    monkeypatch.setattr(reproduction, "CLAIMS", claims)


def stored(runs):
    return {path.name for path in runs.iterdir() if (path / "result.json").exists()}


def ids(seeds: int, *places: tuple[str, int]) -> set[str]:
    return {each.id for each in small_runs(seeds=seeds) if (each.group, each.row) in places}


def test_only_rows_that_an_undecided_claim_needs_get_more_seeds(folder, runs):
    done = reproduce(until_decided=True, looks=2, out=folder, jobs=2)
    # "faster" compares two rows; the loss that falls, and the gradient, are decided by one seed.
    wanted = ids(3, ("table1", 0), ("table1", 1))
    assert stored(runs) == ids(1, *((g, r) for g in ("table1", "table6") for r in (0, 1)), ("further", 0)) | wanted
    first = {judgment.id: judgment for judgment in done.report.judgments}
    assert first["faster"].findings[0].measured.endswith(" (3 seeds)")
    assert first["falls"].findings[0].measured == "2 of 2 runs"
    # A row that is the same runs gets the same seeds; the others keep theirs.
    outcomes = {table.name: [sum(row.outcomes.values()) for row in table.rows] for table in done.report.tables}
    assert outcomes == {"table1": [3, 3], "table6": [3, 1], "further": [1]}
    assert done.report.looking.document["seeds"][:2] == [1, 3]


def test_it_ends_when_every_claim_is_decided_and_the_command_makes_the_same_page(
    folder, runs, monkeypatch, empty_pictures
):
    use_small_paper(monkeypatch)
    done = reproduce(until_decided=True, out=folder, jobs=2)
    assert done.report.looking.ended == "decided"
    assert done.report.command == "ravine reproduce --until-decided"
    assert not [judgment.id for judgment in done.report.judgments if judgment.verdict is None]
    number = len(done.report.looking.looks)
    assert 1 < number < len(LOOKS)
    page = done.page.read_bytes()
    assert b"No claim that is undecided wants more" in page
    before = stored(runs)
    again = reproduce(until_decided=True, out=folder)
    assert again.page.read_bytes() == page
    assert again.outcome.reused == set(again.outcome.results) == before
    # More seeds that are stored meanwhile change nothing.
    reproduce(seeds=8, only=["table1"], out=folder.with_name("other"))
    assert reproduce(until_decided=True, out=folder).page.read_bytes() == page


def test_a_claim_that_seeds_cannot_decide_spends_nothing(folder, runs, monkeypatch, empty_pictures):
    use_small_paper(monkeypatch)
    use_claims(monkeypatch, *(claim for claim in SMALL_CLAIMS if claim.id != "faster"))
    done = reproduce(until_decided=True, out=folder)
    assert done.report.looking.document == {"seeds": [1], "ended": "decided"}
    assert stored(runs) == {each.id for each in small_runs()}
    quick = reproduce(until_decided=True, quick=True, out=folder)
    assert quick.report.looking.document == {"seeds": [1], "ended": "decided"}


def test_the_last_look(folder, runs, monkeypatch):
    use_claims(monkeypatch, ALIKE)
    done = reproduce(until_decided=True, out=folder, jobs=2)
    assert done.report.looking.document == {"seeds": [look.seeds for look in LOOKS], "ended": "seeds"}
    assert ids(24, ("table1", 0)) <= stored(runs)
    assert (done.report.judgments[0].verdict, done.report.judgments[0].undecided) == (None, "too few seeds")


def test_the_time_ends_it_between_looks(folder, runs, monkeypatch, caplog):
    use_claims(monkeypatch, ALIKE)
    now, costs, asked = [100.0], {1: 50.0, 2: 20.0, 3: 30.0}, []
    real = reproduction.run_study

    def estimate(planned, *others):
        asked.append(planned)
        return Estimate({"a": 1.0}, costs[len(asked)], 0)

    def run_study(*arguments, **options):
        now[0] += costs[len(asked)]
        return real(*arguments, **options)

    with monkeypatch.context() as patch, caplog.at_level("INFO", "ravine"):
        patch.setattr(reproduction.time, "monotonic", lambda: now[0])
        patch.setattr(reproduction, "estimate", estimate)
        patch.setattr(reproduction, "run_study", run_study)
        # The first look ends after 50 s and the second after 70 s; the third would after 100 s.
        done = reproduce(until_decided=True, at_most=90, out=folder, jobs=2)
    assert done.report.looking.document == {"seeds": [1, 3], "ended": "time"}
    assert "look 3, of 5 seeds, would take about 30 seconds, which is more than is left of the time" in caplog.messages
    assert ids(3, ("table1", 0)) <= stored(runs)
    assert not ids(5, ("table1", 0)) <= stored(runs)
    assert done.report.command == "ravine reproduce --until-decided --looks 2"
    page = done.page.read_bytes()
    assert b"with looks at 1 and 3 seeds. More seeds may decide more claims." in page
    # The command of the page makes the same page, without a clock and without training.
    again = reproduce(until_decided=True, looks=2, out=folder)
    assert again.outcome.reused == set(again.outcome.results)
    assert again.report.looking.ended == "looks"
    assert again.page.read_bytes() == page


def test_looks_that_train_nothing_take_no_time(folder, runs, monkeypatch):
    use_claims(monkeypatch, ALIKE)
    reproduce(until_decided=True, looks=3, out=folder, jobs=2)
    done = reproduce(until_decided=True, at_most=1e-9, out=folder)
    assert done.report.looking.document == {"seeds": [1, 3, 5], "ended": "time"}


def test_seeds_that_are_there_from_the_beginning(folder, runs, monkeypatch):
    use_claims(monkeypatch, ALIKE)
    done = reproduce(seeds=4, until_decided=True, looks=2, out=folder, jobs=2)
    assert stored(runs) == {each.id for each in small_runs(seeds=4)}
    assert done.report.judgments[0].findings[0].measured.endswith(" (3 seeds)")
    assert done.report.command == "ravine reproduce --seeds 4 --until-decided --looks 2"


def test_the_best_row_is_judged_by_the_seeds_that_all_rows_have(folder, monkeypatch):
    use_claims(monkeypatch, Claim("c", "1", "s", (higher(ACCURACY, "table1:1", "table1:2"),)))
    done = reproduce(until_decided=True, looks=2, out=folder, jobs=2)
    assert done.report.highlights[-1].endswith("; one seed does not decide.")


def test_a_run_that_fails_is_told_and_not_asked_for_again(folder, runs, monkeypatch):
    use_claims(monkeypatch, ALIKE)
    (bad,) = ids(3, ("table1", 0)) - ids(2, ("table1", 0))
    real, asked = reproduction.run_study, []

    def run_study(planned, *arguments, **options):
        asked.append({each.id for each in planned})
        done = real([each for each in planned if each.id != bad], *arguments, **options)
        if bad in asked[-1]:
            done.failed[bad] = "it fell over"
        return done

    monkeypatch.setattr(reproduction, "run_study", run_study)
    done = reproduce(until_decided=True, out=folder, jobs=2)
    assert sum(bad in each for each in asked) == 1
    assert done.outcome.failed == {bad: "it fell over"}
    assert done.report.looking.document == {"seeds": [1, 3], "ended": "decided"}
    assert done.report.judgments[0].undecided == "one seed"


def test_an_interruption_in_a_later_look(folder, monkeypatch):
    use_claims(monkeypatch, ALIKE)
    real, calls = reproduction.run_study, []

    def run_study(*arguments, **options):
        calls.append(1)
        done = real(*arguments, **options)
        done.signal = signal.SIGTERM if len(calls) == 2 else None
        return done

    monkeypatch.setattr(reproduction, "run_study", run_study)
    done = reproduce(until_decided=True, out=folder, jobs=2)
    assert (done.report, done.page, done.outcome.signal) == (None, None, signal.SIGTERM)
    assert not folder.exists()
    assert reproduce(until_decided=True, looks=2, out=folder).report is not None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"at_most": "15m"}, "at_most is '15m', which needs until_decided"),
        ({"looks": 2}, "looks is 2, which needs until_decided"),
        ({"until_decided": True, "at_most": "15"}, "at_most is '15'; it must be a time with its units"),
        ({"until_decided": True, "at_most": -3}, "at_most is -3; it must be a time"),
        ({"until_decided": True, "looks": 0}, "looks is 0; it must be a whole number from 1 to 7"),
        ({"until_decided": True, "looks": 8}, "looks is 8; it must be a whole number from 1 to 7"),
        ({"until_decided": True, "seeds": 25}, "seeds is 25; it must be a whole number from 1 to 24"),
        ({"until_decided": True, "only": ["table1"]}, "only leaves them out: add 'claims' to only"),
    ],
)
def test_bad_input(folder, runs, options, words):
    with pytest.raises(ConfigError, match=words):
        reproduce(out=folder, **options)
    assert not folder.exists()
    assert not runs.exists() or files(runs) == set()


def test_the_command_line(folder, capsys, monkeypatch):
    use_claims(monkeypatch, ALIKE)
    arguments = ["reproduce", "--out", str(folder), "--jobs", "2", "--until-decided"]
    assert run([*arguments, "--looks", "2", "--at-most", "1h30m", "--json"]) == 0
    out, err = capsys.readouterr()
    shown = json.loads(out)
    assert shown["looks"] == {"seeds": [1, 3], "ended": "looks"}
    assert "ravine: look 2: 2 rows get 3 seeds each" in err.splitlines()
    assert run([*arguments[:-1], "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["looks"] is None
    assert run([*arguments, "--looks", "2"]) == 0
    assert "with looks at 1 and 3 seeds." in capsys.readouterr().out
    assert run([*arguments, "--at-most", "soon"]) == 3
    assert capsys.readouterr().err.startswith("ravine: at_most is 'soon'; it must be a time with its units")


@pytest.mark.parametrize(
    "options",
    [
        ["--until-decided"],
        ["--at-most", "1h"],
        ["--looks", "2"],
        ["--looks", "0"],
        ["--seeds", "2"],
        ["--quick"],
        ["--only", "table1"],
    ],
)
def test_beyond_takes_no_option_that_it_would_leave_unread(folder, capsys, options):
    assert run(["reproduce", "--out", str(folder), "--beyond", *options]) == 3
    assert f"takes no {options[0]}: leave out one of them" in capsys.readouterr().err
