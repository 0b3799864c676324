### Every sentence that people read, in English. One file is one language; stream/sentences/__init__.py says how they
### are made. $..._ms is a time, $..._s a duration; both, and numbers, are shown as the language writes them.
### ODDS gives N of a probability of 1 in N (0: too small to tell, 1: above a half), TENS a distance in whole tens, HEADS a
### mean of counts as people say it (0: hardly any), COMPACT a number with the language's words for thousands, CAPITAL a
### text with a capital letter.

## What has been found: the sentences of anomalies, alerts and hotspots

surge = { $most ->
    [1] Up to { $observed } { counted }
   *[0] { $observed } { counted }
}{ period }, { usual }; { chance }; since { $since_ms }.
deficit = { $observed ->
    [0] No { counted } counted
   *[other] { $most ->
        [1] As few as { $observed } { counted }
       *[0] { $observed } { counted }
    }
}{ period }, { usual }; { chance }; since { $since_ms }.
dead = { $observed ->
    [0] No { counted } counted
   *[other] { $observed } { counted }
}{ period }, { usual }; { chance }; since { $since_ms }.
period = { $period_s ->
    [one] {" "}in { $period_s }
    [other] {" "}in { $period_s }
   *[none] {""}
}
usual = { HEADS($expected) ->
    [0] hardly any expected
   *[other] { HEADS($expected) } expected
}
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

level_high = { CAPITAL(reading) } { $observed }{ unit }{ $peak ->
    [one] {" "}(highest { $peak }{ unit })
    [other] {" "}(highest { $peak }{ unit })
   *[none] {""}
}, { usual-range }; { chance }; since { $since_ms }.
level_low = { CAPITAL(reading) } { $observed }{ unit }{ $peak ->
    [one] {" "}(lowest { $peak }{ unit })
    [other] {" "}(lowest { $peak }{ unit })
   *[none] {""}
}, { usual-range }; { chance }; since { $since_ms }.
usual-range = { $upper ->
    [one] usually { $lower } to { $upper }{ unit }
    [other] usually { $lower } to { $upper }{ unit }
   *[none] expected { $expected }{ unit }
}
level_stuck = { CAPITAL(reading) } reads { $observed }{ unit } without any change since { $since_ms }; it usually varies.
level_step = { CAPITAL(reading) } is { $by }{ unit } { toward } than it was, and has been for a day: { $observed }{ unit }, expected { $expected }{ unit }. From now on this counts as usual.
level_drift = { CAPITAL(reading) } has crept { $by }{ unit } { $higher ->
    [1] up
   *[0] down
} in { $days } days: { $observed }{ unit }, expected { $expected }{ unit }. From now on this counts as usual.
toward = { $higher ->
    [1] higher
   *[0] lower
}
reading = { $metric ->
    [noise] noise
    [smoke] smoke density
    [temperature] temperature
    [water] water depth
    [humidity] humidity
    [person] the number of people
    [vehicle] the number of vehicles
   *[other] { $metric }
}
unit = { $metric ->
    [noise] {" dB"}
    [smoke] {" %/m"}
    [temperature] {" °C"}
    [water] {" cm"}
   *[other] {""}
}

threshold = { CAPITAL(reading) } { $most ->
    [1] up to { $observed }
    [2] down to { $observed }
   *[0] { $observed }
}{ unit }, limit { $limit }{ unit }; since { $since_ms }.
state = { state-what } { $hold ->
    [0] { $word ->
        [alarm] gives alarm
       *[other] is { state-word }
    }
   *[other] { $word ->
        [alarm] has given alarm
       *[other] has been { state-word }
    } for more than { $hold } s
}; since { $since_ms }.
state-what = { $kind ->
    [smoke] The smoke detector
    [heat] The heat detector
    [gas] The gas detector
    [water] The water detector
    [door_open] The door
    [cover_open] The cover
    [camera_fault] The picture
    [gate_stuck] The barrier
    [tamper] The tamper contact
   *[other] { kind }: { $metric }
}
state-word = { $word ->
    [open] open
    [closed] closed
    [tilted] tilted
    [alarm] alarm
    [ok] ok
    [blocked] blocked
    [lost] lost
    [stuck] stuck
    [up] up
    [down] down
   *[other] { $word }
}
state-metric = { $metric ->
    [door] door
    [cover] cover
    [barrier] barrier
    [video] picture
    [smoke] smoke detector
    [heat] heat detector
    [gas] gas detector
    [carbon_monoxide] carbon monoxide detector
    [water] water detector
    [tamper] tamper contact
   *[other] { $metric }
}

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

never_heard = { $devices }{ $more ->
    [0] {""}
   *[other] {" "}and { $more } more
} { $count ->
    [1] is in the places file, and nothing was ever heard from it.
   *[other] are in the places file, and nothing was ever heard from them.
}
    .devices = {", "}
few_words = Heard { $reports } times in all, and nothing for { $silent_s } since.
clock_wrong = The device's clock is { $zone ->
    [none] { $off_s }
   *[other] { $hours } h
} { $ahead ->
    [1] ahead
   *[other] behind
}{ $zone ->
    [local] : it probably sends local time as UTC
    [utc] : it probably sends UTC as local time
    [other] : it is probably set to a wrong time zone
   *[none] {""}
}. Its counts are kept but not judged. { $setting ->
    [0] {""}
   *[other] Where it cannot be set right: override clock_offset_s = { NUMBER($setting, useGrouping: 0) }.
}
clock_of_node = The clocks of { $count } of { $heard } devices agree with each other, { $off_s } { $ahead ->
    [1] ahead of
   *[other] behind
} the station's: its own clock is probably wrong.
silent = Nothing heard for { $silent_s }; it usually reports every { $usual_s }.
feed_lost = { $lost } of { $heard } devices in this beat have gone silent; the area is not being watched. Silent: { $devices }{ $more ->
    [0] {""}
   *[other] {" "}and { $more } more
}.
    .devices = {", "}
device_fault = { $what ->
    [rate] It sends more than { $limit } observations a second; { $refused } were not taken (alarms are).
    [bytes] It sends more than { $limit } bytes a second; { $refused } observations were not taken (alarms are).
    [boots] It starts more than { $limit } times an hour; { $refused } observations were not taken (alarms are).
    [metrics] It reports more than { $limit } different metrics; { $refused } observations were not taken.
    [codes] It sends { $observed } in place of { reading }: a code for a fault, or more than can be. { $refused } were not taken.
    [crash] A message of it ended the gateway and was passed by; it is in quarantine.
    [drops] Its edge agent gave up { $refused } observations: there was no room for them while the network was away.
    [power] The power supply of its edge agent is too weak: it may stop at any time, and its card may be damaged.
    [disk] The disk of its edge agent is nearly full: { $refused } MB are left.
    [source] { $refused ->
        [1] A source of its edge agent takes
       *[other] { $refused } sources of its edge agent take
    } nothing: what is connected to it says nothing at present.
    [heat] Its edge agent is too hot: { $refused } °C. It slows itself down.
    [settings] { $refused ->
        [0] Its edge agent was sent settings that the station has not signed, or old ones again, and has not taken them.
       *[other] Its edge agent has not taken the settings { $refused } of the station, and goes on with those before.
    }
    [certificate] { $side ->
        [over] The certificate of its edge agent has ended: the broker does not let it in again.
       *[left] The certificate of its edge agent ends in { $refused } days.
    }
    [time] The clock of its edge agent is { $refused } s { $side }.
   *[other] It sends what cannot be read, too much to keep; { $refused } were only counted.
}

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
}{ $period_s ->
    [one] ; together { $observed } { counted }{ period }, { usual }
    [other] ; together { $observed } { counted }{ period }, { usual }
   *[none] {""}
}. Strongest at { $place }: { $strongest }
    .names = {", "}
alike = { $count } { devices } within { TENS($metres) } m: { $names }{ $more ->
    [0] {""}
   *[other] {" "}and { $more } more
}. At { $place }: { $strongest }
    .names = {", "}
still = Still at { $names }{ $more ->
    [0] {""}
   *[other] {" "}and { $more } more
}; over at { $over } of { $count } devices. { $why }
    .names = {", "}
comes_and_goes = { $kind ->
    [silent] Unreliable: silent
    [feed_lost] Unreliable: silent
    [device_fault] Unreliable:
    [clock_wrong] Unreliable:
   *[other] Comes and goes:
} { $count } times since { $since_ms }. { $why }
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
officer_help = { $officer } asks for help{ $said ->
    [0] .
   *[other] : { $note }
}
hotspot = { $parts } within { $hours } h nearby.
    .parts = {", "}
hotspot-part = { $count } { incidents }
incident-word = { CAPITAL(incidents) }
hotspot-earlier = Mostly earlier { incidents } ({ NUMBER($share, style: "percent") } of the risk).
hotspot-mixed = Earlier incidents of several kinds, most of them { incidents } ({ NUMBER($share, style: "percent") } of the risk).
hotspot-nothing = Nothing known here yet.

spot = { $place }{ $until ->
    [one] , { $from }–{ $until } h
    [other] , { $from }–{ $until } h
   *[none] {""}
}: { $amount } { $drivers } { $sure }
spot-amount = { $known ->
    [prior] { spot-more }
    [sensors] { spot-more }
   *[own] { spot-count } expected in four weeks{ $part ->
        [morning] {" "}of such mornings
        [midday] {" "}of such middays
        [afternoon] {" "}of such afternoons
        [evening] {" "}of such evenings
        [night] {" "}of such nights
        [long] {" "}of these hours
       *[none] {""}
    }{ $times ->
        [1] {""}
       *[other] , { $times } times the beat’s usual
    }.
}
spot-more = Raised risk{ $times ->
    [1] {""}
   *[other] : { $times } times the beat’s usual
}.
spot-count = { HEADS($count) ->
    [0] fewer than 0.1 { spot-incidents }
   *[other] { HEADS($count) } { spot-incidents }
}
spot-incidents = { $category ->
    [any] { $count ->
        [one] incident
       *[other] incidents
    }
   *[other] { incidents }
}
spot-sure = { $known ->
    [prior] A first guess: no incidents known yet.
    [sensors] From sensors only: no incidents known here yet.
    [young] Little history yet: { spot-range }.
   *[own] Probably { spot-range }.
}
spot-range = { HEADS($high) ->
    [0] fewer than 0.1
   *[other] { HEADS($low) } to { HEADS($high) }
}
place-street-landmark = { $street } by { $landmark }
place-corner = { $street } at { $other }
place-landmark = Around { $landmark }
place-device = Near { $device }
place-beat = { $beat }, { $direction ->
    [north] in the north
    [north_east] in the north-east
    [east] in the east
    [south_east] in the south-east
    [south] in the south
    [south_west] in the south-west
    [west] in the west
    [north_west] in the north-west
   *[middle] in the middle
}
outside = outside the beats

late = { $why } Told late, by { $late_s }: delayed on its way, or the device's clock is slow.
ahead = { $why } It bears a time { $ahead_s } after its receipt: the device's clock is fast, or the station's slow.
odd_unit = { $why } It came in “{ $unit }”, a unit not known for it: the number was judged as it is.
late_over = { $why } Told late, { $late_s } after it began, when it was over.
at_work = { $why } During maintenance there ({ $name }): it may be the work.
unread = { $why } No readings since { $since_ms }: how it is now is not known.
unread_between = { $why } No readings between { $since_ms } and { $until_ms }.
doubled = { $why } { $kind ->
    [surge] Twice as many as last told.
    [deficit] At most half as many as last told.
    [dead] At most half as many as last told.
    [noise_high] Twice as loud as last told.
   *[other] Twice as much as last told.
}
over = { $why } Over after { $lasted_s }.
believed = { $why } { $by } says that this is how it is now.
taken_over = { $why } Now part of the alert “{ kind }”.
alert-title = { kind }: { $place }

seconds = { $count ->
    [0] less than a second
   *[other] { $count } s
}
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
        [noise_complaint] noise complaint
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
        [gas] gas alarm
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
       *[other] incident ({ READABLE($category) })
    }
   *[other] { $category ->
        [burglary] burglaries
        [theft] thefts
        [fight] fights
        [robbery] robberies
        [noise] noise complaints
        [noise_complaint] noise complaints
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
        [gas] gas alarms
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
       *[other] incidents ({ READABLE($category) })
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
    [gas] Gas
    [water] High water
    [door_open] Door left open
    [cover_open] Manhole cover open
    [tamper] Device tampered with
    [silent] Device silent
    [never_heard] Device never heard
    [clock_wrong] Clock is wrong
    [own_clock] The station's clock is wrong
    [device_fault] Device fault
    [level_stuck] Sensor stuck
    [level_step] Reading has stepped to another level
    [level_drift] Reading drifts
    [feed_lost] Beat not being watched
    [burglary_series] Series of burglaries
    [incident_series] Series of incidents
    [officer_help] Officer asks for help
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
    [gas] Have people leave and open windows, no switches and no flames; call the fire service (119) and the gas company.
    [water] Close the way to people and cars; tell the drainage service.
    [door_open] Have the door closed and find out who opened it.
    [cover_open] Secure the hole at once, keep people away, tell the owner of the cover.
    [tamper] Check the device on site; secure the pictures of the cameras around.
    [feed_lost] Send a patrol round in place of the devices; have network and power of the beat checked.
    [never_heard] Check power, network, id and topic of the device; take it out of the places file where there is none.
    [own_clock] Set the clock of the station's node, best by NTP; what is told goes by the devices' clocks meanwhile, and nothing old is deleted.
    [clock_wrong] Set clock and time zone of the device, best by NTP; its hazards are told all the same.
    [silent] Check power and network of the device.
    [level_stuck] Have the sensor checked: it may be blocked, frozen or broken; until then its readings say nothing.
    [level_step] Ask whether the sensor was moved, cleaned or set anew; look on site if nobody knows of it.
    [level_drift] Compare with another sensor: clean or calibrate this one, or find out what is changing there.
    [device_fault] Have the device checked: restart it, correct its settings, or take it off the network if it goes on.
    [burglary_series] Patrol these streets on foot at changing times, warn residents, check doors and windows with them.
    [incident_series] Patrol there at changing times and look for what the incidents have in common.
    [officer_help] Call the officer and send the nearest patrol at once; call 110 or 120 if nobody answers.
    [level_high] Compare with the devices around; check on site if they agree.
    [level_low] Compare with the devices around; check on site if they agree.
    [context] Look at the beat's cameras for what ties the figures together; no single device is out of its range.
   *[other] Find out what happened on site.
}

## Grafana: titles and explanations of panels, names of columns

grafana-folder = PatrolGrid
grafana-rules-folder = PatrolGrid alert rules
grafana-dashboard-now = Now
grafana-dashboard-beat = Beat
grafana-dashboard-hotspots = Hotspots
grafana-dashboard-patrols = Patrols
grafana-dashboard-devices = Devices and data quality
grafana-dashboard-pipeline = Pipeline
grafana-dashboard-replay = Replay
grafana-site = Site
grafana-beat = Beat
grafana-device = Device
grafana-alerts = Alerts
grafana-open-alerts = Open alerts
grafana-critical-alerts = Critical alerts open
grafana-anomalies = Anomalies in the time shown
grafana-silent-devices = Silent devices
grafana-last-word = Last word from the node, ago
grafana-last-word-help = How long ago the node last said how it is. Where that is more than two minutes, nothing on this page is known to be so now; open alerts stand as they were last heard.
grafana-devices = Devices
grafana-data-quality = Data quality
grafana-people = People in the time shown
grafana-vehicles = Vehicles in the time shown
grafana-people-against-expected = People per 5 minutes, against expected
grafana-vehicles-against-expected-cameras = Vehicles per 5 minutes, against expected (cameras)
grafana-alerts-by-kind = Alerts raised per hour, by kind
grafana-hazards-of-limit = Hazards: share of the alarm limit
grafana-in = in
grafana-out = out
grafana-vehicles-against-expected = Vehicles per 5 minutes, against expected
grafana-gates-in-out = Gates: vehicles in and out per 15 minutes
grafana-people-by-device = People per 5 minutes, by device
grafana-sensors-of-limit = Sensors: share of the alarm limit
grafana-device-states = Doors, covers, barriers, cameras
grafana-delivered-by = { $tag ->
    [officer] Planned and delivered, by officer
   *[beat] Planned and delivered, by beat
}
grafana-delivered-share = Delivered of planned time
grafana-stops-planned = Stops planned
grafana-stops-done = Stops done
grafana-stops-skipped = Stops skipped or missed
grafana-planned-and-delivered = Planned and delivered minutes, per hour
grafana-stops-over-time = Officers’ stops
grafana-shares = Each beat’s share of patrol beside its share of reports
grafana-shares-help = Older minutes and reports count less. A beat with much patrol and few reports has more than it asks for.
grafana-incidents-by = { $tag ->
    [category] Incidents per hour, by category
   *[provenance] Incidents per hour, by whom they came
}
grafana-incidents-other = Others
grafana-top-places = Places, when, how much and why
grafana-see-beat = The beat's day
grafana-beat-risk = The highest risk in each beat, as a share of the site's highest
grafana-expected-events-by-beat = Expected events a cell in the next 8 hours, by beat
grafana-late = late
grafana-missing = missing
grafana-duplicate = duplicate
grafana-silent = silent
grafana-stuck = stuck
grafana-quality-over-time = Data quality: lowest and mean
grafana-lowest = lowest
grafana-mean = mean
grafana-faulty-observations = Late, missing, duplicate observations per 15 minutes
grafana-silent-and-stuck = Devices silent and stuck at the same time
grafana-clock-skew = Clock skew
grafana-slowest = slowest
grafana-fastest = fastest
grafana-observations-by-beat = Observations per 5 minutes, by beat
grafana-agents-waiting = Waiting at edge agents, by the device that speaks for each
grafana-agents-disk = Free disk of edge agents
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
grafana-quarantine-by-reason = Newly in quarantine per 15 minutes, by reason
grafana-received-and-stored = Observations per minute: received and stored
grafana-received = received
grafana-stored = stored
grafana-duplicate-and-late = Duplicate and late observations per minute
grafana-on = on
grafana-found-share = Found of what happened
grafana-found-by-scenario = Found, by scenario
grafana-delay-by-scenario = Mean delay, by scenario
grafana-what-really-happened = What really happened
grafana-what-was-alerted = What was alerted
grafana-anomalies-by-kind = Anomalies per hour, by kind
grafana-seen = seen
grafana-expected = expected
grafana-usual-from = usual from
grafana-usual-to = usual to
grafana-band-help = Grey: where the whole usually is, taking each device to err by itself (squares add up). Expected and band are of the devices whose habits are known; a new device only adds to what was seen. The window that is still open is left out.
grafana-alert-changes = Everything that happened to alerts
grafana-hotspot-map = Hotspots
grafana-map-help = The newest map, with ranks; north is up.
grafana-limit-help = 100 % is where the alarm goes off.
grafana-worst-devices = Devices, the worst first
grafana-see-device = This device
grafana-rule-no-data = A beat sends no data
grafana-rule-no-data-help = Nothing came from { $beat } for 15 minutes.
grafana-rule-any-beat = any beat
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
grafana-unit = { $unit ->
    [s] s
    [ms] ms
    [m] m
    [ops] suffix:/s
   *[other] { $unit }
}
scenario = { $name ->
    [crowd_surge] Crowd
    [burglary_series] Series of burglaries
    [tailgating] Tailgating at a gate
    [manhole_open] Manhole cover lifted
    [smoke] Smoke
    [camera_dead] Dead camera
    [fire_door_open] Fire door held open
    [stranger_vehicle] Unknown vehicle at night
    [gate_stuck] Barrier stuck
    [fight] Fight
   *[other] { $name }
}
rhythm = { $profile ->
    [school] School
    [market] Market
    [shifts] Shifts
    [residential] Homes
    [commuter] Commuters
    [nightlife] Night life
    [office] Offices
    [park] Park
    [through] Through traffic
   *[other] { $profile }
}
scenario-does = { $name ->
    [crowd_surge] Many more people than usual pass a camera for some minutes.
    [burglary_series] Four burglaries in one beat are reported within a quarter of an hour.
    [tailgating] A car slips through a gate right behind another.
    [manhole_open] Somebody lifts a manhole cover; it lies open for some minutes.
    [smoke] A smoke detector fills with smoke within a minute and a half, and it gets hot nearby.
    [camera_dead] A camera counts nothing any more, loses its picture, or goes silent altogether.
    [fire_door_open] A fire door is propped open.
    [stranger_vehicle] By night a car drives in that is not on the list.
    [gate_stuck] A barrier stays where it is, and nobody gets through.
    [fight] It gets loud for some minutes, and people gather around.
   *[other] { $name }
}
scenario-unit = { $unit ->
    [times] times as many people
    [dB] dB
   *[other] % smoke per metre
}
simulate-list = Scenarios that can be made to happen. What counts as found: an alert of one of the kinds, on a device that it happens to.
simulate-col-name = Name
simulate-col-what = What happens
simulate-col-to = Happens to
simulate-col-found = Found as
simulate-col-strength = Strength
simulate-col-minutes = Minutes
simulate-strength = { $least }–{ $most } { $unit }, usually { $low }–{ $high }
simulate-minutes = { $low }–{ $high }
simulate-once = over at once
simulate-beat = a beat
simulate-night = { $what } By night only (22:03–05:30).
simulate-ordered = { $name } ({ $id }): begins { $time } at { $where }, ends { $end }.
simulate-refused = { $code ->
    [unknown] There is no scenario { $scenario }.
    [too_late] That is more than a day ahead.
    [by_day] By day nobody minds a car that is not on the list: from 22:03 to 05:30 only.
    [no_strength] It comes in one strength only.
    [strength] The strength has to be from { $least } to { $most }.
    [no_minutes] It is over at once: there is no length to choose.
    [minutes] The length has to be from { $least } to { $most } minutes.
    [no_beat] There is no beat { $id }.
    [no_device] There is no device { $id } that it could happen to.
    [other_beat] The device { $id } stands in another beat.
    [busy] Something happens to { $id } already, or has just happened.
    [nobody] There is nothing in that beat that it could happen to just now: name a device.
    [nowhere] There is nothing that it could happen to just now: by night no camera sees enough people; name one.
   *[other] It cannot happen ({ $code }).
}
simulate-none = No simulator takes orders at { $broker }: begin one with `patrolgrid demo`, or `patrolgrid simulate --order-key FILE`.
simulate-unheard = The simulator has said nothing of the order for { $seconds } s.
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
    [officer] Officer
    [planned_min] Planned
    [delivered_min] Delivered
    [done] Done
    [skipped] Skipped
    [share] Share of patrol
    [reported] Share of reports
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

## Counted things of the command line

n-windows = { $windows } { $windows ->
    [one] window
   *[other] windows
}
n-days = { $days } { $days ->
    [one] day
   *[other] days
}
n-devices = { $devices } { $devices ->
    [one] device
   *[other] devices
}
n-beats = { $beats } { $beats ->
    [one] beat
   *[other] beats
}
n-alerts = { $alerts } { $alerts ->
    [one] alert
   *[other] alerts
}
n-anomalies = { $anomalies } { $anomalies ->
    [one] anomaly
   *[other] anomalies
}
n-observations = { $observations } { $observations ->
    [one] observation
   *[other] observations
}
n-duplicates = { $duplicates } { $duplicates ->
    [one] duplicate
   *[other] duplicates
}
n-rows = { $rows } { $rows ->
    [one] row
   *[other] rows
}
n-cells = { $cells } { $cells ->
    [one] cell
   *[other] cells
}
n-incidents = { $incidents } { $incidents ->
    [one] incident
   *[other] incidents
}
n-events = { $events } { $events ->
    [one] event
   *[other] events
}
n-lines = { $lines } { $lines ->
    [one] line
   *[other] lines
}
n-messages = { $messages } { $messages ->
    [one] message
   *[other] messages
}
n-records = { $records } { $records ->
    [one] record
   *[other] records
}

## The command line: run

run-broker = Broker        127.0.0.1:{ $port } ({ $kind })
run-board = Board         { $url }
run-data = Data          { $folder }
run-clock = Clock         { $time }, { $speed } times real time
run-history = Making { n-days } of history, so that the models know what is usual ...
run-again = Found the data of an earlier run; --fresh starts empty.
run-login = Sign in there as { $id } (or { $others }) with the password { $password }; the page has buttons for it.
demo-chat-title = WeCom (demonstration)
demo-chat-note = What a chat group would have got. Nothing has left this machine.
demo-handed-over = The barrier at the bus depot sticks, a technician comes tomorrow at ten. Please walk by the market before it closes: two pickpockets were seen there.
run-chat = What a chat group would have been told: { $url }
run-stop = Ctrl-C stops everything.
run-stopping = Stopping ...
run-headless = Running for { $seconds } { $seconds ->
    [one] second
   *[other] seconds
} ...
run-port = Port { $wanted } is taken, using { $port }.
run-died = Stopped because a part ended by itself:
run-ended = { $part } ended by itself and is started again in { $wait } s (time { $times }). { $why }
run-loop = { $part } ENDS AGAIN AND AGAIN ({ $times } times); it is tried again every half minute. { $why }
run-well = { $part } runs again.

## The command line: sum

sum-title = What was seen
sum-published = published
sum-lost = lost on purpose on the way
sum-received = received
sum-stored = stored
sum-duplicates = duplicates dropped
sum-quarantined = quarantined
sum-windows = windows
sum-anomalies = anomalies
sum-alerts = alerts
sum-hotspots = hotspot maps
sum-latency = hazard to alert, p50 / p99
sum-truth = scenarios detected
sum-false = false alarms per device and day
sum-rate = observations per second
sum-of = { $part } of { $whole }
sum-missed = missed
sum-none = -

## The command line: audit, pki

audit-none = Site { $site } has no accounts, and so no audit log.
audit-whole = The audit log is whole: { $count ->
    [one] { $count } entry
   *[other] { $count } entries
}.
audit-broken = THE AUDIT LOG IS NOT WHOLE.
audit-fault-changed = Entry { $number } is not as it was written, or does not follow the one before: it was changed, moved or put in.
audit-fault-foreign = The file has a { $name } that is none of ours: it could delete entries or show others. Find out who made it.
audit-fault-missing = Entries before { $number } are gone.
audit-fault-cut = Entry { $number } is gone, and all after it: its head was kept elsewhere.
audit-fault-other = Entry { $number } is another one than that whose head was kept elsewhere: the log was made anew.
audit-fault-noted = Entry { $number }: the board found then that the log had been cut off or made anew, or brought back from an older copy.
audit-compared = Compared with the heads of entries that were kept elsewhere: { $heads }.
audit-broker-nothing = The broker keeps no head: nobody can tell by it whether the end of the log is missing.
audit-broker-away = The head that the broker keeps could not be read, so nothing is known of the log's end: { $error }
audit-head = Audit log up to entry { $head }
audit-col-number = number
audit-col-time = time
audit-col-by = who
audit-col-what = what
audit-col-about = about
audit-col-detail = more
audit-what = { $what ->
    [person-add] account made
    [person-change] account changed
    [sign-in] signed in
    [sign-in-refused] sign-in refused
    [sign-in-locked] sign-in locked
    [sign-out] signed out
    [password] password set
    [link-make] link made
    [link-open] link opened
    [link-refused] link refused
    [link-revoke] link revoked
    [token-make] token made
    [token-use] token used
    [token-refused] token refused
    [token-revoke] token revoked
    [acknowledge] acknowledged
    [clear] cleared
    [did] said of a patrol
    [note] note in the shift book
    [hand_over] shift handed over
    [take] shift taken over
    [see] saw
    [refused] refused: no right
    [claim] device claimed its account
    [claim-refused] CODE REFUSED
    [device-add] device put in
    [device-approve] device approved
    [device-replace] device's account replaced
    [device-retire] device retired
    [device-move] device moved
    [device-name] device named
    [device-sheet] sheet made
    [export] exported
    [accept-usual] accepted how it is now as usual
    [command-refused] FORGED COMMAND, refused
    [simulate] let something happen
    [whatif] tried other settings
    [log-broken] LOG WAS CUT OFF OR MADE ANEW
   *[other] { $what }
}
pki-none = There are no certificates in { $folder } yet; `patrolgrid pki init` makes them.
pki-authority = Made the site's authority, { $file }, until { $ends }. Give this file to each phone (docs/security.md tells how), and compare its fingerprint there:
pki-authority-known = The site's authority is { $file }, until { $ends }. Its fingerprint:
pki-board = The board's certificate is { $file }, until { $ends }, for { $names }.
pki-settings = In the settings of the board:
pki-issued = { $device } has a certificate until { $ends }:
pki-connect = It connects to { $address } with it, and knows the broker by ca.crt.
pki-revoked = { $count ->
    [one] One certificate of { $device } is
   *[other] { $count } certificates of { $device } are
} accepted no more.
pki-list-file = The broker has to be given { $file }, and told to read it (SIGHUP).
pki-no-devices = No device has a certificate.
pki-col-device = device
pki-col-serial = serial
pki-col-ends = ends
pki-col-state = state
pki-state-revoked = revoked: { $why }
pki-state-over = ended
pki-state-days = { $days } days left
pki-state-older = older, still good

## The command line: device

device-added = { $device } is in beat { $beat }. It publishes on { $topic }
device-account = Its account at the broker is { $device }, its password in { $file }. `patrolgrid device sheet { $device }` makes the page for whoever installs it.
device-by-hand = Give it an account { $device } at the broker: `patrolgrid init` has not made that one.
device-bound = { $what } is a part of { $device } from now on.
device-moved = { $device } is in beat { $beat } now. It has to publish on { $topic } (with an edge agent: `beat` of the device in edge.toml).
device-named = { $device } is called { $name } from now on.
device-replaced = What { $device } had gets in no more. A fresh password is made; what was learned of it stays.
device-retired = { $device } is retired: its account is gone, and it is out of the places file (`patrolgrid places undo` puts it back).
device-sheet = The technician's page is { $file }: open it in a browser and print it. It holds a secret; delete it afterwards.
device-code = The code { $code } works once, until { $until }. Instead of the page, on the device:
    {"  "}patrolgrid edge claim { $ticket }
device-waiting = Waiting for approval (`patrolgrid device approve NUMBER`):
device-none-waiting = Nothing waits for approval.
device-by-certificate = certificate
device-by-password = password
device-open = code is out
device-col-id = device
device-col-type = type
device-col-beat = beat
device-col-connects = connects by
device-col-days = days left
device-col-code = code
device-col-number = no.
device-col-codec = dialect
device-col-match = who
device-col-part = part
device-col-guess = perhaps
device-col-via = heard by
device-col-last = last heard

## The technician's page

sheet-device = Device
sheet-type = Type
sheet-beat = Beat
sheet-position = Longitude, latitude (WGS 84)
sheet-broker = Broker
sheet-plain = not encrypted
sheet-topic = Topic
sheet-fingerprint = Fingerprint of the station's authority (SHA-256)
sheet-code = Code, works once
sheet-until = until { $until }
sheet-step-install = Install the edge agent on the machine beside the device.
sheet-step-claim = Scan the QR code, or type the line below there. The code is used up by it.
sheet-step-run = Start the agent. Ask the station whether the device is heard, before you leave.
sheet-account = Account, to be typed into the device
sheet-username = User name (and client id)
sheet-password = Password
sheet-by-hand = To be filled in
sheet-installed = Installed by
sheet-date = Date
sheet-serial = Serial number
sheet-away = Whoever has this page has the code or the password: give it back to the station, or destroy it. A page that is lost: have the device replaced there (patrolgrid device replace).

## The command line: people

people-added = { $id } ({ $name }) has an account.
people-changed = { $id } is changed.
people-revoked = { $what } opens nothing more.
people-none = Site { $site } has no accounts: its board answers on this machine alone. `patrolgrid people add` makes the first.
people-link-password = Whoever opens it sets the password, once; it lasts { $hours } hours. Hand it over in person.
people-link-patrol = Whoever opens it is taken for this person for { $hours } hours. `patrolgrid people revoke` ends it.
people-link-here = It opens on this machine only. Name the board's address as phones see it: --board https://NAME:PORT
people-token = Whoever carries it is taken for { $person }, for { $scope } alone. It is shown this once: keep it as a secret. `patrolgrid people revoke` ends it.
people-col-token = token
people-col-scope = may
people-col-used = last used
people-col-for = what for
people-col-id = account
people-col-name = name
people-col-role = role
people-col-officer = officer
people-col-state = state
people-col-addresses = channels
people-col-link = link
people-col-purpose = for
people-col-until = until
people-active = in use
people-gone = revoked
people-for-password = a password
people-for-patrol = a patrol's phone
people-for-alert = one alert

## The command line: topics

plates-rotated = New key { $id } in { $file }. Vehicles stay known: for { $days } days their old tokens are linked to the new ones.
plates-sealed = New key { $id } in { $file }. Keep a copy of that file, not with the data. Put the line below on the edge devices: patrolgrid edge --seal-key FILE
plates-key = key { $id }, since { $since }
codec-message = Message { $number }: { $topic }, { $size } bytes
codec-col-device = device
codec-col-type = type
codec-col-says = says
codec-col-time = time
codec-backfill = (sent later on purpose)
codec-count = { $of ->
    [person] people
   *[vehicle] vehicles
}: { $came } in, { $went } out, in { $seconds } s
codec-status = { $device } is { $state }
codec-refused = refused, { $reason }: { $detail }
codec-stranger = bound to no device; a binding needs: { $words } (may be: { $guess })
codec-told-retained = left out { $times }×: the broker had kept it, it may have been counted long ago
codec-told-repeat = left out { $times }×: it was said before
codec-told-resent = left out { $times }×: a total that is not newer than the last
codec-told-reset = noted { $times }×: the device began its total anew
codec-told-wrap = noted { $times }×: the total went round
codec-told-restart = noted { $times }×: the device was restarted
codec-told-jump = left out { $times }×: the total rose by more than can pass; it counts on from there
codec-told-gap = noted { $times }×: messages before this one are missing
codec-told-no_news = left out { $times }×: an end, a keep-alive, or something else that is no news
codec-reply = answer: HTTP { $status }
codec-nothing = says nothing: it holds nothing that is bound, or is the first word of a total
codec-unbound = says nothing: there are no bindings, give some with --bind or --bindings
topics-made = made { $topic }
topics-same = All { $count } topics at { $kafka } are as they must be.
topics-col-topic = topic
topics-col-what = differs
topics-col-found = is
topics-col-expected = must be
topics-what-missing = missing
topics-what-partitions = partitions
topics-what-replication = copies
topics-do-missing = Missing topics: `patrolgrid topics create` makes them.
topics-do-partitions = Partitions are never changed here: set kafka.shards to what is there, or see docs/operations.md.
topics-do-replication = Copies: bring missing brokers back and reassign the partitions, or set kafka.replication to fewer.
topics-do-config = Settings of a topic: kafka-configs.sh --alter --topic TOPIC --add-config KEY=VALUE, or the [kafka] section.
topics-alter = Nothing that was there has been changed.

## The command line: gateway

gateway-runs = Gateway { $name }: MQTT to Kafka at { $kafka }.
gateway-name = --name is '{ $name }', expected letters, digits, - and _, at most 48
gateway-locked = a gateway { $name } runs on this machine already; give this one another --name ({ $error })

## The command line: worker

worker-runs = Worker { $name }: records from Kafka at { $kafka }.
worker-name = --name { $name }: expected letters, digits, '-' and '_' only
worker-ended = the worker ended by itself ({ $error }); start it again, nothing is lost

## The command line: influx

influx-url = influx.url is empty: set it in [influx], or PATROLGRID_INFLUX__URL
influx-admin = InfluxDB 2 asks for the operator's token: set INFLUX_TOKEN, or name a file with --admin-token-file
influx-made = made{"    "}
influx-missing = missing{" "}
influx-same = Everything is there already.
influx-backfilled = { n-lines } are in InfluxDB.
influx-expired = InfluxDB does not keep some lines that old ({ $count } { $count ->
    [one] batch
   *[other] batches
}). A longer retention would keep them.
influx-downsampled = { n-days } have coarse values.
influx-token = { $path }: set { $key } to this file

## The command line: grafana

sync-url = grafana.url is empty: set it in [grafana], or PATROLGRID_GRAFANA__URL
sync-token = there is no Grafana token: name a file with grafana.token_file, or set PATROLGRID_GRAFANA__TOKEN
sync-create = created{"     "}
sync-update = updated{"     "}
sync-delete = removed{"     "}
sync-would_create = would create
sync-would_delete = would remove
sync-would_update = would update
sync-data-source = data source
sync-folder = folder{"     "}
sync-dashboard = dashboard{"  "}
sync-alert-rule = alert rule{" "}
sync-same = Grafana has everything as it should be.
sync-no-places = { $path } is not there: maps have no beats and streets in them, and beats are called by their ids. Name it with site.places, or run this in the folder where it is.
sync-files = { $count } files written below { $path }

## The command line: status

status-site = Site { $site }: { $state }
status-running = running
status-stopped = stopped
status-ended = ENDED: { $part } ended by itself ({ $times } in a row) and is started again: { $why }
status-upto = Data up to { $time }
status-totals = { n-observations }, { n-windows }, { n-anomalies }, { n-alerts } ({ $open } open)
status-quality = { n-duplicates } dropped, { $late } late
status-rates = { NUMBER($rate, maximumFractionDigits: 0) } observations/s, { $lag } records ({ NUMBER($seconds, minimumFractionDigits: 1, maximumFractionDigits: 1) } s) behind
status-training-trained = Context of the beats: judged by a model trained { $time } on { $rows } windows of { n-beats }
status-training-none = Context of the beats: no model yet ({ $detail })
status-training-waiting = history is gathered
status-training-running = it is being trained
status-training-failed = Context of the beats: training failed, nothing else is affected: { $detail }
status-budget = Alert budget: { $per_day } a day; threshold { $odds }; { $raised } raised, { $held } held back today
status-shipped = as shipped
status-conflict = BROKER: another client uses the gateway's client id, and each takes the connection from the other. End the second node, or the one started from a copy of this data folder; bind client ids to accounts at the broker (deploy/mosquitto).
status-store = STORE: the results cannot be read ({ $error }). What follows is what the node says in status.json.
status-fault = FAULT: { $part } does not work: { $why } What to do: { $do }
status-do-store = alarms still go out over MQTT. A damaged store is put aside and written again by itself; otherwise make room on the disk, or correct its owner. `patrolgrid doctor` tells which.
status-do-log = make room on the disk, or correct its owner. Until then nothing is acknowledged and the broker keeps what comes; hazards are told at once, without the log.
status-do-quarantine = make room on the disk, or correct its owner. What is refused meanwhile waits.
status-do-snapshot = make room on the disk, or correct the owner of the folder state. A restart takes longer until then.
status-do-mqtt = look whether the broker runs and lets the node's account write alerts.
status-do-influx = look whether InfluxDB runs; what it misses is sent later.
status-do-jsonl = make room for the result files, or correct their owner.
status-do-broker = end the other client that uses the gateway's id.
status-do-status = make room on the disk of the site's folder.
status-do-planning = officers keep the plan before; the planner tries again every half minute. If it goes on, look into node.log.
status-do-other = look into node.log.
status-again = { $part }: results are made again from the log, at position { $position }
status-damaged = DAMAGED: { $file } was put aside at { $time } as { $kept } ({ $why }); entries saved: { $saved }; lost: { $lost }. When nobody needs it any more, move it away. `patrolgrid repair` tries to save more of it.
status-forgotten = BROKER: it has forgotten the gateway's session { $times } times since the start; what waited there is lost. Let it keep sessions on disk (persistence true), and bind client ids to accounts (deploy/mosquitto).
status-restless = Devices that connect again and again: { $devices }. A second agent uses the same device id (a copied card?), or the network breaks: give each agent an id of its own.
status-places = PLACES: the file was edited and cannot be used, so the last good places stay. { $problem }
status-calendar = CALENDAR: the calendar file cannot be used, so what it said last stays. { $problem }
status-clear = WARNING: passwords or tokens go over the network without encryption: { $sections }. Use TLS (`patrolgrid doctor` says how).
status-dialects = Vendors' dialects, since the node started:
status-quarantine = Quarantine: { $text }
status-empty = empty
status-devices = Devices
status-agents = Edge agents
status-strangers = { $count ->
    [1] One thing speaks that is bound to no device
   *[other] { $count } things speak that are bound to no device
}: `patrolgrid device list --waiting` shows what, `patrolgrid device approve` lets one in.
status-alerts = Open alerts
status-anomalies = Latest anomalies
status-more = {"..."} and { $count } more (--json shows all)
status-col-device = device
status-col-beat = beat
status-col-series = measures
status-col-n = observations
status-col-in = in
status-col-out = out
status-col-quality = quality
status-col-version = version
status-col-heard = heard
status-col-queue = waiting
status-col-dropped = given up
status-col-trouble = trouble
status-col-time = time
status-col-kind = kind
status-col-severity = severity
status-col-text = why

## The command line: doctor

doctor-ok = ok
doctor-warn = warn
doctor-fail = FAIL
doctor-todo = do: { $text }
doctor-python = Python
doctor-packages = packages
doctor-settings = settings
doctor-places = places
doctor-windows = windows
doctor-broker = broker
doctor-disk = disk
doctor-clock = clock
doctor-zone = time zone
doctor-ports = ports
doctor-node = node
doctor-agents = edge agents
doctor-agents-none = none has spoken
doctor-agents-ok = { $count } are well
doctor-agents-trouble = not well: { $names }
doctor-agents-trouble-do = the alert of each says what is wrong; docs/edge.md says what to do
doctor-agents-away = not heard for more than two minutes: { $names }
doctor-agents-away-do = look at the agent's power and network; what it takes meanwhile it keeps and sends later
doctor-agents-strangers = { $count ->
    [1] one thing speaks that is bound to no device: { $names }
   *[other] { $count } things speak that are bound to no device: { $names }
}
doctor-agents-strangers-do = `patrolgrid device list --waiting` shows them with a guess, `patrolgrid device approve` lets one in
doctor-secrets = secrets
doctor-reach = board
doctor-python-ok = { $version }
doctor-python-old = { $version } is too old
doctor-python-do = install Python 3.11 or later
doctor-packages-ok = all extras a node and a board need are here
doctor-packages-edge = enough for an edge device; missing: { $names }
doctor-packages-do = { $command }
doctor-settings-ok = { $file } is in order
doctor-settings-default = no file, all defaults
doctor-settings-do = correct that key; `patrolgrid settings --example` shows all, with what they mean
doctor-places-ok = { n-beats }, { n-devices } in { $file }
doctor-places-none = no places file at { $file }
doctor-places-none-do = `patrolgrid init` makes a station's folder with an example file; or draw beats and devices as GeoJSON (docs/devices.md) and name the file as site.places
doctor-places-do = correct that in the file; `patrolgrid places check` lists all that is wrong, by line
doctor-calendar = calendar
doctor-calendar-ok = holidays of { $country }; { $count } entries of the site
doctor-calendar-until = holidays of { $country }, worked weekends known until { $day }; { $count } entries of the site
doctor-calendar-do = correct that in the settings or the calendar file (docs/calendar.md)
doctor-calendar-unknown = it names places that are not in the places file: { $names }
doctor-calendar-unknown-do = correct the ids: for these nothing is planned
doctor-calendar-ends = which weekends of { $country } are worked is known until { $day } only
doctor-calendar-ends-do = upgrade the package holidays when { $year } is published, or set calendar.worked_days and site.holidays, or a calendar file (docs/calendar.md)
doctor-windows-ok = windows of { $after } s
doctor-windows-other = the settings name windows of { $after } s, what is saved has windows of { $before } s
doctor-windows-other-do = at the next start the baselines are kept, dealt out to the new windows; not kept are the sums of the last hour in which long events are found (they are learned at once) and the forest of the beats, which is trained again when there is enough. To keep all, set pipeline.window_s back to { $before } before you start
doctor-broker-ok = { $host }:{ $port } accepts the connection in { NUMBER($ms, maximumFractionDigits: 0) } ms, and lets read and write what is needed
doctor-broker-embedded = embedded: it is started together with the node
doctor-broker-down = { $host }:{ $port }: { $error }
doctor-broker-down-do = start the broker (`systemctl start patrolgrid-broker` where `patrolgrid init` made it; `patrolgrid broker` to try), or correct broker.host and broker.port
doctor-broker-refused = { $host }:{ $port } refuses: { $error }
doctor-queue = the broker's queue
doctor-queue-ok = it keeps at least { $kept } messages while the node is away
doctor-queue-embedded = embedded: it keeps messages in memory while the node is away, and nothing when it ends itself
doctor-queue-short = of { $sent } messages for a client that is away it kept { $kept }: what comes later is lost without a word
doctor-queue-dropped = it says that it has dropped { $dropped } messages since it started
doctor-queue-short-do = set max_queued_messages 1000000 and max_queued_bytes 536870912 at the broker, as deploy/mosquitto/patrolgrid.conf does, and start it again
doctor-queue-unknown = how much it keeps while the node is away could not be measured: { $error }
doctor-queue-unknown-do = let the node's account read and write below patrolgrid/v1/ (deploy/mosquitto/patrolgrid.acl)
doctor-broker-refused-do = check broker.username (the board's: board.broker_username), its password (mosquitto_passwd) and the TLS files
doctor-disk-ok = { $free } free in { $folder }, writable
doctor-disk-low = { $free } free in { $folder }, fewer than { $need } are left to work with
doctor-disk-low-do = make room, or lower log.max_mb and log.max_age_days
doctor-disk-bad = { $folder } cannot be written to: { $error }
doctor-disk-bad-do = correct its owner or data.dir
doctor-files = files
doctor-files-ok = databases, snapshots and notes in { $folder } are whole
doctor-files-none = nothing in { $folder } yet
doctor-files-damaged = { $found }
doctor-files-damaged-do = a node that starts, or runs, puts them aside and goes on; or stop it and run `patrolgrid repair`
doctor-files-passed = { $found }
doctor-files-passed-do = nothing: the node goes on without it, or writes it again
doctor-files-rights = the node, user { $user }, may not read and write: { $found }
doctor-files-rights-do = chown -R { $user } { $folder }; run commands as that user, not as root
doctor-files-aside = put aside before: { $found }
doctor-files-aside-do = `patrolgrid status` says what was saved; stop the node and run `patrolgrid repair` to try once more, then move them away
repair-running = the node of site { $site } is running, and mends by itself what it comes upon; stop it first to repair more
repair-entries = { $file }: put aside as { $kept } ({ $why }); entries saved: { $saved }; lost: { $lost }
repair-store = { $file }: put aside as { $kept } ({ $why }); the next start of the node writes it again from the log, whose first record is of { $time }
repair-other = { $file }: put aside as { $kept } ({ $why }); the node makes a new one
repair-left-damaged = STILL DAMAGED { $file }: { $why }
repair-left-rights = { $file } may not be read and written ({ $why }): give it to the user that the node runs as, and run this again
repair-good = Repaired; start the node. Nothing was deleted.
repair-nothing = Nothing is damaged.
doctor-clock-ok = { $time }, kept by a time service
doctor-clock-unknown = { $time }; no time service to ask here
doctor-clock-unknown-do = make sure something keeps the clock right (chrony, systemd-timesyncd)
doctor-clock-loose = { $time }; no time service keeps it
doctor-clock-bad = the clock says { $time }
doctor-clock-bad-do = set the clock: observations are judged by it
doctor-zone-ok = { $zone }, { $time } there
doctor-zone-bad = { $zone } is not known here
doctor-zone-do = pip install tzdata, or correct site.timezone
doctor-ports-ok = board port { $port } is free
doctor-ports-ours = a board answers on port { $port }
doctor-ports-taken = board port { $port } is taken; the next free one is used
doctor-ports-do = set board.port if the address has to stay the same
doctor-node-running = running for site { $site }, process { $pid }
doctor-node-stopped = not running for site { $site }
doctor-node-behind = { n-records } behind ({ NUMBER($seconds, maximumFractionDigits: 0) } s)
doctor-node-behind-do = look at the machine's load and at node.log
doctor-node-failing = running, and parts of it fail: { $parts }
doctor-node-failing-do = `patrolgrid status` says for each what to do
doctor-reach-off = there is no board here
doctor-reach-alone = the board answers on this machine alone ({ $host }), without accounts
doctor-reach-accounts = who reaches the board signs in ({ $host })
doctor-reach-open = the board would be open to others on { $host }, without accounts or without TLS: it does not start
doctor-reach-open-do = `patrolgrid people add` and `patrolgrid pki init`, or board.host = 127.0.0.1
doctor-reach-bad-do = `patrolgrid pki init` makes a certificate; correct board.tls_cert
doctor-reach-soon = the board's certificate ends in { $days } days, and was not renewed by itself
doctor-reach-over = the board's certificate is over: phones refuse the board
doctor-reach-soon-do = `patrolgrid pki init` with the authority's key, ca.key, in its place; then restart the board
doctor-reach-account = commands of the board go by the account { $user }, which a station's broker lets give none
doctor-reach-account-do = add the account to the broker (mosquitto_passwd … board) and set board.broker_username
doctor-deliver = delivery
doctor-deliver-ok = rules and channels are in order: { $channels }
doctor-deliver-off = no channels: alerts go to the board and over MQTT only
doctor-deliver-none = [telling] has rules, and there is no channels file at { $file }
doctor-deliver-none-do = write it (docs/deliver.md has an example), or take the rules out
doctor-deliver-bad-do = correct that in the channels file or in [telling]
doctor-deliver-silent = there are channels in { $file }, and no rules: nobody is told
doctor-deliver-silent-do = say in [telling] rules who is told of what (docs/deliver.md)
doctor-deliver-stopped = the node runs, and nothing delivers: nobody is told
doctor-deliver-stopped-do = look at deliver.log in the site's folder; start `patrolgrid up` or `patrolgrid deliver run`
doctor-deliver-anew = deliver.db was removed or damaged, and made anew at { $when }{ $kept ->
        [yes] : nothing of it is lost
       *[no] : messages that waited are lost, and alerts that were open have been told again
    }
doctor-deliver-anew-do = let nobody but delivery touch the file (backups: `patrolgrid backup`); look at deliver.log
doctor-deliver-clear = keys go over the network without encryption: { $channels }
doctor-deliver-clear-do = use an https address for them
doctor-secrets-ok = secret files are readable by their owner only
doctor-secrets-open = { $file } can be read by others
doctor-secrets-clear = passwords or tokens go over the network without encryption: { $sections }
doctor-secrets-clear-do = use TLS: tls = true in [broker] and [kafka], an https address in [influx] and [grafana]
doctor-secrets-open-do = chmod 600 { $file }
doctor-secrets-bad = { $error }
doctor-secrets-bad-do = restore it from a backup; without the file a new key is made, and vehicles are not known by their earlier tokens any more
doctor-secrets-missing = { $file } is not there
doctor-secrets-missing-do = make the file, or correct { $key }
doctor-packages-missing = missing: { $names }
doctor-places-gone = { $file } is not there any more; the node goes by the last good places, { $kept }
doctor-places-gone-do = bring it back, or copy { $kept } to its place
doctor-places-empty-do = it has no device: whatever is published is unknown and goes to quarantine; add the devices (docs/devices.md)
doctor-clock-back = the clock says { $time }, and the node has written on { $newest }: it was set back
doctor-disk-names = { $folder }: only { $count } more files can be made (no free inodes)
doctor-disk-names-do = remove files that nobody needs from this disk
doctor-files-folders = folders stand where files are to be written: { $found }
doctor-files-folders-do = move them away: `patrolgrid up` does not start
doctor-files-lines = { $file } (sinks.jsonl) cannot be written: results do not get there
doctor-files-lines-do = make its folder, or correct sinks.jsonl
doctor-secrets-other = { $file } can be read by its owner only, and the node is user { $user }
doctor-secrets-other-do = chown { $user } { $file }
doctor-secrets-empty = { $file } is empty
doctor-secrets-tls = [{ $section }] { $error }
doctor-secrets-tls-do = correct tls_ca, tls_cert or tls_key in [{ $section }]
doctor-reach-packages-do = the check of packages says what to install
doctor-reach-people-do = bring people.db back from a backup: until then the board lets nobody in
doctor-reach-nobody = there are accounts, and none of them may acknowledge an alert
doctor-reach-nobody-do = `patrolgrid people add ID --role duty`, or put an account back into use
doctor-ports-off = there is no board here
doctor-ports-address = nobody can listen on { $host }: { $error }
doctor-ports-address-do = set board.host to an address of this machine, or 127.0.0.1
doctor-broker-rights = { $host }:{ $port }: the account { $user } does not hear what it publishes: { $topics }
doctor-broker-rights-do = give the account these rights at the broker; deploy/mosquitto/patrolgrid.acl has them for node and board. Then start the broker again, or send it SIGHUP
doctor-queue-conf = { $file } loses messages that a station needs: { $lines }
doctor-queue-conf-do = take these keys from deploy/mosquitto/patrolgrid.conf, and start the broker again
doctor-channels = channels
doctor-channels-off = no channels: nothing to reach
doctor-channels-ok = the servers of { $count } channels can be reached (`patrolgrid deliver test` sends a message)
doctor-channels-away = { $name }: { $place } cannot be reached: { $error }
doctor-channels-away-do = look at the network, the server and the channel's address; until then `next` and other channels are told
doctor-channels-folder = { $name }: { $folder } is no folder that can be written to
doctor-channels-folder-do = make the folder, for the node's user
doctor-influx = InfluxDB
doctor-influx-off = not used
doctor-influx-ok = { $url } takes what is written to { $bucket }
doctor-influx-down-do = start InfluxDB, or correct [influx]: url, version, bucket, token_file; `patrolgrid influx setup` makes what is missing. Until then results wait on the disk and nothing is lost
doctor-influx-packages-do = the check of packages says what to install
doctor-grafana = Grafana
doctor-grafana-off = not used
doctor-grafana-ok = { $url } has PatrolGrid's data source
doctor-grafana-empty = { $url } answers, and has nothing of PatrolGrid's
doctor-grafana-empty-do = `patrolgrid grafana sync`
doctor-grafana-down-do = start Grafana, or correct [grafana]: url, token_file
doctor-grafana-packages-do = the check of packages says what to install
doctor-kafka = Kafka
doctor-kafka-off = not used: the node has its own log
doctor-kafka-ok = the { $count } topics at { $address } are as they must be
doctor-kafka-topics = topics at { $address } are not as they must be: { $found }
doctor-kafka-topics-do = `patrolgrid topics check` says each; `patrolgrid topics create` makes what is missing
doctor-kafka-down-do = start Kafka, or correct [kafka]
doctor-kafka-packages-do = the check of packages says what to install
doctor-admission = who may connect
doctor-admission-none = the broker's accounts are not those of `patrolgrid init`
doctor-admission-ok = { $accounts } accounts of devices and programs, { $count } certificates of devices
doctor-admission-rules = { $file } is of an earlier version; it lacks: { $lines }
doctor-admission-rules-do = move it away and call `patrolgrid init { $folder }`, which makes it anew; then restart the broker
doctor-admission-bad = the certificates of devices cannot be looked at: { $error }
doctor-admission-bad-do = bring the file back from a backup
doctor-admission-over = certificates of devices that have ended: { $names }
doctor-admission-soon = certificates of devices that end soon (days left): { $names }
doctor-admission-soon-do = `patrolgrid device sheet ID` makes a code for a new one; by hand: `patrolgrid pki renew ID`
doctor-admission-revoked = the broker goes by an older list of revoked certificates: { $file }
doctor-admission-revoked-do = copy { $own } there, and let the broker read it (SIGHUP): a device that was revoked still gets in
doctor-certificates = certificates
doctor-certificates-none = none is used
doctor-certificates-ok = of { $count } certificates none ends within three weeks
doctor-certificates-soon = certificates that end soon (days left): { $names }
doctor-certificates-soon-do = renew them before they end: nothing connects afterwards
doctor-node-starting = the node of site { $site } is being started
doctor-node-ended = { $part } ended by itself ({ $times } in a row) and is started again: { $why }
doctor-node-ended-do = look at the log that is named, and at the other findings here
doctor-node-silent = process { $pid } runs, and has written no status for { NUMBER($seconds, maximumFractionDigits: 0) } s
doctor-node-silent-do = look at the disk, the machine's load and node.log; end the process, and it is started again
doctor-warned = Nothing stands in the way; { $count } to look at.
doctor-good = Nothing stands in the way.
doctor-bad = { $count } to put right.

## The command line: models

models-none = No device counts or measures anything yet.
models-semicolon = ;{" "}
models-col-device = device
models-col-metric = measures
models-col-weeks = weeks
models-col-days = days work/Sat/Sun/hol
models-col-state = model
models-col-rare = 1-in-100
models-col-inside = in band
models-col-verdict = calibration
models-col-learned = learned to
models-col-needs = to look at
models-class-working = working days
models-class-saturday = Saturdays
models-class-rest = Sundays and holidays
models-state-judged = judging
models-state-partly = partly young
models-state-young = young
models-state-unseen = no data lately
models-verdict-good = good
models-verdict-narrow = too many surprises
models-verdict-wide = too few surprises
models-verdict-shifted = expects too much or too little
models-verdict-little = too little data
models-needs-stuck = reading does not change
models-needs-unseen = nothing lately: look at the device
models-needs-young = needs history: patrolgrid train
models-needs-narrow = alarms at ordinary things
models-needs-shifted = habits have changed, or the count is wrong
models-needs-wide = may overlook things
models-needs-missing = has not learned { $classes }
    .classes = {" and "}
models-summary = { $series } { $series ->
    [one] model
   *[other] models
} of { n-devices }: { $judged } judging, { $young } young, { $unseen } without data lately; { $wrong } badly calibrated, { $lacking } stuck or lacking a kind of day.
models-figures = { n-windows } of { n-days }: { NUMBER($rare, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) } as strange as 1 in 100, { NUMBER($rarer, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) } as 1 in 20, { NUMBER($inside, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) } inside the { NUMBER($band, style: "percent") } band.
models-anew = The baselines learn anew since { $time } ({ $reason }); `patrolgrid train --from-store` brings back what they knew.
models-state = The saved state cannot be read: { $problem }
models-rhythm = What is expected of { $metric } through a week, half an hour a block; the highest is { $most } a window:
models-advice = { $device }, { $metric }: { $advice }
models-rush = { $begin } to { $end } on { $days }
    .days = {", "}
models-on-working = working days
models-on-weekends = weekends
models-on-all = every day
models-on-0 = Mondays
models-on-1 = Tuesdays
models-on-2 = Wednesdays
models-on-3 = Thursdays
models-on-4 = Fridays
models-on-5 = Saturdays
models-on-6 = Sundays
models-rushes = This place has a rush from { $rushes }; learnt since { $since }.
    .rushes = {", and from "}
models-learnt = Learnt since { $since }.
models-nothing = Nothing is learnt yet.
models-do-well = { $learned } Nothing to do.
models-do-stuck = The reading does not change: look at the sensor. { $learned }
models-do-unseen = Nothing came lately: look at the device and its network. { $learned }
models-do-young = { $learned } Teach it with `patrolgrid train`, or wait two weeks.
models-do-narrow = It finds too much strange: look at what it told; if that is how it is now, patrolgrid models --accept { $device }. { $learned }
models-do-shifted = What it expects is off: look whether the device was moved; if this is how it is now, patrolgrid models --accept { $device }. { $learned }
models-do-wide = It may overlook things: its past was wilder than now, and it narrows within weeks; at once by patrolgrid models --accept { $device }. { $learned }
models-do-missing = { $learned } It has not learned { $classes } yet, and goes by other days then: teach it with `patrolgrid train`, or wait.
    .classes = {" and "}
models-accepted = { $device } ({ $metrics }): what it shows since { $time } is how it is now, says { $by }.
models-accepted-now = The node's models go by it at once; open alerts of it end. Where nothing was counted since then, it is refused: patrolgrid quarantine list --site { $site } --reason command
models-accepted-later = The node of site { $site } is stopped: its models go by it when it starts next.
models-accepted-kafka = The workers on Kafka go by it in their turn.

## The command line: CSV files

csv-bad = { $count } { $count ->
    [one] row
   *[other] rows
} of { $file } { $count ->
    [one] was
   *[other] were
} not used:
csv-bad_line = { $file }, line { $line }: { $why }
csv-more_bad = {"..."} and { $count } more

## The command line: train

train-reading = learning
train-nothing = Nothing to learn: all { $known } windows were learned before.
train-empty = Nothing to learn: there is no window of a count or a level.
train-would = { n-windows } of { $series } series would be learned ({ $first } to { $last }); { $known } were learned before.
train-sent = { n-windows } of { $series } series given to the node ({ $first } to { $last }).
train-known = { $known } windows were left out: the models had learned them before (--again learns them once more).
train-learned = The node has learned { n-windows }.
train-node_known = { $known } more were passed over by the node, which had learned them meanwhile.
train-refused = { $count } were not learned: they are not over yet, or the node refused them (patrolgrid quarantine counts --site { $site }).
train-later = The node of site { $site } is stopped: it learns from them when it starts next.
train-kafka = The workers on Kafka learn from them in their turn.
train-not_waited = The node learns from them now.
train-slow = The node has not worked them off yet; it goes on by itself. `patrolgrid status` shows how far it is.
train-kept = They are in quarantine: patrolgrid quarantine list --site { $site } --reason history
train-gone = { $count } series of the store were left out, as their device is not in the places file: { $devices }

## The command line: whatif

whatif-progress = running again
whatif-set = { $key } = { $then }, now { $now }
whatif-places = places of { $file }
whatif-models-store = models that learn anew from the store
whatif-models-none = models that have learned nothing
whatif-span = From { $first } to { $last }: { $records } records.
whatif-bounded = The log is kept for { $days } days ({ $key }) and begins at { $first }: nothing before that can be run again.
whatif-file = The recording begins at { $first }.
whatif-begun-snapshot = Both runs begin with the state that was saved at { $time }.
whatif-begun-store = No state is kept from before that can be used: both runs begin at { $time } with models that have learned { n-windows } from the store.
whatif-begun-nothing = No state is kept from before, and the store has nothing to learn from: both runs begin at { $time } with young models, which tell little.
whatif-unusable = A state cannot be used: { $problem }
whatif-passed = { $count } { $count ->
    [one] record
   *[other] records
} could not be processed, and were passed by in both runs.
whatif-counts = { $now } { $now ->
    [one] alert
   *[other] alerts
} as it is, { $then } as it would be: { $new } new, { $gone } gone, { $different } different.
whatif-new = new
whatif-gone = gone
whatif-different = now
whatif-as-told = told
whatif-as-again = again
whatif-as-then = tried
whatif-same_again = Run again, the same records give the same alert.
whatif-not_again = Run again, the same records give no such alert: models, places or the program are others than at the time.
whatif-not_then = With what is tried there is no such alert.
whatif-would = then
whatif-because-gone-budget = [held back by the budget]
whatif-because-gone-joined = [part of another alert]
whatif-because-gone-unnoticed = [not found]
whatif-because-new-budget = [held back by the budget now]
whatif-because-new-joined = [part of another alert now]
whatif-because-new-unnoticed = [not found now]
whatif-col-mark = {" "}
whatif-col-raised = told
whatif-col-ended = over
whatif-col-kind = kind
whatif-col-device = device
whatif-col-text = what people read

## The command line: listen

listen-begin = Listening for { $device } at { $broker }. It belongs on { $topic }. Ctrl-C ends.
listen-begin-all = Listening for all devices of site { $site } at { $broker }; the places file has { $devices }. Ctrl-C ends.
listen-unknown = The places file ({ $file }) does not know { $device } yet.
listen-no_places = There are no places to go by, so every device is unknown: { $problem }
listen-no_node = No node of this site runs on this machine. What is called stored is what a node would do.
listen-trouble = The broker is not there: { $trouble }
listen-places = The places file was edited: { $devices } devices.
listen-quiet = Nothing from { $device } within { $seconds } s. Is it on? Does it reach the broker? Is its account there called as it is? The log of the broker names whom it refuses. Does it publish, or only connect?
listen-size = { $bytes } bytes
listen-kept = (kept by the broker since it was said)
listen-label-raw = raw
listen-label-stored = stored
listen-label-taken = taken
listen-label-if = then
listen-label-ignored = unread
listen-label-refused = REFUSED
listen-label-note = NOTE
listen-label-do = to do
listen-row = { $row }; { $when }; { $number }
listen-why = { $reason }: { $detail }
listen-missed = Not heard yet: { $count } ({ $devices })
listen-row-count = count: { $of } in { $in }, out { $out } within { $interval } s
listen-row-gate = passage: { $vehicle }, { $direction }, plate { $token }
listen-row-level = reading: { $metric } { $value } { $unit }
listen-row-state = state: { $metric } { $word }
listen-when-behind = of { $time }, { $gone_s } ago
listen-when-ahead = of { $time }, { $gone_s } AHEAD of the station's clock
listen-when-none = without a time, so of now
listen-number = no. { $seq } of boot { $boot }
listen-unnumbered = not numbered
listen-status = a status
listen-health = how an edge agent is
listen-incident = incidents
listen-command = a command of the board
listen-did = an officer's word
listen-repeats = { $count } said before: nothing changes
listen-nobody = nobody reads this topic
listen-belongs = publish on { $topic }
listen-beat = the places file has no beat { $beat } (it has { $known }): draw it there, or correct the topic
listen-feature = put this line into { $file }, with its true place and name; until then nothing of it is stored:
listen-unit = { $unit } is no unit known for { $metric }: the number is judged as if it were in the rule's unit
listen-clock-ahead = the device's clock is { $off_s } ahead: set it (NTP)
listen-clock-behind = what it says is { $off_s } old when it comes: its clock is behind, or it waits before it sends
listen-clock-zone = that is { $hours } h, as if its time zone were wrong: set the zone, or where that cannot be, put { $setting } into its "overrides"
listen-col-device = device
listen-col-messages = messages
listen-col-stored = stored
listen-col-rate = a minute
listen-col-clock = clock ahead
listen-col-refused = refused

## What to do about what was refused, by reason

reason-do-json = send plain JSON in UTF-8, whole and not compressed
reason-do-type = compare its fields with docs/devices.md; times need a zone
reason-do-range = compare its values with docs/devices.md; send no number in place of a fault
reason-do-topic = publish on patrolgrid/v1/SITE/BEAT/DEVICE/obs, written exactly so
reason-do-size = send smaller messages, more often
reason-do-depth = send flat objects, as in docs/devices.md
reason-do-clock = set the device's clock and time zone (NTP), or give clock_offset_s in the places file
reason-do-unknown_device = put the device into the places file, in the beat of its topic
reason-do-incident = compare it with docs/devices.md, "Incidents"
reason-do-command = acknowledge and clear at the board: only the board's commands count
reason-do-patrol = compare it with docs/devices.md; the stop must be of the running plan
reason-do-status = send { "{" }"state":"online"{ "}" } or offline
reason-do-history = nothing: the rest of the file was learned
reason-do-sequence = let the device choose a new boot whenever its numbers begin again
reason-do-batch = `patrolgrid doctor`: a disk, or a program that writes to the log, is at fault
reason-do-metrics = let the device use a few fixed metrics: no numbers or times in their names
reason-do-plate = bring the station's key back (`patrolgrid plates keys`), then `patrolgrid quarantine replay`
reason-do-quota = let the device send less often; its alarms are taken all the same
reason-do-crash = please report it, with this entry
reason-do-model = nothing: the model before stays, and a new one is trained
reason-do-places = correct the places file
reason-do-calendar = correct the calendar file
reason-do-record = look who else writes to the topics on Kafka, and whether all parts have one version
reason-do-personal = switch the register of people and faces off at the sender: it is never taken
reason-do-xml = compare it with docs/devices.md; XML with entities or a document type is never read
reason-do-auth = give the device the account or token that the station made for it
reason-do-birth_missing = let the node send its birth again (Rebirth), or restart it
reason-do-processing = please report it, with this entry

## The command line: quarantine

quarantine-empty = The quarantine of site { $site } is empty.
quarantine-total = { $count } in quarantine
quarantine-col-id = id
quarantine-col-time = received
quarantine-col-reason = reason
quarantine-col-topic = topic
quarantine-col-detail = detail
quarantine-col-count = count
quarantine-replayed = { $count } sent again to { $host }:{ $port }; what is accepted now leaves no trace here, the rest comes back.
quarantine-cut = { $count } not sent: only their beginning was kept, or their topic is none that a device may use.

## The command line: replay

replay-progress = replaying
replay-sent = { $count } { $count ->
    [one] message
   *[other] messages
} sent to { $host }:{ $port }.
replay-catching = Waiting for the node to catch up ...
replay-status = `patrolgrid status --site { $site }` shows more.

## The command line: plan

plan-shift-of = { $officers } { $officers ->
    [one] officer
   *[other] officers
  }
plan-none = Site { $site } has no plan of a shift. Name officers and shifts under [patrol] in the settings file.
plan-of-shift = Shift { $name }, { $begin } to { $end } (plan made { $solver })
plan-officer = officer
plan-time = time
plan-place = place
plan-beat = beat
plan-kind = why
plan-state = state
plan-stop = stop
plan-minutes = min
plan-note = note
plan-sum = { $officer }: { $done } of { $stops } stops done, { $delivered } of { $planned } minutes delivered.
plan-day = day
plan-hours = hours
plan-asked = asked for
plan-there = there
plan-week = Week of { $time }, by what { $days } days of the past asked for; officers on average
plan-shifts = Shifts
plan-served = { NUMBER($share, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) } of the load served with { $hours } officer-hours
plan-equal = Three equal shifts of { $officers } would serve as much with { $hours } officer-hours
stop-risk = most risk
stop-committed = agreed upon
stop-minimum = the beat's minimum
stop-exploration = drawn at random
stop-planned = planned
stop-arrived = there
stop-done = done
stop-skipped = skipped
stop-missed = missed
stop-replaced = replaced

## The command line: export
export-done = { $rows ->
    [0] There is nothing of that kind and time{ $size ->
        [0] .
       *[other] : { $file } has only the names of its columns.
    }
    [one] { $rows } row{ export-file }
   *[other] { $rows } rows{ export-file }
}
export-file = { $size ->
    [0] {""}
   *[other] {" "}in { $file } ({ COMPACT($size) } bytes)
}
export-unit = {" "}hours
export-stopped = Stopped. { $file } is as it was.

## The command line: backtest, record, edge

backtest-days = { n-days } from { $first_day }, { n-cells }, { n-incidents }
backtest-area = riskiest { NUMBER($share, style: "percent") } of the area: { NUMBER($rate, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) } of incidents, PAI { NUMBER($pai, minimumFractionDigits: 2, maximumFractionDigits: 2) }, PEI* { NUMBER($pei, minimumFractionDigits: 2, maximumFractionDigits: 2) }; it expects { NUMBER($expects, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) }; who knew the true mean rates: { NUMBER($ceiling, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) }
backtest-baseline-counts-1 = counts of a year
backtest-baseline-counts-2 = counts of two years
backtest-baseline-counts-all = counts of all years
backtest-baseline-density = kernel density
backtest-baseline-promap = ProMap
backtest-baseline-etas = grid ETAS
backtest-baseline = riskiest { NUMBER($share, style: "percent") }: { NUMBER($rate, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) }, PAI { NUMBER($pai, minimumFractionDigits: 2, maximumFractionDigits: 2) }, PEI* { NUMBER($pei, minimumFractionDigits: 2, maximumFractionDigits: 2) }; { $told ->
    [better] the forecast hits { NUMBER($by, minimumFractionDigits: 1, maximumFractionDigits: 1) } points more (95 %: { NUMBER($low, minimumFractionDigits: 1, maximumFractionDigits: 1) } to { NUMBER($high, minimumFractionDigits: 1, maximumFractionDigits: 1) })
    [worse] the forecast hits fewer: { NUMBER($by, minimumFractionDigits: 1, maximumFractionDigits: 1) } points (95 %: { NUMBER($low, minimumFractionDigits: 1, maximumFractionDigits: 1) } to { NUMBER($high, minimumFractionDigits: 1, maximumFractionDigits: 1) })
   *[none] no difference ({ NUMBER($by, minimumFractionDigits: 1, maximumFractionDigits: 1) } points, 95 %: { NUMBER($low, minimumFractionDigits: 1, maximumFractionDigits: 1) } to { NUMBER($high, minimumFractionDigits: 1, maximumFractionDigits: 1) })
}
backtest-patrols = { $shifts } shifts of { $officers }, { $incidents } incidents
backtest-patrol-way = { $way ->
    [plan] plans
    [greedy] greedy, most covered a minute
    [hottest] greedy, hottest first
   *[rounds] equal rounds of all beats
 }: { NUMBER($covered, minimumFractionDigits: 2, maximumFractionDigits: 2) } of 1,000 incidents expected an officer-hour covered, { $hit } really hit, { NUMBER($stops, maximumFractionDigits: 0) } stops a shift
backtest-patrol-against = plans against { $way ->
    [greedy] greedy, most covered a minute
    [hottest] greedy, hottest first
   *[rounds] equal rounds
 }: { NUMBER($ratio, minimumFractionDigits: 2, maximumFractionDigits: 2) } times the cover ({ NUMBER($low, minimumFractionDigits: 2, maximumFractionDigits: 2) } to { NUMBER($high, minimumFractionDigits: 2, maximumFractionDigits: 2) }), { NUMBER($hits, minimumFractionDigits: 2, maximumFractionDigits: 2) } times the hits ({ NUMBER($hits_low, minimumFractionDigits: 2, maximumFractionDigits: 2) } to { NUMBER($hits_high, minimumFractionDigits: 2, maximumFractionDigits: 2) })
backtest-patrol-cost = being unpredictable costs { NUMBER($cost, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) } of the cover; small cases reach { NUMBER($of_best, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) } of the optimum at least, whole shifts { NUMBER($of_bound, style: "percent", maximumFractionDigits: 0) } of a bound
backtest-patrol-guess = { $what ->
    [guess_places] where somebody stops in the next half hour
   *[guess_next] where an officer who is followed goes next
 }: guessed right in { NUMBER($by_order, style: "percent", maximumFractionDigits: 0) } after watching thirty shifts, in { NUMBER($by_visits, style: "percent", maximumFractionDigits: 0) } by how often places are visited
backtest-staffing = three equal shifts of { $officers } (the first at { $first }): { NUMBER($equal_hours, maximumFractionDigits: 0) } officer-hours, { NUMBER($equal_share, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) } of the load served
    shifts by the forecast: { NUMBER($hours, maximumFractionDigits: 0) } officer-hours, { NUMBER($share, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) } served, { NUMBER($saved, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) } fewer hours
backtest-rows = { n-rows }, { $missing } missing, windows of { $window } s
backtest-device = { $device }: { n-rows } in alarm
backtest-events = { n-events }
backtest-found = within { $budget } false alarms a week: { NUMBER($share, minimumFractionDigits: 3, maximumFractionDigits: 3) } found, threshold { $threshold }
backtest-kind = { $name }: { $events } known, { $found } found{ $named ->
    [-1] {""}
   *[other] , { $named } named
}
backtest-shipped = shipped threshold: { NUMBER($share, minimumFractionDigits: 3, maximumFractionDigits: 3) } found, { NUMBER($false, minimumFractionDigits: 2, maximumFractionDigits: 2) } false a week
record-done = { $file }: { n-messages }, { $size } bytes
edge-lost = { $lost } observations are lost: { $spool }: { $trouble ->
    [none] the spool was full
   *[other] { $trouble }
  }
edge-plates = { $removed } passages were taken without their plates: without the station's key (--seal-key) no plate is written to a disk. On the node: patrolgrid plates keys > station.seal
edge-settings-unknown = { $device } is no device of { $file }; expected the one that the agent speaks through
edge-settings-large = the settings have { $size } bytes signed, at most { $most } are taken
edge-settings-sent = Settings { $version } for { $device } are at the broker; `patrolgrid edge settings { $device }` tells when the agent goes by them.
edge-settings-last = { $device }: { $version ->
    [0] no settings were sent from here
   *[other] settings { $version } were sent last
}; the agent goes by { $has ->
    [0] its own file
   *[other] settings { $has }
}.
edge-settings-silent = { $device }: { $version ->
    [0] no settings were sent from here
   *[other] settings { $version } were sent last
}; no agent that speaks through it has told of itself yet.
edge-settings-problem = It has not taken what was sent: { $problem }
edge-settings-unheard = the broker did not pass on what was published on { $topic }: it does not let the account { $user } write there; deploy/mosquitto has the access list that does
edge-checked =
    The settings can be used.
    site: { $site }
    broker: { $broker }
    devices: { $devices }
    sources: { $sources }
    bindings: { $bindings }
edge-claimed = { $device } (beat { $beat }) has its account at the broker { $broker }:
edge-claimed-next = Now write the sources and bindings into { $file } (docs/edge.md), and start the agent: patrolgrid edge run --config { $file }
edge-claimed-known = The device is in { $file } already. Start the agent again, so that it uses the new account.
edge-done = { $taken } taken, { $refused } refused, { $acknowledged } acknowledged

## The board's page and the errors of its API; the page fills in the values itself

language-name = EN
board-skip-to = Go to the content
board-loading = Loading…
board-cancel = Cancel
board-list-comma = ,{" "}
board-percent = { $n } %
board-span-s = { $n } s
board-span-m = { $n } min
board-span-hm = { $h } h { $m } min
board-span-h = { $n } h
board-span-d = { $n } { $n ->
    [one] day
   *[other] days
}
board-clock-label = Site time
board-clock-simulated = Simulated
board-clock-fast = Simulated, ×{ $speed }
board-clock-replay = Replay
board-link-live = Live
board-link-connecting = Connecting…
board-link-stale = Stale since { $time }
board-link-unheard = Not yet heard
board-link-waiting = Waiting for data
board-link-catching_up = Catching up
board-link-quiet = No data
board-link-disconnected = No data
board-link-node_silent = No data
board-link-failing = Faulty
board-link-store_error = No data
board-link-link_lost = Not connected
board-todo-link_lost = Waiting for the board’s server. Is the network cable in, and the computer with the board on? Until then: radio and telephone.
board-todo-node_silent = Waiting for the node to start again, which is tried by itself. Longer than two minutes: technical support runs “patrolgrid doctor”. Until then: radio and telephone.
board-node-alone = Nobody starts it again by itself: technical support starts the service patrolgrid (or “patrolgrid up”). Until then: radio and telephone.
board-todo-disconnected = Waiting for the message broker; the node goes on by itself when it is back. Longer than two minutes: technical support runs “patrolgrid doctor”.
board-todo-quiet = Waiting for any device to report. Look at switches and cables of the devices’ network first.
board-todo-failing = Technical support finds the reason with “patrolgrid status”.
board-todo-store_error = Technical support finds the reason with “patrolgrid doctor”.
board-todo-unheard = Is a device to be heard by now? “patrolgrid listen --all” shows what comes, and why it is not taken.
board-todo-waiting = Longer than a minute: technical support runs “patrolgrid doctor”, which says what is missing.
board-todo-catching_up = There is nothing to do: it goes on by itself.
board-delivery-stopped = NOBODY IS TOLD ON PHONES since { $time }: delivery has stopped. Alerts appear on this page only, so call patrols yourself. Technical support runs “patrolgrid doctor”.
board-delivery-fault = ALERTS MAY NOT REACH PHONES: delivery has a fault. Call patrols yourself. Technical support runs “patrolgrid doctor”.
board-delivery-trouble = Not working just now: { $channels }. Messages there wait and are tried again; call whoever should know.
board-stale-link_lost = NO CONNECTION since { $time } ({ $span }). This page shows old information. Trying again…
board-stale-node_silent = NO DATA since { $time } ({ $span }): the PatrolGrid node has stopped. New alerts will not appear.
board-stale-failing = FAULT since { $time } ({ $span }): { $parts } not working. Alerts may be late or missing. Call technical support.
board-places-problem = The places file was edited and cannot be used; the last good places stay. { $problem }
board-calendar-problem = The calendar file cannot be used; what it said last stays. { $problem }
board-damaged = Damaged files were put aside ({ $files }), and new ones have begun. Call technical support: “patrolgrid status” says what was saved.
board-stale-disconnected = NO DATA since { $time } ({ $span }): the node has lost the message broker. New alerts will not appear.
board-stale-quiet = NO DATA since { $time } ({ $span }): no device is reporting. Check the network.
board-stale-store_error = NO DATA since { $time }: the results cannot be read ({ $parts }). New alerts still go to phones. Call technical support.
board-stale-unheard = No device has reported yet; the node runs and waits.
board-stale-waiting = Waiting for the first data from the node…
board-stale-catching_up = Catching up: results are { $behind } behind. Alerts may come late.
board-tally-open = open · { $taken } being handled
board-sound-label = Sound for new alerts
board-sound-on = Sound on
board-sound-off = Sound off
board-sound-held = The browser holds sound back: press here
board-language-label = Language
board-officer-ask = Your name
board-officer-none = Officer on duty
board-officer-hint = It stands beside what you acknowledge or clear, and is kept on this device.
board-door-title = Sign in
board-door-demo = This is a demonstration: the duty officer’s account is { $id }, the password { $password }.
board-door-demo_in = Look at it as the duty officer
board-door-demo_as = Look at it as { $role }
board-door-id = Account
board-door-password = Password
board-door-show = Show
board-door-hide = Hide
board-door-sign_in = Sign in
board-door-lost = No account, or the password is lost? Whoever looks after this system makes a personal link for you.
board-door-unseen = Nobody is signed in here. This page shows NO alerts.
board-door-old = Password now
board-door-new = New password
board-door-password_of = Password of { $name } ({ $id })
board-door-rule = At least 10 characters. A few words that only you put together are easy to keep and hard to guess.
board-door-set = Set the password
board-door-changed = The password is set.
board-door-on = Go on
board-door-instead = Sign in with a password
board-door-for = For { $name }
board-door-over = This alert is over.
board-person-signed_in = Who is signed in
board-person-until = signed in until { $time }
board-person-password = Change the password
board-person-sign_out = Sign out
board-person-ends = Your sign-in ends at { $time }; then this page shows no more alerts.
board-person-again = Sign in anew
board-role-duty = Duty officer
board-role-patrol = Patrol
board-role-engineer = Engineer
board-role-chief = Chief
board-role-partner = Partner
board-map-label = Map of beats, devices and hotspots
board-map-in = Zoom in
board-map-out = Zoom out
board-map-home = Whole area
board-map-count = { $metric }: { $seen }, expected { $expected }
board-map-hotspot = Hotspot { $rank } · { $place }
board-map-incident = { $what } · { $time }
board-legend-title = Legend
board-alerts-title = Open alerts
board-alerts-none = No open alerts.
board-alerts-none_blind = No open alerts; but { $n } of { $total } devices { $n ->
    [one] is
   *[other] are
} not heard as they should be.
board-alerts-unknown = No data, so nothing can be said about alerts.
board-alerts-show = Show on the map
board-alerts-confidence = Confidence { $share }
board-alerts-acknowledge = Acknowledge
board-alerts-clear = Clear
board-alerts-taken = Acknowledged by { $by }, { $time }
board-alerts-taken_system = Acknowledged
board-alerts-ended = Ended { $time } by itself; nobody had taken it up.
board-alerts-seen = Seen
board-alerts-told = Told: { $channels }
board-alerts-demo_chat = (see it)
board-alerts-untold = Not told: { $channel } ({ $why })
board-alerts-untold_yet = Being told: { $channel }
board-alerts-pending_acknowledge = Acknowledging…
board-alerts-pending_clear = Clearing…
board-alerts-pending_slow = Sent; the node has not confirmed it yet…
board-alerts-new = New alert. { $severity }: { $kind }, { $place }
board-channel-wecom = WeCom
board-channel-dingtalk = DingTalk
board-channel-feishu = Feishu
board-channel-mail = mail
board-channel-sms = text message
board-channel-phone = telephone
board-clear-ask = How did it end?
board-clear-note = Note (optional)
board-clear-handled = Handled on site
board-clear-false = False alarm
board-clear-passed = Passed on
board-clear-do = Clear alert
board-clear-why = Why it was a false alarm
board-flood-title = { $n } × { $kind }
board-flood-others = Other alerts
board-flood-beats = { $names } and { $n } { $n ->
    [one] more beat
   *[other] more beats
}
board-flood-times = { $first } to { $last }
board-flood-places = { $names } and { $n } { $n ->
    [one] more place
   *[other] more places
}
board-flood-details = Details
board-flood-sent = Sent
board-flood-unfold = Show all
board-flood-fold = Fold
board-flood-further = Show more ({ $n } left)
board-flood-acknowledge = Acknowledge all { $n }
board-flood-clear = Clear all
board-flood-clear_do = Clear all { $n }
board-flood-sure = Acknowledge { $n } alerts? Nobody is called for them any more.
board-flood-sending = { $done } of { $n } sent…
board-flood-partly = { $done } of { $n } sent. { $why }
board-flood-taken = Acknowledged by { $by }
board-flood-ended = They ended by themselves; nobody had taken them up.
board-flood-new = { $n } new alerts. The worst: { $severity }: { $kind }, { $place }
board-flood-beyond = And { $n } more open { $n ->
    [one] alert
   *[other] alerts
}: see the history
board-hotspots-title = Hotspots
board-hotspots-when = as of { $time }, next { $span }
board-hotspots-hours = { $from }–{ $until } h
board-hotspots-none = No hotspots yet.
board-incidents-tab = Incidents
board-incidents-lead = { $n ->
    [one] { $n } incident in the last { $days } days, newest first.
   *[other] { $n } incidents in the last { $days } days, newest first.
}
board-incidents-map = Incident, last { $days } days
board-provenance-reported = reported
board-provenance-sensor = by a sensor
board-provenance-patrol_discovered = found by a patrol
board-patrol-title = Patrol
board-patrol-page = Patrol page
board-patrol-alerts = My alerts
board-patrol-next = Next stop
board-patrol-here = You are here
board-patrol-my_stops = My stops
board-patrol-no_alerts = No alerts for you.
board-patrol-elsewhere = { $n ->
    [one] { $n } more open alert elsewhere
   *[other] { $n } more open alerts elsewhere
}
board-patrol-no_plan = No stops are planned for you now. Places that need somebody most:
board-patrol-all_done = All stops are done.
board-patrol-sending = { $state } (not confirmed yet)
board-patrol-arrived = Arrived
board-patrol-done = Done
board-patrol-note = Note…
board-patrol-skip = Skip
board-patrol-skip_ask = Why is this stop skipped?
board-patrol-help = Help
board-patrol-help_ask = Do you need help?
board-patrol-help_hint = It raises a critical alert at the station at once, with the stop where you are.
board-patrol-help_send = Send for help
board-patrol-away = I am called away
board-patrol-back = I am back
board-patrol-sketch = Sketch of the streets around this place
board-patrol-way = { $metres } m, to the { $direction } of your last stop
board-patrol-map = Open in the phone’s map
board-patrol-sun = Sun
board-patrol-night = Night
board-patrol-waits = { $n ->
    [one] { $n } entry is not sent yet. It is kept, and sent as soon as there is a connection.
   *[other] { $n } entries are not sent yet. They are kept, and sent as soon as there is a connection.
}
board-patrol-help_waits = YOUR CALL FOR HELP IS NOT SENT YET. Use the radio or call. It is tried again all the time.
board-patrol-help_sent = The station has your call for help ({ $time }).
board-patrol-refused = Not taken: { $why }
board-patrol-links = Patrols’ phones
board-patrol-links_hint = The code opens the page of one officer, on one phone, for 14 hours. Let nobody else take it.
board-patrol-links_none = No account with the role “patrol” yet: “patrolgrid people add” makes one.
board-patrol-make = Show code
board-patrol-withdraw = Withdraw links
board-patrol-open_links = { $n ->
    [one] { $n } link open
   *[other] { $n } links open
}
board-compass-n = north
board-compass-ne = north-east
board-compass-e = east
board-compass-se = south-east
board-compass-s = south
board-compass-sw = south-west
board-compass-w = west
board-compass-nw = north-west
board-false-nothing = False alarm: nothing there
board-false-ordinary = False alarm: ordinary activity
board-false-weather = False alarm: wind, rain or light
board-false-animal = False alarm: an animal
board-false-works = False alarm: works or a test
board-false-device = False alarm: the device is faulty
board-history-csv = As a table
board-history-filters = Filters
board-history-text = Look for words: place, note, name
board-history-days = Days
board-history-from = From
board-history-to = Until
board-history-clear = Clear filters
board-history-more = Show more
board-history-range_today = Today
board-history-range_yesterday = Yesterday
board-history-range_days = { $n } days
board-history-range_month = Last month
board-history-range_year = Year
board-history-range_all = All
board-history-all_severity = All
board-history-all_kind = All
board-history-all_beat = All
board-history-all_device = All
board-history-all_state = All
board-history-all_person = Anybody
board-history-all_reason = Does not matter
board-history-found = { $n } { $n ->
    [one] alert
   *[other] alerts
}
board-history-day_alerts = { $n } { $n ->
    [one] alert
   *[other] alerts
}
board-history-false = { $n } { $n ->
    [one] false alarm
   *[other] false alarms
}
board-history-none = No alerts on these days.
board-history-none_filtered = No alerts on these days that fit the filters.
board-reason-any = Any false alarm
board-reason-nothing = Nothing there
board-reason-ordinary = Ordinary activity
board-reason-weather = Wind, rain or light
board-reason-animal = An animal
board-reason-works = Works or a test
board-reason-device = The device is faulty
board-history-column_raised = Raised
board-history-column_severity = Severity
board-history-column_kind = Kind
board-history-column_place = Place
board-history-column_beat = Beat
board-history-column_device = Device
board-history-column_text = What was seen
board-history-column_state = State
board-history-column_by = By
board-history-column_reason = False alarm
board-history-column_note = Note
board-history-column_changed = Last change
board-history-column_id = Id
board-skip-called = Called to something else
board-skip-time = No time
board-skip-access = No access
board-skip-unsafe = Not safe alone
board-skip-quiet = No need
board-menu = Pages
board-page-board = Board
board-page-bench = Bench
board-page-docs = API
board-docs-document = Download openapi.json
board-docs-search = Look for a path or a word
board-docs-found = { $n ->
    [one] { $n } operation
   *[other] { $n } operations
}
board-docs-nothing = Nothing has these words.
board-docs-right = Needs the right “{ $right }”.
board-docs-everybody = For everybody who was let in.
board-docs-changes = This changes something: it is not tried from here.
board-docs-try = Try it
board-docs-asking = Asking …
board-docs-took = { $status } · { $ms } ms · { $size } kB
board-docs-cut = … { $count } more characters
board-docs-body = What is sent
board-docs-answer = Answer
board-docs-refused = Refusals
board-bench-tabs = What to try
board-bench-tab_scenarios = Scenarios
board-bench-tab_whatif = What if
board-bench-tab_rhythms = Rhythms
board-bench-no_simulator = There is no simulator at this site: its devices are real, and nothing can be made to happen. `patrolgrid demo` runs a simulated neighbourhood.
board-bench-silent = The simulator has said nothing for a while: nothing can be made to happen just now.
board-bench-happen = Let something happen
board-bench-what = What
board-bench-where = Where
board-bench-anywhere = By chance
board-bench-in_beat = Somewhere in { $beat }
board-bench-strength = Strength
board-bench-usual = usually { $low }–{ $high }
board-bench-minutes = Minutes
board-bench-after = In minutes
board-bench-at_once = 0: with the next minute
board-bench-found_as = Should be found as: { $kinds }
board-bench-by_night = By night only, 22:03 to 05:30.
board-bench-go = Let it happen
board-bench-sent = Sent; waiting for the simulator …
board-bench-taken = It happens at { $time }.
board-bench-began = It has begun at { $time }.
board-bench-happened = What has happened
board-bench-nothing = Nothing has happened yet since the simulator began.
board-bench-col_state = State
board-bench-col_what = What
board-bench-col_where = Where
board-bench-col_began = Began
board-bench-col_ends = Ended
board-bench-col_by = By
board-bench-planned = planned
board-bench-running = not found yet
board-bench-found = found after { $span }
board-bench-missed = missed
board-bench-ordered = ordered
board-bench-ordered_strength = ordered, strength { $strength }
board-bench-chance = by chance
board-bench-tally = { $found } of { $over } found
board-bench-try = What would have been told?
board-bench-try_help = The log of some days goes through two pipelines beside each other, one as the node has it and one as tried here. Nothing is changed by it.
board-bench-key = Setting
board-bench-now = Now
board-bench-then = Try
board-bench-other = Other settings
board-bench-models = Models
board-bench-models_kept = as they were
board-bench-models_store = learned anew from the store
board-bench-models_none = young, as on the first day
board-bench-places = Places file
board-bench-from = From
board-bench-to = To
board-bench-span_help = Empty: the last week, as far as the log reaches.
board-bench-begin = Begin
board-bench-cancel = Cancel
board-bench-progress = { $percent } done
board-bench-starting = Begins …
board-bench-runs = Runs that are kept
board-bench-no_runs = Nothing has been tried yet.
board-bench-state_running = under way
board-bench-state_done = done
board-bench-state_failed = failed
board-bench-state_cancelled = cancelled
board-bench-state_interrupted = interrupted: the board ended
board-bench-as_is = as it is
board-bench-with_places = other places
board-bench-counts = { $from } to { $to }: { $now } alerts now, { $then } then; { $new } new, { $gone } gone, { $different } different.
board-bench-begun_snapshot = Both began with the models of { $time }.
board-bench-begun_store = No saved state reaches back so far: both learned from the store first.
board-bench-begun_nothing = Both began with young models: there is nothing to learn from before.
board-bench-passed = { $n } records could not be processed and were left out.
board-bench-same = No alert differs.
board-bench-new = new
board-bench-gone = gone
board-bench-different = different
board-bench-would = would be
board-bench-because_budget = held back by the budget
board-bench-because_joined = part of another alert
board-bench-because_unnoticed = not noticed
board-bench-no_place = on no map
board-bench-rhythm_help = What is usual of a device as the simulator makes it, beside what its model has learnt so far.
board-bench-device = Device
board-bench-no_rhythms = There is no device here whose rhythm is known beforehand.
board-bench-reading = Reading what the models have learnt …
board-bench-not_learnt = Its model has learnt nothing yet.
board-bench-learnt_days = Learnt from { $working } working days, { $saturday } Saturdays, { $rest } days of rest.
board-bench-apart = Learnt and truth are { $percent } apart on { $days }.
board-bench-day_0 = working days
board-bench-day_1 = Saturdays
board-bench-day_2 = days of rest
board-bench-truth = truth
board-bench-learnt = learnt
board-bench-band = band of 99 %
board-bench-per_window = { $metric }, { $minutes } min windows
board-error-no_rhythm = There is no simulated rhythm of { $id }.
board-bench-map = Map of what differs
board-bench-legend_new = new: told only as tried
board-bench-legend_gone = gone: told only as it is
board-bench-legend_different = different: told in both ways
board-error-no_simulator = No simulator runs at this site.
board-error-no_scenario = There is no scenario { $name }.
board-error-work_failed = It could not be begun: { $detail }
board-error-nothing_to_try = Nothing to try: change a setting, the models or the places.
board-page-places = Map
board-places-draw = Draw
board-places-tab_feature = Features
board-places-tab_import = Import
board-places-tab_picture = Picture
board-places-tab_changes = Changes
board-places-kind_beat = Beat
board-places-kind_street = Street
board-places-kind_landmark = Landmark
board-places-kind_device = Device
board-places-undo = Undo
board-places-redo = Redo
board-places-help_beat = Click its corners in turn; click the first again, or Enter, to end. Backspace takes one back, Esc all.
board-places-help_street = Click along the street; click the last point again, or Enter, to end. Backspace takes one back, Esc all.
board-places-help_landmark = Click where it is. Esc gives up.
board-places-corner = Corner { $n }: drag it; Delete or a right click takes it out
board-places-corner_new = Drag for a new corner here
board-places-corner_remove = Take out corner { $n }
board-places-corners = Corners: longitude, latitude; one a line
board-places-corners_help = Degrees (WGS 84).
board-places-corners_bad = Line { $n } is no longitude and latitude
board-places-corners_few = At least { $least } corners
board-places-name_en = Name in English
board-places-name_zh = Name in Chinese
board-places-id = Id: in topics
board-places-id_bad = Letters, digits, - and _, at most 48, and not another beat's
board-places-id_fixed = The id stays: topics and history hang on it
board-places-community = Community
board-places-residents = Residents
board-places-officers = Officers
board-places-beat_kept = Devices are in it: move them to other beats before you take it out.
board-places-remove = Take out
board-places-device_page = The device’s page: state, account, retire, replace
board-places-device_new = It comes from a file. Its account is made when you save.
board-places-beat = Beat
board-places-stands = It stands in { $beat }.
board-places-stands_nowhere = It stands in no beat.
board-places-lon = Longitude
board-places-lat = Latitude
board-places-heading = Looks towards: degrees from north
board-places-turn_left = Turn left by 15°
board-places-turn_right = Turn right by 15°
board-places-none_selected = Click something on the map or in the list. Drag it, or give its place in numbers. Nothing is taken before you save.
board-places-snap = Snap to corners and sides of others
board-places-together = Move corners that beats share together
board-places-site = The site
board-places-all = All features
board-places-search = Search by name or id
board-places-none_found = Nothing is called so.
board-places-empty = There is nothing on the map yet: draw a beat, or import a file.
board-places-wrong = wrong
board-places-odd = odd
board-places-unwritable = The places file cannot be changed here: { $why }
board-places-both = { $name } was changed by somebody else meanwhile.
board-places-theirs = Take theirs
board-places-mine = Keep mine
board-places-met = Somebody else has saved meanwhile. Your changes are kept.
board-places-no_changes = No changes
board-places-discard = Discard
board-places-save = Save
board-places-saved = Saved as change { $number }. The node takes it up within seconds.
board-places-taken_back = Change { $number } is taken back; that is change { $by }.
board-places-by_hand = in the file, by hand
board-places-show = Show
board-places-is_undone = taken back
board-places-undo_change = Take back
board-places-changes_help = Everybody’s changes, the newest first. Each can be taken back; what came after it stays.
board-places-no_news = Nobody has changed the places yet.
board-places-older = Older ones
board-places-cancel = Cancel
board-places-import_help = A list of devices (CSV: id, type, name, lon, lat, beat) or outlines, streets and landmarks (GeoJSON). What has the id of something that is there changes it; the rest is added.
board-places-import_file = File (CSV or GeoJSON)
board-places-import_kinds = Expected a file .csv, .geojson or .json.
board-places-import_example = Take out what is left of the example
board-places-import_reading = Reading …
board-places-import_would = { $file } would bring
board-places-import_counts = added: { $added }, changed: { $changed }, as before: { $same }, taken out: { $removed }
board-places-import_id = Line { $line }: { $written } cannot be an id; it becomes { $id }
board-places-import_line = Line { $line }: { $text }
board-places-import_take = Take to the map
board-places-import_nothing = Nothing of it would change the places.
board-places-picture_help = A plan or a photograph from above, laid under the map: no map tiles are needed. PNG, JPEG or WebP, at most 16 MB.
board-places-picture_file = Picture
board-places-picture_other = Another picture
board-places-picture_reading = The picture is taken in …
board-places-picture_shown = On the board’s map, too
board-places-picture_points = Lay it by two to four points
board-places-picture_drag = Or drag its corners; the point in the middle moves all of it.
board-places-picture_pick = Point { $n }: click a place on the picture that you know.
board-places-picture_where = Now click where that is on the map: a corner of a beat, a street, a device.
board-places-picture_enough = Four points are enough.
board-places-picture_lay = Lay the picture
board-places-picture_line = These points lie on one line; choose others.
board-places-picture_remove = Take the picture away
board-places-picture_corner = Corner { $n } of the picture
board-places-picture_move = Move the whole picture
board-places-opacity = How strong
board-places-beat_has = { $area } hectares, { $n ->
    [one] one device
   *[other] { $n } devices
}
board-places-more = { $n ->
    [one] and one more: search for it
   *[other] and { $n } more: search for them
}
board-places-wrong_count = { $n ->
    [one] One thing is wrong
   *[other] { $n } things are wrong
}
board-places-odd_count = { $n ->
    [one] One thing looks odd
   *[other] { $n } things look odd
}
board-places-unsaved = { $n ->
    [one] One change is not saved
   *[other] { $n } changes are not saved
}
board-places-accounts = { $n ->
    [one] One account was made at the broker.
   *[other] { $n } accounts were made at the broker.
}
board-places-import_added = { $n ->
    [one] One is added
   *[other] { $n } are added
}
board-places-import_changed = { $n ->
    [one] One is changed
   *[other] { $n } are changed
}
board-places-import_removed = { $n ->
    [one] One is taken out
   *[other] { $n } are taken out
}
board-places-import_bad = { $n ->
    [one] One is not taken
   *[other] { $n } are not taken
}
board-places-picture_pairs = { $n ->
    [one] One point so far
   *[other] { $n } points so far
}
board-page-plan = Plan
board-page-history = History
board-page-report = Week
board-report-print = Print
board-report-choose = Week
board-report-earlier = ‹ Earlier
board-report-later = Later ›
board-report-pdf = PDF
board-report-html = HTML file
board-report-waiting = The report is being made …
board-report-newest = The newest week
board-report-lost = The report cannot be reached. Choose the week again.
board-error-no_settings = This board was not told of the site's settings, which a report needs: start it with “patrolgrid up” or “patrolgrid board”.
board-error-no_pdf = No PDF can be made here: { $detail }
board-theme = Colours
board-theme-dark = Dark
board-theme-light = Light
board-keys = Keyboard
board-keys-menu = pages: open the menu
board-keys-search = search
board-keys-next = next of the list
board-keys-previous = the one before
board-keys-print = print
board-keys-help = this help
board-keys-page = a page of the menu
board-keys-on = Single keys are switched on
board-keys-close = Close
board-plan-print = Print
board-plan-title = Patrol plan
board-plan-stops = Stops, by officer
board-plan-shift = { $name } · { $day }, { $begin }–{ $end }
board-plan-failed = No new plan can be made, this one stays. Tried again every half minute. Tell technical support: { $why }
board-plan-made = Plan as of { $time }, { $solver }
board-plan-audit = audit log up to { $head }
board-plan-none = No shift is planned. Officers and shifts stand in the settings, section [patrol].
board-plan-none_officer = No stops planned.
board-plan-no_beat = outside the beats
board-plan-done = { $delivered } of { $planned } min
board-plan-arrived = there since { $time }
board-plan-earlier = { $n ->
    [one] { $n } earlier stop
   *[other] { $n } earlier stops
}
board-plan-overdue = nothing heard
board-plan-away = called away since { $time }
board-plan-minutes = { $delivered } of { $planned } min delivered
board-plan-planned = planned, min
board-plan-delivered = delivered, min
board-plan-patrol_share = share of patrol
board-plan-report_share = share of reports
board-plan-by_officer = Officer
board-plan-by_beat = Beat
board-plan-staffing = Staffing: officers asked for, by hour
board-plan-staffing_help = Marked where fewer are there than asked for. The shifts serve { $served } of the load in { $hours } officer-hours a week.
board-plan-staffing_equal = Three equal shifts would take { $equal }.
board-plan-no_staffing = No staffing sheet yet: “patrolgrid plan week” makes it.
board-plan-hour = Hour
board-plan-asked_there = asked for { $asked }, there { $there }
board-plan-asked_all = Asked for, all beats
board-plan-there_all = There
board-plan-shift_line = { $begin }–{ $end }: { $n ->
    [one] { $n } officer
   *[other] { $n } officers
}
board-stopkind-risk = most risk covered
board-stopkind-committed = agreed upon
board-stopkind-minimum = the beat’s minimum
board-stopkind-exploration = at random, so that the map learns
board-stopstate-arrived = there
board-stopstate-done = done
board-stopstate-planned = planned
board-stopstate-skipped = skipped
board-stopstate-missed = missed
board-stopstate-replaced = replaced
board-solver-pyvrp = by the best search (PyVRP)
board-solver-search = by search
board-solver-greedy = by the simple method (greedy)
board-dock-label = Details
board-dock-close = Close details
# Devices: all of them, and the page of one.
board-page-devices = Devices
board-registry-title = Devices
board-registry-put_in = Put a device in
board-registry-put_in_hint = It is in the places file at once, and has an account at the broker where the station has accounts.
board-registry-search = Search by name, number or beat
board-registry-beat = Beat
board-registry-type = Type
board-registry-shown = Which devices
board-registry-all_beats = All beats
board-registry-all_types = All types
board-registry-only_all = All
board-registry-only_alert = With an alert
board-registry-only_trouble = With trouble
board-registry-only_unheard = Not yet heard
board-registry-col_name = Device
board-registry-col_type = Type
board-registry-col_beat = Beat
board-registry-col_state = State
board-registry-col_newest = Last window
board-registry-col_connects = Connects by
board-registry-count = { $n ->
    [one] { $n } device
   *[other] { $n } devices
}
board-registry-some = { $n } of { $all }
board-registry-none = The places file has no device yet.
board-registry-none_found = No device fits these filters.
board-registry-more = And { $n } more: search for them.
board-accounts-elsewhere = its accounts are made elsewhere
board-accounts-none = none: this broker asks nobody who they are
board-registry-no_way = no account yet
board-registry-days = { $n ->
    [one] certificate ends in { $n } day
   *[other] certificate ends in { $n } days
}
board-registry-code_out = a code is out until { $time }
board-by-certificate = certificate
board-by-password = password
board-registry-waiting = Waiting for approval
board-registry-waiting_hint = They speak, and belong to no device yet. What they say is not kept.
board-registry-waits = perhaps: { $guess } · heard by { $via } · last { $time }
board-registry-guess_none = nobody can tell
board-registry-approve = Take in
board-registry-approve_hint = It calls itself { $who }.
board-registry-as = As
board-registry-new = a new device
board-registry-id = Number
board-registry-id_hint = Letters, digits, - and _: it stands in topics, and is its account.
board-registry-type_unknown = choose
board-registry-name_en = Name in English
board-registry-name_zh = Name in Chinese
board-registry-lon = Longitude (WGS 84)
board-registry-lat = Latitude (WGS 84)
board-registry-by_position = the one it stands in
board-registry-place_hint = Without a position it is put into the middle of the beat.
board-registry-added = { $device } is in. It publishes on { $topic }
board-registry-to_device = To its page
board-registry-close = Close
board-registry-unwritable = Nothing can be changed here: { $why }
board-registry-unknown = The node knows no device { $id }. What it sends is shown below all the same.
board-registry-soon = It is in the places file. A running node takes it up within seconds; then this page shows it.
board-registry-back = All devices
board-registry-on_board = On the board
board-registry-on_map = Move it on the map
board-registry-where = Position
board-registry-why = Why
board-registry-why_hint = For the audit log: stolen, broken, exchanged …
board-registry-name = Name
board-registry-named = The name is changed.
board-registry-move = Move
board-registry-move_hint = What was learned of it stays. In another beat it has to publish on another topic.
board-registry-moved = It is in beat { $beat } now.
board-registry-moved_topic = It has to publish on { $topic } from now on (with an edge agent: `beat` of the device in edge.toml).
board-registry-replace = Replace
board-registry-replace_hint = What the old one has gets in no more, at once. The new one needs a sheet. What was learned stays.
board-registry-replaced = The old one gets in no more; a fresh password is made.
board-registry-retire = Retire
board-registry-retire_hint = It goes out of the places file and loses its account. What was stored stays. The change can be taken back on the map page.
board-registry-retired = It is retired.
board-registry-sheet = Sheet for the technician
board-registry-sheet_hint = One page with a QR code that works once. A code that was out before is worth nothing then.
board-registry-sheet_make = Make the sheet
board-registry-hours = Hours that the code works
board-registry-with_account = User name and password instead: for what cannot take a code
board-registry-code_once = The code { $code } works once, until { $until }. It is shown now and never again.
board-registry-account_once = The page has the device's password on it: print it, and destroy it when it is typed in.
board-registry-print = Print
board-registry-save = Save the page
board-device-counts = Last window
board-device-counted = { $received } received, { $missing } missing, { $late } late, { $duplicate } repeated
board-device-clock = Clock
board-device-clock_right = right
board-history-title = History
board-history-odd = { $n ->
    [one] { $n } time that was not as usual
   *[other] { $n } times that were not as usual
}
board-history-odd_most = { $value }, expected { $expected }
board-history-odd_more = And { $n } more.
board-history-no_odd = All of it was as usual.
board-history-no_odd_judged = What could be judged was as usual.
board-history-all_young = Too little is known yet to call anything unusual.
board-history-young = { $n } of { $all } windows: still learning, so nobody knows whether they were as usual.
board-history-changes = Changes of state
board-history-no_alerts = No alert in this time.
board-history-all_alerts = All its alerts
board-rhythm-title = Its week, as learnt
board-rhythm-as_of = as of { $time }
board-rhythm-none = It has no model: only counts and readings have a rhythm.
board-rhythm-no_state = The node has saved no state yet; it does after some minutes.
board-rhythm-too_little = It has learnt less than a day yet: a week is shown when there is one.
board-rhythm-week = What is expected through the week, hour by hour
board-rhythm-learnt = Learnt from { $days }.
board-rhythm-days = { $kind }: { $n } d
board-rhythm-unknown = Not learnt yet, and judged by other days: { $kinds }.
board-rhythm-every_day = every day
board-rhythm-workdays = Monday to Friday
board-rhythm-weekend = at weekends
board-rhythm-up_to = up to { $value } in { $minutes } min
board-rhythm-no_rush = No rush: at no time many more than around it.
board-rhythm-per = in { $minutes } min
board-daykind-0 = working day
board-daykind-1 = Saturday
board-daykind-2 = Sunday or holiday
board-heard-title = Heard just now
board-heard-now = It speaks.
board-heard-last = Last heard at { $time }, { $span } ago.
board-heard-nothing = Nothing was heard of it lately.
board-heard-no_log = There is no log on this machine: `patrolgrid listen` shows what it says.
board-heard-count = { $who }: in { $into }, out { $out } in { $seconds } s
board-heard-gate = { $vehicle }, { $direction }
board-heard-level = { $metric } { $value } { $unit }
board-heard-state = { $metric }: { $value }
board-heard-status = says that it is { $state }
board-heard-health = its agent says how it is
board-heard-fault = sends more than its share; the rest is not taken
board-heard-taken = taken, for { $time }
board-heard-backfill = taken, sent later on purpose
board-heard-refused = Refused: { $why }
board-heard-more = and { $n } more
board-online-online = online
board-online-offline = offline
board-connects-title = How it connects
board-connects-topic = Topic
board-connects-account = Account
board-connects-certificate = Certificate
board-connects-code = Code
board-connects-password_file = Password, at the station
board-connects-broker = Broker
board-connects-fingerprint = Authority, SHA-256
board-connects-plain = not encrypted
board-connects-bindings = What speaks for it
board-connects-message = What it may say
board-connects-copy = Copy
board-connects-copied = Copied
board-connects-line_publish = Publish, with its password
board-connects-line_open = Publish
board-connects-line_here = Publish on the station itself
board-connects-line_certificate = Publish, with its certificate
board-connects-line_status = Say that it is online
board-connects-line_post = Post to the edge agent, as the vendor's device does
board-connects-line_listen = See what it sends
board-connects-line_read = Read it by the API
board-connects-secret = $PASSWORD and $TOKEN stand for secrets, which are never shown here: the sheet brings the first to the device, `patrolgrid people token` makes the second.
board-connects-no_secret = A broker that asks nobody who they are is for demos on one machine.
board-state-high = unusually high
board-state-low = unusually low
board-state-stuck = does not change
board-state-step = level has changed for good
board-state-drift = level creeps away
board-device-tab = Device
board-device-none = Choose a device on the map, or the place of an alert.
board-device-id = Number
board-device-standing = State
board-device-newest = Last data
board-device-quality = Data quality
board-device-trouble = Trouble
board-device-skew = Clock behind
board-device-agent = Edge agent
board-device-agent_said = { $version }, { $time }: { $queue } waiting
board-device-alerts = Alerts here
board-device-gates = Last passages
board-device-range = Time shown
board-device-no_windows = No data in this time.
board-chart-key_seen = Counted
board-chart-key_expected = Expected
board-chart-key_band = Usual range
board-chart-key_mean = Mean
board-chart-key_range = Lowest to highest
board-chart-key_passes = Passages
board-chart-inout = { $total } (in { $into }, out { $out })
board-chart-expected = expected { $value }, usual { $lower } to { $upper }
board-chart-range = { $low } to { $high }
board-chart-open = window still open
board-chart-summary = { $label }: { $n } { $n ->
    [one] window
   *[other] windows
}, { $odd } unusual. Arrow keys move through them.
board-chart-empty = { $label }: no data in this time.
board-gate-allowed = registered
board-gate-stranger = not registered
board-gate-unknown = registration unknown
board-quality-tab = Data quality
board-quality-some = { $n } of { $total } devices { $n ->
    [one] needs attention; its
   *[other] need attention; their
} alerts count for less.
board-quality-unheard = { $n } of { $total } devices: not yet heard.
board-quality-fine = All { $total } devices report as they should.
board-quality-alerts = All { $total } devices send; but { $n } { $n ->
    [one] open alert is
   *[other] open alerts are
} about devices themselves.
board-quality-old = How the { $total } devices are is not known now.
board-quality-figures = received { $received } · missing { $missing } · late { $late }
board-recent-tab = Last 24 hours
board-recent-lead = { $n } { $n ->
    [one] alert
   *[other] alerts
} changed in the last 24 hours.
board-recent-all = All alerts of any time
board-recent-by = by { $by }
board-recent-unseen = Nobody took it up
board-recent-took = after { $span }
board-node-tab = Node
board-node-observations_s = Observations per second
board-node-messages_s = { $n } { $n ->
    [one] message
   *[other] messages
} per second
board-node-lag = Behind
board-node-lag_records = { $n } { $n ->
    [one] record
   *[other] records
} waiting
board-node-stored = Stored
board-node-received = of { $n } received
board-node-duplicates = Duplicates
board-node-duplicates_note = recognised and dropped
board-node-late = Late
board-node-late_note = stored, no live alert
board-node-windows = Windows
board-node-anomalies = { $n } { $n ->
    [one] anomaly
   *[other] anomalies
}, { $alerts } alerts
board-node-quarantined = Quarantined
board-node-uptime = Running for
board-node-connected = broker connected
board-node-disconnected = broker away
board-severity-critical = Critical
board-severity-warning = Warning
board-severity-info = Notice
board-standing-critical = Critical alert
board-standing-warning = Warning
board-standing-info = Notice
board-standing-acknowledged = Being handled
board-standing-trouble = Data trouble
board-standing-unknown = Not yet heard
board-standing-outdated = Not known now
board-standing-normal = Normal
board-lookstate-raised = open
board-lookstate-acknowledged = taken up
board-lookstate-cleared = over: it was cleared
board-lookstate-expired = over: its time ran out
board-alertstate-raised = Open
board-alertstate-acknowledged = Being handled
board-alertstate-cleared = Cleared
board-alertstate-expired = Ended by itself
board-state-surge = unusually many
board-state-deficit = unusually few
board-state-dead = nothing seen
board-state-young = still learning
board-type-camera = Camera
board-type-gate = Vehicle gate
board-type-noise = Noise sensor
board-type-smoke = Smoke detector
board-type-heat = Heat sensor
board-type-water = Water level
board-type-door = Fire door
board-type-manhole = Manhole cover
board-type-environment = Environment sensor
board-metric-person = People
board-metric-vehicle = Vehicles
board-metric-gate = Passages
board-metric-noise = Noise
board-metric-smoke = Smoke
board-metric-temperature = Temperature
board-metric-water = Water level
board-metric-door = Door
board-metric-cover = Cover
board-metric-video = Picture
board-metric-barrier = Barrier
board-metric-tamper = Tamper contact
board-unit-noise = dB
board-unit-smoke = %/m
board-unit-temperature = °C
board-unit-water = cm
board-value-open = open
board-value-closed = closed
board-value-tilted = tilted
board-value-ok = in order
board-value-alarm = ALARM
board-value-blocked = blocked
board-value-lost = lost
board-value-up = up
board-value-down = down
board-value-stuck = stuck
board-direction-in = in
board-direction-out = out
board-direction-unknown = direction unknown
board-vehicle-car = car
board-vehicle-truck = truck
board-vehicle-bus = bus
board-vehicle-motorcycle = motorcycle
board-vehicle-bicycle = bicycle
board-vehicle-van = van
board-vehicle-emergency = emergency vehicle
board-vehicle-unknown = vehicle
board-trouble-offline = offline
board-trouble-silent = silent
board-trouble-unheard = not yet heard
board-trouble-stuck = value stuck
board-trouble-skew = clock wrong
board-trouble-missing = data missing
board-trouble-late = data late
board-trouble-duplicate = repeats itself
board-trouble-quality = poor data
board-trouble-agent_away = agent not heard
board-trouble-agent_drops = agent gave up data
board-trouble-agent_power = agent's power supply too weak
board-trouble-agent_disk = agent's disk nearly full
board-trouble-agent_source = agent hears a source no more
board-trouble-agent_time = agent's clock wrong
board-trouble-agent_heat = agent too hot
board-trouble-agent_settings = agent refuses settings
board-trouble-agent_certificate = agent's certificate ends
board-quarantine-json = not JSON
board-quarantine-type = wrong type
board-quarantine-range = value out of range
board-quarantine-topic = unknown topic
board-quarantine-size = too large
board-quarantine-depth = nested too deeply
board-quarantine-clock = wrong clock
board-quarantine-unknown_device = unknown device
board-quarantine-incident = unreadable incident
board-quarantine-command = unreadable command
board-quarantine-status = unreadable status
board-quarantine-history = history not learned
board-quarantine-sequence = wrong number
board-quarantine-personal = personal data
board-quarantine-xml = unreadable XML
board-quarantine-auth = not signed in
board-quarantine-birth_missing = birth not heard
board-quarantine-processing = fault of ours
board-quarantine-plate = sealed plate not opened
board-quarantine-metrics = too many metrics
board-quarantine-quota = over the device's share
board-quarantine-crash = ended the program
board-quarantine-record = damaged record
board-quarantine-batch = damaged batch
board-quarantine-model = unusable model
board-quarantine-places = unreadable places
board-quarantine-calendar = unreadable calendar
board-quarantine-patrol = officer’s word or plan that cannot be used
board-part-broker = connection to the broker (a second client uses its id)
board-part-status = status file
board-part-log = log (disk full?)
board-part-store = store of results
board-part-mqtt = alerts to phones
board-part-snapshot = its saved state
board-part-quarantine = quarantine
board-part-jsonl = result files
board-part-influx = time series database
api-about = What this board can be asked. Answers are JSON, times epoch milliseconds of the site’s clock, what is not known is null, and texts for people are objects of language → text. Programs carry a token (patrolgrid people token), see docs/api.md.
api-bearer = A token of “patrolgrid people token”.
api-lang = Language of texts and errors.
board-error-unreachable = The board's server cannot be reached. Nothing was sent. Try again.
board-error-not_found = There is nothing at { $path }.
board-error-wrong_method = { $path } does not take { $method }.
board-error-internal = Something went wrong in the board. The log has the details.
board-error-no_store = There are no results yet: the node has not started.
board-error-store = The results cannot be read just now. Try again.
board-error-too_many = More than { $limit } pages are open. Close one and try again.
board-error-no_device = There is no device { $id }.
board-error-busy = Something else is being run just now: wait for it, or cancel it on the bench.
board-error-no_work = There is no such work; the last twelve are kept.
board-error-no_settings = This board does not know the site's settings.
board-error-no_alert = There is no alert { $id }.
board-error-unknown_parameter = There is no parameter { $name } here, expected one of: { $known }.
board-error-repeated_parameter = { $name } is there more than once, expected it once.
board-error-bad_parameter = { $name } is { $value }: { $detail }
board-error-not_together = open and hours go with limit alone: for other filters leave them out.
board-error-foreign = Commands are taken from the board's own page only.
board-error-not_json = Expected JSON (Content-Type: application/json).
board-error-bad_body = The request says something else than expected: { $detail }
board-error-no_name = Say who you are first.
board-error-too_long = That is too long: a name has at most 64 characters, a note 280.
board-error-already_acknowledged = Already acknowledged by { $by }.
board-error-already_cleared = Already cleared by { $by }.
board-error-already_expired = This alert has already ended by itself.
board-error-broker_away = NOT SENT: there is no connection to the message broker. Try again in a moment.
board-error-unconfirmed = Not confirmed: the message broker did not answer. Look whether the alert changes before you try again.
board-error-people = The accounts cannot be read or written, so nobody can be let in. Call technical support.
board-error-signed_out = Sign in first.
board-error-no_right = Your account may not do this.
board-error-no_accounts = This site has no accounts yet: “patrolgrid people add” makes the first.
board-error-wrong_password = The account or the password is wrong.
board-error-locked = Too many attempts. Try again in { $minutes ->
    [one] { $minutes } minute
   *[other] { $minutes } minutes
}, or ask for a personal link.
board-error-link_forged = This link opens nothing. Was all of it copied?
board-error-link_expired = This link is too old. Ask for a new one.
board-error-link_revoked = This link was withdrawn. Ask for a new one.
board-error-link_purpose = This link is for something else.
board-error-link_other = This link is another person’s. Sign out first.
board-error-token_unknown = There is no such token. `patrolgrid people token` makes one.
board-error-token_expired = This token is too old. `patrolgrid people token` makes a new one.
board-error-token_revoked = This token was withdrawn.
board-error-name_by_hand = Who gives the command is the account that is signed in; a name is not taken.
board-error-password_short = Too short: at least 10 characters.
board-error-password_long = Too long: at most 200 characters.
board-error-password_easy = Too easy to guess: not your name, no keys in a row, at least five different characters.
board-error-no_officer = Your account belongs to no officer of the patrols.
board-error-no_stop = You have no stop { $id }.
board-error-no_person = There is no account { $id }.
board-error-places_changed = { $detail }
board-error-places_wrong = This cannot be: { $detail }
board-error-places_file = The places file cannot be read or written: { $detail }
board-error-no_change = { $detail }
board-error-nothing_changed = Nothing would be changed.
board-error-wrong_media = This is { $media }, expected one of: { $known }.
board-error-too_large = The file is too large: at most { $limit } MB.
board-error-no_picture = The file { $detail }.
board-error-too_old = That was pressed more than a day ago; it is not sent any more.
board-error-no_link = There is no such link of a patrol.
board-error-registry = That was not done: { $detail }
board-error-no_registry = This board was not told of the site’s settings: devices are put in, moved and retired by `patrolgrid device`.
board-error-nothing_waits = { $name } does not wait any more.

## patrolgrid incidents, patrolgrid patrol

incidents-found = { $rows } rows: { $new } new, { $twice } twice in the file, { $known } known before.
incidents-sent = { $count } incidents are in the log, by way of the broker at { $host }:{ $port }.
incidents-none = Site { $site } has no incidents.
incidents-col-time = time
incidents-col-category = category
incidents-col-provenance = from
incidents-col-beat = beat
incidents-col-place = lon lat
incidents-col-id = id
incidents-from-reported = reported
incidents-from-sensor = sensor
incidents-from-patrol_discovered = patrol
patrol-said = { $officer }: { $what } { $stop }
patrol-arrived = arrived
patrol-done = done
patrol-skipped = skipped
patrol-help = needs help
patrol-away = called away
patrol-back = back
patrol-col-minutes = min
patrol-col-beat = beat
patrol-col-patrol = of patrol
patrol-col-reported = of reports
patrol-no-share = Site { $site } has no delivered minutes yet.
patrol-share-means = Shares of the last weeks, older days counting less. A beat with a far larger share of patrol than of reports is looked at more than people there ask for.

## Delivery: what a message says

deliver-title = { CAPITAL($severity) }: { $kind }, { $place }
deliver-exercise = EXERCISE (not real): { $title }
deliver-time = { $again ->
    [1] First at { $raised_ms }, called again at { $heard_ms }.
   *[0] Since { $raised_ms }.
}
deliver-act = { $act ->
    [again] { $known ->
        [1] Raised again; { $had } had taken it up.
       *[0] Raised again after somebody had taken it up.
    }
    [held] Held back (quiet hours, or work on the place); it still holds.
    [reminder] Reminder: nobody has taken it up yet.
    [escalation] Nobody has taken it up: you are asked now.
   *[other] { $act }
}
deliver-link = Open and answer: { $link }
deliver-advice = What to do: { $advice }
deliver-late = This message is late: it waited for { $late_s }.
deliver-mark = No. { $id }/{ $revision }
deliver-test-title = PatrolGrid: a test, nothing has happened
deliver-test-mark = No. test
deliver-test-words = This channel works. It was tried from the command line of site { $site }.
deliver-why = { $why ->
    [away] cannot be reached
    [hangs] does not answer in time
    [cut] cut the connection
    [error] its server is in trouble
    [busy] asks to send less
    [unclear] its answer cannot be understood
    [refused] refused it
    [login] does not accept the key, the signature or the address that this comes from
    [fault] a fault of ours
    [newer] a newer message took its place
    [acknowledged] somebody has taken the alert up
    [cleared] the alert is over
    [expired] the alert is over
    [otherwise] told by another channel
    [no_channel] that channel is not set up any more
   *[other] { $why }
}
deliver-state = { $state ->
    [waiting] waits
    [failed] failed
    [accepted] accepted
    [delivered] delivered
   *[dropped] not needed any more
}
deliver-do = { $why ->
    [away] check address and port, and that this machine may go there (a proxy is not used)
    [hangs] check that this machine may go there, and what the server is waiting for
    [cut] check that the server speaks what is set (TLS or not)
    [error] look at the server; it is tried again by itself
    [busy] lower per_minute of the channel, or send less to it
    [unclear] check that the address is the service itself and no proxy or sign-in page before it
    [refused] look at what the channel says; correct its settings or the group's rules
    [login] check key, token and secret in the channels file, and the addresses or keywords that the group allows
   *[fault] please report it
}
deliver-none = No channels: { $file } is not there. docs/deliver.md has an example.
deliver-runs = Delivery runs: { $channels }. Ctrl-C ends it.
deliver-running = Delivery is running.
deliver-stopped = Delivery is not running: nobody is told. `patrolgrid up` or `patrolgrid deliver run` starts it.
deliver-no_rules = Nobody is told of anything: there are no rules ([telling] rules).
deliver-mute = Mute { $number }: { $only } until { $until }, by { $by }: { $why }
deliver-muted = Muted until { $until } (number { $number }); what still holds then is told.
deliver-unmuted = Mute { $number } has ended; what it held back and still holds is told now.
deliver-over = more than can be answered
deliver-test-ok = { $channel }: accepted ({ $said })
deliver-test-bad = { $channel }: { $why } ({ $said }); do: { $todo }
deliver-clear = { $channel }: its key goes over the network without encryption; use https
deliver-nothing = Nothing was told yet.
deliver-col-alert = alert
deliver-col-channel = channel
deliver-col-state = state
deliver-col-when = when
deliver-col-why = why
deliver-col-kind = kind
deliver-col-where = where
deliver-where-inside = inside
deliver-where-outside = outside
deliver-col-waits = wait
deliver-col-next = next
deliver-col-person = person
deliver-col-messages = messages (24 h)
deliver-col-hours = hours on duty
deliver-col-rate = an hour
deliver-col-critical = critical
deliver-col-budget = budget

## `patrolgrid init` and `patrolgrid places`

init-file-settings =
    Settings of this station, made by `patrolgrid init`. Paths are relative to this file. Every other key has its default:
    `patrolgrid settings --example` shows them all, docs/settings.md says what they mean.
init-section-site = Which site this is; its places are in places.geojson.
init-section-data = Where log, results and snapshots are. The keys are beside it, in data.keys.
init-section-broker = Mosquitto on this machine, with the accounts in mosquitto/.
init-section-board = The page that people look at, and its own account at the broker.
init-example-beat = A beat: the outline is a ring of [longitude, latitude], the first point again at the end. Draw yours, with residents and officers.
init-example-street = A street: hotspots and patrol stops are named after it, and patrols travel along it.
init-example-landmark = A landmark: a point that everybody there knows.
init-example-camera = A camera that counts people or vehicles. The id stands in its topic and is its account at the broker; beat is the id of a beat.
init-example-gate = A vehicle gate: a passage is one message; number plates become tokens before anything is written.
init-example-noise = A noise sensor: levels in dB. "overrides" beside "type" can change its thresholds.
init-example-smoke = A smoke detector: smoke density in %/m, or the word alarm. With "overrides" room, smoke and heat in one room are a fire.
init-example-heat = A heat detector: temperature in °C.
init-example-water = A water level in cm.
init-example-door = A door: open or closed.
init-example-manhole = A manhole cover: open or closed.
init-example-environment = Anything else that measures: the model learns what is usual.
init-ask-site = The site's id, in topics and file names (letters, digits, - and _)
init-ask-name = What people call it
init-ask-timezone = Its time zone
init-ask-country = Whose holidays count (code of the country; -: nobody's)
init-ask-at = Where it is, as longitude,latitude
init-ask-address = This machine's address in the station's network, for devices and phones (-: this machine only)
init-ask-chief = The first account, as ID NAME
init-chief = chief Station chief
init-nothing = Everything is there already in { $folder }; nothing was changed.
init-kept = { $file } is there already, and is never overwritten: { $options } would change nothing. Edit it, or move it away (docs/setup.md).
init-made = Made in { $folder }, for site { $site } in time zone { $zone }:
init-broker-told = The broker has read the new accounts.
init-root = This was done as root, so the station would run as root. A user of its own is better: make one, and call `patrolgrid init` as that user.
init-next = What comes next:
init-step-start = For good, with systemd (as root):
init-step-try = Or only to try, in two terminals:
init-step-trust = Have browsers, phones and devices trust this file (docs/security.md):
init-step-sign-in = Open this page, choose a password, come in (the link lasts 24 hours):
init-step-doctor = Look whether everything is well:
init-step-device = Let the example's first device say something, and see it on the board:
init-step-people = Make an account for each officer, with a link that sets its password:
init-step-places = Put your own devices into the places file; each gets an account at the broker:
places-line = { $file }, line { $line }
places-wrong = wrong
places-odd = odd
places-odd-crosses = the outline of beat { $beat } crosses itself
places-odd-overlap = beats { $beat } and { $other } both cover { $area } m², { $metres } m wide at the most
places-odd-gap = between beats { $beat } and { $other } is a gap of { $area } m², { $metres } m wide at the most
places-odd-account = no device can be called { $device }: an account of that name has rights of its own at the broker
places-odd-outside = device { $device } stands { $metres } m outside its beat { $beat }
places-odd-elsewhere = device { $device } stands { $metres } m outside its beat { $beat }, in { $other }
places-odd-example = { $count ->
    [one] one feature is still of the example
   *[other] { $count } features are still of the example
}: `patrolgrid places import FILE --without-example` takes them out; or take "explained" away where one has become yours
places-odd-login = device { $device } has no account at the broker; `patrolgrid init { $folder }` makes it
places-has = { n-beats }, { n-devices }, { $streets ->
    [one] one street
   *[other] { $streets } streets
}
places-first = { $file } has to be put right first
places-id = { $written } cannot be an id; its id, in its topic and as its account, is { $id }
places-import = added: { $added }, changed: { $changed }, as before: { $same }
places-gone = taken out with the example: { $names }
places-written = written: { $file }. A running node takes it up within seconds; `patrolgrid places undo { $number }` takes it back.
places-changes-number = change
places-changes-at = when
places-changes-by = who
places-changes-what = what
places-changes-none = nobody has changed the places file yet
places-undone = change { $number } is taken back; that is change { $by }. A running node takes it up within seconds.
place-nobody = by hand
place-change = { $what ->
    [device-add] put in
    [device-approve] approved
    [device-move] moved
    [device-name] named
    [device-bind] bound
    [device-retire] retired
    [import] imported from { $file }
    [edit] edited on the map
    [by-hand] edited in the file
    [undo] change { $number } taken back
   *[other] { $what }
}
place-changed = { $did }: { $features }{ $more ->
    [0] { "" }
    [one] {" "}and one more
   *[other] {" "}and { $more } more
}
place-feature = { $kind ->
    [beat] beat { $id }
    [device] device { $id }
    [street] street { $id }
    [landmark] landmark { $id }
    [site] name and picture of the site
   *[other] { $kind } { $id }
}
places-accounts = accounts at the broker: { $names }; their passwords are in { $folder }

## The report of a week (console/report)
report-title = { $site }: week { $number } of { $year }, { $begin } to { $end }
report-made = Made { $time }, of all that was known then. No person and no number plate is in it.
report-exercise = EXERCISE: simulated or replayed, not real.
report-running = The week is not over: reckoned up to { $until }, and the weeks before as far as that.
report-not-known = { $hours } of { $week } hours are not known: counts are the least that happened.
report-n = { $n }
report-least = at least { $n }
report-range = { $low } to { $high }
report-h = { $hours } h
report-span = { $span_s }
report-of = of { $whole }
report-against = weeks before: { $mean } ({ $least } to { $most }, { $known } { $known ->
    [one] week
   *[other] weeks
})
report-against-none = no week before to compare with
report-p90 = 90 % within { $p90 } (n = { $n })
report-none-taken = none was taken up
report-hours-of = { $got } of { $wanted } h
report-no-plan-short = nothing was planned
report-false-of = of { $whole } that people ended
report-devices-known = { $n ->
    [one] { $n } device
   *[other] { $n } devices
}
report-devices-since = Known since { $time }.
report-began = The site began on { $time }.
report-gone = Nothing is known of it: nothing was running yet, or data quality is not kept so long (store.health_days).
report-alerts = Alerts
report-acknowledge = Time until somebody took it up
report-acknowledge-of = of these: { $severity }
report-clear = Time until it was over
report-unanswered = Nobody took up
report-false = False alarms
report-patrol = Patrol delivered
report-dark = Devices silent
report-section-alerts = Alerts by place and hour
report-section-answers = Answers
report-section-false = False alarms by reason
report-section-patrol = Patrol, planned against delivered
report-section-staffing = Officers, asked for against there
report-section-devices = Devices and data
report-section-learnt = What the models learnt anew
report-section-unknown = What is not known
report-col-beat = Beat
report-col-alerts = Alerts
report-col-before-4 = Last 4 weeks
report-col-before-8 = Last 8 weeks
report-col-kind = Kind
report-col-what = What
report-col-n = n
report-col-median = Median
report-col-p90 = 90 % within
report-col-raised = Raised
report-col-severity = Severity
report-col-device = Device
report-col-shift = Shift
report-col-stops = Stops
report-col-planned = Planned, min
report-col-delivered = Delivered, min
report-col-done = Done
report-col-skipped = Skipped
report-col-missed = Missed
report-col-longest = Longest silence
report-col-since = Since
report-col-dark = Silent in all
report-col-stuck = Stuck
report-col-quality = Data quality
report-mean = { $mean } ({ $least } to { $most })
report-more = { $n ->
    [one] One more is
   *[other] { $n } more are
} in the JSON of “patrolgrid report week --json”.
report-weekday = { $day ->
    [0] Mon
    [1] Tue
    [2] Wed
    [3] Thu
    [4] Fri
    [5] Sat
   *[6] Sun
}
report-none-raised = No alert was raised this week.
report-weeks = Alerts a week; the line is the mean of the weeks before, “?” a week that is not known well enough
report-left-out = Left out: { $weeks }. Too many of their hours are not known.
report-left-week = { $week } ({ $hours } h)
report-and = {", "}
report-heat-beats = Alerts by beat and hour
report-heat-days = Alerts by weekday and hour
report-heat-before = The weeks before, on average ({ $known } { $known ->
    [one] week
   *[other] weeks
})
report-no-beat = outside the beats
report-told = Channels accepted { $messages ->
    [one] { $messages } message
   *[other] { $messages } messages
} about { $alerts ->
    [one] { $alerts } alert
   *[other] { $alerts } alerts
}; { $open } were not accepted.
report-unanswered-n = { $n ->
    [0] No alert was left without an answer.
   *[other] Nobody took up { $n } of { $whole } alerts. Critical ones and warnings among them:
}
report-col-compared = Compared with
report-written = Written: { $file }
report-false-sum = { $n } of the alerts were false alarms, as who was there says. People ended { $ended } in all, { $without } of them without a reason.
report-reason = { $reason ->
    [nothing] Nothing there
    [ordinary] Ordinary activity
    [weather] Wind, rain or light
    [animal] An animal
    [works] Works or a test
    [device] The device is faulty
   *[other] { $reason }
}
report-no-plan = No stops of patrols were planned this week.
report-by-beat = Minutes by beat: the open bar is what was planned, the full one what was delivered
report-minutes-of = { $got } of { $wanted } min
report-staff-asked = Officers by hour: grey are those who were there, the line what the staffing sheet asked for, orange what was missing
report-staff-needed = Officers by hour: grey are those who were there, the line what the alerts of the week needed, orange what was missing
report-staff-sum-asked = The staffing sheet asked for { $asked } officer-hours. What came needed { $needed }.
report-staff-sum-needed = There is no staffing sheet of this week. What came needed { $needed } officer-hours.
report-staff-there = Shifts with { $there } officer-hours were planned; in { $short } officer-hours too few were there.
report-staff-since = Before { $time } nothing was planned here, so nobody knows who was there.
report-staff-nobody = No shift was planned, so nobody knows who was there.
report-no-trouble = { $n ->
    [one] The one device that is known was
   *[other] All { $n } devices that are known were
} heard all the time.
report-never = Never heard of: { $devices }
report-still = { $time }; silent at the end
report-quality = { $received } observations came: { $late } late, { $missing } missing, { $duplicate } repeated. Data quality { $quality } on average.
report-grown = { $n ->
    [0] No model became old enough to judge this week.
    [one] One model became old enough to judge this week:
   *[other] { $n } models became old enough to judge this week:
}
report-young = { $n ->
    [0] No model is too young.
    [one] One model is still too young.
   *[other] { $n } models are still too young.
}
report-accepted = { $n ->
    [0] Nobody declared a new normal.
    [one] One new normal was declared:
   *[other] { $n } new normals were declared:
}
report-accepted-one = { $device }: on { $time }, how it is since { $since } is usual
report-rhythms-new = { $n ->
    [0] The models have learnt no new rush.
    [one] The models have learnt a new rush:
   *[other] The models have learnt { $n } new rushes:
}
report-rhythms = { $n ->
    [0] The models know no rush.
    [one] The models know one rush (no report of the week before tells whether it is new):
   *[other] The models know { $n } rushes (no report of the week before tells which are new):
}
report-rhythm = { $device }: { $begin } to { $end }, { $days }
    .days = {", "}
report-all-known = All { $week } hours are known.
report-unknown-sum = { $hours } of { $week } hours are not known.
report-unknown-parts = In { $away } hours nothing ran here, in { $blank } whole hours no device sent anything.
report-unknown-high = So the { $low } alerts are a least: with the hours that are missing there may have been up to { $high }.
report-away = { $begin } to { $end } ({ $hours } h)
report-message = { $lines }
    .lines = {"\u000A"}
report-message-title = The week { $week }
report-message-alerts = Alerts: { $n } ({ $against })
report-message-taken = Taken up within { $median_s } (median), 90 % within { $p90_s }
report-message-unanswered = Nobody took up { $n }; { $false } were false alarms
report-message-patrol = Patrol: { $got } of { $wanted } h delivered
report-message-dark = Devices silent: { $hours } h in all ({ $n } devices)
report-message-link = The report: { $link }
report-definitions = How every figure is reckoned: docs/report.md.
# An alert's own page
board-page-alert = Alert
board-case-by = , by { $by }
board-case-state-raised = open
board-case-state-acknowledged = taken up
board-case-state-cleared = cleared
board-case-state-expired = ended by itself
board-case-place = Place
board-case-beat = Beat
board-case-raised = Told
board-case-since = Since
board-case-ended = Ended
board-case-false = False alarm
board-case-alike = Others of this kind
board-case-model = Found by a model
board-case-rule = Found by a rule
board-case-observed = Observed
board-case-expected = Expected
board-case-chance = Chance on an ordinary day
board-case-one_in = 1 in { $n }
board-case-less = less than 1 in { $n }
board-case-confidence = Confidence
board-case-devices = Devices
board-case-budget = Alert budget today
board-case-budget_is = { $perday } a day asked for; threshold { $chance }; told today { $raised }, held back { $held }
board-case-no_budget = none is set
board-case-shipped = as the models are shipped
board-case-windows = Windows around it
board-case-no_windows = The store has no windows of these devices from that time.
board-case-raw = Raw observations
board-case-between = Event times from { $from } to { $until }.
board-case-gone = The log reaches back to { $time }: what was said before it is no longer there.
board-case-log_elsewhere = This machine has no log of the site: a city's is on Kafka.
board-case-log_unreadable = The log cannot be read just now.
board-case-more = Only the newest are shown; { $n } more.
board-case-part = Only a part of the span was read.
board-case-none = The log has no observation of these devices from that time.
board-case-received = Received
board-case-event = Event time
board-case-device = Device
board-case-metric = What
board-case-says = Said
board-case-number = Boot / number
board-case-record = Record
board-case-count = in { $into }, out { $out } within { $s } s
board-case-backfill = sent later
board-case-steps = What happened to it
board-case-told = Who was told
board-case-nobody = Nobody was told of it from here.
board-case-receipts_unknown = Who was told cannot be read just now.
board-case-receipt-waiting = waiting
board-case-receipt-failed = refused
board-case-receipt-accepted = accepted
board-case-receipt-delivered = delivered
board-case-receipt-dropped = no longer needed
board-case-near = Near it
board-case-none_near = No report within 500 m and 12 hours, and no patrol's stop in the beat within 3 hours.
board-case-incident = Reported: { $category }, { $metres } m away
board-case-stop = Patrol
board-case-again = Run again
board-case-again_help = The same records go through a pipeline that begins in the state of before. Nothing is changed by it.
board-case-cannot = It cannot be run again from here: the board does not know the site's settings.
board-case-cannot_log = It cannot be run again: the log no longer has its records.
board-case-try = Try beside
board-case-try_none = nothing else
board-case-value = Value
board-case-run = Run again
board-case-running = Running…
board-case-work-failed = The run has failed.
board-case-work-cancelled = The run was cancelled.
board-case-work-interrupted = The board was stopped during the run.
board-case-same = The same alert comes out.
board-case-not_again = No such alert comes out: models, places or the program are others than at the time.
board-case-differs = It comes out, but differs in: { $what }.
board-case-field-raised_ms = time told
board-case-field-ended_ms = time ended
board-case-field-severity = severity
board-case-field-devices = devices
board-case-field-why = numbers
board-case-as_told = Told
board-case-as_again = Again
board-case-as_tried = With what is tried
board-case-not_tried = With what is tried there is no such alert.
board-case-begun_snapshot = Begun with the saved state of { $time }.
board-case-begun_store = Begun with models that have learned from the store: there is no saved state from before.
board-case-begun_nothing = Begun without anything learned: neither a saved state nor a store reaches back so far.
# the shift book
board-page-shift = Shift book
board-shift-choose = Which shift
board-shift-before = Before
board-shift-after = After
board-shift-now = Now
board-shift-day = Day
board-shift-none_that_day = No shift of that day has begun.
board-shift-title = { $name } · { $day }, { $begin }–{ $end }
board-shift-state_running = As of { $time }
board-shift-state_over = As it was known at its end
board-shift-state_coming = Has not begun
board-shift-officers = On patrol: { $names }
board-shift-n_alerts = alerts
board-shift-n_critical = critical
board-shift-n_unanswered = nobody has taken up
board-shift-n_reports = reports
board-shift-n_stops = stops made
board-shift-n_gap = without data
board-shift-more = { $n ->
    [one] and { $n } more, on the page
   *[other] and { $n } more, on the page
}
board-shift-all = Show all { $n }
board-shift-further = and { $n } more
board-shift-open = Open: to be handed on
board-shift-was_open_title = Open at the end
board-shift-nothing_open = Nothing was open.
board-shift-coming = This shift has not begun.
board-openthing-alert = Alert
board-openthing-device = Device
board-openthing-mute = Muted
board-openthing-works = Planned
board-shift-open_device = { $device }: { $trouble }
board-shift-open_mute = { $kind }, { $where }: nobody is told until { $time }. Why: { $why } ({ $by })
board-shift-open_works = { $name }, { $where }: { $begin }–{ $end }
board-shift-all_kinds = all kinds
board-shift-everywhere = everywhere
board-shift-notes = Notes
board-shift-no_notes = Nobody has written anything.
board-shift-note_new = New note
board-shift-note_send = Write it down
board-shift-note_here = Note
board-shift-note_at = At: { $what }
board-shift-note_free = At no alert
board-shift-at_alert = At an alert
board-shift-has_notes = { $n ->
    [one] { $n } note
   *[other] { $n } notes
}
board-shift-sent = Sent. It stands here in a moment.
board-shift-who = Your name
board-shift-alerts = Alerts
board-shift-no_alerts = No alerts.
board-shift-left_out = { $n ->
    [one] { $n } more alert is not listed here; the history has all.
   *[other] { $n } more alerts are not listed here; the history has all.
}
board-shift-told = told: { $whom }
board-shift-told_persons = { $persons } ({ $channel })
board-shift-told_nobody = nobody was sent a message
board-shift-told_not = no message has arrived
board-shift-told_unknown = who was told cannot be read
board-shift-taken = taken up by { $by }, { $time }
board-shift-cleared = cleared by { $by }, { $time }
board-shift-ended = over { $time }
board-shift-ended_alone = { $n ->
    [one] and { $n } that ended by itself, and nobody had taken up
   *[other] and { $n } that ended by themselves, and nobody had taken up
}
board-shift-silent_unknown = Data came all the time; which single devices were silent is not kept of this time.
board-shift-unanswered = nobody has taken it up
board-shift-reports = Reports
board-shift-no_reports = Nothing was reported.
board-shift-patrols = Patrols
board-shift-no_patrols = No stops were planned up to now.
board-shift-patrol = { $done } of { $stops } stops, { $missed } missed, { $skipped } skipped; { $delivered } of { $planned } min
board-shift-devices = Devices: troubles begun and ended
board-shift-no_devices = No trouble began or ended.
board-shift-data = Without data
board-shift-gap = nothing at all was measured for { $span }
board-shift-silent = sent nothing for { $span }
board-shift-no_gaps = Data came all the time.
board-shift-data_unknown = Not known: of this time no windows are kept.
board-shift-hand_over = Hand-over
board-shift-hand_over_help = All that is open is handed on with it. Whoever comes next reads it and takes it over.
board-shift-hand_over_send = Hand over
board-shift-hand_over_out = Hand over and sign out
board-shift-to = To whom (may stay empty)
board-shift-words = What the next shift must know
board-shift-handed = Handed over by { $by }, { $time }
board-shift-handed_to = Handed over by { $by } to { $to }, { $time }
board-shift-no_words = Nothing special.
board-shift-was_open = { $n ->
    [one] { $n } thing was open
   *[other] { $n } things were open
}
board-shift-taken_by = Read and taken over by { $by }, { $time }
board-shift-not_taken = Nobody has taken it over yet.
board-shift-take = I have read it and take over
board-shift-sign_over = Handed over (name, time)
board-shift-sign_taken = Taken over (name, time)
board-shiftname-day = Day shift
board-shiftname-night = Night shift
board-person-shift_over = Your shift ({ $name }) ended at { $time }.
board-person-hand_over = Hand over and sign out
board-error-no_shift = There is no shift { $id }.
board-error-bad_span = The span is too long, ends before it begins, or lies in another age; expected { $most } days at most.
board-error-no_note = There is nothing in the note.
board-error-note_too_long = That is too long: a note in the shift book has at most { $most } characters, a name 64.
board-error-shift_coming = This shift has not begun, so it cannot be handed over.
board-error-shift_too_old = This shift ended more than a day ago: it is not handed over any more.
board-error-no_hand_over = There is no such hand-over.
board-error-already_taken = { $by } has taken it over already.
board-error-own_hand_over = You handed this over yourself: whoever comes next takes it.
