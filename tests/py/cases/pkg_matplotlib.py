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
