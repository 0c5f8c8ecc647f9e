import sys
for i in range(5):
    print("out", i, flush=True)
    print("err", i, file=sys.stderr)
print("no newline", end="")
print("a", "b", sep="-", end="!\n")
sys.stdout.write("w" * 70000 + "\n")
print("é 名 🎉 \N{SNOWMAN}")
print("\udc80")
