import sys
print(sys.flags.hash_randomization, hash(1), hash(1.5), hash(None) is not None, {1, 2, 3})
