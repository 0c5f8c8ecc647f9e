# SPDX-License-Identifier: Apache-2.0
# /// script
# dependencies = ["lightgbm"]
# ///
import lightgbm
import numpy as np
from sklearn.model_selection import train_test_split

rng = np.random.default_rng(1)
features = rng.normal(size=(400, 5))
target = (features[:, 0] * 2 + features[:, 1] ** 2 > 1).astype(int)
train, test, seen, unseen = train_test_split(features, target, random_state=0)
model = lightgbm.LGBMClassifier(n_estimators=30, random_state=0, n_jobs=1, verbose=-1, deterministic=True)
model.fit(train, seen)
print(round(model.score(test, unseen), 3), model.feature_importances_.tolist())
model.booster_.save_model("/tmp/model.txt")
print(lightgbm.Booster(model_file="/tmp/model.txt").predict(test[:3]).round(6).tolist())
