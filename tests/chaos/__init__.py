"""A fleet of workers under disasters, and the proof from a ledger that nothing was lost.

python -m tests.chaos --minutes 60
"""
