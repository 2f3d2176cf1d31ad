#!/usr/bin/env python3
"""Writes handoffs.json: tables of handoffs that Callout's own calculation is held against.

Independent of it: Python's zoneinfo, with the time zone database of the system or of the PyPI package
`tzdata`. A wall-clock time that a clock change skips is taken with the offset before the change (PEP
495, fold=0), which moves it past the gap; one that it repeats is the first of the two.

    python3 services/alerting/tests/handoffs.py > services/alerting/tests/handoffs.json
"""

import calendar
import json
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

# Zone, and the first handoff: each is some days before a change of the clocks.
PLACES = [
    ("America/Chicago", "2026-03-01T09:00:00"),
    ("America/Chicago", "2026-10-25T01:30:00"),
    ("Europe/Berlin", "2026-03-23T02:30:00"),
    ("Europe/Berlin", "2026-10-19T09:00:00"),
    ("Australia/Lord_Howe", "2026-03-30T01:45:00"),
    ("Australia/Lord_Howe", "2026-09-28T02:15:00"),
    ("Asia/Kathmandu", "2026-01-31T00:00:00"),
    ("Asia/Kathmandu", "1985-12-28T00:10:00"),
    ("America/Sao_Paulo", "2018-10-31T00:00:00"),
    ("Pacific/Apia", "2011-12-26T12:00:00"),
]
SHIFTS = ["hourly", "daily", "weekly", "monthly", "10 hours"]
COUNT = 24


def local(start, shift, turn):
    """The wall-clock time of a turn's handoff, for shifts that follow the calendar."""
    if shift == "daily":
        return start + timedelta(days=turn)
    if shift == "weekly":
        return start + timedelta(weeks=turn)
    months = start.year * 12 + start.month - 1 + turn
    year, month = divmod(months, 12)
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return start.replace(year=year, month=month + 1, day=day)


def handoff(zone, start, shift, turn):
    first = start.replace(tzinfo=zone).astimezone(timezone.utc)
    if shift == "hourly":
        return first + timedelta(hours=turn)
    if shift == "10 hours":
        return first + timedelta(hours=10 * turn)
    return local(start, shift, turn).replace(tzinfo=zone).astimezone(timezone.utc)


def main():
    tables = []
    for name, text in PLACES:
        zone, start = ZoneInfo(name), datetime.fromisoformat(text)
        for shift in SHIFTS:
            # From the first handoff on, far behind it, and before it.
            turns = [*range(COUNT), 100, 1000, *range(-COUNT, 0)]
            rows = [[turn, handoff(zone, start, shift, turn).strftime("%Y-%m-%dT%H:%M:%SZ")] for turn in turns]
            tables.append({"zone": name, "start": text, "shift": shift, "handoffs": rows})
    print("[")
    print(",\n".join(json.dumps(table) for table in tables))
    print("]")


if __name__ == "__main__":
    main()
