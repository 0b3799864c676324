"""Delivery: alerts to chat groups, mail, other systems; retried, handed on, and answered for.

`telling` decides who hears of an alert, `message_box` keeps what is due on disk, a `worker` a channel sends it
through `channels`, and `receipts` say of every alert who has been told. `service` has all of it in one process,
`patrolgrid deliver run`.
"""
