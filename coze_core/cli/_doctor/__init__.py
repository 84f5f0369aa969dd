"""What may be wrong with a set-up, one idea a file.

Each check has a thin `probe`, which gathers facts, and a pure `judge`, which says what they mean.
"""
