# SPDX-License-Identifier: Apache-2.0
# /// script
# dependencies = ["psycopg[binary]"]
# ///
import datetime
from decimal import Decimal

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

print(psycopg.pq.__impl__, psycopg.pq.version() > 100000)
names = [sql.Identifier(name) for name in ("a b", "t", "id")]
query = sql.SQL("select {} from {} where {} = %s").format(*names)
print(query.as_string(None))
for value in 3, "it's", Decimal("1.50"), datetime.date(2024, 2, 29), [1, 2], Jsonb({"x": 1}):
    print(sql.Literal(value).as_string(None))
try:
    psycopg.connect("host=/tmp user=nobody connect_timeout=2")
except psycopg.OperationalError as error:
    print(type(error).__name__, "/tmp/.s.PGSQL.5432" in str(error))
