# sympy: exact algebra, calculus, equations, matrices, number theory, and code from expressions.
import sympy as sp

x, y, z = sp.symbols("x y z")
n = sp.symbols("n", integer=True, positive=True)
print(sp.expand((x + y) ** 4), sp.factor(x**6 - 1), sp.apart(1 / (x**2 - 1)), sep="\n")
print(sp.simplify(sp.sin(x) ** 2 + sp.cos(x) ** 2), sp.trigsimp(2 * sp.sin(x) * sp.cos(x)))

print(sp.diff(sp.exp(x) * sp.sin(x), x, 3))
print(sp.integrate(x**2 * sp.exp(-x), x), sp.integrate(sp.exp(-x**2), (x, -sp.oo, sp.oo)))
print(sp.limit((1 + 1 / n) ** n, n, sp.oo), sp.series(sp.tan(x), x, 0, 8))
print(sp.summation(1 / n**2, (n, 1, sp.oo)), sp.summation(n**3, (n, 1, 100)))

print(sp.solve(x**3 - 6 * x**2 + 11 * x - 6, x), sp.solve([x + y - 3, x - y - 1], [x, y]))
print(sp.solveset(sp.sin(x) - sp.Rational(1, 2), x, sp.Interval(0, 2 * sp.pi)))
f = sp.Function("f")
print(sp.dsolve(f(x).diff(x, 2) + f(x), f(x)))
print(sp.nsolve(sp.cos(x) - x, x, 1).round(12))

m = sp.Matrix([[2, 1, 0], [1, 2, 1], [0, 1, 2]])
print(m.det(), m.inv(), m.charpoly(x).as_expr(), sep="\n")
print(sorted(m.eigenvals(), key=sp.N), m.rank(), m.rref()[1])

print(sp.factorint(2**67 - 1), sp.isprime(2**89 - 1), sp.nextprime(10**12), sp.primepi(10000))
print(sp.pi.evalf(60), sp.Rational(355, 113).evalf(20), sp.sqrt(8), sp.binomial(30, 15))
print(sp.groebner([x**2 + y**2 - 1, x - y], x, y, order="lex").exprs)

formula = sp.Integral(sp.sqrt(x) / (x + 1), (x, 0, 1))
print(sp.latex(formula), sp.pretty(formula, use_unicode=True), sep="\n")
print(sp.ccode(sp.Piecewise((x, x > 0), (-x, True))), sp.python(x**2 + 1), sep="\n")
fast = sp.lambdify((x, y), sp.sqrt(x**2 + y**2))
print(fast(3, 4), sp.sympify("2*x + sin(y)**2").subs({x: 1, y: 0}))
print(sp.logic.simplify_logic(sp.sympify("(a & b) | (a & ~b)")), sp.to_dnf(sp.sympify("a & (b | c)")))
try:
    sp.sympify("2 +* x")
except sp.SympifyError as error:
    print("SympifyError:", str(error).splitlines()[0])
