import gc
import sys

sys.stdin = sys.__stdin__ = None
gc.collect()
sys.stderr = sys.__stderr__ = None
gc.collect()
print("gone", sys.stdin, sys.stderr)
sys.stdout.flush()
