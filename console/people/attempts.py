"""Attempts to sign in that failed: how many, for whom and from where, and when the next one is allowed.

Whoever guesses is stopped by the person's own count, and by the count of the place. Whoever only wants to lock an
officer out is not able to: a browser that the officer has signed in with before has a count of its own.
"""

from typing import Final

from console.people.people_file import PeopleFile

WITHIN_MS: Final = 15 * 60_000
MOST_PERSON: Final = 10
"""Failures of one person's id from all places that are not known, and from each that is."""
MOST_PLACE: Final = 30
"""Failures from one place, whoever was tried; a station's computers may share an address."""
KNOWN: Final = "known:"
"""Begins the name of a place that the person has signed in from before."""
_OF_BROWSER: Final = """
SELECT at_ms FROM attempts WHERE person = ? AND place = ? ORDER BY at_ms DESC LIMIT 1 OFFSET ?
"""
_OF_PERSON: Final = """
SELECT at_ms FROM attempts WHERE person = ? AND place NOT LIKE 'known:%' ORDER BY at_ms DESC LIMIT 1 OFFSET ?
"""
_OF_PLACE: Final = "SELECT at_ms FROM attempts WHERE place = ? ORDER BY at_ms DESC LIMIT 1 OFFSET ?"


class Attempts:
    """The table ``attempts``."""

    def __init__(self, file: PeopleFile) -> None:
        self._file = file

    def begin(self, person: str, place: str, now_ms: int) -> int:
        """Count an attempt, as if it had failed; return for how many ms it has to wait, 0 where it is allowed.

        One that names no `person`, such as a link, counts for its place alone.

        It is counted before the password is looked at, so that many at once do not slip through. One that has to wait
        is not counted: waiting comes to an end.
        """
        with self._file.change() as connection:
            over = "DELETE FROM attempts WHERE at_ms <= ? OR at_ms > ?"  # the latter: the clock was set back
            connection.execute(over, (now_ms - WITHIN_MS, now_ms))
            wait_ms = self._wait(person, place, now_ms)
            if wait_ms <= 0:
                connection.execute("INSERT INTO attempts VALUES (?, ?, ?)", (now_ms, person, place))
        return max(wait_ms, 0)

    def succeeded(self, person: str, place: str) -> None:
        """Forget a person's failures from a place."""
        with self._file.change() as connection:
            connection.execute("DELETE FROM attempts WHERE person = ? AND place = ?", (person, place))

    def forget(self, person: str) -> None:
        """Forget a person's failures from everywhere."""
        with self._file.change() as connection:
            connection.execute("DELETE FROM attempts WHERE person = ?", (person,))

    def _wait(self, person: str, place: str, now_ms: int) -> int:
        if place.startswith(KNOWN):
            return self._until(_OF_BROWSER, (person, place), MOST_PERSON, now_ms)
        of_person = self._until(_OF_PERSON, (person,), MOST_PERSON, now_ms) if person else 0
        return max(of_person, self._until(_OF_PLACE, (place,), MOST_PLACE, now_ms))

    def _until(self, query: str, values: tuple[str, ...], most: int, now_ms: int) -> int:
        """Return for how long there are too many: until the newest `most` no longer lie within the time."""
        found = self._file.rows(query, *values, most - 1)
        return int(found[0][0]) + WITHIN_MS - now_ms if found else 0
