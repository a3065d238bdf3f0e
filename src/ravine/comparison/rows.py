"""The outcome of a comparison as tidy rows: plain values, the same columns in every row, as pandas takes them."""

from __future__ import annotations

from ravine.comparison.outcome import Outcome
from ravine.storage.tidy import Cell, Row

SETTING = "set_"
"""The beginning of the columns of settings."""


def leaderboard_rows(outcome: Outcome) -> list[Row]:
    """Return a row for each optimizer on each problem, best first; its settings are in columns set_NAME."""
    names = _settings(outcome)
    return [
        {
            "problem": s.problem,
            "optimizer": s.optimizer,
            "score": s.score,
            "score_low": s.interval[0],
            "score_high": s.interval[1],
            "rank_low": s.rank[0],
            "rank_high": s.rank[1],
            "finals": s.finals,
            "validation": s.validation,
            "default": s.default,
            "train_loss": s.train_loss,
            "diverged": s.diverged,
            "edges": ", ".join(f"{edge.axis} {edge.end}" for edge in s.edges) or None,
            "under_tuned": ", ".join(s.under_tuned) or None,
            "decades": s.decades,
            "at_seconds": s.at_seconds,
            "epochs_to_target": None if s.to_target is None else s.to_target.epochs,
            "samples_to_target": None if s.to_target is None else s.to_target.samples,
            "seconds_to_target": None if s.to_target is None else s.to_target.seconds,
            "tuning_seconds": s.tuning_seconds,
            "run_seconds": s.run_seconds,
            **{f"{SETTING}{name}": _cell(s.settings.get(name)) for name in names},
        }
        for s in outcome.leaderboard
    ]


def pair_rows(outcome: Outcome) -> list[Row]:
    """Return a row for each pair of optimizers on each problem."""
    return [
        {
            "problem": verdicts.problem,
            "a": pair.a,
            "b": pair.b,
            "difference": pair.difference,
            "difference_low": pair.interval[0],
            "difference_high": pair.interval[1],
            "p": pair.p,
            "level": pair.level,
            "p_outside": pair.p_outside,
            "p_signs": pair.p_signs,
            "wins": pair.wins,
            "seeds": pair.seeds,
            "look": pair.look,
            "verdict": pair.verdict,
            "note": pair.note or None,
        }
        for verdicts in outcome.verdicts
        for pair in verdicts.pairs
    ]


def profile_rows(outcome: Outcome) -> list[Row]:
    """Return a row for each optimizer and tau: the share of problems on which its ratio is at most tau."""
    return [
        {
            "optimizer": profile.optimizer,
            "tau": share.tau,
            "share": share.share,
            "low": share.low,
            "high": share.high,
        }
        for profile in outcome.profiles
        for share in profile.shares
    ]


def trial_rows(outcome: Outcome) -> list[Row]:
    """Return a row for each run, in the order of the stages; its settings are in columns set_NAME."""
    names = _settings(outcome)
    return [
        {
            "problem": row.problem,
            "optimizer": row.optimizer,
            "stage": row.stage,
            "number": row.number,
            "near": row.near or None,
            "seed": row.seed,
            "score": row.score,
            "status": row.status,
            "train_loss": row.train_loss,
            "validation_loss": row.validation_loss,
            "validation_accuracy": row.validation_accuracy,
            "test_loss": row.test_loss,
            "test_accuracy": row.test_accuracy,
            "seconds": row.seconds,
            "run": row.run,
            **{f"{SETTING}{name}": _cell(row.settings.get(name)) for name in names},
        }
        for row in outcome.trials
    ]


def _settings(outcome: Outcome) -> list[str]:
    return list(dict.fromkeys(name for entry in outcome.plan.entries for name in entry.space))


def _cell(value: object) -> Cell:
    return value if isinstance(value, (str, bool, int, float)) else None
