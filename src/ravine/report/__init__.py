"""Reports: made from stored runs, never by training."""

from ravine.report.tables import Table, make_table, to_csv, to_latex, to_markdown

__all__ = ["Table", "make_table", "to_csv", "to_latex", "to_markdown"]
