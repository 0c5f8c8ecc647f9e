# scipy: optimisation, integration, differential equations, sparse matrices, signals, statistics, geometry.
import numpy as np
from scipy import fft, integrate, interpolate, linalg, ndimage, optimize, signal, sparse, spatial, special, stats
from scipy.sparse.linalg import spsolve

found = optimize.minimize(optimize.rosen, [1.3, 0.7, 0.8], method="BFGS", jac=optimize.rosen_der)
print("minimize", found.success, found.x.round(4))
print("brentq", round(optimize.brentq(lambda x: x**3 - 2, 0, 2), 9))
xs = np.linspace(0, 4, 30)
fit, _ = optimize.curve_fit(lambda x, a, b: a * np.exp(-b * x), xs, 2.5 * np.exp(-1.3 * xs))
print("curve_fit", fit.round(6))
plan = optimize.linprog([-1, -2], A_ub=[[1, 1], [1, 3]], b_ub=[4, 6])
print("linprog", plan.status, plan.x.round(6), round(plan.fun, 6))

print("quad", round(integrate.quad(lambda x: np.exp(-x * x), -np.inf, np.inf)[0] ** 2, 9))
orbit = integrate.solve_ivp(lambda t, y: [y[1], -y[0]], (0, np.pi), [0, 1], rtol=1e-9, atol=1e-9)
print("solve_ivp", orbit.success, np.abs(orbit.y[:, -1] - [0, -1]).max() < 1e-6)

n = 400
laplace = sparse.diags([-1, 2, -1], [-1, 0, 1], shape=(n, n), format="csc")
height = spsolve(laplace, np.ones(n))
print("sparse", laplace.nnz, round(height.max(), 3), np.allclose(laplace @ height, 1))
print("expm", linalg.expm(np.array([[0, 1], [-1, 0]]) * np.pi / 2).round(9) + 0.0)
lu, pivots = linalg.lu_factor(np.array([[0.0, 2.0], [3.0, 4.0]]))
print("lu", linalg.lu_solve((lu, pivots), [2.0, 7.0]))

b, a = signal.butter(4, 0.2)
step = signal.lfilter(b, a, np.ones(60))
print("butter", b.round(6), round(step[-1], 5))
print("peaks", signal.find_peaks(np.sin(np.linspace(0, 20, 400)))[0])
print("dct", fft.dct(np.arange(5.0), norm="ortho").round(6))
spline = interpolate.CubicSpline([0, 1, 2, 3], [0, 1, 8, 27])
print("spline", float(spline(1.5)), float(spline.integrate(0, 3)))

rng = np.random.default_rng(3)
one, two = rng.normal(0, 1, 80), rng.normal(0.5, 1, 80)
print("ttest", *(round(float(v), 6) for v in stats.ttest_ind(one, two)))
print("ks", round(float(stats.kstest(one, "norm").pvalue), 6), "norm", round(stats.norm.ppf(0.975), 6))
print("gamma", round(float(special.gamma(0.5) ** 2), 9), special.comb(40, 20, exact=True))

points = rng.random((60, 2))
tree = spatial.KDTree(points)
print("kdtree", tree.query([0.5, 0.5], k=3)[1], "hull", len(spatial.ConvexHull(points).vertices))
image = np.zeros((12, 12))
image[1:4, 1:4] = image[6:10, 5:11] = 1
labels, count = ndimage.label(image)
print("label", count, ndimage.sum(image, labels, range(1, count + 1)))
