"""The words of a report's page that its readers may not know, each explained once."""

from __future__ import annotations

from ravine.report.report import Report

_SHORT = {
    "m": "The batch size: the number of samples whose mean gradient makes one step.",
    "published, ours": "Published numbers are those of the document that a study repeats. Ours come from the stored "
    "runs: a mean over the seeds, or the one number if there is one seed.",
    "±": "Half the width of Student's 95 % interval: of a mean over the seeds, or of the mean difference of two rows. "
    "A difference is taken seed by seed, since with one seed all rows have the same order of the samples.",
    "look": "A claim that was undecided got more seeds, look by look. Each of its measurements is that of the first "
    "look that decides it, or of the last one. Its ± is wider than that of a table: all intervals of one difference, "
    "at all looks, contain it at once with a probability of 95 %.",
    "zig-zag": "How far a curve of test accuracies goes up and down from epoch to epoch: the standard deviation of its "
    "values about the middle of their neighbors. Let e be the value of an epoch minus the mean of the values one epoch "
    "before and one after it; the zig-zag is the root of 2/3 of the mean of e squared. That of a straight line is 0, "
    "whatever its slope.",
    "dead_network": "A run stopped since a hidden layer had no live unit on any image, so that no gradient passed it.",
    "non_finite": "A run stopped since its loss, or a weight, became infinite or nan.",
}

VERDICTS: dict[str, str] = {
    "reproduced": "All that the claim needs was measured, and holds.",
    "reproduced in part": "Some of it holds, and some does not.",
    "not reproduced": "Some of it does not hold, and none is known to hold.",
    "cannot be true as written": "No measurement can be as the claim needs it.",
    "undecided": "The runs cannot tell, for the reason that is given. A comparison of two rows holds if its 95 % "
    "interval lies on the claimed side of 0, and fails if the interval reaches into that side by no more than a "
    "difference that does not matter. Otherwise it is undecided, and so is every comparison in one seed.",
}
"""Every verdict, and what it means."""


def terms(report: Report) -> dict[str, str]:
    """Return the words that occur in a report and what they mean, in the order in which a reader meets them."""
    words = [
        *(finding.quantity for judgment in report.judgments for finding in (*judgment.findings, *judgment.causes)),
        *(finding.measured for judgment in report.judgments for finding in (*judgment.findings, *judgment.causes)),
        *(ending for table in report.tables for row in table.rows for ending in row.outcomes),
    ]
    means = [
        mean
        for table in report.tables
        for row in table.rows
        for mean in (row.train_loss, row.validation_accuracy, row.test_accuracy, row.seconds)
        if mean is not None
    ]
    published = any(row.published is not None for table in report.tables for row in table.rows)
    occurs = {
        "m": bool(report.judgments or report.drawings),
        "published, ours": published,
        "look": report.looking is not None and bool(report.judgments),
        "±": any(mean.half_width is not None for mean in means) or any("±" in text for text in words),
        **{name: any(name in text for text in words) for name in ("zig-zag", "dead_network", "non_finite")},
    }
    given = {str(judgment.verdict or "undecided") for judgment in report.judgments}
    verdicts = {name: meaning for name, meaning in VERDICTS.items() if name in given}
    return {**verdicts, **{name: meaning for name, meaning in _SHORT.items() if occurs[name]}}
