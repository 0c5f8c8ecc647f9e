# SPDX-License-Identifier: Apache-2.0
# /// script
# dependencies = ["zstandard"]
# ///
import io

import zstandard

data = b"".join(b"line %d of a log\n" % (i % 50) for i in range(20000))
for level in 1, 9, 19:
    packed = zstandard.ZstdCompressor(level=level, threads=0).compress(data)
    print(level, len(packed) < len(data) // 50, zstandard.ZstdDecompressor().decompress(packed) == data)
with zstandard.ZstdCompressor().stream_writer(out := io.BytesIO(), closefd=False) as writer:
    writer.write(data)
print(sum(map(len, zstandard.ZstdDecompressor().read_to_iter(io.BytesIO(out.getvalue())))))
samples = [b"record %d: value %d" % (i, i * i) for i in range(2000)]
print(len(zstandard.train_dictionary(2048, samples).as_bytes()) <= 2048, zstandard.backend)
