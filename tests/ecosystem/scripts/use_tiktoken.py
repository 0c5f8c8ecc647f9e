# SPDX-License-Identifier: Apache-2.0
# /// script
# dependencies = ["tiktoken"]
# ///
import tiktoken

ranks = {bytes([i]): i for i in range(256)} | {b"he": 256, b"ll": 257, b"hell": 258, b" w": 259, b"or": 260}
encoding = tiktoken.Encoding("toy", pat_str=r"\s?\w+|\S", mergeable_ranks=ranks, special_tokens={"<end>": 261})
tokens = encoding.encode("hello world<end>", allowed_special={"<end>"})
print(tokens, encoding.decode(tokens), encoding.n_vocab)
print([len(part) for part in encoding.encode_batch(["hello " * 50, "w" * 100])])
