# SPDX-License-Identifier: Apache-2.0
# /// script
# dependencies = ["pendulum"]
# ///
import pendulum

start = pendulum.datetime(2024, 2, 28, 23, tz="Europe/Paris")
print(start.add(days=2), start.in_timezone("Asia/Tokyo"), start.add(months=1).diff(start).in_days())
print(pendulum.parse("2024-W10-2"), pendulum.duration(days=9, hours=30).in_words(locale="de"))
print(start.format("dddd D MMMM YYYY", locale="fr"), pendulum.interval(start, start.add(years=1, weeks=3)))
print([day.to_date_string() for day in pendulum.interval(start, start.add(days=3)).range("days")])
