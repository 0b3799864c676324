"""Who may connect: a station's devices, their accounts and certificates, the sheets and codes that bring them there.

`device_certificates` keeps certificates and the revocation list, `credentials` gives and takes what a device connects
with, `claim_desk` answers codes, `device_list` edits the places file, `device_sheet` draws the page, and
`registry` has the steps that `patrolgrid device` and the board share. `place_accounts`, `changes_told` and
`places_answers` are for changes of the places file: their accounts, their words, and what the board answers of them.
"""
