from datetime import datetime
from dateutil import parser, relativedelta, rrule, tz, easter
d = parser.parse("Tue, 5 Mar 2024 17:30:00 +0100"); print(d, repr(d.astimezone(tz.gettz("America/New_York"))))
print(parser.parse("3/4/05", dayfirst=True), parser.isoparse("2024-W10-2"), d.replace(tzinfo=None) + relativedelta.relativedelta(months=+1, day=31))
print(list(map(str, rrule.rrule(rrule.MONTHLY, count=3, byweekday=rrule.FR(-1), dtstart=datetime(2024, 1, 1)))), easter.easter(2025))
print(list(rrule.rrulestr("DTSTART:20240101T000000\nRRULE:FREQ=DAILY;COUNT=2")), relativedelta.relativedelta(datetime(2024, 3, 1), datetime(2023, 1, 15)))
parser.parse("not a date")
