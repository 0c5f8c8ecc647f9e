import sys, os
print("written")
sys.stdout.close()
sys.stderr.write("still here\n")
