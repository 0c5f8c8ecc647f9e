# matplotlib: draws plots of several kinds into PNG, SVG and PDF; what is drawn is compared by the hash of its pixels.
import hashlib
import io

import matplotlib

matplotlib.use("Agg")
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

x = np.linspace(0, 10, 200)
figure, axes = plt.subplots(2, 3, figsize=(9, 6), layout="constrained")
axes[0, 0].plot(x, np.sin(x), "r--", label="sin")
axes[0, 0].plot(x, np.cos(x), label=r"$\cos(\frac{x}{1})$")
axes[0, 0].legend(loc="upper right")
axes[0, 1].bar(["a", "b", "c"], [3, 7, 5], color="tab:green")
axes[0, 1].set_title("bars")
axes[0, 2].hist(np.random.default_rng(0).normal(size=500), bins=20)
mesh = axes[1, 0].imshow(np.outer(np.sin(x), np.cos(x)), cmap="viridis")
figure.colorbar(mesh, ax=axes[1, 0])
axes[1, 1].contourf(*np.meshgrid(x[::10], x[::10]), np.add.outer(x[::10], x[::10] ** 2))
axes[1, 2].pie([1, 2, 3], labels=["one", "two", "three"], autopct="%.0f%%")
figure.suptitle("six plots")

figure.canvas.draw()
pixels = np.asarray(figure.canvas.buffer_rgba())
print(pixels.shape, hashlib.sha256(pixels.tobytes()).hexdigest()[:16], f"{pixels.mean():.4f}")
print([text.get_text() for text in axes[0, 0].get_legend().get_texts()])
print([tick.get_text() for tick in axes[0, 0].get_xticklabels()], axes[0, 0].get_ylim())

figure.savefig("six.png", dpi=50)
with Image.open("six.png") as image:
    print(image.format, image.size, image.mode, len(image.getcolors(1 << 20)) > 100)
with plt.rc_context({"svg.hashsalt": "fixed"}):
    svg = io.StringIO()
    figure.savefig(svg, format="svg", metadata={"Date": None})
print(svg.getvalue().count("<path"), "six plots" in svg.getvalue(), svg.getvalue().rstrip()[-6:])
pdf = io.BytesIO()
figure.savefig(pdf, format="pdf", metadata={"CreationDate": None})
print(pdf.getvalue()[:8], pdf.getvalue().rstrip()[-5:])
plt.close(figure)

# Three dimensions, dates and a log scale.
figure = plt.figure(figsize=(6, 3))
solid = figure.add_subplot(121, projection="3d")
a, b = np.meshgrid(x[:20], x[:20])
solid.plot_surface(a, b, np.sin(a) * b)
dates = figure.add_subplot(122)
dates.semilogy(np.datetime64("2024-01-01") + np.arange(60), np.arange(1, 61))
dates.xaxis.set_major_formatter(mdates.DateFormatter("%d %b"))
figure.canvas.draw()
print([tick.get_text() for tick in dates.get_xticklabels()])
print(hashlib.sha256(np.asarray(figure.canvas.buffer_rgba()).tobytes()).hexdigest()[:16], plt.get_fignums())


# The older part of the case: many calls in few lines, and an error that nothing catches where it ends with one.
import matplotlib, os, struct, hashlib
import matplotlib.pyplot as plt
import numpy as np
x = np.linspace(0, 2 * np.pi, 50)
fig, (a, b) = plt.subplots(1, 2, figsize=(6, 3), dpi=80)
a.plot(x, np.sin(x), "r-", label="sin é"); a.legend(); a.set_title(r"$\alpha^2$"); a.grid(True); b.bar(["u", "v"], [3, 5]); b.imshow(np.eye(4), extent=(0, 1, 0, 3))
fig.tight_layout(); fig.savefig("p.png"); fig.savefig("p.svg"); fig.savefig("p.pdf")
data = open("p.png", "rb").read(); print(matplotlib.get_backend(), data[:8], struct.unpack(">II", data[16:24]), os.path.getsize("p.svg") > 10000, open("p.pdf", "rb").read(5))
fig.canvas.draw(); print(hashlib.sha1(np.asarray(fig.canvas.buffer_rgba())).hexdigest(), plt.get_fignums())
plt.figure(); plt.hist([1, 2, 2, 3], bins=3); plt.savefig("h.png"); plt.close("all")
import pandas as pd
ax = pd.DataFrame({"y": [1, 3, 2]}).plot(); print(type(ax).__name__, len(ax.lines)); plt.show()
