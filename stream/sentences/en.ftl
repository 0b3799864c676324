### Every sentence that people read, in English. One file is one language; stream/sentences/__init__.py says how they
### are made. $..._ms is a time, $..._s a duration; both, and numbers, are shown as the language writes them.

## What has been found: the sentences of anomalies, alerts and hotspots

surge = { $observed } { counted }, expected { $expected }; { chance }; since { $since_ms }.
deficit = { surge }
dead = No { counted } counted, expected { $expected }; { chance }; since { $since_ms }.
counted = { $metric ->
    [person] people
    [vehicle] vehicles
   *[other] { $metric }
}
chance = { ODDS($p) ->
    [1] unusual only over several windows together
    [0] less than 1 in 1,000,000,000
   *[other] about 1 in { ODDS($p) }
}

level_high = { CAPITAL(reading) } { $observed }, expected { $expected }; { chance }; since { $since_ms }.
level_low = { level_high }
reading = { $metric ->
    [noise] noise
    [smoke] smoke density
    [temperature] temperature
    [water] water depth
    [humidity] humidity
   *[other] { $metric }
}
unit = { $metric ->
    [noise] {" dB"}
    [smoke] {" %/m"}
    [temperature] {" °C"}
    [water] {" cm"}
   *[other] {""}
}

threshold = { kind }: { reading } { $observed }{ unit }, limit { $limit }{ unit }; since { $since_ms }.
state = { kind }: { $metric } is { state-word }{ $hold ->
    [0] {""}
   *[other] {" "}for more than { $hold } s
}; since { $since_ms }.
state-word = { $word }

stranger_vehicle = Vehicle not on the list, { $value ->
    [-1] never seen here before
   *[other] last seen { $value } days ago
}, at { $at_ms }.
tailgating = A vehicle that was not let in followed another { NUMBER($value, minimumFractionDigits: 1, maximumFractionDigits: 1) } s behind (limit { $limit } s), at { $at_ms }.
circling = The same vehicle passed the gates { $value } times within an hour or less, at { $at_ms }.
wrong_way = A vehicle passed against the permitted direction, at { $at_ms }.
overstay = A visitor's vehicle has been inside for { $value } h (limit { $limit } h), at { $at_ms }.
convoy = { $value } unknown vehicles passed one behind the other, at { $at_ms }.
barrier_down = { $passes } vehicles in a row passed while the barrier said it was down; since { $since_ms }.

silent = Nothing heard for { $silent_s }; it usually reports every { $usual_s }.
feed_lost = { $lost } of { $heard } devices in this beat have gone silent; the area is not being watched.

context = { $channels } for { day } around { $at_ms }{ $calm ->
    [0] {""}
   *[other] , { $usual } as usual
}; such a mix: { chance }{ $since_ms ->
    [0] {""}
   *[other] ; since { $since_ms }
}.
    .usual = {" and "}
channel = { $link ->
    [but] {" but "}
    [and] {" and "}
   *[first] {""}
}{ $link ->
    [first] { CAPITAL(amount) }
   *[other] { amount }
} { channel-name } ({ $observed }{ channel-unit }{ $link ->
    [first] {" "}in { $minutes } min
   *[other] {""}
}, expected { $expected }{ channel-unit })
channel-name = { $channel ->
    [people] people
    [vehicles] vehicles
   *[noise] noise
}
channel-unit = { $channel ->
    [noise] {" dB"}
   *[other] {""}
}
amount = { $channel ->
    [noise] { $direction ->
        [1] high
       *[other] low
    }
   *[other] { $direction ->
        [1] many
       *[other] few
    }
}
day = { $day ->
    [monday] a Monday
    [tuesday] a Tuesday
    [wednesday] a Wednesday
    [thursday] a Thursday
    [friday] a Friday
    [saturday] a Saturday
    [sunday] a Sunday
    [working_saturday] a working Saturday
    [working_sunday] a working Sunday
   *[holiday] a holiday
}

together = { $count } { devices } within { TENS($metres) } m: { $names }{ $more ->
    [0] {""}
   *[other] {" "}and { $more } more
}. Strongest at { $place }: { $strongest }
    .names = {", "}
devices = { $type ->
    [camera] cameras
    [gate] gates
   *[other] devices
}
fire = Smoke and heat { $metres ->
    [0] in one place
   *[other] within { TENS($metres) } m
}, probably a fire. { $parts }
    .parts = {" "}
part = { $place }: { $why }

series = { $count } { incidents } within { $metres } m and { $hours } h.
hotspot = { $parts } within { $hours } h nearby.
    .parts = {", "}
hotspot-part = { $count } { incidents }
hotspot-earlier = Mostly earlier { incidents } ({ NUMBER($share, style: "percent") } of the risk).
hotspot-nothing = Nothing known here yet.
outside = outside the beats

over = { $why } Over after { $lasted_s }.
taken_over = { $why } Now part of the alert “{ kind }”.

seconds = { $count } s
minutes = { $count } min
hours = { $count } h
days = { $count } days

incidents = { $count ->
    [one] { $category ->
        [burglary] burglary
        [theft] theft
        [fight] fight
        [robbery] robbery
        [noise] noise complaint
        [fire] fire
        [fraud] fraud
        [vandalism] case of vandalism
        [dispute] dispute
        [traffic] traffic accident
        [lost_property] case of lost property
        [surge] crowd alert
        [deficit] unusually quiet spell
        [dead] dead counter
        [noise_high] noise alarm
        [smoke] smoke alarm
        [heat] heat alarm
        [water] high-water alarm
        [door_open] door left open
        [cover_open] open manhole cover
        [camera_fault] camera fault
        [gate_stuck] stuck barrier
        [tamper] tampering alarm
        [stranger_vehicle] unknown vehicle at night
        [tailgating] case of tailgating
        [circling] circling vehicle
        [wrong_way] vehicle going the wrong way
        [overstay] overstaying vehicle
        [convoy] group of unknown vehicles
        [level_high] unusual reading
        [level_low] unusual reading
        [context] unusual mix
       *[other] incident ({ $category })
    }
   *[other] { $category ->
        [burglary] burglaries
        [theft] thefts
        [fight] fights
        [robbery] robberies
        [noise] noise complaints
        [fire] fires
        [fraud] frauds
        [vandalism] cases of vandalism
        [dispute] disputes
        [traffic] traffic accidents
        [lost_property] cases of lost property
        [surge] crowd alerts
        [deficit] unusually quiet spells
        [dead] dead counters
        [noise_high] noise alarms
        [smoke] smoke alarms
        [heat] heat alarms
        [water] high-water alarms
        [door_open] doors left open
        [cover_open] open manhole covers
        [camera_fault] camera faults
        [gate_stuck] stuck barriers
        [tamper] tampering alarms
        [stranger_vehicle] unknown vehicles at night
        [tailgating] cases of tailgating
        [circling] circling vehicles
        [wrong_way] vehicles going the wrong way
        [overstay] overstaying vehicles
        [convoy] groups of unknown vehicles
        [level_high] unusual readings
        [level_low] unusual readings
        [context] unusual mixes
       *[other] incidents ({ $category })
    }
}

## What a kind of finding is called, and what to do about it

kind = { $kind ->
    [surge] Unusual crowd or traffic
    [deficit] Unusually quiet
    [dead] Counter has gone dead
    [camera_fault] Camera fault
    [stranger_vehicle] Unknown vehicle at night
    [tailgating] Tailgating at the gate
    [circling] Vehicle circling
    [wrong_way] Vehicle against the direction
    [overstay] Visitor vehicle overstays
    [convoy] Group of unknown vehicles
    [gate_stuck] Barrier stuck
    [noise_high] Loud noise
    [smoke] Smoke
    [heat] Dangerous heat
    [fire] Smoke and heat together
    [water] High water
    [door_open] Door left open
    [cover_open] Manhole cover open
    [tamper] Device tampered with
    [silent] Device silent
    [feed_lost] Beat not being watched
    [burglary_series] Series of burglaries
    [incident_series] Series of incidents
    [level_high] Unusually high reading
    [level_low] Unusually low reading
    [context] Unusual mix in the beat
   *[other] { $kind }
}
advice = { $kind ->
    [surge] Look at the camera picture; send the nearest patrol if a crowd is forming.
    [deficit] Look at the camera picture: check for a blocked road, a closed entrance or a covered lens.
    [dead] Have the camera or counter checked on site.
    [camera_fault] Check the area by the neighbouring cameras and send maintenance; rule out that it was covered on purpose.
    [stranger_vehicle] Check the picture at the gate; have a patrol pass by and check the vehicle.
    [tailgating] Check the picture at the gate, find the second vehicle and ask whom it visits.
    [circling] Follow the vehicle by the gates' pictures; have a patrol speak to the driver.
    [wrong_way] Watch for danger to others and stop the vehicle if need be.
    [overstay] Ask the property management whom the vehicle visits.
    [convoy] Check the picture at the gate and send a patrol to find out why they come.
    [gate_stuck] Tell the property management; have a guard at the gate until it works.
    [noise_high] Listen and look by the nearest camera; send a patrol if there is a quarrel or a fight.
    [smoke] Call the fire service (119) and the property management; send the nearest patrol to help people out.
    [heat] Check for fire at once; call the fire service (119) if in doubt.
    [fire] Call the fire service (119) now, have people leave, keep the fire lane free.
    [water] Close the way to people and cars; tell the drainage service.
    [door_open] Have the door closed and find out who opened it.
    [cover_open] Secure the hole at once, keep people away, tell the owner of the cover.
    [tamper] Check the device on site; secure the pictures of the cameras around.
    [feed_lost] Send a patrol round in place of the devices; have network and power of the beat checked.
    [silent] Check power and network of the device.
    [burglary_series] Patrol these streets on foot at changing times, warn residents, check doors and windows with them.
    [incident_series] Patrol there at changing times and look for what the incidents have in common.
    [level_high] Compare with the devices around; check on site if they agree.
    [level_low] Compare with the devices around; check on site if they agree.
    [context] Look at the beat's cameras for what ties the figures together; no single device is out of its range.
   *[other] Find out what happened on site.
}

## Grafana: titles and explanations of panels, names of columns

grafana-folder = PatrolGrid
grafana-dashboard-now = Now
grafana-dashboard-beat = Beat
grafana-dashboard-hotspots = Hotspots
grafana-dashboard-devices = Devices and data quality
grafana-dashboard-pipeline = Pipeline
grafana-dashboard-replay = Replay
grafana-site = Site
grafana-beat = Beat
grafana-device = Device
grafana-alerts = Alerts
grafana-dashboards = Dashboards
grafana-open-alerts = Open alerts
grafana-anomalies = Anomalies
grafana-silent-devices = Silent devices
grafana-devices = Devices
grafana-data-quality = Data quality
grafana-people = People in the time shown
grafana-vehicles = Vehicles in the time shown
grafana-people-against-expected = People against expected
grafana-vehicles-against-expected-cameras = Vehicles against expected (cameras)
grafana-alerts-by-kind = Alerts raised, by kind
grafana-hazards-of-limit = Hazards: share of the alarm limit
grafana-in = in
grafana-out = out
grafana-vehicles-against-expected = Vehicles against expected
grafana-gates-in-out = Gates: vehicles in and out
grafana-people-by-device = People by device
grafana-sensors-of-limit = Sensors: share of the alarm limit
grafana-device-states = Doors, covers, barriers, cameras
grafana-top-cells = Top cells, and why
grafana-see-beat = The beat's day
grafana-cell-risk = How a cell's risk went
grafana-expected-events-by-beat = Expected events a cell, by beat
grafana-late = late
grafana-missing = missing
grafana-duplicate = duplicate
grafana-silent = silent
grafana-stuck = stuck
grafana-quality-over-time = Data quality: lowest and mean
grafana-lowest = lowest
grafana-mean = mean
grafana-faulty-observations = Late, missing, duplicate observations
grafana-silent-and-stuck = Silent and stuck devices
grafana-clock-skew = Clock skew
grafana-slowest = slowest
grafana-fastest = fastest
grafana-observations-by-beat = Observations by beat
grafana-behind = Behind
grafana-waiting-for-influxdb = Waiting for InfluxDB
grafana-parts-failing = Parts failing
grafana-in-quarantine = In quarantine
grafana-refused = Refused by InfluxDB
grafana-dropped = Dropped from a full backlog
grafana-rates = Rates
grafana-observations = observations
grafana-messages = messages
grafana-how-far-behind = How far behind
grafana-lag = lag
grafana-backlog = Backlog of the InfluxDB sink
grafana-lines = lines
grafana-age = age
grafana-quarantine-by-reason = Quarantine, by reason
grafana-received-and-stored = Observations: received and stored
grafana-received = received
grafana-stored = stored
grafana-duplicate-and-late = Duplicate and late observations
grafana-on = on
grafana-found-share = Found of what happened
grafana-found-by-scenario = Found, by scenario
grafana-delay-by-scenario = Mean delay, by scenario
grafana-what-really-happened = What really happened
grafana-what-was-alerted = What was alerted
grafana-anomalies-by-kind = Anomalies, by kind
grafana-seen = seen
grafana-expected = expected
grafana-usual-from = usual from
grafana-usual-to = usual to
grafana-band-help = Grey: from the sum of the devices' lower limits to the sum of their upper ones; the whole is mostly well inside it.
grafana-alert-changes = Everything that happened to alerts
grafana-hotspot-map = Hotspots
grafana-map-help = The newest map, with ranks; north is up.
grafana-limit-help = 100 % is where the alarm goes off.
grafana-worst-devices = Devices, the worst first
grafana-see-device = This device
grafana-rule-no-data = A beat sends no data
grafana-rule-no-data-help = Nothing came from a beat for 15 minutes.
grafana-rule-node-down = The node says nothing
grafana-rule-node-down-help = The node has written no status for 5 minutes.
grafana-rule-lag = Results lag behind
grafana-rule-lag-help = Results are more than a minute behind.
grafana-rule-backlog = InfluxDB does not keep up
grafana-rule-backlog-help = Lines have waited for InfluxDB for more than 5 minutes.
grafana-rule-quarantine = Much goes to quarantine
grafana-rule-quarantine-help = More than 100 inputs were refused in 5 minutes.
grafana-rule-dropped = Lines were dropped or refused
grafana-rule-dropped-help = A full backlog dropped lines, or InfluxDB refused some.
grafana-no = no
grafana-yes = yes
grafana-column = { $column ->
    [Time] Time
    [beat] Beat
    [device] Device
    [kind] Kind
    [severity] Severity
    [state] State
    [place] Place
    [text] What
    [cell] Cell
    [rank] Rank
    [risk] Risk
    [expected] Expected events
    [drivers] Why
    [quality] Data quality
    [online] Online
    [silent] Silent
    [stuck] Stuck
    [missing] Missing
    [late] Late
    [skew_s] Clock skew
    [name] Scenario
    [found] Found
    [happened] Happened
    [delay_s] Delay
   *[other] { $column }
}
severity = { $severity ->
    [critical] critical
    [warning] warning
   *[info] info
}
alert-state = { $state ->
    [raised] raised
    [acknowledged] acknowledged
    [cleared] cleared
   *[expired] expired
}
