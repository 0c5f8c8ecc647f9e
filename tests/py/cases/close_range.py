"""What daemons do, and then text in two plots: no package has a descriptor open at the start, whose number a file of
the script could get."""
import os

os.closerange(3, 64)
print([os.open("/etc/passwd", os.O_RDONLY) for _ in range(4)])
os.closerange(3, 64)
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
for i in 1, 2:
    figure = plt.figure()
    figure.text(.5, .5, "hello $x^2$")
    figure.savefig("/tmp/pyhl-close-range.png")
    print(os.path.getsize("/tmp/pyhl-close-range.png"))
