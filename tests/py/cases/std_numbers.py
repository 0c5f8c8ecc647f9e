import cmath, decimal, fractions, math, random, statistics, struct
from decimal import Decimal as D
with decimal.localcontext() as c:
    c.prec = 50; print(D(2).sqrt(), D(1) / D(7), D("1.10") + D("2.205"), D(10) ** 40)
print(D("2.675").quantize(D("0.01")), fractions.Fraction("0.125") + fractions.Fraction(1, 3), math.comb(50, 20), math.isqrt(10**30), cmath.exp(1j * math.pi))
random.seed(42); print(random.random(), random.sample(range(100), 5), random.gauss(0, 1), statistics.stdev([1, 2, 4]), 2**200, 0.1 + 0.2)
print(struct.pack("<IhQ3s", 1, -2, 3, b"abc"), float("nan"), math.fsum([.1] * 10), (1e308 * 10), round(2.5), -7 // 2, divmod(-7, 3), hash(1.5), int("9" * 50) % 97, f"{1234567.891:,.2f}|{255:#x}|{'é':>5}")
int("9" * 5000)
