# numpy: array arithmetic, linear algebra through BLAS and LAPACK, FFT, random streams, structured arrays, files.
import io

import numpy as np

rng = np.random.default_rng(7)
a = rng.normal(size=(120, 120))
b = rng.normal(size=120)
x = np.linalg.solve(a, b)
print("solve", np.allclose(a @ x, b), x.shape)

u, s, vt = np.linalg.svd(a)
print("svd", np.allclose(u * s @ vt, a), f"{s[0]:.6f} {s[-1]:.6f}")
spd = a @ a.T + np.eye(120)
lower = np.linalg.cholesky(spd)
print("cholesky", np.allclose(lower @ lower.T, spd), f"{np.linalg.slogdet(spd)[1]:.6f}")
w = np.linalg.eigvalsh(spd)
print("eigvalsh", np.all(np.diff(w) >= 0), f"{w.sum() - np.trace(spd):.3f}")

# A matrix product that is large enough for several threads of the BLAS.
big = np.arange(300 * 300, dtype=float).reshape(300, 300) % 17
print("matmul", int((big @ big).sum()), int(np.einsum("ij,jk->", big, big)))

t = np.arange(512) / 512
wave = np.sin(2 * np.pi * 40 * t) + 0.5 * np.cos(2 * np.pi * 90 * t)
spectrum = np.abs(np.fft.rfft(wave))
print("fft", np.sort(np.argsort(spectrum)[-2:]), np.allclose(np.fft.irfft(np.fft.rfft(wave)), wave))

print("ints", rng.integers(0, 1000, 8), rng.permutation(6))
print("mean", f"{a.mean():.9f} {a.std(ddof=1):.9f} {np.percentile(a, 90):.9f}")

grid = np.add.outer(np.arange(4), 10 * np.arange(3))
print(grid, grid[grid % 2 == 0], grid.T.strides, grid[::-1, ::2], sep="\n")

people = np.array([("Ann", 31, 1.7), ("Bo", 25, 1.82)], dtype=[("name", "U8"), ("age", "i4"), ("size", "f4")])
print(np.sort(people, order="age")["name"], people.dtype)

with np.errstate(divide="raise"):
    try:
        np.array([1.0]) / 0
    except FloatingPointError as error:
        print("FloatingPointError:", error)
try:
    np.zeros((2, 3)) @ np.zeros((2, 3))
except ValueError as error:
    print("ValueError:", error)

file = io.BytesIO()
np.savez_compressed(file, grid=grid, people=people)
file.seek(0)
with np.load(file) as back:
    print(sorted(back.files), np.array_equal(back["grid"], grid), back["people"]["age"])
np.save("grid.npy", grid)
mapped = np.load("grid.npy", mmap_mode="r+")
mapped[0, 0] = 99
mapped.flush()
print(np.load("grid.npy")[0], np.datetime64("2024-02-28") + np.arange(3))


# The older part of the case: many calls in few lines, and an error that nothing catches where it ends with one.
import numpy as np
A = np.array([[4.0, -2, 1], [-2, 4, -2], [1, -2, 4]])
b = np.array([11.0, -16, 17])
x = np.linalg.solve(A, b)
print(x.round(12), np.allclose(A @ x, b), round(np.linalg.det(A), 10))
w, v = np.linalg.eigh(A)
print(w.round(10), np.allclose(v @ np.diag(w) @ v.T, A), np.linalg.norm(A, 2).round(10))
q, r = np.linalg.qr(A); u, s, vt = np.linalg.svd(A)
print(np.allclose(q @ r, A), np.allclose(u * s @ vt, A), np.linalg.inv(A).sum().round(12))
t = np.arange(1024) / 1024
signal = 3 * np.sin(2 * np.pi * 50 * t) + 0.5 * np.cos(2 * np.pi * 120 * t)
spectrum = np.abs(np.fft.rfft(signal)) / 512
print(np.flatnonzero(spectrum > 0.1), spectrum[[50, 120]].round(10), np.allclose(np.fft.irfft(np.fft.rfft(signal)), signal))
print(np.fft.fft([1, 2, 3, 4]), np.convolve([1, 2], [0, 1, .5]), np.polyfit([0, 1, 2], [1, 3, 7], 2).round(10))
big = np.random.RandomState(7).standard_normal((300, 300))
print((big @ np.linalg.inv(big) - np.eye(300)).__abs__().max() < 1e-8, big.sum().round(8))
print(np.random.default_rng(1).integers(0, 100, 5), np.random.RandomState(3).permutation(6))
print(np.arange(24).reshape(2, 3, 4)[:, 1, ::2], np.unique([3, 1, 3]), np.datetime64("2024-02-28") + 2)
r = np.rec.array([(1, 2.5, "a")], dtype=[("i", int), ("f", float), ("s", "U1")])
print(r.f, r, np.array(["x", "yy"]).dtype, np.int8(127) + np.int8(1))
np.save("a.npy", A); print((np.load("a.npy") == A).all(), np.array([1]) / 0)
