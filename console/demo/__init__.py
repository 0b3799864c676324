"""What `patrolgrid demo` does beside running a site: hearing its alerts, scoring them, reporting what was seen.

`listening` hears alerts over MQTT, `scoring` compares them with the truth, `report` puts the numbers together;
`demo_people` makes those who sign in, and a chat group that they are told in; `past_load` makes up what there was to do
before, for the staffing sheet; `influx_feed` is for a running InfluxDB, and needs the extra influx.
"""

__all__ = ["demo_people", "influx_feed", "listening", "past_load", "report", "scoring"]
