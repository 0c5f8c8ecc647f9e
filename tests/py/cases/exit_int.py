import sys
print("a"); sys.exit(7)
