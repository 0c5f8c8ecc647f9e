import calendar, datetime as dt, time, zoneinfo
z = zoneinfo.ZoneInfo("Europe/Berlin"); d = dt.datetime(2024, 3, 31, 3, 30, tzinfo=z)
print(d, d.utcoffset(), d - dt.timedelta(hours=2), d.astimezone(zoneinfo.ZoneInfo("Asia/Kolkata")), len(zoneinfo.available_timezones()) > 400)
print(dt.date(2024, 2, 29).isocalendar(), dt.datetime.strptime("05/Mar/2024 17:00", "%d/%b/%Y %H:%M"), dt.datetime.fromisoformat("2024-01-02T03:04:05+02:00"), calendar.month(2024, 2))
print(time.gmtime(0), time.strftime("%a %d %b %Y", time.gmtime(86400)), time.tzname)
a = time.monotonic(); time.sleep(0.02); b = time.monotonic(); print(b - a >= 0.02, time.time() > 1.6e9, time.process_time() >= 0, time.perf_counter_ns() > 0)
