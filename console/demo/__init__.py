"""What `patrolgrid demo` does beside running a site: hearing its alerts, scoring them, reporting what was seen."""
