import sys
print(input("name? "), input())
print(sys.stdin.readline(), list(sys.stdin))
try:
    input("more? ")
except EOFError as e:
    print("EOF", e)
