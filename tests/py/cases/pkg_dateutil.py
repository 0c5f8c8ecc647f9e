# dateutil: parses dates in many forms, adds months, repeats by rules, and knows time zones from files and strings.
from datetime import datetime, timedelta

from dateutil import easter, parser, rrule, tz
from dateutil.relativedelta import MO, relativedelta

base = datetime(2020, 1, 1)
for text in ("2024-02-29", "29 Feb 2024 13:45", "Feb 29, 2024 1:45 PM", "20240229T134500Z", "13:45", "Thu",
             "2024-02-29 13:45:10.5-03:30", "10h36m28.5s"):
    print(text, "->", parser.parse(text, default=base))
print(parser.parse("it was on May 5, 1999 I think", fuzzy=True), parser.isoparse("2024-060"))
end = datetime(2024, 1, 31)
print([str((end + relativedelta(months=n)).date()) for n in range(1, 5)], end + relativedelta(weekday=MO(-1)))
print(relativedelta(datetime(2024, 3, 1), datetime(1999, 12, 31)))

rules = rrule.rruleset()
rules.rrule(rrule.rrule(rrule.WEEKLY, byweekday=(rrule.MO, rrule.TH), count=8, dtstart=base))
rules.exdate(datetime(2020, 1, 6))
rules.rdate(datetime(2020, 1, 7, 12))
print([f"{day:%a %d}" for day in rules], rules.between(base, datetime(2020, 1, 9), inc=True)[-1])
print(rrule.rrule(rrule.YEARLY, bymonth=11, byweekday=rrule.TH(4), count=2, dtstart=base))

oslo = tz.gettz("Europe/Oslo")
for hour in range(4):
    moment = datetime(2024, 10, 27, 1, tzinfo=tz.UTC) + timedelta(minutes=30 * hour - 60)
    local = moment.astimezone(oslo)
    print(local, local.tzname(), tz.datetime_ambiguous(local), local.fold)
print(tz.datetime_exists(datetime(2024, 3, 31, 2, 30), oslo), tz.resolve_imaginary(datetime(2024, 3, 31, 2, 30, tzinfo=oslo)))
custom = tz.tzstr("EST5EDT,M3.2.0,M11.1.0")
print([datetime(2024, month, 1, tzinfo=custom).utcoffset() for month in (1, 7)], [str(easter.easter(y)) for y in (2024, 2026)])

# The older part of the case: many calls in few lines, and an error that nothing catches where it ends with one.
from datetime import datetime
from dateutil import parser, relativedelta, rrule, tz, easter
d = parser.parse("Tue, 5 Mar 2024 17:30:00 +0100"); print(d, repr(d.astimezone(tz.gettz("America/New_York"))))
print(parser.parse("3/4/05", dayfirst=True), parser.isoparse("2024-W10-2"), d.replace(tzinfo=None) + relativedelta.relativedelta(months=+1, day=31))
print(list(map(str, rrule.rrule(rrule.MONTHLY, count=3, byweekday=rrule.FR(-1), dtstart=datetime(2024, 1, 1)))), easter.easter(2025))
print(list(rrule.rrulestr("DTSTART:20240101T000000\nRRULE:FREQ=DAILY;COUNT=2")), relativedelta.relativedelta(datetime(2024, 3, 1), datetime(2023, 1, 15)))
parser.parse("not a date")
