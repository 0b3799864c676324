"""Shifts of a site and their book: what happened, what is open, who handed over to whom.

`shift_times` says which shifts there are, `own_shift` which one is whose, and `shift_book` gathers what a shift's page,
its printed sheet and `patrolgrid report shift` show. What people write goes through the log (`ingest.events.Command`).
"""
