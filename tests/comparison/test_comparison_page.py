"""The page of a comparison: it says what the outcome has, escapes names, and needs nothing beside itself."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace
from outcome_cases import FOUR, NASTY, all_better, everything, many, on_four, outcome, problem

from ravine.comparison.comparison import Comparison
from ravine.comparison.facts import Curve, ToTarget
from ravine.comparison.figures import best_of_k, curves, score_by_rate
from ravine.comparison.page import page
from ravine.comparison.plan import Protocol
from ravine.comparison.protocol_words import protocol_words
from ravine.pictures import png

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 200"><path id="p" d="M0 0"/></svg>'


class Svgs(dict):
    """A picture for every name."""

    def __missing__(self, key) -> str:
        return SVG


class Reader(HTMLParser):
    """Collect the tags of a page, and the cells of its tables by their names."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.rows: list[list[str]] = []
        self.in_cell = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append((tag, given))
        if tag == "table":
            name = given["aria-labelledby"].removeprefix("table-").removesuffix("-title")
            self.rows = self.tables[name] = []
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag):
        self.in_cell = self.in_cell and tag not in ("td", "th")

    def handle_data(self, data):
        if self.in_cell:
            self.rows[-1][-1] += data


def shown(comparison: Comparison) -> str:
    return page(comparison, Svgs())


def text_of(html: str) -> str:
    body = re.sub(r"<style>.*?</style>", "", html, flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.fixture(scope="module")
def full() -> str:
    return shown(everything())


def table(html: str, name: str) -> list[list[str]]:
    return Reader(html).tables[name]


def test_it_needs_nothing_beside_itself_and_has_no_script(full):
    assert "default-src 'none'" in full
    tags = Reader(full).tags
    assert not {"script", "iframe", "object", "form", "img"} & {tag for tag, _ in tags}
    assert [attributes["href"] for tag, attributes in tags if tag == "link"] == ["data:,"]
    assert all(a.get("href", "#").startswith(("#", "data:")) for _, a in tags)
    assert not re.search(r"@import|url\(", full)


def test_names_are_escaped(full):
    assert "<script" not in full
    assert "a-b <i>" not in full
    assert "<b>&\"'" not in full
    assert "alert(1)" in text_of(full)
    assert any(row[0] == NASTY for row in table(full, "tuning-small"))


def test_every_id_is_there_once_and_every_link_leads_to_one(full):
    tags = Reader(full).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {a["href"][1:] for tag, a in tags if tag == "a"} | {
        a["aria-labelledby"] for _, a in tags if "aria-labelledby" in a
    }
    assert links <= set(ids)


def test_the_verdict_and_the_doubts_stand_before_the_first_section(full):
    first = text_of(full[: full.index("<nav")])
    assert "Undecided: adam has the highest test accuracy 98.00 %" in first
    assert "lion is under-tuned" in first
    assert "at the low end of lr" in first
    assert "at the edge of lr" in first  # beside its name
    assert first.index("Undecided") < first.index("under-tuned") < first.index("Leaderboard")
    assert full.index('id="figure-rates-small"') < full.index("<nav")


def test_the_leaderboard_has_scores_settings_and_the_defaults():
    made = outcome(("adam", "sgd"), {("adam", "sgd"): "better"})
    rows = table(shown(Comparison(made)), "leaderboard-small")
    assert rows[0] == ["rank", "optimizer", "test accuracy", "settings", "tuned", "default"]
    assert rows[1] == ["1", "adam", "98.00 % ± 0.10", "lr=0.02, schedule=cosine, alpha=0.5", "97.90 %", "49.00 %"]
    assert rows[2][-1] == "\u2013"


def test_a_line_joins_those_that_cannot_be_told_apart_and_only_those():
    made = outcome(("a", "b", "c"), {("a", "c"): "better", ("b", "c"): "equivalent"})
    html = shown(Comparison(made))
    lanes = re.findall(r'class="lanes".*?aria-label="([^"]*)"', html)
    assert lanes == ["group 1", "group 1, 2", "group 2"]
    labels = ("a", "b", "c")
    assert 'class="lanes"' not in shown(Comparison(outcome(labels, all_better(labels))))


def test_pairs_put_the_better_place_first_with_all_of_their_numbers():
    made = outcome(("adam", "sgd"), {("sgd", "adam"): "worse"}, order=("sgd", "adam"))
    rows = table(shown(Comparison(made)), "pairs-small")
    assert rows[0] == ["A", "A is", "B", "difference", "interval", "p", "level", "p of the signs", "A beats B", "seeds"]
    assert rows[1] == [
        "adam", "▲ better", "than sgd", "+0.40 points", "+0.30 to +0.50 points", "< 0.0001", "0.025", "0.031", "25 %",
        "6",
    ]  # fmt: skip


def test_a_verdict_is_no_color_alone(full):
    for verdict, symbol in (("better", "▲"), ("equivalent", "="), ("undecided", "?")):
        assert f'<i aria-hidden="true">{symbol}</i> {verdict}' in full
    assert "lion is at the edge of lr" in text_of(full)


def test_many_pairs_are_a_matrix_and_their_numbers_are_closed():
    html = shown(many(8))
    rows = table(html, "matrix-small")
    assert rows[0] == ["", "", *map(str, range(1, 9))]
    assert [cell.strip() for cell in rows[1]][2:] == ["", "?", "?", "?", "?", "▲", "▲", "▲"]
    assert [cell.strip() for cell in rows[8]][2:] == ["▼", "▼", "▼", "?", "?", "?", "?", ""]
    assert html.index("<details>") < html.index('id="table-pairs-small"') < html.index("</details>")
    few = shown(Comparison(outcome()))
    assert "matrix" not in few.split("</style>")[1]
    assert few.index('id="table-pairs-small"') < few.index("<details>")


def test_the_way_to_a_target_says_how_often_it_was_missed(full):
    rows = {row[0]: row for row in table(full, "training-small")}
    assert rows["optimizer"][-3:] == ["epochs to 95 %", "samples", "seconds"]
    assert rows["adam"][-3:] == ["2", "400", "0.7"]
    assert rows["sgd"][-3:] == ["not reached in 2 of 3 runs", "\u2013", "\u2013"]
    assert rows[NASTY][-3:] == ["3 not reached in 1 of 3 runs", "600", "0.9"]
    assert "epochs to" not in str(table(full, "training-a-b_20__3c_i_3e_"))  # this problem has none


def test_tuning_has_decades_divergence_cost_and_edges(full):
    rows = {row[0]: row for row in table(full, "tuning-small")}
    assert rows["adam"][1:] == ["1.50", "0 %", "12", "cannot tell"]
    assert rows["lion"][1:4] == ["1.50", "25 %", "12"]
    assert "low end of lr" in rows["lion"][4]
    made = outcome(protocol=Protocol(trials=16))
    assert table(shown(Comparison(made)), "tuning-small")[1][-1] == "none"
    none = replace(made, leaderboard=tuple(replace(s, decades=None) for s in made.leaderboard))
    assert table(shown(Comparison(none)), "tuning-small")[1][1] == "\u2013"


def test_scores_at_equal_seconds_and_the_lost_ones(full):
    rows = {row[0]: row for row in table(full, "training-small")}
    assert rows["optimizer"][1] == "validation accuracy after 1.5 seconds"
    assert rows["adam"][1:3] == ["98.00 %", "97.90 %"]
    assert rows["lion"][1] == "\u2013"
    assert rows["lion"][4] == "\u2013"


def test_every_control_is_shown_with_what_it_found(full):
    rows = {row[0]: row for row in table(full, "controls-small")}
    assert rows["adam"][1:4] == ["sgd", "alpha=0", "2"]
    assert rows["adam"][4] == "97.80 %"  # the mean of both seeds of the one that was repeated, 97.9 and 97.7
    assert rows["adam"][-1] == "✓ does as well"
    assert rows["lion"][-1] == "⚠ under-tuned"
    assert 'id="controls"' not in shown(Comparison(outcome()))
    made = outcome(("adam", "sgd"), contains={"adam": "sgd"})
    none = replace(made, trials=tuple(row for row in made.trials if row.stage != "control"))
    assert table(shown(Comparison(none)), "controls-small")[1][-1] == "? not tried"


def test_the_plan_has_every_number_of_the_protocol():
    numbers = {
        "trials": 64, "contenders": 7, "tuning_seeds": 9, "extensions": 2, "controls": 11, "margin": 0.0123,
        "level": 0.034, "power": 0.77, "most_finals": 29, "looks": 4, "seed": 4321,
    }  # fmt: skip
    html = shown(Comparison(outcome(protocol=Protocol(**numbers)), time="2026-02-03T04:05:06+00:00"))
    section = text_of(html[html.index('<section id="plan"') : html.index('<section id="reading"')])
    for name, value in numbers.items():
        assert (f"{100 * value:g} points" if name == "margin" else f"{value:g}") in section, name
    assert "2026-02-03T04:05:06+00:00" in section
    assert "0123456789abcdef" in section
    fixed = text_of(shown(Comparison(outcome(protocol=Protocol(finals=13)))))
    assert "13 runs of each winner" in fixed


def test_no_number_of_the_protocol_is_forgotten():
    fields = set(Protocol.__struct_fields__)
    assert set(protocol_words(Protocol())) | {"finals", "most_finals"} == fields | {"final runs"}


def test_each_beside_the_best_one_alone():
    protocol = Protocol(pairs="best", trials=16)
    labels = ("a", "b", "c", "d", "e", "f")
    made = outcome(labels, {("a", "e"): "better", ("a", "f"): "better"}, protocol=protocol)
    pairs = tuple(pair for pair in made.verdicts[0].pairs if pair.a == "a")
    html = shown(Comparison(replace(made, verdicts=(replace(made.verdicts[0], pairs=pairs),))))
    assert "Each optimizer is judged beside a alone, the one that did best while tuning" in text_of(html)
    assert "matrix" not in html.split("</style>")[1]
    assert len(table(html, "pairs-small")) == 1 + 5
    assert re.findall(r'class="lanes".*?aria-label="([^"]*)"', html) == ["group 1"] * 4 + ["no group"] * 2


def test_one_that_was_tuned_before_has_no_search():
    made = outcome(("new", "old", "older", "b", "c"), contains={"old": "older"})
    none = {"validation": None, "default": None, "diverged": None, "decades": None, "best_of": (), "at_seconds": None}
    curve = Curve(epochs=(), seconds=(), mean=(), low=(), high=())
    standings = [replace(s, **none, curve=curve) if "old" in s.optimizer else s for s in made.leaderboard]
    entries = [replace(e, tuned={"small": {"lr": 0.25}}) if "old" in e.label else e for e in made.plan.entries]
    rows = [row for row in made.trials if row.stage == "final" or "old" not in row.optimizer]
    pairs = [pair for pair in made.verdicts[0].pairs if not {"old", "older"} >= {pair.a, pair.b}]
    before = replace(
        made, leaderboard=tuple(standings), plan=replace(made.plan, entries=tuple(entries)), trials=tuple(rows),
        verdicts=(replace(made.verdicts[0], pairs=tuple(pairs)),),
    )  # fmt: skip
    html = shown(Comparison(before))
    assert "Pairs of two optimizers that an earlier comparison tuned are not judged" in text_of(html)
    assert "It was tuned by an earlier comparison: lr=0.25." in text_of(html)
    rows = {row[0]: row for row in table(html, "tuning-small")}
    assert rows["old"][1:3] + rows["old"][4:] == ["\u2013"] * 3
    assert [cell.strip() for cell in table(html, "matrix-small")[2]][2:] == ["?", "", "", "?", "?"]
    assert 'id="controls"' not in html
    for draw in (score_by_rate, best_of_k, curves):
        assert len(png(draw(before))) > 1000


def test_spaces_mark_what_the_comparison_replaced(full):
    rows = table(full, "spaces")
    assert ["adam", "lr", "log 0.001 to 1", "its own"] in rows
    assert ["adam", "alpha", "log 0.1 to 1", "overridden in this comparison"] in rows
    assert ["sgd", "alpha", "log 0.1 to 1", "its own"] in rows
    assert ["sgd", "schedule", "one of constant, cosine", "all optimizers'"] in rows


def test_variants_have_their_settings():
    made = outcome(("decay", "sgd"))
    entries = (replace(made.plan.entries[0], optimizer="sgd", settings={"schedule": "linear", "final_lr": 0.0}),)
    plan = replace(made.plan, entries=(*entries, *made.plan.entries[1:]))
    assert "sgd with schedule=linear, final_lr=0 in all of its runs" in text_of(
        shown(Comparison(replace(made, plan=plan)))
    )


def test_plans_made_before_are_listed(full):
    rows = table(full, "before")
    assert rows[1][:2] == ["fedcba9876543210", "2026-01-01T00:00:00+00:00"]
    assert 'id="before"' not in shown(Comparison(outcome()))


def test_all_runs_are_there_those_of_the_tuning_best_first(full):
    found = everything().outcome
    tuned, finals = table(full, "tuning-runs-small"), table(full, "final-runs-small")
    own = [row for row in found.trials if row.problem == "small"]
    assert len(tuned) - 1 == sum(row.stage != "final" for row in own)
    assert len(finals) - 1 == sum(row.stage == "final" for row in own)
    scores = [float(row[1].split()[0]) for row in tuned[1:] if row[1] != "diverged"]
    assert scores == sorted(scores, reverse=True)
    assert [row[0] for row in tuned[1:] if row[1] == "diverged"] == ["lion"]
    assert {row[-1] for row in (*tuned[1:], *finals[1:])} == {row.run for row in own}
    assert finals[0][1] == "test accuracy"
    assert tuned[0][1] == "validation accuracy"


def test_commands_and_environment(full):
    words = text_of(full)
    assert "ravine compare adam" in words
    assert "ravine compare 0123456789abcdef" in words
    assert "processor one" in words
    assert "This command makes" not in shown(Comparison(outcome()))  # made in Python


def test_losses_are_written_as_losses():
    html = shown(Comparison(outcome(("adam", "sgd"), {("adam", "sgd"): "better"}, objective="loss")))
    assert table(html, "leaderboard-small")[1][2] == "0.1000 ± 0.001"
    assert "test loss" in html
    assert "accuracy" not in text_of(html[: html.index("<nav")])
    assert table(html, "pairs-small")[1][3] == "+0.004"


def test_one_problem_has_no_headings_of_problems(full):
    assert 'class="problem"' not in shown(Comparison(outcome()))
    assert full.count('<h3 class="problem">small</h3>') == 5
    assert full.count('<h3 class="problem">a-b &lt;i&gt;</h3>') == 5


def section_of(html: str, name: str) -> str:
    return text_of(html[html.index(f'<section id="{name}"') :].partition("</section>")[0])


def test_four_problems_are_shown_together():
    made = on_four()
    html = shown(Comparison(made))
    assert html.index('id="together"') < html.index('id="pairs"')
    assert 'id="figure-profiles"' in html
    rows = table(html, "profiles")
    assert rows[0] == ["optimizer", "within 1.05", "within 1.1", "within 1.5", "largest ratio", "on"]
    for row, profile in zip(rows[1:], made.profiles, strict=True):
        assert row[0].split()[0] == profile.optimizer
        for cell, tau in zip(row[1:4], (1.05, 1.1, 1.5), strict=True):
            share = profile.within(tau)
            assert cell == f"{100 * share.share:g} % ({100 * share.low:g} to {100 * share.high:g} %)"
        assert row[4] == f"{profile.largest:.2f} ({profile.interval[0]:.2f} to {profile.interval[1]:.2f})"
        assert row[5] == max(profile.ratios, key=profile.ratios.get)
    assert [row[0] for row in rows if "edge" in row[0]] == ["lion ⚠ at the edge of lr on wide, deep, small and a-b <i>"]
    words = section_of(html, "together")
    assert "divided by that of the best optimizer there" in words
    assert "4 problems give a rough picture: a share moves in steps of 25 %" in words
    assert "drawing problems and seeds anew" in words
    assert "another optimizer in the comparison can change the profiles of all others" in words
    for word in ("ratio to the best", "performance profile", "largest ratio", "interval of a share"):
        assert word in section_of(html, "reading")


def test_fewer_than_four_problems_are_not():
    html = shown(Comparison(outcome(problems=[problem(name) for name in FOUR[:3]])))
    assert 'id="together"' not in html
    assert "profile" not in text_of(html)


def test_profiles_of_losses_speak_of_losses():
    words = section_of(shown(Comparison(on_four(objective="loss"))), "together")
    assert "mean test loss divided by" in words
    assert "The best loss of a problem" in words
    assert "error" not in words


def test_one_that_is_the_best_everywhere_has_no_worst_problem_and_a_lost_one_is_infinitely_far():
    made = outcome(("a", "b"), problems=[problem(name) for name in FOUR])
    assert [row[-1] for row in table(shown(Comparison(made)), "profiles")[1:]] == ["\u2013", "wide"]
    lost = replace(made.profiles[1], largest=None, interval=(1.5, None), ratios={"wide": 1.5, "deep": None})
    html = shown(Comparison(replace(made, profiles=(made.profiles[0], lost))))
    assert table(html, "profiles")[2][-2:] == ["∞ (1.50 to ∞)", "deep"]


def test_words_that_a_reader_may_not_know_are_explained(full):
    section = text_of(full[full.index('<section id="reading"') : full.index('<section id="trials"')])
    for word in (
        "rank",
        "p of the signs",
        "A beats B",
        "best of k",
        "decades",
        "edge",
        "under-tuned",
        "target",
        "look",
    ):
        assert word in section
    plain = shown(Comparison(outcome(problems=(problem(),))))
    section = text_of(plain[plain.index('<section id="reading"') : plain.index('<section id="trials"')])
    assert "target" not in section
    assert "One judgment" not in section


def test_a_target_that_nobody_was_measured_on_is_a_dash():
    made = outcome(("a", "b"), problems=(problem(target=0.9),))
    assert table(shown(Comparison(made)), "training-small")[1][-3:] == ["\u2013"] * 3
    reached = ToTarget(epochs=1.0, samples=1000.0, seconds=0.25, reached=3, runs=3)
    made = outcome(("a", "b"), problems=(problem(target=0.9),), to_target={"a": reached})
    assert table(shown(Comparison(made)), "training-small")[1][-3:] == ["1", "1,000", "0.25"]
