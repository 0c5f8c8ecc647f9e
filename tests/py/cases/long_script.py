count = globals().get("count", 0) + 1  # one of many lines that make a script of several megabytes
if count == 30000: print(count, open(__file__).read().count("\n")); raise ValueError("at the very end")
