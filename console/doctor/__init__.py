"""What `patrolgrid doctor` looks at: each check looks at one thing, says ok, warn or fail, and what to do.

`machine` is about this computer, `own_files` about what the site has on its disk, `doors` about who reaches the board,
`servers` about what else the site needs: broker, InfluxDB, Grafana, Kafka, channels. Whatever keeps `patrolgrid up`
from running is a fail, and so is what is configured and does not work. Nothing is written, but for messages on topics
that no site has.
"""
