import argparse
p = argparse.ArgumentParser(description="d")
p.add_argument("--size", type=int, default=3)
p.add_argument("files", nargs="*")
print(p.parse_args(["--size", "4", "a"]), p.prog)
p.parse_args(["--bad"])
