def g():
    try:
        yield 1
    finally:
        print("generator closed")
x = g()
print(next(x))
y = g()
