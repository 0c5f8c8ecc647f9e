import io, sys
out = io.TextIOWrapper(io.FileIO(1, "w", closefd=False))
out.write("left in a buffer that only its destructor flushes\n")
print("direct")
