# seaborn: statistical plots over data frames; their parts and pixels are compared.
import hashlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

rng = np.random.default_rng(9)
n = 120
frame = pd.DataFrame({
    "height": rng.normal(170, 10, n).round(1),
    "kind": np.resize(["oak", "elm", "fir"], n),
    "year": np.repeat(np.arange(2000, 2012), 10),
})
frame["weight"] = (frame.height * 0.5 + rng.normal(0, 4, n)).round(2)
sns.set_theme(style="whitegrid", palette="deep")


def picture(figure):
    figure.set_dpi(60)
    figure.canvas.draw()
    return hashlib.sha256(np.asarray(figure.canvas.buffer_rgba()).tobytes()).hexdigest()[:16]


figure, axes = plt.subplots(2, 2, figsize=(8, 6))
sns.scatterplot(frame, x="height", y="weight", hue="kind", ax=axes[0, 0])
sns.boxplot(frame, x="kind", y="weight", ax=axes[0, 1])
sns.histplot(frame, x="height", hue="kind", kde=True, ax=axes[1, 0])
sns.lineplot(frame, x="year", y="weight", errorbar="sd", ax=axes[1, 1])
print([text.get_text() for text in axes[0, 0].get_legend().get_texts()])
print([tick.get_text() for tick in axes[0, 1].get_xticklabels()], len(axes[1, 0].patches))
line = axes[1, 1].lines[0]
print(line.get_xdata().tolist()[:3], np.round(line.get_ydata().astype(float)[:3], 4).tolist())
print(picture(figure))
plt.close(figure)

table = frame.pivot_table(index="year", columns="kind", values="weight", aggfunc="mean")
heat = sns.heatmap(table, annot=True, fmt=".1f", cmap="mako")
print([text.get_text() for text in heat.texts][:6], picture(heat.figure))
plt.close("all")

# A regression with a bootstrapped band, and a grid of facets.
joint = sns.lmplot(frame, x="height", y="weight", col="kind", seed=0, n_boot=50, height=2)
print(joint.axes.shape, [axis.get_title() for axis in joint.axes.flat], picture(joint.figure))
plt.close("all")
violin = sns.catplot(frame, x="kind", y="height", kind="violin", height=3)
print(violin.axis_labels if hasattr(violin, "axis_labels") else violin.ax.get_ylabel(), picture(violin.figure))
print([tuple(round(c, 3) for c in colour) for colour in sns.color_palette("husl", 3)])
try:
    sns.scatterplot(frame, x="size", y="weight")
except ValueError as error:
    print("ValueError:", error)
