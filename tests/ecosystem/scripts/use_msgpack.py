# SPDX-License-Identifier: Apache-2.0
# /// script
# dependencies = ["msgpack"]
# ///
import datetime
import io

import msgpack

value = {"a": [1, -2, 3.5, None, True], "b": b"\x00\xff", "c": {"d": "é" * 40}, "n": 2 ** 63}
packed = msgpack.packb(value)
print(len(packed), packed[:20], msgpack.unpackb(packed) == value)
when = datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc)
print(msgpack.unpackb(msgpack.packb(when, datetime=True), timestamp=3), msgpack.Packer.__module__)
stream = io.BytesIO(b"".join(msgpack.packb(i) for i in range(100000, 100005)))
print(list(msgpack.Unpacker(stream)), msgpack.ExtType(5, b"x"))
