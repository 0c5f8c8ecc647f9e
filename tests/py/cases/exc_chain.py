class Oops(Exception):
    pass

def inner(n):
    return {"a": 1}["b"] + n

def outer():
    try:
        inner(3)
    except KeyError as e:
        raise Oops("outer failed") from e

try:
    outer()
except Oops:
    raise ValueError("during handling")
