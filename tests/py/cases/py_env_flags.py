import sys
print(sys.flags, sys.dont_write_bytecode, __debug__, sys.path, sys.argv)
assert False, "optimised away"
print(1)
