"""The page, read back with the parser of the standard library."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from html.parser import HTMLParser
from typing import get_args

import msgspec
import pytest
from report_cases import JUDGMENTS, NASTY, TABLES, bare_report, report_with_summary, small_report

from ravine.paper.study import load_paper
from ravine.report.looks import LOOKS, Looking
from ravine.report.page import page
from ravine.report.reading import VERDICTS
from ravine.report.verdicts import ClaimFinding, JudgedClaim, Verdict
from ravine.studies import Source

VOID = {"meta", "link", "br", "wbr", "hr", "img", "input"}


class Element:
    def __init__(self, tag: str, attributes: dict[str, str], parent: Element | None) -> None:
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.children: list[Element | str] = []

    def all(self, tag: str | None = None, kind: str | None = None) -> list[Element]:
        """Return the elements inside with this tag and this class."""
        found = []
        for child in self.children:
            if isinstance(child, Element):
                if tag in (None, child.tag) and (kind is None or kind in child.attributes.get("class", "").split()):
                    found.append(child)
                found += child.all(tag, kind)
        return found

    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text() for child in self.children)


class Reader(HTMLParser):
    """Builds the tree, and does not put up with tags that do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.root = self.here = Element("root", {}, None)

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        assert len(set(names)) == len(names), attributes
        child = Element(tag, dict(attributes), self.here)
        self.here.children.append(child)
        if tag not in VOID:
            self.here = child

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert tag == self.here.tag
        self.here = self.here.parent

    def handle_data(self, data):
        self.here.children.append(data)


def read(text: str) -> Element:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.here is reader.root
    return reader.root


@pytest.fixture(scope="module")
def text() -> str:
    return page(*small_report())


@pytest.fixture(scope="module")
def root(text) -> Element:
    return read(text)


def section(root: Element, name: str) -> Element:
    (found,) = (e for e in root.all("section") if e.attributes["id"] == name)
    return found


def test_every_claim_is_there_with_its_verdict_findings_and_causes(root):
    articles = section(root, "claims").all("article")
    badges = [article.all(kind="badge")[0].text() for article in articles]
    assert badges == [
        "✓ reproduced",
        "◐ reproduced in part",
        "✗ not reproduced",
        "! cannot be true as written",
        "? undecided: one seed",
        "? undecided: not run",
    ]
    for judgment, article in zip(JUDGMENTS, articles, strict=True):
        assert article.all("h3")[0].text() == judgment.statement
        assert judgment.section in article.text()
        assert judgment.note in article.text()
        measured = [e.text() for e in article.all(kind="measured")]
        assert measured == [f.measured for f in (*judgment.findings, *judgment.causes)]
    outcomes = [[e.text()[2:] for e in article.all(kind="outcome")] for article in articles]
    assert outcomes[1:4] == [
        ["does not hold", "holds", "explains it", "ruled out"],
        ["does not hold", "not run"],
        ["cannot hold"],
    ]


def test_the_summary_counts_the_verdicts(root):
    (summary,) = root.all("header")
    assert [e.text() for e in summary.all(kind="tally")[0].all("li")] == [
        "1 ✓ reproduced",
        "1 ◐ reproduced in part",
        "1 ✗ not reproduced",
        "1 ! cannot be true as written",
        "2 ? undecided",
    ]
    assert "6 claims · 2 tables · 3 figures · 2 runs · seeds 0, 1" in summary.text()
    assert "Batches of 10 are best." in summary.text()


def test_claims_are_folded_by_verdict_in_the_order_of_the_summary(root):
    folds = section(root, "claims").all("details")
    assert [fold.all("summary")[0].text() for fold in folds] == [
        "✓ Reproduced 1 claim",
        "◐ Reproduced in part 1 claim",
        "✗ Not reproduced 1 claim",
        "! Cannot be true as written 1 claim",
        "? Undecided 2 claims",
    ]
    assert [len(fold.all("article")) for fold in folds] == [1, 1, 1, 1, 2]
    assert not any("open" in fold.attributes for fold in folds)
    # The number of each verdict leads into its fold, which a browser then opens.
    (summary,) = root.all("header")
    links = [link.attributes["href"][1:] for link in summary.all(kind="tally")[0].all("a")]
    inside = [[e.attributes.get("id") for e in fold.all()] for fold in folds]
    assert all(link in ids for link, ids in zip(links, inside, strict=True))


def test_claims_of_one_verdict_stand_together_in_their_order():
    undecided, reproduced, other = JUDGMENTS[4], JUDGMENTS[0], msgspec.structs.replace(JUDGMENTS[0], id="second")
    report = dataclasses.replace(bare_report(), judgments=(undecided, reproduced, other))
    folds = section(read(page(report, {})), "claims").all("details")
    found = [[article.attributes["id"] for article in fold.all("article")] for fold in folds]
    assert found == [["claim-sgd-best", "claim-second"], ["claim-spread"]]


def test_the_summary_has_its_table_and_figures_and_they_stand_once():
    root = read(page(*report_with_summary()))
    (summary,) = root.all("header")
    assert [e.attributes["id"] for e in summary.all(kind="table")] == ["table-table1"]
    # The first figure that there is stands beside the findings, the others below the table.
    (beside,) = summary.all(kind="opening")
    assert [e.attributes["id"] for e in beside.all("figure")] == ["figure-bars"]
    assert [e.attributes["id"] for e in summary.all("figure")] == ["figure-bars", "figure-figure2"]
    assert len(root.all("table")) == 2
    assert len(root.all("figure")) == 3
    assert [e.text() for e in root.all("h2")][2:4] == ["More tables", "More figures"]
    assert len(section(root, "tables").all("table")) == len(section(root, "figures").all("figure")) == 1


def test_the_summary_says_what_was_found_on_each_topic():
    root = read(page(*report_with_summary()))
    (found,) = root.all("header")[0].all(kind="highlights")
    assert [" ".join(e.text().replace("\xa0", " ").split()) for e in found.all("li")] == [
        "The best. Undecided. a leads. Claim: The larger the batch, the better and the faster. "
        "◐ Reproduced in part: 6.6 against 0.6; 0.98.",
        "Spread. Claim: It always is so. ? Undecided: one seed.",
    ]
    assert [e.attributes["href"] for e in found.all("a")] == ["#claim-batches", "#claim-spread"]
    assert "Batches of 10 are best." not in root.all("header")[0].text()


def test_a_summary_of_figures_alone_and_one_of_nothing():
    report, svgs = report_with_summary(tables=(), judgments=(), highlights=())
    alone = read(page(dataclasses.replace(report, headlines=()), svgs)).all("header")[0]
    assert [e.attributes["id"] for e in alone.all("figure")] == ["figure-bars", "figure-figure2"]
    assert not alone.all("ul")
    nothing = read(page(dataclasses.replace(bare_report(), first=("table6", "figure10")), {}))
    assert not nothing.all("header")[0].all("table")


def test_looks_are_told():
    report = bare_report()
    told = dataclasses.replace(report, looking=Looking(LOOKS[:3], "time"))
    facts = read(page(dataclasses.replace(told, seeds=(0, 1, 2)), {})).all(kind="facts")[0].text()
    assert facts == "1 table · up to 3 seeds a row"
    assert (
        "looks at 1, 3 and 5 seeds. More seeds may decide more claims." in read(page(told, {})).all("header")[0].text()
    )
    assert "look" not in read(page(report, {})).all("header")[0].text()
    explained_words = explained(read(page(dataclasses.replace(told, judgments=JUDGMENTS[:1]), {})))
    assert "look" in explained_words


def test_tables_have_the_published_value_beside_ours(root):
    first, second = section(root, "tables").all("table")
    above, below = first.all("thead")[0].all("tr")
    assert [e.text() for e in above.all("th")] == [
        *("lr", "batch_size", "loss", "accuracy", "seconds", "times faster", "outcome")
    ]
    assert [e.text() for e in below.all("th")] == ["published", "ours"] * 3
    ours, dead = first.all("tbody")[0].all("tr")
    assert [e.text() for e in ours.all("td")] == [
        *("0.1", "10", "0.025", "0.0250 ± 0.0127", "0.977", "0.9775 ± 0.0051", "3268", "6.6 ± 1.3", "495", "2 done")
    ]
    assert [e.text() for e in dead.all("td")][2:4] == ["nan", "\N{EN DASH}"]
    assert [e.attributes["class"] for e in ours.all("td")][2:4] == ["number published", "number"]
    # Nothing was published here: no such columns, and one line of names.
    (line,) = second.all("thead")[0].all("tr")
    assert [e.text() for e in line.all("th")][-4:] == ["loss", "accuracy", "seconds", "outcome"]
    assert {e.attributes["class"] for e in line.all("th")} == {"number", "words"}


@pytest.mark.parametrize("table", TABLES, ids=["published", "own"])
def test_heads_are_as_wide_as_the_rows(table):
    report = dataclasses.replace(bare_report(), tables=(table,))
    (found,) = read(page(report, {})).all("table")
    *_, last = found.all("thead")[0].all("tr")
    first = found.all("thead")[0].all("tr")[0]
    assert len(found.all("tbody")[0].all("tr")) == len(table.rows)
    width = sum(int(e.attributes.get("colspan", 1)) for e in first.all("th"))
    assert {len(row.all("td")) for row in found.all("tbody")[0].all("tr")} == {width}
    pairs = sum("colspan" in e.attributes for e in first.all("th"))
    assert not pairs or len(last.all("th")) == 2 * pairs


def test_every_figure_is_there_and_has_its_words(root):
    figures = section(root, "figures").all("figure")
    drawn = small_report()[0].drawings
    spoken = {"figure2": "Figure 2"}
    for drawing, figure in zip(drawn, figures, strict=True):
        (image,) = figure.all("svg")
        assert image.attributes["role"] == "img"
        assert image.attributes["aria-label"] == drawing.title
        number = f"{spoken[drawing.name]}. " if drawing.name in spoken else ""
        assert figure.all("figcaption")[0].text() == f"{number}{drawing.title}. {drawing.caption}"
        assert len(image.all("path")) > 3


def test_figures_take_size_font_and_ink_from_the_page(root):
    for image in root.all("svg"):
        assert "viewbox" in image.attributes
        assert not {"width", "height"} & set(image.attributes)
        assert not image.all("metadata") + image.all("style")
        styles = " ".join(element.attributes.get("style", "") for element in image.all())
        assert "fill: currentColor" in styles
        assert "stroke: currentColor" in styles
        assert not re.search("#1b1b1b|#000000|font-family", styles)
    # Text that looks as if it were an id or a color stays as it is.
    assert any('id="x" #1b1b1b' in element.text() for element in root.all("text"))


def test_ids_are_unique_and_every_reference_has_its_target(root, text):
    ids = Counter(e.attributes["id"] for e in root.all() if "id" in e.attributes)
    assert [name for name, count in ids.items() if count > 1] == []
    references = set(re.findall(r"url\(#([^)]*)\)", text))
    for element in root.all():
        for name, value in element.attributes.items():
            if name.endswith("href") and value.startswith("#"):
                references.add(value[1:])
            if name in ("aria-labelledby", "aria-describedby"):
                references.add(value)
    assert any(name.startswith("figure-bars.h") for name in references), "the hatch of the bars"
    assert references <= set(ids)


def explained(root: Element) -> dict[str, str]:
    """Return the terms that the page explains, and what they mean."""
    (terms,) = section(root, "reading").all("dl")
    return {t.text(): m.text() for t, m in zip(terms.all("dt"), terms.all("dd"), strict=True)}


def test_the_page_names_the_document_that_has_the_published_results(root, text):
    assert "The published results are those of" not in text
    for source, words in [
        (Source("A title", "An author"), "The published results are those of A title by An author."),
        (Source("A title"), "The published results are those of A title."),
        (Source(NASTY, NASTY), f"The published results are those of {NASTY} by {NASTY}."),
    ]:
        (found,) = read(page(dataclasses.replace(bare_report(), source=source), {})).all(kind="source")
        assert found.text() == words
    assert [e.text() for e in found.all("cite")] == [NASTY]


def test_words_that_occur_are_explained_before_they_are_met(root):
    assert list(explained(root)) == [
        "reproduced",
        "reproduced in part",
        "not reproduced",
        "cannot be true as written",
        "undecided",
        "m",
        "published, ours",
        "±",
        "dead_network",
        "non_finite",
    ]
    ids = [e.attributes["id"] for e in root.all("section")]
    assert ids[0] == "reading"


def test_only_words_that_occur_are_explained():
    zigzag = JudgedClaim(
        "zigzag", "1", "It is smooth.", "reproduced", None, [ClaimFinding("zig-zag over epochs", "1", True)], [], ""
    )
    found = explained(read(page(dataclasses.replace(bare_report(), judgments=(zigzag,)), {})))
    assert list(found) == ["reproduced", "m", "zig-zag"]
    assert "the root of 2/3 of the mean of e squared" in found["zig-zag"]
    found = explained(read(page(dataclasses.replace(bare_report(), tables=TABLES[:1]), {})))
    assert list(found) == ["published, ours", "±", "dead_network", "non_finite"]


def test_every_verdict_is_explained():
    assert set(VERDICTS) == {*get_args(Verdict), "undecided"}


def test_the_reference_study_names_its_document():
    source = load_paper().source
    assert source == Source("COMP36212 Assignment EX3. Gradient-Based Optimisation", "Vladislav Yotkov")


def test_the_contents_name_every_section(root):
    (nav,) = root.all("nav")
    linked = [e.attributes["href"][1:] for e in nav.all("a")]
    assert linked == [e.attributes["id"] for e in root.all("section")]
    assert linked == ["reading", "claims", "tables", "figures", "runs", "environment", "command"]


def test_runs_environment_and_command_are_there(root):
    runs = [e.text() for e in section(root, "runs").all("li")]
    assert runs[0] == "ravine train --lr 0.1 --batch-size 10 --seed 0" + "0123456789abcdef done"
    assert runs[1].endswith(NASTY)
    (words,) = section(root, "environment").all("dl")
    assert [e.text() for e in words.all("dt")] == ["processor", NASTY]
    assert [e.text() for e in words.all("dd")] == ["one", NASTY]
    assert section(root, "command").all("pre")[0].text() == "ravine reproduce --seeds 0,1"


def test_text_is_escaped(root, text):
    assert "<script" not in text
    assert NASTY[:5] not in text
    assert text.count("</style>") == 1
    assert root.all("title")[0].text() == root.all("h1")[0].text() == f"A small study {NASTY}"


def test_nothing_comes_from_outside(root, text):
    for element in root.all():
        assert element.tag not in ("script", "iframe", "object", "embed", "base")
        for name, value in element.attributes.items():
            assert not name.startswith("on")
            if name.rpartition(":")[2] in ("src", "href", "srcset", "data", "action"):
                assert value.startswith(("#", "data:")), value
    assert "@import" not in text
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", text))
    (policy,) = (e.attributes["content"] for e in root.all("meta") if "http-equiv" in e.attributes)
    assert "default-src 'none'" in policy


def test_sections_without_content_are_left_out():
    report = bare_report()
    root = read(page(report, {}))
    assert [e.attributes["id"] for e in root.all("section")] == ["tables", "command"]
    assert root.all("h3")[0].text() == "sgd"
    assert "1 table · seed 0" in root.text()
    for word in ("published", "±", "verdict", "undecided"):
        assert word not in "".join(e.text() for e in root.all("body"))
    empty = read(page(dataclasses.replace(report, tables=(), seeds=()), {}))
    assert [e.attributes["id"] for e in empty.all("section")] == ["command"]


def test_a_table_without_rows_is_left_out():
    report = bare_report()
    root = read(page(dataclasses.replace(report, tables=(*report.tables, dataclasses.replace(TABLES[0], rows=()))), {}))
    assert len(root.all("table")) == 1
    assert "1 table ·" in root.text()


def test_a_quick_look_says_so():
    report = bare_report()
    assert not read(page(report, {})).all(kind="quick")
    (banner,) = read(page(dataclasses.replace(report, quick=True), {})).all(kind="quick")
    assert "every run was cut to 2 epochs" in banner.text()
