# SPDX-License-Identifier: Apache-2.0
# /// script
# dependencies = ["scikit-image"]
# ///
import numpy as np
from skimage import color, draw, feature, filters, measure, morphology, segmentation, transform

image = np.zeros((64, 64))
image[draw.disk((20, 20), 10)] = 1
image[draw.polygon([35, 55, 55], [35, 35, 60])] = 0.6
labels = measure.label(image > filters.threshold_otsu(filters.gaussian(image, 0.5)) / 2)
for region in measure.regionprops(labels):
    print(region.label, int(region.area), [round(value, 2) for value in region.centroid])
print(feature.canny(image, sigma=1).sum(), morphology.skeletonize(image > 0).sum())
print(transform.resize(image, (8, 8)).round(2).sum().round(2), color.gray2rgb(image).shape)
print(np.unique(segmentation.slic(color.gray2rgb(image), n_segments=8, start_label=1)).size > 1)
