async def c():
    print("never")
x = c()
print("end")
