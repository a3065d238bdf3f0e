"""Measurements of speed. They print, they never fail: speed is not a test."""
