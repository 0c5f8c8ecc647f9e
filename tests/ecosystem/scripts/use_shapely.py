# SPDX-License-Identifier: Apache-2.0
# /// script
# dependencies = ["shapely"]
# ///
import numpy as np
import shapely
from shapely import affinity, wkt
from shapely.geometry import LineString, Point, Polygon
from shapely.ops import unary_union

square = Polygon([(0, 0), (2, 0), (2, 2), (0, 2)])
disc = Point(2, 2).buffer(1)
print(square.intersection(disc).area, square.union(disc).bounds, square.contains(Point(1, 1)))
print(unary_union([affinity.translate(square, i, i) for i in range(3)]).wkt)
print(wkt.loads("LINESTRING (0 0, 4 4)").crosses(square), LineString([(0, 0), (3, 4)]).length)
print(shapely.distance(shapely.points(np.arange(3), np.zeros(3)), Point(0, 4)), shapely.geos_version >= (3, 9, 0))
