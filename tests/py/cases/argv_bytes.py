import sys, os
print(ascii(sys.argv), os.fsencode(sys.argv[1]))
